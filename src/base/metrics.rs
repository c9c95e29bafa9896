//! The closed list of counters. Statics, so that any thread can count without being handed anything.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows.
pub struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Counter {
        Counter(AtomicU64::new(0))
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Raises it to `n`, unless it is there already.
    pub fn raise(&self, n: u64) {
        self.0.fetch_max(n, Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Connections accepted.
pub static CONNECTIONS_ACCEPTED: Counter = Counter::new();
/// Connections closed for a fault of the peer: bad frames, unknown keys, undecodable bodies.
pub static CONNECTIONS_FAULTED: Counter = Counter::new();
/// Transactions committed.
pub static COMMITS: Counter = Counter::new();
/// How long transactions that were committed took together, microseconds.
pub static COMMIT_US: Counter = Counter::new();
/// How long the longest of them took, microseconds.
pub static COMMIT_MAX_US: Counter = Counter::new();
/// Transactions refused by the store.
pub static COMMITS_FAILED: Counter = Counter::new();
/// Batches appended.
pub static BATCHES_APPENDED: Counter = Counter::new();
/// Fetch ranges answered from the tail cache.
pub static FETCH_RANGES_TAIL: Counter = Counter::new();
/// Fetch ranges answered from the store.
pub static FETCH_RANGES_COLD: Counter = Counter::new();
