//! The HTTP side's share of the memory budget: a quarter of it, or what two bodies take, so that nothing that happens on the HTTP port can take the memory
//! that Kafka's port needs. Bodies, answers and pages of messages are charged to the share and to the whole.

use crate::base::budget::{Budget, Charge};
use crate::base::limits::HTTP_BODY_BYTES_MAX;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer waits for memory, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(5);

/// Shared by the guard and the threads behind it.
#[derive(Clone)]
pub struct Share {
    own: Budget,
    whole: Budget,
    freed: Arc<(Mutex<()>, Condvar)>,
}

/// Bytes taken from the share; dropping it gives them back.
#[derive(Debug)]
pub struct Held {
    own: Charge,
    whole: Charge,
    freed: Arc<(Mutex<()>, Condvar)>,
}

impl Share {
    /// The share of this budget.
    pub fn of(whole: Budget) -> Share {
        let own_bytes = (whole.limit_bytes() / 4).max(2 * HTTP_BODY_BYTES_MAX);
        Share { own: Budget::new(own_bytes), whole, freed: Arc::default() }
    }

    /// The whole share in bytes.
    pub fn limit_bytes(&self) -> usize {
        self.own.limit_bytes()
    }

    /// Takes `bytes`, or nothing when the share or the whole is used up.
    pub fn try_hold(&self, bytes: usize) -> Option<Held> {
        Some(Held { own: self.own.try_charge(bytes)?, whole: self.whole.try_charge(bytes)?, freed: self.freed.clone() })
    }

    /// Takes `bytes`, and waits a while for them: answers that are on their way give theirs back.
    pub fn wait_hold(&self, bytes: usize) -> Option<Held> {
        self.wait(|| self.try_hold(bytes))
    }

    /// Takes `bytes` more for something that is large, and waits a while for them; false when there are none.
    pub fn wait_grow(&self, held: &mut Option<Held>, bytes: usize) -> bool {
        let grown = self.wait(|| match held {
            Some(held) => held.try_grow(bytes, usize::MAX).then_some(()),
            None => self.try_hold(bytes).map(|new| *held = Some(new)),
        });
        grown.is_some()
    }

    fn wait<T>(&self, mut take: impl FnMut() -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match take() {
                None if Instant::now() < deadline => {
                    let (lock, freed) = &*self.freed;
                    let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
                    // The rest of the broker gives memory back without a word.
                    drop(freed.wait_timeout(guard, RETRY));
                }
                taken => return taken,
            }
        }
    }

    /// Takes `bytes` whatever the bound says: for what is there already, or must be answered.
    pub fn hold(&self, bytes: usize) -> Held {
        Held { own: self.own.charge(bytes), whole: self.whole.charge(bytes), freed: self.freed.clone() }
    }

    /// The whole budget: what goes on to the engine is charged to that alone.
    pub fn whole(&self) -> &Budget {
        &self.whole
    }
}

impl Held {
    /// Takes `more` bytes for a buffer that will be `whole_bytes` large in the end; false when there are none.
    pub fn try_grow(&mut self, more: usize, whole_bytes: usize) -> bool {
        if !self.own.try_grow(more, whole_bytes) {
            return false;
        }
        let grown = self.whole.try_grow(more, whole_bytes);
        if !grown {
            self.own.give_back(more);
        }
        grown
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = self.own.bytes();
        self.own.give_back(bytes);
        self.whole.give_back(bytes);
        self.freed.1.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_ends_before_the_whole_does() {
        let whole = Budget::new(40_000_000);
        let share = Share::of(whole.clone());
        let held = share.try_hold(7_000_000).unwrap();
        assert!(share.try_hold(1_000_000).is_none(), "three quarters of a quarter");
        assert_eq!(whole.used_bytes(), 7_000_000);
        drop(held);
        let _others = whole.charge(29_000_000);
        assert!(share.try_hold(7_000_000).is_none(), "nothing is left of the whole");
        drop(share.hold(7_000_000));
        assert_eq!(whole.used_bytes(), 29_000_000);
    }
}
