//! ListOffsets, OffsetForLeaderEpoch and DeleteRecords.

use super::{Scenario, of};
use crate::records::{batch, packed, timed};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;
use monolog::wire::compress::Codec;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        of("list-offsets", ApiKey::ListOffsets, list),
        of("epochs", ApiKey::OffsetForLeaderEpoch, epochs),
        of("delete-records", ApiKey::DeleteRecords, delete),
    ]
}

fn append(run: &mut Run, records: &[u8]) {
    run.batch("b", records);
    run.ask(
        ApiKey::Produce,
        9,
        "to be listed",
        "{acks: -1, timeout_ms: 30000, topic_data: [{name: $t, partition_data: [{index: 0, records: $b}]}]}",
    );
}

fn list(run: &mut Run, version: i16) {
    let api = ApiKey::ListOffsets;
    run.topic("t", 2, "{}");
    let ask = |run: &mut Run, name: &str, rest: &str, partitions: &str| {
        run.ask(
            api,
            version,
            name,
            &format!("{{replica_id: -1, {rest} topics: [{{name: $t, partitions: [{partitions}]}}], timeout_ms: 30000}}"),
        );
    };
    let at = |index: i32, timestamp: i64| format!("{{partition_index: {index}, timestamp: {timestamp}}}");
    for round in ["empty", "filled"] {
        for special in -7..=0 {
            ask(run, &format!("{round}: {special}"), "", &at(0, special));
            ask(run, &format!("{round}: {special}, committed only"), "isolation_level: 1,", &at(0, special));
        }
        if round == "empty" {
            append(run, &timed(&[1_000, 3_000, 2_000]));
            append(run, &timed(&[2_500, 5_000, 5_000]));
            append(run, &packed(Codec::Gzip, &["a", "b"]));
            append(run, &timed(&[-1]));
        }
    }
    for time in [1, 999, 1_000, 1_001, 2_000, 2_001, 2_500, 3_000, 3_001, 4_999, 5_000, 5_001, i64::MAX] {
        ask(run, &format!("at {time}"), "", &at(0, time));
    }
    ask(run, "two partitions", "", &format!("{}, {}", at(1, -1), at(0, -2)));
    ask(run, "a partition twice", "", &format!("{}, {}", at(0, -1), at(0, -2)));
    ask(run, "unknown partition", "", &at(5, -1));
    ask(run, "negative partition", "", &at(-1, -1));
    ask(run, "known and unknown", "", &format!("{}, {}", at(0, -1), at(5, -1)));
    ask(run, "none", "", "");
    if version >= 4 {
        for epoch in [0, 3, -2] {
            ask(run, &format!("epoch {epoch}"), "", &format!("{{partition_index: 0, timestamp: -1, current_leader_epoch: {epoch}}}"));
        }
    }
    for replica in [-2, 0, 1, 5] {
        run.ask(
            api,
            version,
            &format!("replica {replica}"),
            &format!("{{replica_id: {replica}, topics: [{{name: $t, partitions: [{}]}}]}}", at(0, -1)),
        );
    }
    run.ask(
        api,
        version,
        "unknown topic",
        "{replica_id: -1, topics: [{name: list-nowhere, partitions: [{partition_index: 0, timestamp: -1}]}]}",
    );
    run.ask(api, version, "bad name", "{replica_id: -1, topics: [{name: 'a b', partitions: [{partition_index: 0, timestamp: -1}]}]}");
    run.ask(api, version, "a topic twice", "{replica_id: -1, topics: [{name: $t, partitions: [{partition_index: 0, timestamp: -1}]}, {name: $t, partitions: [{partition_index: 1, timestamp: -1}]}]}");
    run.ask(api, version, "nothing", "{replica_id: -1, topics: []}");
    run.ask(api, version, "null topics", "{replica_id: -1, topics: null}");
}

fn epochs(run: &mut Run, version: i16) {
    run.topic("t", 2, "{}");
    append(run, &batch(&["a", "b"]));
    let mut ask = |name: &str, partitions: &str| {
        run.ask(
            ApiKey::OffsetForLeaderEpoch,
            version,
            name,
            &format!("{{replica_id: -1, topics: [{{topic: $t, partitions: [{partitions}]}}]}}"),
        );
    };
    for epoch in [0, 1, 5, -1, -5] {
        ask(&format!("epoch {epoch}"), &format!("{{partition: 0, leader_epoch: {epoch}}}"));
        ask(&format!("epoch {epoch} of an empty one"), &format!("{{partition: 1, leader_epoch: {epoch}}}"));
        ask(&format!("current {epoch}"), &format!("{{partition: 0, current_leader_epoch: {epoch}, leader_epoch: 0}}"));
    }
    ask("unknown partition", "{partition: 7, leader_epoch: 0}");
    ask("two", "{partition: 1, leader_epoch: 0}, {partition: 0, leader_epoch: 0}");
    ask("one twice", "{partition: 0, leader_epoch: 0}, {partition: 0, leader_epoch: 0}");
    ask("none", "");
    run.ask(
        ApiKey::OffsetForLeaderEpoch,
        version,
        "unknown topic",
        "{replica_id: -1, topics: [{topic: epochs-nowhere, partitions: [{partition: 0, leader_epoch: 0}]}]}",
    );
    run.ask(ApiKey::OffsetForLeaderEpoch, version, "nothing", "{replica_id: -1, topics: []}");
    run.ask(ApiKey::OffsetForLeaderEpoch, version, "null topics", "{replica_id: -1, topics: null}");
}

fn delete(run: &mut Run, version: i16) {
    let api = ApiKey::DeleteRecords;
    run.topic("t", 2, "{}");
    run.topic("keyed", 1, "{cleanup.policy: compact}");
    for values in [&["a", "b", "c"][..], &["d", "e"], &["f", "g", "h", "i"]] {
        append(run, &batch(values));
    }
    let ask = |run: &mut Run, name: &str, partitions: &str| {
        run.ask(api, version, name, &format!("{{topics: [{{name: $t, partitions: [{partitions}]}}], timeout_ms: 30000}}"));
    };
    let look = |run: &mut Run, name: &str| {
        for timestamp in [-1, -2, -3, 1_001] {
            run.ask(
                ApiKey::ListOffsets,
                7,
                name,
                &format!("{{replica_id: -1, topics: [{{name: $t, partitions: [{{partition_index: 0, timestamp: {timestamp}}}]}}]}}"),
            );
        }
        for offset in [0, 2, 3, 4, 7, 9] {
            run.ask(
                ApiKey::Fetch,
                12,
                name,
                &format!(
                    "{{topics: [{{topic: $t, partitions: [{{partition: 0, fetch_offset: {offset}, partition_max_bytes: 100000}}]}}]}}"
                ),
            );
        }
        for epoch in [0, -5] {
            let topics = format!("[{{topic: $t, partitions: [{{partition: 0, leader_epoch: {epoch}}}]}}]");
            run.ask(ApiKey::OffsetForLeaderEpoch, 4, name, &format!("{{replica_id: -1, topics: {topics}}}"));
        }
    };
    ask(run, "nothing to delete", "{partition_index: 0, offset: 0}");
    ask(run, "within a batch", "{partition_index: 0, offset: 2}");
    look(run, "within a batch");
    ask(run, "lower than before", "{partition_index: 0, offset: 1}");
    ask(run, "a whole batch", "{partition_index: 0, offset: 3}");
    look(run, "a whole batch");
    ask(run, "beyond the end", "{partition_index: 0, offset: 10}");
    ask(run, "negative", "{partition_index: 0, offset: -2}");
    ask(run, "unknown partition", "{partition_index: 9, offset: 1}");
    ask(run, "two partitions", "{partition_index: 0, offset: 4}, {partition_index: 1, offset: 0}");
    ask(run, "one twice", "{partition_index: 0, offset: 5}, {partition_index: 0, offset: 4}");
    ask(run, "none", "");
    ask(run, "all of an empty one", "{partition_index: 1, offset: -1}");
    ask(run, "everything", "{partition_index: 0, offset: -1}");
    look(run, "everything");
    append(run, &batch(&["j"]));
    look(run, "one more");
    run.ask(api, version, "compacted", "{topics: [{name: $keyed, partitions: [{partition_index: 0, offset: 0}]}], timeout_ms: 30000}");
    run.ask(
        api,
        version,
        "unknown topic",
        "{topics: [{name: delete-nowhere, partitions: [{partition_index: 0, offset: 0}]}], timeout_ms: 30000}",
    );
    run.ask(
        api,
        version,
        "internal",
        "{topics: [{name: __consumer_offsets, partitions: [{partition_index: 0, offset: 0}]}], timeout_ms: 30000}",
    );
    run.ask(api, version, "nothing", "{topics: [], timeout_ms: 30000}");
    run.ask(api, version, "null topics", "{topics: null, timeout_ms: 30000}");
}
