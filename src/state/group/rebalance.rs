//! The join phase of a classic group: how it begins, whom it waits for, and how it ends in a new generation. Called by the
//! rules of `join`, `sync` and `membership`, and by `Groups::due` when its time is over.

use super::classic::{Group, GroupState, InitialRebalance};
use super::join::join_error;
use super::subscription::subscribed_topics;
use super::turn::Turn;
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
            if parked.is_some() {
                self.tell_generation(&id);
            }
            if let Some((to, api_version)) = parked.and_then(|parked| Some((parked.to?, parked.api_version))) {
                turn.fx.reply(to, Response::JoinGroup(self.join_answer(api_version, &id)));
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

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, World, client, static_client};
    use super::*;

    #[test]
    fn everyone_rejoins_and_the_generation_rises() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        assert_eq!((world.state(), world.generation()), ("Stable", 1));
        let mut third = client(3);
        let new = world.enter(&mut third);
        assert_eq!(world.state(), "PreparingRebalance");
        for member in &members {
            assert_eq!(world.heartbeat(member), ErrorCode::REBALANCE_IN_PROGRESS);
        }
        let tickets = [world.join(&members[0]), world.join(&members[1])];
        for (member, to) in members.iter_mut().zip(tickets) {
            assert_eq!(world.joined(member, to).generation_id, 2);
        }
        let answer = world.joined(&mut third, new);
        assert_eq!((answer.generation_id, world.state()), (2, "CompletingRebalance"));
        let [a, b] = members;
        world.assign(&[a, b, third]);
        assert_eq!(world.state(), "Stable");
    }

    #[test]
    fn the_leader_stays_and_alone_sees_the_members() {
        let mut world = World::new();
        let mut members = [client(1), client(2), client(3)];
        world.form(&mut members);
        assert_eq!(world.leader(), members[0].member_id, "the first to join");
        members[2].protocols[0].1 = "changed";
        let tickets = [world.join(&members[2]), world.join(&members[1]), world.join(&members[0])];
        for (to, index) in tickets.into_iter().zip([2, 1, 0]) {
            let answer = world.joined(&mut members[index], to);
            assert_eq!((answer.leader.clone(), answer.members.len()), (members[0].member_id.clone(), if index == 0 { 3 } else { 0 }));
        }
    }

    #[test]
    fn a_pending_member_holds_the_join_phase_up_until_it_comes_leaves_or_times_out() {
        for how in ["comes", "leaves", "times out"] {
            let mut world = World::new();
            let mut members = [client(1)];
            world.form(&mut members);
            let mut pending = client(2);
            let to = world.join(&pending);
            pending.member_id = world.join_answer(to).member_id;
            assert_eq!(world.state(), "Stable", "a pending member alone starts nothing");
            let to = world.join(&members[0]);
            assert!(world.waits(to), "{how}");
            match how {
                "comes" => _ = world.join(&pending),
                "leaves" => assert_eq!(world.leave(&pending).0[0].error_code, ErrorCode::NONE),
                _ => world.pass(10_000),
            }
            assert_eq!(world.joined(&mut members[0], to).generation_id, 2, "{how}");
        }
    }

    #[test]
    fn dynamic_members_that_stay_away_are_out_after_the_longest_rebalance_timeout() {
        let mut world = World::new();
        let mut members = [client(1), client(2), Client { rebalance_ms: 90_000, ..client(3) }];
        world.form(&mut members);
        let leader_was_late = world.leader() == members[0].member_id;
        assert!(leader_was_late);
        members[1].protocols[0].1 = "changed";
        let to = world.join(&members[1]);
        for _ in 0..9 {
            world.pass(9_999);
            assert_eq!(world.heartbeat(&members[0]), ErrorCode::REBALANCE_IN_PROGRESS);
            assert_eq!(world.heartbeat(&members[2]), ErrorCode::REBALANCE_IN_PROGRESS);
        }
        assert!(world.waits(to));
        world.pass(9);
        let answer = world.joined(&mut members[1], to);
        assert_eq!((answer.generation_id, answer.members.len()), (2, 1), "alone, and now the leader");
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::UNKNOWN_MEMBER_ID);
    }

    #[test]
    fn static_members_that_stay_away_keep_their_places() {
        let mut world = World::new();
        let mut members = [Client { session_ms: 1_000_000, ..static_client(1) }, client(2)];
        world.form(&mut members);
        members[1].protocols[0].1 = "changed";
        let to = world.join(&members[1]);
        world.pass(60_000);
        let answer = world.joined(&mut members[1], to);
        assert_eq!((answer.generation_id, answer.leader, answer.members.len()), (2, members[1].member_id.clone(), 2));
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::ILLEGAL_GENERATION, "it has to hear of the generation first");
        let to = world.join(&members[0]);
        assert_eq!(world.joined(&mut members[0], to).generation_id, 2);
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::NONE);
    }

    #[test]
    fn a_join_phase_of_absent_static_members_goes_on_until_their_sessions_end() {
        let mut world = World::new();
        world.delay_ms = 1_000;
        let mut members = [Client { session_ms: 100_000, rebalance_ms: 5, ..static_client(1) }, Client { rebalance_ms: 5, ..client(2) }];
        let tickets = [world.enter(&mut members[0]), world.enter(&mut members[1])];
        world.pass(1_000);
        for (member, to) in members.iter_mut().zip(tickets) {
            world.joined(member, to);
        }
        world.assign(&members);
        world.leave(&members[1]);
        world.pass(50_010);
        assert_eq!((world.state(), world.generation()), ("PreparingRebalance", 1));
        let again_ms = world.timers.get(&Timer::Join(Text::from("g"))).unwrap();
        assert!(again_ms > world.now.mono_ms + 100, "a time-out of next to nothing must not keep the broker busy");
        world.pass(50_010);
        assert_eq!((world.state(), world.generation()), ("Empty", 2));
    }

    #[test]
    fn the_initial_rebalance_waits_for_newcomers_within_the_rebalance_timeout() {
        let mut world = World::new();
        world.delay_ms = 3_000;
        let mut members = [client(1), client(2), client(3)].map(|client| Client { rebalance_ms: 7_000, ..client });
        let first = world.enter(&mut members[0]);
        world.pass(2_000);
        let second = world.enter(&mut members[1]);
        world.pass(3_500);
        assert!(world.waits(first), "the second one has put it off");
        let third = world.enter(&mut members[2]);
        world.pass(1_499);
        assert!(world.waits(first), "and the third one too");
        world.pass(2_000);
        for to in [first, second, third] {
            assert_eq!(world.join_answer(to).generation_id, 1);
        }
    }

    #[test]
    fn without_newcomers_the_initial_delay_is_not_extended() {
        let mut world = World::new();
        world.delay_ms = 3_000;
        let mut a = client(1);
        let to = world.enter(&mut a);
        world.pass(2_999);
        assert!(world.waits(to));
        world.pass(1);
        assert_eq!(world.joined(&mut a, to).generation_id, 1);
    }

    #[test]
    fn a_rebalance_answers_parked_syncs_and_takes_the_assignments_back() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        let tickets = [world.join(&members[0]), world.join(&members[1])];
        for (member, to) in members.iter_mut().zip(tickets) {
            world.joined(member, to);
        }
        let parked = world.sync(&members[1], &[]);
        world.enter(&mut client(3));
        assert_eq!(world.sync_answer(parked).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
        assert!(world.groups.get("g").unwrap().members().all(|member| member.assignment.is_empty()));
        let late = world.sync(&members[0], &[]);
        assert_eq!(world.sync_answer(late).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    }

    #[test]
    fn the_protocol_with_most_votes_among_those_that_all_offer_wins() {
        let mut world = World::new();
        let mut members = [
            Client { protocols: vec![("a", ""), ("b", ""), ("c", "")], ..client(1) },
            Client { protocols: vec![("c", ""), ("b", "")], ..client(2) },
            Client { protocols: vec![("d", ""), ("c", ""), ("b", "")], ..client(3) },
        ];
        world.delay_ms = 1_000;
        let tickets: Vec<_> = members.iter_mut().map(|member| world.enter(member)).collect();
        world.pass(2_000);
        for to in tickets {
            // "a" and "d" are not everybody's; the first one votes for "b", the others for "c".
            assert_eq!(world.join_answer(to).protocol_name, Some(Text::from("c")));
        }
    }

    /// KIP-429: nothing is asked of the broker but to pass metadata on; the second rebalance is a leader-less member's wish.
    #[test]
    fn a_cooperative_rebalance_is_two_ordinary_ones() {
        let mut world = World::new();
        let cooperative = |number| Client { protocols: vec![("cooperative-sticky", "owns nothing")], ..client(number) };
        let mut members = [cooperative(1)];
        world.form(&mut members);
        let [mut a] = members;
        let mut b = cooperative(2);
        let new = world.enter(&mut b);
        a.protocols[0].1 = "owns t-0 t-1";
        let old = world.join(&a);
        let seen = world.joined(&mut a, old).members;
        assert!(seen.iter().any(|member| member.metadata == "owns t-0 t-1"));
        world.joined(&mut b, new);
        world.assign(&[a.clone(), b.clone()]);
        // It gave a partition up, says so, and goes on committing meanwhile.
        a.protocols[0].1 = "owns t-0";
        assert_eq!(world.offset_commit(&a, 1, 10), ErrorCode::NONE);
        let old = world.join(&a);
        assert_eq!(world.heartbeat(&b), ErrorCode::REBALANCE_IN_PROGRESS);
        assert_eq!(world.offset_commit(&b, 2, 10), ErrorCode::NONE);
        let new = world.join(&b);
        assert_eq!(world.joined(&mut a, old).generation_id, 3);
        assert_eq!(world.joined(&mut b, new).generation_id, 3);
        world.assign(&[a, b]);
    }
}
