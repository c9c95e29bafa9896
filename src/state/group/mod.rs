//! Consumer groups: classic groups with their members (KIP-394, KIP-345, KIP-429 need no more than opaque metadata), and the
//! offsets that groups commit. `api` calls one rule a request; the engine calls `due`, `disconnected`, `expire` and the hooks of
//! `recovery`. Heartbeats are answered from memory; what must survive a restart is a row, and its answers wait for it.

mod admin;
pub mod classic;
pub mod commit;
mod expiry;
mod join;
pub mod member;
mod membership;
pub mod offsets;
mod rebalance;
mod recovery;
mod subscription;
mod sync;
#[cfg(test)]
mod testing;
pub mod turn;

use crate::base::budget::{Budget, Charge};
use crate::base::ids::{ConnId, PartId, PlanNo};
use crate::base::limits::{GROUPS_MAX, SMALL_FRAME_BYTES};
use crate::base::text::Text;
use crate::state::effects::Effects;
use crate::state::timers::Timer;
use classic::Group;
use std::collections::{BTreeMap, BTreeSet};
use turn::Turn;

/// All groups, sorted by id.
#[derive(Debug)]
pub struct Groups {
    groups: BTreeMap<Text, Group>,
    /// The member whose request is parked on a connection: requests of a connection are taken one at a time. Entries of requests
    /// that have been answered stay until the connection parks another or goes.
    parked: BTreeMap<ConnId, (Text, Text)>,
    /// `Group::check_ms` of all groups, with their ids.
    checks: BTreeSet<(i64, Text)>,
    /// The last plan that deleted a group.
    removed_in: PlanNo,
    /// The sum of `Group::bytes`: members with their metadata and assignments, and offsets.
    bytes: usize,
    /// What that may grow to.
    bytes_max: usize,
    /// What pays for it.
    charge: Charge,
}

impl Groups {
    /// No groups yet. What they keep is paid by `memory`, and may come to a half of it: the rest is for what is in flight.
    pub fn new(memory: &Budget) -> Groups {
        Groups {
            groups: BTreeMap::new(),
            parked: BTreeMap::new(),
            checks: BTreeSet::new(),
            removed_in: PlanNo::COMMITTED,
            bytes: 0,
            bytes_max: memory.limit_bytes() / 2,
            charge: memory.charge(0),
        }
    }

    /// The group of this id.
    pub fn get(&self, group_id: &str) -> Option<&Group> {
        self.groups.get(group_id)
    }

    /// Whether there is one.
    pub fn contains(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// All groups, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The plan that an answer "no such group" rests on.
    pub fn removed_in(&self) -> PlanNo {
        self.removed_in
    }

    /// The plan that a list of all groups rests on.
    pub fn listing(&self) -> PlanNo {
        self.groups.values().map(Group::changed_in).max().unwrap_or_default().max(self.removed_in)
    }

    /// A timer of a group is due. Others are not for groups.
    pub fn due(&mut self, timer: &Timer, turn: &mut Turn) {
        let Some(group_id) = timer.group() else { return };
        self.with(group_id, turn, |group, turn| match timer {
            Timer::Join(_) => group.join_due(turn),
            Timer::Sync(_) => group.sync_due(turn),
            Timer::Session(_, member_id) => group.session_due(turn, member_id),
            Timer::NewMember(_, member_id) => group.new_member_due(turn, member_id),
            _ => {}
        });
    }

    /// A connection is gone: nobody is left to answer there. Members stay until their sessions end.
    pub fn disconnected(&mut self, conn: ConnId, turn: &mut Turn) {
        if let Some((group_id, member_id)) = self.parked.remove(&conn) {
            self.with(&group_id, turn, |group, turn| group.disconnected(turn, &member_id, conn));
        }
    }

    /// Answers every parked JoinGroup and SyncGroup with COORDINATOR_NOT_AVAILABLE, for the broker ends; members stay.
    pub fn answer_all_parked(&mut self, fx: &mut Effects) {
        self.parked.clear();
        for group in self.groups.values_mut() {
            group.answer_all_parked(fx);
        }
    }

    /// The offsets of these partitions are gone, by a topic's deletion in the plan being filled; the store deletes its rows itself.
    pub fn forget_partitions(&mut self, parts: &[PartId], turn: &mut Turn) {
        let has_any = |group: &&Group| parts.iter().any(|part| group.offsets.contains_key(part));
        let touched: Vec<Text> = self.groups.values().filter(has_any).map(|group| group.id.clone()).collect();
        for group_id in touched {
            self.with(&group_id, turn, |group, turn| {
                for part in parts {
                    group.remove_offset(*part);
                }
                group.changed_in = turn.fx.plan();
                group.recheck = true;
            });
        }
    }

    /// Whether what is told of this group in one answer may be long.
    pub fn is_large(&self, group_id: &str) -> bool {
        self.get(group_id).is_some_and(|group| group.bytes > SMALL_FRAME_BYTES)
    }

    /// How much more groups may keep.
    fn room_bytes(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes)
    }

    /// Pays for what groups keep; what a store held before there was so little memory is beside the budget.
    fn pay(&mut self) {
        let bytes = self.bytes.min(self.bytes_max);
        if bytes != self.charge.bytes() {
            self.charge.resize(bytes);
        }
    }

    /// An answer to `conn` that tells of this group waits for `plan`: until then heartbeats on that connection cannot come through.
    pub fn note_wait(&mut self, group_id: &str, conn: ConnId, plan: PlanNo) {
        if let Some(group) = self.groups.get_mut(group_id) {
            group.note_conn_wait(conn, plan);
        }
    }

    fn note_parked(&mut self, conn: ConnId, group_id: &Text, member_id: Text) {
        if let Some(group) = self.groups.get(group_id.as_str()) {
            self.parked.insert(conn, (group.id.clone(), member_id));
        }
    }

    /// Applies a rule to a group, and then brings sums and the index of expiry up to date.
    fn with<R>(&mut self, group_id: &str, turn: &mut Turn, rule: impl FnOnce(&mut Group, &mut Turn) -> R) -> Option<R> {
        let group = self.groups.get_mut(group_id)?;
        let (bytes, check_ms) = (group.bytes, group.check_ms);
        let result = rule(group, turn);
        if group.recheck {
            group.recheck = false;
            group.check_ms = group.next_expiry_ms(turn.topics);
        }
        self.bytes = self.bytes - bytes + group.bytes;
        if group.is_vacant() {
            self.removed_in = self.removed_in.max(group.changed_in);
            self.bytes -= group.bytes;
            group.check_ms = None;
        }
        let (id, now_ms, vacant) = (group.id.clone(), group.check_ms, group.is_vacant());
        if now_ms != check_ms {
            if let Some(at_ms) = check_ms {
                self.checks.remove(&(at_ms, id.clone()));
            }
            if let Some(at_ms) = now_ms {
                self.checks.insert((at_ms, id));
            }
            self.schedule_expiry(turn.timers, turn.now);
        }
        if vacant {
            self.groups.remove(group_id);
        }
        self.pay();
        Some(result)
    }

    /// The same for a group that need not be there yet; `None` when there are too many.
    fn with_new<R>(&mut self, group_id: &Text, turn: &mut Turn, rule: impl FnOnce(&mut Group, &mut Turn) -> R) -> Option<R> {
        if !self.contains(group_id) {
            if self.groups.len() >= GROUPS_MAX {
                return None;
            }
            self.insert(Group::new(group_id.detach(), turn.now.wall_ms));
        }
        self.with(group_id, turn, rule)
    }

    fn insert(&mut self, group: Group) {
        self.bytes += group.bytes;
        self.groups.insert(group.id.clone(), group);
    }
}
