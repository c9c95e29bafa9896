//! CreatePartitions (key 37): give topics more partitions.
//! Versions: 2 is flexible; 3 may answer with a quota error (KIP-599).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Topics that shall have more partitions.
    pub struct CreatePartitionsRequest {
        /// One entry for each topic.
        topics: Vec<CreatePartitionsTopic> => 0..;
        /// How long the broker may take.
        timeout_ms: i32 => 0..;
        /// Check, and change nothing.
        validate_only: bool => 0..;
    }

    /// A topic that shall have more partitions.
    pub struct CreatePartitionsTopic {
        /// The name of the topic.
        name: Text => 0..;
        /// How many partitions it shall have.
        count: i32 => 0..;
        /// The new partitions placed by hand; null to let the broker do it.
        assignments: Option<Vec<CreatePartitionsAssignment>> => 0.., default Some(Vec::new());
    }

    /// A new partition placed by hand.
    pub struct CreatePartitionsAssignment {
        /// The brokers that shall hold the partition.
        broker_ids: Vec<i32> => 0..;
    }

    /// Which topics have more partitions now.
    pub struct CreatePartitionsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each of what was asked for.
        results: Vec<CreatePartitionsTopicResult> => 0..;
    }

    /// The answer for one topic.
    pub struct CreatePartitionsTopicResult {
        /// The name of the topic.
        name: Text => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0..;
    }
}
