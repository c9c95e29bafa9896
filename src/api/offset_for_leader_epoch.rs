//! OffsetForLeaderEpoch (key 23): where a leader epoch ends, for consumers that suspect truncation (KIP-320). The only epoch a
//! partition ever had is its own; it ends where the log ends (`LeaderEpochFileCache.endOffsetFor`). All versions mean the same.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
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
    if answer.error_code.is_none() && asked.leader_epoch == partition.leader_epoch() {
        (answer.leader_epoch, answer.end_offset) = (partition.leader_epoch(), partition.high_watermark());
    }
    answer
}
