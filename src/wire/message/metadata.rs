//! Metadata (key 3): brokers, topics, partitions and their leaders.
//! Versions: 0 takes an empty list for "all topics", later ones null; 1 adds racks, the controller, internal topics; 2 the cluster
//! id; 4 the choice of automatic creation; 5 offline replicas; 7 the leader epoch; 8 authorized operations; 9 is flexible; 10 adds
//! topic ids, which may be asked for from 12 on; 11 drops the cluster's operations (KIP-700); 13 adds an error of the whole request.

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for brokers, topics and leaders.
    pub struct MetadataRequest {
        /// The topics asked for; null means all, and so does an empty list in version 0.
        topics: Option<Vec<MetadataRequestTopic>> => 0.., nullable 1.., default Some(Vec::new());
        /// Whether a topic that does not exist may be made.
        allow_auto_topic_creation: bool => 4.., default true;
        /// Whether to fill in what the caller may do with the cluster.
        include_cluster_authorized_operations: bool => 8..=10;
        /// Whether to fill in what the caller may do with each topic.
        include_topic_authorized_operations: bool => 8..;
    }

    /// A topic asked for, by name or id.
    pub struct MetadataRequestTopic {
        /// The id of the topic.
        topic_id: Uuid => 10..;
        /// The name of the topic.
        name: Option<Text> => 0.., nullable 10.., default Some(Text::default());
    }

    /// Brokers, topics and leaders.
    pub struct MetadataResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 3..;
        /// The brokers of the cluster.
        brokers: Vec<MetadataResponseBroker> => 0..;
        /// The id of the cluster.
        cluster_id: Option<Text> => 2..;
        /// The broker that is the controller.
        controller_id: i32 => 1.., default -1;
        /// One answer for each topic.
        topics: Vec<MetadataResponseTopic> => 0..;
        /// What the caller may do with the cluster, as a bit field; the least i32 means "was not asked".
        cluster_authorized_operations: i32 => 8..=10, default i32::MIN;
        /// What went wrong with the whole request, or `NONE`.
        error_code: ErrorCode => 13..;
    }

    /// A broker.
    pub struct MetadataResponseBroker {
        /// The id of the broker.
        node_id: i32 => 0..;
        /// The host to connect to.
        host: Text => 0..;
        /// The port to connect to.
        port: i32 => 0..;
        /// The rack of the broker.
        rack: Option<Text> => 1..;
    }

    /// A topic.
    pub struct MetadataResponseTopic {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The name of the topic.
        name: Option<Text> => 0.., nullable 12.., default Some(Text::default());
        /// The id of the topic.
        topic_id: Uuid => 10..;
        /// Whether the topic is the broker's own.
        is_internal: bool => 1..;
        /// One entry for each partition.
        partitions: Vec<MetadataResponsePartition> => 0..;
        /// What the caller may do with the topic, as a bit field; the least i32 means "was not asked".
        topic_authorized_operations: i32 => 8.., default i32::MIN;
    }

    /// A partition.
    pub struct MetadataResponsePartition {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// The broker that leads the partition, -1 when there is none.
        leader_id: i32 => 0..;
        /// The leader epoch of the partition, -1 when not known.
        leader_epoch: i32 => 7.., default -1;
        /// The brokers that hold the partition.
        replica_nodes: Vec<i32> => 0..;
        /// The replicas that are in sync.
        isr_nodes: Vec<i32> => 0..;
        /// The replicas that are offline.
        offline_replicas: Vec<i32> => 5..;
    }
}
