//! The join phase of a classic group: how it begins, whom it waits for, and how it ends in a new generation. Called by the
//! rules of `join`, `sync` and `membership`, and by `Groups::due` when its time is over.

use super::classic::{Group, GroupState, InitialRebalance};
use super::subscription::subscribed_topics;
use super::{Turn, join::join_error};
use crate::base::text::Text;
use crate::state::timers::Timer;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use std::fmt::Display;

/// The join phase of a group whose static members all stay away is tried again no sooner than this, whatever they asked for.
const RETRY_MS_MIN: u64 = 1_000;

impl Group {
    /// Members must join again; or, when they are about to anyway, whoever was missing may be missing no more.
    pub(super) fn rebalance(&mut self, turn: &mut Turn, reason: impl Display) {
        if self.state == GroupState::PreparingRebalance {
            self.maybe_complete_join(turn);
        } else {
            self.prepare_rebalance(turn, reason);
        }
    }

    /// Begins a join phase.
    pub(super) fn prepare_rebalance(&mut self, turn: &mut Turn, reason: impl Display) {
        log::info!("group {:?}: rebalance after generation {}: {reason}", self.id, self.generation);
        if self.state == GroupState::CompletingRebalance {
            let ids: Vec<Text> = self.members.keys().cloned().collect();
            for id in ids {
                self.set_assignment(&id, Default::default());
            }
            self.fail_syncs(turn, ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.unsynced.clear();
        turn.timers.cancel(&Timer::Sync(self.id.clone()));
        let was_empty = self.state == GroupState::Empty;
        self.set_state(GroupState::PreparingRebalance, turn.now.wall_ms);
        if was_empty {
            let delay_ms = turn.initial_rebalance_delay_ms;
            let left_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms);
            self.initial = Some(InitialRebalance { delay_ms, left_ms, newcomer: false });
            turn.timers.set(Timer::Join(self.id.clone()), turn.now.mono_ms + delay_ms);
        } else if self.all_joined() {
            self.complete_join(turn);
        } else {
            turn.timers.set(Timer::Join(self.id.clone()), turn.now.mono_ms + self.rebalance_timeout_ms());
        }
    }

    /// Ends the join phase if it waits for nobody. An initial one waits for the clock only.
    pub(super) fn maybe_complete_join(&mut self, turn: &mut Turn) {
        if self.state == GroupState::PreparingRebalance && self.initial.is_none() && self.all_joined() {
            self.complete_join(turn);
        }
    }

    /// The time of the join phase is over.
    pub(super) fn join_due(&mut self, turn: &mut Turn) {
        if self.state != GroupState::PreparingRebalance {
            return;
        }
        match &mut self.initial {
            Some(initial) if initial.newcomer && initial.left_ms > 0 && turn.initial_rebalance_delay_ms > 0 => {
                let delay_ms = turn.initial_rebalance_delay_ms.min(initial.left_ms);
                let left_ms = initial.left_ms.saturating_sub(initial.delay_ms);
                *initial = InitialRebalance { delay_ms, left_ms, newcomer: false };
                turn.timers.set(Timer::Join(self.id.clone()), turn.now.mono_ms + delay_ms);
            }
            _ => self.complete_join(turn),
        }
    }

    /// Ends the join phase with those who have joined, in a new generation.
    pub(super) fn complete_join(&mut self, turn: &mut Turn) {
        turn.timers.cancel(&Timer::Join(self.id.clone()));
        let is_late = |member: &&super::member::Member| member.join.is_none() && member.instance_id.is_none();
        let late: Vec<Text> = self.members.values().filter(is_late).map(|member| member.id.clone()).collect();
        for id in late {
            log::info!("group {:?}: member {id:?} did not rejoin in time", self.id);
            self.remove_member(turn, &id);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members are left and none came: they keep their places until their sessions end.
            let again_ms = self.rebalance_timeout_ms().max(RETRY_MS_MIN);
            turn.timers.set(Timer::Join(self.id.clone()), turn.now.mono_ms + again_ms);
            return;
        }
        self.initial = None;
        self.generation = self.generation.saturating_add(1);
        self.protocol = self.select_protocol();
        self.subscribed = subscribed_topics(self);
        if self.members.is_empty() {
            self.set_state(GroupState::Empty, turn.now.wall_ms);
            // Without room the row of the last generation stays: were the broker to restart, its members would time out.
            if !turn.read_only {
                self.write_row(turn);
            }
        } else {
            self.set_state(GroupState::CompletingRebalance, turn.now.wall_ms);
            self.answer_joins(turn);
            turn.timers.set(Timer::Sync(self.id.clone()), turn.now.mono_ms + self.rebalance_timeout_ms());
        }
        log::info!("group {:?}: generation {} with {} members", self.id, self.generation, self.members.len());
    }

    fn answer_joins(&mut self, turn: &mut Turn) {
        self.unsynced = self.members.keys().cloned().collect();
        let ids: Vec<Text> = self.members.keys().cloned().collect();
        for id in ids {
            let parked = self.unpark_join(&id);
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
                if parked.is_some() {
                    member.generation = self.generation;
                }
            }
            if let Some(to) = parked.and_then(|parked| parked.to) {
                turn.fx.reply(to, Response::JoinGroup(self.join_answer(&id)));
            }
            turn.timers.cancel(&Timer::NewMember(self.id.clone(), id.clone()));
            self.refresh_session(turn, &id);
        }
    }

    /// Takes a member out for good, answering what it waits for; another one becomes leader if it was.
    pub(super) fn remove_member(&mut self, turn: &mut Turn, member_id: &str) {
        let Some(member) = self.take_member(turn, member_id) else { return };
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        if let Some(parked) = member.join
            && let Some(to) = parked.to
        {
            // No id: it begins anew, if it is still there.
            turn.fx.reply(to, Response::JoinGroup(join_error(parked.api_version, Text::default(), ErrorCode::UNKNOWN_MEMBER_ID)));
        }
        if let Some(to) = member.sync.and_then(|parked| parked.to) {
            turn.fx.reply(to, Response::SyncGroup(super::sync::sync_error(ErrorCode::UNKNOWN_MEMBER_ID)));
        }
    }
}
