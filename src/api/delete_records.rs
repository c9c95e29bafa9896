//! DeleteRecords: raises the first offset of partitions; what lies before it goes. Kafka Streams does so every 30 s.
//! Versions: 0 to 2 differ on the wire only.

use super::Call;
use super::named::named;
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::topics::is_internal;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use std::collections::HashMap;

/// Answers once it is on disk that the records are gone.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: DeleteRecordsRequest) {
    let mut after = PlanNo::COMMITTED;
    let mut topics: Vec<DeleteRecordsTopicResult> = Vec::with_capacity(request.topics.len());
    let mut places: HashMap<Text, usize> = HashMap::new();
    // Of a partition that is named more than once Kafka hears what is said last, and nothing of a topic without partitions.
    let last = named(entries(&request).map(|(name, asked)| (name, asked.partition_index)));
    for ((name, asked), _) in entries(&request).zip(last).filter(|(_, named)| named.is_last) {
        let (low_watermark, error_code, plan) = match delete(state, fx, now, name, asked) {
            Ok((low_watermark, plan)) => (low_watermark, ErrorCode::NONE, plan),
            Err((error_code, plan)) => (-1, error_code, plan),
        };
        after = after.max(plan);
        let place = *places.entry(name.clone()).or_insert_with(|| {
            topics.push(DeleteRecordsTopicResult { name: name.clone(), ..DeleteRecordsTopicResult::default() });
            topics.len() - 1
        });
        let partition_index = asked.partition_index;
        topics[place].partitions.push(DeleteRecordsPartitionResult { partition_index, low_watermark, error_code });
    }
    fx.reply_after(call.to, after, Response::DeleteRecords(DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() }));
}

fn entries(request: &DeleteRecordsRequest) -> impl Iterator<Item = (&Text, &DeleteRecordsPartition)> {
    request.topics.iter().flat_map(|topic| topic.partitions.iter().map(|asked| (&topic.name, asked)))
}

/// The first offset that is left of a partition and the plan that this rests on, or the error and its plan.
fn delete(
    state: &mut State,
    fx: &mut Effects,
    now: Now,
    name: &str,
    asked: &DeleteRecordsPartition,
) -> Result<(i64, PlanNo), (ErrorCode, PlanNo)> {
    let State { topics, log, timers, .. } = state;
    let Some(topic) = topics.by_name(name) else {
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, topics.missing_name(name)));
    };
    let refused = |error_code| (error_code, topic.changed_in);
    if is_internal(name) {
        return Err(refused(ErrorCode::INVALID_TOPIC_EXCEPTION));
    }
    let part = topic.partition(asked.partition_index).ok_or(refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
    log.delete_records(part, asked.offset, &topic.log_config, fx, timers, now).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::wire::message::delete_records::DeleteRecordsTopic;

    fn ask(world: &mut World, topic: &str, partitions: &[(i32, i64)]) -> Vec<(i64, i16)> {
        let partition =
            |(partition_index, offset): &(i32, i64)| DeleteRecordsPartition { partition_index: *partition_index, offset: *offset };
        let topics = vec![DeleteRecordsTopic { name: topic.into(), partitions: partitions.iter().map(partition).collect() }];
        let request = DeleteRecordsRequest { topics, ..DeleteRecordsRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(2), request);
        let told = |one: &DeleteRecordsPartitionResult| (one.low_watermark, one.error_code.0);
        answer!(world, DeleteRecords).topics[0].partitions.iter().map(told).collect()
    }

    #[test]
    fn the_first_offset_rises_and_never_falls() {
        let mut world = World::new();
        world.create(&[wanted("t", 2, &[]), wanted("c", 1, &[("cleanup.policy", "compact")]), wanted("__consumer_offsets", 1, &[])]);
        world.fill("t", 0, 5);
        assert_eq!(ask(&mut world, "t", &[(0, 3), (1, -1), (2, 0)]), [(3, 0), (0, 0), (-1, 3)]);
        for (offset, told) in [(1, (3, 0)), (6, (-1, 1)), (-2, (-1, 1))] {
            assert_eq!(ask(&mut world, "t", &[(0, offset)]), [told], "{offset}");
        }
        let part = world.state.topics.by_name("t").unwrap().partitions[0];
        assert_eq!(world.state.log.partition(part).unwrap().log_start(), 3);
        assert_eq!(ask(&mut world, "t", &[(0, -1)]), [(5, 0)]);
        assert_eq!(ask(&mut world, "nope", &[(0, 0)]), [(-1, 3)]);
        assert_eq!(ask(&mut world, "c", &[(0, 0)]), [(-1, 44)]);
        assert_eq!(ask(&mut world, "__consumer_offsets", &[(0, 0)]), [(-1, 17)]);
    }

    #[test]
    fn a_full_disk_is_made_less_full() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        world.fill("t", 0, 5);
        world.state.read_only = true;
        assert_eq!(ask(&mut world, "t", &[(0, 5)]), [(5, 0)]);
    }

    #[test]
    fn of_a_partition_that_is_named_twice_the_last_counts() {
        let mut world = World::new();
        world.create(&[wanted("t", 2, &[])]);
        world.fill("t", 0, 5);
        let partition = |&(partition_index, offset): &(i32, i64)| DeleteRecordsPartition { partition_index, offset };
        let topic = |(name, asked): (&str, &[(i32, i64)])| DeleteRecordsTopic {
            name: name.into(),
            partitions: asked.iter().map(partition).collect(),
        };
        let topics = [("t", &[(0, 4), (1, 0)][..]), ("nope", &[(0, 0)]), ("empty", &[]), ("t", &[(0, 2)])].map(topic).to_vec();
        let request = DeleteRecordsRequest { topics, ..DeleteRecordsRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(2), request);
        let answered = answer!(world, DeleteRecords);
        let marks = |one: &DeleteRecordsTopicResult| one.partitions.iter().map(|one| (one.partition_index, one.low_watermark)).collect();
        let told: Vec<(&str, Vec<(i32, i64)>)> = answered.topics.iter().map(|one| (one.name.as_str(), marks(one))).collect();
        assert_eq!(told, [("t", vec![(1, 0), (0, 2)]), ("nope", vec![(0, -1)])]);
    }

    #[test]
    fn the_answer_waits_for_the_disk() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        world.fill("t", 0, 5);
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: 2 }];
        let topics = vec![DeleteRecordsTopic { name: "t".into(), partitions }];
        let request = DeleteRecordsRequest { topics, ..DeleteRecordsRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(2), request.clone());
        assert_eq!(world.answered(), None);
        handle(&mut world.state, &mut world.fx, world.now, call(2), request);
        assert_eq!(world.answered(), None, "the second rests on the first");
    }
}
