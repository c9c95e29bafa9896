//! OffsetForLeaderEpoch (key 23): where a leader epoch ends, to detect truncation (KIP-320).
//! Versions: 2 adds the current leader epoch; 3 the replica id; 4 is flexible.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks where leader epochs end.
    pub struct OffsetForLeaderEpochRequest {
        /// The broker id of a follower; -1 for consumers, -2 for debugging.
        replica_id: i32 => 3.., default -2;
        /// One entry for each topic.
        topics: Vec<OffsetForLeaderTopic> => 0..;
    }

    /// What is asked of one topic.
    pub struct OffsetForLeaderTopic {
        /// The name of the topic.
        topic: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<OffsetForLeaderPartition> => 0..;
    }

    /// What is asked of one partition.
    pub struct OffsetForLeaderPartition {
        /// The number of the partition.
        partition: i32 => 0..;
        /// The leader epoch the client believes in, -1 when it does not know one.
        current_leader_epoch: i32 => 2.., default -1;
        /// The leader epoch whose end is asked for.
        leader_epoch: i32 => 0..;
    }

    /// Where leader epochs end.
    pub struct OffsetForLeaderEpochResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 2..;
        /// One entry for each topic.
        topics: Vec<OffsetForLeaderTopicResult> => 0..;
    }

    /// The answers for one topic.
    pub struct OffsetForLeaderTopicResult {
        /// The name of the topic.
        topic: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<EpochEndOffset> => 0..;
    }

    /// The answer for one partition.
    pub struct EpochEndOffset {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The number of the partition.
        partition: i32 => 0..;
        /// The greatest leader epoch up to the one asked for, -1 when there is none.
        leader_epoch: i32 => 1.., default -1;
        /// Where that epoch ends, -1 when not known.
        end_offset: i64 => 0.., default -1;
    }
}
