//! DeleteRecords: raises the first offset of partitions; what lies before it goes. Kafka Streams does so every 30 s.
//! Versions: 0 to 2 differ on the wire only.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::topics::is_internal;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

/// Answers once it is on disk that the records are gone.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: DeleteRecordsRequest) {
    let mut after = PlanNo::COMMITTED;
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let decide = |asked: DeleteRecordsPartition| {
            let decided = delete(state, fx, now, &topic.name, &asked);
            let (low_watermark, error_code, plan) = match decided {
                Ok((low_watermark, plan)) => (low_watermark, ErrorCode::NONE, plan),
                Err((error_code, plan)) => (-1, error_code, plan),
            };
            after = after.max(plan);
            DeleteRecordsPartitionResult { partition_index: asked.partition_index, low_watermark, error_code }
        };
        let partitions = topic.partitions.into_iter().map(decide).collect();
        topics.push(DeleteRecordsTopicResult { name: topic.name, partitions });
    }
    fx.reply_after(call.to, after, Response::DeleteRecords(DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() }));
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
    if state.read_only {
        return Err(refused(ErrorCode::KAFKA_STORAGE_ERROR));
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
        assert_eq!(
            ask(&mut world, "t", &[(0, 3), (0, 1), (0, 6), (0, -2), (1, -1), (2, 0)]),
            [(3, 0), (3, 0), (-1, 1), (-1, 1), (0, 0), (-1, 3)]
        );
        let part = world.state.topics.by_name("t").unwrap().partitions[0];
        assert_eq!(world.state.log.partition(part).unwrap().log_start(), 3);
        assert_eq!(ask(&mut world, "t", &[(0, -1)]), [(5, 0)]);
        assert_eq!(ask(&mut world, "nope", &[(0, 0)]), [(-1, 3)]);
        assert_eq!(ask(&mut world, "c", &[(0, 0)]), [(-1, 44)]);
        assert_eq!(ask(&mut world, "__consumer_offsets", &[(0, 0)]), [(-1, 17)]);
        world.state.read_only = true;
        assert_eq!(ask(&mut world, "t", &[(0, 5)]), [(-1, 56)]);
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
