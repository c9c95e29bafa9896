//! CreateTopics and DeleteTopics: every version, what is refused and why, names and ids.

use crate::target::{Target, batch, cases, one, until};
use monolog::base::ids::Uuid;
use monolog::client::Client;
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult, CreateTopicsRequest,
};
use monolog::wire::message::delete_topics::{DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest};

cases! {
    kafka: every_version_creates, the_answer_describes_the_topic, refusals_have_their_names, a_topic_twice_in_a_request_is_refused, colliding_names_are_refused,
        validation_alone_creates_nothing, assignments_name_partitions_and_brokers, every_version_deletes, deleting_by_id, what_cannot_be_deleted,
        a_deleted_name_is_free_again;
    ours: more_replicas_than_brokers_become_one, a_new_topic_is_usable_at_once
}

fn topic(name: &str) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions: 1, replication_factor: 1, ..CreatableTopic::default() }
}

fn create(client: &mut Client, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    client.create_topics(CreateTopicsRequest { topics, timeout_ms: 30_000, validate_only: false }).unwrap().topics
}

fn exists(client: &mut Client, name: &str) -> bool {
    client.find_topic(name, false).is_ok()
}

fn every_version_creates(target: &Target) {
    let mut client = target.client();
    for version in 2..=7 {
        client.pin(ApiKey::CreateTopics, version);
        let name = target.name("made");
        let result = one(create(&mut client, vec![CreatableTopic { num_partitions: 2, ..topic(&name) }]));
        assert_eq!((result.error_code, result.name.as_str()), (ErrorCode::NONE, &name[..]), "{:?}", result.error_message);
        until("the topic is known", || exists(&mut client, &name));
        assert_eq!(result.topic_id == client.find_topic(&name, false).unwrap().id, version >= 7);
        let again = one(create(&mut client, vec![topic(&name)]));
        assert_eq!(again.error_code, ErrorCode::TOPIC_ALREADY_EXISTS);
        assert!(again.error_message.is_some_and(|it| it.contains(&name[..])));
    }
}

fn the_answer_describes_the_topic(target: &Target) {
    let mut client = target.client();
    let configs = vec![CreatableTopicConfig { name: "retention.ms".into(), value: Some("86400000".into()) }];
    let defaults = CreatableTopic { num_partitions: -1, replication_factor: -1, configs, ..topic(&target.name("made")) };
    let result = one(create(&mut client, vec![defaults]));
    assert_eq!((result.num_partitions, result.replication_factor, result.topic_config_error_code), (1, 1, ErrorCode::NONE));
    let configs = result.configs.unwrap();
    let get = |name: &str| configs.iter().find(|it| it.name.as_str() == name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!((get("retention.ms").value.as_deref(), get("retention.ms").config_source), (Some("86400000"), 1));
    assert_eq!((get("cleanup.policy").value.as_deref(), get("cleanup.policy").config_source), (Some("delete"), 5));
    assert!(configs.iter().all(|it| !it.is_sensitive && !it.read_only));
}

fn refusals_have_their_names(target: &Target) {
    let mut client = target.client();
    let (name, long) = (target.name("bad"), "x".repeat(250));
    let with = |config: &str, value: Option<&str>| CreatableTopic {
        configs: vec![CreatableTopicConfig { name: config.into(), value: value.map(Into::into) }],
        ..topic(&name)
    };
    let cases = [
        (topic(""), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (topic("."), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (topic("a b"), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (topic(&long), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (CreatableTopic { num_partitions: 0, ..topic(&name) }, ErrorCode::INVALID_PARTITIONS),
        (CreatableTopic { num_partitions: -2, ..topic(&name) }, ErrorCode::INVALID_PARTITIONS),
        (CreatableTopic { replication_factor: 0, ..topic(&name) }, ErrorCode::INVALID_REPLICATION_FACTOR),
        (CreatableTopic { replication_factor: -2, ..topic(&name) }, ErrorCode::INVALID_REPLICATION_FACTOR),
        (with("no.such.config", Some("1")), ErrorCode::INVALID_CONFIG),
        (with("retention.ms", Some("soon")), ErrorCode::INVALID_CONFIG),
        (with("retention.ms", Some("-2")), ErrorCode::INVALID_CONFIG),
        (with("cleanup.policy", Some("shred")), ErrorCode::INVALID_CONFIG),
        (with("max.message.bytes", Some("-1")), ErrorCode::INVALID_CONFIG),
        (with("retention.ms", None), ErrorCode::INVALID_CONFIG),
    ];
    for (asked, error) in cases {
        let what = format!("{asked:?}");
        let result = one(create(&mut client, vec![asked]));
        assert_eq!(result.error_code, error, "{what}");
        assert!(result.error_message.is_some_and(|it| !it.is_empty()), "{what}");
    }
    assert!(!exists(&mut client, &name));
    // One bad topic does not spoil another.
    let good = target.name("good");
    let mut results = create(&mut client, vec![topic("a b"), topic(&good)]);
    results.sort_by_key(|it| it.error_code);
    assert_eq!(results.iter().map(|it| it.error_code).collect::<Vec<_>>(), [ErrorCode::NONE, ErrorCode::INVALID_TOPIC_EXCEPTION]);
}

fn a_topic_twice_in_a_request_is_refused(target: &Target) {
    let mut client = target.client();
    let (twice, once) = (target.name("twice"), target.name("once"));
    let results = create(&mut client, vec![topic(&twice), topic(&once), topic(&twice)]);
    for result in results {
        let expected = if result.name.as_str() == twice { ErrorCode::INVALID_REQUEST } else { ErrorCode::NONE };
        assert_eq!(result.error_code, expected);
    }
    assert!(!exists(&mut client, &twice));
}

fn colliding_names_are_refused(target: &Target) {
    let mut client = target.client();
    let stem = target.name("x");
    assert_eq!(one(create(&mut client, vec![topic(&format!("{stem}.a_b"))])).error_code, ErrorCode::NONE);
    for name in ["_a_b", ".a.b", "_a.b"] {
        let result = one(create(&mut client, vec![topic(&format!("{stem}{name}"))]));
        assert_eq!(result.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION, "{name}");
    }
}

fn validation_alone_creates_nothing(target: &Target) {
    let mut client = target.client();
    let name = target.name("maybe");
    for (asked, error) in
        [(topic(&name), ErrorCode::NONE), (CreatableTopic { num_partitions: 0, ..topic(&name) }, ErrorCode::INVALID_PARTITIONS)]
    {
        let request = CreateTopicsRequest { topics: vec![asked], timeout_ms: 30_000, validate_only: true };
        assert_eq!(one(client.create_topics(request).unwrap().topics).error_code, error);
        assert!(!exists(&mut client, &name));
    }
}

fn assignments_name_partitions_and_brokers(target: &Target) {
    let mut client = target.client();
    let node = client.metadata(Default::default()).unwrap().brokers[0].node_id;
    let assigned = |name: &str, assignments: &[(i32, &[i32])]| CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        assignments: assignments
            .iter()
            .map(|(partition_index, brokers)| CreatableReplicaAssignment {
                partition_index: *partition_index,
                broker_ids: brokers.to_vec(),
            })
            .collect(),
        ..topic(name)
    };
    let name = target.name("assigned");
    for (asked, error) in [
        (CreatableTopic { num_partitions: 2, ..assigned(&name, &[(0, &[node])]) }, ErrorCode::INVALID_REQUEST),
        (assigned(&name, &[(0, &[node]), (2, &[node])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&name, &[(0, &[node + 5])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&name, &[(0, &[])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
    ] {
        let result = one(create(&mut client, vec![asked.clone()]));
        assert_eq!(result.error_code, error, "{asked:?}: {:?}", result.error_message);
    }
    let result = one(create(&mut client, vec![assigned(&name, &[(0, &[node]), (1, &[node])])]));
    assert_eq!((result.error_code, result.num_partitions, result.replication_factor), (ErrorCode::NONE, 2, 1));
}

fn more_replicas_than_brokers_become_one(target: &Target) {
    let mut client = target.client();
    let result = one(create(&mut client, vec![CreatableTopic { replication_factor: 3, ..topic(&target.name("three")) }]));
    assert_eq!((result.error_code, result.replication_factor), (ErrorCode::NONE, 1));
}

fn a_new_topic_is_usable_at_once(target: &Target) {
    let mut client = target.client();
    for _ in 0..10 {
        let topic = client.create_topic(&target.name("quick"), 2, &[]).unwrap();
        assert_eq!(client.append(&topic, 1, batch(&["x"])).unwrap().error_code, ErrorCode::NONE);
        assert_eq!(client.read(&topic, 1, 0, 0).unwrap().high_watermark, 1);
    }
}

fn delete(client: &mut Client, version: i16, name: &str) -> DeletableTopicResult {
    client.pin(ApiKey::DeleteTopics, version);
    let by_name = DeleteTopicState { name: Some(name.into()), ..DeleteTopicState::default() };
    let request = if version >= 6 {
        DeleteTopicsRequest { topics: vec![by_name], timeout_ms: 30_000, ..DeleteTopicsRequest::default() }
    } else {
        DeleteTopicsRequest { topic_names: vec![name.into()], timeout_ms: 30_000, ..DeleteTopicsRequest::default() }
    };
    one(client.delete_topics(request).unwrap().responses)
}

fn every_version_deletes(target: &Target) {
    let mut client = target.client();
    for version in 1..=6 {
        let topic = target.topic(2);
        let result = delete(&mut client, version, &topic.name);
        assert_eq!((result.error_code, result.name), (ErrorCode::NONE, Some(topic.name.clone())));
        assert_eq!(result.topic_id, if version >= 6 { topic.id } else { Uuid::ZERO });
        until("the topic is gone", || !exists(&mut client, &topic.name));
        assert_eq!(delete(&mut client, version, &topic.name).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}

fn deleting_by_id(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let by_id = |topic_id| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: None, topic_id }],
        timeout_ms: 30_000,
        ..DeleteTopicsRequest::default()
    };
    let result = one(client.delete_topics(by_id(topic.id)).unwrap().responses);
    assert_eq!((result.error_code, result.name, result.topic_id), (ErrorCode::NONE, Some(topic.name.clone()), topic.id));
    until("the topic is gone", || !exists(&mut client, &topic.name));
    let unknown = one(client.delete_topics(by_id(topic.id)).unwrap().responses);
    assert_eq!((unknown.error_code, unknown.topic_id), (ErrorCode::UNKNOWN_TOPIC_ID, topic.id));
}

fn what_cannot_be_deleted(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let both = DeleteTopicState { name: Some(topic.name.clone()), topic_id: topic.id };
    let neither = DeleteTopicState::default();
    for state in [both, neither] {
        let request = DeleteTopicsRequest { topics: vec![state], timeout_ms: 30_000, ..DeleteTopicsRequest::default() };
        assert_eq!(one(client.delete_topics(request).unwrap().responses).error_code, ErrorCode::INVALID_REQUEST);
    }
    assert!(exists(&mut client, &topic.name));
}

fn a_deleted_name_is_free_again(target: &Target) {
    let (old, mut client) = (target.topic(2), target.client());
    client.append(&old, 0, batch(&["old"])).unwrap();
    delete(&mut client, 6, &old.name);
    until("the topic is gone", || !exists(&mut client, &old.name));
    let new = client.create_topic(&old.name, 1, &[]).unwrap();
    target.settle(&new, 1);
    assert_ne!(new.id, old.id);
    assert_eq!(client.offset_for(&new, 0, -1).unwrap().offset, 0);
    assert_eq!(client.append(&new, 0, batch(&["new"])).unwrap().base_offset, 0);
    assert_eq!(client.offset_for(&new, 1, -1).unwrap().error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}
