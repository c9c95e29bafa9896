//! Messages with random values in every field, and the default of every structure. The lists below name every field, so
//! a field that is added does not compile until it is here.

use bytes::Bytes;
use monolog::base::ids::Uuid;
use monolog::base::rng::Rng;
use monolog::base::text::Text;
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::{Request, Response, describe_quorum};
use monolog::wire::records::Records;
use std::collections::BTreeMap;

/// Something random, small, and often at an edge of its type.
pub trait Fill {
    fn fill(rng: &mut Rng) -> Self;
}

macro_rules! fill_numbers {
    ($($ty:ty),*) => { $(
        impl Fill for $ty {
            fn fill(rng: &mut Rng) -> Self {
                match rng.below(6) {
                    0 => 0,
                    1 => (0 as $ty).wrapping_sub(1),
                    2 => <$ty>::MIN,
                    3 => <$ty>::MAX,
                    _ => rng.next_u64() as $ty,
                }
            }
        }
    )* };
}
fill_numbers!(i8, i16, u16, i32, i64);

impl Fill for f64 {
    fn fill(rng: &mut Rng) -> Self {
        f64::from(i32::fill(rng)) / 8.0
    }
}

impl Fill for bool {
    fn fill(rng: &mut Rng) -> Self {
        rng.below(2) == 1
    }
}

impl Fill for ErrorCode {
    fn fill(rng: &mut Rng) -> Self {
        ErrorCode(i16::fill(rng))
    }
}

impl Fill for Uuid {
    fn fill(rng: &mut Rng) -> Self {
        if rng.below(4) == 0 { Uuid::ZERO } else { rng.uuid() }
    }
}

impl<T: Fill> Fill for std::sync::Arc<T> {
    fn fill(rng: &mut Rng) -> Self {
        T::fill(rng).into()
    }
}

/// Mostly short; now and then long enough for a length of two bytes, or a chunk of its own.
fn some_len(rng: &mut Rng) -> usize {
    let bound = [1, 20, 20, 20, 20, 20, 200, 3000][rng.below(8) as usize];
    rng.below(bound) as usize
}

impl Fill for String {
    fn fill(rng: &mut Rng) -> Self {
        (0..some_len(rng)).map(|_| ['a', 'Z', '0', '-', '"', 'é', '€', '𝄞'][rng.below(8) as usize]).collect()
    }
}

impl Fill for Text {
    fn fill(rng: &mut Rng) -> Self {
        Text::from(String::fill(rng))
    }
}

impl Fill for Bytes {
    fn fill(rng: &mut Rng) -> Self {
        (0..some_len(rng)).map(|_| rng.next_u64() as u8).collect()
    }
}

impl Fill for Records {
    fn fill(rng: &mut Rng) -> Self {
        let mut records = Records::default();
        for _ in 0..rng.below(3) {
            records.push_batch([rng.next_u64() as u8; 16], Bytes::fill(rng));
        }
        records
    }
}

impl<T: Fill> Fill for Option<T> {
    fn fill(rng: &mut Rng) -> Self {
        (rng.below(4) > 0).then(|| T::fill(rng))
    }
}

impl<T: Fill> Fill for Vec<T> {
    fn fill(rng: &mut Rng) -> Self {
        (0..rng.below(4)).map(|_| T::fill(rng)).collect()
    }
}

macro_rules! structures {
    ($($module:ident { $($name:ident { $($field:ident),* })* })*) => {
        $($(
            impl Fill for monolog::wire::message::$module::$name {
                fn fill(rng: &mut Rng) -> Self {
                    Self { $($field: Fill::fill(rng)),* }
                }
            }
        )*)*

        /// How the default of each structure prints, by `module::Structure`.
        pub fn defaults() -> BTreeMap<&'static str, String> {
            BTreeMap::from([$($(
                (
                    concat!(stringify!($module), "::", stringify!($name)),
                    format!("{:?}", monolog::wire::message::$module::$name::default()),
                ),
            )*)*])
        }
    };
}

macro_rules! apis {
    ($($api:ident)*) => {
        /// A random request of an API.
        pub fn request(api: ApiKey, rng: &mut Rng) -> Request {
            match api {
                $(ApiKey::$api => Request::$api(Fill::fill(rng)),)*
            }
        }

        /// A random response of an API.
        pub fn response(api: ApiKey, rng: &mut Rng) -> Response {
            match api {
                $(ApiKey::$api => Response::$api(Fill::fill(rng)),)*
            }
        }
    };
}

// The schema has structures of these names in the response, too.
impl Fill for describe_quorum::request::TopicData {
    fn fill(rng: &mut Rng) -> Self {
        Self { topic_name: Fill::fill(rng), partitions: Fill::fill(rng) }
    }
}

impl Fill for describe_quorum::request::PartitionData {
    fn fill(rng: &mut Rng) -> Self {
        Self { partition_index: Fill::fill(rng) }
    }
}

apis! {
    Produce Fetch ListOffsets Metadata OffsetCommit OffsetFetch FindCoordinator JoinGroup Heartbeat LeaveGroup
    SyncGroup DescribeGroups ListGroups ApiVersions CreateTopics DeleteTopics DeleteRecords InitProducerId
    OffsetForLeaderEpoch DescribeAcls CreateAcls DeleteAcls DescribeConfigs AlterConfigs AlterReplicaLogDirs
    DescribeLogDirs CreatePartitions DeleteGroups ElectLeaders IncrementalAlterConfigs AlterPartitionReassignments
    ListPartitionReassignments OffsetDelete DescribeClientQuotas DescribeUserScramCredentials DescribeQuorum
    UpdateFeatures DescribeCluster DescribeProducers ListConfigResources DescribeTopicPartitions
}

structures! {
    alter_configs {
        AlterConfigsRequest { resources, validate_only }
        AlterConfigsResource { resource_type, resource_name, configs }
        AlterableConfig { name, value }
        AlterConfigsResponse { throttle_time_ms, responses }
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    }
    alter_partition_reassignments {
        AlterPartitionReassignmentsRequest { timeout_ms, allow_replication_factor_change, topics }
        ReassignableTopic { name, partitions }
        ReassignablePartition { partition_index, replicas }
        AlterPartitionReassignmentsResponse { throttle_time_ms, allow_replication_factor_change, error_code, error_message, responses }
        ReassignableTopicResponse { name, partitions }
        ReassignablePartitionResponse { partition_index, error_code, error_message }
    }
    alter_replica_log_dirs {
        AlterReplicaLogDirsRequest { dirs }
        AlterReplicaLogDir { path, topics }
        AlterReplicaLogDirTopic { name, partitions }
        AlterReplicaLogDirsResponse { throttle_time_ms, results }
        AlterReplicaLogDirTopicResult { topic_name, partitions }
        AlterReplicaLogDirPartitionResult { partition_index, error_code }
    }
    api_versions {
        ApiVersionsRequest { client_software_name, client_software_version }
        ApiVersionsResponse {
            error_code, api_keys, throttle_time_ms, supported_features, finalized_features_epoch, finalized_features,
            zk_migration_ready
        }
        ApiVersion { api_key, min_version, max_version }
        SupportedFeatureKey { name, min_version, max_version }
        FinalizedFeatureKey { name, max_version_level, min_version_level }
    }
    create_acls {
        CreateAclsRequest { creations }
        AclCreation { resource_type, resource_name, resource_pattern_type, principal, host, operation, permission_type }
        CreateAclsResponse { throttle_time_ms, results }
        AclCreationResult { error_code, error_message }
    }
    create_partitions {
        CreatePartitionsRequest { topics, timeout_ms, validate_only }
        CreatePartitionsTopic { name, count, assignments }
        CreatePartitionsAssignment { broker_ids }
        CreatePartitionsResponse { throttle_time_ms, results }
        CreatePartitionsTopicResult { name, error_code, error_message }
    }
    create_topics {
        CreateTopicsRequest { topics, timeout_ms, validate_only }
        CreatableTopic { name, num_partitions, replication_factor, assignments, configs }
        CreatableReplicaAssignment { partition_index, broker_ids }
        CreatableTopicConfig { name, value }
        CreateTopicsResponse { throttle_time_ms, topics }
        CreatableTopicResult {
            name, topic_id, error_code, error_message, topic_config_error_code, num_partitions, replication_factor,
            configs
        }
        CreatableTopicConfigs { name, value, read_only, config_source, is_sensitive }
    }
    delete_acls {
        DeleteAclsRequest { filters }
        DeleteAclsFilter { resource_type_filter, resource_name_filter, pattern_type_filter, principal_filter, host_filter, operation, permission_type }
        DeleteAclsResponse { throttle_time_ms, filter_results }
        DeleteAclsFilterResult { error_code, error_message, matching_acls }
        DeleteAclsMatchingAcl { error_code, error_message, resource_type, resource_name, pattern_type, principal, host, operation, permission_type }
    }
    delete_groups {
        DeleteGroupsRequest { groups_names }
        DeleteGroupsResponse { throttle_time_ms, results }
        DeletableGroupResult { group_id, error_code }
    }
    delete_records {
        DeleteRecordsRequest { topics, timeout_ms }
        DeleteRecordsTopic { name, partitions }
        DeleteRecordsPartition { partition_index, offset }
        DeleteRecordsResponse { throttle_time_ms, topics }
        DeleteRecordsTopicResult { name, partitions }
        DeleteRecordsPartitionResult { partition_index, low_watermark, error_code }
    }
    delete_topics {
        DeleteTopicsRequest { topics, topic_names, timeout_ms }
        DeleteTopicState { name, topic_id }
        DeleteTopicsResponse { throttle_time_ms, responses }
        DeletableTopicResult { name, topic_id, error_code, error_message }
    }
    describe_acls {
        DescribeAclsRequest { resource_type_filter, resource_name_filter, pattern_type_filter, principal_filter, host_filter, operation, permission_type }
        DescribeAclsResponse { throttle_time_ms, error_code, error_message, resources }
        DescribeAclsResource { resource_type, resource_name, pattern_type, acls }
        AclDescription { principal, host, operation, permission_type }
    }
    describe_client_quotas {
        DescribeClientQuotasRequest { components, strict }
        ComponentData { entity_type, match_type, r#match }
        DescribeClientQuotasResponse { throttle_time_ms, error_code, error_message, entries }
        EntryData { entity, values }
        EntityData { entity_type, entity_name }
        ValueData { key, value }
    }
    describe_cluster {
        DescribeClusterRequest { include_cluster_authorized_operations, endpoint_type, include_fenced_brokers }
        DescribeClusterResponse {
            throttle_time_ms, error_code, error_message, endpoint_type, cluster_id, controller_id, brokers,
            cluster_authorized_operations
        }
        DescribeClusterBroker { broker_id, host, port, rack, is_fenced }
    }
    describe_configs {
        DescribeConfigsRequest { resources, include_synonyms, include_documentation }
        DescribeConfigsResource { resource_type, resource_name, configuration_keys }
        DescribeConfigsResponse { throttle_time_ms, results }
        DescribeConfigsResult { error_code, error_message, resource_type, resource_name, configs }
        DescribeConfigsResourceResult {
            name, value, read_only, config_source, is_sensitive, synonyms, config_type, documentation
        }
        DescribeConfigsSynonym { name, value, source }
    }
    describe_groups {
        DescribeGroupsRequest { groups, include_authorized_operations }
        DescribeGroupsResponse { throttle_time_ms, groups }
        DescribedGroup {
            error_code, error_message, group_id, group_state, protocol_type, protocol_data, members, authorized_operations
        }
        DescribedGroupMember {
            member_id, group_instance_id, client_id, client_host, member_metadata, member_assignment
        }
    }
    describe_log_dirs {
        DescribeLogDirsRequest { topics }
        DescribableLogDirTopic { topic, partitions }
        DescribeLogDirsResponse { throttle_time_ms, error_code, results }
        DescribeLogDirsResult { error_code, log_dir, topics, total_bytes, usable_bytes, is_cordoned }
        DescribeLogDirsTopic { name, partitions }
        DescribeLogDirsPartition { partition_index, partition_size, offset_lag, is_future_key }
    }
    describe_producers {
        DescribeProducersRequest { topics }
        TopicRequest { name, partition_indexes }
        DescribeProducersResponse { throttle_time_ms, topics }
        TopicResponse { name, partitions }
        PartitionResponse { partition_index, error_code, error_message, active_producers }
        ProducerState { producer_id, producer_epoch, last_sequence, last_timestamp, coordinator_epoch, current_txn_start_offset }
    }
    describe_quorum {
        DescribeQuorumRequest { topics }
        DescribeQuorumResponse { error_code, error_message, topics, nodes }
        TopicData { topic_name, partitions }
        PartitionData { partition_index, error_code, error_message, leader_id, leader_epoch, high_watermark, current_voters, observers }
        ReplicaState { replica_id, replica_directory_id, log_end_offset, last_fetch_timestamp, last_caught_up_timestamp }
        Node { node_id, listeners }
        Listener { name, host, port }
    }
    describe_topic_partitions {
        DescribeTopicPartitionsRequest { topics, response_partition_limit, cursor }
        TopicRequest { name }
        Cursor { topic_name, partition_index }
        DescribeTopicPartitionsResponse { throttle_time_ms, topics, next_cursor }
        DescribeTopicPartitionsResponseTopic {
            error_code, name, topic_id, is_internal, partitions, topic_authorized_operations
        }
        DescribeTopicPartitionsResponsePartition {
            error_code, partition_index, leader_id, leader_epoch, replica_nodes, isr_nodes, eligible_leader_replicas,
            last_known_elr, offline_replicas
        }
    }
    describe_user_scram_credentials {
        DescribeUserScramCredentialsRequest { users }
        UserName { name }
        DescribeUserScramCredentialsResponse { throttle_time_ms, error_code, error_message, results }
        DescribeUserScramCredentialsResult { user, error_code, error_message, credential_infos }
        CredentialInfo { mechanism, iterations }
    }
    elect_leaders {
        ElectLeadersRequest { election_type, topic_partitions, timeout_ms }
        TopicPartitions { topic, partitions }
        ElectLeadersResponse { throttle_time_ms, error_code, replica_election_results }
        ReplicaElectionResult { topic, partition_result }
        PartitionResult { partition_id, error_code, error_message }
    }
    fetch {
        FetchRequest {
            cluster_id, replica_id, replica_state, max_wait_ms, min_bytes, max_bytes, isolation_level, session_id,
            session_epoch, topics, forgotten_topics_data, rack_id
        }
        ReplicaState { replica_id, replica_epoch }
        FetchTopic { topic, topic_id, partitions }
        FetchPartition {
            partition, current_leader_epoch, fetch_offset, last_fetched_epoch, log_start_offset, partition_max_bytes,
            replica_directory_id, high_watermark
        }
        ForgottenTopic { topic, topic_id, partitions }
        FetchResponse { throttle_time_ms, error_code, session_id, responses, node_endpoints }
        FetchableTopicResponse { topic, topic_id, partitions }
        PartitionData {
            partition_index, error_code, high_watermark, last_stable_offset, log_start_offset, diverging_epoch,
            current_leader, snapshot_id, aborted_transactions, preferred_read_replica, records
        }
        EpochEndOffset { epoch, end_offset }
        LeaderIdAndEpoch { leader_id, leader_epoch }
        SnapshotId { end_offset, epoch }
        AbortedTransaction { producer_id, first_offset }
        NodeEndpoint { node_id, host, port, rack }
    }
    find_coordinator {
        FindCoordinatorRequest { key, key_type, coordinator_keys }
        FindCoordinatorResponse { throttle_time_ms, error_code, error_message, node_id, host, port, coordinators }
        Coordinator { key, node_id, host, port, error_code, error_message }
    }
    heartbeat {
        HeartbeatRequest { group_id, generation_id, member_id, group_instance_id }
        HeartbeatResponse { throttle_time_ms, error_code }
    }
    incremental_alter_configs {
        IncrementalAlterConfigsRequest { resources, validate_only }
        AlterConfigsResource { resource_type, resource_name, configs }
        AlterableConfig { name, config_operation, value }
        IncrementalAlterConfigsResponse { throttle_time_ms, responses }
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    }
    init_producer_id {
        InitProducerIdRequest { transactional_id, transaction_timeout_ms, producer_id, producer_epoch }
        InitProducerIdResponse { throttle_time_ms, error_code, producer_id, producer_epoch }
    }
    join_group {
        JoinGroupRequest {
            group_id, session_timeout_ms, rebalance_timeout_ms, member_id, group_instance_id, protocol_type, protocols,
            reason
        }
        JoinGroupRequestProtocol { name, metadata }
        JoinGroupResponse {
            throttle_time_ms, error_code, generation_id, protocol_type, protocol_name, leader, skip_assignment, member_id,
            members
        }
        JoinGroupResponseMember { member_id, group_instance_id, metadata }
    }
    leave_group {
        LeaveGroupRequest { group_id, member_id, members }
        MemberIdentity { member_id, group_instance_id, reason }
        LeaveGroupResponse { throttle_time_ms, error_code, members }
        MemberResponse { member_id, group_instance_id, error_code }
    }
    list_config_resources {
        ListConfigResourcesRequest { resource_types }
        ListConfigResourcesResponse { throttle_time_ms, error_code, config_resources }
        ConfigResource { resource_name, resource_type }
    }
    list_groups {
        ListGroupsRequest { states_filter, types_filter }
        ListGroupsResponse { throttle_time_ms, error_code, groups }
        ListedGroup { group_id, protocol_type, group_state, group_type }
    }
    list_offsets {
        ListOffsetsRequest { replica_id, isolation_level, topics, timeout_ms }
        ListOffsetsTopic { name, partitions }
        ListOffsetsPartition { partition_index, current_leader_epoch, timestamp }
        ListOffsetsResponse { throttle_time_ms, topics }
        ListOffsetsTopicResponse { name, partitions }
        ListOffsetsPartitionResponse { partition_index, error_code, timestamp, offset, leader_epoch }
    }
    list_partition_reassignments {
        ListPartitionReassignmentsRequest { timeout_ms, topics }
        ListPartitionReassignmentsTopics { name, partition_indexes }
        ListPartitionReassignmentsResponse { throttle_time_ms, error_code, error_message, topics }
        OngoingTopicReassignment { name, partitions }
        OngoingPartitionReassignment { partition_index, replicas, adding_replicas, removing_replicas }
    }
    metadata {
        MetadataRequest {
            topics, allow_auto_topic_creation, include_cluster_authorized_operations, include_topic_authorized_operations
        }
        MetadataRequestTopic { topic_id, name }
        MetadataResponse {
            throttle_time_ms, brokers, cluster_id, controller_id, topics, cluster_authorized_operations, error_code
        }
        MetadataResponseBroker { node_id, host, port, rack }
        MetadataResponseTopic { error_code, name, topic_id, is_internal, partitions, topic_authorized_operations }
        MetadataResponsePartition {
            error_code, partition_index, leader_id, leader_epoch, replica_nodes, isr_nodes, offline_replicas
        }
    }
    offset_commit {
        OffsetCommitRequest {
            group_id, generation_id_or_member_epoch, member_id, group_instance_id, retention_time_ms, topics
        }
        OffsetCommitRequestTopic { name, topic_id, partitions }
        OffsetCommitRequestPartition { partition_index, committed_offset, committed_leader_epoch, committed_metadata }
        OffsetCommitResponse { throttle_time_ms, topics }
        OffsetCommitResponseTopic { name, topic_id, partitions }
        OffsetCommitResponsePartition { partition_index, error_code }
    }
    offset_delete {
        OffsetDeleteRequest { group_id, topics }
        OffsetDeleteRequestTopic { name, partitions }
        OffsetDeleteRequestPartition { partition_index }
        OffsetDeleteResponse { error_code, throttle_time_ms, topics }
        OffsetDeleteResponseTopic { name, partitions }
        OffsetDeleteResponsePartition { partition_index, error_code }
    }
    offset_fetch {
        OffsetFetchRequest { group_id, topics, groups, require_stable }
        OffsetFetchRequestTopic { name, partition_indexes }
        OffsetFetchRequestGroup { group_id, member_id, member_epoch, topics }
        OffsetFetchRequestTopics { name, topic_id, partition_indexes }
        OffsetFetchResponse { throttle_time_ms, topics, error_code, groups }
        OffsetFetchResponseTopic { name, partitions }
        OffsetFetchResponsePartition { partition_index, committed_offset, committed_leader_epoch, metadata, error_code }
        OffsetFetchResponseGroup { group_id, topics, error_code }
        OffsetFetchResponseTopics { name, topic_id, partitions }
        OffsetFetchResponsePartitions {
            partition_index, committed_offset, committed_leader_epoch, metadata, error_code
        }
    }
    offset_for_leader_epoch {
        OffsetForLeaderEpochRequest { replica_id, topics }
        OffsetForLeaderTopic { topic, partitions }
        OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch }
        OffsetForLeaderEpochResponse { throttle_time_ms, topics }
        OffsetForLeaderTopicResult { topic, partitions }
        EpochEndOffset { error_code, partition, leader_epoch, end_offset }
    }
    produce {
        ProduceRequest { transactional_id, acks, timeout_ms, topic_data }
        TopicProduceData { name, topic_id, partition_data }
        PartitionProduceData { index, records }
        ProduceResponse { responses, throttle_time_ms, node_endpoints }
        TopicProduceResponse { name, topic_id, partition_responses }
        PartitionProduceResponse {
            index, error_code, base_offset, log_append_time_ms, log_start_offset, record_errors, error_message,
            current_leader
        }
        BatchIndexAndErrorMessage { batch_index, batch_index_error_message }
        LeaderIdAndEpoch { leader_id, leader_epoch }
        NodeEndpoint { node_id, host, port, rack }
    }
    sync_group {
        SyncGroupRequest {
            group_id, generation_id, member_id, group_instance_id, protocol_type, protocol_name, assignments
        }
        SyncGroupRequestAssignment { member_id, assignment }
        SyncGroupResponse { throttle_time_ms, error_code, protocol_type, protocol_name, assignment }
    }
    update_features {
        UpdateFeaturesRequest { timeout_ms, feature_updates, validate_only }
        FeatureUpdateKey { feature, max_version_level, allow_downgrade, upgrade_type }
        UpdateFeaturesResponse { throttle_time_ms, error_code, error_message, results }
        UpdatableFeatureResult { feature, error_code, error_message }
    }
}
