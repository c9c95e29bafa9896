//! DescribeCluster (key 60): the brokers of the cluster (KIP-700).
//! Versions: all are flexible; 1 adds the endpoint type (KIP-919); 2 fenced brokers (KIP-1073).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks about the cluster.
    pub struct DescribeClusterRequest {
        /// Whether to fill in what the caller may do with the cluster.
        include_cluster_authorized_operations: bool => 0..;
        /// 1: brokers, 2: controllers.
        endpoint_type: i8 => 1.., default 1;
        /// Whether to list fenced brokers too.
        include_fenced_brokers: bool => 2..;
    }

    /// The cluster.
    pub struct DescribeClusterResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0..;
        /// 1: brokers, 2: controllers.
        endpoint_type: i8 => 1.., default 1;
        /// The id of the cluster.
        cluster_id: Text => 0..;
        /// The broker that is the controller.
        controller_id: i32 => 0.., default -1;
        /// The brokers of the cluster.
        brokers: Vec<DescribeClusterBroker> => 0..;
        /// What the caller may do with the cluster, as a bit field; the least i32 means "was not asked".
        cluster_authorized_operations: i32 => 0.., default i32::MIN;
    }

    /// A broker.
    pub struct DescribeClusterBroker {
        /// The id of the broker.
        broker_id: i32 => 0..;
        /// The host to connect to.
        host: Text => 0..;
        /// The port to connect to.
        port: i32 => 0..;
        /// The rack of the broker.
        rack: Option<Text> => 0..;
        /// Whether the broker is fenced.
        is_fenced: bool => 2..;
    }
}
