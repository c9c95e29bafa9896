//! DescribeQuorum (key 55): the state of the metadata quorum (KIP-595).
//! Versions: 1 adds times (KIP-836); 2 messages, directory ids and listeners (KIP-853).

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

pub use request::DescribeQuorumRequest;

/// Kafka gives structures of the request and of the response the same names.
pub mod request {
    use super::*;

    fields! {
        /// Asks for the state of the quorum.
        pub struct DescribeQuorumRequest {
            /// One entry for each topic.
            topics: Vec<TopicData> => 0..;
        }

        /// A topic of the quorum.
        pub struct TopicData {
            /// The name of the topic.
            topic_name: Text => 0..;
            /// One entry for each partition.
            partitions: Vec<PartitionData> => 0..;
        }

        /// A partition of the quorum.
        pub struct PartitionData {
            /// The number of the partition.
            partition_index: i32 => 0..;
        }
    }
}

fields! {
    /// The state of the quorum.
    pub struct DescribeQuorumResponse {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 2.., default Some(Text::default());
        /// One entry for each topic.
        topics: Vec<TopicData> => 0..;
        /// One entry for each node.
        nodes: Vec<Node> => 2..;
    }

    /// A topic of the quorum.
    pub struct TopicData {
        /// The name of the topic.
        topic_name: Text => 0..;
        /// One entry for each partition.
        partitions: Vec<PartitionData> => 0..;
    }

    /// A partition of the quorum.
    pub struct PartitionData {
        /// The number of the partition.
        partition_index: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 2.., default Some(Text::default());
        /// The node that leads.
        leader_id: i32 => 0..;
        /// The epoch of the leader.
        leader_epoch: i32 => 0..;
        /// The first offset that is not settled.
        high_watermark: i64 => 0..;
        /// Who votes.
        current_voters: Vec<ReplicaState> => 0..;
        /// Who only follows.
        observers: Vec<ReplicaState> => 0..;
    }

    /// How far a replica is.
    pub struct ReplicaState {
        /// The id of the node.
        replica_id: i32 => 0..;
        /// The id of its directory.
        replica_directory_id: Uuid => 2..;
        /// The next offset it will write, -1 when not known.
        log_end_offset: i64 => 0..;
        /// When it last fetched, ms since 1970, -1 when not known.
        last_fetch_timestamp: i64 => 1.., default -1;
        /// When it last had everything, ms since 1970, -1 when not known.
        last_caught_up_timestamp: i64 => 1.., default -1;
    }

    /// A node of the quorum.
    pub struct Node {
        /// The id of the node.
        node_id: i32 => 2..;
        /// Where it listens.
        listeners: Vec<Listener> => 2..;
    }

    /// Where a node listens.
    pub struct Listener {
        /// The name of the listener.
        name: Text => 2..;
        /// The host.
        host: Text => 2..;
        /// The port.
        port: u16 => 2..;
    }
}
