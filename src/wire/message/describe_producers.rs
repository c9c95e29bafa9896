//! DescribeProducers (key 61): the producers that partitions remember (KIP-664).
//! Versions: there is one.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for producers.
    pub struct DescribeProducersRequest {
        /// One entry for each topic.
        topics: Vec<TopicRequest> => 0..;
    }

    /// A topic that is asked for.
    pub struct TopicRequest {
        /// The name of the topic.
        name: Text => 0..;
        /// The numbers of the partitions.
        partition_indexes: Vec<i32> => 0..;
    }

    /// The producers.
    pub struct DescribeProducersResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each topic.
        topics: Vec<TopicResponse> => 0..;
    }

    /// The producers of one topic.
    pub struct TopicResponse {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<PartitionResponse> => 0..;
    }

    /// The producers of one partition.
    pub struct PartitionResponse {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0..;
        /// Its producers.
        active_producers: Vec<ProducerState> => 0..;
    }

    /// What a partition remembers of a producer.
    pub struct ProducerState {
        /// The id of the producer.
        producer_id: i64 => 0..;
        /// Its epoch.
        producer_epoch: i32 => 0..;
        /// The sequence of its last record.
        last_sequence: i32 => 0.., default -1;
        /// When it last wrote, ms since 1970.
        last_timestamp: i64 => 0.., default -1;
        /// The epoch of its transaction coordinator.
        coordinator_epoch: i32 => 0..;
        /// Where its open transaction begins, -1 for none.
        current_txn_start_offset: i64 => 0.., default -1;
    }
}
