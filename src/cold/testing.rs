//! For the tests of this room: a store in memory with one partition, and a reader that fails.

use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::text::Text;
use crate::store::memory::MemoryStore;
use crate::store::plan::{BatchRow, Op, PartitionRow, Plan, TopicRow};
use crate::store::seam::{Kept, Reader, StoreError, TimestampTarget, Volume, Writer};
use crate::wire::batch_builder::BatchBuilder;
use crate::wire::compress::Codec;

/// The one partition.
pub const PART: PartId = PartId(1);

/// A batch at this offset with records of these timestamps, each with `value_bytes` of value.
pub fn batch(base: i64, timestamps: &[i64], value_bytes: usize) -> BatchRow {
    let mut builder = BatchBuilder::new(Codec::None);
    for timestamp in timestamps {
        builder.push(*timestamp, None, Some(&vec![7; value_bytes]), &[]);
    }
    BatchRow {
        part: PART,
        base,
        last: base + timestamps.len() as i64 - 1,
        max_ts: timestamps.iter().copied().max().unwrap(),
        flags: 0,
        pid: -1,
        epoch: -1,
        seq: -1,
        data: builder.build().unwrap(),
    }
}

/// The batch with a byte of its records turned over.
pub fn damage(row: BatchRow) -> BatchRow {
    let mut bytes = row.data.to_vec();
    *bytes.last_mut().unwrap() ^= 0x80;
    BatchRow { data: bytes.into(), ..row }
}

/// A store that holds these batches.
pub fn store(batches: Vec<BatchRow>) -> MemoryStore {
    let topic = Uuid([1; 16]);
    let partition = PartitionRow { part: PART, topic, index: 0, log_start: 0, next_offset: 0, bytes: 0, max_ts: -1, leader_epoch: 0 };
    let ops =
        vec![Op::PutTopic(TopicRow { id: topic, name: Text::from("t"), created_ms: 0, configs: Vec::new() }), Op::AddPartition(partition)];
    let mut store = MemoryStore::new(Uuid([9; 16]));
    store.commit(&Plan { no: PlanNo(1), ops, batches }, 0).unwrap();
    store
}

/// Fails as it is told, always.
pub struct Broken(pub StoreError);

impl Reader for Broken {
    fn read(&mut self, _: PartId, _: i64, _: i64, _: usize) -> Result<Vec<BatchRow>, StoreError> {
        Err(self.0.clone())
    }

    fn find_timestamp(&mut self, _: PartId, _: i64, _: i64, _: TimestampTarget) -> Result<Option<BatchRow>, StoreError> {
        Err(self.0.clone())
    }

    fn retained_from(&mut self, _: PartId, _: i64, _: i64, _: i64, _: i64) -> Result<Option<Kept>, StoreError> {
        Err(self.0.clone())
    }

    fn volume(&self) -> Option<Volume> {
        Some(Volume { total_bytes: u64::MAX, usable_bytes: 7 })
    }
}
