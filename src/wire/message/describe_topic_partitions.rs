//! DescribeTopicPartitions (key 75): topics page by page (KIP-966).
//! Versions: 0 is the only one, and flexible.

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks about topics, page by page.
    pub struct DescribeTopicPartitionsRequest {
        /// The topics asked for; empty means all.
        topics: Vec<TopicRequest> => 0..;
        /// How many partitions the answer may have.
        response_partition_limit: i32 => 0.., default 2_000;
        /// Where to go on; null for the beginning.
        cursor: Option<Cursor> => 0..;
    }

    /// A topic asked for.
    pub struct TopicRequest {
        /// The name of the topic.
        name: Text => 0..;
    }

    /// Where a page begins.
    pub struct Cursor {
        /// The name of the topic.
        topic_name: Text => 0..;
        /// The number of the partition.
        partition_index: i32 => 0..;
    }

    /// One page of topics.
    pub struct DescribeTopicPartitionsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each topic.
        topics: Vec<DescribeTopicPartitionsResponseTopic> => 0..;
        /// Where the next request shall go on; null at the end.
        next_cursor: Option<Cursor> => 0..;
    }

    /// A topic.
    pub struct DescribeTopicPartitionsResponseTopic {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The name of the topic.
        name: Option<Text> => 0.., default Some(Text::default());
        /// The id of the topic.
        topic_id: Uuid => 0..;
        /// Whether the topic is the broker's own.
        is_internal: bool => 0..;
        /// One entry for each partition.
        partitions: Vec<DescribeTopicPartitionsResponsePartition> => 0..;
        /// What the caller may do with the topic, as a bit field; the least i32 means "was not asked".
        topic_authorized_operations: i32 => 0.., default i32::MIN;
    }

    /// A partition.
    pub struct DescribeTopicPartitionsResponsePartition {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// The broker that leads the partition, -1 when there is none.
        leader_id: i32 => 0..;
        /// The leader epoch of the partition, -1 when not known.
        leader_epoch: i32 => 0.., default -1;
        /// The brokers that hold the partition.
        replica_nodes: Vec<i32> => 0..;
        /// The replicas that are in sync.
        isr_nodes: Vec<i32> => 0..;
        /// Replicas that may lead although out of sync (KIP-966).
        eligible_leader_replicas: Option<Vec<i32>> => 0..;
        /// The replicas last known to be eligible (KIP-966).
        last_known_elr: Option<Vec<i32>> => 0..;
        /// The replicas that are offline.
        offline_replicas: Vec<i32> => 0..;
    }
}
