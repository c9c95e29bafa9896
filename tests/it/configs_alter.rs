//! AlterConfigs and IncrementalAlterConfigs: every version, what is refused and why, and that what changes has its effect at once.

use crate::target::{Target, batch, batch_of, cases, one, records_from, until};
use monolog::client::{Client, Topic};
use monolog::wire::api_key::ApiKey;
use monolog::wire::batch::BatchHeader;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::alter_configs::{self, AlterConfigsRequest};
use monolog::wire::message::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use monolog::wire::message::incremental_alter_configs::{AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest};
use monolog::wire::stored::batches;

cases! {
    kafka: every_version_replaces, every_version_changes, lists_grow_and_shrink, what_is_refused, nothing_half_done, checks_alone_change_nothing,
        the_size_limit_changes_at_once, timestamps_change_at_once, compression_changes_at_once;
    ours: what_the_broker_does_not_change, a_smaller_retention_takes_effect_at_once
}

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

type Change<'a> = (&'a str, i8, Option<&'a str>);

fn changes(resource_type: i8, resource_name: &str, changes: &[Change]) -> AlterConfigsResource {
    let configs = changes.iter().map(|(name, config_operation, value)| AlterableConfig {
        name: (*name).into(),
        config_operation: *config_operation,
        value: value.map(Into::into),
    });
    AlterConfigsResource { resource_type, resource_name: resource_name.into(), configs: configs.collect() }
}

fn change_all(client: &mut Client, resources: Vec<AlterConfigsResource>, validate_only: bool) -> Vec<(ErrorCode, String)> {
    let answer = client.incremental_alter_configs(IncrementalAlterConfigsRequest { resources, validate_only }).unwrap();
    answer.responses.into_iter().map(|it| (it.error_code, it.error_message.as_deref().unwrap_or_default().to_string())).collect()
}

fn change(client: &mut Client, topic: &str, list: &[Change]) -> (ErrorCode, String) {
    one(change_all(client, vec![changes(TOPIC, topic, list)], false))
}

fn replace(client: &mut Client, topic: &str, configs: &[(&str, Option<&str>)], validate_only: bool) -> (ErrorCode, String) {
    let config =
        |(name, value): &(&str, Option<&str>)| alter_configs::AlterableConfig { name: (*name).into(), value: value.map(Into::into) };
    let configs = configs.iter().map(config).collect();
    let resources = vec![alter_configs::AlterConfigsResource { resource_type: TOPIC, resource_name: topic.into(), configs }];
    let it = one(client.alter_configs(AlterConfigsRequest { resources, validate_only }).unwrap().responses);
    (it.error_code, it.error_message.as_deref().unwrap_or_default().to_string())
}

/// The overrides of a topic.
fn overrides(client: &mut Client, topic: &str) -> Vec<(String, String)> {
    let resources = vec![DescribeConfigsResource { resource_type: TOPIC, resource_name: topic.into(), configuration_keys: None }];
    let configs =
        one(client.describe_configs(DescribeConfigsRequest { resources, ..DescribeConfigsRequest::default() }).unwrap().results).configs;
    let own = configs.iter().filter(|it| it.config_source == 1);
    let mut own: Vec<_> = own.map(|it| (it.name.to_string(), it.value.as_deref().unwrap_or_default().to_string())).collect();
    own.sort();
    own
}

fn until_overridden(client: &mut Client, topic: &Topic, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    until("the configs are told", || overrides(client, &topic.name) == expected);
}

const DONE: (ErrorCode, String) = (ErrorCode::NONE, String::new());

fn every_version_replaces(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("flush.ms", "1000")]), target.client());
    for version in 0..=2 {
        client.pin(ApiKey::AlterConfigs, version);
        let retention = format!("{}", 100_000_000 + i64::from(version));
        assert_eq!(replace(&mut client, &topic.name, &[("retention.ms", Some(&retention))], false), DONE);
        until_overridden(&mut client, &topic, &[("retention.ms", &retention)]);
    }
    assert_eq!(replace(&mut client, &topic.name, &[], false), DONE);
    until_overridden(&mut client, &topic, &[]);
}

fn every_version_changes(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("flush.ms", "1000")]), target.client());
    for version in 0..=1 {
        client.pin(ApiKey::IncrementalAlterConfigs, version);
        let retention = format!("{}", 100_000_000 + i64::from(version));
        assert_eq!(change(&mut client, &topic.name, &[("retention.ms", SET, Some(&retention))]), DONE);
        until_overridden(&mut client, &topic, &[("flush.ms", "1000"), ("retention.ms", &retention)]);
        assert_eq!(change(&mut client, &topic.name, &[("retention.ms", DELETE, None)]), DONE);
        until_overridden(&mut client, &topic, &[("flush.ms", "1000")]);
    }
}

fn lists_grow_and_shrink(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    assert_eq!(change(&mut client, &topic.name, &[("cleanup.policy", APPEND, Some("compact"))]), DONE);
    until_overridden(&mut client, &topic, &[("cleanup.policy", "delete,compact")]);
    assert_eq!(change(&mut client, &topic.name, &[("cleanup.policy", SUBTRACT, Some("delete"))]), DONE);
    until_overridden(&mut client, &topic, &[("cleanup.policy", "compact")]);
    let refused = change(&mut client, &topic.name, &[("retention.ms", APPEND, Some("1"))]);
    assert_eq!(refused, (ErrorCode::INVALID_CONFIG, "Can't APPEND to key retention.ms because its type is not LIST.".to_string()));
}

fn what_is_refused(target: &Target) {
    let (topic, missing, mut client) = (target.topic(1), target.name("none"), target.client());
    let node = client.metadata(Default::default()).unwrap().brokers[0].node_id;
    let set = ("flush.ms", SET, Some("1"));
    let cases = [
        (changes(TOPIC, &missing, &[set]), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "The topic"),
        (changes(TOPIC, "", &[set]), ErrorCode::INVALID_REQUEST, "Default topic resources are not allowed."),
        (
            changes(TOPIC, &topic.name, &[("no.such.config", SET, Some("1"))]),
            ErrorCode::INVALID_CONFIG,
            "Unknown topic config name: no.such.config",
        ),
        (changes(TOPIC, &topic.name, &[("flush.ms", SET, None)]), ErrorCode::INVALID_REQUEST, "Null value not supported for"),
        (changes(TOPIC, &topic.name, &[set, set]), ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys"),
        (
            changes(TOPIC, &topic.name, &[("retention.ms", SET, Some("soon"))]),
            ErrorCode::INVALID_CONFIG,
            "Invalid value soon for configuration retention.ms: Not a number of type LONG",
        ),
        (changes(BROKER, "4711", &[set]), ErrorCode::INVALID_REQUEST, &format!("Unexpected broker id, expected {node}, but received 4711")),
        (changes(BROKER, "one", &[set]), ErrorCode::INVALID_REQUEST, "Node id must be an integer, but it is: one"),
        (
            changes(BROKER, &node.to_string(), &[("num.partitions", SET, Some("7"))]),
            ErrorCode::INVALID_REQUEST,
            "Cannot update these configs dynamically: [num.partitions]",
        ),
        (changes(77, "x", &[set]), ErrorCode::INVALID_REQUEST, "Unknown resource type"),
    ];
    for (resource, code, message) in cases {
        let told = one(change_all(&mut client, vec![resource.clone()], false));
        assert!(told.0 == code && told.1.starts_with(message), "{resource:?}: {told:?}");
    }
    let twice = vec![changes(TOPIC, &topic.name, &[set]), changes(TOPIC, &topic.name, &[set])];
    let told = change_all(&mut client, twice, false);
    assert_eq!(told[0], (ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.".to_string()));
    assert_eq!(told[0], told[1]);
    assert_eq!(replace(&mut client, &missing, &[], false).0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(replace(&mut client, &topic.name, &[("flush.ms", None)], false).0, ErrorCode::INVALID_REQUEST);
    assert_eq!(overrides(&mut client, &topic.name), []);
}

fn nothing_half_done(target: &Target) {
    let (topic, other, mut client) = (target.topic(1), target.topic(1), target.client());
    let mixed = [("flush.ms", SET, Some("1")), ("retention.ms", SET, Some("soon"))];
    let told = change_all(&mut client, vec![changes(TOPIC, &topic.name, &mixed), changes(TOPIC, &other.name, &mixed[..1])], false);
    assert_eq!(told.iter().map(|it| it.0).collect::<Vec<_>>(), [ErrorCode::INVALID_CONFIG, ErrorCode::NONE]);
    until_overridden(&mut client, &other, &[("flush.ms", "1")]);
    assert_eq!(overrides(&mut client, &topic.name), []);
}

fn checks_alone_change_nothing(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    assert_eq!(one(change_all(&mut client, vec![changes(TOPIC, &topic.name, &[("flush.ms", SET, Some("1"))])], true)), DONE);
    assert_eq!(replace(&mut client, &topic.name, &[("flush.ms", Some("1"))], true), DONE);
    let refused = one(change_all(&mut client, vec![changes(TOPIC, &topic.name, &[("flush.ms", SET, Some("x"))])], true));
    assert_eq!(refused.0, ErrorCode::INVALID_CONFIG);
    assert_eq!(overrides(&mut client, &topic.name), []);
}

fn the_size_limit_changes_at_once(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let large = batch(&[&"x".repeat(5_000)]);
    assert_eq!(client.append(&topic, 0, large.clone()).unwrap().error_code, ErrorCode::NONE);
    assert_eq!(change(&mut client, &topic.name, &[("max.message.bytes", SET, Some("1000"))]), DONE);
    until("the limit holds", || client.append(&topic, 0, large.clone()).unwrap().error_code == ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(client.append(&topic, 0, batch(&["small"])).unwrap().error_code, ErrorCode::NONE);
    assert_eq!(change(&mut client, &topic.name, &[("max.message.bytes", DELETE, None)]), DONE);
    until("the limit is gone", || client.append(&topic, 0, large.clone()).unwrap().error_code == ErrorCode::NONE);
}

fn timestamps_change_at_once(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    assert_eq!(client.append(&topic, 0, batch(&["a"])).unwrap().log_append_time_ms, -1);
    assert_eq!(change(&mut client, &topic.name, &[("message.timestamp.type", SET, Some("LogAppendTime"))]), DONE);
    until("the broker stamps", || client.append(&topic, 0, batch(&["b"])).unwrap().log_append_time_ms > 0);
}

fn compression_changes_at_once(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("retention.ms", "-1")]), target.client());
    let codecs = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    let values = ["first", &"x".repeat(3_000), "last"];
    // The codec in which a batch that was sent in another one is stored.
    let stored = |client: &mut Client, sent: Codec| {
        let done = client.append(&topic, 0, batch_of(BatchBuilder::new(sent), &values)).unwrap();
        assert_eq!(done.error_code, ErrorCode::NONE);
        let read = client.read(&topic, 0, done.base_offset, 5_000).unwrap();
        let told = records_from(client, &topic, 0, done.base_offset);
        let told: Vec<_> = told.iter().map(|it| it.value.clone().unwrap()).collect();
        assert_eq!(told, values.map(|value| value.as_bytes().to_vec()));
        let (_, first) = batches(read.records.to_bytes()).next().unwrap();
        BatchHeader::read(&first).and_then(|header| header.codec()).unwrap()
    };
    for wanted in codecs {
        let name = if wanted == Codec::None { "uncompressed" } else { wanted.name() };
        assert_eq!(change(&mut client, &topic.name, &[("compression.type", SET, Some(name))]), DONE);
        until("the codec is taken", || stored(&mut client, codecs[(wanted as usize + 1) % 5]) == wanted);
        for sent in codecs {
            assert_eq!(stored(&mut client, sent), wanted, "sent in {}", sent.name());
        }
    }
    assert_eq!(change(&mut client, &topic.name, &[("compression.type", DELETE, None)]), DONE);
    until("it stays as it comes", || stored(&mut client, Codec::Gzip) == Codec::Gzip);
}

fn what_the_broker_does_not_change(target: &Target) {
    let mut client = target.client();
    for name in ["1", ""] {
        let told = one(change_all(&mut client, vec![changes(BROKER, name, &[("log.retention.ms", SET, Some("7"))])], false));
        assert_eq!(told, (ErrorCode::INVALID_REQUEST, "Cannot update these configs dynamically: [log.retention.ms]".to_string()));
    }
}

fn a_smaller_retention_takes_effect_at_once(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("retention.ms", "-1")]), target.client());
    for _ in 0..10 {
        client.append(&topic, 0, batch(&[&"x".repeat(1_000)])).unwrap();
    }
    let earliest = |client: &mut Client| client.offset_for(&topic, 0, -2).unwrap().offset;
    assert_eq!(earliest(&mut client), 0);
    assert_eq!(change(&mut client, &topic.name, &[("retention.bytes", SET, Some("3000"))]), DONE);
    until("what is too much has gone", || earliest(&mut client) == 7);
    assert_eq!(client.append(&topic, 0, batch(&["next"])).unwrap().base_offset, 10, "offsets go on");
    assert_eq!(change(&mut client, &topic.name, &[("retention.bytes", DELETE, None), ("retention.ms", SET, Some("0"))]), DONE);
    until("what is too old has gone", || earliest(&mut client) == 11);
}
