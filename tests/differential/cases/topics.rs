//! CreateTopics, DeleteTopics, CreatePartitions.

use super::{Scenario, of};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        of("create-topics", ApiKey::CreateTopics, create),
        of("create-topics-configs", ApiKey::CreateTopics, configs),
        of("delete-topics", ApiKey::DeleteTopics, delete),
        of("create-partitions", ApiKey::CreatePartitions, partitions),
    ]
}

fn create(run: &mut Run, version: i16) {
    for letter in ["a", "b", "c", "d"] {
        run.set(letter, format!("{}-{letter}", run.stem));
    }
    let mut ask = |name: &str, topics: &str| {
        run.ask(ApiKey::CreateTopics, version, name, &format!("{{topics: [{topics}], timeout_ms: 30000}}"));
    };
    ask("one", "{name: $a, num_partitions: 2, replication_factor: 1}");
    ask("again", "{name: $a, num_partitions: 2, replication_factor: 1}");
    ask("nothing", "");
    ask(
        "two, one of which is there",
        "{name: $a, num_partitions: 1, replication_factor: 1}, {name: $b, num_partitions: 1, replication_factor: 1}",
    );
    ask("one twice", "{name: $c, num_partitions: 1, replication_factor: 1}, {name: $c, num_partitions: 1, replication_factor: 1}");
    ask(
        "one that is there twice",
        "{name: $a, num_partitions: 1, replication_factor: 1}, {name: $a, num_partitions: 1, replication_factor: 1}",
    );
    if version >= 4 {
        ask("defaults", "{name: $d, num_partitions: -1, replication_factor: -1}");
    }
    for (name, topic) in [("no name", "''"), ("a dot", "."), ("two dots", ".."), ("a slash", "a/b"), ("a blank", "'a b'"), ("umlaut", "ä")]
    {
        ask(name, &format!("{{name: {topic}, num_partitions: 1, replication_factor: 1}}"));
    }
    for (name, partitions, replicas) in [
        ("no partitions", 0, 1),
        ("negative partitions", -2, 1),
        ("no replicas", 1, 0),
        ("negative replicas", 1, -2),
        ("both wrong", 0, 0),
        ("too many replicas", 1, 3),
    ] {
        ask(name, &format!("{{name: odd-{version}, num_partitions: {partitions}, replication_factor: {replicas}}}"));
    }
    ask("internal", "{name: __consumer_offsets, num_partitions: 1, replication_factor: 1}");
    create_odd(run, version);
}

fn create_odd(run: &mut Run, version: i16) {
    for (letter, name) in [("dotted", "x.y"), ("scored", "x_y"), ("e", "e"), ("f", "f")] {
        run.set(letter, format!("{}-{name}", run.stem));
    }
    run.set("long", "x".repeat(250));
    let mut ask = |name: &str, topics: &str| {
        run.ask(ApiKey::CreateTopics, version, name, &format!("{{topics: [{topics}], timeout_ms: 30000}}"));
    };
    ask("too long a name", "{name: $long, num_partitions: 1, replication_factor: 1}");
    ask("with a dot", "{name: $dotted, num_partitions: 1, replication_factor: 1}");
    ask("with an underscore", "{name: $scored, num_partitions: 1, replication_factor: 1}");
    ask("null name", "{name: null, num_partitions: 1, replication_factor: 1}");
    let assigned = |assignments: &str| format!("{{name: $e, num_partitions: -1, replication_factor: -1, assignments: [{assignments}]}}");
    ask("assigned to nobody", &assigned("{partition_index: 0, broker_ids: []}"));
    ask("assigned to a broker that is not there", &assigned("{partition_index: 0, broker_ids: [9]}"));
    ask("assigned twice to one", &assigned("{partition_index: 0, broker_ids: [1, 1]}"));
    ask("assigned with a gap", &assigned("{partition_index: 0, broker_ids: [1]}, {partition_index: 2, broker_ids: [1]}"));
    ask("assigned a partition twice", &assigned("{partition_index: 0, broker_ids: [1]}, {partition_index: 0, broker_ids: [1]}"));
    ask(
        "assigned and counted",
        "{name: $e, num_partitions: 1, replication_factor: -1, assignments: [{partition_index: 0, broker_ids: [1]}]}",
    );
    ask(
        "assigned and replicated",
        "{name: $e, num_partitions: -1, replication_factor: 1, assignments: [{partition_index: 0, broker_ids: [1]}]}",
    );
    ask("assigned", &assigned("{partition_index: 1, broker_ids: [1]}, {partition_index: 0, broker_ids: [1]}"));
    for (name, topic) in [
        ("dry", "{name: $f, num_partitions: 3, replication_factor: 1}"),
        ("dry, there", "{name: $e, num_partitions: 1, replication_factor: 1}"),
    ] {
        run.ask(ApiKey::CreateTopics, version, name, &format!("{{topics: [{topic}], timeout_ms: 30000, validate_only: true}}"));
    }
    run.ask(ApiKey::Metadata, 4, "after a dry run", "{topics: [{name: $f}], allow_auto_topic_creation: false}");
    run.ask(ApiKey::CreateTopics, version, "null topics", "{topics: null, timeout_ms: 30000}");
}

fn configs(run: &mut Run, version: i16) {
    for (index, (name, configs)) in [
        ("a few", "{name: retention.ms, value: '1000'}, {name: cleanup.policy, value: compact}"),
        ("unknown name", "{name: no.such, value: '1'}"),
        ("bad number", "{name: retention.ms, value: soon}"),
        ("number out of range", "{name: retention.ms, value: '-2'}"),
        ("too large a number", "{name: segment.bytes, value: '99999999999'}"),
        ("bad word", "{name: cleanup.policy, value: burn}"),
        ("two words", "{name: cleanup.policy, value: 'compact,delete'}"),
        ("no words", "{name: cleanup.policy, value: ''}"),
        ("bad codec", "{name: compression.type, value: rar}"),
        ("bad bool", "{name: preallocate, value: maybe}"),
        ("bad double", "{name: min.cleanable.dirty.ratio, value: '2'}"),
        ("null value", "{name: retention.ms, value: null}"),
        ("the same twice", "{name: retention.ms, value: '1000'}, {name: retention.ms, value: '2000'}"),
        ("no replica in sync", "{name: min.insync.replicas, value: '0'}"),
        ("blanks", "{name: retention.ms, value: ' 1000 '}"),
        ("no name", "{name: '', value: '1'}"),
        ("too small segments", "{name: segment.bytes, value: '1'}"),
        ("remote storage", "{name: remote.storage.enable, value: 'true'}"),
        ("lag turned round", "{name: min.compaction.lag.ms, value: '10'}, {name: max.compaction.lag.ms, value: '5'}"),
        (
            "a time of the broker",
            "{name: message.timestamp.type, value: LogAppendTime}, {name: message.timestamp.after.max.ms, value: '5'}",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        run.set("t", format!("{}-{index}", run.stem));
        let topics = format!("[{{name: $t, num_partitions: 1, replication_factor: 1, configs: [{configs}]}}]");
        run.ask(ApiKey::CreateTopics, version, name, &format!("{{topics: {topics}, timeout_ms: 30000, validate_only: true}}"));
        run.ask(ApiKey::CreateTopics, version, name, &format!("{{topics: {topics}, timeout_ms: 30000}}"));
    }
}

fn delete(run: &mut Run, version: i16) {
    for name in ["a", "b", "c", "d"] {
        run.topic(name, 1, "{}");
    }
    let api = ApiKey::DeleteTopics;
    let ask = |run: &mut Run, name: &str, topics: &str| {
        let states = topics.split_whitespace().map(|topic| format!("{{name: {topic}}}")).collect::<Vec<_>>().join(", ");
        run.ask(api, version, name, &format!("{{topic_names: [{topics}], topics: [{states}], timeout_ms: 30000}}"));
    };
    ask(run, "unknown", "delete-nowhere");
    ask(run, "nothing", "");
    ask(run, "no name", "''");
    ask(run, "bad name", "a/b");
    ask(run, "one", "$a");
    ask(run, "again", "$a");
    ask(run, "one twice", "$b $b");
    ask(run, "known and unknown", "$b delete-nowhere");
    if version >= 6 {
        run.ask(api, version, "id and name", "{topics: [{name: $c, topic_id: $c.id}], timeout_ms: 30000}");
        run.ask(api, version, "by id", "{topics: [{name: null, topic_id: $c.id}], timeout_ms: 30000}");
        run.ask(api, version, "by id again", "{topics: [{name: null, topic_id: $c.id}], timeout_ms: 30000}");
        run.ask(api, version, "neither", "{topics: [{name: null}], timeout_ms: 30000}");
        run.ask(api, version, "by name and by id", "{topics: [{name: $d}, {name: null, topic_id: $d.id}], timeout_ms: 30000}");
        run.ask(api, version, "by id twice", "{topics: [{name: null, topic_id: $d.id}, {name: null, topic_id: $d.id}], timeout_ms: 30000}");
    }
    run.ask(api, version, "nulls", "{topic_names: null, topics: null, timeout_ms: 30000}");
}

fn partitions(run: &mut Run, version: i16) {
    run.topic("a", 2, "{}");
    run.topic("b", 1, "{}");
    let ask = |run: &mut Run, name: &str, topics: &str| {
        run.ask(ApiKey::CreatePartitions, version, name, &format!("{{topics: [{topics}], timeout_ms: 30000}}"));
    };
    run.ask(
        ApiKey::CreatePartitions,
        version,
        "dry",
        "{topics: [{name: $a, count: 5, assignments: null}], timeout_ms: 30000, validate_only: true}",
    );
    ask(run, "unknown", "{name: create-nowhere, count: 3, assignments: null}");
    ask(run, "nothing", "");
    ask(run, "as many", "{name: $a, count: 2, assignments: null}");
    ask(run, "fewer", "{name: $a, count: 1, assignments: null}");
    ask(run, "none", "{name: $a, count: 0, assignments: null}");
    ask(run, "negative", "{name: $a, count: -1, assignments: null}");
    ask(run, "more", "{name: $a, count: 3, assignments: null}");
    ask(run, "one twice", "{name: $a, count: 4, assignments: null}, {name: $a, count: 5, assignments: null}");
    ask(run, "empty assignments", "{name: $b, count: 2, assignments: []}");
    ask(run, "too many assignments", "{name: $b, count: 2, assignments: [{broker_ids: [1]}, {broker_ids: [1]}]}");
    ask(run, "too few assignments", "{name: $b, count: 3, assignments: [{broker_ids: [1]}]}");
    ask(run, "assigned to nobody", "{name: $b, count: 2, assignments: [{broker_ids: []}]}");
    ask(run, "assigned to a broker that is not there", "{name: $b, count: 2, assignments: [{broker_ids: [7]}]}");
    ask(run, "assigned twice to one", "{name: $b, count: 2, assignments: [{broker_ids: [1, 1]}]}");
    ask(run, "assigned", "{name: $b, count: 2, assignments: [{broker_ids: [1]}]}");
    ask(run, "known and unknown", "{name: $b, count: 3, assignments: null}, {name: create-nowhere, count: 3, assignments: null}");
    run.settle("a", 3);
    run.ask(ApiKey::Metadata, 9, "after more partitions", "{topics: [{name: $a}], allow_auto_topic_creation: false}");
    run.ask(ApiKey::CreatePartitions, version, "null topics", "{topics: null, timeout_ms: 30000}");
    run.ask(
        ApiKey::CreatePartitions,
        version,
        "internal",
        "{topics: [{name: __consumer_offsets, count: 60, assignments: null}], timeout_ms: 30000, validate_only: true}",
    );
}
