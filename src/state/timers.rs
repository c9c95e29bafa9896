//! The one timer table: everything that happens because time passed is an entry here, by monotonic time. Nothing sleeps.

use crate::base::text::Text;
use std::collections::{BTreeMap, BTreeSet};

/// What can come due. An entry names what it is about; setting it again moves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A parked fetch must be answered; the number is the log's own.
    Fetch(u64),
    /// The join phase of a group ends.
    Join(Text),
    /// Members of a group that have not synced in time are removed.
    Sync(Text),
    /// The session of a member (group, member id) expires; also a pending member id that never came back.
    Session(Text, Text),
    /// A parked JoinGroup of a new member (group, member id) has waited too long.
    NewMember(Text, Text),
    /// Look over all partitions for what is too old.
    Retention,
    /// Look at the partitions that hold more bytes than they may, or whose records were deleted.
    Excess,
    /// Look over producers, offsets and groups for what has expired.
    Expiry,
    /// Read-only: try whether the disk has room again.
    Probe,
    /// Requests wait for memory.
    Memory,
}

impl Timer {
    /// The group that it is about.
    pub fn group(&self) -> Option<&Text> {
        match self {
            Timer::Join(group) | Timer::Sync(group) | Timer::Session(group, _) | Timer::NewMember(group, _) => Some(group),
            Timer::Fetch(_) | Timer::Retention | Timer::Excess | Timer::Expiry | Timer::Probe | Timer::Memory => None,
        }
    }
}

/// The table.
#[derive(Debug, Default)]
pub struct Timers {
    due: BTreeSet<(u64, Timer)>,
    at_ms: BTreeMap<Timer, u64>,
}

impl Timers {
    /// Sets or moves `timer` to monotonic time `at_ms`.
    pub fn set(&mut self, timer: Timer, at_ms: u64) {
        if let Some(old) = self.at_ms.insert(timer.clone(), at_ms) {
            self.due.remove(&(old, timer.clone()));
        }
        self.due.insert((at_ms, timer));
    }

    /// Sets `timer`, unless it is due earlier already.
    pub fn set_earlier(&mut self, timer: Timer, at_ms: u64) {
        if self.get(&timer).is_none_or(|set_ms| set_ms > at_ms) {
            self.set(timer, at_ms);
        }
    }

    /// Takes `timer` out, if it is set.
    pub fn cancel(&mut self, timer: &Timer) {
        if let Some(old) = self.at_ms.remove(timer) {
            self.due.remove(&(old, timer.clone()));
        }
    }

    /// When `timer` is due, if it is set.
    pub fn get(&self, timer: &Timer) -> Option<u64> {
        self.at_ms.get(timer).copied()
    }

    /// The next deadline, monotonic ms.
    pub fn next_ms(&self) -> Option<u64> {
        self.due.first().map(|(at_ms, _)| *at_ms)
    }

    /// Takes one entry that is due.
    pub fn pop_due(&mut self, mono_ms: u64) -> Option<Timer> {
        if self.next_ms()? > mono_ms {
            return None;
        }
        let (_, timer) = self.due.pop_first()?;
        self.at_ms.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_again_moves_and_cancelling_removes() {
        let mut timers = Timers::default();
        timers.set(Timer::Retention, 10);
        timers.set(Timer::Retention, 30);
        timers.set(Timer::Fetch(1), 20);
        assert_eq!(timers.pop_due(15), None);
        assert_eq!(timers.pop_due(25), Some(Timer::Fetch(1)));
        timers.cancel(&Timer::Retention);
        assert_eq!(timers.next_ms(), None);
    }
}
