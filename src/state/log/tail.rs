//! The tail cache: the newest committed batches of all partitions, so that consumers who keep up never touch the store. One
//! FIFO in arrival order under one bound, an index for each partition. Fed by `Log::committed`, read by `fetch`.

use crate::base::ids::PartId;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};

/// What an entry costs beside its bytes: its place in the index and in the FIFO, and the header of the shared buffer.
const ENTRY_BYTES: usize = 96;

/// A committed batch. The first 16 bytes of `data` are stale.
#[derive(Clone, Debug)]
pub struct TailBatch {
    /// Offset of the first record.
    pub base: i64,
    /// Offset of the last record.
    pub last: i64,
    /// The batch.
    pub data: Bytes,
    /// Bytes of all batches that ever were before it in this index; differences of it are sizes of ranges.
    before: u64,
}

/// The newest committed batches of one partition, without a gap up to its high watermark.
#[derive(Debug, Default)]
struct Index {
    batches: VecDeque<TailBatch>,
    end: u64,
}

/// The cache.
#[derive(Debug)]
pub struct Tail {
    bound_bytes: usize,
    used_bytes: usize,
    order: VecDeque<PartId>,
    indexes: HashMap<PartId, Index>,
}

impl Tail {
    /// An empty cache that holds at most `bound_bytes`, charged as they are allocated.
    pub fn new(bound_bytes: usize) -> Tail {
        Tail { bound_bytes, used_bytes: 0, order: VecDeque::new(), indexes: HashMap::new() }
    }

    /// Takes in the next batch of a partition, and lets go of the oldest ones of all for it.
    pub fn push(&mut self, part: PartId, base: i64, last: i64, data: Bytes) {
        let index = self.indexes.entry(part).or_default();
        debug_assert!(index.batches.back().is_none_or(|newest| newest.last + 1 == base), "a gap in the tail");
        self.used_bytes += data.len() + ENTRY_BYTES;
        let before = index.end;
        index.end += data.len() as u64;
        index.batches.push_back(TailBatch { base, last, data, before });
        self.order.push_back(part);
        while self.used_bytes > self.bound_bytes {
            self.evict_oldest();
        }
    }

    // Each partition's batches stand in the FIFO in their own order, so the oldest of all is the oldest of its partition.
    fn evict_oldest(&mut self) {
        let part = self.order.pop_front().expect("what is charged is in the FIFO");
        let index = self.indexes.get_mut(&part).expect("who is in the FIFO has an index");
        let batch = index.batches.pop_front().expect("who is in the FIFO has a batch");
        self.used_bytes -= batch.data.len() + ENTRY_BYTES;
        if index.batches.is_empty() {
            self.indexes.remove(&part);
        }
    }

    /// The batches of a partition from the one that holds `offset` on, up to its high watermark; `None` when that batch is not
    /// here (any more).
    pub fn from(&self, part: PartId, offset: i64) -> Option<Run<'_>> {
        let index = self.indexes.get(&part)?;
        if index.batches.front()?.base > offset {
            return None;
        }
        let first = index.batches.partition_point(|batch| batch.last < offset);
        (first < index.batches.len()).then_some(Run { index, first })
    }

    /// Forgets partitions that are gone.
    pub fn forget(&mut self, parts: &[PartId]) {
        let mut found = false;
        for part in parts {
            if let Some(index) = self.indexes.remove(part) {
                self.used_bytes -= index.batches.iter().map(|batch| batch.data.len() + ENTRY_BYTES).sum::<usize>();
                found = true;
            }
        }
        if found {
            self.order.retain(|part| self.indexes.contains_key(part));
        }
    }

    /// What is charged now, in bytes.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }
}

/// Some newest batches of a partition; at least one.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    index: &'a Index,
    first: usize,
}

impl<'a> Run<'a> {
    /// The batches, in order.
    pub fn batches(self) -> impl Iterator<Item = &'a TailBatch> {
        self.index.batches.range(self.first..)
    }

    /// Bytes of all of them.
    pub fn bytes(self) -> usize {
        (self.index.end - self.index.batches[self.first].before) as usize
    }

    /// Bytes of the first.
    pub fn first_bytes(self) -> usize {
        self.index.batches[self.first].data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(tail: &mut Tail, part: i64, base: i64, last: i64, size: usize) {
        tail.push(PartId(part), base, last, Bytes::from(vec![0; size]));
    }

    fn bases(tail: &Tail, part: i64, offset: i64) -> Option<Vec<i64>> {
        tail.from(PartId(part), offset).map(|run| run.batches().map(|batch| batch.base).collect())
    }

    #[test]
    fn a_range_begins_with_the_batch_that_holds_its_offset() {
        let mut tail = Tail::new(100_000);
        for (base, last) in [(5, 9), (10, 10), (11, 30)] {
            push(&mut tail, 1, base, last, 100);
        }
        assert_eq!(bases(&tail, 1, 4), None, "that is the store's");
        assert_eq!(bases(&tail, 1, 5), Some(vec![5, 10, 11]));
        assert_eq!(bases(&tail, 1, 9), Some(vec![5, 10, 11]));
        assert_eq!(bases(&tail, 1, 10), Some(vec![10, 11]));
        assert_eq!(bases(&tail, 1, 30), Some(vec![11]));
        assert_eq!(bases(&tail, 1, 31), None, "nothing there yet");
        assert_eq!(bases(&tail, 2, 5), None);
        let run = tail.from(PartId(1), 10).unwrap();
        assert_eq!((run.bytes(), run.first_bytes()), (200, 100));
    }

    #[test]
    fn the_oldest_of_all_partitions_goes_first() {
        let mut tail = Tail::new(3 * (1_000 + ENTRY_BYTES));
        push(&mut tail, 1, 0, 0, 1_000);
        push(&mut tail, 2, 0, 0, 1_000);
        push(&mut tail, 1, 1, 1, 1_000);
        push(&mut tail, 3, 0, 0, 1_000);
        assert_eq!(bases(&tail, 1, 0), None);
        assert_eq!(bases(&tail, 1, 1), Some(vec![1]));
        assert_eq!(bases(&tail, 2, 0), Some(vec![0]));
        push(&mut tail, 3, 1, 1, 1_000);
        assert_eq!(bases(&tail, 2, 0), None);
        assert_eq!(tail.from(PartId(3), 0).unwrap().bytes(), 2_000);
        assert_eq!(tail.used_bytes(), 3 * (1_000 + ENTRY_BYTES));
    }

    #[test]
    fn sizes_of_ranges_hold_after_evictions() {
        let mut tail = Tail::new(2 * (1_000 + ENTRY_BYTES));
        for offset in 0..10 {
            push(&mut tail, 1, offset, offset, 1_000 - offset as usize);
        }
        assert_eq!(tail.from(PartId(1), 8).unwrap().bytes(), 992 + 991);
        assert_eq!(tail.from(PartId(1), 9).unwrap().bytes(), 991);
    }

    #[test]
    fn a_batch_beyond_the_bound_leaves_no_gap() {
        let mut tail = Tail::new(1_000);
        push(&mut tail, 1, 0, 0, 100);
        push(&mut tail, 1, 1, 1, 5_000);
        assert_eq!(bases(&tail, 1, 1), None);
        assert_eq!(tail.used_bytes(), 0);
        push(&mut tail, 1, 2, 2, 100);
        assert_eq!(bases(&tail, 1, 1), None);
        assert_eq!(bases(&tail, 1, 2), Some(vec![2]));
    }

    #[test]
    fn forgotten_partitions_give_their_bytes_back() {
        let mut tail = Tail::new(2 * (1_000 + ENTRY_BYTES));
        push(&mut tail, 1, 0, 0, 1_000);
        push(&mut tail, 2, 0, 0, 1_000);
        tail.forget(&[PartId(1), PartId(7)]);
        assert_eq!(tail.used_bytes(), 1_000 + ENTRY_BYTES);
        push(&mut tail, 2, 1, 1, 1_000);
        assert_eq!(bases(&tail, 2, 0), Some(vec![0, 1]));
        push(&mut tail, 2, 2, 2, 1_000);
        assert_eq!(bases(&tail, 2, 1), Some(vec![1, 2]));
    }
}
