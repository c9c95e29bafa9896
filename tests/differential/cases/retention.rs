//! Retention: what is gone after a while, and the offsets that follow. Every batch fills a segment of Apache Kafka's own, since it
//! deletes whole segments.

use super::{Scenario, of};
use crate::records::{batch, sized};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { versions: 0..=0, ..of("retention-by-time", ApiKey::ListOffsets, by_time) },
        Scenario { versions: 0..=0, ..of("retention-by-size", ApiKey::ListOffsets, by_size) },
    ]
}

fn append(run: &mut Run, records: &[u8]) {
    run.batch("b", records);
    run.ask(
        ApiKey::Produce,
        9,
        "to be deleted",
        "{acks: -1, timeout_ms: 30000, topic_data: [{name: $t, partition_data: [{index: 0, records: $b}]}]}",
    );
}

/// Waits until the log starts here.
fn starts_at(run: &mut Run, name: &str, offset: i64) {
    let body = "{replica_id: -1, topics: [{name: $t, partitions: [{partition_index: 0, timestamp: -2}]}]}";
    run.ask_until(ApiKey::ListOffsets, 7, name, body, "topics.0.partitions.0.offset", offset);
}

fn look(run: &mut Run, name: &str) {
    for timestamp in [-1, -2, -3, 0, 1_000, 5_000] {
        run.ask(
            ApiKey::ListOffsets,
            7,
            name,
            &format!("{{replica_id: -1, topics: [{{name: $t, partitions: [{{partition_index: 0, timestamp: {timestamp}}}]}}]}}"),
        );
    }
    for offset in [0, 1, 2, 3, 4, 5, 6] {
        run.ask(ApiKey::Fetch, 12, name, &format!("{{max_wait_ms: 0, topics: [{{topic: $t, partitions: [{{partition: 0, fetch_offset: {offset}, partition_max_bytes: 1000}}]}}]}}"));
    }
    run.ask(
        ApiKey::OffsetForLeaderEpoch,
        4,
        name,
        "{replica_id: -1, topics: [{topic: $t, partitions: [{partition: 0, leader_epoch: 0}]}]}",
    );
    run.ask(ApiKey::DescribeLogDirs, 4, name, "{topics: [{topic: $t, partitions: [0]}]}");
}

/// All of it is old at once: the log is empty, and begins where it ended.
fn by_time(run: &mut Run, _: i16) {
    run.topic("t", 1, "{retention.ms: -1}");
    append(run, &batch(&["a", "b", "c"]));
    append(run, &batch(&["d"]));
    look(run, "before");
    run.ask(
        ApiKey::IncrementalAlterConfigs,
        1,
        "to have it deleted",
        "{resources: [{resource_type: 2, resource_name: $t, configs: [{name: retention.ms, config_operation: 0, value: '3600000'}]}]}",
    );
    starts_at(run, "all is old", 4);
    look(run, "all is old");
    run.ask(
        ApiKey::IncrementalAlterConfigs,
        1,
        "to keep what comes",
        "{resources: [{resource_type: 2, resource_name: $t, configs: [{name: retention.ms, config_operation: 0, value: '-1'}]}]}",
    );
    append(run, &batch(&["e"]));
    look(run, "one more");
}

/// The oldest go until the rest is small enough.
fn by_size(run: &mut Run, _: i16) {
    run.topic("t", 1, "{segment.bytes: 1048576, max.message.bytes: 1048576}");
    for _ in 0..5 {
        append(run, &sized(1_000_000));
    }
    look(run, "before");
    run.ask(
        ApiKey::IncrementalAlterConfigs,
        1,
        "to have some deleted",
        "{resources: [{resource_type: 2, resource_name: $t, configs: [{name: retention.bytes, config_operation: 0, value: '2500000'}]}]}",
    );
    starts_at(run, "the oldest are gone", 2);
    look(run, "the oldest are gone");
}
