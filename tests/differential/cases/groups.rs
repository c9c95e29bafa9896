//! Groups one request at a time: JoinGroup, SyncGroup, Heartbeat, LeaveGroup and the admin's view, in each version and with each error.

use super::{Scenario, alone, of};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        alone("list-groups", ApiKey::ListGroups, list),
        of("join-group", ApiKey::JoinGroup, join),
        of("sync-group", ApiKey::SyncGroup, sync),
        of("heartbeat", ApiKey::Heartbeat, heartbeat),
        of("leave-group", ApiKey::LeaveGroup, leave),
        of("describe-groups", ApiKey::DescribeGroups, describe),
        of("delete-groups", ApiKey::DeleteGroups, delete),
        of("commit-in-group", ApiKey::OffsetCommit, commit),
    ]
}

/// One member of `$stem` in a stable group: `$m` and `$g`.
fn stable(run: &mut Run) {
    run.ask(ApiKey::JoinGroup, 3, "the one member", &joining("$stem", "''", ""));
    run.keep("m", "member_id");
    run.keep("g", "generation_id");
    run.ask(
        ApiKey::SyncGroup,
        3,
        "the one member",
        "{group_id: $stem, generation_id: $g, member_id: $m, assignments: [{member_id: $m, assignment: '0x000100000000ffffffff'}]}",
    );
}

/// A JoinGroup of a consumer.
fn joining(group: &str, member: &str, rest: &str) -> String {
    let protocols = "[{name: range, metadata: '0x000100000000ffffffff'}, {name: sticky, metadata: '0x000100000000ffffffff'}]";
    format!(
        "{{group_id: {group}, session_timeout_ms: 30000, rebalance_timeout_ms: 60000, member_id: {member}, protocol_type: consumer, protocols: {protocols} {rest}}}"
    )
}

fn join(run: &mut Run, version: i16) {
    let api = ApiKey::JoinGroup;
    let given = |group: &str, session: i64, member: &str, kind: &str, protocols: &str| {
        format!(
            "{{group_id: {group}, session_timeout_ms: {session}, rebalance_timeout_ms: 60000, member_id: {member}, protocol_type: {kind}, protocols: [{protocols}]}}"
        )
    };
    let range = "{name: range, metadata: '0x00'}";
    run.ask(api, version, "no group", &given("''", 30_000, "''", "consumer", range));
    for (name, session) in
        [("too short a session", 5_999), ("too long a session", 1_800_001), ("no session", 0), ("a negative session", -1)]
    {
        run.ask(api, version, name, &given("join-nobody", session, "''", "consumer", range));
    }
    run.ask(api, version, "an unknown member of an unknown group", &given("join-nobody", 30_000, "nobody", "consumer", range));
    run.ask(api, version, "no protocols", &given("join-nobody", 30_000, "''", "consumer", ""));
    run.ask(api, version, "no kind of protocol", &given("join-nobody", 30_000, "''", "''", range));
    run.ask(
        api,
        version,
        "null protocols",
        "{group_id: $stem, session_timeout_ms: 30000, rebalance_timeout_ms: 60000, protocol_type: consumer, protocols: null}",
    );
    run.ask(api, version, "the first", &joining("$stem", "''", ""));
    run.keep("m", "member_id");
    if version >= 4 {
        run.ask(api, version, "the first with its id", &joining("$stem", "$m", ""));
    }
    run.keep("g", "generation_id");
    run.ask(ApiKey::DescribeGroups, 5, "joined", "{groups: [$stem]}");
    run.ask(api, version, "again, before it has synced", &joining("$stem", "$m", ""));
    run.ask(
        ApiKey::SyncGroup,
        3,
        "joined",
        "{group_id: $stem, generation_id: $g, member_id: $m, assignments: [{member_id: $m, assignment: '0x01'}]}",
    );
    run.ask(api, version, "another kind", &given("$stem", 30_000, "''", "connect", range));
    run.ask(api, version, "nothing in common", &given("$stem", 30_000, "''", "consumer", "{name: other, metadata: '0x00'}"));
    run.ask(api, version, "an unknown member", &joining("$stem", "nobody", ""));
    run.ask(api, version, "again, as the leader", &joining("$stem", "$m", ""));
    run.keep("g", "generation_id");
    run.ask(
        ApiKey::SyncGroup,
        3,
        "joined again",
        "{group_id: $stem, generation_id: $g, member_id: $m, assignments: [{member_id: $m, assignment: '0x01'}]}",
    );
    run.ask(api, version, "a protocol twice", &given("$stem", 30_000, "$m", "consumer", &format!("{range}, {range}")));
    if version >= 5 {
        run.set("static", format!("{}-static", run.stem));
        run.ask(api, version, "a static one", &joining("$static", "''", ", group_instance_id: i"));
    }
}

fn sync(run: &mut Run, version: i16) {
    stable(run);
    let mut ask = |name: &str, body: &str| run.ask(ApiKey::SyncGroup, version, name, &format!("{{{body}}}"));
    ask("no group", "group_id: '', generation_id: $g, member_id: $m, protocol_type: consumer, protocol_name: range, assignments: []");
    ask(
        "unknown group",
        "group_id: sync-nobody, generation_id: $g, member_id: $m, protocol_type: consumer, protocol_name: range, assignments: []",
    );
    ask(
        "unknown member",
        "group_id: $stem, generation_id: $g, member_id: nobody, protocol_type: consumer, protocol_name: range, assignments: []",
    );
    ask("no member", "group_id: $stem, generation_id: $g, member_id: '', protocol_type: consumer, protocol_name: range, assignments: []");
    ask(
        "a generation to come",
        "group_id: $stem, generation_id: 9, member_id: $m, protocol_type: consumer, protocol_name: range, assignments: []",
    );
    ask(
        "a negative generation",
        "group_id: $stem, generation_id: -1, member_id: $m, protocol_type: consumer, protocol_name: range, assignments: []",
    );
    ask("in time", "group_id: $stem, generation_id: $g, member_id: $m, protocol_type: consumer, protocol_name: range, assignments: []");
    ask(
        "in time, with another assignment",
        "group_id: $stem, generation_id: $g, member_id: $m, protocol_type: consumer, protocol_name: range, assignments: [{member_id: $m, assignment: '0x02'}]",
    );
    if version >= 3 {
        ask(
            "unknown instance",
            "group_id: $stem, generation_id: $g, member_id: $m, group_instance_id: nobody, protocol_type: consumer, protocol_name: range, assignments: []",
        );
    }
    if version >= 5 {
        ask(
            "the right protocol",
            "group_id: $stem, generation_id: $g, member_id: $m, protocol_type: consumer, protocol_name: range, assignments: []",
        );
        ask(
            "another kind",
            "group_id: $stem, generation_id: $g, member_id: $m, protocol_type: connect, protocol_name: range, assignments: []",
        );
        ask(
            "another protocol",
            "group_id: $stem, generation_id: $g, member_id: $m, protocol_type: consumer, protocol_name: other, assignments: []",
        );
        ask("a kind without a protocol", "group_id: $stem, generation_id: $g, member_id: $m, protocol_type: consumer, assignments: []");
    }
    ask("null assignments", "group_id: $stem, generation_id: $g, member_id: $m, assignments: null");
}

fn heartbeat(run: &mut Run, version: i16) {
    stable(run);
    let mut ask = |name: &str, body: &str| run.ask(ApiKey::Heartbeat, version, name, &format!("{{{body}}}"));
    ask("in time", "group_id: $stem, generation_id: $g, member_id: $m");
    ask("no group", "group_id: '', generation_id: $g, member_id: $m");
    ask("unknown group", "group_id: beat-nobody, generation_id: $g, member_id: $m");
    ask("unknown member", "group_id: $stem, generation_id: $g, member_id: nobody");
    ask("no member", "group_id: $stem, generation_id: $g, member_id: ''");
    ask("a generation to come", "group_id: $stem, generation_id: 9, member_id: $m");
    ask("a generation of before", "group_id: $stem, generation_id: 0, member_id: $m");
    ask("a negative generation", "group_id: $stem, generation_id: -1, member_id: $m");
    if version >= 3 {
        ask("unknown instance", "group_id: $stem, generation_id: $g, member_id: $m, group_instance_id: nobody");
    }
    ask("null group", "group_id: null, generation_id: $g, member_id: $m");
}

fn leave(run: &mut Run, version: i16) {
    stable(run);
    let ask = |run: &mut Run, name: &str, group: &str, member: &str, rest: &str| {
        run.ask(
            ApiKey::LeaveGroup,
            version,
            name,
            &format!("{{group_id: {group}, member_id: {member}, members: [{{member_id: {member} {rest}}}]}}"),
        );
    };
    ask(run, "no group", "''", "$m", "");
    ask(run, "unknown group", "leave-nobody", "$m", "");
    ask(run, "unknown member", "$stem", "nobody", "");
    ask(run, "no member", "$stem", "''", "");
    if version >= 3 {
        ask(run, "unknown instance", "$stem", "''", ", group_instance_id: nobody");
        ask(run, "unknown instance with a member", "$stem", "$m", ", group_instance_id: nobody");
        run.ask(ApiKey::LeaveGroup, version, "nobody leaves", "{group_id: $stem, members: []}");
        run.ask(
            ApiKey::LeaveGroup,
            version,
            "two, one of them unknown",
            "{group_id: $stem, members: [{member_id: nobody}, {member_id: $m}]}",
        );
    }
    ask(run, "the only one", "$stem", "$m", ", reason: 'that is it'");
    ask(run, "again", "$stem", "$m", "");
    run.ask(ApiKey::Heartbeat, 3, "after it left", "{group_id: $stem, generation_id: $g, member_id: $m}");
    run.ask(ApiKey::DescribeGroups, 5, "after it left", "{groups: [$stem]}");
    run.ask(ApiKey::LeaveGroup, version, "null members", "{group_id: $stem, member_id: null, members: null}");
}

fn describe(run: &mut Run, version: i16) {
    let api = ApiKey::DescribeGroups;
    stable(run);
    run.topic("t", 1, "{}");
    run.ask(
        ApiKey::OffsetCommit,
        8,
        "of a simple consumer",
        "{group_id: describe-simple, topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: 5}]}]}",
    );
    for (name, groups) in [
        ("one", "[$stem]"),
        ("unknown", "[describe-nobody]"),
        ("no name", "['']"),
        ("a simple one", "[describe-simple]"),
        ("three", "[$stem, describe-nobody, describe-simple]"),
        ("one twice", "[$stem, $stem]"),
        ("none", "[]"),
        ("null", "null"),
    ] {
        run.ask(api, version, name, &format!("{{groups: {groups}}}"));
    }
    run.ask(api, version, "operations", "{groups: [$stem, describe-nobody], include_authorized_operations: true}");
}

fn delete(run: &mut Run, version: i16) {
    let api = ApiKey::DeleteGroups;
    stable(run);
    run.topic("t", 1, "{}");
    run.ask(
        ApiKey::OffsetCommit,
        8,
        "of a simple consumer",
        "{group_id: delete-simple, topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: 5}]}]}",
    );
    for (name, groups) in [
        ("with members", "[$stem]"),
        ("unknown", "[delete-nobody]"),
        ("no name", "['']"),
        ("none", "[]"),
        ("a simple one", "[delete-simple]"),
        ("a simple one again", "[delete-simple]"),
        ("two", "[$stem, delete-nobody]"),
    ] {
        run.ask(api, version, name, &format!("{{groups_names: {groups}}}"));
    }
    run.ask(ApiKey::LeaveGroup, 3, "to be deleted", "{group_id: $stem, members: [{member_id: $m}]}");
    run.ask(api, version, "without members", "{groups_names: [$stem]}");
    run.ask(ApiKey::DescribeGroups, 6, "deleted", "{groups: [$stem]}");
    run.ask(api, version, "null", "{groups_names: null}");
}

fn list(run: &mut Run, version: i16) {
    let api = ApiKey::ListGroups;
    stable(run);
    run.topic("t", 1, "{}");
    run.ask(
        ApiKey::OffsetCommit,
        8,
        "of a simple consumer",
        "{group_id: list-simple, topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: 5}]}]}",
    );
    run.ask(api, version, "all", "{}");
    if version >= 4 {
        for (name, states) in [
            ("stable ones", "[Stable]"),
            ("empty ones", "[Empty]"),
            ("in capitals", "[STABLE]"),
            ("dead ones", "[Dead]"),
            ("states that are none", "[Happy]"),
            ("two states", "[Stable, Empty]"),
            ("null states", "null"),
            ("states of other groups", "[Assigning, Reconciling, NotReady]"),
        ] {
            run.ask(api, version, name, &format!("{{states_filter: {states}}}"));
        }
    }
    if version >= 5 {
        for (name, types) in [
            ("classic ones", "[classic]"),
            ("in capitals", "[CLASSIC]"),
            ("consumers", "[consumer]"),
            ("shares", "[share]"),
            ("kinds that are none", "[cat]"),
            ("two kinds", "[classic, consumer]"),
            ("null kinds", "null"),
        ] {
            run.ask(api, version, name, &format!("{{types_filter: {types}}}"));
        }
        run.ask(api, version, "kinds and states", "{types_filter: [classic], states_filter: [Empty]}");
    }
}

/// Commits of members.
fn commit(run: &mut Run, version: i16) {
    run.topic("t", 1, "{}");
    stable(run);
    let mut ask = |name: &str, head: &str| {
        let topics = "[{name: $t, topic_id: $t.id, partitions: [{partition_index: 0, committed_offset: 5}]}]";
        run.ask(ApiKey::OffsetCommit, version, name, &format!("{{group_id: $stem, {head}, topics: {topics}}}"));
    };
    ask("in time", "generation_id_or_member_epoch: $g, member_id: $m");
    ask("a generation to come", "generation_id_or_member_epoch: 7, member_id: $m");
    ask("a generation of before", "generation_id_or_member_epoch: 0, member_id: $m");
    ask("no generation", "generation_id_or_member_epoch: -1, member_id: $m");
    ask("no member and no generation", "generation_id_or_member_epoch: -1, member_id: ''");
    ask("no member", "generation_id_or_member_epoch: $g, member_id: ''");
    ask("unknown member", "generation_id_or_member_epoch: $g, member_id: nobody");
    if version >= 7 {
        ask("unknown instance", "generation_id_or_member_epoch: $g, member_id: $m, group_instance_id: nobody");
    }
    run.ask(
        ApiKey::OffsetDelete,
        0,
        "of a group with members",
        "{group_id: $stem, topics: [{name: $t, partitions: [{partition_index: 0}]}]}",
    );
}
