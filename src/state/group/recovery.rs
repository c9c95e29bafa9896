//! Groups from the store: at start, and again after a plan was refused. Called by the engine.

use super::Groups;
use super::classic::{Group, GroupState, Stored};
use super::expiry::{CHECK_INTERVAL_MS, OFFSETS_RETENTION_MS};
use super::member::Member;
use super::offsets::Offset;
use super::subscription::subscribed_topics;
use super::turn::Turn;
use crate::base::budget::Budget;
use crate::base::ids::PlanNo;
use crate::base::planted::{self, Bug};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::timers::{Timer, Timers};
use crate::store::plan::{GroupRow, Image, Op, Plan};
use std::collections::{BTreeMap, BTreeSet};

impl Groups {
    /// Groups as they were stored. Members have a fresh session each, so that a restart of the broker is no rebalance.
    pub fn load(image: &Image, memory: &Budget, timers: &mut Timers, now: Now) -> Groups {
        let mut groups = Groups::new(memory);
        for row in &image.groups {
            groups.insert(Group::from_row(row, timers, now));
        }
        groups.load_offsets(image);
        groups.index(timers, now);
        groups
    }

    /// After `refused` plans: what is durable comes from `image` again, members and what they wait for stay. A group whose
    /// assignment was refused lets its members join again; its generation never falls.
    pub fn reload(&mut self, image: &Image, refused: &[&Plan], turn: &mut Turn) {
        for group in self.groups.values_mut() {
            group.drop_offsets();
            group.changed_in = PlanNo::COMMITTED;
        }
        self.removed_in = PlanNo::COMMITTED;
        let rows: BTreeMap<&Text, &GroupRow> = image.groups.iter().map(|row| (&row.id, row)).collect();
        for group in self.groups.values_mut() {
            let row = rows.get(&group.id);
            group.stored = match row {
                None => Stored::Nothing,
                Some(row) if group.stored == Stored::Current && **row == group.to_row() => Stored::Current,
                Some(_) => Stored::Old,
            };
        }
        // Those whose deletion was refused.
        for row in rows.values().filter(|row| !self.contains(&row.id)).collect::<Vec<_>>() {
            self.insert(Group::from_row(row, turn.timers, turn.now));
        }
        self.load_offsets(image);
        let ops = refused.iter().flat_map(|plan| &plan.ops);
        let rows: BTreeSet<&Text> = ops.filter_map(|op| if let Op::PutGroup(row) = op { Some(&row.id) } else { None }).collect();
        for group_id in rows {
            if let Some(group) = self.groups.get_mut(group_id.as_str()).filter(|group| group.state == GroupState::Stable) {
                group.prepare_rebalance(turn, "its assignment could not be stored");
            }
        }
        self.groups.retain(|_, group| !group.is_vacant());
        self.index(turn.timers, turn.now);
    }

    fn load_offsets(&mut self, image: &Image) {
        for row in &image.offsets {
            if !self.contains(&row.group) {
                self.insert(Group::new(row.group.clone(), row.commit_ms));
            }
            if let Some(group) = self.groups.get_mut(row.group.as_str()) {
                group.put_offset(row.part, Offset::from_row(row));
            }
        }
    }

    /// Sums, and the index of expiry: for each group a time before which nothing of it expires, whatever its consumers subscribe to.
    fn index(&mut self, timers: &mut Timers, now: Now) {
        self.bytes = self.groups.values().map(|group| group.bytes).sum();
        self.pay();
        self.checks.clear();
        for group in self.groups.values_mut() {
            group.recheck = false;
            group.check_ms = group.earliest_expiry_ms().map(|at_ms| at_ms.max(now.wall_ms));
            self.checks.extend(group.check_ms.map(|at_ms| (at_ms, group.id.clone())));
        }
        self.schedule_expiry(timers, now);
    }
}

impl Group {
    fn from_row(row: &GroupRow, timers: &mut Timers, now: Now) -> Group {
        let mut group = Group::new(row.id.clone(), row.state_ms);
        group.generation = if planted::is(Bug::GenerationFalls) { 0 } else { row.generation };
        group.stored = Stored::Current;
        group.protocol_type = Some(row.protocol_type.clone()).filter(|protocol_type| !protocol_type.is_empty());
        group.protocol = row.protocol.clone();
        for member in &row.members {
            group.add_member(Member::from_row(member, row.generation), &row.protocol_type);
            let timeout_ms = u64::try_from(member.session_timeout_ms).unwrap_or(0);
            timers.set(Timer::Session(row.id.clone(), member.id.clone()), now.mono_ms + timeout_ms);
        }
        if !row.members.is_empty() {
            group.state = GroupState::Stable;
            group.leader = row.leader.clone();
        }
        group.subscribed = subscribed_topics(&group);
        group
    }

    fn drop_offsets(&mut self) {
        self.bytes -= self.offsets.values().map(Offset::bytes).sum::<usize>();
        self.offsets.clear();
    }

    fn earliest_expiry_ms(&self) -> Option<i64> {
        let by_retention = |since_ms: i64| since_ms.saturating_add(OFFSETS_RETENTION_MS);
        let of_offset = |offset: &Offset| if offset.expire_ms >= 0 { offset.expire_ms } else { by_retention(offset.commit_ms) };
        let first_ms = self.offsets.values().map(of_offset).min();
        match first_ms {
            Some(first_ms) => Some(first_ms.min(by_retention(self.state_ms))),
            None => {
                (self.state == GroupState::Empty && self.stored != Stored::Nothing).then(|| self.state_ms.saturating_add(CHECK_INTERVAL_MS))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, World, client, static_client};
    use super::*;
    use crate::base::rng::Rng;
    use crate::wire::error_code::ErrorCode;

    /// A member as it comes back after an error that took its id.
    fn anew(client: &Client) -> Client {
        Client { member_id: Text::default(), generation: -1, ..client.clone() }
    }

    #[test]
    fn a_restart_is_no_rebalance() {
        let mut world = World::new();
        let mut members = [client(1), static_client(2), Client { session_ms: 30_000, ..client(3) }];
        world.form(&mut members);
        world.offset_commit(&members[0], 1, 5);
        world.commit();
        let leader = world.leader();
        world.restart();
        assert_eq!((world.state(), world.generation(), world.leader()), ("Stable", 1, leader));
        assert_eq!(world.offset(1), Some(5));
        for (index, member) in members.iter().enumerate() {
            assert_eq!(world.heartbeat(member), ErrorCode::NONE);
            assert_eq!(world.offset_commit(member, 2, 6), ErrorCode::NONE);
            world.commit();
            let to = world.sync(member, &[]);
            assert!(world.is_assigned(to, ["0", "1", "2"][index]));
        }
        // Sessions are fresh, and are judged.
        world.restart();
        world.pass(9_999);
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::NONE);
        world.pass(1);
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::REBALANCE_IN_PROGRESS);
        assert_eq!(world.heartbeat(&members[1]), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(world.heartbeat(&members[2]), ErrorCode::REBALANCE_IN_PROGRESS);
        let mut again = members.clone();
        let tickets = [world.join(&again[0]), world.join(&again[2])];
        assert_eq!(world.joined(&mut again[0], tickets[0]).generation_id, 2);
        assert_eq!(world.joined(&mut again[2], tickets[1]).protocol_type, Some(Text::from("consumer")));
    }

    #[test]
    fn what_is_loaded_is_what_was_there() {
        // Several seeds, so that the leader is not always the first by its id.
        for seed in 0..6 {
            let mut world = World::new();
            world.rng = Rng::new(seed);
            world.form(&mut [client(1), static_client(2), client(3)]);
            world.offset_commit(&Client { group: Text::from("simple"), ..client(3) }, 1, 5);
            assert_eq!(world.groups.get("simple").unwrap().changed_in(), world.fx.plan());
            world.commit();
            let before = (world.groups.bytes, world.groups.get("g").unwrap().row());
            assert_eq!(before.1.as_ref(), world.image.groups.first());
            world.restart();
            assert_eq!((world.groups.bytes, world.groups.get("g").unwrap().row()), before);
            let simple = world.groups.get("simple").unwrap();
            assert_eq!((simple.state(), simple.protocol_type()), (GroupState::Empty, Text::default()));
            assert!(world.groups.iter().all(|group| group.changed_in() == PlanNo::COMMITTED));
        }
    }

    /// The join phase of generation 2 ended, its leader's sync was never stored, and the number comes again.
    #[test]
    fn a_generation_that_was_lost_gives_nobody_a_say_in_the_next_of_its_number() {
        let mut world = World::new();
        let mut members = [client(1), Client { session_ms: 1_000_000, ..static_client(2) }, client(3)];
        world.form(&mut members);
        members[0].protocols[0].1 = "changed";
        let tickets = [world.join(&members[0]), world.join(&members[1]), world.join(&members[2])];
        for (member, to) in members.iter_mut().zip(tickets) {
            assert_eq!(world.joined(member, to).generation_id, 2);
        }
        world.sync(&members[0], &[]);
        world.restart();
        assert_eq!((world.state(), world.generation()), ("Stable", 1));
        for member in &members {
            assert_eq!(world.heartbeat(member), ErrorCode::ILLEGAL_GENERATION);
            assert_eq!(world.offset_commit(member, 1, 9), ErrorCode::ILLEGAL_GENERATION);
        }
        // The first one begins anew; the others sleep through the join phase.
        let mut first = anew(&members[0]);
        let to = world.enter(&mut first);
        world.pass(60_000);
        assert_eq!(world.joined(&mut first, to).generation_id, 2);
        assert_eq!(world.groups.get("g").unwrap().members().count(), 2, "the static one has its place");
        for lost in [&members[1], &members[2]] {
            let error = if lost.instance_id.is_some() { ErrorCode::ILLEGAL_GENERATION } else { ErrorCode::UNKNOWN_MEMBER_ID };
            assert_eq!(world.heartbeat(lost), error);
            assert_eq!(world.offset_commit(lost, 1, 9), error);
            let to = world.sync(lost, &[]);
            assert_eq!(world.sync_answer(to).error_code, error);
        }
        let to = world.join(&members[1]);
        world.joined(&mut members[1], to);
        assert_eq!(world.heartbeat(&members[1]), ErrorCode::NONE, "once told it is one of them");
    }

    #[test]
    fn an_assignment_that_was_refused_is_decided_again() {
        let mut world = World::new();
        let mut members = [client(1), client(2)];
        world.form(&mut members);
        members[0].protocols[0].1 = "changed";
        let tickets = [world.join(&members[0]), world.join(&members[1])];
        for (member, to) in members.iter_mut().zip(tickets) {
            world.joined(member, to);
        }
        let leader = usize::from(world.leader() == members[1].member_id);
        let tickets = [world.sync(&members[leader], &[(&members[0], "x")]), world.sync(&members[1 - leader], &[])];
        world.seal();
        let late = world.sync(&members[1 - leader], &[]);
        let refused = world.refuse();
        for to in tickets.iter().chain([&late]) {
            assert!(refused.contains(to));
        }
        assert_eq!((world.state(), world.generation()), ("PreparingRebalance", 2));
        assert_eq!(world.image.groups[0].generation, 1);
        let tickets = [world.join(&members[0]), world.join(&members[1])];
        for (member, to) in members.iter_mut().zip(tickets) {
            assert_eq!(world.joined(member, to).generation_id, 3, "generations never fall");
        }
        world.assign(&members);
        assert_eq!(world.image.groups[0].generation, 3);
    }

    #[test]
    fn refused_plans_take_offsets_back_and_leave_members_alone() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        world.offset_commit(&members[0], 1, 5);
        world.commit();
        world.offset_commit(&members[0], 1, 6);
        world.offset_commit(&Client { group: Text::from("new"), ..client(2) }, 1, 6);
        world.seal();
        world.offset_commit(&members[0], 2, 7);
        let bytes = world.groups.get("g").unwrap().bytes;
        world.refuse();
        assert_eq!((world.offset(1), world.offset(2)), (Some(5), None));
        assert!(!world.groups.contains("new"));
        assert!(world.groups.bytes < bytes);
        assert_eq!(world.state(), "Stable");
        assert_eq!(world.groups.get("g").unwrap().row().as_ref(), world.image.groups.first());
        assert_eq!(world.heartbeat(&members[0]), ErrorCode::NONE);
        assert_eq!(world.groups.listing(), PlanNo::COMMITTED);
    }

    #[test]
    fn a_static_restart_that_was_refused_ends_in_a_rebalance() {
        let mut world = World::new();
        let mut members = [static_client(1), client(2)];
        world.form(&mut members);
        let to = world.join(&anew(&members[0]));
        assert_eq!(world.refuse(), [to]);
        assert_eq!((world.state(), world.generation()), ("PreparingRebalance", 1));
        let mut again = anew(&members[0]);
        let to = world.join(&again);
        let other = world.join(&members[1]);
        assert_eq!(world.joined(&mut again, to).generation_id, 2);
        assert_eq!(world.joined(&mut members[1], other).generation_id, 2);
    }

    #[test]
    fn becoming_empty_need_not_be_stored() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        world.leave(&members[0]);
        world.refuse();
        assert_eq!((world.state(), world.generation()), ("Empty", 2));
        assert_eq!(world.groups.get("g").unwrap().row(), None, "the store has another one");
        let mut next = client(2);
        let to = world.enter(&mut next);
        world.pass(0);
        assert_eq!(world.joined(&mut next, to).generation_id, 3);
        // Without room nobody tries; after a restart the old member times out.
        world.read_only = true;
        world.leave(&next);
        assert_eq!((world.state(), world.fx.has_rows()), ("Empty", false));
        world.restart();
        assert_eq!(world.generation(), 1);
        world.pass(10_000);
        assert_eq!(world.state(), "Empty");
    }

    #[test]
    fn a_refused_deletion_brings_the_group_back() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        world.offset_commit(&members[0], 1, 5);
        world.leave(&members[0]);
        world.commit();
        world.pass(8 * 24 * 60 * 60 * 1_000);
        assert!(world.groups.is_empty());
        world.refuse();
        assert_eq!((world.state(), world.generation(), world.offset(1)), ("Empty", 2, Some(5)));
        assert_eq!(world.groups.next_expiry_ms(), Some(world.now.wall_ms), "to be tried again");
    }
}
