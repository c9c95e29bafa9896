//! The messages of the APIs that are served: one file of field tables for each, and here the two closed enums over them.
//! Everything above `wire` speaks in these. Names are Kafka's own, fields in snake case; a table says in which versions a
//! field exists, and structures carry the fields of all versions. (A field that Kafka calls `type` would be `kind`; so far none is.)

pub mod alter_configs;
pub mod alter_partition_reassignments;
pub mod alter_replica_log_dirs;
pub mod api_versions;
pub mod create_acls;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_acls;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_acls;
pub mod describe_client_quotas;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_quorum;
pub mod describe_topic_partitions;
pub mod describe_user_scram_credentials;
pub mod elect_leaders;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_config_resources;
pub mod list_groups;
pub mod list_offsets;
pub mod list_partition_reassignments;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod sync_group;
pub mod update_features;

use crate::wire::api_key::ApiKey;
use crate::wire::field::{Field, Form};
use crate::wire::primitive::{Fault, Reader, Writer};

/// Makes both enums and their dispatch from the list of APIs.
macro_rules! messages {
    ($($api:ident: $module:ident::$request:ident, $response:ident;)*) => {
        /// A request of any API.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)] // One variant for each API, named as in ApiKey.
        pub enum Request {
            $($api($module::$request),)*
        }

        impl Request {
            /// Which API it is of.
            pub fn api(&self) -> ApiKey {
                match self {
                    $(Request::$api(_) => ApiKey::$api,)*
                }
            }

            /// Reads the body of a request in a version that [`ApiKey::decodes`].
            pub fn decode(r: &mut Reader, api: ApiKey, version: i16) -> Result<Request, Fault> {
                let form = form(api, version);
                match api {
                    $(ApiKey::$api => Field::decode(r, form).map(Request::$api),)*
                }
            }

            /// Appends the body.
            pub fn encode(&self, w: &mut Writer, version: i16) {
                let form = form(self.api(), version);
                match self {
                    $(Request::$api(body) => body.encode(w, form),)*
                }
            }
        }

        /// A response of any API.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)] // One variant for each API, named as in ApiKey.
        pub enum Response {
            $($api($module::$response),)*
        }

        impl Response {
            /// Which API it is of.
            pub fn api(&self) -> ApiKey {
                match self {
                    $(Response::$api(_) => ApiKey::$api,)*
                }
            }

            /// What it takes in memory beside its own size, in bytes, without record batches.
            pub fn heap_bytes(&self) -> usize {
                match self {
                    $(Response::$api(body) => body.heap_bytes(),)*
                }
            }

            /// Reads the body of a response.
            pub fn decode(r: &mut Reader, api: ApiKey, version: i16) -> Result<Response, Fault> {
                let form = form(api, version);
                match api {
                    $(ApiKey::$api => Field::decode(r, form).map(Response::$api),)*
                }
            }

            /// Appends the body.
            pub fn encode(&self, w: &mut Writer, version: i16) {
                let form = form(self.api(), version);
                match self {
                    $(Response::$api(body) => body.encode(w, form),)*
                }
            }
        }
    };
}

messages! {
    Produce: produce::ProduceRequest, ProduceResponse;
    Fetch: fetch::FetchRequest, FetchResponse;
    ListOffsets: list_offsets::ListOffsetsRequest, ListOffsetsResponse;
    Metadata: metadata::MetadataRequest, MetadataResponse;
    OffsetCommit: offset_commit::OffsetCommitRequest, OffsetCommitResponse;
    OffsetFetch: offset_fetch::OffsetFetchRequest, OffsetFetchResponse;
    FindCoordinator: find_coordinator::FindCoordinatorRequest, FindCoordinatorResponse;
    JoinGroup: join_group::JoinGroupRequest, JoinGroupResponse;
    Heartbeat: heartbeat::HeartbeatRequest, HeartbeatResponse;
    LeaveGroup: leave_group::LeaveGroupRequest, LeaveGroupResponse;
    SyncGroup: sync_group::SyncGroupRequest, SyncGroupResponse;
    DescribeGroups: describe_groups::DescribeGroupsRequest, DescribeGroupsResponse;
    ListGroups: list_groups::ListGroupsRequest, ListGroupsResponse;
    ApiVersions: api_versions::ApiVersionsRequest, ApiVersionsResponse;
    CreateTopics: create_topics::CreateTopicsRequest, CreateTopicsResponse;
    DeleteTopics: delete_topics::DeleteTopicsRequest, DeleteTopicsResponse;
    DeleteRecords: delete_records::DeleteRecordsRequest, DeleteRecordsResponse;
    InitProducerId: init_producer_id::InitProducerIdRequest, InitProducerIdResponse;
    OffsetForLeaderEpoch: offset_for_leader_epoch::OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    DescribeAcls: describe_acls::DescribeAclsRequest, DescribeAclsResponse;
    CreateAcls: create_acls::CreateAclsRequest, CreateAclsResponse;
    DeleteAcls: delete_acls::DeleteAclsRequest, DeleteAclsResponse;
    DescribeConfigs: describe_configs::DescribeConfigsRequest, DescribeConfigsResponse;
    AlterConfigs: alter_configs::AlterConfigsRequest, AlterConfigsResponse;
    AlterReplicaLogDirs: alter_replica_log_dirs::AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse;
    DescribeLogDirs: describe_log_dirs::DescribeLogDirsRequest, DescribeLogDirsResponse;
    CreatePartitions: create_partitions::CreatePartitionsRequest, CreatePartitionsResponse;
    DeleteGroups: delete_groups::DeleteGroupsRequest, DeleteGroupsResponse;
    ElectLeaders: elect_leaders::ElectLeadersRequest, ElectLeadersResponse;
    IncrementalAlterConfigs: incremental_alter_configs::IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    AlterPartitionReassignments: alter_partition_reassignments::AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
    ListPartitionReassignments: list_partition_reassignments::ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
    OffsetDelete: offset_delete::OffsetDeleteRequest, OffsetDeleteResponse;
    DescribeClientQuotas: describe_client_quotas::DescribeClientQuotasRequest, DescribeClientQuotasResponse;
    DescribeUserScramCredentials: describe_user_scram_credentials::DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
    DescribeQuorum: describe_quorum::DescribeQuorumRequest, DescribeQuorumResponse;
    UpdateFeatures: update_features::UpdateFeaturesRequest, UpdateFeaturesResponse;
    DescribeCluster: describe_cluster::DescribeClusterRequest, DescribeClusterResponse;
    DescribeProducers: describe_producers::DescribeProducersRequest, DescribeProducersResponse;
    ListConfigResources: list_config_resources::ListConfigResourcesRequest, ListConfigResourcesResponse;
    DescribeTopicPartitions: describe_topic_partitions::DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
}

fn form(api: ApiKey, version: i16) -> Form {
    Form { version, flexible: api.is_flexible(version) }
}
