//! OffsetCommit (key 8): keep offsets for a group.
//! Versions: 2 to 4 carry a retention time; 6 adds the leader epoch; 7 static members; 8 is flexible; 9 is for KIP-848 members too
//! (same fields); 10 names topics by id.

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Offsets to keep for a group.
    pub struct OffsetCommitRequest {
        /// The name of the group.
        group_id: Text => 0..;
        /// The generation (classic groups) or member epoch (KIP-848); -1 outside of both.
        generation_id_or_member_epoch: i32 => 1.., default -1;
        /// The id the coordinator gave the member.
        member_id: Text => 1..;
        /// Set for static members (KIP-345).
        group_instance_id: Option<Text> => 7..;
        /// How long to keep the offset, -1 for the setting of the broker.
        retention_time_ms: i64 => 2..=4, default -1;
        /// One entry for each topic.
        topics: Vec<OffsetCommitRequestTopic> => 0..;
    }

    /// The offsets of one topic.
    pub struct OffsetCommitRequestTopic {
        /// The name of the topic.
        name: Text => 0..=9;
        /// The id of the topic.
        topic_id: Uuid => 10..;
        /// One entry for each partition.
        partitions: Vec<OffsetCommitRequestPartition> => 0..;
    }

    /// The offset of one partition.
    pub struct OffsetCommitRequestPartition {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// The offset of the next record to consume.
        committed_offset: i64 => 0..;
        /// The leader epoch of the last record consumed, -1 when not known.
        committed_leader_epoch: i32 => 6.., default -1;
        /// A note of the client, handed back with the offset.
        committed_metadata: Option<Text> => 0.., default Some(Text::default());
    }

    /// Which offsets were kept.
    pub struct OffsetCommitResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 3..;
        /// One entry for each topic.
        topics: Vec<OffsetCommitResponseTopic> => 0..;
    }

    /// The answers for one topic.
    pub struct OffsetCommitResponseTopic {
        /// The name of the topic.
        name: Text => 0..=9;
        /// The id of the topic.
        topic_id: Uuid => 10..;
        /// One entry for each partition.
        partitions: Vec<OffsetCommitResponsePartition> => 0..;
    }

    /// The answer for one partition.
    pub struct OffsetCommitResponsePartition {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
    }
}
