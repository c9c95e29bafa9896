//! SyncGroup and Heartbeat (`classicGroupSync`, `classicGroupHeartbeat`): the leader's assignment makes a generation stable and
//! durable. Called by `api/sync_group` and `api/heartbeat`.

use super::Groups;
use super::classic::{Group, GroupState};
use super::member::Parked;
use super::turn::{Caller, Turn};
use crate::base::limits::MEMBER_METADATA_BYTES_MAX;
use crate::base::planted::{self, Bug};
use crate::base::text::Text;
use crate::mail::input::ReplyTo;
use crate::state::timers::Timer;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::heartbeat::HeartbeatRequest;
use crate::wire::message::sync_group::{SyncGroupRequest, SyncGroupResponse};
use bytes::Bytes;
use std::collections::BTreeMap;

impl Groups {
    /// Decides a SyncGroup: answers it now, when the leader's comes, or when the generation is stored.
    pub fn sync(&mut self, turn: &mut Turn, caller: &Caller, request: &SyncGroupRequest) {
        let refuse = |turn: &mut Turn, error| turn.fx.reply(caller.to, Response::SyncGroup(sync_error(error)));
        if caller.api_version >= 5 && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
            return refuse(turn, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if request.group_id.is_empty() {
            return refuse(turn, ErrorCode::INVALID_GROUP_ID);
        }
        let room_bytes = self.room_bytes();
        let decided = self.with(&request.group_id, turn, |group, turn| group.sync(turn, caller, request, room_bytes));
        match decided {
            Some(Ok(true)) => self.note_parked(caller.to.conn, &request.group_id, request.member_id.detach()),
            Some(Ok(false)) => {}
            Some(Err(error)) => refuse(turn, error),
            None => refuse(turn, ErrorCode::UNKNOWN_MEMBER_ID),
        }
    }

    /// Decides a Heartbeat from what is in memory: it never waits. NONE, or REBALANCE_IN_PROGRESS, UNKNOWN_MEMBER_ID,
    /// ILLEGAL_GENERATION, FENCED_INSTANCE_ID, INVALID_GROUP_ID.
    pub fn heartbeat(&mut self, turn: &mut Turn, caller: &Caller, request: &HeartbeatRequest) -> ErrorCode {
        if request.group_id.is_empty() {
            return ErrorCode::INVALID_GROUP_ID;
        }
        let decided = self.with(&request.group_id, turn, |group, turn| group.heartbeat(turn, caller, request));
        decided.unwrap_or(Err(ErrorCode::UNKNOWN_MEMBER_ID)).err().unwrap_or(ErrorCode::NONE)
    }
}

impl Group {
    /// True when the request is parked.
    fn sync(&mut self, turn: &mut Turn, caller: &Caller, request: &SyncGroupRequest, room_bytes: usize) -> Result<bool, ErrorCode> {
        let member_id = &request.member_id;
        self.check_member(member_id, request.group_instance_id.as_ref())?;
        self.check_generation(member_id, request.generation_id)?;
        let differs = |asked: &Option<Text>, ours: &Option<Text>| asked.is_some() && ours.is_some() && asked != ours;
        if differs(&request.protocol_type, &self.protocol_type) || differs(&request.protocol_name, &self.protocol) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        self.note_conn(member_id, caller.to.conn);
        match self.state {
            GroupState::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            GroupState::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            GroupState::CompletingRebalance => {
                self.park_sync(turn, member_id, caller);
                if self.is_leader(member_id) {
                    self.leader_synced(turn, request, room_bytes);
                }
                Ok(self.members.get(member_id.as_str()).is_some_and(|member| member.sync.is_some()))
            }
            GroupState::Stable => {
                self.has_synced(turn, member_id);
                self.answer_sync(turn, member_id, caller.to);
                Ok(false)
            }
        }
    }

    fn park_sync(&mut self, turn: &mut Turn, member_id: &str, caller: &Caller) {
        self.has_synced(turn, member_id);
        let parked = Parked { to: Some(caller.to), api_version: caller.api_version };
        let earlier = self.members.get_mut(member_id).and_then(|member| member.sync.replace(parked));
        if let Some(to) = earlier.and_then(|earlier| earlier.to) {
            // Kafka forgets an earlier request of the same member; the answer lets its connection go on.
            turn.fx.reply(to, Response::SyncGroup(sync_error(ErrorCode::REBALANCE_IN_PROGRESS)));
        }
    }

    fn has_synced(&mut self, turn: &mut Turn, member_id: &str) {
        self.unsynced.remove(member_id);
        if self.unsynced.is_empty() {
            turn.timers.cancel(&Timer::Sync(self.id.clone()));
        }
    }

    /// The assignment is there: the generation is stored, and every answer of this round waits for that.
    fn leader_synced(&mut self, turn: &mut Turn, request: &SyncGroupRequest, room_bytes: usize) {
        if turn.read_only {
            // The group stays as it is; members come back until there is room.
            return self.fail_syncs(turn, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        let assigned: BTreeMap<&str, &Bytes> = request.assignments.iter().map(|a| (a.member_id.as_str(), &a.assignment)).collect();
        let known = |id: &str| assigned.get(id).copied().filter(|_| self.members.contains_key(id));
        let sizes = || assigned.keys().filter_map(|id| known(id)).map(Bytes::len);
        // What comes takes the place of what was assigned before.
        let room_bytes = room_bytes + self.members.values().map(|member| member.assignment.len()).sum::<usize>();
        if sizes().any(|bytes| bytes > MEMBER_METADATA_BYTES_MAX) || sizes().sum::<usize>() > room_bytes {
            // As Kafka does when the group does not fit into a record.
            self.fail_syncs(turn, ErrorCode::UNKNOWN_SERVER_ERROR);
            return self.prepare_rebalance(turn, "the assignment is too large");
        }
        let ids: Vec<Text> = self.members.keys().cloned().collect();
        for id in &ids {
            // Whom the leader left out gets empty bytes, whom it made up is nobody.
            let whose = if planted::is(Bug::TwoOwners) { &ids[0] } else { id };
            let assignment = assigned.get(whose.as_str()).map(|assignment| Bytes::copy_from_slice(assignment)).unwrap_or_default();
            self.set_assignment(id, assignment);
        }
        self.set_state(GroupState::Stable, turn.now.wall_ms);
        self.write_row(turn);
        for id in &ids {
            let Some(parked) = self.members.get_mut(id.as_str()).and_then(|member| member.sync.take()) else { continue };
            if let Some(to) = parked.to {
                self.answer_sync(turn, id, to);
            }
            self.refresh_session(turn, id);
        }
    }

    fn answer_sync(&mut self, turn: &mut Turn, member_id: &str, to: ReplyTo) {
        let answer = SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment: self.members.get(member_id).map(|member| member.assignment.clone()).unwrap_or_default(),
            ..SyncGroupResponse::default()
        };
        self.note_wait(member_id, self.changed_in);
        turn.fx.reply_after(to, self.changed_in, Response::SyncGroup(answer));
    }

    /// Answers all parked SyncGroups with an error.
    pub(super) fn fail_syncs(&mut self, turn: &mut Turn, error: ErrorCode) {
        let ids: Vec<Text> = self.members.keys().cloned().collect();
        for id in ids {
            let Some(parked) = self.members.get_mut(&id).and_then(|member| member.sync.take()) else { continue };
            if let Some(to) = parked.to {
                turn.fx.reply(to, Response::SyncGroup(sync_error(error)));
            }
            self.refresh_session(turn, &id);
        }
    }

    fn heartbeat(&mut self, turn: &mut Turn, caller: &Caller, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        let member_id = &request.member_id;
        self.check_member(member_id, request.group_instance_id.as_ref())?;
        self.check_generation(member_id, request.generation_id)?;
        self.note_conn(member_id, caller.to.conn);
        self.refresh_session(turn, member_id);
        match self.state {
            GroupState::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            GroupState::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
        }
    }
}

/// A SyncGroup's answer that says no.
pub(super) fn sync_error(error_code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code, ..SyncGroupResponse::default() }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, World, client, static_client};
    use super::*;

    /// Two members that have joined generation 1 and not synced; the first is the leader.
    fn joined(world: &mut World) -> [Client; 2] {
        let mut members = [client(1), client(2)];
        world.delay_ms = 1_000;
        let tickets = [world.enter(&mut members[0]), world.enter(&mut members[1])];
        world.pass(2_000);
        for (member, to) in members.iter_mut().zip(tickets) {
            world.joined(member, to);
        }
        members
    }

    #[test]
    fn every_answer_of_the_round_waits_for_the_row() {
        let mut world = World::new();
        let [leader, follower] = joined(&mut world);
        let early = world.sync(&follower, &[]);
        let by_leader = world.sync(&leader, &[(&leader, "0"), (&follower, "1")]);
        assert_eq!(world.state(), "Stable");
        // A follower that is late reads what is not stored yet.
        let again = world.sync(&follower, &[]);
        for to in [early, by_leader, again] {
            assert!(world.waits(to));
        }
        world.seal();
        for to in [early, by_leader, again] {
            assert!(world.waits(to), "on its way is not there");
        }
        world.commit();
        assert!(world.is_assigned(early, "1") && world.is_assigned(by_leader, "0") && world.is_assigned(again, "1"));
        let answer = world.sync_answer(early);
        assert_eq!((answer.protocol_type, answer.protocol_name), (Some(Text::from("consumer")), Some(Text::from("range"))));
        let row = &world.image.groups[0];
        assert_eq!((row.generation, row.members.len(), row.leader.clone()), (1, 2, Some(leader.member_id.clone())));
        let again = world.sync(&follower, &[]);
        assert!(world.is_assigned(again, "1"), "what is stored is answered at once");
    }

    #[test]
    fn heartbeats_do_not_wait_for_the_row() {
        let mut world = World::new();
        let [leader, follower] = joined(&mut world);
        assert_eq!(world.heartbeat(&follower), ErrorCode::NONE, "in CompletingRebalance too");
        world.sync(&leader, &[]);
        world.seal();
        assert_eq!(world.heartbeat(&follower), ErrorCode::NONE);
    }

    #[test]
    fn members_left_out_get_empty_bytes_and_strangers_nothing() {
        let mut world = World::new();
        let [leader, follower] = joined(&mut world);
        let stranger = Client { member_id: Text::from("x"), ..client(9) };
        let to = world.sync(&leader, &[(&stranger, "9"), (&leader, "0")]);
        let other = world.sync(&follower, &[]);
        world.commit();
        assert!(world.is_assigned(to, "0") && world.is_assigned(other, ""));
        assert_eq!(world.image.groups[0].members.len(), 2);
    }

    #[test]
    fn syncs_are_checked_in_kafkas_order() {
        let mut world = World::new();
        let [leader, _] = joined(&mut world);
        let mut refused = |change: &dyn Fn(&mut Client)| {
            let mut client = leader.clone();
            change(&mut client);
            let to = world.sync(&client, &[]);
            let answer = world.sync_answer(to);
            assert!(answer.assignment.is_empty() && answer.protocol_name.is_none());
            answer.error_code
        };
        assert_eq!(refused(&|client| client.group = Text::default()), ErrorCode::INVALID_GROUP_ID);
        assert_eq!(refused(&|client| client.group = Text::from("h")), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(refused(&|client| client.instance_id = Some(Text::from("i"))), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(refused(&|client| (client.member_id, client.generation) = (Text::from("x"), 9)), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(refused(&|client| (client.generation, client.protocol_type) = (2, Text::from("y"))), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(refused(&|client| client.protocol_type = Text::from("y")), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        assert_eq!(refused(&|client| client.protocols[0].0 = "y"), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }

    #[test]
    fn from_version_5_the_protocol_must_be_named() {
        let mut world = World::new();
        let [leader, _] = joined(&mut world);
        let request = SyncGroupRequest {
            group_id: leader.group.clone(),
            generation_id: 1,
            member_id: leader.member_id.clone(),
            ..SyncGroupRequest::default()
        };
        for (api_version, error) in [(5, ErrorCode::INCONSISTENT_GROUP_PROTOCOL), (4, ErrorCode::NONE)] {
            let to = ReplyTo { conn: leader.conn, seq: 1_000 + api_version as u64 };
            let caller = Caller { to, api_version, client_id: Text::default(), client_host: Text::default() };
            let (groups, mut turn) = world.turn();
            groups.sync(&mut turn, &caller, &request);
            world.commit();
            assert_eq!(world.sync_answer(to).error_code, error);
        }
    }

    #[test]
    fn the_earlier_of_two_syncs_of_one_member_is_let_go() {
        let mut world = World::new();
        let [leader, follower] = joined(&mut world);
        let (first, second) = (world.sync(&follower, &[]), world.sync(&follower, &[]));
        assert_eq!(world.sync_answer(first).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
        world.sync(&leader, &[(&follower, "1")]);
        world.commit();
        assert!(world.is_assigned(second, "1"));
    }

    #[test]
    fn who_does_not_sync_within_the_rebalance_timeout_is_out() {
        let mut world = World::new();
        let [leader, follower] = joined(&mut world);
        let parked = world.sync(&follower, &[]);
        for _ in 0..6 {
            world.pass(9_999);
            assert_eq!(world.heartbeat(&leader), ErrorCode::NONE);
            assert!(world.waits(parked));
        }
        world.pass(6);
        assert_eq!(world.sync_answer(parked).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
        assert_eq!(world.heartbeat(&leader), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(world.state(), "PreparingRebalance");
    }

    #[test]
    fn a_follower_that_never_syncs_is_out_of_a_stable_group_too() {
        let mut world = World::new();
        let [leader, follower] = joined(&mut world);
        world.sync(&leader, &[]);
        world.commit();
        for _ in 0..7 {
            world.pass(9_000);
            world.heartbeat(&follower);
            world.heartbeat(&leader);
        }
        assert_eq!(world.heartbeat(&follower), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(world.heartbeat(&leader), ErrorCode::REBALANCE_IN_PROGRESS);
    }

    #[test]
    fn once_all_have_synced_nobody_is_put_out() {
        let mut world = World::new();
        let members = joined(&mut world);
        world.assign(&members);
        assert_eq!(world.timers.get(&Timer::Sync(Text::from("g"))), None);
    }

    #[test]
    fn without_room_on_the_disk_members_are_told_to_come_back() {
        let mut world = World::new();
        let members = joined(&mut world);
        world.read_only = true;
        let parked = world.sync(&members[1], &[]);
        let to = world.sync(&members[0], &[(&members[0], "0")]);
        for to in [parked, to] {
            assert_eq!(world.sync_answer(to).error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        assert!(!world.fx.has_rows());
        assert_eq!(world.state(), "CompletingRebalance");
        world.read_only = false;
        world.assign(&members);
    }

    #[test]
    fn an_assignment_that_is_too_large_fails_the_round() {
        let mut world = World::new();
        let [leader, follower] = joined(&mut world);
        let parked = world.sync(&follower, &[]);
        let huge: &'static str = Box::leak("x".repeat(MEMBER_METADATA_BYTES_MAX + 1).into_boxed_str());
        let to = world.sync(&leader, &[(&follower, huge)]);
        for to in [parked, to] {
            assert_eq!(world.sync_answer(to).error_code, ErrorCode::UNKNOWN_SERVER_ERROR);
        }
        assert_eq!(world.state(), "PreparingRebalance");
    }

    #[test]
    fn heartbeats_are_checked_in_kafkas_order() {
        let mut world = World::new();
        let mut members = [static_client(1)];
        world.form(&mut members);
        let [member] = members;
        let beat = |world: &mut World, change: &dyn Fn(&mut Client)| {
            let mut client = member.clone();
            change(&mut client);
            world.heartbeat(&client)
        };
        assert_eq!(beat(&mut world, &|_| {}), ErrorCode::NONE);
        assert_eq!(beat(&mut world, &|client| client.group = Text::default()), ErrorCode::INVALID_GROUP_ID);
        assert_eq!(beat(&mut world, &|client| client.group = Text::from("h")), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(beat(&mut world, &|client| client.member_id = Text::from("x")), ErrorCode::FENCED_INSTANCE_ID);
        assert_eq!(beat(&mut world, &|client| client.instance_id = Some(Text::from("j"))), ErrorCode::UNKNOWN_MEMBER_ID);
        let unknown = |client: &mut Client| (client.member_id, client.instance_id, client.generation) = (Text::from("x"), None, 7);
        assert_eq!(beat(&mut world, &unknown), ErrorCode::UNKNOWN_MEMBER_ID);
        for generation in [-1, 0, 2] {
            assert_eq!(beat(&mut world, &|client| client.generation = generation), ErrorCode::ILLEGAL_GENERATION);
        }
    }
}
