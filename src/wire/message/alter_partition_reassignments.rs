//! AlterPartitionReassignments (key 45): move replicas between brokers (KIP-455).
//! Versions: 1 adds whether the number of replicas may change (KIP-860).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Where replicas shall be.
    pub struct AlterPartitionReassignmentsRequest {
        /// How long the broker may take.
        timeout_ms: i32 => 0.., default 60_000;
        /// Whether the number of replicas may change.
        allow_replication_factor_change: bool => 1.., default true;
        /// One entry for each topic.
        topics: Vec<ReassignableTopic> => 0..;
    }

    /// A topic whose replicas move.
    pub struct ReassignableTopic {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<ReassignablePartition> => 0..;
    }

    /// A partition whose replicas move.
    pub struct ReassignablePartition {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// The brokers that shall hold it; null to give up a move.
        replicas: Option<Vec<i32>> => 0..;
    }

    /// Which moves have begun.
    pub struct AlterPartitionReassignmentsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// Whether the number of replicas may change.
        allow_replication_factor_change: bool => 1.., default true;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// One entry for each of what was asked for.
        responses: Vec<ReassignableTopicResponse> => 0..;
    }

    /// The answer for one topic.
    pub struct ReassignableTopicResponse {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<ReassignablePartitionResponse> => 0..;
    }

    /// The answer for one partition.
    pub struct ReassignablePartitionResponse {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
    }
}
