//! Metadata, DescribeCluster, DescribeTopicPartitions: brokers, topics by name and id, automatic creation, pages.

use crate::target::{Target, cases, one, until};
use monolog::base::ids::Uuid;
use monolog::client::{Client, Topic};
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::describe_cluster::DescribeClusterRequest;
use monolog::wire::message::describe_topic_partitions::{Cursor, DescribeTopicPartitionsRequest, TopicRequest};
use monolog::wire::message::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use std::net::SocketAddr;

cases! {
    kafka: every_version_describes_topics_and_brokers, all_topics_or_none, unknown_topics_are_not_created_unless_wanted, bad_names_are_refused,
        topics_are_found_by_id, an_id_needs_version_twelve, operations_are_told_when_asked, automatic_creation, the_cluster_is_described,
        topics_come_in_pages, pages_of_unknown_topics, a_cursor_must_fit;
    ours: automatic_creation_is_complete_in_the_answer, a_topic_asked_twice_is_answered_once
}

fn named(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic { name: Some(name.into()), ..MetadataRequestTopic::default() }
}

fn ask(client: &mut Client, topics: Vec<MetadataRequestTopic>, allow_auto_topic_creation: bool) -> MetadataResponse {
    client.metadata(MetadataRequest { topics: Some(topics), allow_auto_topic_creation, ..MetadataRequest::default() }).unwrap()
}

fn every_version_describes_topics_and_brokers(target: &Target) {
    let (topic, mut client) = (target.topic(3), target.client());
    let address: SocketAddr = target.kafka.parse().unwrap();
    for version in 0..=13 {
        client.pin(ApiKey::Metadata, version);
        let answer = ask(&mut client, vec![named(&topic.name)], true);
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let broker = one(answer.brokers);
        assert_eq!((broker.port, broker.rack.as_ref()), (i32::from(address.port()), None));
        assert!(!broker.host.is_empty() && broker.node_id >= 0, "{broker:?}");
        if version >= 1 {
            assert_eq!(answer.controller_id, broker.node_id);
        }
        if version >= 2 {
            assert_eq!(answer.cluster_id.unwrap().len(), 22);
        }
        let found = one(answer.topics);
        assert_eq!((found.error_code, found.name.as_ref(), found.is_internal), (ErrorCode::NONE, Some(&topic.name), false));
        assert_eq!(found.topic_id, if version >= 10 { topic.id } else { Uuid::ZERO });
        assert_eq!(found.topic_authorized_operations, i32::MIN);
        let mut partitions = found.partitions;
        partitions.sort_by_key(|it| it.partition_index);
        assert_eq!(partitions.len(), 3);
        for (index, partition) in (0..).zip(partitions) {
            assert_eq!((partition.error_code, partition.partition_index, partition.leader_id), (ErrorCode::NONE, index, broker.node_id));
            assert_eq!(partition.leader_epoch, if version >= 7 { 0 } else { -1 });
            assert_eq!((&partition.replica_nodes[..], &partition.isr_nodes[..]), (&[broker.node_id][..], &[broker.node_id][..]));
            assert!(partition.offline_replicas.is_empty());
        }
    }
}

fn all_topics_or_none(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for version in 0..=13 {
        client.pin(ApiKey::Metadata, version);
        // Version 0 knows no null; an empty list means all there.
        let all = if version == 0 { Some(Vec::new()) } else { None };
        let answer = client.metadata(MetadataRequest { topics: all, ..MetadataRequest::default() }).unwrap();
        assert_eq!(answer.topics.iter().filter(|it| it.name.as_ref() == Some(&topic.name)).count(), 1, "version {version}");
        if version > 0 {
            let answer = ask(&mut client, Vec::new(), true);
            assert!(answer.topics.is_empty() && !answer.brokers.is_empty());
        }
    }
}

fn unknown_topics_are_not_created_unless_wanted(target: &Target) {
    let mut client = target.client();
    let name = target.name("none");
    for version in [4, 9, 12, 13, 13] {
        client.pin(ApiKey::Metadata, version);
        let topic = one(ask(&mut client, vec![named(&name)], false).topics);
        assert_eq!((topic.error_code, topic.name.as_deref()), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(&name[..])));
        assert!(topic.partitions.is_empty() && topic.topic_id.is_zero());
    }
}

fn bad_names_are_refused(target: &Target) {
    let mut client = target.client();
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a b", "a/b", "é", &long] {
        let topic = one(ask(&mut client, vec![named(name)], true).topics);
        assert_eq!((topic.error_code, topic.name.as_deref()), (ErrorCode::INVALID_TOPIC_EXCEPTION, Some(name)));
    }
}

fn topics_are_found_by_id(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for version in [12, 13] {
        client.pin(ApiKey::Metadata, version);
        let found = one(ask(&mut client, vec![MetadataRequestTopic { topic_id: topic.id, name: None }], false).topics);
        assert_eq!((found.error_code, found.name.as_ref(), found.topic_id), (ErrorCode::NONE, Some(&topic.name), topic.id));
        let unknown = Uuid([3; 16]);
        let found = one(ask(&mut client, vec![MetadataRequestTopic { topic_id: unknown, name: None }], false).topics);
        assert_eq!((found.error_code, found.name, found.topic_id), (ErrorCode::UNKNOWN_TOPIC_ID, None, unknown));
    }
}

fn an_id_needs_version_twelve(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for version in [10, 11] {
        client.pin(ApiKey::Metadata, version);
        let both = MetadataRequestTopic { topic_id: topic.id, name: Some(topic.name.clone()) };
        assert_eq!(one(ask(&mut client, vec![both], false).topics).error_code, ErrorCode::INVALID_REQUEST);
    }
}

fn operations_are_told_when_asked(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for version in 8..=13 {
        client.pin(ApiKey::Metadata, version);
        let answer = client.metadata(MetadataRequest {
            topics: Some(vec![named(&topic.name)]),
            allow_auto_topic_creation: false,
            include_topic_authorized_operations: true,
            include_cluster_authorized_operations: version <= 10,
        });
        let answer = answer.unwrap();
        assert_eq!(one(answer.topics).topic_authorized_operations, 0b1101_1111_1000, "version {version}");
        assert_eq!(answer.cluster_authorized_operations == i32::MIN, version > 10);
    }
}

/// Kafka says "not yet" and makes it in the background.
fn automatic_creation(target: &Target) {
    let mut client = target.client();
    let name = target.name("auto");
    until("the topic is there", || {
        let topic = one(ask(&mut client, vec![named(&name)], true).topics);
        assert!([ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::LEADER_NOT_AVAILABLE].contains(&topic.error_code));
        topic.error_code == ErrorCode::NONE && topic.partitions.len() == 1
    });
}

fn automatic_creation_is_complete_in_the_answer(target: &Target) {
    let mut client = target.client();
    for version in 0..=13 {
        client.pin(ApiKey::Metadata, version);
        let name = target.name("auto");
        let topic = one(ask(&mut client, vec![named(&name)], true).topics);
        assert_eq!((topic.error_code, topic.partitions.len()), (ErrorCode::NONE, 1), "version {version}");
        let again = one(ask(&mut client, vec![named(&name)], false).topics);
        assert_eq!(again, topic);
    }
    let name = target.name("auto");
    let topic = Topic { name: name.as_str().into(), id: client.find_topic(&name, true).unwrap().id };
    assert_eq!(client.append(&topic, 0, crate::target::batch(&["at once"])).unwrap().error_code, ErrorCode::NONE);
}

fn a_topic_asked_twice_is_answered_once(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    one(ask(&mut client, vec![named(&topic.name), named(&topic.name)], false).topics);
}

fn the_cluster_is_described(target: &Target) {
    let mut client = target.client();
    let metadata = ask(&mut client, Vec::new(), false);
    for version in 0..=2 {
        client.pin(ApiKey::DescribeCluster, version);
        let answer = client.describe_cluster(DescribeClusterRequest::default()).unwrap();
        assert_eq!((answer.error_code, answer.endpoint_type), (ErrorCode::NONE, 1));
        assert_eq!(Some(&answer.cluster_id), metadata.cluster_id.as_ref());
        let (broker, same) = (one(answer.brokers), &metadata.brokers[0]);
        assert_eq!((broker.broker_id, &broker.host, broker.port), (same.node_id, &same.host, same.port));
        assert_eq!(answer.controller_id, same.node_id);
        assert_eq!(answer.cluster_authorized_operations, i32::MIN);
    }
    for (endpoint_type, error) in [(2, ErrorCode::MISMATCHED_ENDPOINT_TYPE), (3, ErrorCode::UNSUPPORTED_ENDPOINT_TYPE)] {
        let answer = client.describe_cluster(DescribeClusterRequest { endpoint_type, ..DescribeClusterRequest::default() }).unwrap();
        assert_eq!(answer.error_code, error);
    }
}

fn topics_come_in_pages(target: &Target) {
    let mut client = target.client();
    let stem = target.name("page");
    let names: Vec<String> = ["c", "a", "b"].iter().map(|it| format!("{stem}-{it}")).collect();
    for name in &names {
        let topic = client.create_topic(name, 3, &[]).unwrap();
        target.settle(&topic, 3);
    }
    let topics: Vec<TopicRequest> = names.iter().map(|name| TopicRequest { name: name.as_str().into() }).collect();
    let (mut cursor, mut found) = (None, Vec::new());
    loop {
        let request = DescribeTopicPartitionsRequest { topics: topics.clone(), response_partition_limit: 2, cursor };
        let answer = client.describe_topic_partitions(request).unwrap();
        let mut page = Vec::new();
        for topic in answer.topics {
            assert_eq!(topic.error_code, ErrorCode::NONE);
            let name = topic.name.unwrap().as_str().to_string();
            page.extend(topic.partitions.iter().map(|it| (name.clone(), it.partition_index)));
        }
        assert!((1..=2).contains(&page.len()), "{page:?}");
        found.extend(page);
        let Some(next) = answer.next_cursor else { break };
        cursor = Some(next);
    }
    let expected: Vec<_> =
        ["a", "b", "c"].iter().flat_map(|it| (0..3).map(|index| (format!("{stem}-{it}"), index)).collect::<Vec<_>>()).collect();
    assert_eq!(found, expected, "by name and partition");
}

fn pages_of_unknown_topics(target: &Target) {
    let (known, mut client) = (target.topic(1), target.client());
    let unknown = target.name("none");
    let topics = vec![TopicRequest { name: unknown.as_str().into() }, TopicRequest { name: known.name.clone() }];
    let answer = client.describe_topic_partitions(DescribeTopicPartitionsRequest { topics, ..DescribeTopicPartitionsRequest::default() });
    for topic in answer.unwrap().topics {
        let is_known = topic.name.as_ref() == Some(&known.name);
        assert_eq!(topic.error_code, if is_known { ErrorCode::NONE } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION });
        assert_eq!(topic.topic_id, if is_known { known.id } else { Uuid::ZERO });
    }
}

fn a_cursor_must_fit(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let elsewhere = Cursor { topic_name: target.name("other").as_str().into(), partition_index: 0 };
    let negative = Cursor { topic_name: topic.name.clone(), partition_index: -1 };
    for cursor in [elsewhere, negative] {
        let topics = vec![TopicRequest { name: topic.name.clone() }];
        let request = DescribeTopicPartitionsRequest { topics, response_partition_limit: 10, cursor: Some(cursor) };
        let answer = client.describe_topic_partitions(request).unwrap();
        assert!(answer.topics.iter().all(|it| it.error_code == ErrorCode::INVALID_REQUEST), "{answer:?}");
    }
}
