//! OffsetDelete (key 47): delete committed offsets of a group (KIP-496).
//! Versions: there is one.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Offsets to delete.
    pub struct OffsetDeleteRequest {
        /// The id of the group.
        group_id: Text => 0..;
        /// One entry for each topic.
        topics: Vec<OffsetDeleteRequestTopic> => 0..;
    }

    /// A topic whose offsets are deleted.
    pub struct OffsetDeleteRequestTopic {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<OffsetDeleteRequestPartition> => 0..;
    }

    /// A partition whose offset is deleted.
    pub struct OffsetDeleteRequestPartition {
        /// The number of the partition.
        partition_index: i32 => 0..;
    }

    /// Which offsets were deleted.
    pub struct OffsetDeleteResponse {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each topic.
        topics: Vec<OffsetDeleteResponseTopic> => 0..;
    }

    /// The answer for one topic.
    pub struct OffsetDeleteResponseTopic {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<OffsetDeleteResponsePartition> => 0..;
    }

    /// The answer for one partition.
    pub struct OffsetDeleteResponsePartition {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
    }
}
