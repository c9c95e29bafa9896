//! What a store keeps and what can be done to it: row types, the closed list of write operations, and the image that a
//! store is loaded into. One plan is one transaction. Written by `state`, sealed by `engine`, carried out behind `seam`.

use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::limits::PRODUCER_BATCHES_KEPT;
use crate::base::text::Text;
use bytes::Bytes;
use std::collections::VecDeque;

/// Everything that one transaction does: first its operations, then its batches. A batch of a partition that one of the
/// operations deletes is not stored.
#[derive(Debug, Default)]
pub struct Plan {
    /// Its number; plans are committed in this order.
    pub no: PlanNo,
    /// Operations, in the order in which they were decided.
    pub ops: Vec<Op>,
    /// Batches to append. Offsets are already given; a store may insert them sorted by partition, each partition in this order.
    pub batches: Vec<BatchRow>,
}

impl Plan {
    /// An empty plan with this number.
    pub fn new(no: PlanNo) -> Plan {
        Plan { no, ..Plan::default() }
    }

    /// Whether committing it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.batches.is_empty()
    }

    /// Bytes of its batches.
    pub fn batch_bytes(&self) -> usize {
        self.batches.iter().map(|batch| batch.data.len()).sum()
    }
}

/// One record batch as received. `data` is the whole batch (format v2); its first 16 bytes (base offset, length, leader
/// epoch; outside the CRC) are stale and written fresh by whoever sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRow {
    /// The partition.
    pub part: PartId,
    /// Offset of the first record.
    pub base: i64,
    /// Offset of the last record: `base` + lastOffsetDelta, never derived from a record count.
    pub last: i64,
    /// Greatest record timestamp, ms since 1970.
    pub max_ts: i64,
    /// The batch's attributes (codec, timestamp type, transactional, control).
    pub flags: i16,
    /// Producer id, -1 for none.
    pub pid: i64,
    /// Producer epoch, -1 for none.
    pub epoch: i16,
    /// Sequence of the first record, -1 for none.
    pub seq: i32,
    /// The batch.
    pub data: Bytes,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRow {
    /// Its id, never reused.
    pub id: Uuid,
    /// Its name, unique among topics.
    pub name: Text,
    /// When it was created, ms since 1970.
    pub created_ms: i64,
    /// Config overrides (name, value), sorted by name.
    pub configs: Vec<(Text, Text)>,
}

/// A partition and the summary of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRow {
    /// Its internal number, never reused.
    pub part: PartId,
    /// The topic it belongs to.
    pub topic: Uuid,
    /// Its index in the topic, from 0.
    pub index: i32,
    /// First offset a consumer may read.
    pub log_start: i64,
    /// The next offset to be given (log end offset).
    pub next_offset: i64,
    /// Bytes of its stored batches that are not yet given up to retention.
    pub bytes: i64,
    /// Greatest timestamp ever appended, -1 when nothing was.
    pub max_ts: i64,
    /// Leader epoch: constant until a store is shared by several brokers.
    pub leader_epoch: i32,
}

/// One of the last batches of a producer in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// Sequence of its first record.
    pub first_seq: i32,
    /// Sequence of its last record.
    pub last_seq: i32,
    /// Offset of its first record.
    pub base: i64,
    /// Offset of its last record.
    pub last: i64,
    /// Its greatest timestamp, ms since 1970.
    pub max_ts: i64,
}

/// What a partition remembers of an idempotent producer (`ProducerStateEntry`): folded from the batches themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerRow {
    /// The partition.
    pub part: PartId,
    /// The producer.
    pub pid: i64,
    /// Its epoch.
    pub epoch: i16,
    /// Its last batches of this epoch, oldest first, at most [`PRODUCER_BATCHES_KEPT`].
    pub batches: VecDeque<ProducerBatch>,
}

impl ProducerRow {
    /// Nothing known yet of `pid` in `part`.
    pub fn new(part: PartId, pid: i64, epoch: i16) -> ProducerRow {
        ProducerRow { part, pid, epoch, batches: VecDeque::new() }
    }

    /// Takes in a batch of this producer. The one fold of producer state: `state` uses it when it decides, stores when they load.
    pub fn apply(&mut self, row: &BatchRow) {
        if row.epoch != self.epoch {
            self.epoch = row.epoch;
            self.batches.clear();
        }
        if self.batches.len() == PRODUCER_BATCHES_KEPT {
            self.batches.pop_front();
        }
        self.batches.push_back(ProducerBatch {
            first_seq: row.seq,
            last_seq: sequence_after(row.seq, row.last - row.base),
            base: row.base,
            last: row.last,
            max_ts: row.max_ts,
        });
    }
}

/// The sequence `count` records after `seq`; after 2147483647 comes 0 (`DefaultRecordBatch.incrementSequence`).
pub fn sequence_after(seq: i32, count: i64) -> i32 {
    ((i64::from(seq) + count) & i64::from(i32::MAX)) as i32
}

/// A committed offset of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetRow {
    /// The group.
    pub group: Text,
    /// The partition; its offsets go with it.
    pub part: PartId,
    /// The next offset the group will read.
    pub offset: i64,
    /// Leader epoch the client gave, -1 for none.
    pub leader_epoch: i32,
    /// Free text of the client.
    pub metadata: Text,
    /// When it was committed, ms since 1970.
    pub commit_ms: i64,
    /// When it expires, ms since 1970; -1: by the broker's retention.
    pub expire_ms: i64,
}

/// A classic group: written when the leader syncs and when the group becomes empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// The group id.
    pub id: Text,
    /// "consumer", "connect", ...; "" for a group that only ever committed offsets.
    pub protocol_type: Text,
    /// The generation, never falls.
    pub generation: i32,
    /// The chosen protocol, none when empty.
    pub protocol: Option<Text>,
    /// The leader's member id, none when empty.
    pub leader: Option<Text>,
    /// When it entered its present state, ms since 1970.
    pub state_ms: i64,
    /// The members with their assignments; none when empty.
    pub members: Vec<MemberRow>,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// Member id.
    pub id: Text,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Text>,
    /// Client id.
    pub client_id: Text,
    /// Where it connected from, as Kafka prints it ("/127.0.0.1").
    pub client_host: Text,
    /// Session time-out in ms.
    pub session_timeout_ms: i32,
    /// Rebalance time-out in ms.
    pub rebalance_timeout_ms: i32,
    /// The protocols it offered, in its order of preference: (name, metadata).
    pub protocols: Vec<(Text, Bytes)>,
    /// What the leader gave it.
    pub assignment: Bytes,
}

/// Durable counters. Ids never come back: each counter is written before a number of its block is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// The next [`PartId`].
    Part,
    /// The next producer id that no block has taken.
    ProducerId,
}

/// The closed list of write operations, batches apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Inserts a topic, or replaces the configs of the one with this id.
    PutTopic(TopicRow),
    /// Adds an empty partition to a topic of this or an earlier plan.
    AddPartition(PartitionRow),
    /// Deletes a topic's name, its partitions and their group offsets and producers. The batches are doomed durably and go
    /// later, in slices, as upkeep.
    DeleteTopic(Uuid),
    /// Raises the first readable offset of a partition; batches wholly below it go later, in slices, as upkeep.
    SetLogStart {
        /// The partition.
        part: PartId,
        /// Its new first offset.
        log_start: i64,
    },
    /// Forgets an expired producer of a partition.
    DeleteProducer {
        /// The partition.
        part: PartId,
        /// The producer.
        pid: i64,
    },
    /// Inserts or replaces a group, members included; its offsets stay.
    PutGroup(GroupRow),
    /// Deletes a group and its offsets.
    DeleteGroup(Text),
    /// Inserts or replaces a committed offset.
    PutOffset(OffsetRow),
    /// Deletes a committed offset.
    DeleteOffset {
        /// The group.
        group: Text,
        /// The partition.
        part: PartId,
    },
    /// Sets a durable counter.
    SetCounter(Counter, i64),
}

/// The whole durable state but the batches: what boot and recovery from a soft failure start from. Every list is sorted by
/// its key: topics by id, partitions by number, producers by partition and id, groups by id, offsets by group and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The cluster id, made at birth.
    pub cluster_id: Uuid,
    /// All topics.
    pub topics: Vec<TopicRow>,
    /// All partitions, doomed ones not among them, with every committed batch folded in.
    pub partitions: Vec<PartitionRow>,
    /// All producers, likewise.
    pub producers: Vec<ProducerRow>,
    /// All groups.
    pub groups: Vec<GroupRow>,
    /// All committed offsets.
    pub offsets: Vec<OffsetRow>,
    /// The next [`PartId`].
    pub next_part: i64,
    /// The next producer id.
    pub next_producer_id: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 1, 4), 2);
        assert_eq!(sequence_after(7, 0), 7);
    }
}
