//! Groups from the store: at start, and again after a plan was refused. Called by the engine.

use super::classic::{Group, GroupState};
use super::expiry::{CHECK_INTERVAL_MS, OFFSETS_RETENTION_MS};
use super::member::Member;
use super::offsets::Offset;
use super::subscription::subscribed_topics;
use super::{Groups, Turn};
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::timers::{Timer, Timers};
use crate::store::plan::{GroupRow, Image, Op, Plan};
use std::collections::BTreeSet;

impl Groups {
    /// Groups as they were stored. Members have a fresh session each, so that a restart of the broker is no rebalance.
    pub fn load(image: &Image, timers: &mut Timers, now: Now) -> Groups {
        let mut groups = Groups::default();
        for row in &image.groups {
            groups.insert(Group::from_row(row, timers, now));
        }
        groups.load_offsets(image);
        groups.index(now);
        groups
    }

    /// After `refused` plans: what is durable comes from `image` again, members and what they wait for stay. A group whose
    /// assignment was refused lets its members join again; its generation never falls.
    pub fn reload(&mut self, image: &Image, refused: &[&Plan], turn: &mut Turn) {
        for group in self.groups.values_mut() {
            group.drop_offsets();
            group.has_row = false;
            group.changed_in = PlanNo::COMMITTED;
        }
        self.removed_in = PlanNo::COMMITTED;
        for row in &image.groups {
            match self.groups.get_mut(row.id.as_str()) {
                Some(group) => group.has_row = true,
                // Its deletion was refused.
                None => self.insert(Group::from_row(row, turn.timers, turn.now)),
            }
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
        self.index(turn.now);
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
    fn index(&mut self, now: Now) {
        self.bytes = self.groups.values().map(|group| group.bytes).sum();
        self.checks.clear();
        for group in self.groups.values_mut() {
            group.recheck = false;
            group.check_ms = group.earliest_expiry_ms().map(|at_ms| at_ms.max(now.wall_ms));
            self.checks.extend(group.check_ms.map(|at_ms| (at_ms, group.id.clone())));
        }
    }
}

impl Group {
    fn from_row(row: &GroupRow, timers: &mut Timers, now: Now) -> Group {
        let mut group = Group::new(row.id.clone(), row.state_ms);
        group.generation = row.generation;
        group.has_row = true;
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
            None => (self.state == GroupState::Empty && self.has_row).then(|| self.state_ms.saturating_add(CHECK_INTERVAL_MS)),
        }
    }
}
