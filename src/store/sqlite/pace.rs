//! How much of the storage thread housekeeping may have: slices that hold up a plan no longer than they should, and rest
//! between them while plans come in. Used by `writer`.

use std::time::{Duration, Instant};

/// Such a part of a slice is work however slow the disk commits: the commit is then what a plan waits for anyway.
const WORK_PART: u32 = 4;
/// Beside plans, a slice is followed by so many times its length without one.
const REST: u32 = 4;

/// What slices have been taking.
#[derive(Debug)]
pub(super) struct Pace {
    slice: Duration,
    commit: Duration,
    rest_until_ms: u64,
    plan_since: bool,
}

impl Pace {
    /// Of slices that take about so long, their commit included.
    pub(super) fn new(slice: Duration) -> Pace {
        Pace { slice, commit: Duration::ZERO, rest_until_ms: 0, plan_since: false }
    }

    /// A plan was committed.
    pub(super) fn note_plan(&mut self) {
        self.plan_since = true;
    }

    /// When the next slice may begin, if not now: nobody rests for his own sake.
    pub(super) fn rest_until(&self, mono_ms: u64) -> Option<u64> {
        (self.plan_since && mono_ms < self.rest_until_ms).then_some(self.rest_until_ms)
    }

    /// When the work of a slice that begins now is to end.
    pub(super) fn end_of_work(&self) -> Instant {
        Instant::now() + self.slice.saturating_sub(self.commit).max(self.slice / WORK_PART)
    }

    /// Learns how long a slice took, and how much of that went by after the end of its work.
    pub(super) fn learn(&mut self, mono_ms: u64, slice: Duration, commit: Duration) {
        self.commit = (self.commit * 3 + commit) / 4;
        self.rest(mono_ms, slice);
    }

    /// Rests after so much time was taken.
    pub(super) fn rest(&mut self, mono_ms: u64, taken: Duration) {
        self.plan_since = false;
        self.rest_until_ms = mono_ms + (taken * (1 + REST)).as_millis() as u64 + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(2);

    fn work(pace: &Pace) -> Duration {
        pace.end_of_work() - Instant::now()
    }

    #[test]
    fn slow_commits_leave_less_time_for_work() {
        let mut pace = Pace::new(SLICE);
        assert!(work(&pace) > SLICE * 9 / 10);
        for _ in 0..20 {
            pace.learn(0, SLICE, SLICE / 2);
        }
        assert!(work(&pace) <= SLICE * 6 / 10);
        for _ in 0..20 {
            pace.learn(0, SLICE, SLICE * 100);
        }
        assert!((SLICE / 8..=SLICE / 4).contains(&work(&pace)));
    }

    #[test]
    fn it_rests_only_beside_plans() {
        let mut pace = Pace::new(SLICE);
        pace.note_plan();
        assert_eq!(pace.rest_until(100), None);
        pace.learn(100, SLICE, SLICE / 4);
        assert_eq!(pace.rest_until(101), None, "nobody else wants the thread");
        pace.note_plan();
        assert_eq!(pace.rest_until(101), Some(111));
        assert_eq!(pace.rest_until(111), None);
    }
}
