//! OffsetFetch 1-10: the offsets that groups have committed. Up to version 7 one group, from 8 many (KIP-709); from 2 no list of
//! topics means all; 5 tells the leader epoch, 7 asks for stable offsets only (there are no transactions that could be undecided),
//! 9 names a KIP-848 member (classic groups have none, as in Kafka it is not looked at), 10 names topics by id.

use super::{AnswerRoom, Call};
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
    let mut room = AnswerRoom::new(state);
    for group in &asked {
        let fetched = fetch(state, call.api_version, group, &mut after);
        let refused =
            || OffsetFetchResponseGroup { group_id: group.group_id.clone(), topics: Vec::new(), error_code: ErrorCode::INVALID_REQUEST };
        groups.push(if room.take(&fetched) { fetched } else { refused() });
    }
    if !fx.is_committed(after) {
        for group in &asked {
            state.groups.note_wait(&group.group_id, call.to.conn, after);
        }
    }
    let response = if is_single {
        let OffsetFetchResponseGroup { topics, error_code, .. } = groups.pop().unwrap_or_default();
        OffsetFetchResponse { topics: topics.into_iter().map(as_single).collect(), error_code, ..OffsetFetchResponse::default() }
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

#[cfg(test)]
mod tests {
    use super::super::testing::{World, answer, call, wanted};
    use super::*;
    use crate::base::ids::Uuid;
    use crate::state::group::commit::NewOffset;
    use crate::wire::message::offset_commit::OffsetCommitRequest;

    /// Commits offset 5 of partition `index` of "t" for group "g", into the plan being filled.
    fn commit(world: &mut World, index: i32) {
        let part = world.state.topics.by_name("t").unwrap().partition(index).unwrap();
        let request = OffsetCommitRequest { group_id: Text::from("g"), ..OffsetCommitRequest::default() };
        let offset = NewOffset { part, offset: 5, leader_epoch: 2, metadata: Text::from("m") };
        let (groups, mut turn) = world.state.group_turn(&mut world.fx, world.now);
        assert_eq!(groups.commit(&mut turn, &call(9).group_caller(), &request, &[offset]), Ok(vec![ErrorCode::NONE]));
    }

    fn world() -> World {
        let mut world = World::new();
        world.create(&[wanted("t", 2, &[]), wanted("u", 1, &[])]);
        commit(&mut world, 1);
        world.commit();
        world
    }

    fn fetch(world: &mut World, version: i16, group: &str, topics: Option<Vec<OffsetFetchRequestTopics>>) {
        let group_id = Text::from(group);
        let old =
            |topic: OffsetFetchRequestTopics| OffsetFetchRequestTopic { name: topic.name, partition_indexes: topic.partition_indexes };
        let request = OffsetFetchRequest {
            group_id: group_id.clone(),
            topics: topics.clone().map(|topics| topics.into_iter().map(old).collect()),
            groups: vec![OffsetFetchRequestGroup { group_id, topics, ..OffsetFetchRequestGroup::default() }],
            require_stable: true,
        };
        handle(&mut world.state, &mut world.fx, world.now, call(version), request);
    }

    fn topic(name: &str, topic_id: Uuid, indices: &[i32]) -> OffsetFetchRequestTopics {
        OffsetFetchRequestTopics { name: Text::from(name), topic_id, partition_indexes: indices.to_vec() }
    }

    const NONE: (i64, i32, &str, ErrorCode) = (-1, -1, "", ErrorCode::NONE);

    fn seen(partition: &OffsetFetchResponsePartitions) -> (i64, i32, &str, ErrorCode) {
        let metadata = partition.metadata.as_deref().unwrap();
        (partition.committed_offset, partition.committed_leader_epoch, metadata, partition.error_code)
    }

    #[test]
    fn every_partition_asked_for_is_answered() {
        let mut world = world();
        let asked = || Some(vec![topic("t", Uuid::ZERO, &[1, 0, 7]), topic("no", Uuid::ZERO, &[0])]);
        for (group, committed) in [("g", (5, 2, "m", ErrorCode::NONE)), ("no", NONE)] {
            fetch(&mut world, 9, group, asked());
            let response = answer!(world, OffsetFetch);
            let topics = &response.groups[0].topics;
            assert_eq!(topics[0].partitions.iter().map(seen).collect::<Vec<_>>(), [committed, NONE, NONE]);
            assert_eq!(topics[1].partitions.iter().map(seen).collect::<Vec<_>>(), [NONE]);
            fetch(&mut world, 5, group, asked());
            let response = answer!(world, OffsetFetch);
            assert_eq!((response.error_code, response.topics.len(), response.groups.len()), (ErrorCode::NONE, 2, 0));
            assert_eq!(response.topics[0].partitions[0].committed_offset, committed.0);
        }
    }

    #[test]
    fn topics_are_asked_for_by_id_from_version_10() {
        let mut world = world();
        let id = world.state.topics.by_name("t").unwrap().id;
        fetch(&mut world, 10, "g", Some(vec![topic("", id, &[1]), topic("", Uuid([7; 16]), &[1])]));
        let response = answer!(world, OffsetFetch);
        let topics = &response.groups[0].topics;
        assert_eq!((topics[0].topic_id, seen(&topics[0].partitions[0])), (id, (5, 2, "m", ErrorCode::NONE)));
        assert_eq!((topics[1].topic_id, seen(&topics[1].partitions[0])), (Uuid([7; 16]), (-1, -1, "", ErrorCode::UNKNOWN_TOPIC_ID)));
    }

    #[test]
    fn no_list_means_all_and_an_empty_one_none() {
        let mut world = world();
        commit(&mut world, 0);
        world.commit();
        fetch(&mut world, 9, "g", None);
        let response = answer!(world, OffsetFetch);
        let topics = &response.groups[0].topics;
        assert_eq!((topics.len(), &*topics[0].name, topics[0].partitions.len()), (1, "t", 2));
        assert_eq!(topics[0].topic_id, world.state.topics.by_name("t").unwrap().id);
        for (group, asked) in [("g", Some(Vec::new())), ("no", None)] {
            fetch(&mut world, 9, group, asked);
            assert!(answer!(world, OffsetFetch).groups[0].topics.is_empty());
        }
    }

    #[test]
    fn only_what_is_on_its_way_to_the_disk_is_waited_for() {
        let mut world = world();
        commit(&mut world, 0);
        fetch(&mut world, 9, "g", Some(vec![topic("t", Uuid::ZERO, &[1])]));
        assert!(world.answered().is_some(), "the other one");
        for asked in [Some(vec![topic("t", Uuid::ZERO, &[0])]), None] {
            fetch(&mut world, 9, "g", asked);
            assert!(world.answered().is_none());
            world.commit();
            assert!(world.answered().is_some());
            commit(&mut world, 0);
        }
    }

    #[test]
    fn a_group_cannot_be_named_until_the_answer_is_beyond_all_memory() {
        let mut world = World::cramped(8 << 10);
        world.create(&[wanted("t", 2, &[])]);
        commit(&mut world, 1);
        world.commit();
        let group = OffsetFetchRequestGroup { group_id: Text::from("g"), topics: None, ..OffsetFetchRequestGroup::default() };
        let request = OffsetFetchRequest { groups: vec![group; 100], ..OffsetFetchRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(8), request);
        let groups = answer!(world, OffsetFetch).groups;
        let fitting = groups.iter().take_while(|group| group.topics.len() == 1).count();
        assert!((1..100).contains(&fitting), "{fitting}");
        assert!(groups[fitting..].iter().all(|group| group.error_code == ErrorCode::INVALID_REQUEST && group.topics.is_empty()));
    }
}
