//! Produce: what is taken, and what is refused.

use super::{Scenario, of};
use crate::records::{batch, built, overwritten, packed, patched, sized, timed};
use crate::run::Run;
use bytes::Bytes;
use monolog::wire::api_key::ApiKey;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;

const API: ApiKey = ApiKey::Produce;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![of("produce", API, requests), of("produce-batches", API, batches)]
}

/// Appends `$name` to partition 0 of `$t`.
fn append(run: &mut Run, version: i16, case: &str, variable: &str) {
    run.ask(
        API,
        version,
        case,
        &format!("{{acks: -1, timeout_ms: 30000, topic_data: [{{name: $t, topic_id: $t.id, partition_data: [{{index: 0, records: ${variable}}}]}}]}}"),
    );
}

fn requests(run: &mut Run, version: i16) {
    run.topic("t", 2, "{}");
    run.topic("u", 1, "{}");
    run.topic("v", 1, "{}");
    run.batch("b", &batch(&["a", "b", "c"]));
    append(run, version, "three records", "b");
    append(run, version, "three more", "b");
    let mut ask = |name: &str, rest: &str| run.ask(API, version, name, &format!("{{timeout_ms: 30000, {rest}}}"));
    let both = "topic_data: [{name: $t, topic_id: $t.id, partition_data: [{index: 0, records: $b}, {index: 1, records: $b}]}, \
        {name: $u, topic_id: $u.id, partition_data: [{index: 0, records: $b}]}]";
    let one = "topic_data: [{name: $t, topic_id: $t.id, partition_data: [{index: 0, records: $b}]}]";
    ask("two topics", &format!("acks: -1, {both}"));
    ask("acks 1", &format!("acks: 1, {one}"));
    ask("acks 2", &format!("acks: 2, {}", if version < 13 { both } else { one }));
    ask("acks -2", &format!("acks: -2, {one}"));
    ask("no topics", "acks: -1, topic_data: []");
    ask("no partitions", "acks: -1, topic_data: [{name: $t, topic_id: $t.id, partition_data: []}]");
    ask("empty records", "acks: -1, topic_data: [{name: $t, topic_id: $t.id, partition_data: [{index: 0, records: ''}]}]");
    ask(
        "unknown partition",
        "acks: -1, topic_data: [{name: $t, topic_id: $t.id, partition_data: [{index: 2, records: $b}, {index: 1, records: $b}]}]",
    );
    ask("negative partition", "acks: -1, topic_data: [{name: $t, topic_id: $t.id, partition_data: [{index: -1, records: $b}]}]");
    ask(
        "unknown topic",
        "acks: -1, topic_data: [{name: produce-nowhere, topic_id: abcdefghijklmnopqrstuA, partition_data: [{index: 0, records: $b}]}, \
         {name: $u, topic_id: $u.id, partition_data: [{index: 0, records: $b}]}]",
    );
    ask("no name", "acks: -1, topic_data: [{name: '', partition_data: [{index: 0, records: $b}]}]");
    ask(
        "a partition twice",
        "acks: -1, topic_data: [{name: $v, topic_id: $v.id, partition_data: [{index: 0, records: $b}, {index: 0, records: $b}]}]",
    );
    ask("time-out 0", &format!("acks: -1, {one}").replace("30000", "0"));
    if version < 13 {
        ask("internal", "acks: -1, topic_data: [{name: __consumer_offsets, partition_data: [{index: 0, records: $b}]}]");
    }
    ask("a transaction", &format!("acks: -1, transactional_id: tx, {one}"));
    ask("null topics", "acks: -1, topic_data: null");
    run.send(API, version, "acks 0", &format!("{{acks: 0, timeout_ms: 30000, {one}}}"));
    run.no_answer();
    run.ask(
        ApiKey::ListOffsets,
        5,
        "after acks 0",
        "{replica_id: -1, topics: [{name: $t, partitions: [{partition_index: 0, timestamp: -1}]}]}",
    );
    run.ask(
        API,
        version,
        "acks 0 that fails",
        "{acks: 0, timeout_ms: 30000, topic_data: [{name: $t, topic_id: $t.id, partition_data: [{index: 9, records: $b}]}]}",
    );
    run.ask(
        ApiKey::Fetch,
        12,
        "after all produces",
        "{max_bytes: 1000000, topics: [{topic: $t, partitions: [{partition: 0, fetch_offset: 0, partition_max_bytes: 1000000}, \
         {partition: 1, fetch_offset: 0, partition_max_bytes: 1000000}]}]}",
    );
}

fn batches(run: &mut Run, version: i16) {
    run.topic("t", 1, "{}");
    for (name, batch) in [good(), damaged(), inconsistent()].concat() {
        run.batch("b", &batch);
        append(run, version, name, "b");
    }
    if version == 9 {
        for (name, size) in [("as large as allowed", 1_048_588 - 61 - 11), ("a byte too large", 1_048_588 - 61 - 10)] {
            run.batch("b", &sized(size));
            append(run, version, name, "b");
        }
    }
    for offset in [0, 3, 5, 10] {
        run.set("o", offset);
        run.ask(
            ApiKey::Fetch,
            12,
            "after all batches",
            "{max_bytes: 10000000, topics: [{topic: $t, partitions: [{partition: 0, fetch_offset: $o, partition_max_bytes: 10000000}]}]}",
        );
    }
}

type Named = Vec<(&'static str, Bytes)>;

/// Batches that nothing is wrong with.
fn good() -> Named {
    let headers = {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.push(1_000, Some(b"k"), None, &[(b"h", Some(b"1")), (b"h", None), (b"\xff", Some(b""))]);
        builder.push(999, None, Some(b""), &[]);
        builder
    };
    vec![
        ("headers", built(&headers)),
        ("gzip", packed(Codec::Gzip, &["a", "b"])),
        ("snappy", packed(Codec::Snappy, &["a", "b"])),
        ("lz4", packed(Codec::Lz4, &["a", "b"])),
        ("zstd", packed(Codec::Zstd, &["a", "b"])),
        ("times in any order", timed(&[5_000, 1_000, 3_000])),
        ("no times", timed(&[-1, -1])),
    ]
}

/// Batches whose bytes outside of the CRC, or whose lengths, are wrong.
fn damaged() -> Named {
    let three = batch(&["a", "b", "c"]);
    vec![
        ("a leader epoch", overwritten(&three, 12, &7i32.to_be_bytes())),
        ("a base offset", overwritten(&three, 7, &[5])),
        ("magic 1", overwritten(&three, 16, &[1])),
        ("magic 3", overwritten(&three, 16, &[3])),
        ("a wrong CRC", overwritten(&three, 20, &[three[20] ^ 1])),
        ("two batches", [three.as_ref(), three.as_ref()].concat().into()),
        ("cut short", three.slice(..three.len() - 1)),
        ("cut in the header", three.slice(..40)),
        ("a byte more", [three.as_ref(), &[0]].concat().into()),
        ("a length too small", overwritten(&three, 8, &10i32.to_be_bytes())),
        ("a negative length", overwritten(&three, 8, &(-1i32).to_be_bytes())),
        ("a length too large", overwritten(&three, 8, &99_999i32.to_be_bytes())),
    ]
}

/// Batches that contradict themselves, or the rules, under a CRC that is right.
fn inconsistent() -> Named {
    let three = batch(&["a", "b", "c"]);
    vec![
        ("no records", patched(&patched(&three.slice(..61), 57, &0i32.to_be_bytes()), 8, &49i32.to_be_bytes())),
        ("count too small", patched(&three, 57, &2i32.to_be_bytes())),
        ("count too large", patched(&three, 57, &4i32.to_be_bytes())),
        ("count zero", patched(&three, 57, &0i32.to_be_bytes())),
        ("count negative", patched(&three, 57, &(-1i32).to_be_bytes())),
        ("last delta too large", patched(&three, 23, &3i32.to_be_bytes())),
        ("last delta too small", patched(&three, 23, &1i32.to_be_bytes())),
        ("control", patched(&three, 21, &0x20i16.to_be_bytes())),
        ("transactional", patched(&three, 21, &0x10i16.to_be_bytes())),
        ("the broker's time", patched(&three, 21, &0x08i16.to_be_bytes())),
        ("unknown codec", patched(&three, 21, &5i16.to_be_bytes())),
        ("not gzip", patched(&three, 21, &1i16.to_be_bytes())),
        ("not snappy", patched(&three, 21, &2i16.to_be_bytes())),
        ("not lz4", patched(&three, 21, &3i16.to_be_bytes())),
        ("not zstd", patched(&three, 21, &4i16.to_be_bytes())),
        ("a wrong greatest time", patched(&three, 35, &9_000i64.to_be_bytes())),
        ("records that do not parse", patched(&three, 61, &[0x7f])),
        ("a producer without a sequence", patched(&three, 43, &7i64.to_be_bytes())),
        ("an epoch without a producer", patched(&three, 51, &0i16.to_be_bytes())),
        ("a sequence without a producer", patched(&three, 53, &0i32.to_be_bytes())),
        ("of the far future", timed(&[i64::MAX / 2])),
        ("of before the beginning", timed(&[-5])),
    ]
}
