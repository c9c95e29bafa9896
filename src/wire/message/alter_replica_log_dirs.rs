//! AlterReplicaLogDirs (key 34): move replicas between the directories of a broker.
//! Versions: 2 is flexible.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Where replicas shall lie.
    pub struct AlterReplicaLogDirsRequest {
        /// One entry for each directory.
        dirs: Vec<AlterReplicaLogDir> => 0..;
    }

    /// A directory and what shall lie in it.
    pub struct AlterReplicaLogDir {
        /// The path of the directory.
        path: Text => 0..;
        /// The topics whose replicas shall lie there.
        topics: Vec<AlterReplicaLogDirTopic> => 0..;
    }

    /// A topic whose replicas are moved.
    pub struct AlterReplicaLogDirTopic {
        /// The name of the topic.
        name: Text => 0..;
        /// The numbers of the partitions.
        partitions: Vec<i32> => 0..;
    }

    /// Which replicas are being moved.
    pub struct AlterReplicaLogDirsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each of what was asked for.
        results: Vec<AlterReplicaLogDirTopicResult> => 0..;
    }

    /// The answer for one topic.
    pub struct AlterReplicaLogDirTopicResult {
        /// The name of the topic.
        topic_name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<AlterReplicaLogDirPartitionResult> => 0..;
    }

    /// The answer for one partition.
    pub struct AlterReplicaLogDirPartitionResult {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
    }
}
