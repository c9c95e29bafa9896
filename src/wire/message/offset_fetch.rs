//! OffsetFetch (key 9): read the offsets kept for groups.
//! Versions: 1 reads from the broker; 2 allows null for "all topics" and adds an error of the group; 3 the throttle time; 5 the
//! leader epoch; 6 is flexible; 7 adds `require_stable`; 8 asks for several groups at once (KIP-709); 9 adds KIP-848 members; 10
//! names topics by id.

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for the offsets kept for groups.
    pub struct OffsetFetchRequest {
        /// Up to version 7: the group.
        group_id: Text => 0..=7;
        /// Up to version 7: the partitions asked for; null means all.
        topics: Option<Vec<OffsetFetchRequestTopic>> => 0..=7, nullable 2..=7, default Some(Vec::new());
        /// From version 8: the groups and what is asked of each.
        groups: Vec<OffsetFetchRequestGroup> => 8..;
        /// Whether offsets in undecided transactions shall be answered with an error.
        require_stable: bool => 7..;
    }

    /// Up to version 7: what is asked of one topic.
    pub struct OffsetFetchRequestTopic {
        /// The name of the topic.
        name: Text => 0..=7;
        /// The numbers of the partitions.
        partition_indexes: Vec<i32> => 0..=7;
    }

    /// What is asked of one group.
    pub struct OffsetFetchRequestGroup {
        /// The name of the group.
        group_id: Text => 8..;
        /// The id the coordinator gave the member.
        member_id: Option<Text> => 9..;
        /// The epoch of the member (KIP-848), -1 when there is none.
        member_epoch: i32 => 9.., default -1;
        /// The partitions asked for; null means all.
        topics: Option<Vec<OffsetFetchRequestTopics>> => 8.., default Some(Vec::new());
    }

    /// From version 8: what is asked of one topic.
    pub struct OffsetFetchRequestTopics {
        /// The name of the topic.
        name: Text => 8..=9;
        /// The id of the topic.
        topic_id: Uuid => 10..;
        /// The numbers of the partitions.
        partition_indexes: Vec<i32> => 8..;
    }

    /// The offsets kept.
    pub struct OffsetFetchResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 3..;
        /// Up to version 7: the offsets.
        topics: Vec<OffsetFetchResponseTopic> => 0..=7;
        /// Up to version 7: what went wrong with the group, or `NONE`.
        error_code: ErrorCode => 2..=7;
        /// From version 8: one answer for each group.
        groups: Vec<OffsetFetchResponseGroup> => 8..;
    }

    /// Up to version 7: the offsets of one topic.
    pub struct OffsetFetchResponseTopic {
        /// The name of the topic.
        name: Text => 0..=7;
        /// One entry for each partition.
        partitions: Vec<OffsetFetchResponsePartition> => 0..=7;
    }

    /// Up to version 7: the offset of one partition.
    pub struct OffsetFetchResponsePartition {
        /// The number of the partition.
        partition_index: i32 => 0..=7;
        /// The offset of the next record to consume.
        committed_offset: i64 => 0..=7;
        /// The leader epoch of the last record consumed, -1 when not known.
        committed_leader_epoch: i32 => 5..=7, default -1;
        /// The note of the client that committed.
        metadata: Option<Text> => 0..=7, default Some(Text::default());
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..=7;
    }

    /// The offsets of one group.
    pub struct OffsetFetchResponseGroup {
        /// The name of the group.
        group_id: Text => 8..;
        /// One entry for each topic.
        topics: Vec<OffsetFetchResponseTopics> => 8..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 8..;
    }

    /// From version 8: the offsets of one topic.
    pub struct OffsetFetchResponseTopics {
        /// The name of the topic.
        name: Text => 8..=9;
        /// The id of the topic.
        topic_id: Uuid => 10..;
        /// One entry for each partition.
        partitions: Vec<OffsetFetchResponsePartitions> => 8..;
    }

    /// From version 8: the offset of one partition.
    pub struct OffsetFetchResponsePartitions {
        /// The number of the partition.
        partition_index: i32 => 8..;
        /// The offset of the next record to consume.
        committed_offset: i64 => 8..;
        /// The leader epoch of the last record consumed, -1 when not known.
        committed_leader_epoch: i32 => 8.., default -1;
        /// The note of the client that committed.
        metadata: Option<Text> => 8.., default Some(Text::default());
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 8..;
    }
}
