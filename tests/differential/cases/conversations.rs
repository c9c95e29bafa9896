//! Groups of several members, as whole conversations: joins, leaves, time-outs, static members, cooperative moves. The versions are
//! those of JoinGroup; the other calls of a client have the version that goes with it.

use super::{Scenario, of};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    let join = ApiKey::JoinGroup;
    vec![
        of("two-members", join, two),
        of("session-ends", join, session_ends),
        Scenario { versions: 5..=join.row().max, ..of("static-members", join, fixed) },
        of("cooperative", join, cooperative),
        of("leader-is-late", join, late),
    ]
}

/// A client of some age: which version of each call it uses.
struct Client {
    join: i16,
    sync: i16,
    beat: i16,
    leave: i16,
}

fn client(version: i16) -> Client {
    let at_most = |api: ApiKey| version.min(api.row().max);
    Client { join: version, sync: at_most(ApiKey::SyncGroup), beat: at_most(ApiKey::Heartbeat), leave: at_most(ApiKey::LeaveGroup) }
}

/// What a member brings along: its name is that of its connection and of the variables for its id and generation.
#[derive(Clone, Copy)]
struct Member<'a> {
    name: &'a str,
    /// `, group_instance_id: x` or nothing.
    instance: &'a str,
    session_ms: i32,
    rebalance_ms: i32,
    protocols: &'a str,
}

const RANGE: &str = "{name: range, metadata: '0x000100000001000174ffffffff'}";

fn member(name: &str) -> Member<'_> {
    Member { name, instance: "", session_ms: 30_000, rebalance_ms: 30_000, protocols: RANGE }
}

impl Client {
    /// Sends a JoinGroup; a newcomer that is asked to come back with its id does so first.
    fn send_join(&self, run: &mut Run, member: Member, is_new: bool) {
        let Member { name, instance, session_ms, rebalance_ms, protocols } = member;
        let ask = |id: &str| {
            format!(
                "{{group_id: $stem, session_timeout_ms: {session_ms}, rebalance_timeout_ms: {rebalance_ms}, member_id: {id}, protocol_type: consumer, protocols: [{protocols}] {instance}}}"
            )
        };
        run.on(name);
        if is_new && self.join >= 4 && instance.is_empty() {
            run.ask(ApiKey::JoinGroup, self.join, "to get an id", &ask("''"));
            run.keep(name, "member_id");
        } else if is_new {
            run.set(name, "");
        }
        run.send(ApiKey::JoinGroup, self.join, &format!("{name} joins"), &ask(&format!("${name}")));
    }

    /// Takes the answer to a JoinGroup.
    fn joined(&self, run: &mut Run, member: Member) {
        run.on(member.name).receive();
        run.keep(member.name, "member_id");
        run.keep(&format!("{}.g", member.name), "generation_id");
        run.keep(&format!("{}.p", member.name), "protocol_name");
    }

    fn join(&self, run: &mut Run, member: Member, is_new: bool) {
        self.send_join(run, member, is_new);
        self.joined(run, member);
    }

    fn send_sync(&self, run: &mut Run, member: Member, assignments: &str) {
        let Member { name, instance, .. } = member;
        run.on(name).send(
            ApiKey::SyncGroup,
            self.sync,
            &format!("{name} syncs"),
            &format!("{{group_id: $stem, generation_id: ${name}.g, member_id: ${name}, protocol_type: consumer, protocol_name: ${name}.p, assignments: [{assignments}] {instance}}}"),
        );
    }

    fn sync(&self, run: &mut Run, member: Member, assignments: &str) {
        self.send_sync(run, member, assignments);
        run.receive();
    }

    fn beat_body(member: Member) -> String {
        format!("{{group_id: $stem, generation_id: ${0}.g, member_id: ${0} {1}}}", member.name, member.instance)
    }

    fn beat(&self, run: &mut Run, member: Member, name: &str) {
        run.on(member.name).ask(ApiKey::Heartbeat, self.beat, name, &Self::beat_body(member));
    }

    fn beat_until(&self, run: &mut Run, member: Member, code: i16) {
        run.on(member.name).ask_until(ApiKey::Heartbeat, self.beat, &format!("until {code}"), &Self::beat_body(member), "error_code", code);
    }

    fn leave(&self, run: &mut Run, member: Member) {
        let name = member.name;
        run.on(name).ask(
            ApiKey::LeaveGroup,
            self.leave,
            &format!("{name} leaves"),
            &format!("{{group_id: $stem, member_id: ${name}, members: [{{member_id: ${name}}}]}}"),
        );
    }
}

/// How the group looks from outside.
fn look(run: &mut Run, name: &str) {
    run.on("admin").ask(ApiKey::DescribeGroups, 5, name, "{groups: [$stem]}");
}

fn commit(run: &mut Run, member: Member, name: &str) {
    let body = format!(
        "{{group_id: $stem, generation_id_or_member_epoch: ${0}.g, member_id: ${0}, topics: [{{name: $t, partitions: [{{partition_index: 0, committed_offset: 3}}]}}]}}",
        member.name
    );
    run.on(member.name).ask(ApiKey::OffsetCommit, 7, name, &body);
}

/// One member, a second one, the first leaves, the second too.
fn two(run: &mut Run, version: i16) {
    let as_client = client(version);
    run.topic("t", 2, "{}");
    let (a, b) = (member("a"), member("b"));
    as_client.join(run, a, true);
    as_client.sync(run, a, "{member_id: $a, assignment: '0x01'}");
    look(run, "one is stable");
    as_client.beat(run, a, "one is stable");
    commit(run, a, "one is stable");

    as_client.send_join(run, b, true);
    as_client.beat_until(run, a, 27);
    look(run, "one is to come again");
    commit(run, a, "it may commit before it comes again");
    as_client.sync(run, a, "");
    as_client.join(run, a, false);
    as_client.joined(run, b);
    look(run, "both have joined");
    as_client.beat(run, b, "joined and not synced");
    commit(run, a, "joined and not synced");
    as_client.send_sync(run, b, "");
    run.let_it_arrive();
    as_client.sync(
        run,
        a,
        "{member_id: $a, assignment: '0x0a'}, {member_id: $b, assignment: '0x0b'}, {member_id: nobody, assignment: '0x0c'}",
    );
    run.on("b").receive();
    look(run, "two are stable");
    as_client.beat(run, a, "two are stable");
    as_client.beat(run, b, "two are stable");
    commit(run, b, "two are stable");
    as_client.join(run, b, false);
    look(run, "a follower came again and nothing has changed");
    run.on("admin").ask(
        ApiKey::OffsetDelete,
        0,
        "of what they read",
        "{group_id: $stem, topics: [{name: $t, partitions: [{partition_index: 0}]}]}",
    );
    run.ask(ApiKey::DeleteGroups, 2, "while they read", "{groups_names: [$stem]}");

    as_client.leave(run, a);
    as_client.beat_until(run, b, 27);
    as_client.join(run, b, false);
    as_client.sync(run, b, "{member_id: $b, assignment: '0x0d'}");
    look(run, "the other one is stable");
    as_client.beat(run, a, "it has left");
    commit(run, a, "it has left");
    as_client.leave(run, b);
    look(run, "both have left");
    run.on("admin").ask(ApiKey::OffsetFetch, 9, "both have left", "{groups: [{group_id: $stem, topics: null}]}");
    as_client.join(run, member("c"), true);
    look(run, "a third one begins anew");
}

/// A member falls silent.
fn session_ends(run: &mut Run, version: i16) {
    let as_client = client(version);
    run.topic("t", 1, "{}");
    let (a, b) = (Member { session_ms: 6_000, ..member("a") }, member("b"));
    as_client.join(run, a, true);
    as_client.sync(run, a, "{member_id: $a, assignment: '0x01'}");
    as_client.send_join(run, b, true);
    as_client.beat_until(run, a, 27);
    as_client.join(run, a, false);
    as_client.joined(run, b);
    as_client.send_sync(run, b, "");
    run.let_it_arrive();
    as_client.sync(run, a, "{member_id: $a, assignment: '0x0a'}, {member_id: $b, assignment: '0x0b'}");
    run.on("b").receive();
    as_client.beat_until(run, b, 27);
    look(run, "one has fallen silent");
    as_client.beat(run, a, "after its session");
    as_client.join(run, b, false);
    look(run, "the other one has joined again");
    as_client.sync(run, b, "{member_id: $b, assignment: '0x0c'}");
    commit(run, a, "after its session");
}

/// Static members come back under new ids, without a rebalance; the one of before is fenced.
fn fixed(run: &mut Run, version: i16) {
    let as_client = client(version);
    run.topic("t", 1, "{}");
    let (a, b) =
        (Member { instance: ", group_instance_id: one", ..member("a") }, Member { instance: ", group_instance_id: two", ..member("b") });
    as_client.join(run, a, true);
    as_client.sync(run, a, "{member_id: $a, assignment: '0x01'}");
    as_client.send_join(run, b, true);
    as_client.beat_until(run, a, 27);
    as_client.join(run, a, false);
    as_client.joined(run, b);
    as_client.send_sync(run, b, "");
    run.let_it_arrive();
    as_client.sync(run, a, "{member_id: $a, assignment: '0x0a'}, {member_id: $b, assignment: '0x0b'}");
    run.on("b").receive();
    look(run, "two static ones");

    let again = Member { name: "b2", ..b };
    as_client.join(run, again, true);
    as_client.sync(run, again, "");
    look(run, "a follower came back");
    as_client.beat(run, b, "the one of before");
    as_client.beat(run, again, "the one of now");
    run.on("b").ask(ApiKey::JoinGroup, version, "the one of before joins", "{group_id: $stem, session_timeout_ms: 30000, rebalance_timeout_ms: 30000, member_id: $b, group_instance_id: two, protocol_type: consumer, protocols: [{name: range, metadata: '0x00'}]}");
    run.ask(ApiKey::OffsetCommit, 7, "the one of before commits", "{group_id: $stem, generation_id_or_member_epoch: $b.g, member_id: $b, group_instance_id: two, topics: [{name: $t, partitions: [{partition_index: 0, committed_offset: 3}]}]}");
    run.ask(
        ApiKey::SyncGroup,
        as_client.sync,
        "the one of before syncs",
        "{group_id: $stem, generation_id: $b.g, member_id: $b, group_instance_id: two, protocol_type: consumer, protocol_name: range, assignments: []}",
    );
    run.ask(
        ApiKey::LeaveGroup,
        as_client.leave.max(3),
        "the one of before leaves",
        "{group_id: $stem, members: [{member_id: $b, group_instance_id: two}]}",
    );

    let leader = Member { name: "a2", ..a };
    as_client.join(run, leader, true);
    look(run, "the leader came back");
    as_client.sync(run, leader, "");
    as_client.beat(run, again, "after the leader came back");
    let other = Member { name: "b3", protocols: "{name: other, metadata: '0x00'}", ..b };
    as_client.send_join(run, other, true);
    run.receive();
    run.on("admin").ask(
        ApiKey::LeaveGroup,
        as_client.leave.max(3),
        "an admin removes one",
        "{group_id: $stem, members: [{member_id: '', group_instance_id: two}]}",
    );
    as_client.beat_until(run, leader, 27);
    as_client.join(run, leader, false);
    look(run, "one was removed");
    run.on("admin").ask(
        ApiKey::LeaveGroup,
        as_client.leave.max(3),
        "an admin removes both",
        "{group_id: $stem, members: [{member_id: '', group_instance_id: one}, {member_id: '', group_instance_id: two}]}",
    );
    look(run, "both were removed");
}

/// Two rebalances in a row, as the cooperative protocol has them: first what is to move is given up, then it is given away.
fn cooperative(run: &mut Run, version: i16) {
    let as_client = client(version);
    let owns = |parts: &str| {
        format!(
            "{{name: cooperative-sticky, metadata: '0x0001000000010001740000000000000001{parts}'}}, {{name: range, metadata: '0x0000'}}"
        )
    };
    let (all, half, none) = (owns("00017400000002000000000000000001"), owns("000174000000010000000000"), owns("00"));
    let (a, b) = (Member { protocols: &none, ..member("a") }, Member { protocols: &none, ..member("b") });
    as_client.join(run, a, true);
    as_client.sync(run, a, "{member_id: $a, assignment: '0x0102'}");
    as_client.send_join(run, b, true);
    as_client.beat_until(run, a, 27);
    let a = Member { protocols: &all, ..a };
    as_client.join(run, a, false);
    as_client.joined(run, b);
    as_client.send_sync(run, b, "");
    run.let_it_arrive();
    as_client.sync(run, a, "{member_id: $a, assignment: '0x01'}, {member_id: $b, assignment: ''}");
    run.on("b").receive();
    look(run, "one partition was given up");

    let a = Member { protocols: &half, ..a };
    as_client.send_join(run, a, false);
    as_client.beat_until(run, b, 27);
    look(run, "the one that gave it up asks for a rebalance");
    as_client.join(run, b, false);
    as_client.joined(run, a);
    as_client.send_sync(run, b, "");
    run.let_it_arrive();
    as_client.sync(run, a, "{member_id: $a, assignment: '0x01'}, {member_id: $b, assignment: '0x02'}");
    run.on("b").receive();
    look(run, "and it was given away");
}

/// Members that come too late: for a join, and for a sync.
fn late(run: &mut Run, version: i16) {
    let as_client = client(version);
    let (a, b) = (
        Member { session_ms: 20_000, rebalance_ms: 1_500, ..member("a") },
        Member { session_ms: 20_000, rebalance_ms: 1_500, ..member("b") },
    );
    if version == 0 {
        return one_without_rebalance_timeout(run, &as_client);
    }
    as_client.join(run, a, true);
    as_client.sync(run, a, "{member_id: $a, assignment: '0x01'}");
    as_client.send_join(run, b, true);
    as_client.joined(run, b);
    look(run, "the first did not come again");
    as_client.beat(run, a, "too late");
    run.on("a").ask(ApiKey::JoinGroup, version, "too late", "{group_id: $stem, session_timeout_ms: 20000, rebalance_timeout_ms: 1500, member_id: $a, protocol_type: consumer, protocols: [{name: range, metadata: '0x00'}]}");
    run.on("admin").ask_until(ApiKey::DescribeGroups, 5, "the second did not sync", "{groups: [$stem]}", "groups.0.group_state", "Empty");
    as_client.sync(run, b, "{member_id: $b, assignment: '0x01'}");
    as_client.beat(run, b, "never synced");
}

/// Version 0 has one time-out for both.
fn one_without_rebalance_timeout(run: &mut Run, as_client: &Client) {
    let (a, b) = (Member { session_ms: 6_000, ..member("a") }, Member { session_ms: 6_000, ..member("b") });
    as_client.join(run, a, true);
    as_client.sync(run, a, "{member_id: $a, assignment: '0x01'}");
    as_client.send_join(run, b, true);
    as_client.joined(run, b);
    look(run, "the first did not come again");
}
