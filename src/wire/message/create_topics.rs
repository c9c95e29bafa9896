//! CreateTopics (key 19): make topics.
//! Versions: 4 lets the broker choose partitions and replicas (KIP-464); 5 is flexible and answers with the settings (KIP-525); 6 may
//! answer with a quota error (KIP-599); 7 answers with the topic id.

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Topics to make.
    pub struct CreateTopicsRequest {
        /// One entry for each topic.
        topics: Vec<CreatableTopic> => 0..;
        /// How long the broker may take.
        timeout_ms: i32 => 0.., default 60_000;
        /// Check, and make nothing.
        validate_only: bool => 1..;
    }

    /// A topic to make.
    pub struct CreatableTopic {
        /// The name of the topic.
        name: Text => 0..;
        /// How many partitions; -1 for the default of the broker.
        num_partitions: i32 => 0..;
        /// How many replicas; -1 for the default of the broker.
        replication_factor: i16 => 0..;
        /// Partitions placed by hand; empty to let the broker do it.
        assignments: Vec<CreatableReplicaAssignment> => 0..;
        /// Settings that differ from the defaults.
        configs: Vec<CreatableTopicConfig> => 0..;
    }

    /// A partition placed by hand.
    pub struct CreatableReplicaAssignment {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// The brokers that shall hold the partition.
        broker_ids: Vec<i32> => 0..;
    }

    /// A setting of the new topic.
    pub struct CreatableTopicConfig {
        /// The name of the setting.
        name: Text => 0..;
        /// The value; null for the default.
        value: Option<Text> => 0.., default Some(Text::default());
    }

    /// Which topics were made.
    pub struct CreateTopicsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 2..;
        /// One entry for each topic.
        topics: Vec<CreatableTopicResult> => 0..;
    }

    /// The answer for one topic.
    pub struct CreatableTopicResult {
        /// The name of the topic.
        name: Text => 0..;
        /// The id of the topic.
        topic_id: Uuid => 7..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 1.., default Some(Text::default());
        /// Why the settings are missing, or `NONE`.
        topic_config_error_code: ErrorCode => 5.., tag 0;
        /// How many partitions it has, -1 when not known.
        num_partitions: i32 => 5.., default -1;
        /// How many replicas it has, -1 when not known.
        replication_factor: i16 => 5.., default -1;
        /// The settings of the new topic.
        configs: Option<Vec<CreatableTopicConfigs>> => 5.., default Some(Vec::new());
    }

    /// A setting the new topic has.
    pub struct CreatableTopicConfigs {
        /// The name of the setting.
        name: Text => 5..;
        /// The value of the setting.
        value: Option<Text> => 5.., default Some(Text::default());
        /// Whether the setting cannot be changed.
        read_only: bool => 5..;
        /// Where the value comes from (`ConfigSource` of the Java client).
        config_source: i8 => 5.., default -1;
        /// Whether the value is a secret; then it is null.
        is_sensitive: bool => 5..;
    }
}
