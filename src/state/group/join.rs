//! JoinGroup (`GroupMetadataManager.classicGroupJoin`): new members, known members, static members that come back. Called by
//! `api/join_group`; the answer of a member that must wait is parked in it and sent by `rebalance`.

use super::Groups;
use super::classic::{Group, GroupState};
use super::member::{Member, Parked, protocol_bytes};
use super::turn::{Caller, Turn};
use crate::base::ids::{ConnId, PlanNo};
use crate::base::limits::{GROUP_MEMBERS_MAX, MEMBER_METADATA_BYTES_MAX};
use crate::base::text::Text;
use crate::mail::input::ReplyTo;
use crate::state::timers::Timer;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use bytes::Bytes;
use std::ops::RangeInclusive;

/// Kafka's `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.
const SESSION_TIMEOUT_MS: RangeInclusive<i32> = 6_000..=1_800_000;
/// Kafka's `classicGroupNewMemberJoinTimeoutMs`: a client that vanished while its first JoinGroup waits gives no other sign.
const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 5 * 60 * 1_000;

/// A JoinGroup with what will be kept of it in its own memory.
pub(super) struct Join<'a> {
    caller: &'a Caller,
    request: &'a JoinGroupRequest,
    /// No name twice, as Kafka's collection keeps them.
    protocols: Vec<(Text, Bytes)>,
    rebalance_timeout_ms: i32,
}

impl Join<'_> {
    fn parked(&self) -> Parked {
        Parked { to: Some(self.caller.to), api_version: self.caller.api_version }
    }

    fn reason(&self) -> &str {
        self.request.reason.as_deref().unwrap_or("not provided")
    }
}

impl Groups {
    /// Decides a JoinGroup: answers it now, when the join phase of its group ends, or when its row is stored.
    pub fn join(&mut self, turn: &mut Turn, caller: &Caller, request: &JoinGroupRequest) {
        let refuse = |turn: &mut Turn, error| refuse(turn, caller, &request.member_id, error);
        if request.group_id.is_empty() {
            return refuse(turn, ErrorCode::INVALID_GROUP_ID);
        }
        if !SESSION_TIMEOUT_MS.contains(&request.session_timeout_ms) {
            return refuse(turn, ErrorCode::INVALID_SESSION_TIMEOUT);
        }
        let Some(join) = keep(caller, request) else {
            return refuse(turn, ErrorCode::INVALID_REQUEST);
        };
        if !self.contains(&request.group_id) && !request.member_id.is_empty() {
            return refuse(turn, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if !self.has_room_for_member(&request.group_id, &request.member_id, protocol_bytes(&join.protocols)) {
            return refuse(turn, ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        let parked = self.with_new(&request.group_id, turn, |group, turn| group.join(turn, join));
        if let Some(Some(member_id)) = parked {
            self.note_parked(caller.to.conn, &request.group_id, member_id);
        } else if parked.is_none() {
            refuse(turn, ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
    }

    /// Whether the bound on what groups keep allows a member with such protocols, in place of what it had before. Where more is
    /// kept than that, as a store may have held it, members may come back as they were.
    fn has_room_for_member(&self, group_id: &str, member_id: &str, bytes: usize) -> bool {
        let member = self.get(group_id).and_then(|group| group.members.get(member_id));
        let before = member.map_or(0, |member| protocol_bytes(&member.protocols));
        self.bytes + bytes <= self.bytes_max.max(self.bytes) + before
    }
}

/// Copies what a member keeps out of the frame; `None` when it is too much.
fn keep<'a>(caller: &'a Caller, request: &'a JoinGroupRequest) -> Option<Join<'a>> {
    let bytes: usize = request.protocols.iter().map(|protocol| protocol.name.len() + protocol.metadata.len()).sum();
    if bytes > MEMBER_METADATA_BYTES_MAX {
        return None;
    }
    let mut seen = std::collections::BTreeSet::new();
    let firsts = request.protocols.iter().filter(|protocol| seen.insert(protocol.name.as_str()));
    let protocols = firsts.map(|protocol| (protocol.name.detach(), Bytes::copy_from_slice(&protocol.metadata))).collect();
    // Version 0 has one time-out for both.
    let rebalance_timeout_ms = if caller.api_version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms };
    Some(Join { caller, request, protocols, rebalance_timeout_ms })
}

impl Group {
    /// Gives back the id of the member whose request is now parked, if it is.
    fn join(&mut self, turn: &mut Turn, join: Join) -> Option<Text> {
        let member_id = join.request.member_id.clone();
        if !self.accepts(&member_id) {
            self.remove_pending(turn, &member_id);
            self.remove_member(turn, &member_id);
            self.maybe_complete_join(turn);
            refuse(turn, join.caller, "", ErrorCode::GROUP_MAX_SIZE_REACHED);
            return None;
        }
        if !self.supports(&join.request.protocol_type, &join.protocols) {
            refuse(turn, join.caller, &member_id, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
            return None;
        }
        if member_id.is_empty() { self.join_new(turn, join) } else { self.join_known(turn, join, &member_id) }
    }

    /// Whether the group is not too large for this member (`acceptJoiningMember`): in a join phase those count that have joined.
    fn accepts(&self, member_id: &str) -> bool {
        let member = self.members.get(member_id);
        match self.state {
            GroupState::Empty => true,
            GroupState::PreparingRebalance => member.is_some_and(|member| member.join.is_some()) || self.joined < GROUP_MEMBERS_MAX,
            GroupState::CompletingRebalance | GroupState::Stable => member.is_some() || self.members.len() < GROUP_MEMBERS_MAX,
        }
    }

    // Without a member id.

    fn join_new(&mut self, turn: &mut Turn, join: Join) -> Option<Text> {
        let uuid = turn.rng.uuid().to_hyphenated();
        if let Some(instance_id) = &join.request.group_instance_id {
            let member_id = Text::from(format!("{instance_id}-{uuid}"));
            return match self.statics.get(instance_id.as_str()).cloned() {
                Some(old_id) => self.replace_static(turn, join, &old_id, member_id),
                None => self.add_and_park(turn, join, member_id),
            };
        }
        let member_id = Text::from(format!("{}-{uuid}", join.caller.client_id));
        if join.caller.api_version < 4 {
            return self.add_and_park(turn, join, member_id);
        }
        if self.pending.len() >= GROUP_MEMBERS_MAX {
            refuse(turn, join.caller, "", ErrorCode::GROUP_MAX_SIZE_REACHED);
            return None;
        }
        // KIP-394: the client joins again with its id, so that one that gave up leaves no member behind.
        self.add_pending(member_id.clone());
        let timeout_ms = u64::try_from(join.request.session_timeout_ms).unwrap_or(0);
        turn.timers.set(Timer::Session(self.id.clone(), member_id.clone()), turn.now.mono_ms + timeout_ms);
        refuse(turn, join.caller, &member_id, ErrorCode::MEMBER_ID_REQUIRED);
        None
    }

    fn add_and_park(&mut self, turn: &mut Turn, join: Join, member_id: Text) -> Option<Text> {
        let caller = join.caller;
        let reason = format!("member {member_id:?} joins: {:?}", join.reason());
        let parked = Some(join.parked());
        self.remove_pending(turn, &member_id);
        if let Some(initial) = &mut self.initial {
            initial.newcomer = true;
        }
        turn.timers.set(Timer::NewMember(self.id.clone(), member_id.clone()), turn.now.mono_ms + NEW_MEMBER_JOIN_TIMEOUT_MS);
        let member = Member {
            id: member_id.clone(),
            instance_id: join.request.group_instance_id.as_ref().map(Text::detach),
            client_id: caller.client_id.detach(),
            client_host: caller.client_host.detach(),
            session_timeout_ms: join.request.session_timeout_ms,
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            protocols: join.protocols,
            assignment: Bytes::new(),
            generation: -1,
            join: parked,
            sync: None,
            conn: Some(caller.to.conn),
            waits_for: PlanNo::COMMITTED,
        };
        let protocol_type = join.request.protocol_type.detach();
        self.add_member(member, &protocol_type);
        self.rebalance(turn, reason);
        Some(member_id)
    }

    // With a member id.

    fn join_known(&mut self, turn: &mut Turn, join: Join, member_id: &Text) -> Option<Text> {
        let caller = join.caller;
        if self.pending.contains(member_id.as_str()) {
            if join.request.group_instance_id.is_some() {
                // Static members are never pending; Kafka's coordinator ends up in an IllegalStateException here.
                refuse(turn, caller, member_id, ErrorCode::UNKNOWN_SERVER_ERROR);
                return None;
            }
            return self.add_and_park(turn, join, member_id.detach());
        }
        if let Err(error) = self.check_member(member_id, join.request.group_instance_id.as_ref()) {
            refuse(turn, caller, member_id, error);
            return None;
        }
        self.note_conn(member_id, caller.to.conn);
        let unchanged = self.members.get(member_id.as_str()).is_some_and(|member| member.protocols == join.protocols);
        let current = match self.state {
            // It may have missed the answer, or it is a follower that asks on suspicion: the generation stands.
            GroupState::CompletingRebalance => unchanged,
            // A leader that joins wants a rebalance, for reasons that its metadata need not show.
            GroupState::Stable => unchanged && !self.is_leader(member_id),
            GroupState::PreparingRebalance | GroupState::Empty => false,
        };
        if current {
            self.tell_generation(member_id);
            turn.fx.reply(caller.to, Response::JoinGroup(self.join_answer(caller.api_version, member_id)));
            return None;
        }
        let reason = format!("member {member_id:?} rejoins: {:?}", join.reason());
        self.update_and_park(turn, join, member_id);
        self.rebalance(turn, reason);
        Some(member_id.detach())
    }

    fn update_and_park(&mut self, turn: &mut Turn, join: Join, member_id: &str) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.session_timeout_ms = join.request.session_timeout_ms;
            member.rebalance_timeout_ms = join.rebalance_timeout_ms;
        }
        if let Some(earlier) = self.park_join(member_id, join.parked())
            && let Some(to) = earlier.to
        {
            // Kafka forgets an earlier request of the same member; the answer lets its connection go on.
            turn.fx.reply(to, Response::JoinGroup(join_error(earlier.api_version, member_id.into(), ErrorCode::REBALANCE_IN_PROGRESS)));
        }
        self.set_protocols(member_id, join.protocols);
    }

    // A static member that comes back without its id (KIP-345).

    fn replace_static(&mut self, turn: &mut Turn, join: Join, old_id: &Text, new_id: Text) -> Option<Text> {
        let (caller, is_stable) = (join.caller, self.state == GroupState::Stable);
        if is_stable && turn.read_only {
            refuse(turn, caller, "", ErrorCode::COORDINATOR_NOT_AVAILABLE);
            return None;
        }
        let old_leader = self.leader.clone();
        self.take_the_place_of(turn, old_id, &new_id);
        self.note_conn(&new_id, caller.to.conn);
        let reason = format!("static member {new_id:?} takes the place of {old_id:?}: {:?}", join.reason());
        self.update_and_park(turn, join, &new_id);
        self.refresh_session(turn, &new_id);
        match self.state {
            GroupState::Stable if self.select_protocol() == self.protocol => {
                self.unpark_join(&new_id);
                self.answer_replaced(turn, caller, &new_id, old_leader);
                return None;
            }
            // In CompletingRebalance the leader may be assigning to the old id at this moment.
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(turn, reason),
            GroupState::PreparingRebalance | GroupState::Empty => self.maybe_complete_join(turn),
        }
        Some(new_id)
    }

    /// Puts a new incarnation of a static member in place of the old one, whose waiting requests are fenced.
    fn take_the_place_of(&mut self, turn: &mut Turn, old_id: &Text, new_id: &Text) {
        let was_unsynced = self.unsynced.contains(old_id.as_str());
        let Some(mut member) = self.take_member(turn, old_id) else { return };
        if let Some(parked) = member.join.take()
            && let Some(to) = parked.to
        {
            turn.fx.reply(to, Response::JoinGroup(join_error(parked.api_version, old_id.clone(), ErrorCode::FENCED_INSTANCE_ID)));
        }
        if let Some(to) = member.sync.take().and_then(|parked| parked.to) {
            turn.fx.reply(to, Response::SyncGroup(super::sync::sync_error(ErrorCode::FENCED_INSTANCE_ID)));
        }
        member.id = new_id.clone();
        let protocol_type = self.protocol_type();
        self.add_member(member, &protocol_type);
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        if was_unsynced {
            self.unsynced.insert(new_id.clone());
        }
    }

    /// Nothing changes for the others: the new incarnation gets the generation as it is, once its id is stored.
    fn answer_replaced(&mut self, turn: &mut Turn, caller: &Caller, member_id: &Text, old_leader: Option<Text>) {
        self.tell_generation(member_id);
        self.write_row(turn);
        self.note_wait(member_id, self.changed_in);
        let mut answer = self.join_answer(caller.api_version, member_id);
        if caller.api_version >= 9 {
            // KIP-814: a leader learns of the members, and leaves the assignment as it is.
            answer.skip_assignment = self.is_leader(member_id);
        } else {
            // It cannot be told to skip; naming the old leader keeps it from assigning.
            answer.members.clear();
            answer.leader = old_leader.unwrap_or_default();
        }
        turn.fx.reply_after(caller.to, self.changed_in, Response::JoinGroup(answer));
    }

    // Answers.

    /// Notes that a member is told the present generation.
    pub(super) fn tell_generation(&mut self, member_id: &str) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.generation = self.generation;
        }
    }

    /// Remembers by which connection a member speaks.
    pub(super) fn note_conn(&mut self, member_id: &str, conn: ConnId) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.conn = Some(conn);
        }
    }

    /// The present generation, as this member may see it: the leader gets all members with their metadata. As in Kafka, where the
    /// protocol may be null one without a name is.
    pub(super) fn join_answer(&self, api_version: i16, member_id: &Text) -> JoinGroupResponse {
        let as_seen = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(self.protocol.as_deref().unwrap_or_default()),
        };
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: Some(self.protocol()).filter(|name| api_version < 7 || !name.is_empty()),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: member_id.clone(),
            members: if self.is_leader(member_id) { self.members.values().map(as_seen).collect() } else { Vec::new() },
            ..JoinGroupResponse::default()
        }
    }
}

/// A JoinGroup's answer that says no. Up to version 6 the protocol cannot be null.
pub(super) fn join_error(api_version: i16, member_id: Text, error_code: ErrorCode) -> JoinGroupResponse {
    let protocol_name = (api_version < 7).then(Text::default);
    JoinGroupResponse { error_code, protocol_name, member_id, ..JoinGroupResponse::default() }
}

fn refuse(turn: &mut Turn, caller: &Caller, member_id: &str, error: ErrorCode) {
    let to: ReplyTo = caller.to;
    turn.fx.reply(to, Response::JoinGroup(join_error(caller.api_version, member_id.into(), error)));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, World, client, static_client};
    use super::*;

    #[test]
    fn a_join_is_checked_in_kafkas_order() {
        let mut world = World::new();
        let mut refused = |change: &dyn Fn(&mut Client)| {
            let mut client = client(1);
            change(&mut client);
            let to = world.join(&client);
            let answer = world.join_answer(to);
            assert_eq!((answer.generation_id, answer.protocol_name, answer.leader), (-1, None, Text::default()));
            assert!(world.groups.is_empty(), "a refused join makes no group");
            (answer.error_code, answer.member_id)
        };
        let id = Text::from("x");
        let no_group = refused(&|client| (client.group, client.session_ms) = (Text::default(), 1));
        assert_eq!(no_group, (ErrorCode::INVALID_GROUP_ID, Text::default()));
        for session_ms in [5_999, 1_800_001] {
            let answer = refused(&|client| (client.session_ms, client.member_id) = (session_ms, id.clone()));
            assert_eq!(answer, (ErrorCode::INVALID_SESSION_TIMEOUT, id.clone()));
        }
        assert_eq!(refused(&|client| client.member_id = id.clone()), (ErrorCode::UNKNOWN_MEMBER_ID, id.clone()));
        assert_eq!(refused(&|client| client.protocols.clear()).0, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        assert_eq!(refused(&|client| client.protocol_type = Text::default()).0, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }

    #[test]
    fn old_versions_hear_of_no_null_protocol() {
        let mut world = World::new();
        let to = world.join(&Client { version: 6, group: Text::default(), ..client(1) });
        assert_eq!(world.join_answer(to).protocol_name, Some(Text::default()));
    }

    #[test]
    fn new_versions_hear_of_no_protocol_without_a_name() {
        for (version, told) in [(6, Some(Text::default())), (7, None)] {
            let mut world = World::new();
            let mut a = Client { version, protocols: vec![("", "a")], ..client(1) };
            let to = world.enter(&mut a);
            world.pass(0);
            assert_eq!(world.joined(&mut a, to).protocol_name, told);
        }
    }

    #[test]
    fn a_new_dynamic_member_comes_back_with_the_id_it_was_given() {
        let mut world = World::new();
        let mut a = client(1);
        let to = world.join(&a);
        let answer = world.join_answer(to);
        assert_eq!(answer.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        assert!(answer.member_id.starts_with("app-") && answer.member_id.len() == 4 + 36);
        assert_eq!(world.groups.get("g").unwrap().members().count(), 0, "it is no member yet");
        a.member_id = answer.member_id;
        let to = world.join(&a);
        assert!(world.waits(to));
        world.pass(0);
        let answer = world.joined(&mut a, to);
        assert_eq!((answer.generation_id, answer.leader), (1, a.member_id.clone()));
        assert_eq!((answer.protocol_type, answer.protocol_name), (Some(Text::from("consumer")), Some(Text::from("range"))));
        assert_eq!(answer.members.len(), 1);
        assert_eq!(answer.members[0].metadata, "a");
    }

    #[test]
    fn up_to_version_3_a_new_member_joins_at_once() {
        let mut world = World::new();
        let mut a = Client { version: 3, ..client(1) };
        let to = world.join(&a);
        world.pass(0);
        world.joined(&mut a, to);
        assert!(a.member_id.starts_with("app-"));
    }

    #[test]
    fn version_0_has_one_timeout_for_both() {
        let mut world = World::new();
        world.join(&Client { version: 0, rebalance_ms: -1, ..client(1) });
        assert_eq!(world.groups.get("g").unwrap().rebalance_timeout_ms(), 10_000);
    }

    #[test]
    fn an_id_that_is_not_used_expires_and_the_group_with_it() {
        let mut world = World::new();
        let mut a = client(1);
        let to = world.join(&a);
        a.member_id = world.join_answer(to).member_id;
        world.pass(9_999);
        assert!(world.groups.contains("g"));
        world.pass(1);
        assert!(world.groups.is_empty());
        assert_eq!((world.groups.bytes, world.timers.next_ms()), (0, None));
        let to = world.join(&a);
        assert_eq!(world.join_answer(to).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    }

    #[test]
    fn members_must_have_type_and_a_protocol_in_common() {
        let mut world = World::new();
        world.form(&mut [client(1)]);
        let other_type = Client { protocol_type: Text::from("connect"), ..client(2) };
        let other_protocol = Client { protocols: vec![("sticky", "s")], ..client(2) };
        for other in [other_type, other_protocol] {
            let to = world.join(&other);
            assert_eq!(world.join_answer(to).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        assert_eq!(world.state(), "Stable");
    }

    #[test]
    fn rejoining_unchanged_is_answered_with_the_generation_as_it_is() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        let leader = world.leader();
        let follower = members.iter_mut().find(|member| member.member_id != leader).unwrap();
        let to = world.join(follower);
        let answer = world.joined(follower, to);
        assert_eq!((answer.generation_id, answer.leader, answer.members.len()), (1, leader, 0));
        assert_eq!(world.state(), "Stable");
        follower.protocols[0].1 = "changed";
        let to = world.join(follower);
        assert!(world.waits(to));
        assert_eq!(world.state(), "PreparingRebalance");
    }

    #[test]
    fn a_leader_that_rejoins_rebalances_and_in_completing_rebalance_gets_the_members_again() {
        let mut world = World::new();
        let mut a = client(1);
        let to = world.enter(&mut a);
        world.pass(0);
        world.joined(&mut a, to);
        let to = world.join(&a);
        let answer = world.joined(&mut a, to);
        assert_eq!((world.state(), answer.generation_id, answer.members.len()), ("CompletingRebalance", 1, 1));
        world.assign(&[a.clone()]);
        let to = world.join(&a);
        assert_eq!(world.joined(&mut a, to).generation_id, 2);
        assert_eq!(world.state(), "CompletingRebalance");
    }

    #[test]
    fn the_earlier_of_two_joins_of_one_member_is_let_go() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        members[0].protocols[0].1 = "changed";
        let first = world.join(&members[0]);
        let second = world.join(&members[0]);
        let answer = world.join_answer(first);
        assert_eq!((answer.error_code, answer.generation_id), (ErrorCode::REBALANCE_IN_PROGRESS, -1));
        let other = world.join(&members[1]);
        assert_eq!(world.join_answer(second).generation_id, 2);
        assert_eq!(world.join_answer(other).generation_id, 2);
    }

    #[test]
    fn a_static_follower_that_restarts_changes_nothing_for_the_others() {
        let mut world = World::new();
        let mut members = [static_client(1), static_client(2)];
        world.form(&mut members);
        let leader = world.leader();
        let index = members.iter().position(|member| member.member_id != leader).unwrap();
        let old = members[index].clone();
        let mut new = Client { member_id: Text::default(), ..old.clone() };
        let to = world.join(&new);
        assert!(world.waits(to), "its new id is stored first");
        world.commit();
        let answer = world.joined(&mut new, to);
        assert_eq!((answer.generation_id, answer.leader, answer.skip_assignment, answer.members.len()), (1, leader, false, 0));
        assert!(new.member_id.starts_with(&format!("{}-", new.instance_id.as_deref().unwrap())) && new.member_id != old.member_id);
        assert_eq!(world.state(), "Stable");
        let to = world.sync(&new, &[]);
        assert!(world.is_assigned(to, ["0", "1"][index]), "it keeps what the old one had");
        assert_eq!(world.heartbeat(&new), ErrorCode::NONE);
        assert_eq!(world.heartbeat(&old), ErrorCode::FENCED_INSTANCE_ID);
        assert_eq!(world.offset_commit(&old, 1, 5), ErrorCode::FENCED_INSTANCE_ID);
        assert_eq!(world.leave(&old).0[0].error_code, ErrorCode::FENCED_INSTANCE_ID);
        let (to, join) = (world.sync(&old, &[]), world.join(&old));
        assert_eq!(world.sync_answer(to).error_code, ErrorCode::FENCED_INSTANCE_ID);
        assert_eq!(world.join_answer(join).error_code, ErrorCode::FENCED_INSTANCE_ID);
        world.pass(9_000);
        assert_eq!(world.heartbeat(&new), ErrorCode::NONE, "the old id's session is nobody's");
    }

    #[test]
    fn a_static_leader_that_restarts_skips_the_assignment() {
        for (version, skips) in [(9, true), (8, false)] {
            let mut world = World::new();
            let mut members = [Client { version, ..static_client(1) }];
            world.form(&mut members);
            let old = members[0].clone();
            let mut new = Client { member_id: Text::default(), ..old.clone() };
            let to = world.join(&new);
            world.commit();
            let answer = world.joined(&mut new, to);
            assert_eq!(answer.skip_assignment, skips);
            assert_eq!(answer.members.len(), usize::from(skips));
            assert_eq!(answer.leader, if skips { new.member_id.clone() } else { old.member_id });
            assert_eq!((world.state(), world.generation(), world.leader()), ("Stable", 1, new.member_id.clone()));
            let to = world.sync(&new, &[]);
            assert!(world.is_assigned(to, "0"));
            world.restart();
            assert_eq!(world.heartbeat(&new), ErrorCode::NONE, "the new id was stored");
        }
    }

    #[test]
    fn a_static_restart_that_changes_the_protocol_or_meets_an_assignment_rebalances() {
        let mut world = World::new();
        let mut members = [static_client(1)];
        world.form(&mut members);
        let mut new = Client { member_id: Text::default(), ..members[0].clone() };
        new.protocols = vec![("roundrobin", "b")];
        let to = world.join(&new);
        let answer = world.joined(&mut new, to);
        assert_eq!((answer.generation_id, answer.protocol_name), (2, Some(Text::from("roundrobin"))));
        // Now in CompletingRebalance; the parked sync of a follower would be in vain.
        assert_eq!(world.state(), "CompletingRebalance");
        let mut newer = Client { member_id: Text::default(), ..new.clone() };
        let to = world.join(&newer);
        assert_eq!(world.joined(&mut newer, to).generation_id, 3);
        assert_eq!(world.heartbeat(&new), ErrorCode::FENCED_INSTANCE_ID);
    }

    #[test]
    fn parked_requests_of_a_displaced_incarnation_are_fenced() {
        let mut world = World::new();
        let mut members = [static_client(1), client(2)];
        world.form(&mut members);
        members[1].protocols[0].1 = "changed";
        let other = world.join(&members[1]);
        let old = world.join(&members[0]);
        let answer = world.join_answer(old);
        assert_eq!(answer.generation_id, 2, "both are back");
        assert!(!world.waits(other));
        // A third one makes the static member join again, and then it is replaced while it waits.
        let mut third = client(3);
        world.enter(&mut third);
        let old = world.join(&members[0]);
        assert!(world.waits(old));
        let mut new = Client { member_id: Text::default(), ..members[0].clone() };
        let to = world.join(&new);
        let fenced = world.join_answer(old);
        assert_eq!((fenced.error_code, fenced.member_id), (ErrorCode::FENCED_INSTANCE_ID, members[0].member_id.clone()));
        world.join(&members[1]);
        assert_eq!(world.joined(&mut new, to).generation_id, 3);
        // And while its sync waits for the leader's.
        let leader = world.leader();
        if new.member_id != leader {
            let parked = world.sync(&new, &[]);
            world.join(&Client { member_id: Text::default(), ..new.clone() });
            assert_eq!(world.sync_answer(parked).error_code, ErrorCode::FENCED_INSTANCE_ID);
        }
    }

    #[test]
    fn a_pending_id_cannot_be_a_static_members() {
        let mut world = World::new();
        let mut a = client(1);
        let to = world.join(&a);
        a.member_id = world.join_answer(to).member_id;
        a.instance_id = Some(Text::from("i"));
        let to = world.join(&a);
        assert_eq!(world.join_answer(to).error_code, ErrorCode::UNKNOWN_SERVER_ERROR);
    }

    #[test]
    fn without_room_on_the_disk_a_static_member_waits_with_its_restart() {
        let mut world = World::new();
        let mut members = [static_client(1)];
        world.form(&mut members);
        world.read_only = true;
        let to = world.join(&Client { member_id: Text::default(), ..members[0].clone() });
        assert_eq!(world.join_answer(to).error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        assert!(!world.fx.has_rows());
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::NONE);
    }

    #[test]
    fn metadata_is_bounded_and_names_count_once() {
        let mut world = World::new();
        let huge: &'static str = Box::leak("x".repeat(MEMBER_METADATA_BYTES_MAX).into_boxed_str());
        let mut a = client(1);
        a.protocols = vec![("range", huge)];
        let to = world.join(&a);
        assert_eq!(world.join_answer(to).error_code, ErrorCode::INVALID_REQUEST);
        a.protocols = vec![("range", "first"), ("range", "second")];
        world.form(std::slice::from_mut(&mut a));
        let group = world.groups.get("g").unwrap();
        assert_eq!(group.members().next().unwrap().protocols, [(Text::from("range"), Bytes::from_static(b"first"))]);
    }

    #[test]
    fn what_all_groups_keep_is_bounded() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        let before = world.groups.bytes;
        assert_eq!(world.groups.charge.bytes(), before, "it is paid for");
        // As much as a store held when there was more memory.
        world.groups.bytes_max = before / 2;
        let to = world.join(&client(2));
        assert_eq!(world.join_answer(to).error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
        let to = world.join(&Client { protocols: vec![("range", "a"), ("roundrobin", "more than before")], ..members[0].clone() });
        assert_eq!(world.join_answer(to).error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::NONE);
        assert_eq!((world.state(), world.groups.charge.bytes()), ("Stable", before / 2));
        let to = world.join(&members[0]);
        world.joined(&mut members[0], to);
        let to = world.sync(&members[0], &[(&members[0], "1")]);
        world.commit();
        assert!(world.is_assigned(to, "1"), "in place of what it had");
        let group = world.groups.get("g").unwrap();
        let members: usize = group.members().map(Member::bytes).sum();
        assert_eq!(group.bytes, before);
        assert!(members > 0 && members < before);
    }

    #[test]
    fn a_full_group_takes_nobody_in() {
        let mut world = World::new();
        world.delay_ms = 1_000;
        for number in 0..GROUP_MEMBERS_MAX as u32 {
            world.join(&Client { version: 3, ..client(number) });
        }
        let to = world.join(&Client { version: 3, ..client(0) });
        let answer = world.join_answer(to);
        assert_eq!((answer.error_code, answer.member_id), (ErrorCode::GROUP_MAX_SIZE_REACHED, Text::default()));
        assert_eq!(world.groups.get("g").unwrap().members().count(), GROUP_MEMBERS_MAX);
    }
}
