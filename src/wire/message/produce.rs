//! Produce (key 0): append record batches.
//! Versions: 3 is the oldest that carries record batches v2 (0 to 2 are advertised for librdkafka's sake, KAFKA-18659, and cannot be
//! read); 4 to 6 add the log start offset; 7 allows zstd; 8 names the records at fault (KIP-467); 9 is flexible; 10 names new leaders
//! (KIP-951); 11 and 12 are about transactions (KIP-890); 13 names topics by id (KIP-516).

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;
use bytes::Bytes;

fields! {
    /// Record batches to append.
    pub struct ProduceRequest {
        /// Set for transactional producers.
        transactional_id: Option<Text> => 3..;
        /// 0: send no answer; 1: the leader; -1: all in-sync replicas.
        acks: i16 => 0..;
        /// How long the broker may take.
        timeout_ms: i32 => 0..;
        /// One entry for each topic.
        topic_data: Vec<TopicProduceData> => 0..;
    }

    /// What goes to one topic.
    pub struct TopicProduceData {
        /// The name of the topic.
        name: Text => 0..=12;
        /// The id of the topic.
        topic_id: Uuid => 13..;
        /// One entry for each partition.
        partition_data: Vec<PartitionProduceData> => 0..;
    }

    /// What goes to one partition.
    pub struct PartitionProduceData {
        /// The number of the partition.
        index: i32 => 0..;
        /// The batches, one after another.
        records: Option<Bytes> => 0..;
    }

    /// Where the batches went.
    pub struct ProduceResponse {
        /// One answer for each topic.
        responses: Vec<TopicProduceResponse> => 0..;
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// Where the new leaders that were named can be reached.
        node_endpoints: Vec<NodeEndpoint> => 10.., tag 0;
    }

    /// The answers for one topic.
    pub struct TopicProduceResponse {
        /// The name of the topic.
        name: Text => 0..=12;
        /// The id of the topic.
        topic_id: Uuid => 13..;
        /// One answer for each partition.
        partition_responses: Vec<PartitionProduceResponse> => 0..;
    }

    /// The answer for one partition.
    pub struct PartitionProduceResponse {
        /// The number of the partition.
        index: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The offset of the first record of the batch.
        base_offset: i64 => 0..;
        /// The time of appending when the topic keeps LogAppendTime, else -1.
        log_append_time_ms: i64 => 2.., default -1;
        /// The first offset that is still there, -1 when not known.
        log_start_offset: i64 => 5.., default -1;
        /// The records that made the batch fail.
        record_errors: Vec<BatchIndexAndErrorMessage> => 8..;
        /// What went wrong, in words.
        error_message: Option<Text> => 8..;
        /// The leader to use from now on, when it is another one.
        current_leader: LeaderIdAndEpoch => 10.., tag 0;
    }

    /// A record that made its batch fail.
    pub struct BatchIndexAndErrorMessage {
        /// Which record of the batch, counted from 0.
        batch_index: i32 => 8..;
        /// What is wrong with the record.
        batch_index_error_message: Option<Text> => 8..;
    }

    /// A leader and its epoch (KIP-951).
    pub struct LeaderIdAndEpoch {
        /// The leader, -1 when not known.
        leader_id: i32 => 10.., default -1;
        /// The epoch of that leader, -1 when not known.
        leader_epoch: i32 => 10.., default -1;
    }

    /// Where a broker can be reached (KIP-951).
    pub struct NodeEndpoint {
        /// The id of the broker.
        node_id: i32 => 10..;
        /// The host to connect to.
        host: Text => 10..;
        /// The port to connect to.
        port: i32 => 10..;
        /// The rack of the broker.
        rack: Option<Text> => 10..;
    }
}
