//! DescribeLogDirs (key 35): what lies in the data directories.
//! Versions: 2 is flexible; 3 adds an error of the whole request; 4 the size of the volume (KIP-827); 5 whether new replicas are kept out (KIP-1066).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for the data directories.
    pub struct DescribeLogDirsRequest {
        /// The topics; null for all.
        topics: Option<Vec<DescribableLogDirTopic>> => 0.., default Some(Vec::new());
    }

    /// A topic that is asked for.
    pub struct DescribableLogDirTopic {
        /// The name of the topic.
        topic: Text => 0..;
        /// The numbers of the partitions.
        partitions: Vec<i32> => 0..;
    }

    /// The data directories.
    pub struct DescribeLogDirsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 3..;
        /// One entry for each directory.
        results: Vec<DescribeLogDirsResult> => 0..;
    }

    /// A data directory.
    pub struct DescribeLogDirsResult {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The path of the directory.
        log_dir: Text => 0..;
        /// Its topics.
        topics: Vec<DescribeLogDirsTopic> => 0..;
        /// The size of the volume in bytes, -1 when not known.
        total_bytes: i64 => 4.., default -1;
        /// How much of the volume is free, in bytes, -1 when not known.
        usable_bytes: i64 => 4.., default -1;
        /// Whether no new replicas are placed here.
        is_cordoned: bool => 5..;
    }

    /// A topic with replicas in the directory.
    pub struct DescribeLogDirsTopic {
        /// The name of the topic.
        name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<DescribeLogDirsPartition> => 0..;
    }

    /// A replica in the directory.
    pub struct DescribeLogDirsPartition {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// Its size in bytes.
        partition_size: i64 => 0..;
        /// How many offsets it is behind.
        offset_lag: i64 => 0..;
        /// Whether it is being moved here from another directory.
        is_future_key: bool => 0..;
    }
}
