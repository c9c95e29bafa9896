//! The seam between the broker and a store: one writer, many readers. Everything above it speaks of plans and offsets only,
//! so that another engine can take SQLite's place without a change above.

use super::plan::{BatchRow, Image, Plan};
use crate::base::ids::PartId;
use std::fmt;

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// No room left. The one soft failure: the transaction is rolled back, earlier ones stand, a later one may succeed.
    Full(String),
    /// Stored bytes that cannot be what was written.
    Corrupt(String),
    /// Anything else. The writer must not be used again.
    Fatal(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Full(what) | StoreError::Corrupt(what) | StoreError::Fatal(what) => f.write_str(what),
        }
    }
}

/// When the writer wants [`Writer::upkeep`] to be called next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// Nothing to do until the next commit.
    Idle,
    /// There is more to do now: call again as soon as no plan waits.
    Again,
    /// Call again at this monotonic time, in ms, if no commit came before.
    At(u64),
}

/// The one writer, owned by the storage thread.
pub trait Writer: Send {
    /// Carries out a plan as one transaction; when it returns Ok, the plan is on disk. On any error nothing of it is visible.
    fn commit(&mut self, plan: &Plan, mono_ms: u64) -> Result<(), StoreError>;

    /// Builds the image of everything committed.
    fn load(&mut self) -> Result<Image, StoreError>;

    /// One bounded slice of housekeeping between commits: folds, deletes, checkpoints. Changes nothing that a plan decided.
    fn upkeep(&mut self, mono_ms: u64) -> Result<Upkeep, StoreError>;

    /// Whether the disk was found full, by a commit, in housekeeping or at the start. No records are taken then, and the
    /// engine is to ask for nothing but what makes room.
    fn is_short(&self) -> bool;

    /// Commits something tiny, to learn whether there is room again; if so the store is not short any more.
    fn probe(&mut self) -> Result<(), StoreError>;

    /// An orderly end: folds, checkpoints, closes. After a fatal error a writer is dropped without this.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// What a timestamp lookup looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampTarget {
    /// The first batch, by offset, that may hold a record with at least this timestamp (ms since 1970).
    AtLeast(i64),
    /// The first batch with the greatest timestamp of the range.
    Greatest,
}

/// What retention leaves of a range of offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Offset of the first record of the first batch to keep.
    pub base: i64,
    /// The greatest timestamp up to and including that batch, ms since 1970.
    pub run_ts: i64,
    /// Bytes of the batches that are kept; -1 when that is not known.
    pub bytes: i64,
}

/// The volume that a store lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Its size in bytes.
    pub total_bytes: u64,
    /// Bytes of it that are free for this process.
    pub usable_bytes: u64,
}

/// A reader of committed batches, owned by one cold thread. It holds no transaction between calls. A batch that begins
/// before `from` and ends at or after it counts as holding `from`. Batches below the log start, and of deleted partitions,
/// may be there for a while.
pub trait Reader: Send {
    /// Reads the batches that hold offsets `from..until`, in order, up to `max_bytes` in all but at least one. Stops early
    /// where a read slice ends: an answer with fewer batches is not the end of the log.
    fn read(&mut self, part: PartId, from: i64, until: i64, max_bytes: usize) -> Result<Vec<BatchRow>, StoreError>;

    /// The batch that a timestamp lookup among offsets `from..until` must look into, if any. Where the log start lies inside
    /// it, the record looked for may turn out to lie before: look again from its `last + 1`.
    fn find_timestamp(&mut self, part: PartId, from: i64, until: i64, target: TimestampTarget) -> Result<Option<BatchRow>, StoreError>;

    /// Where retention ends: the first batch among offsets `from..until` such that it, or one before it, has a timestamp of at
    /// least `cutoff_ms`, and that fewer than `keep_bytes` lie behind it; `None` when there is none.
    fn retained_from(&mut self, part: PartId, from: i64, until: i64, cutoff_ms: i64, keep_bytes: i64) -> Result<Option<Kept>, StoreError>;

    /// The volume that everything lies on; `None` where nothing is on a disk, or the system does not tell.
    fn volume(&self) -> Option<Volume>;
}
