//! Producer ids and sequences: InitProducerId, Produce of idempotent producers, DescribeProducers.

use super::{Scenario, of};
use crate::codec::hex;
use crate::records::{numbered, timed};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

const PRODUCE: ApiKey = ApiKey::Produce;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        of("init-producer-id", ApiKey::InitProducerId, ids),
        of("sequences", PRODUCE, sequences),
        of("describe-producers", ApiKey::DescribeProducers, describe),
        of("topic-rules", PRODUCE, rules),
    ]
}

fn ids(run: &mut Run, version: i16) {
    let api = ApiKey::InitProducerId;
    for (name, body) in [
        ("one", "{transactional_id: null, transaction_timeout_ms: 0}"),
        ("another", "{transactional_id: null, transaction_timeout_ms: 60000}"),
        ("a time-out that is none", "{transactional_id: null, transaction_timeout_ms: -1}"),
        ("an empty transactional id", "{transactional_id: '', transaction_timeout_ms: 60000}"),
    ] {
        run.ask(api, version, name, body);
    }
    run.keep("p", "producer_id");
    run.ask(api, version, "with an id", "{transactional_id: null, transaction_timeout_ms: 0, producer_id: $p, producer_epoch: 0}");
    run.ask(
        api,
        version,
        "with an id and no epoch",
        "{transactional_id: null, transaction_timeout_ms: 0, producer_id: 7, producer_epoch: -1}",
    );
    run.ask(
        api,
        version,
        "with an epoch and no id",
        "{transactional_id: null, transaction_timeout_ms: 0, producer_id: -1, producer_epoch: 7}",
    );
}

/// A new producer id as `$p`.
fn new_producer(run: &mut Run) {
    run.ask(ApiKey::InitProducerId, 4, "a producer", "{transactional_id: null, transaction_timeout_ms: 60000}");
    run.keep("p", "producer_id");
}

fn append(run: &mut Run, version: i16, name: &str, epoch: i16, sequence: i32, values: &[&str]) {
    let ids = [0, 1].map(|side| run.number("p", side));
    run.set_each("b", |side| hex(&numbered(ids[side], epoch, sequence, values)).into());
    run.ask(
        PRODUCE,
        version,
        name,
        "{acks: -1, timeout_ms: 30000, topic_data: [{name: $t, topic_id: $t.id, partition_data: [{index: 0, records: $b}]}]}",
    );
}

fn sequences(run: &mut Run, version: i16) {
    run.topic("t", 2, "{}");
    new_producer(run);
    append(run, version, "the first", 0, 0, &["a", "b", "c"]);
    append(run, version, "the first again", 0, 0, &["a", "b", "c"]);
    append(run, version, "the second", 0, 3, &["d"]);
    append(run, version, "a gap", 0, 5, &["e"]);
    append(run, version, "an overlap", 0, 2, &["e", "f"]);
    append(run, version, "a part of one that is there", 0, 1, &["b"]);
    for sequence in 4..10 {
        append(run, version, "more", 0, sequence, &["x"]);
    }
    append(run, version, "one of the last five", 0, 6, &["x"]);
    append(run, version, "one of before the last five", 0, 3, &["d"]);
    append(run, version, "the first of all", 0, 0, &["a", "b", "c"]);
    append(run, version, "the next epoch, not from 0", 1, 10, &["y"]);
    append(run, version, "the next epoch", 1, 0, &["y", "z"]);
    append(run, version, "the epoch of before", 0, 10, &["x"]);
    append(run, version, "an old duplicate of the epoch of before", 0, 9, &["x"]);
    append(run, version, "a duplicate in the new epoch", 1, 0, &["y", "z"]);
    append(run, version, "some epochs later", 5, 0, &["y"]);
    append(run, version, "a negative epoch", -1, 1, &["y"]);
    append(run, version, "a negative sequence", 5, -1, &["y"]);
    new_producer(run);
    append(run, version, "nobody knows it, and it begins late", 0, 17, &["a"]);
    append(run, version, "then the next", 0, 18, &["b"]);
    new_producer(run);
    append(run, version, "at the end of all sequences", 0, i32::MAX - 1, &["a", "b"]);
    append(run, version, "they begin again", 0, 0, &["c"]);
    new_producer(run);
    append(run, version, "over the end of all sequences", 0, i32::MAX, &["a", "b", "c"]);
    append(run, version, "and on", 0, 2, &["d"]);
    run.ask(
        ApiKey::Fetch,
        12,
        "after all sequences",
        "{topics: [{topic: $t, partitions: [{partition: 0, fetch_offset: 0, partition_max_bytes: 100000}]}]}",
    );
}

fn describe(run: &mut Run, version: i16) {
    let api = ApiKey::DescribeProducers;
    run.topic("t", 2, "{}");
    run.ask(api, version, "none", "{topics: [{name: $t, partition_indexes: [0]}]}");
    new_producer(run);
    append(run, 9, "to be described", 2, 4, &["a", "b"]);
    run.ask(api, version, "one", "{topics: [{name: $t, partition_indexes: [0]}]}");
    run.ask(api, version, "one and none", "{topics: [{name: $t, partition_indexes: [1, 0]}]}");
    run.ask(api, version, "unknown partition", "{topics: [{name: $t, partition_indexes: [4]}]}");
    run.ask(api, version, "unknown topic", "{topics: [{name: producers-nowhere, partition_indexes: [0]}]}");
    run.ask(api, version, "bad name", "{topics: [{name: 'a b', partition_indexes: [0]}]}");
    run.ask(api, version, "no partitions", "{topics: [{name: $t, partition_indexes: []}]}");
    run.ask(api, version, "nothing", "{topics: []}");
}

/// What the configs of a topic change about Produce.
fn rules(run: &mut Run, version: i16) {
    for (index, (case, configs, times)) in [
        ("the broker's time", "{message.timestamp.type: LogAppendTime}", &[5_000, 1_000][..]),
        ("a compacted topic", "{cleanup.policy: compact}", &[1_000]),
        ("a time limit", "{message.timestamp.before.max.ms: 1000}", &[1_000]),
        ("small messages", "{max.message.bytes: 100}", &[1, 2, 3, 4]),
        ("other compression", "{compression.type: gzip}", &[1_000, 2_000]),
    ]
    .into_iter()
    .enumerate()
    {
        let topic = format!("t{index}");
        run.topic(&topic, 1, configs);
        let append = |run: &mut Run, name: &str| {
            run.ask(
                PRODUCE,
                version,
                &format!("{case}: {name}"),
                &format!("{{acks: -1, timeout_ms: 30000, topic_data: [{{name: ${topic}, topic_id: ${topic}.id, partition_data: [{{index: 0, records: $b}}]}}]}}"),
            );
        };
        run.batch("b", &timed(times));
        append(run, "with keys");
        run.batch("b", &crate::records::batch(&["a"]));
        append(run, "without keys");
        run.batch("b", &crate::records::patched(&timed(&[1_000]), 21, &0x08i16.to_be_bytes()));
        append(run, "stamped by the producer");
        run.ask(
            ApiKey::Fetch,
            12,
            &format!("{case}: read"),
            &format!("{{topics: [{{topic: ${topic}, partitions: [{{partition: 0, fetch_offset: 0, partition_max_bytes: 100000}}]}}]}}"),
        );
    }
}
