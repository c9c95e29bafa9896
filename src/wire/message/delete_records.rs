//! DeleteRecords (key 21): move the first offset of partitions up.
//! Versions: 1 changes nothing here; 2 is flexible.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Where logs shall begin from now on.
    pub struct DeleteRecordsRequest {
        /// One entry for each topic.
        topics: Vec<DeleteRecordsTopic> => 0..;
        /// How long the broker may take.
        timeout_ms: i32 => 0..;
    }

    /// A topic whose records are deleted.
    pub struct DeleteRecordsTopic {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<DeleteRecordsPartition> => 0..;
    }

    /// A partition whose records are deleted.
    pub struct DeleteRecordsPartition {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// The new first offset; -1 for the high watermark.
        offset: i64 => 0..;
    }

    /// Where logs begin now.
    pub struct DeleteRecordsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each topic.
        topics: Vec<DeleteRecordsTopicResult> => 0..;
    }

    /// The answer for one topic.
    pub struct DeleteRecordsTopicResult {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<DeleteRecordsPartitionResult> => 0..;
    }

    /// The answer for one partition.
    pub struct DeleteRecordsPartitionResult {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// The first offset that is left, -1 when not known.
        low_watermark: i64 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
    }
}
