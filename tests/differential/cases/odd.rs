//! Requests that hardly any client sends and every client may: nulls and empty lists, names and ids given twice or both, numbers at
//! the ends of their range, calls that come too early or too late.

use super::{Scenario, alone, of};
use crate::records::{batch, numbered, overwritten, patched, sized};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;
use serde_json::json;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        alone("odd-log-dirs", ApiKey::DescribeLogDirs, log_dirs),
        of("odd-metadata", ApiKey::Metadata, metadata),
        of("odd-fetch", ApiKey::Fetch, fetch),
        of("odd-produce", ApiKey::Produce, produce),
        of("odd-list-offsets", ApiKey::ListOffsets, list_offsets),
        of("odd-create-topics", ApiKey::CreateTopics, create_topics),
        of("odd-create-partitions", ApiKey::CreatePartitions, create_partitions),
        of("odd-delete-topics", ApiKey::DeleteTopics, delete_topics),
        of("odd-delete-records", ApiKey::DeleteRecords, delete_records),
        alone("odd-producer-ids", ApiKey::InitProducerId, producer_ids),
        of("odd-epochs", ApiKey::OffsetForLeaderEpoch, epochs),
        of("odd-coordinators", ApiKey::FindCoordinator, coordinators),
        of("odd-elections", ApiKey::ElectLeaders, elections),
    ]
}

/// Appends `$b` to partition 0 of `$t`.
fn append(run: &mut Run, records: &[u8]) {
    run.batch("b", records);
    run.ask(
        ApiKey::Produce,
        9,
        "to look at",
        "{acks: -1, timeout_ms: 30000, topic_data: [{name: $t, partition_data: [{index: 0, records: $b}]}]}",
    );
}

/// Makes a few records, of which the first ones are deleted again.
fn with_deleted(run: &mut Run) {
    run.topic("t", 2, "{}");
    for values in [&["a", "b", "c"][..], &["d", "e"], &["f"]] {
        append(run, &batch(values));
    }
    delete_up_to(run, 2);
}

fn delete_up_to(run: &mut Run, offset: i64) {
    let body = format!("{{topics: [{{name: $t, partitions: [{{partition_index: 0, offset: {offset}}}]}}], timeout_ms: 30000}}");
    run.ask(ApiKey::DeleteRecords, 2, "to look at what is left", &body);
}

fn log_dirs(run: &mut Run, version: i16) {
    run.topic("t", 2, "{}");
    let ask = |run: &mut Run, name: &str, topics: &str| run.ask(ApiKey::DescribeLogDirs, version, name, &format!("{{topics: {topics}}}"));
    ask(run, "null topics", "null");
    ask(run, "a partition twice", "[{topic: $t, partitions: [0, 0]}]");
    ask(run, "a topic twice", "[{topic: $t, partitions: [0]}, {topic: $t, partitions: [1]}]");
    ask(run, "a negative partition", "[{topic: $t, partitions: [-1]}]");
    ask(run, "null partitions", "[{topic: $t, partitions: null}]");
    ask(run, "no name", "[{topic: '', partitions: [0]}]");
}

fn metadata(run: &mut Run, version: i16) {
    let api = ApiKey::Metadata;
    run.topic("t", 1, "{}");
    let made = format!("{}-made", run.stem);
    run.set("made", made);
    run.ask(api, version, "made on demand", "{topics: [{name: $made}], allow_auto_topic_creation: true}");
    run.settle("made", 1);
    run.ask(api, version, "once it was made", "{topics: [{name: $made}, {name: $t}], allow_auto_topic_creation: true}");
    if version >= 10 {
        run.ask(api, version, "an id and no name", "{topics: [{name: '', topic_id: $t.id}]}");
        run.ask(api, version, "neither id nor name", "{topics: [{name: null}]}");
        run.ask(api, version, "neither, and one that is there", "{topics: [{name: null}, {name: $t}]}");
        run.ask(api, version, "an unknown id and a name", "{topics: [{name: $t, topic_id: abcdefghijklmnopqrstuA}]}");
        run.ask(api, version, "an id that is reserved", "{topics: [{name: null, topic_id: AAAAAAAAAAAAAAAAAAAAAQ}]}");
        run.ask(
            api,
            version,
            "an unknown id twice",
            "{topics: [{name: null, topic_id: abcdefghijklmnopqrstuA}, {name: null, topic_id: abcdefghijklmnopqrstuA}]}",
        );
    }
}

fn fetch(run: &mut Run, version: i16) {
    let api = ApiKey::Fetch;
    with_deleted(run);
    let ask = |run: &mut Run, name: &str, head: &str, partition: &str| {
        let topics = format!("[{{topic: $t, topic_id: $t.id, partitions: [{{partition: 0, {partition}}}]}}]");
        run.ask(api, version, name, &format!("{{{head} topics: {topics}}}"));
    };
    let (some, from) = ("max_wait_ms: 0, min_bytes: 1,", "fetch_offset: 3, partition_max_bytes: 1000");
    ask(run, "below what was deleted", some, "fetch_offset: 1, partition_max_bytes: 1000");
    ask(run, "within a batch whose beginning was deleted", some, "fetch_offset: 2, partition_max_bytes: 1000");
    ask(run, "a negative wait", "max_wait_ms: -1, min_bytes: 1,", from);
    ask(run, "negative bytes to wait for", "max_wait_ms: 0, min_bytes: -5,", from);
    ask(run, "no bytes of a partition", some, "fetch_offset: 3, partition_max_bytes: 0");
    ask(run, "negative bytes of a partition", some, "fetch_offset: 3, partition_max_bytes: -1");
    ask(run, "a log start of its own", some, "fetch_offset: 3, partition_max_bytes: 1000, log_start_offset: 3");
    ask(
        run,
        "forgotten without a session",
        &format!("{some} forgotten_topics_data: [{{topic: $t, topic_id: $t.id, partitions: [0]}}],"),
        from,
    );
    ask(run, "no epochs", some, "fetch_offset: 3, partition_max_bytes: 1000, current_leader_epoch: -1, last_fetched_epoch: -1");
    if version >= 7 {
        let mut session =
            |name: &str, id: i64, epoch: i64| ask(run, name, &format!("{some} session_id: {id}, session_epoch: {epoch},"), from);
        session("a negative session", -1, 1);
        session("a very negative epoch", 0, -2);
        session("the last epoch of no session", 5, i64::from(i32::MAX));
        session("a very negative epoch of no session", 5, i64::from(i32::MIN));
    }
    run.ask(api, version, "null partitions", "{max_wait_ms: 0, min_bytes: 1, topics: [{topic: $t, topic_id: $t.id, partitions: null}]}");
    if version >= 13 {
        let no_id = "{max_wait_ms: 0, min_bytes: 1, topics: [{partitions: [{partition: 0, fetch_offset: 0, partition_max_bytes: 9}]}]}";
        run.ask(api, version, "no id", no_id);
    }
}

fn produce(run: &mut Run, version: i16) {
    let api = ApiKey::Produce;
    for (name, configs) in [("t", "{}"), ("u", "{}"), ("small", "{max.message.bytes: 100}"), ("segments", "{segment.bytes: 1048576}")] {
        run.topic(name, 2, configs);
    }
    run.batch("b", &batch(&["a", "b", "c"]));
    let data = |topic: &str, records: &str| {
        format!("{{name: ${topic}, topic_id: ${topic}.id, partition_data: [{{index: 0, records: {records}}}]}}")
    };
    let ask = |run: &mut Run, name: &str, head: &str, data: &str| run.ask(api, version, name, &format!("{{{head}, topic_data: [{data}]}}"));
    let plain = "acks: -1, timeout_ms: 30000";
    ask(run, "a negative time-out", "acks: -1, timeout_ms: -1", &data("t", "$b"));
    ask(run, "an empty transactional id", "acks: -1, timeout_ms: 30000, transactional_id: ''", &data("t", "$b"));
    // Apache Kafka never answers a Produce without records that are at least empty.
    ask(run, "a topic twice", plain, &format!("{}, {}", data("t", "$b"), data("t", "$b").replace("index: 0", "index: 1")));
    ask(run, "null partitions", plain, "{name: $t, topic_id: $t.id, partition_data: null}");
    ask(run, "no topics and no acks that are", "acks: 3, timeout_ms: 30000", "");
    ask(run, "no acks for what is unknown", "acks: 0, timeout_ms: 30000", &data("t", "$b").replace("index: 0", "index: 9"));
    ask(run, "no acks that are for what is unknown", "acks: 3, timeout_ms: 30000", &data("t", "$b").replace("index: 0", "index: 9"));
    run.batch("b", &overwritten(&batch(&["a"]), 20, &[7]));
    ask(run, "no acks for what is damaged", "acks: 0, timeout_ms: 30000", &data("t", "$b"));
    run.batch("b", &sized(200));
    ask(run, "no acks for what is too large", "acks: 0, timeout_ms: 30000", &data("small", "$b"));
    run.batch("b", &overwritten(&sized(200), 20, &[7]));
    ask(run, "too large and damaged", plain, &data("small", "$b"));
    run.batch("b", &overwritten(&sized(200), 7, &[1]));
    ask(run, "too large and with an offset", plain, &data("small", "$b"));
    run.batch("b", &patched(&sized(200), 57, &9i32.to_be_bytes()));
    ask(run, "too large and miscounted", plain, &data("small", "$b"));
    run.batch("b", &numbered(4_000_000_000, 0, 0, &["a"]));
    run.batch("c", &numbered(4_000_000_001, 0, 0, &["a"]));
    ask(run, "two producers", plain, &format!("{}, {}", data("t", "$b"), data("u", "$c")));
    run.batch("b", &numbered(4_000_000_000, i16::MAX, 0, &["b"]));
    ask(run, "the last epoch", plain, &data("t", "$b"));
    run.batch("b", &numbered(4_000_000_000, i16::MIN, 0, &["b"]));
    ask(run, "an epoch that came round", plain, &data("t", "$b"));
    // What surrounds a record in a batch of its own: 61 bytes, and 11 of its lengths and deltas.
    for (name, size) in [
        ("as large as a segment", 1_048_576),
        ("a byte larger than a segment", 1_048_577),
        ("as large as a message", 1_048_588),
        ("a byte larger than a message", 1_048_589),
    ] {
        run.batch("b", &sized(size - 72));
        ask(run, name, plain, &data("segments", "$b"));
    }
    run.batch("b", &patched(&sized(1_048_577 - 72), 43, &[&4_000_000_000i64.to_be_bytes()[..], &[0, 0, 0, 0, 0, 9]].concat()));
    ask(run, "larger than a segment, the next too", plain, &data("segments", "$b"));
    ask(run, "larger than a segment, of an unknown partition", plain, &data("segments", "$b").replace("index: 0", "index: 9"));
    run.ask(
        ApiKey::ListOffsets,
        5,
        "after odd produces",
        "{replica_id: -1, topics: [{name: $segments, partitions: [{partition_index: 0, timestamp: -1}]}, \
         {name: $t, partitions: [{partition_index: 0, timestamp: -1}, {partition_index: 1, timestamp: -1}]}]}",
    );
}

fn list_offsets(run: &mut Run, version: i16) {
    let api = ApiKey::ListOffsets;
    with_deleted(run);
    let ask = |run: &mut Run, name: &str, head: &str, partition: &str| {
        let topics = format!("[{{name: $t, partitions: [{{partition_index: 0, {partition}}}]}}]");
        run.ask(api, version, name, &format!("{{replica_id: -1, {head} topics: {topics}, timeout_ms: 30000}}"));
    };
    for state in ["a part was deleted", "all was deleted"] {
        for special in [-1, -2, -4, -5, -6, -7, i64::MIN] {
            ask(run, &format!("{state}: {special}"), "", &format!("timestamp: {special}"));
        }
        for time in [0, 1_000, 1_001, 1_002, 1_003] {
            ask(run, &format!("{state}: at {time}"), "", &format!("timestamp: {time}"));
        }
        if state == "a part was deleted" {
            ask(run, "the greatest time of what is left", "", "timestamp: -3");
            delete_up_to(run, -1);
        }
    }
    ask(run, "an isolation level that is none", "isolation_level: 9,", "timestamp: -1");
    run.ask(api, version, "null partitions", "{replica_id: -1, topics: [{name: $t, partitions: null}]}");
    run.ask(api, version, "no name", "{replica_id: -1, topics: [{name: '', partitions: [{partition_index: 0, timestamp: -1}]}]}");
    if version >= 10 {
        run.ask(
            api,
            version,
            "a negative time-out",
            "{replica_id: -1, topics: [{name: $t, partitions: [{partition_index: 0, timestamp: -1}]}], timeout_ms: -1}",
        );
    }
}

fn create_topics(run: &mut Run, version: i16) {
    run.topic("t", 1, "{}");
    run.set("n", format!("{}-n", run.stem));
    let plain = "num_partitions: 1, replication_factor: 1";
    let assigned = "num_partitions: -1, replication_factor: -1, assignments";
    for (name, topic) in [
        ("of a bad name", format!("{{name: 'a b', {plain}}}")),
        ("twice", format!("{{name: $n, {plain}}}, {{name: $n, {plain}}}")),
        ("twice, once there", format!("{{name: $t, {plain}}}, {{name: $n, {plain}}}, {{name: $n, {plain}}}")),
        ("without partitions", "{name: $n, num_partitions: 0, replication_factor: 1}".to_owned()),
        ("without replicas", "{name: $n, num_partitions: 1, replication_factor: 0}".to_owned()),
        ("assigned to nobody", format!("{{name: $n, {assigned}: [{{partition_index: 0, broker_ids: []}}]}}")),
        (
            "assigned and counted",
            "{name: $n, num_partitions: 1, replication_factor: 1, assignments: [{partition_index: 0, broker_ids: [1]}]}".to_owned(),
        ),
        ("assigned negatively", format!("{{name: $n, {assigned}: [{{partition_index: -1, broker_ids: [1]}}]}}")),
        ("assigned to a negative broker", format!("{{name: $n, {assigned}: [{{partition_index: 0, broker_ids: [-1]}}]}}")),
        ("there, and badly set", format!("{{name: $t, {plain}, configs: [{{name: no.such, value: '1'}}]}}")),
        (
            "without partitions, and badly set",
            "{name: $n, num_partitions: 0, replication_factor: 1, configs: [{name: no.such, value: '1'}]}".to_owned(),
        ),
        ("badly set twice", format!("{{name: $n, {plain}, configs: [{{name: retention.ms, value: x}}, {{name: no.such, value: '1'}}]}}")),
        ("well", format!("{{name: $n, {plain}}}")),
    ] {
        run.ask(
            ApiKey::CreateTopics,
            version,
            &format!("dry: {name}"),
            &format!("{{topics: [{topic}], timeout_ms: 30000, validate_only: true}}"),
        );
        if !matches!(name, "well") {
            run.ask(ApiKey::CreateTopics, version, name, &format!("{{topics: [{topic}], timeout_ms: 30000}}"));
        }
    }
    run.ask(
        ApiKey::CreateTopics,
        version,
        "null configs",
        &format!("{{topics: [{{name: $n, {plain}, configs: null}}], timeout_ms: 30000}}"),
    );
    if version < 5 {
        run.ask(
            ApiKey::CreateTopics,
            version,
            "a negative time-out",
            &format!("{{topics: [{{name: $n, {plain}}}], timeout_ms: -1, validate_only: true}}"),
        );
    }
}

fn create_partitions(run: &mut Run, version: i16) {
    run.topic("t", 2, "{}");
    let ask = |run: &mut Run, name: &str, topics: &str| {
        let body = format!("{{topics: [{topics}], timeout_ms: 30000, validate_only: true}}");
        run.ask(ApiKey::CreatePartitions, version, name, &body);
    };
    ask(run, "dry: as many", "{name: $t, count: 2, assignments: null}");
    ask(run, "dry: unknown", "{name: odd-nowhere, count: 2, assignments: null}");
    ask(run, "dry: too many assignments", "{name: $t, count: 3, assignments: [{broker_ids: [1]}, {broker_ids: [1]}]}");
    ask(run, "dry: assigned to a broker that is not there", "{name: $t, count: 3, assignments: [{broker_ids: [7]}]}");
    ask(run, "dry: no name", "{name: '', count: 3, assignments: null}");
    ask(run, "dry: null brokers", "{name: $t, count: 3, assignments: [{broker_ids: null}]}");
    ask(run, "dry: fewer and assigned", "{name: $t, count: 1, assignments: [{broker_ids: [1]}]}");
    ask(
        run,
        "dry: two, one of them twice",
        "{name: odd-nowhere, count: 3, assignments: null}, {name: $t, count: 3, assignments: null}, {name: $t, count: 4, assignments: null}",
    );
}

fn delete_topics(run: &mut Run, version: i16) {
    run.topic("t", 1, "{}");
    let api = ApiKey::DeleteTopics;
    if version < 6 {
        run.ask(api, version, "a null name", "{topic_names: [null], timeout_ms: 30000}");
        run.ask(api, version, "unknown, twice", "{topic_names: [odd-nowhere, odd-nowhere], timeout_ms: 30000}");
        run.ask(api, version, "unknown, bad and twice", "{topic_names: [odd-nowhere, 'a b', $t, $t], timeout_ms: 30000}");
    } else {
        run.ask(api, version, "unknown, twice", "{topics: [{name: odd-nowhere}, {name: odd-nowhere}], timeout_ms: 30000}");
        run.ask(api, version, "an unknown id and a name", "{topics: [{name: $t, topic_id: abcdefghijklmnopqrstuA}], timeout_ms: 30000}");
        run.ask(api, version, "an id and no name", "{topics: [{name: '', topic_id: $t.id}], timeout_ms: 30000}");
        run.ask(api, version, "neither, twice", "{topics: [{name: null}, {name: null}], timeout_ms: 30000}");
        run.ask(
            api,
            version,
            "an unknown id twice",
            "{topics: [{name: null, topic_id: abcdefghijklmnopqrstuA}, {name: null, topic_id: abcdefghijklmnopqrstuA}], timeout_ms: 30000}",
        );
    }
    run.ask(ApiKey::Metadata, 9, "what is left", "{topics: [{name: $t}], allow_auto_topic_creation: false}");
}

fn delete_records(run: &mut Run, version: i16) {
    let api = ApiKey::DeleteRecords;
    with_deleted(run);
    for offset in [i64::MAX, i64::MIN, -1] {
        let body = format!("{{topics: [{{name: $t, partitions: [{{partition_index: 0, offset: {offset}}}]}}], timeout_ms: 30000}}");
        run.ask(api, version, &format!("up to {offset}"), &body);
    }
    run.ask(api, version, "all of nothing", "{topics: [{name: $t, partitions: [{partition_index: 0, offset: -1}]}], timeout_ms: 30000}");
    run.ask(api, version, "a topic twice", "{topics: [{name: $t, partitions: [{partition_index: 0, offset: 6}]}, {name: $t, partitions: [{partition_index: 1, offset: 0}]}], timeout_ms: 30000}");
    run.ask(api, version, "no name", "{topics: [{name: '', partitions: [{partition_index: 0, offset: 0}]}], timeout_ms: 30000}");
    run.ask(api, version, "no time", "{topics: [{name: $t, partitions: [{partition_index: 0, offset: 6}]}], timeout_ms: 0}");
    run.ask(api, version, "null partitions", "{topics: [{name: $t, partitions: null}], timeout_ms: 30000}");
}

fn producer_ids(run: &mut Run, version: i16) {
    let api = ApiKey::InitProducerId;
    let mut ask = |name: &str, id: i64, epoch: i64| {
        let body = format!("{{transactional_id: null, transaction_timeout_ms: 60000, producer_id: {id}, producer_epoch: {epoch}}}");
        run.ask(api, version, name, &body);
    };
    ask("neither id nor epoch", -1, -1);
    ask("the last epoch", 7, i64::from(i16::MAX));
    ask("a very negative id", -7, 3);
    ask("a very negative epoch", 7, -9);
    ask("both very negative", -7, -9);
    ask("the greatest id", i64::MAX, 0);
    run.ask(api, version, "a transaction without time", "{transactional_id: odd, transaction_timeout_ms: 0}");
    run.ask(api, version, "a transaction of negative time", "{transactional_id: odd, transaction_timeout_ms: -1}");
    run.ask(api, version, "a transaction", "{transactional_id: odd, transaction_timeout_ms: 60000}");
    run.ask(api, version, "a transaction too long", "{transactional_id: odd, transaction_timeout_ms: 900001}");
}

fn epochs(run: &mut Run, version: i16) {
    let api = ApiKey::OffsetForLeaderEpoch;
    with_deleted(run);
    let mut ask = |name: &str, epochs: &str| {
        let topics = format!("[{{topic: $t, partitions: [{{partition: 0, {epochs}}}]}}]");
        run.ask(api, version, name, &format!("{{replica_id: -1, topics: {topics}}}"));
    };
    ask("deleted: epoch 0", "leader_epoch: 0");
    ask("deleted: none", "leader_epoch: -1");
    ask("deleted: the last", "leader_epoch: 2147483647");
    ask("deleted: the first", "leader_epoch: -2147483648");
    ask("a client of the future", "current_leader_epoch: 2147483647, leader_epoch: 0");
    ask("a client of no epoch", "current_leader_epoch: -1, leader_epoch: 0");
    ask("a client of the past", "current_leader_epoch: -2, leader_epoch: 0");
    run.ask(api, version, "a topic twice", "{replica_id: -1, topics: [{topic: $t, partitions: [{partition: 0, leader_epoch: 0}]}, {topic: $t, partitions: [{partition: 1, leader_epoch: 0}]}]}");
    run.ask(api, version, "null partitions", "{replica_id: -1, topics: [{topic: $t, partitions: null}]}");
    run.ask(api, version, "no name", "{replica_id: -1, topics: [{topic: '', partitions: [{partition: 0, leader_epoch: 0}]}]}");
    for replica in [-2, 0, 1] {
        let topics = "[{topic: $t, partitions: [{partition: 0, leader_epoch: 0}]}]";
        run.ask(api, version, &format!("replica {replica}"), &format!("{{replica_id: {replica}, topics: {topics}}}"));
    }
}

fn coordinators(run: &mut Run, version: i16) {
    let api = ApiKey::FindCoordinator;
    run.ask(api, version, "a null key", "{key: null, key_type: 0, coordinator_keys: [null]}");
    run.set("long", "k".repeat(300));
    run.ask(api, version, "a long key", "{key: $long, key_type: 0, coordinator_keys: [$long]}");
    if version >= 1 {
        let found = if version < 4 { "error_code" } else { "coordinators.0.error_code" };
        run.ask_until(api, version, "a transaction", "{key: odd, key_type: 1, coordinator_keys: [odd]}", found, json!(0));
        run.ask(api, version, "a share", "{key: odd, key_type: 2, coordinator_keys: [odd]}");
        run.ask(
            api,
            version,
            "a share of a partition",
            "{key: 'g:abcdefghijklmnopqrstuA:0', key_type: 2, coordinator_keys: ['g:abcdefghijklmnopqrstuA:0']}",
        );
    }
}

fn elections(run: &mut Run, version: i16) {
    run.topic("t", 2, "{}");
    let mut ask = |name: &str, topics: &str| {
        let body = format!("{{election_type: 0, topic_partitions: [{topics}], timeout_ms: 30000}}");
        run.ask(ApiKey::ElectLeaders, version, name, &body);
    };
    ask("a topic twice", "{topic: $t, partitions: [0]}, {topic: $t, partitions: [1]}");
    ask("known and unknown", "{topic: $t, partitions: [0, 9]}, {topic: odd-nowhere, partitions: [0]}");
    ask("no name", "{topic: '', partitions: [0]}");
    ask("a negative partition", "{topic: $t, partitions: [-1]}");
    ask("null partitions", "{topic: $t, partitions: null}");
}
