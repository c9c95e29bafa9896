//! How members go: LeaveGroup (`classicGroupLeave`), sessions that end, syncs that never came, connections that break. Called by
//! `api/leave_group` and `Groups::due`.

use super::classic::{Group, GroupState};
use super::join::join_error;
use super::sync::sync_error;
use super::{Groups, Turn};
use crate::base::ids::{ConnId, PlanNo};
use crate::base::text::Text;
use crate::state::effects::Effects;
use crate::state::timers::Timer;
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
        log::info!("group {:?}: member {member_id:?} leaves: {reason:?}", self.id);
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
        if self.members.get(member_id.as_str()).is_some_and(|member| member.is_new) {
            log::info!("group {:?}: new member {member_id:?} has waited too long", self.id);
            self.expel(turn, member_id);
        }
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

/// The timers of groups.
pub(super) fn is_of_group(timer: &Timer) -> Option<&Text> {
    match timer {
        Timer::Join(group) | Timer::Sync(group) | Timer::Session(group, _) | Timer::NewMember(group, _) => Some(group),
        Timer::Fetch(_) | Timer::Retention | Timer::Expiry | Timer::Probe => None,
    }
}
