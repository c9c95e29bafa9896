//! ListOffsets (key 2): find offsets by time, and the two ends of a partition.
//! Versions: 1 answers with one offset; 2 adds the isolation level; 4 the leader epoch; 6 is flexible; 7 to 11 each allow one more
//! special timestamp: -3 (KIP-734), -4 (KIP-405), -5 (KIP-1005), none (KIP-1075, a timeout), -6 (KIP-1023).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for offsets by time.
    pub struct ListOffsetsRequest {
        /// The broker id of a follower, -1 for consumers.
        replica_id: i32 => 0..;
        /// 0: read_uncommitted, 1: read_committed.
        isolation_level: i8 => 2..;
        /// One entry for each topic.
        topics: Vec<ListOffsetsTopic> => 0..;
        /// How long the broker may take.
        timeout_ms: i32 => 10..;
    }

    /// What is asked of one topic.
    pub struct ListOffsetsTopic {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<ListOffsetsPartition> => 0..;
    }

    /// What is asked of one partition.
    pub struct ListOffsetsPartition {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// The leader epoch the client believes in, -1 when it does not know one.
        current_leader_epoch: i32 => 4.., default -1;
        /// The time searched for in milliseconds, or one of the special values: -1 latest, -2 earliest, -3 greatest timestamp,
        /// -4 local earliest, -5 last tiered, -6 earliest to be uploaded.
        timestamp: i64 => 0..;
    }

    /// The offsets found.
    pub struct ListOffsetsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 2..;
        /// One entry for each topic.
        topics: Vec<ListOffsetsTopicResponse> => 0..;
    }

    /// The answers for one topic.
    pub struct ListOffsetsTopicResponse {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<ListOffsetsPartitionResponse> => 0..;
    }

    /// The answer for one partition.
    pub struct ListOffsetsPartitionResponse {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The timestamp at that offset in milliseconds, -1 when there is none.
        timestamp: i64 => 1.., default -1;
        /// The offset found, -1 when there is none.
        offset: i64 => 1.., default -1;
        /// The leader epoch at that offset, -1 when not known.
        leader_epoch: i32 => 4.., default -1;
    }
}
