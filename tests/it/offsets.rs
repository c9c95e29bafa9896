//! OffsetCommit and OffsetFetch: every version, members and others, what is refused.

use crate::member::{Member, pair};
use crate::target::{Target, cases, one, until};
use monolog::base::ids::Uuid;
use monolog::base::text::Text;
use monolog::client::{Client, Topic};
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use monolog::wire::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics, OffsetFetchResponsePartitions,
};

cases! {
    kafka: every_version_keeps_and_tells, what_was_not_committed, all_of_a_groups_offsets, several_groups_at_once, members_commit_in_their_generation,
        a_rebalance_allows_the_last_commit, groups_that_are_not_there, one_partition_fails_alone, unknown_topic_ids, offsets_may_go_back,
        a_simple_group_is_listed;
    ours: a_deleted_topics_offsets_go_with_it
}

fn partition(partition_index: i32, committed_offset: i64, epoch: i32, metadata: Option<&str>) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition {
        partition_index,
        committed_offset,
        committed_leader_epoch: epoch,
        committed_metadata: metadata.map(Into::into),
    }
}

fn commit(client: &mut Client, group: &str, topic: &Topic, partitions: Vec<OffsetCommitRequestPartition>) -> Vec<ErrorCode> {
    let topics = vec![OffsetCommitRequestTopic { name: topic.name.clone(), topic_id: topic.id, partitions }];
    let answer = client.offset_commit(OffsetCommitRequest { group_id: group.into(), topics, ..OffsetCommitRequest::default() }).unwrap();
    let mut partitions = one(answer.topics).partitions;
    partitions.sort_by_key(|it| it.partition_index);
    partitions.iter().map(|it| it.error_code).collect()
}

/// Offset, epoch, metadata of the asked partitions, in any version.
fn fetch(client: &mut Client, version: i16, group: &str, topic: &Topic, partitions: &[i32]) -> Vec<(i64, i32, String)> {
    client.pin(ApiKey::OffsetFetch, version);
    let partition_indexes = partitions.to_vec();
    if version < 8 {
        let topics = Some(vec![OffsetFetchRequestTopic { name: topic.name.clone(), partition_indexes }]);
        let answer = client.offset_fetch(OffsetFetchRequest { group_id: group.into(), topics, ..OffsetFetchRequest::default() }).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let found = one(answer.topics).partitions;
        assert!(found.iter().all(|it| it.error_code == ErrorCode::NONE));
        found.into_iter().map(|it| (it.committed_offset, it.committed_leader_epoch, it.metadata.unwrap().as_str().to_string())).collect()
    } else {
        let topics = Some(vec![OffsetFetchRequestTopics { name: topic.name.clone(), topic_id: topic.id, partition_indexes }]);
        let asked = OffsetFetchRequestGroup { group_id: group.into(), topics, ..OffsetFetchRequestGroup::default() };
        let answer = client.offset_fetch(OffsetFetchRequest { groups: vec![asked], ..OffsetFetchRequest::default() }).unwrap();
        let answered = one(answer.groups);
        assert_eq!((answered.error_code, answered.group_id.as_str()), (ErrorCode::NONE, group));
        let topic_answer = one(answered.topics);
        assert_eq!(topic_answer.topic_id, if version >= 10 { topic.id } else { Uuid::ZERO });
        let told =
            |it: OffsetFetchResponsePartitions| (it.committed_offset, it.committed_leader_epoch, it.metadata.unwrap().as_str().to_string());
        topic_answer.partitions.into_iter().map(told).collect()
    }
}

fn every_version_keeps_and_tells(target: &Target) {
    let (topic, mut client, group) = (target.topic(2), target.client(), target.name("group"));
    for version in 2..=10 {
        client.pin(ApiKey::OffsetCommit, version);
        let offset = i64::from(version) * 10;
        let partitions = vec![partition(0, offset, 0, Some("about")), partition(1, offset + 1, 0, None)];
        assert_eq!(commit(&mut client, &group, &topic, partitions), [ErrorCode::NONE; 2], "version {version}");
        for fetched in 1..=10 {
            let epoch = if version >= 6 && fetched >= 5 { 0 } else { -1 };
            let expected = [(offset, epoch, "about".to_string()), (offset + 1, epoch, String::new())];
            assert_eq!(fetch(&mut client, fetched, &group, &topic, &[0, 1]), expected, "{version}, {fetched}");
        }
    }
}

fn what_was_not_committed(target: &Target) {
    let (topic, mut client, group) = (target.topic(2), target.client(), target.name("group"));
    for version in 1..=10 {
        assert_eq!(fetch(&mut client, version, &group, &topic, &[0, 1]), [(-1, -1, String::new()), (-1, -1, String::new())]);
    }
    client.commit(&group, &topic, 0, 5).unwrap();
    for version in 1..=10 {
        let found = fetch(&mut client, version, &group, &topic, &[1, 0]);
        assert_eq!((found[0].0, found[1].0), (-1, 5));
    }
}

fn all_of_a_groups_offsets(target: &Target) {
    let (one_topic, other, mut client, group) = (target.topic(1), target.topic(2), target.client(), target.name("group"));
    client.commit(&group, &one_topic, 0, 1).unwrap();
    client.commit(&group, &other, 1, 2).unwrap();
    for version in 2..=10 {
        client.pin(ApiKey::OffsetFetch, version);
        let mut found = Vec::new();
        if version < 8 {
            let request = OffsetFetchRequest { group_id: group.as_str().into(), topics: None, ..OffsetFetchRequest::default() };
            for topic in client.offset_fetch(request).unwrap().topics {
                found.extend(topic.partitions.iter().map(|it| (topic.name == one_topic.name, it.partition_index, it.committed_offset)));
            }
        } else {
            let asked = OffsetFetchRequestGroup { group_id: group.as_str().into(), topics: None, ..OffsetFetchRequestGroup::default() };
            let answer = client.offset_fetch(OffsetFetchRequest { groups: vec![asked], ..OffsetFetchRequest::default() }).unwrap();
            for topic in one(answer.groups).topics {
                let first = topic.name == one_topic.name || topic.topic_id == one_topic.id;
                found.extend(topic.partitions.iter().map(|it| (first, it.partition_index, it.committed_offset)));
            }
        }
        found.sort();
        assert_eq!(found, [(false, 1, 2), (true, 0, 1)], "version {version}");
    }
}

fn several_groups_at_once(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let groups: Vec<String> = (0..3).map(|_| target.name("group")).collect();
    client.commit(&groups[0], &topic, 0, 7).unwrap();
    client.commit(&groups[2], &topic, 0, 9).unwrap();
    let asked = |group: &String| OffsetFetchRequestGroup {
        group_id: group.as_str().into(),
        topics: Some(vec![OffsetFetchRequestTopics { name: topic.name.clone(), topic_id: topic.id, partition_indexes: vec![0] }]),
        ..OffsetFetchRequestGroup::default()
    };
    let request = OffsetFetchRequest { groups: groups.iter().map(asked).collect(), require_stable: true, ..OffsetFetchRequest::default() };
    let answer = client.offset_fetch(request).unwrap();
    for (group, offset) in groups.iter().zip([7, -1, 9]) {
        let found = answer.groups.iter().find(|it| it.group_id.as_str() == group).unwrap();
        assert_eq!((found.error_code, found.topics[0].partitions[0].committed_offset), (ErrorCode::NONE, offset));
    }
}

/// Commits as this member; what became of it.
pub fn commit_as(member: &mut Member, topic: &Topic, offset: i64) -> ErrorCode {
    let topics = vec![OffsetCommitRequestTopic {
        name: topic.name.clone(),
        topic_id: topic.id,
        partitions: vec![partition(0, offset, -1, Some(""))],
    }];
    let request = OffsetCommitRequest {
        group_id: member.group.clone(),
        generation_id_or_member_epoch: member.generation,
        member_id: member.id.clone(),
        group_instance_id: member.instance.clone(),
        topics,
        ..OffsetCommitRequest::default()
    };
    one(one(member.client.offset_commit(request).unwrap().topics).partitions).error_code
}

fn members_commit_in_their_generation(target: &Target) {
    let topic = target.topic(1);
    let (mut first, second) = pair(target, &target.name("group"));
    assert_eq!(commit_as(&mut first, &topic, 3), ErrorCode::NONE);
    let group = first.group.as_str().to_string();
    assert_eq!(commit(&mut first.client, &group, &topic, vec![partition(0, 9, -1, None)]), [ErrorCode::UNKNOWN_MEMBER_ID], "not a member");
    let mut stranger = Member { id: "nobody".into(), ..Member::new(target, &group) };
    stranger.generation = 2;
    assert_eq!(commit_as(&mut stranger, &topic, 9), ErrorCode::UNKNOWN_MEMBER_ID);
    for wrong in [1, 3] {
        first.generation = wrong;
        assert_eq!(commit_as(&mut first, &topic, 9), ErrorCode::ILLEGAL_GENERATION);
    }
    assert_eq!(first.client.committed(&second.group, &topic, 0).unwrap(), 3);
}

fn a_rebalance_allows_the_last_commit(target: &Target) {
    let topic = target.topic(1);
    let (mut first, mut second) = pair(target, &target.name("group"));
    first.send_join();
    second.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(commit_as(&mut second, &topic, 4), ErrorCode::NONE, "clients commit while they give up partitions");
    second.join();
    first.joined();
    assert_eq!(commit_as(&mut first, &topic, 5), ErrorCode::REBALANCE_IN_PROGRESS, "before the assignment");
    assert_eq!(first.client.committed(&second.group, &topic, 0).unwrap(), 4);
}

fn groups_that_are_not_there(target: &Target) {
    let topic = target.topic(1);
    for version in 2..=10 {
        let mut member = Member { id: "me".into(), generation: 5, ..Member::new(target, &target.name("group")) };
        member.client.pin(ApiKey::OffsetCommit, version);
        let error = if version >= 9 { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::ILLEGAL_GENERATION };
        assert_eq!(commit_as(&mut member, &topic, 1), error, "version {version}");
    }
}

fn one_partition_fails_alone(target: &Target) {
    let (topic, mut client, group) = (target.topic(1), target.client(), target.name("group"));
    let (just, much) = ("x".repeat(4_096), "x".repeat(4_097));
    let partitions = vec![partition(0, 1, -1, Some(&just)), partition(7, 2, -1, None)];
    assert_eq!(commit(&mut client, &group, &topic, partitions), [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    assert_eq!(commit(&mut client, &group, &topic, vec![partition(0, 9, -1, Some(&much))]), [ErrorCode::OFFSET_METADATA_TOO_LARGE]);
    assert_eq!(client.committed(&group, &topic, 0).unwrap(), 1);
    client.pin(ApiKey::OffsetCommit, 9);
    let missing = Topic { name: target.name("none").as_str().into(), id: Uuid::ZERO };
    assert_eq!(commit(&mut client, &group, &missing, vec![partition(0, 1, -1, None)]), [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
}

fn unknown_topic_ids(target: &Target) {
    let (mut client, group) = (target.client(), target.name("group"));
    let stranger = Topic { name: Text::default(), id: Uuid([5; 16]) };
    assert_eq!(commit(&mut client, &group, &stranger, vec![partition(0, 1, -1, None)]), [ErrorCode::UNKNOWN_TOPIC_ID]);
    let topics =
        Some(vec![OffsetFetchRequestTopics { topic_id: stranger.id, partition_indexes: vec![0], ..OffsetFetchRequestTopics::default() }]);
    let asked = OffsetFetchRequestGroup { group_id: group.as_str().into(), topics, ..OffsetFetchRequestGroup::default() };
    let answer = client.offset_fetch(OffsetFetchRequest { groups: vec![asked], ..OffsetFetchRequest::default() }).unwrap();
    let topic = one(one(answer.groups).topics);
    assert_eq!((topic.topic_id, one(topic.partitions).error_code), (stranger.id, ErrorCode::UNKNOWN_TOPIC_ID));
}

fn offsets_may_go_back(target: &Target) {
    let (topic, mut client, group) = (target.topic(1), target.client(), target.name("group"));
    for offset in [1_000, 3, 0] {
        client.commit(&group, &topic, 0, offset).unwrap();
        assert_eq!(client.committed(&group, &topic, 0).unwrap(), offset);
    }
}

fn a_simple_group_is_listed(target: &Target) {
    let (topic, mut client, group) = (target.topic(1), target.client(), target.name("group"));
    client.commit(&group, &topic, 0, 1).unwrap();
    let groups = client.list_groups(Default::default()).unwrap().groups;
    let listed = groups.iter().find(|it| it.group_id.as_str() == group).unwrap();
    assert_eq!((listed.protocol_type.as_str(), listed.group_state.as_str()), ("", "Empty"));
}

fn a_deleted_topics_offsets_go_with_it(target: &Target) {
    use monolog::wire::message::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
    let (topic, mut client, group) = (target.topic(1), target.client(), target.name("group"));
    client.commit(&group, &topic, 0, 5).unwrap();
    let topics = vec![DeleteTopicState { name: Some(topic.name.clone()), ..DeleteTopicState::default() }];
    client.delete_topics(DeleteTopicsRequest { topics, timeout_ms: 30_000, ..DeleteTopicsRequest::default() }).unwrap();
    until("the topic is gone", || client.find_topic(&topic.name, false).is_err());
    let new = client.create_topic(&topic.name, 1, &[]).unwrap();
    assert_eq!(client.committed(&group, &new, 0).unwrap(), -1);
}
