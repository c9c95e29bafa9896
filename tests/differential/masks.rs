//! What may differ from broker to broker, field by field, and how it is checked all the same. The one list of masks, and the one
//! list of answers whose order means nothing.

/// How a masked field is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mask {
    /// An id: the same one of Apache Kafka always stands beside the same one of monolog, among all fields of this kind. Zero, -1, null
    /// and the empty text are compared as they are, and so is what stands around the uuid in a text.
    Id(&'static str),
    /// Milliseconds since 1970: the same on both sides, or both of this hour. What a broker says of one batch more than once must
    /// be one time: `times.rs`.
    Time,
    /// Bytes that are free: none on both sides, or some on both.
    Room,
    /// Where things lie: absolute paths, the same one of Apache Kafka always beside the same one of monolog.
    Place,
}

use Mask::{Id, Place, Room, Time};

/// API, path of the field without the numbers of arrays, mask.
pub const MASKS: &[(&str, &str, Mask)] = &[
    ("CreateTopics", "topics.topic_id", Id("topic")),
    ("DeleteTopics", "responses.topic_id", Id("topic")),
    ("Metadata", "topics.topic_id", Id("topic")),
    ("Metadata", "brokers.port", Id("port")),
    ("Metadata", "cluster_id", Id("cluster")),
    ("DescribeCluster", "brokers.port", Id("port")),
    ("DescribeCluster", "cluster_id", Id("cluster")),
    ("DescribeTopicPartitions", "topics.topic_id", Id("topic")),
    ("Produce", "responses.topic_id", Id("topic")),
    ("Produce", "responses.partition_responses.log_append_time_ms", Time),
    ("Fetch", "responses.topic_id", Id("topic")),
    ("Fetch", "session_id", Id("fetch session")),
    ("Fetch", "responses.partitions.records.producer_id", Id("producer")),
    ("Fetch", "responses.partitions.records.max_timestamp", Time),
    ("ListOffsets", "topics.partitions.timestamp", Time),
    ("InitProducerId", "producer_id", Id("producer")),
    ("DescribeProducers", "topics.partitions.active_producers.producer_id", Id("producer")),
    ("FindCoordinator", "port", Id("port")),
    ("FindCoordinator", "coordinators.port", Id("port")),
    ("OffsetCommit", "topics.topic_id", Id("topic")),
    ("OffsetFetch", "groups.topics.topic_id", Id("topic")),
    ("JoinGroup", "member_id", Id("member")),
    ("JoinGroup", "leader", Id("member")),
    ("JoinGroup", "members.member_id", Id("member")),
    ("LeaveGroup", "members.member_id", Id("member")),
    ("DescribeGroups", "groups.members.member_id", Id("member")),
    ("DescribeLogDirs", "results.log_dir", Place),
    ("DescribeLogDirs", "results.usable_bytes", Room),
    ("DescribeQuorum", "nodes.listeners.port", Id("controller port")),
    ("DescribeQuorum", "topics.partitions.current_voters.replica_directory_id", Id("directory")),
    ("DescribeQuorum", "topics.partitions.current_voters.last_fetch_timestamp", Time),
    ("DescribeQuorum", "topics.partitions.current_voters.last_caught_up_timestamp", Time),
];

/// A list whose order means nothing.
pub struct Unordered {
    pub api: &'static str,
    /// Path of the list.
    pub path: &'static str,
    /// The field by which its elements are told apart.
    pub key: &'static str,
    /// The key is a name that Kafka gives: it is shown with what differs.
    pub named: bool,
}

/// The lists whose order means nothing.
pub const UNORDERED: &[Unordered] = &[
    named("ApiVersions", "api_keys", "api_key"),
    named("ApiVersions", "finalized_features", "name"),
    named("ApiVersions", "supported_features", "name"),
    list("JoinGroup", "members", "member_id"),
    list("DescribeGroups", "groups", "group_id"),
    list("DescribeGroups", "groups.members", "member_id"),
    list("DeleteGroups", "results", "group_id"),
    list("OffsetFetch", "topics", "name"),
    list("OffsetFetch", "topics.partitions", "partition_index"),
    list("OffsetFetch", "groups.topics", "name"),
    list("OffsetFetch", "groups.topics.partitions", "partition_index"),
    list("ListOffsets", "topics", "name"),
    list("ListOffsets", "topics.partitions", "partition_index"),
    list("AlterReplicaLogDirs", "results", "topic_name"),
    list("AlterReplicaLogDirs", "results.partitions", "partition_index"),
    list("DeleteRecords", "topics.partitions", "partition_index"),
    list("ListConfigResources", "config_resources", "resource_type"),
    list("ElectLeaders", "replica_election_results", "topic"),
    list("Metadata", "topics", "name"),
    list("ListGroups", "groups", "group_id"),
    named("DescribeConfigs", "results.configs", "name"),
    list("CreateTopics", "topics", "name"),
    named("CreateTopics", "topics.configs", "name"),
    list("CreatePartitions", "results", "name"),
    list("DeleteTopics", "responses", "name"),
    list("Produce", "responses", "name"),
    list("Produce", "responses.partition_responses", "index"),
    named("DescribeLogDirs", "results.topics", "name"),
    list("DescribeLogDirs", "results.topics.partitions", "partition_index"),
];

const fn list(api: &'static str, path: &'static str, key: &'static str) -> Unordered {
    Unordered { api, path, key, named: false }
}

const fn named(api: &'static str, path: &'static str, key: &'static str) -> Unordered {
    Unordered { named: true, ..list(api, path, key) }
}
