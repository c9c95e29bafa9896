//! OffsetFetch 1-10: the offsets that groups have committed. Up to version 7 one group, from 8 many (KIP-709); from 2 no list of
//! topics means all; 5 tells the leader epoch, 7 asks for stable offsets only (there are no transactions that could be undecided),
//! 9 names a KIP-848 member (classic groups have none, as in Kafka it is not looked at), 10 names topics by id.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::group::classic::Group;
use crate::state::group::offsets::Offset;
use crate::state::topics::Topic;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use std::collections::BTreeMap;

/// Answers at once, unless an offset that it shows is still on its way to the disk.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: OffsetFetchRequest) {
    let (asked, is_single) = if call.api_version < 8 { (vec![as_group(request)], true) } else { (request.groups, false) };
    let mut after = PlanNo::COMMITTED;
    let mut groups = Vec::with_capacity(asked.len());
    for group in &asked {
        groups.push(fetch(state, call.api_version, group, &mut after));
    }
    if !fx.is_committed(after) {
        for group in &asked {
            state.groups.note_wait(&group.group_id, call.to.conn, after);
        }
    }
    let response = if is_single {
        let topics = groups.pop().unwrap_or_default().topics.into_iter().map(as_single).collect();
        OffsetFetchResponse { topics, ..OffsetFetchResponse::default() }
    } else {
        OffsetFetchResponse { groups, ..OffsetFetchResponse::default() }
    };
    fx.reply_after(call.to, after, Response::OffsetFetch(response));
}

/// The question of an old version in the words of the new ones.
fn as_group(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.map(|topics| {
        let new = |topic: OffsetFetchRequestTopic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..OffsetFetchRequestTopics::default()
        };
        topics.into_iter().map(new).collect()
    });
    OffsetFetchRequestGroup { group_id: request.group_id, topics, ..OffsetFetchRequestGroup::default() }
}

/// The answer of a new version in the words of the old ones.
fn as_single(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let old = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    };
    OffsetFetchResponseTopic { name: topic.name, partitions: topic.partitions.into_iter().map(old).collect() }
}

/// `after` rises to the newest plan that the answer rests on.
fn fetch(state: &State, api_version: i16, asked: &OffsetFetchRequestGroup, after: &mut PlanNo) -> OffsetFetchResponseGroup {
    let group = state.groups.get(&asked.group_id);
    if group.is_none() {
        *after = (*after).max(state.groups.removed_in());
    }
    let topics = match &asked.topics {
        Some(topics) => topics.iter().map(|topic| fetch_topic(state, group, api_version, topic, after)).collect(),
        None => group.map(|group| fetch_all(state, group, after)).unwrap_or_default(),
    };
    OffsetFetchResponseGroup { group_id: asked.group_id.clone(), topics, error_code: ErrorCode::NONE }
}

/// Every partition asked for is in the answer: what was never committed has offset -1 and no error.
fn fetch_topic(
    state: &State,
    group: Option<&Group>,
    api_version: i16,
    asked: &OffsetFetchRequestTopics,
    after: &mut PlanNo,
) -> OffsetFetchResponseTopics {
    let by_id = api_version >= 10;
    let topic = if by_id { state.topics.by_id(asked.topic_id) } else { state.topics.by_name(&asked.name) };
    if topic.is_none() {
        let missing_in = if by_id { state.topics.missing_id(asked.topic_id) } else { state.topics.missing_name(&asked.name) };
        *after = (*after).max(missing_in);
    }
    let error_code = if by_id && topic.is_none() { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::NONE };
    let partition = |index: &i32| {
        let part = topic.and_then(|topic| topic.partition(*index));
        let offset = group.zip(part).and_then(|(group, part)| {
            let (offset, rests_on) = group.offset(part);
            *after = (*after).max(rests_on);
            offset
        });
        let partition = committed(*index, offset);
        OffsetFetchResponsePartitions { error_code, ..partition }
    };
    let partitions = asked.partition_indexes.iter().map(partition).collect();
    OffsetFetchResponseTopics { name: asked.name.clone(), topic_id: asked.topic_id, partitions }
}

/// Everything the group has committed, sorted by topic and partition.
fn fetch_all(state: &State, group: &Group, after: &mut PlanNo) -> Vec<OffsetFetchResponseTopics> {
    *after = (*after).max(group.changed_in());
    let mut topics: BTreeMap<&Text, (&Topic, BTreeMap<i32, &Offset>)> = BTreeMap::new();
    for (part, offset) in group.offsets() {
        *after = (*after).max(offset.written_in);
        if let Some((topic, index)) = state.topics.owner(part) {
            topics.entry(&topic.name).or_insert_with(|| (topic, BTreeMap::new())).1.insert(index, offset);
        }
    }
    let as_topic = |(topic, offsets): (&Topic, BTreeMap<i32, &Offset>)| OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.id,
        partitions: offsets.into_iter().map(|(index, offset)| committed(index, Some(offset))).collect(),
    };
    topics.into_values().map(as_topic).collect()
}

fn committed(partition_index: i32, offset: Option<&Offset>) -> OffsetFetchResponsePartitions {
    let Some(offset) = offset else {
        let default = OffsetFetchResponsePartitions::default();
        return OffsetFetchResponsePartitions { partition_index, committed_offset: -1, ..default };
    };
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: offset.offset,
        committed_leader_epoch: offset.leader_epoch,
        metadata: Some(offset.metadata.clone()),
        error_code: ErrorCode::NONE,
    }
}
