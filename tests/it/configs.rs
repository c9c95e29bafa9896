//! DescribeConfigs: topics and the broker, sources, chosen keys, what is refused.

use crate::target::{Target, cases, one};
use monolog::client::Client;
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResult};

cases! {
    kafka: a_topics_configs_in_every_version, only_what_is_asked, synonyms_and_documentation, the_brokers_configs, what_is_refused;
    ours:
}

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn describe(client: &mut Client, resource_type: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResult {
    let configuration_keys = keys.map(|keys| keys.iter().map(|&key| key.into()).collect());
    let resources = vec![DescribeConfigsResource { resource_type, resource_name: name.into(), configuration_keys }];
    one(client.describe_configs(DescribeConfigsRequest { resources, ..DescribeConfigsRequest::default() }).unwrap().results)
}

/// The topic configs that tools look up by name.
const NAMES: [&str; 13] = [
    "cleanup.policy",
    "compression.type",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "max.message.bytes",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "preallocate",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "unclean.leader.election.enable",
];

fn a_topics_configs_in_every_version(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("retention.ms", "1234567")]), target.client());
    for version in 1..=4 {
        client.pin(ApiKey::DescribeConfigs, version);
        let result = describe(&mut client, TOPIC, &topic.name, None);
        assert_eq!((result.error_code, result.resource_type, &result.resource_name), (ErrorCode::NONE, TOPIC, &topic.name));
        for name in NAMES {
            let config = result.configs.iter().find(|it| it.name.as_str() == name).unwrap_or_else(|| panic!("no {name}"));
            let source = if name == "retention.ms" { 1 } else { 5 };
            assert_eq!((config.config_source, config.is_sensitive, config.read_only), (source, false, false), "{name}");
            assert!(config.value.is_some() && config.synonyms.is_empty());
        }
        let retention = result.configs.iter().find(|it| it.name.as_str() == "retention.ms").unwrap();
        assert_eq!((retention.value.as_deref(), retention.config_type), (Some("1234567"), if version >= 3 { 5 } else { 0 }));
    }
}

fn only_what_is_asked(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let result = describe(&mut client, TOPIC, &topic.name, Some(&["max.message.bytes", "no.such.config"]));
    assert_eq!(one(result.configs.to_vec()).value.as_deref(), Some("1048588"));
}

fn synonyms_and_documentation(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("max.message.bytes", "5000")]), target.client());
    let resources = vec![DescribeConfigsResource {
        resource_type: TOPIC,
        resource_name: topic.name.clone(),
        configuration_keys: Some(vec!["max.message.bytes".into()]),
    }];
    let request = DescribeConfigsRequest { resources, include_synonyms: true, include_documentation: true };
    let config = one(one(client.describe_configs(request).unwrap().results).configs.to_vec());
    let synonyms: Vec<_> = config.synonyms.iter().map(|it| (it.name.as_str(), it.value.as_deref(), it.source)).collect();
    assert_eq!(synonyms, [("max.message.bytes", Some("5000"), 1), ("message.max.bytes", Some("1048588"), 5)]);
}

fn the_brokers_configs(target: &Target) {
    let mut client = target.client();
    let node = client.metadata(Default::default()).unwrap().brokers[0].node_id.to_string();
    let result = describe(&mut client, BROKER, &node, None);
    assert_eq!(result.error_code, ErrorCode::NONE);
    for name in ["default.replication.factor", "num.partitions", "auto.create.topics.enable", "min.insync.replicas", "message.max.bytes"] {
        let config = result.configs.iter().find(|it| it.name.as_str() == name).unwrap_or_else(|| panic!("no {name}"));
        assert!(config.value.as_deref().is_some_and(|value| !value.is_empty()), "{name}");
    }
}

fn what_is_refused(target: &Target) {
    let mut client = target.client();
    let missing = target.name("none");
    for (kind, name, error) in [
        (TOPIC, &missing[..], ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC, "a b", ErrorCode::INVALID_TOPIC_EXCEPTION),
        (BROKER, "4711", ErrorCode::INVALID_REQUEST),
        (BROKER, "one", ErrorCode::INVALID_REQUEST),
        (77, "x", ErrorCode::INVALID_REQUEST),
    ] {
        let result = describe(&mut client, kind, name, None);
        assert_eq!((result.error_code, result.configs.len()), (error, 0), "{kind} {name}: {:?}", result.error_message);
    }
}
