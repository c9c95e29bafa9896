//! What concerns replicas, of which each partition has one, on this node, in the one directory: ElectLeaders,
//! AlterPartitionReassignments, ListPartitionReassignments, AlterReplicaLogDirs. Nothing is ever moved.
//! Versions: of ElectLeaders 0 knows one kind of election only (KIP-460); else they differ on the wire only.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::topics::Topic;
use crate::state::topics::change::check_replicas;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition, ReassignablePartitionResponse,
    ReassignableTopicResponse,
};
use crate::wire::message::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse,
};
use crate::wire::message::create_topics::CreatableReplicaAssignment;
use crate::wire::message::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult, TopicPartitions,
};
use crate::wire::message::list_partition_reassignments::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};
use std::collections::BTreeMap;

/// Preferred and unclean.
const ELECTION_TYPES: [i8; 2] = [0, 1];

/// Answers once everything that is told is on disk. Of all partitions none needs an election; those that are named are told so.
pub fn elect_leaders(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: ElectLeadersRequest) {
    if !ELECTION_TYPES.contains(&request.election_type) {
        let message = Text::from(format!("Unknown election type {}", request.election_type));
        let refuse =
            |partition_id| PartitionResult { partition_id, error_code: ErrorCode::INVALID_REQUEST, error_message: Some(message.clone()) };
        let refuse = |asked: TopicPartitions| ReplicaElectionResult {
            partition_result: asked.partitions.into_iter().map(refuse).collect(),
            topic: asked.topic,
        };
        let response = ElectLeadersResponse {
            error_code: ErrorCode::INVALID_REQUEST,
            replica_election_results: request.topic_partitions.unwrap_or_default().into_iter().map(refuse).collect(),
            ..ElectLeadersResponse::default()
        };
        return fx.reply(call.to, Response::ElectLeaders(response));
    }
    let mut after = PlanNo::COMMITTED;
    let mut results = Vec::new();
    if request.topic_partitions.is_none() {
        // Kafka names every topic and leaves out the partitions that are led as they should be.
        after = state.topics.listing();
        let topic = |topic: &Topic| ReplicaElectionResult { topic: topic.name.clone(), partition_result: Vec::new() };
        results.extend(state.topics.iter().map(topic));
    }
    for asked in request.topic_partitions.unwrap_or_default() {
        let topic = state.topics.by_name(&asked.topic);
        after = after.max(topic.map_or_else(|| state.topics.missing_name(&asked.topic), |topic| topic.changed_in));
        let elect = |partition_id: i32| {
            let (error_code, message) = match topic {
                None => (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("No such topic as {}", asked.topic)),
                Some(topic) if topic.partition(partition_id).is_none() => {
                    (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("No such partition as {}-{partition_id}", asked.topic))
                }
                Some(_) => (ErrorCode::ELECTION_NOT_NEEDED, "Leader election not needed for topic partition.".to_owned()),
            };
            PartitionResult { partition_id, error_code, error_message: Some(Text::from(message)) }
        };
        results.push(ReplicaElectionResult { partition_result: asked.partitions.into_iter().map(elect).collect(), topic: asked.topic });
    }
    let response = ElectLeadersResponse { replica_election_results: results, ..ElectLeadersResponse::default() };
    fx.reply_after(call.to, after, Response::ElectLeaders(response));
}

/// Answers once everything that is told is on disk: what shall be here is here already.
pub fn alter_reassignments(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: AlterPartitionReassignmentsRequest) {
    let mut after = PlanNo::COMMITTED;
    let mut responses = Vec::with_capacity(request.topics.len());
    for asked in request.topics {
        let topic = state.topics.by_name(&asked.name);
        after = after.max(topic.map_or_else(|| state.topics.missing_name(&asked.name), |topic| topic.changed_in));
        let unknown = |message: String| Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
        let decide = |partition: ReassignablePartition| {
            let index = partition.partition_index;
            let decided = match topic {
                None => unknown(format!("Unable to find a topic named {}.", asked.name)),
                Some(topic) if topic.partition(index).is_none() => unknown(format!("Unable to find partition {}:{index}.", asked.name)),
                Some(_) => reassign(partition),
            };
            let (error_code, error_message) = match decided {
                Ok(()) => (ErrorCode::NONE, None),
                Err((error_code, message)) => (error_code, (!message.is_empty()).then(|| Text::from(message))),
            };
            ReassignablePartitionResponse { partition_index: index, error_code, error_message }
        };
        responses.push(ReassignableTopicResponse { partitions: asked.partitions.into_iter().map(decide).collect(), name: asked.name });
    }
    let response = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        // To nothing Kafka answers with an empty message, to anything else with none.
        error_message: responses.is_empty().then(Text::default),
        responses,
        ..AlterPartitionReassignmentsResponse::default()
    };
    fx.reply_after(call.to, after, Response::AlterPartitionReassignments(response));
}

fn reassign(partition: ReassignablePartition) -> Result<(), (ErrorCode, String)> {
    match partition.replicas {
        None => Err((ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, String::new())),
        Some(broker_ids) => check_replicas(&CreatableReplicaAssignment { partition_index: partition.partition_index, broker_ids })
            .map_err(|message| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, message)),
    }
}

/// Answers at once: nothing is being moved.
pub fn list_reassignments(_state: &mut State, fx: &mut Effects, _now: Now, call: Call, _request: ListPartitionReassignmentsRequest) {
    let response = ListPartitionReassignmentsResponse { error_message: None, ..ListPartitionReassignmentsResponse::default() };
    fx.reply(call.to, Response::ListPartitionReassignments(response));
}

/// Answers once everything that is told is on disk: what shall lie in the one directory lies there already.
pub fn alter_log_dirs(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: AlterReplicaLogDirsRequest) {
    // Of a partition that shall lie in two directories the last wish counts, as in Kafka's map.
    let mut results: BTreeMap<Text, BTreeMap<i32, ErrorCode>> = BTreeMap::new();
    for dir in request.dirs {
        for topic in dir.topics {
            let place = |partition_index: i32| {
                let known = state.topics.by_name(&topic.name).and_then(|topic| topic.partition(partition_index));
                let error_code = match known {
                    _ if dir.path != state.broker.log_dir => ErrorCode::LOG_DIR_NOT_FOUND,
                    None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    Some(_) => ErrorCode::NONE,
                };
                (partition_index, error_code)
            };
            results.entry(topic.name.clone()).or_default().extend(topic.partitions.into_iter().map(place));
        }
    }
    let told = |(partition_index, error_code)| AlterReplicaLogDirPartitionResult { partition_index, error_code };
    let results = results
        .into_iter()
        .map(|(topic_name, partitions)| AlterReplicaLogDirTopicResult {
            topic_name,
            partitions: partitions.into_iter().map(told).collect(),
        })
        .collect();
    let response = AlterReplicaLogDirsResponse { results, ..AlterReplicaLogDirsResponse::default() };
    fx.reply_after(call.to, state.topics.listing(), Response::AlterReplicaLogDirs(response));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::wire::message::alter_partition_reassignments::ReassignableTopic;
    use crate::wire::message::alter_replica_log_dirs::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
    use crate::wire::message::elect_leaders::TopicPartitions;

    fn world() -> World {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        world
    }

    #[test]
    fn no_leader_needs_to_be_elected() {
        let mut world = world();
        let mut ask = |election_type, topic_partitions: Option<Vec<TopicPartitions>>| {
            let request = ElectLeadersRequest { election_type, topic_partitions, ..ElectLeadersRequest::default() };
            elect_leaders(&mut world.state, &mut world.fx, world.now, call(2), request);
            let response = answer!(world, ElectLeaders);
            let codes = |result: &ReplicaElectionResult| result.partition_result.iter().map(|one| one.error_code.0).collect::<Vec<_>>();
            (response.error_code.0, response.replica_election_results.iter().flat_map(codes).collect::<Vec<_>>())
        };
        let named = |topic: &str| TopicPartitions { topic: topic.into(), partitions: vec![0, 1] };
        assert_eq!(ask(0, None), (0, vec![]));
        assert_eq!(ask(1, Some(vec![named("t"), named("nope")])), (0, vec![84, 3, 3, 3]));
        assert_eq!(ask(2, None), (42, vec![]));
    }

    #[test]
    fn replicas_stay_where_they_are() {
        let mut world = world();
        let partition = |(partition_index, replicas): (i32, Option<Vec<i32>>)| ReassignablePartition { partition_index, replicas };
        let asked = [(0, Some(vec![1])), (0, None), (0, Some(vec![2])), (0, Some(vec![])), (1, Some(vec![1]))];
        let topics = vec![
            ReassignableTopic { name: "t".into(), partitions: asked.map(partition).to_vec() },
            ReassignableTopic { name: "nope".into(), partitions: vec![partition((0, Some(vec![1])))] },
        ];
        let request = AlterPartitionReassignmentsRequest { topics, ..AlterPartitionReassignmentsRequest::default() };
        alter_reassignments(&mut world.state, &mut world.fx, world.now, call(1), request);
        let response = answer!(world, AlterPartitionReassignments);
        let codes: Vec<i16> = response.responses.iter().flat_map(|topic| topic.partitions.iter().map(|one| one.error_code.0)).collect();
        assert_eq!((response.error_code.0, response.error_message, codes), (0, None, vec![0, 85, 39, 39, 3, 3]));
        let nothing = AlterPartitionReassignmentsRequest::default();
        alter_reassignments(&mut world.state, &mut world.fx, world.now, call(1), nothing);
        assert_eq!(answer!(world, AlterPartitionReassignments).error_message, Some(Text::default()));
        list_reassignments(&mut world.state, &mut world.fx, world.now, call(0), ListPartitionReassignmentsRequest::default());
        let response = answer!(world, ListPartitionReassignments);
        assert_eq!((response.error_code.0, response.topics.len()), (0, 0));
    }

    #[test]
    fn there_is_one_directory() {
        let mut world = world();
        let topic = |name: &str| AlterReplicaLogDirTopic { name: name.into(), partitions: vec![0, 1] };
        let dirs = vec![
            AlterReplicaLogDir { path: "/data".into(), topics: vec![topic("t")] },
            AlterReplicaLogDir { path: "/other".into(), topics: vec![topic("u")] },
        ];
        alter_log_dirs(&mut world.state, &mut world.fx, world.now, call(2), AlterReplicaLogDirsRequest { dirs });
        let response = answer!(world, AlterReplicaLogDirs);
        let codes: Vec<i16> = response.results.iter().flat_map(|topic| topic.partitions.iter().map(|one| one.error_code.0)).collect();
        assert_eq!(codes, [0, 3, 57, 57]);
        let to = |path: &str| AlterReplicaLogDir { path: path.into(), topics: vec![topic("t")] };
        let dirs = vec![to("/other"), to("/data")];
        alter_log_dirs(&mut world.state, &mut world.fx, world.now, call(2), AlterReplicaLogDirsRequest { dirs });
        let results = answer!(world, AlterReplicaLogDirs).results;
        let told: Vec<_> = results[0].partitions.iter().map(|one| (one.partition_index, one.error_code.0)).collect();
        assert_eq!((results.len(), told), (1, vec![(0, 0), (1, 3)]), "the last wish counts");
    }
}
