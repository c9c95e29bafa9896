//! Producers that were answered and send their next request: whoever wants to wait for these, the storage thread between two commits,
//! is woken when so many have come. Counted by `mailbox`.

use super::channel::Bell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// How many Produces have come, and who waits for how many.
#[derive(Debug, Default)]
pub struct Followers {
    /// Since the start; wraps around.
    seen: AtomicUsize,
    awaited: AtomicUsize,
    bell: Bell,
}

impl Followers {
    /// How many Produces have come so far.
    pub fn seen(&self) -> usize {
        self.seen.load(SeqCst)
    }

    /// Sleeps until `count` have come since there were `before`, or that took too long. For one thread, always the same.
    pub fn wait(&self, before: usize, count: usize, timeout: Duration) {
        self.awaited.store(before.wrapping_add(count), SeqCst);
        let until = Instant::now() + timeout;
        while !self.are_there() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.bell.sleep(|| Some(left), || self.are_there());
        }
    }

    /// Counts one.
    pub(super) fn note(&self) {
        self.seen.fetch_add(1, SeqCst);
    }

    /// Wakes who waits, if these are enough for him.
    pub(super) fn ring(&self) {
        if self.are_there() {
            self.bell.ring();
        }
    }

    fn are_there(&self) -> bool {
        self.awaited.load(SeqCst).wrapping_sub(self.seen()) as isize <= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn who_waits_is_woken_by_the_last_that_is_wanted() {
        let followers = Arc::new(Followers::default());
        let others = followers.clone();
        let sender = std::thread::spawn(move || {
            for _ in 0..3_000 {
                others.note();
                others.ring();
            }
        });
        // Without the bell of the third of each this would never end.
        (0..1_000).for_each(|turn| followers.wait(3 * turn, 3, LONG));
        assert_eq!(followers.seen(), 3_000);
        sender.join().unwrap();
    }

    #[test]
    fn nobody_waits_for_those_who_came_or_for_nobody() {
        let followers = Followers::default();
        followers.seen.store(usize::MAX, SeqCst);
        let before = followers.seen();
        followers.wait(before, 0, LONG);
        (0..2).for_each(|_| followers.note());
        followers.wait(before, 2, LONG);
    }

    #[test]
    fn a_wait_has_an_end() {
        let followers = Followers::default();
        followers.note();
        followers.wait(followers.seen(), 1, Duration::from_millis(1));
        assert!(!followers.are_there());
    }
}
