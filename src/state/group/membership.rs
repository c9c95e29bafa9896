//! How members go: LeaveGroup (`classicGroupLeave`), sessions that end, syncs that never came, connections that break. Called by
//! `api/leave_group` and `Groups::due`.

use super::Groups;
use super::classic::{Group, GroupState};
use super::join::join_error;
use super::sync::sync_error;
use super::turn::Turn;
use crate::base::ids::{ConnId, PlanNo};
use crate::base::text::Text;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::leave_group::{MemberIdentity, MemberResponse};

impl Groups {
    /// Takes members out, by member id or (an admin's way) by instance id alone. Gives back an answer for each, and the plan to
    /// wait for: a group that becomes empty is stored. INVALID_GROUP_ID for all of them.
    pub fn leave(
        &mut self,
        turn: &mut Turn,
        group_id: &Text,
        members: &[MemberIdentity],
    ) -> Result<(Vec<MemberResponse>, PlanNo), ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let left = self.with(group_id, turn, |group, turn| group.leave(turn, members));
        Ok(left
            .unwrap_or_else(|| (members.iter().map(|member| response(member, ErrorCode::UNKNOWN_MEMBER_ID)).collect(), PlanNo::COMMITTED)))
    }
}

fn response(member: &MemberIdentity, error_code: ErrorCode) -> MemberResponse {
    MemberResponse { member_id: member.member_id.clone(), group_instance_id: member.group_instance_id.clone(), error_code }
}

impl Group {
    fn leave(&mut self, turn: &mut Turn, members: &[MemberIdentity]) -> (Vec<MemberResponse>, PlanNo) {
        let changed_in = self.changed_in;
        let responses: Vec<MemberResponse> =
            members.iter().map(|member| response(member, self.leave_one(turn, member).err().unwrap_or(ErrorCode::NONE))).collect();
        if responses.iter().any(|response| response.error_code == ErrorCode::NONE) {
            match self.state {
                GroupState::Empty => {}
                _ => self.rebalance(turn, "members leave"),
            }
        }
        (responses, if self.changed_in == changed_in { PlanNo::COMMITTED } else { self.changed_in })
    }

    fn leave_one(&mut self, turn: &mut Turn, member: &MemberIdentity) -> Result<(), ErrorCode> {
        let member_id = if member.member_id.is_empty() {
            let instance_id = member.group_instance_id.as_ref().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            self.statics.get(instance_id.as_str()).cloned().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?
        } else if self.remove_pending(turn, &member.member_id) {
            return Ok(());
        } else {
            self.check_member(&member.member_id, member.group_instance_id.as_ref())?;
            member.member_id.clone()
        };
        let reason = member.reason.as_deref().unwrap_or("not provided");
        log::debug!("group {:?}: member {member_id:?} leaves: {reason:?}", self.id);
        self.remove_member(turn, &member_id);
        Ok(())
    }

    /// A session has ended, or a pending id was not used in time.
    pub(super) fn session_due(&mut self, turn: &mut Turn, member_id: &Text) {
        if self.remove_pending(turn, member_id) {
            return self.complete_if_joined(turn);
        }
        let Some(member) = self.members.get(member_id.as_str()) else { return };
        if member.is_waiting() {
            // Its next session begins when it is answered.
            return;
        }
        if !turn.fx.is_committed(member.waits_for) {
            return self.refresh_session(turn, member_id);
        }
        log::info!("group {:?}: the session of member {member_id:?} has ended", self.id);
        self.expel(turn, member_id);
    }

    /// The first JoinGroup of a member has waited too long: it may be gone, or it tries again.
    pub(super) fn new_member_due(&mut self, turn: &mut Turn, member_id: &Text) {
        log::info!("group {:?}: new member {member_id:?} has waited too long", self.id);
        self.expel(turn, member_id);
    }

    fn expel(&mut self, turn: &mut Turn, member_id: &Text) {
        self.remove_member(turn, member_id);
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => {
                self.prepare_rebalance(turn, format!("member {member_id:?} has gone"));
            }
            GroupState::PreparingRebalance | GroupState::Empty => self.complete_if_joined(turn),
        }
    }

    /// Whoever was missing is missing no more; unlike a leave, this ends an initial rebalance too (`removeMemberAndUpdateClassicGroup`).
    fn complete_if_joined(&mut self, turn: &mut Turn) {
        if self.state == GroupState::PreparingRebalance && self.all_joined() {
            self.complete_join(turn);
        }
    }

    /// Members that did not sync in time are removed.
    pub(super) fn sync_due(&mut self, turn: &mut Turn) {
        if !matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable) || self.unsynced.is_empty() {
            return;
        }
        let late = std::mem::take(&mut self.unsynced);
        for member_id in &late {
            self.remove_member(turn, member_id);
        }
        self.prepare_rebalance(turn, format!("members {late:?} have not synced in time"));
    }

    /// The connection of a parked request is gone. The request still counts: a member is not removed because a connection closed;
    /// but from now on its session is judged again.
    pub(super) fn disconnected(&mut self, turn: &mut Turn, member_id: &Text, conn: ConnId) {
        let Some(member) = self.members.get_mut(member_id.as_str()) else { return };
        let mut dropped = false;
        for parked in [&mut member.join, &mut member.sync].into_iter().flatten() {
            if parked.to.is_some_and(|to| to.conn == conn) {
                parked.to = None;
                dropped = true;
            }
        }
        if dropped {
            self.refresh_session(turn, member_id);
        }
    }

    /// Lets go of everyone who waits. The requests still count, as after a disconnect.
    pub(super) fn answer_all_parked(&mut self, fx: &mut Effects) {
        const ERROR: ErrorCode = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        for member in self.members.values_mut() {
            if let Some(parked) = &mut member.join
                && let Some(to) = parked.to.take()
            {
                fx.reply(to, Response::JoinGroup(join_error(parked.api_version, member.id.clone(), ERROR)));
            }
            if let Some(to) = member.sync.as_mut().and_then(|parked| parked.to.take()) {
                fx.reply(to, Response::SyncGroup(sync_error(ERROR)));
            }
        }
    }

    /// An answer to whoever speaks by `conn` waits for `plan`.
    pub(super) fn note_conn_wait(&mut self, conn: ConnId, plan: PlanNo) {
        for member in self.members.values_mut().filter(|member| member.conn == Some(conn)) {
            member.waits_for = member.waits_for.max(plan);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, World, client, static_client};
    use super::*;
    use crate::state::timers::Timer;

    fn leave(world: &mut World, members: &[(&str, Option<&str>)]) -> Vec<ErrorCode> {
        let identity = |(member_id, instance_id): &(&str, Option<&str>)| MemberIdentity {
            member_id: Text::from(*member_id),
            group_instance_id: instance_id.map(Text::from),
            reason: None,
        };
        let members: Vec<MemberIdentity> = members.iter().map(identity).collect();
        let (groups, mut turn) = world.turn();
        let (responses, _) = groups.leave(&mut turn, &Text::from("g"), &members).unwrap();
        assert!(responses.iter().zip(&members).all(|(a, b)| a.member_id == b.member_id && a.group_instance_id == b.group_instance_id));
        responses.into_iter().map(|response| response.error_code).collect()
    }

    #[test]
    fn leaving_rebalances_at_once_and_completes_a_join_phase() {
        let mut world = World::new();
        let mut members = [client(1), client(2), client(3)];
        world.form(&mut members);
        assert_eq!(world.leave(&members[0]).0[0].error_code, ErrorCode::NONE);
        assert_eq!(world.heartbeat(&members[1]), ErrorCode::REBALANCE_IN_PROGRESS);
        let to = world.join(&members[1]);
        assert!(world.waits(to), "the third member is missing");
        world.leave(&members[2]);
        let answer = world.joined(&mut members[1], to);
        assert_eq!((answer.generation_id, answer.leader), (2, members[1].member_id.clone()));
    }

    #[test]
    fn the_last_one_to_leave_waits_until_that_is_stored() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        let (_, after) = world.leave(&members[0]);
        assert!(world.fx.is_committed(after), "nothing is written yet");
        let (_, after) = world.leave(&members[1]);
        assert_eq!(after, world.fx.plan());
        assert_eq!((world.state(), world.generation()), ("Empty", 2));
        world.commit();
        let row = &world.image.groups[0];
        assert_eq!((row.generation, row.members.len(), row.leader.clone(), row.protocol.clone()), (2, 0, None, None));
        assert_eq!(row.protocol_type, "consumer");
        world.timers.cancel(&Timer::Expiry);
        assert_eq!(world.timers.next_ms(), None, "nothing else is left to happen");
    }

    #[test]
    fn each_member_of_a_list_has_its_own_answer() {
        let mut world = World::new();
        assert_eq!(leave(&mut world, &[("x", None)]), [ErrorCode::UNKNOWN_MEMBER_ID], "no group");
        let mut members = [static_client(1), static_client(2), client(3)];
        world.form(&mut members);
        let asked = [("", Some("i1")), ("x", Some("i2")), ("x", None), ("", None), ("", Some("i9")), ("", Some("i1"))];
        let expected = [
            ErrorCode::NONE,
            ErrorCode::FENCED_INSTANCE_ID,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::UNKNOWN_MEMBER_ID,
        ];
        assert_eq!(leave(&mut world, &asked), expected);
        assert_eq!(world.state(), "PreparingRebalance");
        let (groups, mut turn) = world.turn();
        assert_eq!(groups.leave(&mut turn, &Text::default(), &[]), Err(ErrorCode::INVALID_GROUP_ID));
    }

    #[test]
    fn who_fails_to_leave_moves_nothing() {
        let mut world = World::new();
        world.form(&mut [client(1)]);
        leave(&mut world, &[("x", None)]);
        assert_eq!(world.state(), "Stable");
    }

    #[test]
    fn a_waiting_member_that_is_put_out_is_told() {
        let mut world = World::new();
        let mut members = [static_client(1), static_client(2)];
        world.form(&mut members);
        members[0].protocols[0].1 = "changed";
        let to = world.join(&members[0]);
        leave(&mut world, &[("", Some("i1"))]);
        let answer = world.join_answer(to);
        assert_eq!((answer.error_code, answer.member_id), (ErrorCode::UNKNOWN_MEMBER_ID, Text::default()));
        let to = world.join(&members[1]);
        world.joined(&mut members[1], to);
        // And one that waits for the leader's assignment.
        let new = world.join(&Client { member_id: Text::default(), ..members[0].clone() });
        let again = world.join(&members[1]);
        world.joined(&mut members[0], new);
        world.joined(&mut members[1], again);
        let follower = if world.leader() == members[0].member_id { 1 } else { 0 };
        let parked = world.sync(&members[follower], &[]);
        leave(&mut world, &[("", Some(["i1", "i2"][follower]))]);
        assert_eq!(world.sync_answer(parked).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    }

    #[test]
    fn a_silent_members_session_ends_and_heartbeats_keep_it() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        for _ in 0..3 {
            world.pass(9_000);
            world.heartbeat(&members[0]);
        }
        assert_eq!(world.heartbeat(&members[1]), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::REBALANCE_IN_PROGRESS);
        let to = world.join(&members[0]);
        assert_eq!(world.joined(&mut members[0], to).members.len(), 1);
    }

    #[test]
    fn when_all_sessions_end_the_group_is_stored_as_empty() {
        let mut world = World::new();
        world.form(&mut [client(1), static_client(2)]);
        world.pass(80_000);
        assert_eq!((world.state(), world.generation()), ("Empty", 2));
        world.commit();
        assert!(world.image.groups[0].members.is_empty());
    }

    #[test]
    fn waiting_members_are_alive() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        members[0].protocols[0].1 = "changed";
        let to = world.join(&members[0]);
        for _ in 0..5 {
            world.pass(9_000);
            world.heartbeat(&members[1]);
        }
        assert!(world.waits(to));
        let other = world.join(&members[1]);
        world.joined(&mut members[0], to);
        world.joined(&mut members[1], other);
        // And while one waits for the other's assignment.
        let leader = usize::from(world.leader() == members[1].member_id);
        let parked = world.sync(&members[1 - leader], &[]);
        for _ in 0..5 {
            world.pass(9_000);
            assert_eq!(world.heartbeat(&members[leader]), ErrorCode::NONE);
        }
        assert!(world.waits(parked));
        // Answered, its session begins again.
        world.sync(&members[leader], &[]);
        world.commit();
        world.pass(9_999);
        assert_eq!(world.heartbeat(&members[1 - leader]), ErrorCode::NONE);
    }

    #[test]
    fn a_slow_disk_ends_no_session() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        assert_eq!(world.offset_commit(&members[0], 1, 5), ErrorCode::NONE);
        world.seal();
        // Its heartbeats are behind the commit on the same connection.
        world.pass(35_000);
        assert_eq!(world.state(), "Stable");
        world.commit();
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::NONE);
        world.pass(10_000);
        assert_eq!(world.state(), "Empty", "from then on it is judged again");
        // The same for what else it may wait for.
        members[0] = static_client(1);
        let to = world.enter(&mut members[0]);
        world.pass(0);
        world.joined(&mut members[0], to);
        world.sync(&members[0], &[]);
        world.seal();
        world.pass(35_000);
        assert_eq!(world.state(), "Stable");
        world.commit();
        world.heartbeat(&members[0]);
        members[0].member_id = Text::default();
        let to = world.join(&members[0]);
        world.seal();
        world.pass(35_000);
        assert_eq!(world.state(), "Stable");
        world.commit();
        world.joined(&mut members[0], to);
        let (groups, plan) = (&mut world.groups, world.fx.plan());
        groups.note_wait("g", members[0].conn, plan);
        world.pass(35_000);
        assert_eq!(world.state(), "Stable");
    }

    #[test]
    fn a_new_member_waits_five_minutes_at_most() {
        let mut world = World::new();
        let mut members = [Client { rebalance_ms: 1_000_000, ..client(1) }];
        world.form(&mut members);
        let new = world.enter(&mut client(2));
        for _ in 0..33 {
            world.pass(9_000);
            world.heartbeat(&members[0]);
        }
        assert!(world.waits(new));
        world.pass(3_000);
        let answer = world.join_answer(new);
        assert_eq!((answer.error_code, answer.member_id), (ErrorCode::UNKNOWN_MEMBER_ID, Text::default()));
        assert_eq!(world.groups.get("g").unwrap().members().count(), 1);
    }

    #[test]
    fn a_broken_connection_drops_the_address_and_keeps_the_member() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        members[0].protocols[0].1 = "changed";
        let to = world.join(&members[0]);
        world.pass(15_000 - 6_000);
        world.heartbeat(&members[1]);
        let (groups, mut turn) = world.turn();
        groups.disconnected(ConnId { slot: 99, ..members[0].conn }, &mut turn);
        groups.disconnected(members[0].conn, &mut turn);
        world.pass(9_000);
        assert_eq!(world.groups.get("g").unwrap().members().count(), 2, "it has a session to come back in");
        let other = world.join(&members[1]);
        assert_eq!(world.joined(&mut members[1], other).generation_id, 2, "its request still counted");
        assert!(world.waits(to), "nobody is there to be answered");
        let again = world.join(&members[0]);
        assert_eq!(world.joined(&mut members[0], again).generation_id, 2);
    }

    #[test]
    fn who_does_not_come_back_after_that_is_gone_with_its_session() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        world.join(&members[0]);
        let new = {
            let mut third = client(3);
            world.enter(&mut third);
            third
        };
        let (groups, mut turn) = world.turn();
        groups.disconnected(members[0].conn, &mut turn);
        groups.disconnected(new.conn, &mut turn);
        world.pass(9_999);
        world.heartbeat(&members[1]);
        assert_eq!(world.groups.get("g").unwrap().members().count(), 3);
        world.pass(1);
        assert_eq!(world.groups.get("g").unwrap().members().count(), 1, "a new member too");
        let to = world.join(&members[1]);
        assert_eq!(world.joined(&mut members[1], to).members.len(), 1);
    }

    #[test]
    fn everyone_is_let_go_when_the_broker_stops() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        let to = world.join(&members[0]);
        world.groups.answer_all_parked(&mut world.fx);
        assert_eq!(world.join_answer(to).error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        world.join(&members[1]);
        assert_eq!(world.generation(), 2, "nobody is answered twice");
        let follower = usize::from(world.leader() == members[0].member_id);
        members[follower].generation = 2;
        let other = 1 - follower;
        let again = world.join(&members[other]);
        world.joined(&mut members[other], again);
        let parked = world.sync(&members[follower], &[]);
        world.groups.answer_all_parked(&mut world.fx);
        assert_eq!(world.sync_answer(parked).error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    }
}
