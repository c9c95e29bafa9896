//! Offsets of groups: OffsetCommit, OffsetFetch, OffsetDelete, and FindCoordinator.

use super::{Scenario, of};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        of("find-coordinator", ApiKey::FindCoordinator, find),
        of("offset-commit", ApiKey::OffsetCommit, commit),
        of("offset-fetch", ApiKey::OffsetFetch, fetch),
        of("offset-delete", ApiKey::OffsetDelete, delete),
    ]
}

fn find(run: &mut Run, version: i16) {
    let api = ApiKey::FindCoordinator;
    for (name, key, kind) in [("a group", "some-group", 0), ("no name", "''", 0), ("unknown kind", "x", 9), ("negative kind", "x", -1)] {
        run.ask(api, version, name, &format!("{{key: {key}, key_type: {kind}, coordinator_keys: [{key}]}}"));
    }
    if version >= 4 {
        run.ask(api, version, "several", "{key_type: 0, coordinator_keys: [a, b, c]}");
        run.ask(api, version, "one twice", "{key_type: 0, coordinator_keys: [a, a]}");
        run.ask(api, version, "none", "{key_type: 0, coordinator_keys: []}");
        run.ask(api, version, "null keys", "{key_type: 0, coordinator_keys: null}");
    }
}

fn commit(run: &mut Run, version: i16) {
    let api = ApiKey::OffsetCommit;
    run.topic("t", 3, "{}");
    let ask = |run: &mut Run, name: &str, head: &str, partitions: &str| {
        let topics = format!("[{{name: $t, topic_id: $t.id, partitions: [{partitions}]}}]");
        run.ask(api, version, name, &format!("{{group_id: $stem, {head} topics: {topics}}}"));
    };
    let one = "{partition_index: 0, committed_offset: 5, committed_leader_epoch: 0, committed_metadata: m}";
    ask(run, "nobody knows the group", "", one);
    ask(run, "further", "", "{partition_index: 0, committed_offset: 6}, {partition_index: 1, committed_offset: 1}");
    ask(run, "back", "", "{partition_index: 0, committed_offset: 2, committed_metadata: null}");
    ask(run, "negative offset", "", "{partition_index: 2, committed_offset: -1}");
    ask(run, "very negative offset", "", "{partition_index: 2, committed_offset: -9}");
    ask(run, "an epoch to come", "", "{partition_index: 1, committed_offset: 3, committed_leader_epoch: 44}");
    ask(run, "unknown partition", "", "{partition_index: 9, committed_offset: 3}, {partition_index: 1, committed_offset: 4}");
    ask(run, "negative partition", "", "{partition_index: -1, committed_offset: 3}");
    ask(run, "a partition twice", "", "{partition_index: 1, committed_offset: 7}, {partition_index: 1, committed_offset: 8}");
    ask(run, "no partitions", "", "");
    ask(run, "a generation", "generation_id_or_member_epoch: 1,", one);
    ask(run, "generation 0", "generation_id_or_member_epoch: 0,", one);
    ask(run, "a very negative generation", "generation_id_or_member_epoch: -5,", one);
    ask(run, "a member", "member_id: nobody,", one);
    ask(run, "a member and a generation", "member_id: nobody, generation_id_or_member_epoch: 3,", one);
    ask(run, "an instance", "group_instance_id: nobody,", one);
    ask(run, "a retention", "retention_time_ms: 100000,", one);
    run.set("m", "m".repeat(4_096));
    ask(run, "long metadata", "", "{partition_index: 2, committed_offset: 3, committed_metadata: $m}");
    run.set("m", "m".repeat(4_097));
    ask(
        run,
        "too long metadata",
        "",
        "{partition_index: 2, committed_offset: 4, committed_metadata: $m}, {partition_index: 1, committed_offset: 9}",
    );
    let whole = |run: &mut Run, name: &str, body: &str| run.ask(api, version, name, body);
    whole(
        run,
        "unknown topic",
        "{group_id: $stem, topics: [{name: commit-nowhere, topic_id: abcdefghijklmnopqrstuA, partitions: [{partition_index: 0, committed_offset: 1}]}]}",
    );
    whole(
        run,
        "known and unknown",
        "{group_id: $stem, topics: [{name: commit-nowhere, topic_id: abcdefghijklmnopqrstuA, partitions: [{partition_index: 0, committed_offset: 1}]}, {name: $t, topic_id: $t.id, partitions: [{partition_index: 0, committed_offset: 8}]}]}",
    );
    whole(
        run,
        "an unknown topic without partitions",
        "{group_id: $stem, topics: [{name: commit-nowhere, topic_id: abcdefghijklmnopqrstuA, partitions: []}]}",
    );
    whole(
        run,
        "no group",
        "{group_id: '', topics: [{name: $t, topic_id: $t.id, partitions: [{partition_index: 0, committed_offset: 1}]}]}",
    );
    whole(run, "nothing", "{group_id: $stem, topics: []}");
    whole(
        run,
        "an unknown group with a generation",
        "{group_id: commit-nobody, generation_id_or_member_epoch: 1, member_id: x, topics: [{name: $t, topic_id: $t.id, partitions: [{partition_index: 0, committed_offset: 1}]}]}",
    );
    whole(run, "null topics", "{group_id: $stem, topics: null}");
    run.ask(ApiKey::OffsetFetch, 9, "after all commits", "{groups: [{group_id: $stem, topics: null}]}");
}

fn fetch(run: &mut Run, version: i16) {
    let api = ApiKey::OffsetFetch;
    run.topic("t", 3, "{}");
    run.topic("u", 1, "{}");
    run.ask(ApiKey::OffsetCommit, 8, "to be fetched", "{group_id: $stem, topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: 5, committed_leader_epoch: 0, committed_metadata: five}, {partition_index: 2, committed_offset: 7}]}, {name: $u, partitions: [{partition_index: 0, committed_offset: 1}]}]}");
    let of = |indexes: &str| {
        if version < 10 {
            format!("[{{name: $t, partition_indexes: [{indexes}]}}]")
        } else {
            format!("[{{topic_id: $t.id, partition_indexes: [{indexes}]}}]")
        }
    };
    for (name, indexes) in [
        ("one", "0"),
        ("all", "0, 1, 2"),
        ("another order", "2, 0"),
        ("without an offset", "1"),
        ("unknown partition", "8"),
        ("one twice", "0, 0"),
        ("no partitions", ""),
        ("negative partition", "-1"),
    ] {
        fetch_one(run, version, name, "$stem", &of(indexes));
        fetch_one(run, version, &format!("{name}, of nobody"), "fetch-nobody", &of(indexes));
    }
    fetch_one(run, version, "no topics", "$stem", "[]");
    if version >= 2 {
        fetch_one(run, version, "everything", "$stem", "null");
        fetch_one(run, version, "everything of nobody", "fetch-nobody", "null");
    } else {
        fetch_one(run, version, "null topics", "$stem", "null");
    }
    fetch_one(run, version, "no group", "''", &of("0"));
    let unknown = if version < 10 {
        "[{name: fetch-nowhere, partition_indexes: [0]}]"
    } else {
        "[{topic_id: abcdefghijklmnopqrstuA, partition_indexes: [0]}]"
    };
    fetch_one(run, version, "unknown topic", "$stem", unknown);
    if version >= 7 {
        let body = if version < 8 {
            format!("{{group_id: $stem, topics: {}, require_stable: true}}", of("0"))
        } else {
            format!("{{groups: [{{group_id: $stem, topics: {}}}], require_stable: true}}", of("0"))
        };
        run.ask(api, version, "stable", &body);
    }
    if version >= 8 {
        run.ask(
            api,
            version,
            "two groups",
            &format!("{{groups: [{{group_id: $stem, topics: {}}}, {{group_id: fetch-nobody, topics: {}}}]}}", of("0"), of("1")),
        );
        run.ask(
            api,
            version,
            "a group twice",
            &format!("{{groups: [{{group_id: $stem, topics: {}}}, {{group_id: $stem, topics: {}}}]}}", of("0"), of("1")),
        );
        run.ask(api, version, "no groups", "{groups: []}");
        run.ask(api, version, "null groups", "{groups: null}");
    }
    if version >= 9 {
        ask_member(run, version, &of("0"));
    }
}

fn fetch_one(run: &mut Run, version: i16, name: &str, group: &str, topics: &str) {
    let body = if version < 8 {
        format!("{{group_id: {group}, topics: {topics}}}")
    } else {
        format!("{{groups: [{{group_id: {group}, topics: {topics}}}]}}")
    };
    run.ask(ApiKey::OffsetFetch, version, name, &body);
}

fn ask_member(run: &mut Run, version: i16, topics: &str) {
    for (name, member) in [
        ("a member", "member_id: nobody, member_epoch: 1"),
        ("a member without an epoch", "member_id: nobody"),
        ("an epoch without a member", "member_epoch: 3"),
        ("no member", "member_id: ''"),
    ] {
        run.ask(ApiKey::OffsetFetch, version, name, &format!("{{groups: [{{group_id: $stem, topics: {topics}, {member}}}]}}"));
    }
}

fn delete(run: &mut Run, version: i16) {
    let api = ApiKey::OffsetDelete;
    run.topic("t", 2, "{}");
    run.ask(ApiKey::OffsetCommit, 8, "to be deleted", "{group_id: $stem, topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: 5}, {partition_index: 1, committed_offset: 5}]}]}");
    let mut ask =
        |name: &str, group: &str, topics: &str| run.ask(api, version, name, &format!("{{group_id: {group}, topics: [{topics}]}}"));
    ask("nobody", "delete-nobody", "{name: $t, partitions: [{partition_index: 0}]}");
    ask("no group", "''", "{name: $t, partitions: [{partition_index: 0}]}");
    ask("unknown partition", "$stem", "{name: $t, partitions: [{partition_index: 7}]}");
    ask("unknown topic", "$stem", "{name: delete-nowhere, partitions: [{partition_index: 0}]}");
    ask("nothing", "$stem", "");
    ask("no partitions", "$stem", "{name: $t, partitions: []}");
    ask("an unknown topic without partitions", "$stem", "{name: delete-nowhere, partitions: []}");
    ask("one", "$stem", "{name: $t, partitions: [{partition_index: 0}]}");
    ask("one again", "$stem", "{name: $t, partitions: [{partition_index: 0}]}");
    run.ask(ApiKey::OffsetFetch, 9, "after one was deleted", "{groups: [{group_id: $stem, topics: null}]}");
    run.ask(api, version, "the last", "{group_id: $stem, topics: [{name: $t, partitions: [{partition_index: 1}]}]}");
    run.ask(ApiKey::DescribeGroups, 6, "after the last was deleted", "{groups: [$stem]}");
    subscribed(run, version);
}

/// A member reads the topic.
fn subscribed(run: &mut Run, version: i16) {
    let name = run.value("t", 0).as_str().unwrap_or_default().to_owned();
    let metadata = [&[0, 1, 0, 0, 0, 1][..], &(name.len() as u16).to_be_bytes(), name.as_bytes(), &[0xff; 4], &[0; 4]].concat();
    run.batch("metadata", &metadata);
    run.set("group", format!("{}-reads", run.stem));
    run.ask(
        ApiKey::JoinGroup,
        3,
        "reads",
        "{group_id: $group, session_timeout_ms: 30000, rebalance_timeout_ms: 30000, protocol_type: consumer, protocols: [{name: range, metadata: $metadata}]}",
    );
    run.keep("m", "member_id");
    run.ask(
        ApiKey::SyncGroup,
        3,
        "reads",
        "{group_id: $group, generation_id: 1, member_id: $m, assignments: [{member_id: $m, assignment: '0x01'}]}",
    );
    for topic in ["$t", "delete-nowhere"] {
        run.ask(
            ApiKey::OffsetDelete,
            version,
            "of a member",
            &format!("{{group_id: $group, topics: [{{name: {topic}, partitions: [{{partition_index: 0}}]}}]}}"),
        );
    }
}
