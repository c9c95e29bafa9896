//! The store without a disk: for tests, for simulation and for `-storage sqlite:memory`. Made by `server`, `tests/` and the
//! simulator; the conformance list of `sqlite` holds both engines to the same behaviour.

use super::plan::{BatchRow, Counter, GroupRow, Image, OffsetRow, Op, PartitionRow, Plan, ProducerRow, TopicRow};
use super::seam::{Kept, Reader, StoreError, TimestampTarget, Upkeep, Volume, Writer};
use crate::base::ids::{PartId, Uuid};
use crate::base::limits::READ_SLICE_BYTES;
use crate::base::text::Text;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A handle on one in-memory store. Clones share it; one of them is the writer, any number are readers.
#[derive(Clone, Debug)]
pub struct MemoryStore(Arc<RwLock<Content>>);

impl MemoryStore {
    /// A new, empty store of this cluster.
    pub fn new(cluster_id: Uuid) -> MemoryStore {
        MemoryStore(Arc::new(RwLock::new(Content { cluster_id, ..Content::default() })))
    }

    /// An independent copy of everything committed so far: what a disk would hold if the process died now.
    pub fn fork(&self) -> MemoryStore {
        MemoryStore(Arc::new(RwLock::new(self.content().clone())))
    }

    fn content(&self) -> RwLockReadGuard<'_, Content> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn content_mut(&self) -> RwLockWriteGuard<'_, Content> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer for MemoryStore {
    fn commit(&mut self, plan: &Plan, _mono_ms: u64) -> Result<(), StoreError> {
        let mut content = self.content_mut();
        plan.ops.iter().for_each(|op| content.carry_out(op));
        plan.batches.iter().for_each(|row| content.append(row));
        Ok(())
    }

    fn load(&mut self) -> Result<Image, StoreError> {
        Ok(self.content().image())
    }

    fn upkeep(&mut self, _mono_ms: u64) -> Result<Upkeep, StoreError> {
        Ok(Upkeep::Idle)
    }

    fn is_short(&self) -> bool {
        false
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Reader for MemoryStore {
    fn read(&mut self, part: PartId, from: i64, until: i64, max_bytes: usize) -> Result<Vec<BatchRow>, StoreError> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for stored in self.content().range(part, from, until) {
            bytes += stored.row.data.len();
            if !rows.is_empty() && bytes > max_bytes.min(READ_SLICE_BYTES) {
                break;
            }
            rows.push(stored.row.clone());
        }
        Ok(rows)
    }

    fn find_timestamp(&mut self, part: PartId, from: i64, until: i64, target: TimestampTarget) -> Result<Option<BatchRow>, StoreError> {
        let content = self.content();
        let wanted = match target {
            TimestampTarget::AtLeast(timestamp) => Some(timestamp),
            TimestampTarget::Greatest => content.range(part, from, until).map(|stored| stored.row.max_ts).max(),
        };
        let first = wanted.and_then(|wanted| content.range(part, from, until).find(|stored| stored.row.max_ts >= wanted));
        Ok(first.map(|stored| stored.row.clone()))
    }

    fn retained_from(&mut self, part: PartId, from: i64, until: i64, cutoff_ms: i64, keep_bytes: i64) -> Result<Option<Kept>, StoreError> {
        let content = self.content();
        let mut bytes: i64 = content.range(part, from, until).map(|stored| stored.row.data.len() as i64).sum();
        for stored in content.range(part, from, until) {
            let behind = bytes - stored.row.data.len() as i64;
            if stored.run_ts >= cutoff_ms && behind < keep_bytes {
                return Ok(Some(Kept { base: stored.row.base, run_ts: stored.run_ts, bytes }));
            }
            bytes = behind;
        }
        Ok(None)
    }

    fn volume(&self) -> Option<Volume> {
        None
    }
}

#[derive(Clone, Debug, Default)]
struct Content {
    cluster_id: Uuid,
    topics: BTreeMap<Uuid, TopicRow>,
    partitions: BTreeMap<PartId, Partition>,
    groups: BTreeMap<Text, GroupRow>,
    offsets: BTreeMap<(Text, PartId), OffsetRow>,
    next_part: i64,
    next_producer_id: i64,
}

#[derive(Clone, Debug)]
struct Partition {
    row: PartitionRow,
    batches: BTreeMap<i64, Stored>,
    producers: BTreeMap<i64, ProducerRow>,
}

#[derive(Clone, Debug)]
struct Stored {
    row: BatchRow,
    // The greatest timestamp of the partition up to here, batches deleted since then included.
    run_ts: i64,
}

impl Content {
    /// The batches that hold offsets `from..until`, in order.
    fn range(&self, part: PartId, from: i64, until: i64) -> impl Iterator<Item = &Stored> {
        self.partitions.get(&part).into_iter().flat_map(move |partition| {
            let from = from.max(partition.row.log_start);
            let holder = partition.batches.range(..=from).next_back().map_or(from, |(base, _)| *base);
            let end = if from < until { until } else { holder };
            partition.batches.range(holder..end).map(|(_, stored)| stored).filter(move |stored| stored.row.last >= from)
        })
    }

    fn append(&mut self, row: &BatchRow) {
        // Deleted by this very plan, else the engine would not have taken it.
        let Some(partition) = self.partitions.get_mut(&row.part) else { return };
        let summary = &mut partition.row;
        assert!(row.base >= summary.next_offset && row.last >= row.base, "{row:?} does not follow {summary:?}");
        summary.next_offset = row.last + 1;
        summary.bytes += row.data.len() as i64;
        summary.max_ts = summary.max_ts.max(row.max_ts);
        if row.pid >= 0 {
            partition.producers.entry(row.pid).or_insert_with(|| ProducerRow::new(row.part, row.pid, row.epoch)).apply(row);
        }
        // Copied, as onto a disk: the batch as received holds its frame's share of the memory budget, or the oversize lane.
        let row = BatchRow { data: Bytes::copy_from_slice(&row.data), ..row.clone() };
        partition.batches.insert(row.base, Stored { row, run_ts: summary.max_ts });
    }

    fn carry_out(&mut self, op: &Op) {
        match op {
            Op::PutTopic(row) => match self.topics.get_mut(&row.id) {
                Some(topic) => topic.configs.clone_from(&row.configs),
                None => {
                    assert!(self.topics.values().all(|topic| topic.name != row.name), "two topics named {}", &*row.name);
                    self.topics.insert(row.id, row.clone());
                }
            },
            Op::AddPartition(row) => {
                let partition = Partition { row: row.clone(), batches: BTreeMap::new(), producers: BTreeMap::new() };
                assert!(self.partitions.insert(row.part, partition).is_none(), "{:?} was given twice", row.part);
            }
            Op::DeleteTopic(id) => {
                self.topics.remove(id);
                self.partitions.retain(|_, partition| partition.row.topic != *id);
                self.offsets.retain(|(_, part), _| self.partitions.contains_key(part));
            }
            Op::SetLogStart { part, log_start } => {
                if let Some(partition) = self.partitions.get_mut(part) {
                    partition.row.log_start = *log_start;
                    partition.batches.retain(|_, stored| stored.row.last >= *log_start);
                    partition.row.bytes = partition.batches.values().map(|stored| stored.row.data.len() as i64).sum();
                }
            }
            Op::DeleteProducer { part, pid } => {
                if let Some(partition) = self.partitions.get_mut(part) {
                    partition.producers.remove(pid);
                }
            }
            Op::PutGroup(row) => drop(self.groups.insert(row.id.clone(), row.clone())),
            Op::DeleteGroup(id) => {
                self.groups.remove(id);
                self.offsets.retain(|(group, _), _| group != id);
            }
            Op::PutOffset(row) => drop(self.offsets.insert((row.group.clone(), row.part), row.clone())),
            Op::DeleteOffset { group, part } => drop(self.offsets.remove(&(group.clone(), *part))),
            Op::SetCounter(Counter::Part, value) => self.next_part = *value,
            Op::SetCounter(Counter::ProducerId, value) => self.next_producer_id = *value,
        }
    }

    fn image(&self) -> Image {
        Image {
            cluster_id: self.cluster_id,
            topics: self.topics.values().cloned().collect(),
            partitions: self.partitions.values().map(|partition| partition.row.clone()).collect(),
            producers: self.partitions.values().flat_map(|partition| partition.producers.values().cloned()).collect(),
            groups: self.groups.values().cloned().collect(),
            offsets: self.offsets.values().cloned().collect(),
            next_part: self.next_part,
            next_producer_id: self.next_producer_id,
        }
    }
}
