//! What the broker knows of itself: its identity and the settings that rules depend on. Fixed at start.

use crate::base::budget::Budget;
use crate::base::ids::Uuid;
use crate::base::text::Text;

/// The node id; 0 is taken for "unset" by some tools.
pub const NODE_ID: i32 = 1;

/// Identity and settings.
#[derive(Clone, Debug)]
pub struct Broker {
    /// The cluster id, stable over restarts.
    pub cluster_id: Uuid,
    /// The data directory as tools are told of it: an absolute path, or where nothing is on a disk the name of the store.
    pub log_dir: Text,
    /// Whether Metadata creates topics that are named and missing (`topics.auto_create`).
    pub auto_create: bool,
    /// Partitions of a topic created without a number (`topics.default_partitions`).
    pub default_partitions: i32,
    /// Kafka's `group.initial.rebalance.delay.ms` (`groups.initial_rebalance_delay`).
    pub initial_rebalance_delay_ms: u64,
    /// Default of the topic config retention.ms (`retention.max_age`); -1: for ever.
    pub retention_ms: i64,
    /// How often retention looks (`retention.check_interval`), ms.
    pub retention_check_ms: u64,
    /// Default of the topic config retention.bytes (`retention.max_bytes`); -1: no bound.
    pub retention_bytes: i64,
    /// Kafka's `message.max.bytes`, default of the topic config max.message.bytes (`limits.max_message_size`).
    pub message_bytes_max: i32,
    /// Kafka's `socket.request.max.bytes` (`limits.max_request_size`); reactors hold clients to it.
    pub request_bytes_max: usize,
    /// Topics at most, internal ones not counted (`limits.max_topics`).
    pub topics_max: usize,
    /// Partitions of all topics together at most (`limits.max_partitions`).
    pub partitions_max: usize,
    /// The memory budget (`limits.memory`): pays for long answers, for long fetches that wait, and for what groups
    /// keep.
    pub memory: Budget,
    /// Bytes that the tail cache may hold; a part of the memory budget.
    pub tail_bytes: usize,
    /// Broker cap on one fetch answer (`limits.max_fetch_bytes`).
    pub fetch_bytes_max: usize,
}
