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
        let resolved = resolve(&state.topics, topic, by_id, &mut after);
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

/// The partitions of a topic, in order. `after` rises to the plan that the absence of one rests on.
fn resolve(topics: &Topics, asked: &OffsetCommitRequestTopic, by_id: bool, after: &mut PlanNo) -> Vec<Result<PartId, ErrorCode>> {
    let topic = if by_id { topics.by_id(asked.topic_id) } else { topics.by_name(&asked.name) };
    let Some(topic) = topic else {
        let (missing_in, error) = if by_id {
            (topics.missing_id(asked.topic_id), ErrorCode::UNKNOWN_TOPIC_ID)
        } else {
            (topics.missing_name(&asked.name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        };
        *after = (*after).max(missing_in);
        return vec![Err(error); asked.partitions.len()];
    };
    let resolve_one = |index: i32| topic.partition(index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    asked.partitions.iter().map(|partition| resolve_one(partition.partition_index)).collect()
}
