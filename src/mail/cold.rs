//! What the engine asks of the cold readers: ranges that are no longer in the tail cache. The engine has fixed watermarks and
//! ranges; the reader fills in bytes and answers the reactor directly. Only retention comes back to the engine.

use super::input::ReplyTo;
use crate::base::budget::Charge;
use crate::base::ids::PartId;
use crate::store::seam::TimestampTarget;
use crate::wire::message::describe_log_dirs::DescribeLogDirsResponse;
use crate::wire::message::fetch::FetchResponse;
use crate::wire::message::list_offsets::ListOffsetsResponse;

/// One job; several readers take from one queue.
#[derive(Debug)]
pub enum ColdJob {
    /// Complete a Fetch.
    Fetch(Box<ColdFetch>),
    /// Complete a ListOffsets.
    Offsets(Box<ColdOffsets>),
    /// Complete a DescribeLogDirs, whose answer lacks the size of the volume; with what pays for it where it is long.
    Volume(ReplyTo, Box<DescribeLogDirsResponse>, Option<Charge>),
    /// Find where retention ends, and how much is left; answered by `Input::Retained`.
    Retention {
        /// The partition.
        part: PartId,
        /// Its log start.
        from: i64,
        /// Its high watermark.
        until: i64,
        /// What is older than this may go, ms since 1970.
        cutoff_ms: i64,
        /// What has at least so many bytes behind it may go.
        keep_bytes: i64,
    },
}

/// A Fetch whose answer lacks the records of some partitions.
#[derive(Debug)]
pub struct ColdFetch {
    /// Where it goes.
    pub to: ReplyTo,
    /// Complete but for `records` of the ranges below.
    pub response: FetchResponse,
    /// What to read, in the order of the request.
    pub ranges: Vec<ColdRange>,
    /// Bytes still allowed over all ranges. A range may pass it (and its own bound) with its first batch only while the whole answer is empty.
    pub max_bytes: usize,
    /// What pays for the lists above and for the answer, where they are long.
    pub charge: Option<Charge>,
}

/// One partition's part of a cold fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColdRange {
    /// Index in `response.responses`.
    pub topic: usize,
    /// Index in that topic's `partitions`.
    pub partition: usize,
    /// The partition.
    pub part: PartId,
    /// First offset wanted.
    pub from: i64,
    /// High watermark (or last stable offset): nothing at or above it may be sent.
    pub until: i64,
    /// Bytes allowed for this partition.
    pub max_bytes: usize,
    /// Leader epoch to write into the batches.
    pub leader_epoch: i32,
}

/// A ListOffsets whose answer lacks the offsets of some timestamps.
#[derive(Debug)]
pub struct ColdOffsets {
    /// Where it goes.
    pub to: ReplyTo,
    /// Complete but for `offset` and `timestamp` (and `leader_epoch`) of the lookups below, which stand at "not found".
    pub response: ListOffsetsResponse,
    /// What to look up.
    pub lookups: Vec<ColdLookup>,
    /// What pays for the lists above and for the answer, where they are long.
    pub charge: Option<Charge>,
}

/// One partition's timestamp lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColdLookup {
    /// Index in `response.topics`.
    pub topic: usize,
    /// Index in that topic's `partitions`.
    pub partition: usize,
    /// The partition.
    pub part: PartId,
    /// Log start.
    pub from: i64,
    /// High watermark (or last stable offset): results at or above it count as not found.
    pub until: i64,
    /// What is looked for.
    pub target: TimestampTarget,
    /// Leader epoch to answer with.
    pub leader_epoch: i32,
}
