//! Fetch: what is read, limits, errors, leader epochs, sessions.

use super::{Scenario, of};
use crate::records::{batch, packed, sized};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;
use monolog::wire::compress::Codec;

const API: ApiKey = ApiKey::Fetch;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        of("fetch", API, reads),
        of("fetch-odd", API, oddities),
        Scenario { versions: 7..=API.row().max, ..of("fetch-sessions", API, sessions) },
        Scenario { versions: 7..=API.row().max, ..of("fetch-sessions-ids", API, mixed_sessions) },
        Scenario { versions: 13..=API.row().max, ..of("fetch-sessions-replaced", API, replaced) },
        of("fetch-waits", API, waits),
    ]
}

/// Appends `$name` to a partition of a topic.
fn append(run: &mut Run, topic: &str, index: i32, variable: &str) {
    let data = format!("{{name: ${topic}, partition_data: [{{index: {index}, records: ${variable}}}]}}");
    run.ask(ApiKey::Produce, 9, "to be fetched", &format!("{{acks: -1, timeout_ms: 30000, topic_data: [{data}]}}"));
}

/// One partition to be read, `rest` are more of its fields.
fn wish(topic: &str, index: i32, offset: &str, rest: &str) -> String {
    format!(
        "{{topic: ${topic}, topic_id: ${topic}.id, partitions: [{{partition: {index}, fetch_offset: {offset}, partition_max_bytes: 1048576{rest}}}]}}"
    )
}

fn ask(run: &mut Run, version: i16, name: &str, rest: &str, topics: &str) {
    run.ask(API, version, name, &format!("{{max_wait_ms: 0, min_bytes: 1, {rest} topics: [{topics}]}}"));
}

fn reads(run: &mut Run, version: i16) {
    run.topic("t", 2, "{}");
    run.topic("u", 1, "{}");
    run.batch("three", &batch(&["a", "b", "c"]));
    run.batch("packed", &packed(Codec::Lz4, &["d", "e"]));
    run.batch("large", &sized(10_000));
    for (topic, index, variable) in
        [("t", 0, "three"), ("t", 0, "packed"), ("t", 0, "large"), ("t", 0, "three"), ("u", 0, "large"), ("u", 0, "three")]
    {
        append(run, topic, index, variable);
    }
    for offset in ["0", "1", "3", "4", "5", "6", "8", "9"] {
        run.set("o", offset.parse::<i64>().unwrap_or_default());
        ask(run, version, "from an offset", "", &wish("t", 0, "$o", ""));
    }
    for offset in ["10", "-1", "-2", "9223372036854775807"] {
        ask(run, version, "out of range", "", &wish("t", 0, offset, ""));
    }
    ask(run, version, "an empty partition", "", &wish("t", 1, "0", ""));
    ask(run, version, "beyond an empty partition", "", &wish("t", 1, "1", ""));
    ask(run, version, "two topics", "", &format!("{}, {}", wish("t", 0, "0", ""), wish("u", 0, "0", "")));
    ask(run, version, "in another order", "", &format!("{}, {}", wish("u", 0, "0", ""), wish("t", 0, "0", "")));
    ask(run, version, "one of two out of range", "", &format!("{}, {}", wish("u", 0, "50", ""), wish("t", 0, "0", "")));
    ask(run, version, "committed only", "isolation_level: 1,", &format!("{}, {}", wish("t", 0, "0", ""), wish("t", 1, "0", "")));
    ask(run, version, "committed only, out of range", "isolation_level: 1,", &wish("t", 0, "50", ""));
    for max in [0, 1, 70, 80, 150, 10_000, 10_300] {
        ask(
            run,
            version,
            &format!("at most {max} bytes"),
            &format!("max_bytes: {max},"),
            &format!("{}, {}", wish("t", 0, "0", ""), wish("u", 0, "0", "")),
        );
        let topic = format!("{{topic: $t, topic_id: $t.id, partitions: [{{partition: 0, fetch_offset: 0, partition_max_bytes: {max}}}]}}");
        ask(run, version, &format!("at most {max} bytes of a partition"), "", &topic);
        ask(run, version, &format!("at most {max} bytes of the first"), "", &format!("{topic}, {}", wish("u", 0, "0", "")));
        let large = format!("{{topic: $u, topic_id: $u.id, partitions: [{{partition: 0, fetch_offset: 0, partition_max_bytes: {max}}}]}}");
        ask(run, version, &format!("at most {max} bytes of the second"), "", &format!("{topic}, {large}"));
    }
}

fn oddities(run: &mut Run, version: i16) {
    run.topic("t", 1, "{}");
    run.batch("three", &batch(&["a", "b", "c"]));
    append(run, "t", 0, "three");
    ask(run, version, "nothing", "", "");
    ask(run, version, "no partitions", "", "{topic: $t, topic_id: $t.id, partitions: []}");
    ask(run, version, "unknown partition", "", &wish("t", 7, "0", ""));
    ask(run, version, "negative partition", "", &wish("t", -1, "0", ""));
    let unknown = "{topic: fetch-nowhere, topic_id: abcdefghijklmnopqrstuA, partitions: [{partition: 0, fetch_offset: 0, partition_max_bytes: 1000}]}";
    ask(run, version, "unknown topic", "", unknown);
    ask(run, version, "known and unknown", "", &format!("{}, {unknown}", wish("t", 0, "0", "")));
    ask(run, version, "no name, no id", "", "{topic: '', partitions: [{partition: 0, fetch_offset: 0, partition_max_bytes: 1000}]}");
    ask(run, version, "a partition twice", "", &format!("{}, {}", wish("t", 0, "0", ""), wish("t", 0, "1", "")));
    ask(run, version, "negative limits", "max_bytes: -1,", &wish("t", 0, "0", ""));
    ask(run, version, "an isolation level that is none", "isolation_level: 7,", &wish("t", 0, "0", ""));
    ask(run, version, "a rack", "rack_id: r1,", &wish("t", 0, "0", ""));
    if version >= 9 {
        ask(run, version, "the right epoch", "", &wish("t", 0, "0", ", current_leader_epoch: 0"));
        ask(run, version, "an epoch to come", "", &wish("t", 0, "0", ", current_leader_epoch: 5"));
        ask(run, version, "a negative epoch", "", &wish("t", 0, "0", ", current_leader_epoch: -2"));
    }
    if version >= 12 {
        ask(run, version, "fetched in epoch 0", "", &wish("t", 0, "1", ", current_leader_epoch: 0, last_fetched_epoch: 0"));
        ask(run, version, "fetched in an epoch to come", "", &wish("t", 0, "1", ", current_leader_epoch: 0, last_fetched_epoch: 3"));
    }
    if version < 13 {
        ask(
            run,
            version,
            "internal",
            "",
            "{topic: __consumer_offsets, partitions: [{partition: 0, fetch_offset: 0, partition_max_bytes: 1000}]}",
        );
    }
    run.ask(API, version, "null topics", "{max_wait_ms: 0, min_bytes: 1, topics: null}");
    run.ask(ApiKey::DeleteTopics, 4, "to fetch from it", "{topic_names: [$t], timeout_ms: 30000}");
    run.ask_until(
        API,
        version,
        "a deleted topic",
        &format!("{{max_wait_ms: 0, min_bytes: 1, topics: [{}]}}", wish("t", 0, "0", "")),
        "responses.0.partitions.0.records",
        serde_json::json!([]),
    );
}

fn sessions(run: &mut Run, version: i16) {
    run.topic("t", 3, "{}");
    run.topic("u", 1, "{}");
    run.batch("three", &batch(&["a", "b", "c"]));
    append(run, "t", 0, "three");
    let mut step = |name: &str, session: &str, epoch: i32, topics: &str, forgotten: &str| {
        let rest = format!("session_id: {session}, session_epoch: {epoch}, forgotten_topics_data: [{forgotten}],");
        ask(run, version, name, &rest, topics);
    };
    let both = format!("{}, {}", wish("t", 0, "0", ""), wish("t", 1, "0", ""));
    step("not in a session", "0", -1, &both, "");
    step("a session that is not there", "1234567", 1, "", "");
    step("to close one that is not there", "1234567", -1, &both, "");
    step("an epoch without a session", "0", 5, &both, "");
    step("a new session", "0", 0, &both, "");
    run.keep("s", "session_id");
    let mut step = |name: &str, epoch: i32, topics: &str, forgotten: &str| {
        let rest = format!("session_id: $s, session_epoch: {epoch}, forgotten_topics_data: [{forgotten}],");
        ask(run, version, name, &rest, topics);
    };
    step("nothing has changed, the position neither", 1, "", "");
    step("further on", 2, &wish("t", 0, "3", ""), "");
    step("nothing new", 3, "", "");
    step("a partition more", 4, &wish("t", 2, "0", ""), "");
    step("a topic more", 5, &wish("u", 0, "0", ""), "");
    step("out of range", 6, &wish("u", 0, "9", ""), "");
    step("still out of range", 7, "", "");
    step("one forgotten", 8, "", "{topic: $u, topic_id: $u.id, partitions: [0]}");
    step("an unknown partition more", 9, &wish("t", 9, "0", ""), "");
    step("an unknown one forgotten", 10, "", "{topic: $t, topic_id: $t.id, partitions: [9, 8]}");
    step("a wrong epoch", 20, "", "");
    step("an epoch of before", 3, "", "");
    step("the right epoch", 11, "", "");
    append(run, "t", 1, "three");
    let mut step = |name: &str, epoch: i32, topics: &str| {
        ask(run, version, name, &format!("session_id: $s, session_epoch: {epoch},"), topics);
    };
    step("data in another one", 12, "");
    step("renewed", 0, &wish("t", 1, "1", ""));
    step("closed", -1, &wish("t", 1, "1", ""));
    step("after it was closed", 13, "");
}

/// A session of names is continued with ids, and one of ids with names.
fn mixed_sessions(run: &mut Run, version: i16) {
    run.topic("t", 1, "{}");
    run.batch("three", &batch(&["a", "b", "c"]));
    append(run, "t", 0, "three");
    let other = if version < 13 { API.row().max } else { 12 };
    let step = |run: &mut Run, version: i16, name: &str, session: &str, epoch: i32, topics: &str| {
        ask(run, version, name, &format!("session_id: {session}, session_epoch: {epoch},"), topics);
    };
    step(run, version, "to be continued otherwise", "0", 0, &wish("t", 0, "0", ""));
    run.keep("s", "session_id");
    step(run, version, "continued", "$s", 1, "");
    step(run, other, "with the other kind of topics", "$s", 2, &wish("t", 0, "1", ""));
    step(run, other, "with the other kind and no topics", "$s", 2, "");
    step(run, other, "with the other kind and a wrong epoch", "$s", 7, "");
    step(run, version, "as before", "$s", 2, "");
    step(run, other, "closed with the other kind", "$s", -1, &wish("t", 0, "1", ""));
    step(run, version, "after that", "$s", 3, "");
}

/// The topic is deleted and made again while a session has the id of the first one.
fn replaced(run: &mut Run, version: i16) {
    run.topic("t", 1, "{}");
    run.batch("three", &batch(&["a", "b", "c"]));
    append(run, "t", 0, "three");
    ask(run, version, "of a topic that will be another", "session_id: 0, session_epoch: 0,", &wish("t", 0, "0", ""));
    run.keep("s", "session_id");
    run.ask(ApiKey::DeleteTopics, 4, "to make it again", "{topic_names: [$t], timeout_ms: 30000}");
    run.topic("t", 1, "{}");
    append(run, "t", 0, "three");
    let body = format!("{{max_wait_ms: 0, min_bytes: 1, topics: [{}]}}", wish("t", 0, "0", ""));
    run.ask_until(API, version, "by its new id", &body, "responses.0.partitions.0.error_code", 0);
    ask(run, version, "by the id of before", "session_id: $s, session_epoch: 1,", "");
    ask(run, version, "by both", "session_id: $s, session_epoch: 2,", &wish("t", 0, "0", ""));
    ask(run, version, "by both again", "session_id: $s, session_epoch: 3,", "");
}

fn waits(run: &mut Run, version: i16) {
    run.topic("t", 2, "{}");
    run.batch("three", &batch(&["a", "b", "c"]));
    let waiting = |ms: i32, min: i32, topics: &str| format!("{{max_wait_ms: {ms}, min_bytes: {min}, topics: [{topics}]}}");
    run.on("waiter").ask(API, version, "waits in vain", &waiting(50, 1, &wish("t", 0, "0", "")));
    run.ask(API, version, "no bytes wanted", &waiting(10_000, 0, &wish("t", 0, "0", "")));
    run.ask(API, version, "an error does not wait", &waiting(10_000, 1, &wish("t", 9, "0", "")));
    run.ask(API, version, "out of range does not wait", &waiting(10_000, 1, &wish("t", 0, "5", "")));
    run.send(API, version, "woken by data", &waiting(20_000, 1, &wish("t", 0, "0", "")));
    run.let_it_arrive();
    append(run.on("first"), "t", 0, "three");
    run.on("waiter").receive();
    run.send(
        API,
        version,
        "woken when there is enough",
        &waiting(20_000, 140, &format!("{}, {}", wish("t", 0, "0", ""), wish("t", 1, "0", ""))),
    );
    run.let_it_arrive();
    append(run.on("first"), "t", 1, "three");
    run.on("waiter").receive();
    run.ask(API, version, "enough is there", &waiting(20_000, 140, &format!("{}, {}", wish("t", 0, "0", ""), wish("t", 1, "0", ""))));
}
