//! Configs: DescribeConfigs, AlterConfigs, IncrementalAlterConfigs, ListConfigResources.

use super::{Scenario, of};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

/// Kinds of resources.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Every kind there is, and some that are none.
const KINDS: [i8; 10] = [0, 1, TOPIC, 3, BROKER, 8, 16, 32, 33, -1];

/// Values that are no good.
const WRONG: &[(&str, &str)] = &[
    ("no.such", "1"),
    ("retention.ms", "soon"),
    ("retention.ms", "-2"),
    ("cleanup.policy", "burn"),
    ("compression.type", "rar"),
    ("preallocate", "maybe"),
    ("min.cleanable.dirty.ratio", "2"),
    ("max.message.bytes", "-1"),
    ("segment.bytes", "1"),
    ("message.timestamp.type", "Never"),
    ("min.insync.replicas", "0"),
    ("follower.replication.throttled.replicas", "x"),
    ("compression.gzip.level", "17"),
    ("unclean.leader.election.enable", "perhaps"),
    ("local.retention.ms", "-5"),
];

/// Values that are good.
const RIGHT: &[(&str, &str)] = &[
    ("retention.ms", "3600000"),
    ("retention.bytes", "1048576"),
    ("cleanup.policy", "compact"),
    ("compression.type", "zstd"),
    ("max.message.bytes", "2000"),
    ("segment.bytes", "1048576"),
    ("segment.ms", "1000"),
    ("message.timestamp.type", "LogAppendTime"),
    ("message.timestamp.after.max.ms", "1000"),
    ("min.insync.replicas", "1"),
    ("flush.messages", "1"),
    ("follower.replication.throttled.replicas", "*"),
    ("unclean.leader.election.enable", "true"),
    ("compression.gzip.level", "-1"),
    ("index.interval.bytes", "0"),
];

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        of("describe-configs", ApiKey::DescribeConfigs, describe),
        of("alter-configs", ApiKey::AlterConfigs, alter),
        of("incremental-alter-configs", ApiKey::IncrementalAlterConfigs, change),
        of("list-config-resources", ApiKey::ListConfigResources, list),
    ]
}

fn describe(run: &mut Run, version: i16) {
    let api = ApiKey::DescribeConfigs;
    run.topic("t", 1, "{cleanup.policy: compact, max.message.bytes: 1000}");
    let mut ask = |name: &str, resources: &str, rest: &str| run.ask(api, version, name, &format!("{{resources: [{resources}] {rest}}}"));
    let topic = |keys: &str| format!("{{resource_type: 2, resource_name: $t, configuration_keys: {keys}}}");
    ask("all of a topic", &topic("null"), "");
    ask("all of a topic, no keys", &topic("[]"), "");
    ask("with synonyms", &topic("null"), ", include_synonyms: true");
    ask("with documentation", &topic("[retention.ms, no.such]"), ", include_documentation: true, include_synonyms: true");
    ask("a few", &topic("[cleanup.policy, max.message.bytes, retention.ms]"), "");
    ask("unknown ones", &topic("[no.such]"), "");
    ask("one twice", &topic("[retention.ms, retention.ms]"), "");
    ask("a topic twice", &format!("{}, {}", topic("[retention.ms]"), topic("[cleanup.policy]")), "");
    ask("unknown topic", "{resource_type: 2, resource_name: configs-nowhere, configuration_keys: null}", "");
    ask("bad name", "{resource_type: 2, resource_name: 'a b', configuration_keys: null}", "");
    ask("no name", "{resource_type: 2, resource_name: '', configuration_keys: null}", "");
    ask(
        "a few of the broker",
        "{resource_type: 4, resource_name: '1', configuration_keys: [num.partitions, message.max.bytes, auto.create.topics.enable, log.cleanup.policy]}",
        "",
    );
    ask(
        "a few of the broker with synonyms",
        "{resource_type: 4, resource_name: '1', configuration_keys: [num.partitions, message.max.bytes]}",
        ", include_synonyms: true",
    );
    ask("another broker", "{resource_type: 4, resource_name: '2', configuration_keys: null}", "");
    ask("a broker that is no number", "{resource_type: 4, resource_name: x, configuration_keys: null}", "");
    ask("all brokers", "{resource_type: 4, resource_name: '', configuration_keys: [num.partitions]}", "");
    ask("nothing", "", "");
    for kind in KINDS {
        ask(&format!("kind {kind}"), &format!("{{resource_type: {kind}, resource_name: x, configuration_keys: null}}"), "");
    }
    ask(
        "one of each",
        &format!("{}, {{resource_type: 4, resource_name: '1', configuration_keys: [num.partitions]}}", topic("[retention.ms]")),
        "",
    );
    run.ask(api, version, "null resources", "{resources: null}");
}

/// What a topic has now.
fn look(run: &mut Run, name: &str) {
    run.catch_up();
    run.ask(ApiKey::DescribeConfigs, 4, name, "{resources: [{resource_type: 2, resource_name: $t, configuration_keys: null}]}");
}

fn alter(run: &mut Run, version: i16) {
    let api = ApiKey::AlterConfigs;
    run.topic("t", 1, "{cleanup.policy: compact}");
    let ask = |run: &mut Run, name: &str, configs: &str, rest: &str| {
        run.ask(api, version, name, &format!("{{resources: [{{resource_type: 2, resource_name: $t, configs: [{configs}]}}] {rest}}}"));
    };
    for (key, value) in WRONG {
        ask(run, &format!("{key} {value}"), &format!("{{name: {key}, value: '{value}'}}"), "");
    }
    ask(run, "dry", "{name: retention.ms, value: '5'}", ", validate_only: true");
    look(run, "after a dry run");
    for (key, value) in RIGHT {
        ask(run, &format!("{key} {value}"), &format!("{{name: {key}, value: '{value}'}}"), "");
    }
    look(run, "after the last of many");
    ask(run, "null value", "{name: retention.ms, value: null}", "");
    ask(run, "one twice", "{name: retention.ms, value: '1000'}, {name: retention.ms, value: '2000'}", "");
    ask(run, "good and bad", "{name: retention.ms, value: '1000'}, {name: cleanup.policy, value: burn}", "");
    ask(run, "no name", "{name: '', value: '1'}", "");
    ask(run, "none", "", "");
    look(run, "after none");
    resources(run, api, version, "{name: retention.ms, value: '1000'}");
}

/// Changes of what is no topic.
fn resources(run: &mut Run, api: ApiKey, version: i16, config: &str) {
    let mut ask = |name: &str, resources: &str| run.ask(api, version, name, &format!("{{resources: [{resources}], validate_only: true}}"));
    ask("unknown topic", &format!("{{resource_type: 2, resource_name: configs-nowhere, configs: [{config}]}}"));
    ask("bad name", &format!("{{resource_type: 2, resource_name: 'a b', configs: [{config}]}}"));
    ask("no name", &format!("{{resource_type: 2, resource_name: '', configs: [{config}]}}"));
    // Apache Kafka never answers an AlterConfigs that names a topic twice.
    if api == ApiKey::IncrementalAlterConfigs {
        ask(
            "a topic twice",
            &format!(
                "{{resource_type: 2, resource_name: $t, configs: [{config}]}}, {{resource_type: 2, resource_name: $t, configs: [{config}]}}"
            ),
        );
    }
    ask("nothing", "");
    ask("another broker", &format!("{{resource_type: 4, resource_name: '7', configs: [{config}]}}"));
    ask("a broker that is no number", &format!("{{resource_type: 4, resource_name: x, configs: [{config}]}}"));
    for kind in KINDS.into_iter().filter(|kind| ![TOPIC, BROKER].contains(kind)) {
        ask(&format!("kind {kind}"), &format!("{{resource_type: {kind}, resource_name: x, configs: [{config}]}}"));
    }
    run.ask(api, version, "null resources", "{resources: null}");
}

fn change(run: &mut Run, version: i16) {
    let api = ApiKey::IncrementalAlterConfigs;
    run.topic("t", 1, "{cleanup.policy: compact, retention.ms: 5000}");
    let ask = |run: &mut Run, name: &str, configs: &str, rest: &str| {
        run.ask(api, version, name, &format!("{{resources: [{{resource_type: 2, resource_name: $t, configs: [{configs}]}}] {rest}}}"));
    };
    let op = |key: &str, operation: i8, value: &str| format!("{{name: {key}, config_operation: {operation}, value: {value}}}");
    for (key, value) in WRONG {
        ask(run, &format!("{key} {value}"), &op(key, 0, &format!("'{value}'")), "");
    }
    ask(run, "dry", &op("retention.ms", 0, "'5'"), ", validate_only: true");
    ask(run, "dry and wrong", &op("retention.ms", 0, "soon"), ", validate_only: true");
    look(run, "after a dry run");
    for (key, value) in RIGHT {
        ask(run, &format!("{key} {value}"), &op(key, 0, &format!("'{value}'")), "");
    }
    look(run, "after many");
    ask(run, "append", &op("cleanup.policy", 2, "delete"), "");
    ask(run, "append what is there", &op("cleanup.policy", 2, "delete"), "");
    look(run, "after appending");
    ask(run, "append what is wrong", &op("cleanup.policy", 2, "burn"), "");
    ask(run, "append to no list", &op("retention.ms", 2, "'5'"), "");
    ask(run, "subtract", &op("cleanup.policy", 3, "compact"), "");
    ask(run, "subtract what is not there", &op("cleanup.policy", 3, "compact"), "");
    ask(run, "subtract from no list", &op("retention.ms", 3, "'5'"), "");
    look(run, "after subtracting");
    ask(run, "delete", &op("retention.ms", 1, "null"), "");
    ask(run, "delete again", &op("retention.ms", 1, "null"), "");
    ask(run, "delete with a value", &op("segment.ms", 1, "'7'"), "");
    ask(run, "delete what nobody knows", &op("no.such", 1, "null"), "");
    look(run, "after deleting");
    ask(run, "set to null", &op("retention.ms", 0, "null"), "");
    ask(run, "append null", &op("cleanup.policy", 2, "null"), "");
    ask(run, "an operation that is none", &op("retention.ms", 9, "'5'"), "");
    ask(run, "a negative operation", &op("retention.ms", -1, "'5'"), "");
    ask(run, "one twice", &format!("{}, {}", op("retention.ms", 0, "'5000'"), op("retention.ms", 1, "null")), "");
    ask(run, "good and bad", &format!("{}, {}", op("retention.ms", 0, "'5000'"), op("cleanup.policy", 0, "burn")), "");
    ask(run, "no name", &op("''", 0, "'1'"), "");
    ask(run, "none", "", "");
    look(run, "at the end");
    resources(run, api, version, &op("retention.ms", 0, "'1000'"));
}

fn list(run: &mut Run, version: i16) {
    let api = ApiKey::ListConfigResources;
    if version == 0 {
        run.ask(api, version, "metrics", "{}");
        return;
    }
    for kinds in ["[4]", "[8]", "[16]", "[32]", "[4, 8]", "[16, 16]", "[1]", "[99]", "[-1]", "null"] {
        run.ask(api, version, &format!("kinds {kinds}"), &format!("{{resource_types: {kinds}}}"));
    }
}
