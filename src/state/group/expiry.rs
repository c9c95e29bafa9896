//! Offsets and groups that nobody uses any more go after a week (`offsets.retention.minutes`). [`Timer::Expiry`] is set for when
//! the first of them may have expired, so that a broker with nothing to expire never wakes for it.

use super::Groups;
use super::classic::{Group, GroupState, Stored};
use super::offsets::Offset;
use super::turn::Turn;
use crate::base::ids::PartId;
use crate::base::limits::PLAN_OPS_MAX;
use crate::base::time::Now;
use crate::state::timers::{Timer, Timers};
use crate::state::topics::Topics;
use crate::store::plan::Op;

/// Kafka's default `offsets.retention.minutes`, a week, in ms.
pub(super) const OFFSETS_RETENTION_MS: i64 = 10_080 * 60 * 1_000;
/// Kafka's default `offsets.retention.check.interval.ms`: a group without members and offsets is kept so long, and what
/// cannot go yet is looked at again after it.
pub(super) const CHECK_INTERVAL_MS: i64 = 600_000;

impl Groups {
    /// When something may expire next, ms since 1970.
    pub fn next_expiry_ms(&self) -> Option<i64> {
        self.checks.first().map(|(at_ms, _)| *at_ms)
    }

    /// Sees to it that `expire` is called by then. Should the wall clock jump, it is called too early or late, and looks again.
    pub(super) fn schedule_expiry(&self, timers: &mut Timers, now: Now) {
        if let Some(at_ms) = self.next_expiry_ms() {
            // Not at once, so that a long list is gone through in turns.
            let wait_ms = u64::try_from(at_ms.saturating_sub(now.wall_ms)).unwrap_or(0).max(1);
            timers.set_earlier(Timer::Expiry, now.mono_ms.saturating_add(wait_ms));
        }
    }

    /// Deletes what has expired, about one plan's worth at a time; called when [`Timer::Expiry`] is due.
    pub fn expire(&mut self, turn: &mut Turn) {
        let mut ops = 0;
        while ops < PLAN_OPS_MAX / 2
            && let Some((at_ms, group_id)) = self.checks.first().cloned()
            && at_ms <= turn.now.wall_ms
        {
            ops += self.with(&group_id, turn, |group, turn| group.expire(turn)).unwrap_or(0);
        }
        self.schedule_expiry(turn.timers, turn.now);
    }
}

impl Group {
    /// When an offset expires as things stand, ms since 1970 (`ClassicGroup.offsetExpirationCondition`): in a group without members
    /// counted from when it lost them, in one that never had any from the commit, and while consumers are at work only if
    /// none of them subscribes to its topic.
    pub(super) fn expiry_ms(&self, part: PartId, offset: &Offset, topics: &Topics) -> Option<i64> {
        let since_ms = match (&self.protocol_type, self.state) {
            (None, _) => offset.commit_ms,
            (Some(_), GroupState::Empty) => self.state_ms,
            (Some(_), GroupState::Stable) => {
                let (topic, _) = topics.owner(part)?;
                let subscribed = self.subscribed.as_ref()?.contains(topic.name.as_str());
                if subscribed {
                    return None;
                }
                offset.commit_ms
            }
            (Some(_), _) => return None,
        };
        Some(if offset.expire_ms >= 0 { offset.expire_ms } else { since_ms.saturating_add(OFFSETS_RETENTION_MS) })
    }

    /// When anything of the group may expire next; the group itself once it has neither members nor offsets.
    pub(super) fn next_expiry_ms(&self, topics: &Topics) -> Option<i64> {
        if self.offsets.is_empty() {
            let is_left = self.state == GroupState::Empty && self.stored != Stored::Nothing;
            return is_left.then(|| self.state_ms.saturating_add(CHECK_INTERVAL_MS));
        }
        self.offsets.iter().filter_map(|(part, offset)| self.expiry_ms(*part, offset, topics)).min()
    }

    /// Gives back how many operations that took.
    fn expire(&mut self, turn: &mut Turn) -> usize {
        let now_ms = turn.now.wall_ms;
        let is_expired = |part: PartId| {
            let expiry_ms = self.offsets.get(&part).and_then(|offset| self.expiry_ms(part, offset, turn.topics));
            expiry_ms.is_some_and(|at_ms| at_ms <= now_ms)
        };
        let expired: Vec<PartId> =
            if turn.read_only { Vec::new() } else { self.offsets.keys().copied().filter(|part| is_expired(*part)).collect() };
        let is_unused = self.state == GroupState::Empty && self.pending.is_empty() && expired.len() == self.offsets.len();
        let is_old = !self.offsets.is_empty() || self.state_ms.saturating_add(CHECK_INTERVAL_MS) <= now_ms;
        let mut ops = expired.len();
        if is_unused && is_old && !turn.read_only {
            log::info!("group {:?} is not used any more", self.id);
            turn.fx.row(Op::DeleteGroup(self.id.clone()));
            self.stored = Stored::Nothing;
            ops = 1;
        } else {
            for part in &expired {
                turn.fx.row(Op::DeleteOffset { group: self.id.clone(), part: *part });
            }
        }
        for part in &expired {
            self.remove_offset(*part);
        }
        if ops > 0 {
            self.changed_in = turn.fx.plan();
        }
        // What is due and cannot go yet, for someone is about to join or the disk is full, is looked at later.
        let next_ms = self.next_expiry_ms(turn.topics);
        self.check_ms = next_ms.map(|at_ms| if at_ms <= now_ms { now_ms.saturating_add(CHECK_INTERVAL_MS) } else { at_ms });
        ops
    }
}

#[cfg(test)]
mod tests {
    use super::super::commit::NewOffset;
    use super::super::testing::{Client, World, client};
    use super::*;
    use crate::base::text::Text;

    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

    impl World {
        /// How long until something may expire, in whole days.
        fn days(&self) -> Option<i64> {
            self.groups.next_expiry_ms().map(|at_ms| (at_ms - self.now.wall_ms) / DAY_MS as i64)
        }
    }

    #[test]
    fn a_group_that_only_commits_expires_by_its_commits() {
        let mut world = World::new();
        assert_eq!(world.groups.next_expiry_ms(), None);
        world.offset_commit(&client(1), 1, 5);
        assert_eq!(world.days(), Some(7));
        world.pass(3 * DAY_MS);
        world.offset_commit(&client(1), 2, 5);
        world.commit();
        world.pass(4 * DAY_MS - 1);
        assert!(!world.fx.has_rows());
        world.pass(1);
        assert_eq!((world.offset(1), world.offset(2)), (None, Some(5)));
        assert_eq!(world.days(), Some(3));
        world.commit();
        assert_eq!(world.image.offsets.len(), 1);
        world.pass(3 * DAY_MS);
        assert!(world.groups.is_empty());
        assert_eq!((world.groups.next_expiry_ms(), world.groups.removed_in()), (None, world.fx.plan()));
        world.commit();
        assert!(world.image.offsets.is_empty());
    }

    #[test]
    fn an_empty_groups_week_begins_when_it_became_empty() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        world.offset_commit(&members[0], 1, 5);
        world.commit();
        for _ in 0..3 * 24 * 60 * 60 / 9 {
            world.pass(9_000);
            world.heartbeat(&members[0]);
        }
        world.leave(&members[0]);
        world.commit();
        assert_eq!(world.days(), Some(7));
        world.pass(7 * DAY_MS - 1);
        assert_eq!(world.offset(1), Some(5));
        world.pass(1);
        assert!(world.groups.is_empty());
        world.commit();
        assert!(world.image.groups.is_empty() && world.image.offsets.is_empty());
    }

    #[test]
    fn a_retention_time_of_the_client_wins() {
        let mut world = World::new();
        let offset = |part| NewOffset { part: PartId(part), offset: 5, leader_epoch: -1, metadata: Text::default() };
        world.offset_commit_of(&client(1), 60_000, &[offset(1)]);
        world.offset_commit_of(&client(1), -1, &[offset(2)]);
        world.pass(59_999);
        assert_eq!(world.offset(1), Some(5));
        world.pass(1);
        assert_eq!((world.offset(1), world.offset(2)), (None, Some(5)));
    }

    #[test]
    fn consumers_at_work_lose_only_offsets_of_topics_they_no_longer_want() {
        // Subscription to "t", in version 0.
        const WANTS_T: &str = "\0\0\0\0\0\x01\0\x01t\0\0\0\0";
        for (metadata, protocol_type, goes) in [(WANTS_T, "consumer", true), ("unreadable", "consumer", false), (WANTS_T, "connect", false)]
        {
            let mut world = World::new();
            let mut members = [Client { protocols: vec![("range", metadata)], protocol_type: Text::from(protocol_type), ..client(1) }];
            world.form(&mut members);
            world.offset_commit(&members[0], 1, 5);
            world.offset_commit(&members[0], 3, 5);
            world.commit();
            assert_eq!(world.days(), goes.then_some(7));
            for _ in 0..8 * 24 * 60 * 60 / 9 {
                world.pass(9_000);
                world.heartbeat(&members[0]);
            }
            assert_eq!((world.offset(1), world.offset(3)), (Some(5), (!goes).then_some(5)), "{protocol_type} {metadata:?}");
            assert_eq!((world.state(), world.groups.next_expiry_ms()), ("Stable", None));
            // The same after a restart, when nobody has looked yet.
            world.restart();
            world.pass(1);
            assert_eq!(world.offset(1), Some(5));
            assert_eq!(world.groups.next_expiry_ms(), None);
        }
    }

    #[test]
    fn a_group_without_members_and_offsets_goes_unless_someone_is_about_to_join() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        world.leave(&members[0]);
        world.commit();
        world.join(&Client { session_ms: 1_800_000, ..client(2) });
        world.pass(CHECK_INTERVAL_MS as u64 - 1);
        assert!(!world.fx.has_rows());
        world.pass(1);
        assert_eq!(world.state(), "Empty");
        assert_eq!(world.groups.next_expiry_ms(), Some(world.now.wall_ms + CHECK_INTERVAL_MS));
        world.pass(2_000_000);
        world.commit();
        assert!(world.groups.is_empty() && world.image.groups.is_empty());
        assert_eq!(world.groups.bytes, 0);
    }

    #[test]
    fn without_room_on_the_disk_everything_stays_and_is_looked_at_later() {
        let mut world = World::new();
        world.offset_commit(&client(1), 1, 5);
        world.commit();
        world.read_only = true;
        world.pass(7 * DAY_MS);
        assert!(!world.fx.has_rows());
        assert_eq!(world.groups.next_expiry_ms(), Some(world.now.wall_ms + CHECK_INTERVAL_MS));
        world.read_only = false;
        world.pass(CHECK_INTERVAL_MS as u64);
        assert!(world.groups.is_empty());
    }

    #[test]
    fn much_at_once_is_deleted_in_turns_and_a_jump_of_the_wall_clock_only_looks() {
        let mut world = World::new();
        for number in 0..PLAN_OPS_MAX {
            world.offset_commit(&Client { group: Text::from(format!("g{number}")), ..client(1) }, 1, 5);
        }
        world.now.wall_ms -= DAY_MS as i64;
        world.pass(7 * DAY_MS);
        assert_eq!(world.groups.len(), PLAN_OPS_MAX, "by the wall it is too early");
        world.pass(DAY_MS);
        assert_eq!(world.groups.len(), PLAN_OPS_MAX / 2);
        world.pass(1);
        assert!(world.groups.is_empty());
    }

    #[test]
    fn offsets_of_a_deleted_topic_go_with_it() {
        let mut world = World::new();
        world.offset_commit(&client(1), 1, 5);
        world.offset_commit(&client(1), 3, 5);
        world.commit();
        let (groups, mut turn) = world.turn();
        groups.forget_partitions(&[PartId(1), PartId(2)], &mut turn);
        assert_eq!((world.offset(1), world.offset(3)), (None, Some(5)));
        assert_eq!(world.groups.get("g").unwrap().offset(PartId(1)).1, world.fx.plan(), "who misses it waits for that");
        let (groups, mut turn) = world.turn();
        groups.forget_partitions(&[PartId(3)], &mut turn);
        assert!(world.groups.is_empty());
        assert_eq!((world.groups.removed_in(), world.groups.bytes), (world.fx.plan(), 0));
    }
}
