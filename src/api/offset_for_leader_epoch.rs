//! OffsetForLeaderEpoch (key 23): where a leader epoch ends, for consumers that suspect truncation (KIP-320). The only epoch a
//! partition ever had is its own; it ends where the log ends (`LeaderEpochFileCache.endOffsetFor`). All versions mean the same.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::log::partition::NO_LEADER_EPOCH;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

/// Answers from committed state.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: OffsetForLeaderEpochRequest) {
    let mut after = PlanNo::COMMITTED;
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in request.topics {
        let partitions = asked.partitions.iter().map(|partition| answer(state, fx, &asked.topic, partition, &mut after)).collect();
        topics.push(OffsetForLeaderTopicResult { topic: asked.topic, partitions });
    }
    let response = OffsetForLeaderEpochResponse { topics, ..OffsetForLeaderEpochResponse::default() };
    fx.reply_after(call.to, after, Response::OffsetForLeaderEpoch(response));
}

fn answer(state: &State, fx: &Effects, name: &Text, asked: &OffsetForLeaderPartition, after: &mut PlanNo) -> EpochEndOffset {
    let mut answer = EpochEndOffset { partition: asked.partition, ..EpochEndOffset::default() };
    let topic = state.topics.by_name(name).filter(|topic| fx.is_committed(topic.created_in));
    if topic.is_none() {
        *after = (*after).max(state.topics.missing_name(name));
    }
    let part = topic.and_then(|topic| topic.partition(asked.partition));
    let Some(partition) = part.and_then(|part| state.log.partition(part)) else {
        answer.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        return answer;
    };
    answer.error_code = partition.check_leader_epoch(asked.current_leader_epoch);
    if answer.error_code.is_none() {
        (answer.leader_epoch, answer.end_offset) = match asked.leader_epoch {
            NO_LEADER_EPOCH => (NO_LEADER_EPOCH, -1),
            epoch if epoch == partition.leader_epoch() => (epoch, partition.high_watermark()),
            // One from before the first ends where that begins.
            epoch if epoch < partition.leader_epoch() => (epoch, partition.log_start()),
            _ => (NO_LEADER_EPOCH, -1),
        };
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::wire::message::offset_for_leader_epoch::OffsetForLeaderTopic;

    fn ask(world: &mut World, topic: &str, partition: i32, current_leader_epoch: i32, leader_epoch: i32) -> (ErrorCode, i32, i64) {
        let partitions = vec![OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch }];
        let topics = vec![OffsetForLeaderTopic { topic: Text::from(topic), partitions }];
        let request = OffsetForLeaderEpochRequest { topics, ..OffsetForLeaderEpochRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(4), request);
        let response = answer!(world, OffsetForLeaderEpoch);
        let entry = &response.topics[0].partitions[0];
        assert_eq!(entry.partition, partition);
        (entry.error_code, entry.leader_epoch, entry.end_offset)
    }

    #[test]
    fn the_one_epoch_ends_where_the_log_ends() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        world.fill("t", 0, 5);
        assert_eq!(ask(&mut world, "t", 0, -1, 0), (ErrorCode::NONE, 0, 5));
        assert_eq!(ask(&mut world, "t", 0, 0, 0), (ErrorCode::NONE, 0, 5));
        assert_eq!(ask(&mut world, "t", 0, 0, 1), (ErrorCode::NONE, -1, -1));
        assert_eq!(ask(&mut world, "t", 0, 0, -1), (ErrorCode::NONE, -1, -1));
        assert_eq!(ask(&mut world, "t", 0, 0, -5), (ErrorCode::NONE, -5, 0), "before the first");
        let part = world.state.topics.by_name("t").unwrap().partitions[0];
        world.fx.row(crate::store::plan::Op::SetLogStart { part, log_start: 2 });
        world.commit();
        assert_eq!(ask(&mut world, "t", 0, 0, -5), (ErrorCode::NONE, -5, 2), "it begins where the log does");
        assert_eq!(ask(&mut world, "t", 0, 1, 0), (ErrorCode::UNKNOWN_LEADER_EPOCH, -1, -1));
        assert_eq!(ask(&mut world, "t", 0, -5, 0), (ErrorCode::FENCED_LEADER_EPOCH, -1, -1));
        assert_eq!(ask(&mut world, "t", 1, -1, 0), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1, -1));
        assert_eq!(ask(&mut world, "u", 0, -1, 0), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1, -1));
    }
}
