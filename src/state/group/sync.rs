//! SyncGroup and Heartbeat (`classicGroupSync`, `classicGroupHeartbeat`): the leader's assignment makes a generation stable and
//! durable. Called by `api/sync_group` and `api/heartbeat`.

use super::classic::{Group, GroupState};
use super::member::Parked;
use super::{Caller, Groups, Turn};
use crate::base::limits::{GROUP_BYTES_MAX, MEMBER_METADATA_BYTES_MAX};
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
        let room_bytes = GROUP_BYTES_MAX.saturating_sub(self.bytes);
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
        if sizes().any(|bytes| bytes > MEMBER_METADATA_BYTES_MAX) || sizes().sum::<usize>() > room_bytes {
            // As Kafka does when the group does not fit into a record.
            self.fail_syncs(turn, ErrorCode::UNKNOWN_SERVER_ERROR);
            return self.prepare_rebalance(turn, "the assignment is too large");
        }
        let ids: Vec<Text> = self.members.keys().cloned().collect();
        for id in &ids {
            // Whom the leader left out gets empty bytes, whom it made up is nobody.
            let assignment = assigned.get(id.as_str()).map(|assignment| Bytes::copy_from_slice(assignment)).unwrap_or_default();
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
