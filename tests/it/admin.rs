//! The other APIs of admins: partitions, records, groups and offsets that go, what lies where, and what one node answers to those
//! that are about many.

use crate::idempotence::producer;
use crate::member::{Member, settle, subscription};
use crate::target::{Target, batch, cases, numbered, one, records_from, until};
use monolog::client::{Client, Topic};
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::alter_partition_reassignments::{AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic};
use monolog::wire::message::alter_replica_log_dirs::{AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest};
use monolog::wire::message::create_acls::{AclCreation, CreateAclsRequest};
use monolog::wire::message::create_partitions::{CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic};
use monolog::wire::message::delete_acls::{DeleteAclsFilter, DeleteAclsRequest};
use monolog::wire::message::delete_groups::DeleteGroupsRequest;
use monolog::wire::message::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use monolog::wire::message::describe_client_quotas::{ComponentData, DescribeClientQuotasRequest};
use monolog::wire::message::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsRequest};
use monolog::wire::message::describe_producers::{DescribeProducersRequest, TopicRequest};
use monolog::wire::message::describe_quorum::{DescribeQuorumRequest, request};
use monolog::wire::message::describe_user_scram_credentials::{DescribeUserScramCredentialsRequest, UserName};
use monolog::wire::message::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use monolog::wire::message::list_config_resources::ListConfigResourcesRequest;
use monolog::wire::message::list_partition_reassignments::ListPartitionReassignmentsRequest;
use monolog::wire::message::offset_delete::{OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use monolog::wire::message::update_features::{FeatureUpdateKey, UpdateFeaturesRequest};

cases! {
    kafka: every_version_adds_partitions, partitions_that_cannot_be, every_version_deletes_records, records_that_cannot_be_deleted,
        every_version_deletes_groups, offsets_are_deleted_where_nobody_reads, every_version_tells_the_directory, producers_are_told,
        leaders_need_no_election, replicas_stay, no_authorizer, no_quotas, no_credentials, the_quorum, features_stay,
        config_resources, the_topic_of_offsets;
    ours:
}

fn codes<T>(list: Vec<T>, code: impl Fn(&T) -> ErrorCode) -> Vec<ErrorCode> {
    list.iter().map(code).collect()
}

fn add(client: &mut Client, name: &str, count: i32, assignments: Option<&[&[i32]]>, validate_only: bool) -> (ErrorCode, String) {
    let assignment = |ids: &&[i32]| CreatePartitionsAssignment { broker_ids: ids.to_vec() };
    let assignments = assignments.map(|list| list.iter().map(assignment).collect());
    let topics = vec![CreatePartitionsTopic { name: name.into(), count, assignments }];
    let it = one(client.create_partitions(CreatePartitionsRequest { topics, timeout_ms: 30_000, validate_only }).unwrap().results);
    (it.error_code, it.error_message.as_deref().unwrap_or_default().to_string())
}

fn every_version_adds_partitions(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.append(&topic, 0, batch(&["stays"])).unwrap();
    for version in 0..=3 {
        client.pin(ApiKey::CreatePartitions, version);
        let count = i32::from(version) + 2;
        assert_eq!(add(&mut client, &topic.name, count, None, true).0, ErrorCode::NONE);
        assert_eq!(add(&mut client, &topic.name, count, None, false), (ErrorCode::NONE, String::new()));
        target.settle(&topic, count);
        assert_eq!(client.append(&topic, count - 1, batch(&["new"])).unwrap().base_offset, 0);
    }
    assert_eq!(records_from(&mut client, &topic, 0, 0).len(), 1);
}

fn partitions_that_cannot_be(target: &Target) {
    let (topic, missing, mut client) = (target.topic(2), target.name("none"), target.client());
    let name = &topic.name[..];
    type Case<'a> = (&'a str, i32, Option<&'a [&'a [i32]]>, ErrorCode, &'a str);
    let cases: [Case; 7] = [
        (&missing, 3, None, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ""),
        (name, 2, None, ErrorCode::INVALID_PARTITIONS, "Topic already has 2 partition(s)."),
        (name, 1, None, ErrorCode::INVALID_PARTITIONS, "The topic"),
        (name, -1, None, ErrorCode::INVALID_PARTITIONS, "The topic"),
        (name, 4, Some(&[&[1]]), ErrorCode::INVALID_REPLICA_ASSIGNMENT, "Attempted to add 2 additional partition(s)"),
        (name, 3, Some(&[&[4711]]), ErrorCode::INVALID_REPLICA_ASSIGNMENT, ""),
        (name, 3, Some(&[&[]]), ErrorCode::INVALID_REPLICA_ASSIGNMENT, ""),
    ];
    for (name, count, assignments, code, message) in cases {
        let told = add(&mut client, name, count, assignments, false);
        assert!(told.0 == code && told.1.starts_with(message), "{name} {count} {assignments:?}: {told:?}");
    }
    let twice = CreatePartitionsTopic { name: topic.name.clone(), count: 3, assignments: None };
    let topics = vec![twice.clone(), CreatePartitionsTopic { count: 4, ..twice }];
    let answer = client.create_partitions(CreatePartitionsRequest { topics, timeout_ms: 30_000, validate_only: false }).unwrap();
    assert_eq!(one(answer.results).error_code, ErrorCode::INVALID_REQUEST);
}

fn delete_records(client: &mut Client, name: &str, partition_index: i32, offset: i64) -> (i64, ErrorCode) {
    let topics = vec![DeleteRecordsTopic { name: name.into(), partitions: vec![DeleteRecordsPartition { partition_index, offset }] }];
    let answer = client.delete_records(DeleteRecordsRequest { topics, timeout_ms: 30_000 }).unwrap();
    let it = one(one(answer.topics).partitions);
    (it.low_watermark, it.error_code)
}

fn every_version_deletes_records(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("retention.ms", "-1")]), target.client());
    for value in 0..10 {
        client.append(&topic, 0, batch(&[&value.to_string()])).unwrap();
    }
    for version in 0..=2 {
        client.pin(ApiKey::DeleteRecords, version);
        let offset = 2 * i64::from(version) + 1;
        assert_eq!(delete_records(&mut client, &topic.name, 0, offset), (offset, ErrorCode::NONE));
        assert_eq!(client.offset_for(&topic, 0, -2).unwrap().offset, offset);
        assert_eq!(records_from(&mut client, &topic, 0, offset).len() as i64, 10 - offset);
        assert_eq!(client.read(&topic, 0, offset - 1, 0).unwrap().error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    assert_eq!(delete_records(&mut client, &topic.name, 0, 2), (5, ErrorCode::NONE), "nothing comes back");
    assert_eq!(delete_records(&mut client, &topic.name, 0, -1), (10, ErrorCode::NONE));
    assert_eq!(client.append(&topic, 0, batch(&["next"])).unwrap().base_offset, 10);
}

fn records_that_cannot_be_deleted(target: &Target) {
    let (topic, missing, mut client) = (target.topic(1), target.name("none"), target.client());
    let compacted = target.topic_with(1, &[("cleanup.policy", "compact")]);
    client.append(&topic, 0, batch(&["a"])).unwrap();
    assert_eq!(delete_records(&mut client, &topic.name, 0, 2), (-1, ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(delete_records(&mut client, &topic.name, 0, -2), (-1, ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(delete_records(&mut client, &topic.name, 1, 0), (-1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(delete_records(&mut client, &missing, 0, 0), (-1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(delete_records(&mut client, &compacted.name, 0, 0), (-1, ErrorCode::POLICY_VIOLATION));
}

fn every_version_deletes_groups(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let busy = target.name("busy");
    let mut member = Member::new(target, &busy);
    member.join();
    settle(&mut [&mut member]);
    for version in 0..=2 {
        client.pin(ApiKey::DeleteGroups, version);
        let (group, missing) = (target.name("group"), target.name("none"));
        client.commit(&group, &topic, 0, 7).unwrap();
        let groups_names = [&group, &missing, &busy].map(|name| name[..].into()).to_vec();
        let mut results = client.delete_groups(DeleteGroupsRequest { groups_names }).unwrap().results;
        results.sort_by_key(|it| [&group, &missing, &busy].iter().position(|name| it.group_id == name[..]));
        let expected = [ErrorCode::NONE, ErrorCode::GROUP_ID_NOT_FOUND, ErrorCode::NON_EMPTY_GROUP];
        assert_eq!(codes(results, |it| it.error_code), expected);
        assert_eq!(client.committed(&group, &topic, 0).unwrap(), -1);
    }
    member.leave();
    assert_eq!(
        one(client.delete_groups(DeleteGroupsRequest { groups_names: vec![busy[..].into()] }).unwrap().results).error_code,
        ErrorCode::NONE
    );
}

fn offsets_are_deleted_where_nobody_reads(target: &Target) {
    let (read, unread, mut client) = (target.topic(2), target.topic(1), target.client());
    let group = target.name("group");
    let delete = |client: &mut Client, group: &str, topic: &Topic, index: i32| {
        let partitions = vec![OffsetDeleteRequestPartition { partition_index: index }];
        let topics = vec![OffsetDeleteRequestTopic { name: topic.name.clone(), partitions }];
        let answer = client.offset_delete(OffsetDeleteRequest { group_id: group.into(), topics }).unwrap();
        answer.topics.first().map_or(answer.error_code, |topic| topic.partitions[0].error_code)
    };
    assert_eq!(delete(&mut client, &group, &read, 0), ErrorCode::GROUP_ID_NOT_FOUND);
    for topic in [&read, &unread] {
        client.commit(&group, topic, 0, 7).unwrap();
    }
    let mut member = Member::new(target, &group);
    member.protocols = vec![("range", subscription(&read.name))];
    member.join();
    settle(&mut [&mut member]);
    assert_eq!(delete(&mut client, &group, &read, 0), ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC);
    assert_eq!(delete(&mut client, &group, &read, 2), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(delete(&mut client, &group, &unread, 0), ErrorCode::NONE);
    assert_eq!((client.committed(&group, &unread, 0).unwrap(), client.committed(&group, &read, 0).unwrap()), (-1, 7));
    member.leave();
    assert_eq!(delete(&mut client, &group, &read, 0), ErrorCode::NONE);
    assert_eq!(client.committed(&group, &read, 0).unwrap(), -1);
}

fn every_version_tells_the_directory(target: &Target) {
    let (topic, mut client) = (target.topic(2), target.client());
    client.append(&topic, 1, batch(&[&"x".repeat(10_000)])).unwrap();
    for version in 1..=5 {
        client.pin(ApiKey::DescribeLogDirs, version);
        let asked = DescribableLogDirTopic { topic: topic.name.clone(), partitions: vec![0, 1, 7] };
        for topics in [Some(vec![asked]), None] {
            let dir = one(client.describe_log_dirs(DescribeLogDirsRequest { topics }).unwrap().results);
            assert!(dir.error_code == ErrorCode::NONE && !dir.log_dir.is_empty());
            if version < 4 || dir.log_dir == "sqlite:memory" {
                assert_eq!((dir.total_bytes, dir.usable_bytes), (-1, -1));
            } else {
                assert!(dir.usable_bytes > 0 && dir.total_bytes > dir.usable_bytes, "{} of {}", dir.usable_bytes, dir.total_bytes);
            }
            let mut partitions = dir.topics.into_iter().find(|it| it.name == topic.name).unwrap().partitions;
            partitions.sort_by_key(|it| it.partition_index);
            let told: Vec<_> =
                partitions.iter().map(|it| (it.partition_index, it.partition_size >= 10_000, it.offset_lag, it.is_future_key)).collect();
            assert_eq!(told, [(0, false, 0, false), (1, true, 0, false)]);
        }
    }
    assert!(one(client.describe_log_dirs(DescribeLogDirsRequest { topics: Some(vec![]) }).unwrap().results).topics.is_empty());
}

fn producers_are_told(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let (id, epoch) = producer(&mut client);
    assert_eq!(client.append(&topic, 0, numbered((id, epoch), 0, &["a", "b"])).unwrap().error_code, ErrorCode::NONE);
    let topics = vec![TopicRequest { name: topic.name.clone(), partition_indexes: vec![0, 5] }];
    let mut told = one(client.describe_producers(DescribeProducersRequest { topics }).unwrap().topics).partitions;
    told.sort_by_key(|it| it.partition_index);
    let told_of = one(told[0].active_producers.clone());
    assert_eq!((told_of.producer_id, told_of.producer_epoch, told_of.last_sequence), (id, i32::from(epoch), 1));
    assert_eq!((told_of.coordinator_epoch, told_of.current_txn_start_offset), (-1, -1));
    assert_eq!((told[1].error_code, told[1].active_producers.len()), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0));
}

fn leaders_need_no_election(target: &Target) {
    let (topic, missing, mut client) = (target.topic(1), target.name("none"), target.client());
    for version in 0..=2 {
        client.pin(ApiKey::ElectLeaders, version);
        let of = |name: &str| TopicPartitions { topic: name.into(), partitions: vec![0] };
        let topic_partitions = Some(vec![of(&topic.name), of(&missing)]);
        let mut answer = client.elect_leaders(ElectLeadersRequest { topic_partitions, ..ElectLeadersRequest::default() }).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        answer.replica_election_results.sort_by_key(|it| it.topic != topic.name);
        let told = codes(answer.replica_election_results, |it| it.partition_result[0].error_code);
        assert_eq!(told, [ErrorCode::ELECTION_NOT_NEEDED, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
        let all = client.elect_leaders(ElectLeadersRequest { topic_partitions: None, ..ElectLeadersRequest::default() }).unwrap();
        assert_eq!(all.error_code, ErrorCode::NONE);
        assert!(all.replica_election_results.iter().any(|it| it.topic == topic.name));
        assert!(all.replica_election_results.iter().all(|it| it.partition_result.is_empty()));
    }
}

fn replicas_stay(target: &Target) {
    let (topic, missing, mut client) = (target.topic(1), target.name("none"), target.client());
    let node = client.metadata(Default::default()).unwrap().brokers[0].node_id;
    let mut move_to = |name: &str, partition_index: i32, replicas: Option<Vec<i32>>| {
        let partitions = vec![ReassignablePartition { partition_index, replicas }];
        let topics = vec![ReassignableTopic { name: name.into(), partitions }];
        let request = AlterPartitionReassignmentsRequest { topics, ..AlterPartitionReassignmentsRequest::default() };
        let answer = client.alter_partition_reassignments(request).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        one(one(answer.responses).partitions).error_code
    };
    assert_eq!(move_to(&topic.name, 0, Some(vec![node])), ErrorCode::NONE);
    assert_eq!(move_to(&topic.name, 0, None), ErrorCode::NO_REASSIGNMENT_IN_PROGRESS);
    assert_eq!(move_to(&topic.name, 0, Some(vec![4711])), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(move_to(&topic.name, 0, Some(vec![])), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(move_to(&topic.name, 3, Some(vec![node])), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(move_to(&missing, 0, Some(vec![node])), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let ongoing = client.list_partition_reassignments(ListPartitionReassignmentsRequest::default()).unwrap();
    assert_eq!((ongoing.error_code, ongoing.topics.len()), (ErrorCode::NONE, 0));
    let dir = one(client.describe_log_dirs(DescribeLogDirsRequest { topics: Some(vec![]) }).unwrap().results).log_dir;
    for (path, code) in [(&dir[..], ErrorCode::NONE), ("/nowhere", ErrorCode::LOG_DIR_NOT_FOUND)] {
        for version in 1..=2 {
            client.pin(ApiKey::AlterReplicaLogDirs, version);
            let topics = vec![AlterReplicaLogDirTopic { name: topic.name.clone(), partitions: vec![0] }];
            let dirs = vec![AlterReplicaLogDir { path: path.into(), topics }];
            let answer = client.alter_replica_log_dirs(AlterReplicaLogDirsRequest { dirs }).unwrap();
            assert_eq!(one(one(answer.results).partitions).error_code, code);
        }
    }
}

fn no_authorizer(target: &Target) {
    let mut client = target.client();
    for version in 1..=3 {
        for api in [ApiKey::DescribeAcls, ApiKey::CreateAcls, ApiKey::DeleteAcls] {
            client.pin(api, version);
        }
        // Any resource, pattern, operation and permission.
        let filter = DeleteAclsFilter { resource_type_filter: 1, operation: 1, permission_type: 1, ..DeleteAclsFilter::default() };
        let any = monolog::wire::message::describe_acls::DescribeAclsRequest {
            resource_type_filter: 1,
            operation: 1,
            permission_type: 1,
            ..Default::default()
        };
        assert_eq!(client.describe_acls(any).unwrap().error_code, ErrorCode::SECURITY_DISABLED);
        let creation = AclCreation {
            resource_type: 2,
            resource_name: "t".into(),
            principal: "User:a".into(),
            host: "*".into(),
            operation: 3,
            permission_type: 3,
            ..AclCreation::default()
        };
        let created = client.create_acls(CreateAclsRequest { creations: vec![creation] }).unwrap();
        assert_eq!(one(created.results).error_code, ErrorCode::SECURITY_DISABLED);
        let deleted = client.delete_acls(DeleteAclsRequest { filters: vec![filter] }).unwrap();
        assert_eq!(one(deleted.filter_results).error_code, ErrorCode::SECURITY_DISABLED);
    }
}

fn no_quotas(target: &Target) {
    let mut client = target.client();
    let mut ask = |components: &[(&str, i8, Option<&str>)]| {
        let component = |(entity_type, match_type, name): &(&str, i8, Option<&str>)| ComponentData {
            entity_type: (*entity_type).into(),
            match_type: *match_type,
            r#match: name.map(Into::into),
        };
        let request = DescribeClientQuotasRequest { components: components.iter().map(component).collect(), strict: false };
        let answer = client.describe_client_quotas(request).unwrap();
        (answer.error_code, answer.entries.map(|it| it.len()))
    };
    assert_eq!(ask(&[]), (ErrorCode::NONE, Some(0)));
    assert_eq!(ask(&[("user", 2, None), ("client-id", 0, Some("nobody"))]), (ErrorCode::NONE, Some(0)));
    assert_eq!(ask(&[("user", 2, None), ("user", 2, None)]), (ErrorCode::INVALID_REQUEST, None));
    assert_eq!(ask(&[("", 2, None)]), (ErrorCode::INVALID_REQUEST, None));
    assert_eq!(ask(&[("planet", 2, None)]), (ErrorCode::UNSUPPORTED_VERSION, None));
    assert_eq!(ask(&[("ip", 2, None), ("user", 2, None)]), (ErrorCode::INVALID_REQUEST, None));
}

fn no_credentials(target: &Target) {
    let mut client = target.client();
    let mut ask = |users: Option<&[&str]>| {
        let users = users.map(|users| users.iter().map(|name| UserName { name: (*name).into() }).collect());
        let answer = client.describe_user_scram_credentials(DescribeUserScramCredentialsRequest { users }).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let mut told: Vec<_> = answer.results.iter().map(|it| (it.user.to_string(), it.error_code)).collect();
        told.sort();
        told
    };
    assert_eq!(ask(None), []);
    let expected = [("a".to_string(), ErrorCode::RESOURCE_NOT_FOUND), ("b".to_string(), ErrorCode::DUPLICATE_RESOURCE)];
    assert_eq!(ask(Some(&["b", "a", "b"])), expected);
}

fn the_quorum(target: &Target) {
    let mut client = target.client();
    let node = client.metadata(Default::default()).unwrap().brokers[0].node_id;
    for version in 0..=2 {
        client.pin(ApiKey::DescribeQuorum, version);
        let partitions = vec![request::PartitionData { partition_index: 0 }];
        let topics = vec![request::TopicData { topic_name: "__cluster_metadata".into(), partitions }];
        let answer = client.describe_quorum(DescribeQuorumRequest { topics }).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let own = one(one(answer.topics).partitions);
        assert_eq!((own.error_code, own.leader_id, own.observers.len()), (ErrorCode::NONE, node, 0));
        assert_eq!(one(own.current_voters).replica_id, node);
        assert_eq!(answer.nodes.len(), usize::from(version >= 2));
    }
}

fn features_stay(target: &Target) {
    let mut client = target.client();
    let mut ask = |version: i16, feature: &str, max_version_level: i16| {
        client.pin(ApiKey::UpdateFeatures, version);
        let update = FeatureUpdateKey { feature: feature.into(), max_version_level, ..FeatureUpdateKey::default() };
        let request = UpdateFeaturesRequest { feature_updates: vec![update], validate_only: true, ..UpdateFeaturesRequest::default() };
        let answer = client.update_features(request).unwrap();
        answer.results.first().map_or(answer.error_code, |it| it.error_code)
    };
    for version in 1..=2 {
        assert_eq!(ask(version, "metadata.version", 30), ErrorCode::NONE);
        assert_eq!(ask(version, "metadata.version", 1_000), ErrorCode::INVALID_UPDATE_VERSION);
        assert_eq!(ask(version, "no.such.feature", 1), ErrorCode::INVALID_UPDATE_VERSION);
    }
}

fn config_resources(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let node = client.metadata(Default::default()).unwrap().brokers[0].node_id.to_string();
    client.pin(ApiKey::ListConfigResources, 0);
    assert!(client.list_config_resources(ListConfigResourcesRequest::default()).unwrap().config_resources.is_empty());
    client.pin(ApiKey::ListConfigResources, 1);
    let mut ask = |resource_types: &[i8]| {
        let answer = client.list_config_resources(ListConfigResourcesRequest { resource_types: resource_types.to_vec() }).unwrap();
        (
            answer.error_code,
            answer.config_resources.into_iter().map(|it| (it.resource_type, it.resource_name.to_string())).collect::<Vec<_>>(),
        )
    };
    let all = ask(&[]);
    assert_eq!(all.0, ErrorCode::NONE);
    for known in [(2, topic.name.to_string()), (4, node.clone()), (8, node.clone())] {
        assert!(all.1.contains(&known), "{known:?}");
    }
    assert_eq!(ask(&[4, 16]), (ErrorCode::NONE, vec![(4, node)]));
    assert_eq!(ask(&[3]), (ErrorCode::UNSUPPORTED_VERSION, vec![]));
}

fn the_topic_of_offsets(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.pin(ApiKey::FindCoordinator, 0);
    let mut offsets = None;
    until("the topic of offsets is there", || {
        client.find_coordinator(Default::default()).unwrap();
        let all = client.metadata(monolog::wire::message::metadata::MetadataRequest { topics: None, ..Default::default() }).unwrap().topics;
        assert!(all.iter().any(|it| it.name.as_ref() == Some(&topic.name) && !it.is_internal));
        offsets = all.into_iter().find(|it| it.name.as_deref() == Some("__consumer_offsets"));
        offsets.is_some()
    });
    let offsets = offsets.unwrap();
    assert_eq!((offsets.is_internal, offsets.partitions.len()), (true, 50));
    let offsets = Topic { name: "__consumer_offsets".into(), id: offsets.topic_id };
    assert_eq!(client.append(&offsets, 0, batch(&["x"])).unwrap().error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(delete_records(&mut client, &offsets.name, 0, 0).1, ErrorCode::INVALID_TOPIC_EXCEPTION);
}
