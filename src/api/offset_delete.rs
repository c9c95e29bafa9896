//! OffsetDelete: deletes committed offsets of a group for partitions that none of its members reads (KIP-496).
//! Versions: there is one.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

/// Answers once the offsets are gone from the disk. Partitions that are not there have their own error.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: OffsetDeleteRequest) {
    let mut after = PlanNo::COMMITTED;
    let mut topics = Vec::with_capacity(request.topics.len());
    let (mut parts, mut places) = (Vec::new(), Vec::new());
    for asked in request.topics {
        let topic = state.topics.by_name(&asked.name);
        if topic.is_some() && asked.partitions.is_empty() {
            continue; // as in Kafka, which names topics without partitions only when they are not there
        }
        after = after.max(topic.map_or_else(|| state.topics.missing_name(&asked.name), |_| PlanNo::COMMITTED));
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        for partition in asked.partitions {
            let part = topic.and_then(|topic| topic.partition(partition.partition_index));
            if let Some(part) = part {
                parts.push(part);
                places.push((topics.len(), partitions.len()));
            }
            let error_code = if part.is_some() { ErrorCode::NONE } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
            partitions.push(OffsetDeleteResponsePartition { partition_index: partition.partition_index, error_code });
        }
        topics.push(OffsetDeleteResponseTopic { name: asked.name, partitions });
    }
    let mut response = OffsetDeleteResponse { topics, ..OffsetDeleteResponse::default() };
    // As in Kafka, the group is looked at though there may be nothing to delete.
    let (groups, mut turn) = state.group_turn(fx, now);
    match groups.delete_offsets(&mut turn, &request.group_id, &parts) {
        Ok((errors, plan)) => {
            after = after.max(plan);
            for ((topic, partition), error_code) in places.into_iter().zip(errors) {
                response.topics[topic].partitions[partition].error_code = error_code;
            }
        }
        Err((error_code, plan)) => {
            after = after.max(plan);
            response = OffsetDeleteResponse { error_code, ..OffsetDeleteResponse::default() };
        }
    }
    fx.reply_after(call.to, after, Response::OffsetDelete(response));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::wire::message::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};

    fn ask(world: &mut World, group: &str, topics: &[(&str, &[i32])]) -> (i16, Vec<(String, i32, i16)>) {
        let partition = |index: &i32| OffsetDeleteRequestPartition { partition_index: *index };
        let topic = |(name, indices): &(&str, &[i32])| OffsetDeleteRequestTopic {
            name: (*name).into(),
            partitions: indices.iter().map(partition).collect(),
        };
        let request = OffsetDeleteRequest { group_id: group.into(), topics: topics.iter().map(topic).collect() };
        handle(&mut world.state, &mut world.fx, world.now, call(0), request);
        let response = answer!(world, OffsetDelete);
        let of_topic = |topic: &OffsetDeleteResponseTopic| {
            let of = |one: &OffsetDeleteResponsePartition| (topic.name.to_string(), one.partition_index, one.error_code.0);
            topic.partitions.iter().map(of).collect::<Vec<_>>()
        };
        (response.error_code.0, response.topics.iter().flat_map(of_topic).collect())
    }

    fn topics_told(world: &mut World, names: &[&str]) -> Vec<String> {
        let topic = |name: &&str| OffsetDeleteRequestTopic { name: (*name).into(), partitions: vec![] };
        let request = OffsetDeleteRequest { group_id: "g".into(), topics: names.iter().map(topic).collect() };
        handle(&mut world.state, &mut world.fx, world.now, call(0), request);
        answer!(world, OffsetDelete).topics.iter().map(|topic| topic.name.to_string()).collect()
    }

    #[test]
    fn offsets_go_partition_by_partition() {
        let mut world = World::new();
        world.create(&[wanted("t", 2, &[])]);
        world.commit_offset("g", "t", 5);
        assert_eq!(topics_told(&mut world, &["t", "none"]), ["none"], "without partitions");
        assert_eq!(ask(&mut world, "g", &[("none", &[0])]).0, 0);
        let told = ask(&mut world, "g", &[("none", &[0]), ("t", &[0, 1, 2])]);
        let expected = [("none", 0, 3), ("t", 0, 0), ("t", 1, 0), ("t", 2, 3)].map(|(name, index, code)| (name.to_owned(), index, code));
        assert_eq!(told, (0, expected.to_vec()));
        assert_eq!(ask(&mut world, "g", &[("t", &[0])]), (69, vec![]), "a group that only committed goes with its last offset");
    }

    #[test]
    fn the_group_is_looked_at_first() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        for topics in [&[][..], &[("none", &[0][..])], &[("t", &[7])], &[("t", &[0])]] {
            assert_eq!(ask(&mut world, "g", topics), (69, vec![]));
            assert_eq!(ask(&mut world, "", topics), (24, vec![]));
        }
    }
}
