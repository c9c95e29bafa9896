//! Offsets and groups that nobody uses any more go after a week (`offsets.retention.minutes`). The engine asks `next_expiry_ms`
//! and calls `expire` then, so that a broker with nothing to expire never wakes for it.

use super::classic::{Group, GroupState};
use super::{Groups, Turn};
use crate::base::ids::PartId;
use crate::base::limits::PLAN_OPS_MAX;
use crate::store::plan::Op;

/// Kafka's default `offsets.retention.minutes`, a week, in ms.
pub(super) const OFFSETS_RETENTION_MS: i64 = 10_080 * 60 * 1_000;
/// Kafka's default `offsets.retention.check.interval.ms`: a group without members and offsets is kept so long, and what
/// cannot go yet is looked at again after it.
pub(super) const CHECK_INTERVAL_MS: i64 = 600_000;

impl Groups {
    /// When something may expire next, ms since 1970 (wall time; a deadline that has passed counts as now).
    pub fn next_expiry_ms(&self) -> Option<i64> {
        self.checks.first().map(|(at_ms, _)| *at_ms)
    }

    /// Deletes what has expired, about one plan's worth at a time: `next_expiry_ms` says when to go on.
    pub fn expire(&mut self, turn: &mut Turn) {
        let mut ops = 0;
        while ops < PLAN_OPS_MAX / 2
            && let Some((at_ms, group_id)) = self.checks.first().cloned()
            && at_ms <= turn.now.wall_ms
        {
            ops += self.with(&group_id, turn, |group, turn| group.expire(turn)).unwrap_or(0);
        }
    }
}

impl Group {
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
            self.has_row = false;
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
