//! The one memory budget: frames, plans, the tail cache, cold reads and unsent answers are charged here as their bytes
//! arrive. A charge travels inside the buffer it pays for (`Bytes::from_owner`) and is given back when the last slice goes.

use super::limits::{SMALL_FRAME_BYTES, TINY_FRAME_BYTES};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Shared by all threads; cloning counts a reference.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    limit_bytes: usize,
    /// Of the part that is for all.
    used_bytes: AtomicUsize,
    /// Of the reserve for small frames, which is touched when the other part is used up. Nothing that passes the bound counts here.
    reserve_used_bytes: AtomicUsize,
    /// Charges that have passed the bound for want of another way on.
    beyond: AtomicUsize,
    /// How often somebody found too little.
    refusals: AtomicUsize,
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: usize,
    /// How many of the bytes are from the reserve.
    reserve_bytes: usize,
    /// Whether it is counted among those that have passed the bound.
    is_beyond: bool,
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
        let zero = || AtomicUsize::new(0);
        Budget(Arc::new(Inner { limit_bytes, used_bytes: zero(), reserve_used_bytes: zero(), beyond: zero(), refusals: zero() }))
    }

    /// The whole budget in bytes.
    pub fn limit_bytes(&self) -> usize {
        self.0.limit_bytes
    }

    /// What is charged now, in bytes.
    pub fn used_bytes(&self) -> usize {
        self.0.used_bytes.load(Relaxed) + self.0.reserve_used_bytes.load(Relaxed)
    }

    /// What is left to anyone but small frames, in bytes.
    pub fn left_bytes(&self) -> usize {
        self.shared_bytes().saturating_sub(self.0.used_bytes.load(Relaxed))
    }

    /// Three quarters: the last quarter is for frames up to [`SMALL_FRAME_BYTES`], so that heartbeats pass at the bound.
    pub fn shared_bytes(&self) -> usize {
        self.0.limit_bytes / 4 * 3
    }

    /// How often somebody found too little until now: who holds memory without need gives it up where this has grown.
    pub fn refusals(&self) -> usize {
        self.0.refusals.load(Relaxed)
    }

    /// Takes `bytes`, or nothing when that would pass the bound for a buffer of this size.
    pub fn try_charge(&self, bytes: usize) -> Option<Charge> {
        self.try_charge_part(bytes, bytes)
    }

    /// Takes `bytes` for a part of something that is `whole_bytes` large: what is large, or may lead to it, leaves the reserve alone.
    pub fn try_charge_part(&self, bytes: usize, whole_bytes: usize) -> Option<Charge> {
        let mut charge = self.nothing();
        charge.try_grow(bytes, whole_bytes).then_some(charge)
    }

    /// Takes `bytes` whatever the bound says: for what is there already, and for the one batch that a fetch answer must hold.
    pub fn charge(&self, bytes: usize) -> Charge {
        let mut charge = self.nothing();
        charge.resize(bytes);
        charge
    }

    /// The same, or beyond the bound if nobody is there: were all memory held by what waits for more, nothing would move.
    pub fn charge_or_pass(&self, bytes: usize, whole_bytes: usize) -> Option<Charge> {
        if let Some(charge) = self.try_charge_part(bytes, whole_bytes) {
            return Some(charge);
        }
        self.0.beyond.compare_exchange(0, 1, Relaxed, Relaxed).ok()?;
        let mut charge = self.charge(bytes);
        charge.is_beyond = true;
        Some(charge)
    }

    /// Whether [`Budget::charge_or_pass`] would take `bytes`. A no counts as a refusal.
    pub fn admits(&self, bytes: usize) -> bool {
        let admits = self.left_bytes() >= bytes || self.0.beyond.load(Relaxed) == 0;
        if !admits {
            self.0.refusals.fetch_add(1, Relaxed);
        }
        admits
    }

    /// Takes `bytes` for an answer, whose size is known when it is there. Where that passes the bound, nobody else goes beyond it
    /// before the answer has left.
    pub fn charge_answer(&self, bytes: usize) -> Charge {
        let mut charge = self.charge(bytes);
        if self.left_bytes() == 0 {
            self.0.beyond.fetch_add(1, Relaxed);
            charge.is_beyond = true;
        }
        charge
    }

    fn nothing(&self) -> Charge {
        Charge { budget: self.clone(), bytes: 0, reserve_bytes: 0, is_beyond: false }
    }
}

impl Charge {
    /// How many bytes this charge holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it has passed the bound, and others may not before it is gone.
    pub fn is_beyond(&self) -> bool {
        self.is_beyond
    }

    /// Takes `more` bytes for the same buffer, which will be `whole_bytes` large in the end; false when that would pass the bound
    /// for a buffer of that size.
    pub fn try_grow(&mut self, more: usize, whole_bytes: usize) -> bool {
        let Inner { limit_bytes, used_bytes, reserve_used_bytes, refusals, .. } = &*self.budget.0;
        let shared_bytes = self.budget.shared_bytes();
        let taken = if take(used_bytes, more, shared_bytes) {
            true
        } else if whole_bytes <= SMALL_FRAME_BYTES && take(reserve_used_bytes, more, reserve_bound(limit_bytes - shared_bytes, whole_bytes))
        {
            self.reserve_bytes += more;
            true
        } else {
            refusals.fetch_add(1, Relaxed);
            false
        };
        if taken {
            self.bytes += more;
        }
        taken
    }

    /// Takes more whatever the bound says, or gives some back, so that it holds `bytes`.
    pub fn resize(&mut self, bytes: usize) {
        match bytes.checked_sub(self.bytes) {
            Some(more) => {
                self.budget.0.used_bytes.fetch_add(more, Relaxed);
                self.bytes = bytes;
            }
            None => self.give_back(self.bytes - bytes),
        }
    }

    /// Gives a part back.
    pub fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        let reserve_bytes = bytes.min(self.reserve_bytes);
        self.bytes -= bytes;
        self.reserve_bytes -= reserve_bytes;
        if reserve_bytes > 0 {
            self.budget.0.reserve_used_bytes.fetch_sub(reserve_bytes, Relaxed);
        }
        self.budget.0.used_bytes.fetch_sub(bytes - reserve_bytes, Relaxed);
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
        self.give_back(self.bytes);
        if self.is_beyond {
            self.budget.0.beyond.fetch_sub(1, Relaxed);
        }
    }
}

/// Half of the reserve is for frames up to [`TINY_FRAME_BYTES`] alone: a heartbeat passes where requests with lists have taken the rest.
fn reserve_bound(reserve_bytes: usize, whole_bytes: usize) -> usize {
    if whole_bytes <= TINY_FRAME_BYTES { reserve_bytes } else { reserve_bytes / 2 }
}

/// Adds `bytes` to what is used, unless that would pass the bound.
fn take(used_bytes: &AtomicUsize, bytes: usize, bound_bytes: usize) -> bool {
    let taken = used_bytes.fetch_update(Relaxed, Relaxed, |used| {
        let sum = used.checked_add(bytes)?;
        (sum <= bound_bytes).then_some(sum)
    });
    taken.is_ok()
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

    #[test]
    fn what_passes_the_bound_leaves_the_reserve_alone() {
        let budget = Budget::new(400_000);
        let answer = budget.charge(1_000_000);
        let small: Vec<Charge> = std::iter::from_fn(|| budget.try_charge(10_000)).collect();
        assert_eq!((small.len(), budget.used_bytes()), (5, 1_050_000));
        let tiny: Vec<Charge> = std::iter::from_fn(|| budget.try_charge(500)).collect();
        assert_eq!((tiny.len(), budget.used_bytes()), (100, 1_100_000));
        assert!(budget.try_charge_part(1, usize::MAX).is_none());
        drop(answer);
        assert_eq!(budget.left_bytes(), 300_000);
        drop((small, tiny));
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn one_at_a_time_passes_the_bound_where_nothing_else_would_move() {
        let budget = Budget::new(400_000);
        let _most = budget.charge(290_000);
        assert!(budget.admits(20_000) && budget.refusals() == 0);
        let first = budget.charge_or_pass(20_000, 20_000).unwrap();
        assert!(first.is_beyond() && !budget.admits(1) && budget.charge_or_pass(20_000, 20_000).is_none());
        // Its answer takes over from it.
        let mut answer = budget.charge_answer(50_000);
        drop(first);
        assert!(budget.charge_or_pass(20_000, 20_000).is_none());
        answer.resize(9_000);
        assert!(answer.is_beyond() && budget.charge_or_pass(20_000, 20_000).is_none(), "not before it has left");
        assert!(budget.refusals() >= 3);
        drop(answer);
        assert!(budget.charge_or_pass(20_000, 20_000).is_some());
        assert_eq!(budget.used_bytes(), 290_000);
    }
}
