//! The one memory budget: frames, plans, the tail cache, cold reads and unsent answers are charged here as their bytes
//! arrive. A charge travels inside the buffer it pays for (`Bytes::from_owner`) and is given back when the last slice goes.

use super::limits::SMALL_FRAME_BYTES;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Shared by all threads; cloning counts a reference.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: usize,
}

/// Equal when they are one and the same.
impl PartialEq for Budget {
    fn eq(&self, other: &Budget) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Budget {}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.used_bytes(), self.limit_bytes())
    }
}

impl Budget {
    /// A budget of `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Budget {
        Budget(Arc::new(Inner { limit_bytes, used_bytes: AtomicUsize::new(0) }))
    }

    /// The whole budget in bytes.
    pub fn limit_bytes(&self) -> usize {
        self.0.limit_bytes
    }

    /// What is charged now, in bytes.
    pub fn used_bytes(&self) -> usize {
        self.0.used_bytes.load(Relaxed)
    }

    /// What is left to anyone but small frames, in bytes.
    pub fn left_bytes(&self) -> usize {
        self.shared_bytes().saturating_sub(self.used_bytes())
    }

    /// Three quarters: the last quarter is for frames up to [`SMALL_FRAME_BYTES`], so that heartbeats pass at the bound.
    pub fn shared_bytes(&self) -> usize {
        self.0.limit_bytes / 4 * 3
    }

    /// Takes `bytes`, or nothing when that would pass the bound for a buffer of this size.
    pub fn try_charge(&self, bytes: usize) -> Option<Charge> {
        self.take(bytes, bytes).then(|| Charge { budget: self.clone(), bytes })
    }

    /// The bound is that for a buffer of `whole_bytes`, of which these are a part.
    fn take(&self, bytes: usize, whole_bytes: usize) -> bool {
        let bound = if whole_bytes <= SMALL_FRAME_BYTES { self.0.limit_bytes } else { self.shared_bytes() };
        let taken = self.0.used_bytes.fetch_update(Relaxed, Relaxed, |used| {
            let sum = used.checked_add(bytes)?;
            (sum <= bound).then_some(sum)
        });
        taken.is_ok()
    }

    /// Takes `bytes` whatever the bound says: for the oversize lane, and for the one batch that a fetch answer must hold.
    pub fn charge(&self, bytes: usize) -> Charge {
        self.0.used_bytes.fetch_add(bytes, Relaxed);
        Charge { budget: self.clone(), bytes }
    }
}

impl Charge {
    /// How many bytes this charge holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes `more` bytes for the same buffer, which will be `whole_bytes` large in the end; false when that would pass the bound
    /// for a buffer of that size.
    pub fn try_grow(&mut self, more: usize, whole_bytes: usize) -> bool {
        let taken = self.budget.take(more, whole_bytes);
        if taken {
            self.bytes += more;
        }
        taken
    }

    /// Gives a part back.
    pub fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.0.used_bytes.fetch_sub(bytes, Relaxed);
    }

    /// Ties the charge to the buffer it pays for.
    pub fn attach(self, buffer: Vec<u8>) -> Bytes {
        struct Charged(Vec<u8>, #[expect(dead_code, reason = "held for its Drop")] Charge);
        impl AsRef<[u8]> for Charged {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Bytes::from_owner(Charged(buffer, self))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.0.used_bytes.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_lives_as_long_as_the_last_slice() {
        let budget = Budget::new(400_000);
        let frame = budget.try_charge(100_000).unwrap().attach(vec![0; 100_000]);
        let slice = frame.slice(10..20);
        drop(frame);
        assert_eq!(budget.used_bytes(), 100_000);
        drop(slice);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn the_last_quarter_is_for_small_frames() {
        let budget = Budget::new(400_000);
        let _most = budget.try_charge(300_000).unwrap();
        assert!(budget.try_charge(SMALL_FRAME_BYTES + 1).is_none());
        assert!(budget.try_charge(SMALL_FRAME_BYTES).is_some());
        let mut part = budget.charge(0);
        assert!(!part.try_grow(10, SMALL_FRAME_BYTES + 1), "a part of a large frame is not small");
        assert!(part.try_grow(10, 20));
        assert_eq!(part.bytes(), 10);
    }
}
