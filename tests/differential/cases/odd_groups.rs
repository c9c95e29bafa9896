//! Odd calls about groups: in each state a group can be in, of members that are not there, with lists that are empty or name one
//! thing twice.

use super::{Scenario, of};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        of("odd-joins", ApiKey::JoinGroup, joins),
        of("odd-syncs", ApiKey::SyncGroup, syncs),
        of("odd-heartbeats", ApiKey::Heartbeat, heartbeats),
        of("odd-leaves", ApiKey::LeaveGroup, leaves),
        of("odd-commits", ApiKey::OffsetCommit, commits),
        of("odd-offset-fetches", ApiKey::OffsetFetch, fetches),
        of("odd-groups", ApiKey::DescribeGroups, groups),
        of("odd-group-deletes", ApiKey::DeleteGroups, deletes),
        of("odd-offset-deletes", ApiKey::OffsetDelete, offset_deletes),
    ]
}

const RANGE: &str = "[{name: range, metadata: '0x000100000000ffffffff'}]";

/// A member of a group of this kind that has joined and not synced: `$m` and `$g`.
fn joined(run: &mut Run, group: &str, kind: &str) {
    let body = format!(
        "{{group_id: {group}, session_timeout_ms: 30000, rebalance_timeout_ms: 60000, member_id: '', protocol_type: {kind}, protocols: {RANGE}}}"
    );
    run.ask(ApiKey::JoinGroup, 3, "the one member", &body);
    run.keep("m", "member_id");
    run.keep("g", "generation_id");
}

fn synced(run: &mut Run, group: &str) {
    let body = format!("{{group_id: {group}, generation_id: $g, member_id: $m, assignments: [{{member_id: $m, assignment: '0x0102'}}]}}");
    run.ask(ApiKey::SyncGroup, 3, "the one member", &body);
}

fn left(run: &mut Run, group: &str) {
    run.ask(ApiKey::LeaveGroup, 3, "the one member", &format!("{{group_id: {group}, members: [{{member_id: $m}}]}}"));
}

fn joins(run: &mut Run, version: i16) {
    let ask = |run: &mut Run, name: &str, times: &str, rest: &str, protocols: &str| {
        run.set("group", format!("{}-{}", run.stem, name.replace(' ', "-")));
        let body = format!("{{group_id: $group, {times}, protocol_type: consumer, protocols: {protocols} {rest}}}");
        run.ask(ApiKey::JoinGroup, version, name, &body);
        if version >= 4 {
            run.keep("m", "member_id");
            run.ask(ApiKey::JoinGroup, version, &format!("{name}, with its id"), &body.replace("member_id: ''", "member_id: $m"));
        }
        if version >= 1 && name.ends_with("time to rebalance") {
            // It has as much time to sync, and is gone.
            run.ask_until(ApiKey::DescribeGroups, 5, name, "{groups: [$group]}", "groups.0.group_state", "Empty");
        } else {
            run.ask(ApiKey::DescribeGroups, 5, name, "{groups: [$group]}");
        }
    };
    let usual = "member_id: '', session_timeout_ms: 30000, rebalance_timeout_ms: 60000";
    ask(run, "empty metadata", usual, "", "[{name: range, metadata: ''}]");
    ask(run, "a protocol without a name", usual, "", "[{name: '', metadata: '0x00'}]");
    ask(run, "null metadata", usual, "", "[{name: range, metadata: null}]");
    ask(run, "a null protocol name", usual, "", "[{name: null, metadata: '0x00'}]");
    ask(run, "no time to rebalance", "member_id: '', session_timeout_ms: 30000, rebalance_timeout_ms: 0", "", RANGE);
    ask(run, "negative time to rebalance", "member_id: '', session_timeout_ms: 30000, rebalance_timeout_ms: -5", "", RANGE);
    ask(run, "the shortest session", "member_id: '', session_timeout_ms: 6000, rebalance_timeout_ms: 60000", "", RANGE);
    ask(run, "the longest session", "member_id: '', session_timeout_ms: 1800000, rebalance_timeout_ms: 60000", "", RANGE);
    if version >= 5 {
        ask(run, "an instance without a name", usual, ", group_instance_id: ''", RANGE);
        ask(run, "an instance of a bad name", usual, ", group_instance_id: 'a b'", RANGE);
        ask(run, "an instance of a dot", usual, ", group_instance_id: '.'", RANGE);
    }
    run.ask(ApiKey::JoinGroup, version, "a null kind", &format!("{{group_id: $stem, {usual}, protocol_type: null, protocols: {RANGE}}}"));
    run.ask(ApiKey::JoinGroup, version, "a null member", &format!("{{group_id: $stem, session_timeout_ms: 30000, rebalance_timeout_ms: 60000, member_id: null, protocol_type: consumer, protocols: {RANGE}}}"));
    if version >= 8 {
        run.set("why", "w".repeat(400));
        run.ask(
            ApiKey::JoinGroup,
            version,
            "a long reason",
            &format!("{{group_id: $stem, {usual}, protocol_type: consumer, protocols: {RANGE}, reason: $why}}"),
        );
    }
}

fn syncs(run: &mut Run, version: i16) {
    let api = ApiKey::SyncGroup;
    let rest = "protocol_type: consumer, protocol_name: range";
    joined(run, "$stem", "consumer");
    let ask = |run: &mut Run, name: &str, head: &str, assignments: &str| {
        run.ask(api, version, name, &format!("{{{head}, {rest}, assignments: [{assignments}]}}"));
    };
    let right = "group_id: $stem, generation_id: $g, member_id: $m";
    ask(run, "before all, a wrong generation", "group_id: $stem, generation_id: 5, member_id: $m", "");
    ask(run, "before all, nobody", "group_id: $stem, generation_id: $g, member_id: nobody", "");
    ask(run, "only for others", right, "{member_id: nobody, assignment: '0x01'}, {member_id: '', assignment: '0x02'}");
    run.ask(ApiKey::DescribeGroups, 5, "nothing for its leader", "{groups: [$stem]}");
    left(run, "$stem");
    ask(run, "once it has left", right, "");
    joined(run, "$stem", "consumer");
    ask(run, "twice for one", right, "{member_id: $m, assignment: '0x01'}, {member_id: $m, assignment: '0x02'}");
    run.ask(ApiKey::DescribeGroups, 5, "two for its leader", "{groups: [$stem]}");
    left(run, "$stem");
    joined(run, "$stem", "consumer");
    ask(run, "null for one", right, "{member_id: $m, assignment: null}");
    run.ask(api, version, "a null member", &format!("{{group_id: $stem, generation_id: $g, member_id: null, {rest}, assignments: []}}"));
}

fn heartbeats(run: &mut Run, version: i16) {
    let beat = |run: &mut Run, name: &str| {
        run.ask(ApiKey::Heartbeat, version, name, "{group_id: $stem, generation_id: $g, member_id: $m}");
        run.ask(
            ApiKey::Heartbeat,
            version,
            &format!("{name}, a generation too far"),
            "{group_id: $stem, generation_id: 99, member_id: $m}",
        );
        run.ask(ApiKey::Heartbeat, version, &format!("{name}, nobody"), "{group_id: $stem, generation_id: $g, member_id: nobody}");
    };
    joined(run, "$stem", "consumer");
    beat(run, "waiting for its assignment");
    synced(run, "$stem");
    beat(run, "stable");
    left(run, "$stem");
    beat(run, "empty");
    run.ask(ApiKey::DeleteGroups, 2, "to beat no more", "{groups_names: [$stem]}");
    beat(run, "deleted");
    run.ask(ApiKey::Heartbeat, version, "a null member", "{group_id: $stem, generation_id: $g, member_id: null}");
}

fn leaves(run: &mut Run, version: i16) {
    let api = ApiKey::LeaveGroup;
    joined(run, "$stem", "consumer");
    if version >= 3 {
        let ask =
            |run: &mut Run, name: &str, members: &str| run.ask(api, version, name, &format!("{{group_id: $stem, members: [{members}]}}"));
        ask(run, "neither member nor instance", "{member_id: '', group_instance_id: null}");
        ask(run, "an instance without a name", "{member_id: '', group_instance_id: ''}");
        ask(run, "an unknown instance of a member, and the member", "{member_id: $m, group_instance_id: nobody}, {member_id: nobody}");
        ask(run, "one twice and one unknown", "{member_id: $m}, {member_id: $m}, {member_id: nobody, group_instance_id: nobody}");
        ask(run, "an empty group, two", "{member_id: $m}, {member_id: '', group_instance_id: nobody}");
        run.ask(api, version, "nobody leaves an unknown group", "{group_id: leave-nowhere, members: []}");
        run.ask(api, version, "nobody leaves no group", "{group_id: '', members: []}");
        ask(run, "a null member", "{member_id: null}");
    } else {
        run.ask(api, version, "one that has not synced", "{group_id: $stem, member_id: $m}");
        run.ask(api, version, "an empty group", "{group_id: $stem, member_id: $m}");
        run.ask(api, version, "neither group nor member", "{group_id: '', member_id: ''}");
    }
}

fn commits(run: &mut Run, version: i16) {
    let api = ApiKey::OffsetCommit;
    run.topic("t", 2, "{}");
    let ask = |run: &mut Run, name: &str, head: &str, partitions: &str| {
        run.ask(
            api,
            version,
            name,
            &format!("{{group_id: $stem, {head} topics: [{{name: $t, topic_id: $t.id, partitions: [{partitions}]}}]}}"),
        );
    };
    let one = "{partition_index: 0, committed_offset: 5}";
    for retention in [0, -2, 1, i64::MAX] {
        ask(run, &format!("retention {retention}"), &format!("retention_time_ms: {retention},"), one);
    }
    ask(run, "the greatest offset", "", "{partition_index: 0, committed_offset: 9223372036854775807}");
    ask(run, "the least offset", "", "{partition_index: 0, committed_offset: -9223372036854775808}");
    ask(run, "the last epoch", "", "{partition_index: 0, committed_offset: 1, committed_leader_epoch: 2147483647}");
    ask(run, "a very negative epoch", "", "{partition_index: 0, committed_offset: 1, committed_leader_epoch: -7}");
    ask(run, "empty metadata", "", "{partition_index: 0, committed_offset: 1, committed_metadata: ''}");
    run.set("u", "ü".repeat(2_049));
    ask(run, "metadata of few letters and many bytes", "", "{partition_index: 0, committed_offset: 9, committed_metadata: $u}");
    run.ask(api, version, "a topic twice", "{group_id: $stem, topics: [{name: $t, topic_id: $t.id, partitions: [{partition_index: 0, committed_offset: 3}]}, {name: $t, topic_id: $t.id, partitions: [{partition_index: 1, committed_offset: 4}]}]}");
    run.ask(api, version, "no name", "{group_id: $stem, topics: [{name: '', partitions: [{partition_index: 0, committed_offset: 3}]}]}");
    run.ask(api, version, "null partitions", "{group_id: $stem, topics: [{name: $t, topic_id: $t.id, partitions: null}]}");
    run.ask(ApiKey::OffsetFetch, 9, "after odd commits", "{groups: [{group_id: $stem, topics: null}]}");
    joined(run, "$stem", "consumer");
    let of_member = "generation_id_or_member_epoch: $g, member_id: $m,";
    ask(run, "waiting for its assignment", of_member, one);
    ask(run, "waiting for it, an empty list", of_member, "");
    ask(run, "waiting for it, an unknown partition", of_member, "{partition_index: 9, committed_offset: 1}");
    synced(run, "$stem");
    ask(
        run,
        "stable, an unknown partition and a known one",
        of_member,
        "{partition_index: 9, committed_offset: 1}, {partition_index: 1, committed_offset: 2}",
    );
    ask(run, "stable, of nobody", "", one);
    left(run, "$stem");
    ask(run, "once it has left", of_member, one);
    ask(run, "of nobody, once it has left", "", one);
}

fn fetches(run: &mut Run, version: i16) {
    let api = ApiKey::OffsetFetch;
    run.topic("t", 2, "{}");
    run.ask(
        ApiKey::OffsetCommit,
        8,
        "to be fetched",
        "{group_id: $stem, topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: 5, committed_leader_epoch: 3, committed_metadata: m}]}]}",
    );
    let topic = |indexes: &str| format!("{{{}, partition_indexes: {indexes}}}", if version < 10 { "name: $t" } else { "topic_id: $t.id" });
    let ask = |run: &mut Run, name: &str, topics: &str| {
        let body = if version < 8 {
            format!("{{group_id: $stem, topics: {topics}}}")
        } else {
            format!("{{groups: [{{group_id: $stem, topics: {topics}}}]}}")
        };
        run.ask(api, version, name, &body);
    };
    ask(run, "a topic twice", &format!("[{}, {}]", topic("[0]"), topic("[1]")));
    ask(run, "a topic twice, a partition too", &format!("[{}, {}]", topic("[0]"), topic("[0]")));
    ask(run, "null partitions", &format!("[{}]", topic("null")));
    ask(run, "no name", if version < 10 { "[{name: '', partition_indexes: [0]}]" } else { "[{partition_indexes: [0]}]" });
    if version >= 7 {
        let body = if version < 8 {
            "{group_id: $stem, topics: null, require_stable: true}"
        } else {
            "{groups: [{group_id: $stem, topics: null}, {group_id: odd-nobody, topics: null}], require_stable: true}"
        };
        run.ask(api, version, "all that is stable", body);
    }
    if version >= 8 {
        run.ask(api, version, "a null group", "{groups: [{group_id: null, topics: null}]}");
        run.ask(
            api,
            version,
            "three groups, one of them without a name",
            "{groups: [{group_id: $stem, topics: null}, {group_id: '', topics: null}, {group_id: odd-nobody, topics: []}]}",
        );
    }
    // The answer to a group whose members are of the older protocol, asked as a member.
    joined(run, "$stem", "consumer");
    if version >= 9 {
        for (name, member) in
            [("its member", "member_id: $m, member_epoch: $g"), ("its member of a wrong epoch", "member_id: $m, member_epoch: 77")]
        {
            run.ask(api, version, name, &format!("{{groups: [{{group_id: $stem, topics: null, {member}}}]}}"));
        }
    }
    ask(run, "while it rebalances", &format!("[{}]", topic("[0]")));
}

fn groups(run: &mut Run, version: i16) {
    let describe = |run: &mut Run, name: &str| run.ask(ApiKey::DescribeGroups, version, name, "{groups: [$stem]}");
    joined(run, "$stem", "connect");
    describe(run, "waiting for its assignment");
    synced(run, "$stem");
    describe(run, "stable");
    run.ask(ApiKey::DescribeGroups, version, "three times, and nobody twice", "{groups: [$stem, odd-nobody, $stem, odd-nobody, $stem]}");
    left(run, "$stem");
    describe(run, "empty");
    run.ask(ApiKey::DeleteGroups, 2, "to be described no more", "{groups_names: [$stem]}");
    describe(run, "deleted");
    run.ask(ApiKey::DescribeGroups, version, "a null name", "{groups: [null]}");
}

fn deletes(run: &mut Run, version: i16) {
    let api = ApiKey::DeleteGroups;
    joined(run, "$stem", "connect");
    run.ask(api, version, "waiting for its assignment", "{groups_names: [$stem]}");
    run.ask(api, version, "twice with members", "{groups_names: [$stem, $stem]}");
    left(run, "$stem");
    run.ask(api, version, "twice, and nobody", "{groups_names: [$stem, $stem, odd-nobody]}");
    run.ask(api, version, "a null name", "{groups_names: [null]}");
}

fn offset_deletes(run: &mut Run, version: i16) {
    let api = ApiKey::OffsetDelete;
    run.topic("t", 2, "{}");
    let ask = |run: &mut Run, name: &str, topics: &str| run.ask(api, version, name, &format!("{{group_id: $stem, topics: [{topics}]}}"));
    let one = "{name: $t, partitions: [{partition_index: 0}]}";
    joined(run, "$stem", "connect");
    ask(run, "of a worker that waits for its assignment", one);
    synced(run, "$stem");
    run.ask(ApiKey::OffsetCommit, 8, "of a worker", "{group_id: $stem, generation_id_or_member_epoch: $g, member_id: $m, topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: 5}, {partition_index: 1, committed_offset: 6}]}]}");
    ask(run, "of a worker", one);
    ask(run, "nothing of a worker", "");
    ask(run, "what is unknown, of a worker", "{name: $t, partitions: [{partition_index: 9}]}");
    ask(run, "what is unknown and what is known, of a worker", "{name: $t, partitions: [{partition_index: 9}, {partition_index: 0}]}");
    for (name, topics) in [("nothing", ""), ("what is unknown", "{name: $t, partitions: [{partition_index: 9}]}")] {
        run.ask(api, version, &format!("{name}, of nobody"), &format!("{{group_id: odd-nobody, topics: [{topics}]}}"));
        run.ask(api, version, &format!("{name}, of no group"), &format!("{{group_id: '', topics: [{topics}]}}"));
    }
    left(run, "$stem");
    ask(run, "once the worker has left", one);
    ask(run, "one twice", "{name: $t, partitions: [{partition_index: 1}, {partition_index: 1}]}");
    ask(run, "null partitions", "{name: $t, partitions: null}");
}
