//! ElectLeaders (key 43): have leaders elected.
//! Versions: 1 adds the kind of election (KIP-460); 2 is flexible.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Partitions whose leaders shall be elected.
    pub struct ElectLeadersRequest {
        /// The kind of election (0: preferred, 1: unclean).
        election_type: i8 => 1..;
        /// The partitions; null for all.
        topic_partitions: Option<Vec<TopicPartitions>> => 0.., default Some(Vec::new());
        /// How long the broker may take.
        timeout_ms: i32 => 0.., default 60_000;
    }

    /// A topic whose leaders shall be elected.
    pub struct TopicPartitions {
        /// The name of the topic.
        topic: Text => 0..;
        /// The numbers of the partitions.
        partitions: Vec<i32> => 0..;
    }

    /// Which leaders were elected.
    pub struct ElectLeadersResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 1..;
        /// One entry for each topic.
        replica_election_results: Vec<ReplicaElectionResult> => 0..;
    }

    /// The answer for one topic.
    pub struct ReplicaElectionResult {
        /// The name of the topic.
        topic: Text => 0..;
        /// One entry for each partition.
        partition_result: Vec<PartitionResult> => 0..;
    }

    /// The answer for one partition.
    pub struct PartitionResult {
        /// The number of the partition.
        partition_id: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
    }
}
