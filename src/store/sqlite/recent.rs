//! The batches that are committed but not folded into the index yet. The writer publishes after each commit and clears after
//! each fold; readers look here for what the index does not have. Also the source of the fold.

use crate::base::ids::PartId;
use crate::store::plan::BatchRow;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A batch row without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) part: PartId,
    pub(super) base: i64,
    pub(super) last: i64,
    pub(super) max_ts: i64,
    pub(super) pid: i64,
    pub(super) seq: i32,
    pub(super) size: u32,
    pub(super) epoch: i16,
}

impl Entry {
    /// Of a row that is stored under this id.
    pub(super) fn new(id: i64, row: &BatchRow) -> Entry {
        let BatchRow { part, base, last, max_ts, pid, epoch, seq, .. } = *row;
        Entry { id, part, base, last, max_ts, pid, seq, size: row.data.len() as u32, epoch }
    }

    /// The row without its bytes, for the fold of producers.
    pub(super) fn to_row(self) -> BatchRow {
        let Entry { part, base, last, max_ts, pid, epoch, seq, .. } = self;
        BatchRow { part, base, last, max_ts, flags: 0, pid, epoch, seq, data: Bytes::new() }
    }
}

/// The entries of each commit since the last fold, oldest first; within a commit sorted by partition.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Vec<Arc<[Entry]>>>);

impl Recent {
    /// Adds a commit's entries, sorted by partition, each partition in order of offsets.
    pub(super) fn publish(&self, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.lock().push(entries.into());
        }
    }

    /// Forgets all: they are in the index now.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// All entries, by commit.
    pub(super) fn commits(&self) -> Vec<Arc<[Entry]>> {
        self.lock().clone()
    }

    /// The entries of one partition that hold offsets `from..until`, in order, up to this many bytes but at least one.
    pub(super) fn of(&self, part: PartId, from: i64, until: i64, max_bytes: usize) -> Vec<Entry> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        for entries in self.commits() {
            let first = entries.partition_point(|entry| (entry.part, entry.last) < (part, from));
            for entry in entries[first..].iter().take_while(|entry| entry.part == part && entry.base < until) {
                bytes += entry.size as usize;
                if !found.is_empty() && bytes > max_bytes {
                    return found;
                }
                found.push(*entry);
            }
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<[Entry]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
