//! ListPartitionReassignments (key 46): which replicas are being moved between brokers (KIP-455).
//! Versions: there is one.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks which replicas are being moved.
    pub struct ListPartitionReassignmentsRequest {
        /// How long the broker may take.
        timeout_ms: i32 => 0.., default 60_000;
        /// The topics; null for all.
        topics: Option<Vec<ListPartitionReassignmentsTopics>> => 0..;
    }

    /// A topic that is asked for.
    pub struct ListPartitionReassignmentsTopics {
        /// The name of the topic.
        name: Text => 0..;
        /// The numbers of the partitions.
        partition_indexes: Vec<i32> => 0..;
    }

    /// The replicas that are being moved.
    pub struct ListPartitionReassignmentsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// One entry for each topic.
        topics: Vec<OngoingTopicReassignment> => 0..;
    }

    /// A topic whose replicas are being moved.
    pub struct OngoingTopicReassignment {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<OngoingPartitionReassignment> => 0..;
    }

    /// A partition whose replicas are being moved.
    pub struct OngoingPartitionReassignment {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// The brokers that hold the partition.
        replicas: Vec<i32> => 0..;
        /// The brokers that are to hold it.
        adding_replicas: Vec<i32> => 0..;
        /// The brokers that are to give it up.
        removing_replicas: Vec<i32> => 0..;
    }
}
