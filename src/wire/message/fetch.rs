//! Fetch (key 1): read record batches.
//! Versions: 4 knows transactions; 5 the log start offset; 7 fetch sessions (KIP-227); 9 leader epochs (KIP-320); 10 allows zstd; 11
//! the rack and the preferred replica (KIP-392); 12 is flexible and detects divergence; 13 names topics by id (KIP-516); 15 moves the
//! replica id into a tagged field (KIP-903); 16 names new leaders (KIP-951); 17 and 18 add fields of followers (KIP-853, KIP-1166).

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::records::Records;
use crate::wire::table::fields;

fields! {
    /// A wish for record batches.
    pub struct FetchRequest {
        /// For followers: the cluster it belongs to.
        cluster_id: Option<Text> => 12.., tag 0;
        /// The broker id of a follower, -1 for consumers.
        replica_id: i32 => 0..=14, default -1;
        /// Who asks, when it is a follower.
        replica_state: ReplicaState => 15.., tag 1;
        /// How long to wait for `min_bytes`.
        max_wait_ms: i32 => 0..;
        /// How many bytes the answer should have before it is worth sending.
        min_bytes: i32 => 0..;
        /// How many bytes the whole answer may have.
        max_bytes: i32 => 3.., default i32::MAX;
        /// 0: read_uncommitted, 1: read_committed.
        isolation_level: i8 => 4..;
        /// The fetch session, 0 for none.
        session_id: i32 => 7..;
        /// The epoch of the fetch session: 0 opens one, -1 closes it or goes without.
        session_epoch: i32 => 7.., default -1;
        /// One entry for each topic.
        topics: Vec<FetchTopic> => 0..;
        /// What the session shall no longer fetch.
        forgotten_topics_data: Vec<ForgottenTopic> => 7..;
        /// The rack of the consumer.
        rack_id: Text => 11..;
    }

    /// The follower that asks (KIP-903).
    pub struct ReplicaState {
        /// The broker id of a follower, -1 for consumers.
        replica_id: i32 => 15.., default -1;
        /// The broker epoch of the follower, -1 when not known.
        replica_epoch: i64 => 15.., default -1;
    }

    /// What to read of one topic.
    pub struct FetchTopic {
        /// The name of the topic.
        topic: Text => 0..=12;
        /// The id of the topic.
        topic_id: Uuid => 13..;
        /// One entry for each partition.
        partitions: Vec<FetchPartition> => 0..;
    }

    /// What to read of one partition.
    pub struct FetchPartition {
        /// The number of the partition.
        partition: i32 => 0..;
        /// The leader epoch the client believes in, -1 when it does not know one.
        current_leader_epoch: i32 => 9.., default -1;
        /// The offset to read from.
        fetch_offset: i64 => 0..;
        /// The leader epoch of the last record fetched, -1 when not known.
        last_fetched_epoch: i32 => 12.., default -1;
        /// For followers: the first offset of the follower's log.
        log_start_offset: i64 => 5.., default -1;
        /// How many bytes of this partition the answer may have.
        partition_max_bytes: i32 => 0..;
        /// For followers: the directory of the follower's log.
        replica_directory_id: Uuid => 17.., tag 0;
        /// For followers: the high watermark it knows; the greatest i64 when it does not say.
        high_watermark: i64 => 18.., tag 1, default i64::MAX;
    }

    /// Partitions the session shall drop.
    pub struct ForgottenTopic {
        /// The name of the topic.
        topic: Text => 7..=12;
        /// The id of the topic.
        topic_id: Uuid => 13..;
        /// One entry for each partition.
        partitions: Vec<i32> => 7..;
    }

    /// The record batches found.
    pub struct FetchResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// What went wrong with the session, or `NONE`.
        error_code: ErrorCode => 7..;
        /// The fetch session, 0 for none.
        session_id: i32 => 7..;
        /// One answer for each topic.
        responses: Vec<FetchableTopicResponse> => 0..;
        /// Where the new leaders that were named can be reached.
        node_endpoints: Vec<NodeEndpoint> => 16.., tag 0;
    }

    /// What was read of one topic.
    pub struct FetchableTopicResponse {
        /// The name of the topic.
        topic: Text => 0..=12;
        /// The id of the topic.
        topic_id: Uuid => 13..;
        /// One entry for each partition.
        partitions: Vec<PartitionData> => 0..;
    }

    /// What was read of one partition.
    pub struct PartitionData {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The high watermark of the partition.
        high_watermark: i64 => 0..;
        /// Below it every transaction is decided.
        last_stable_offset: i64 => 4.., default -1;
        /// The first offset that is still there, -1 when not known.
        log_start_offset: i64 => 5.., default -1;
        /// For followers: where the follower's log leaves the leader's.
        diverging_epoch: EpochEndOffset => 12.., tag 0;
        /// The leader to use from now on, when it is another one.
        current_leader: LeaderIdAndEpoch => 12.., tag 1;
        /// For followers: fetch this snapshot instead.
        snapshot_id: SnapshotId => 12.., tag 2;
        /// For read_committed: transactions that were aborted and reach into this range. Null for read_uncommitted.
        aborted_transactions: Option<Vec<AbortedTransaction>> => 4.., default Some(Vec::new());
        /// A replica that is closer to the consumer, -1 for none.
        preferred_read_replica: i32 => 11.., default -1;
        /// The batches, one after another; never null on the wire, and a null that is read becomes empty.
        records: Records => 0..;
    }

    /// The end of a leader epoch.
    pub struct EpochEndOffset {
        /// The greatest leader epoch both logs share, -1 for none.
        epoch: i32 => 12.., default -1;
        /// Where that epoch ends, -1 for none.
        end_offset: i64 => 12.., default -1;
    }

    /// A leader and its epoch (KIP-951).
    pub struct LeaderIdAndEpoch {
        /// The leader, -1 when not known.
        leader_id: i32 => 12.., default -1;
        /// The epoch of that leader, -1 when not known.
        leader_epoch: i32 => 12.., default -1;
    }

    /// Names a snapshot of the metadata log.
    pub struct SnapshotId {
        /// Where the snapshot ends, -1 for no snapshot.
        end_offset: i64 => 0.., default -1;
        /// The leader epoch of the snapshot, -1 for no snapshot.
        epoch: i32 => 0.., default -1;
    }

    /// An aborted transaction that reaches into the range read.
    pub struct AbortedTransaction {
        /// Whose transaction it was.
        producer_id: i64 => 4..;
        /// The first offset of the aborted transaction.
        first_offset: i64 => 4..;
    }

    /// Where a broker can be reached (KIP-951).
    pub struct NodeEndpoint {
        /// The id of the broker.
        node_id: i32 => 16..;
        /// The host to connect to.
        host: Text => 16..;
        /// The port to connect to.
        port: i32 => 16..;
        /// The rack of the broker.
        rack: Option<Text> => 16..;
    }
}
