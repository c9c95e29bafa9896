//! OffsetCommit 2-10: a group, or someone outside of all groups, keeps offsets. Versions 2-4 bring a retention time, 6 the leader
//! epoch, 7 knows static members, 9 answers GROUP_ID_NOT_FOUND, 10 names topics by id (KIP-848).

use super::Call;
use crate::base::ids::{PartId, PlanNo};
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::group::commit::NewOffset;
use crate::state::topics::Topics;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestTopic, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

/// Answers when the offsets are stored. Partitions that are not there have their own error, whatever is said of the others.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: OffsetCommitRequest) {
    let by_id = call.api_version >= 10;
    let mut after = PlanNo::COMMITTED;
    let mut offsets = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    // Which entries of the answer the offsets belong to.
    let mut places = Vec::new();
    for topic in &request.topics {
        let Some(resolved) = resolve(&state.topics, topic, by_id, &mut after) else { continue };
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (asked, part) in topic.partitions.iter().zip(resolved) {
            if let Ok(part) = part {
                places.push((topics.len(), partitions.len()));
                offsets.push(NewOffset {
                    part,
                    offset: asked.committed_offset,
                    leader_epoch: asked.committed_leader_epoch,
                    metadata: asked.committed_metadata.clone().unwrap_or_default(),
                });
            }
            let error_code = part.err().unwrap_or(ErrorCode::NONE);
            partitions.push(OffsetCommitResponsePartition { partition_index: asked.partition_index, error_code });
        }
        topics.push(OffsetCommitResponseTopic { name: topic.name.clone(), topic_id: topic.topic_id, partitions });
    }
    // As in Kafka, the group is not even looked at when there is nothing to commit.
    if !offsets.is_empty() {
        let (groups, mut turn) = state.group_turn(fx, now);
        let decided = groups.commit(&mut turn, &call.group_caller(), &request, &offsets);
        let errors = decided.unwrap_or_else(|error| vec![error; offsets.len()]);
        if errors.contains(&ErrorCode::NONE) {
            after = fx.plan();
        }
        for ((topic, partition), error_code) in places.into_iter().zip(errors) {
            topics[topic].partitions[partition].error_code = error_code;
        }
    }
    fx.reply_after(call.to, after, Response::OffsetCommit(OffsetCommitResponse { topics, ..OffsetCommitResponse::default() }));
}

/// The partitions of a topic, in order; none when it is there and nothing is asked of it: Kafka leaves it out of the answer.
/// `after` rises to the plan that the absence of one rests on.
fn resolve(topics: &Topics, asked: &OffsetCommitRequestTopic, by_id: bool, after: &mut PlanNo) -> Option<Vec<Result<PartId, ErrorCode>>> {
    let topic = if by_id { topics.by_id(asked.topic_id) } else { topics.by_name(&asked.name) };
    let Some(topic) = topic else {
        let (missing_in, error) = if by_id {
            (topics.missing_id(asked.topic_id), ErrorCode::UNKNOWN_TOPIC_ID)
        } else {
            (topics.missing_name(&asked.name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        };
        *after = (*after).max(missing_in);
        return Some(vec![Err(error); asked.partitions.len()]);
    };
    let resolve_one = |index: i32| topic.partition(index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let resolved = asked.partitions.iter().map(|partition| resolve_one(partition.partition_index)).collect();
    (!asked.partitions.is_empty()).then_some(resolved)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, answer, call, wanted};
    use super::*;
    use crate::base::ids::Uuid;
    use crate::base::text::Text;
    use crate::store::plan::Op;
    use crate::wire::message::offset_commit::OffsetCommitRequestPartition;

    fn topic(name: &str, topic_id: Uuid, indices: &[i32]) -> OffsetCommitRequestTopic {
        let partition = |index: &i32| OffsetCommitRequestPartition {
            partition_index: *index,
            committed_offset: 5,
            committed_leader_epoch: 2,
            committed_metadata: None,
        };
        OffsetCommitRequestTopic { name: Text::from(name), topic_id, partitions: indices.iter().map(partition).collect() }
    }

    fn commit(world: &mut World, version: i16, topics: Vec<OffsetCommitRequestTopic>, generation: i32) {
        let request = OffsetCommitRequest {
            group_id: Text::from("g"),
            generation_id_or_member_epoch: generation,
            topics,
            ..OffsetCommitRequest::default()
        };
        handle(&mut world.state, &mut world.fx, world.now, call(version), request);
    }

    fn errors(response: OffsetCommitResponse) -> Vec<Vec<ErrorCode>> {
        let of_topic = |topic: OffsetCommitResponseTopic| topic.partitions.iter().map(|partition| partition.error_code).collect();
        response.topics.into_iter().map(of_topic).collect()
    }

    #[test]
    fn the_answer_waits_for_the_commit_and_null_metadata_is_stored_as_empty() {
        let mut world = World::new();
        world.create(&[wanted("t", 2, &[])]);
        commit(&mut world, 9, vec![topic("t", Uuid::ZERO, &[1, 0])], -1);
        assert!(world.answered().is_none());
        let ops = world.commit();
        assert!(matches!(&ops[..], [Op::PutOffset(first), Op::PutOffset(_)] if first.metadata.is_empty() && first.leader_epoch == 2));
        let response = answer!(world, OffsetCommit);
        assert_eq!(response.topics[0].partitions[0].partition_index, 1);
        assert_eq!(errors(response), [[ErrorCode::NONE, ErrorCode::NONE]]);
    }

    #[test]
    fn what_is_not_there_fails_alone() {
        use ErrorCode as E;
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        let id = world.state.topics.by_name("t").unwrap().id;
        let unknown = Uuid([7; 16]);
        let asked = || vec![topic("no", unknown, &[0]), topic("t", id, &[0, 1, -1])];
        commit(&mut world, 9, asked(), -1);
        let missing = E::UNKNOWN_TOPIC_OR_PARTITION;
        assert_eq!(errors(answer!(world, OffsetCommit)), [vec![missing], vec![E::NONE, missing, missing]]);
        commit(&mut world, 10, asked(), -1);
        let response = answer!(world, OffsetCommit);
        assert_eq!((response.topics[0].topic_id, response.topics[1].topic_id), (unknown, id));
        assert_eq!(errors(response), [vec![E::UNKNOWN_TOPIC_ID], vec![E::NONE, missing, missing]]);
        // An error of the group does not hide the other.
        commit(&mut world, 9, asked(), 3);
        assert_eq!(errors(answer!(world, OffsetCommit)), [vec![missing], vec![E::UNKNOWN_MEMBER_ID, missing, missing]]);
    }

    #[test]
    fn a_topic_without_partitions_is_named_when_it_is_not_there() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        let id = world.state.topics.by_name("t").unwrap().id;
        for version in [9, 10] {
            commit(&mut world, version, vec![topic("t", id, &[]), topic("no", Uuid([7; 16]), &[])], -1);
            let told: Vec<Uuid> = answer!(world, OffsetCommit).topics.iter().map(|topic| topic.topic_id).collect();
            assert_eq!(told, [Uuid([7; 16])]);
        }
    }

    #[test]
    fn with_nothing_to_commit_the_group_is_not_looked_at() {
        let mut world = World::new();
        commit(&mut world, 9, vec![topic("no", Uuid::ZERO, &[0])], 3);
        assert_eq!(errors(answer!(world, OffsetCommit)), [[ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]]);
        assert!(world.state.groups.is_empty());
    }

    #[test]
    fn that_a_topic_is_gone_is_said_when_it_is() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        crate::state::topics::change::delete(&mut world.state, &mut world.fx, world.now, "t");
        commit(&mut world, 9, vec![topic("t", Uuid::ZERO, &[0])], -1);
        assert!(world.answered().is_none());
        assert_eq!(errors(answer!(world, OffsetCommit)), [[ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]]);
    }
}
