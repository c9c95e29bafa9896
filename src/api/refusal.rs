//! The error form of an answer whose plan was refused (design: "A failed commit"). Called by the engine for every held answer.
//! Which error goes to whom: Produce KAFKA_STORAGE_ERROR for what the refused plans held, group calls and InitProducerId
//! COORDINATOR_NOT_AVAILABLE, everything else KAFKA_STORAGE_ERROR with a message. All of them make clients try again.

use crate::base::ids::PlanNo;
use crate::base::planted::{self, Bug};
use crate::base::text::Text;
use crate::state::effects::{Effects, Held};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::offset_commit::OffsetCommitResponse;
use crate::wire::message::offset_fetch::OffsetFetchResponse;
use crate::wire::message::produce::ProduceResponse;

const COORDINATOR: ErrorCode = ErrorCode::COORDINATOR_NOT_AVAILABLE;
const STORAGE: ErrorCode = ErrorCode::KAFKA_STORAGE_ERROR;
const MESSAGE: Text = Text::from_static("The broker could not store this on its disk; nothing of it was kept.");

/// Answers `held` with its error form; `from` is the first plan that was refused. An acks=0 Produce closes its connection.
pub fn refuse(held: Held, from: PlanNo, fx: &mut Effects) {
    let Held { to, response, entry_plans, .. } = held;
    match response {
        Some(mut response) => {
            spoil(&mut response, &entry_plans, from);
            fx.reply(to, response);
        }
        None => fx.close(to.conn),
    }
}

fn spoil(response: &mut Response, entry_plans: &[PlanNo], from: PlanNo) {
    match response {
        Response::Produce(produce) => spoil_produce(produce, entry_plans, from),
        Response::JoinGroup(join) => join.error_code = COORDINATOR,
        Response::SyncGroup(sync) => {
            sync.error_code = COORDINATOR;
            sync.assignment = bytes::Bytes::new();
        }
        Response::LeaveGroup(leave) => {
            leave.error_code = COORDINATOR;
            leave.members.clear();
        }
        Response::Heartbeat(heartbeat) => heartbeat.error_code = COORDINATOR,
        Response::OffsetCommit(_) if planted::is(Bug::LostOffsetCommit) => {}
        Response::OffsetCommit(commit) => spoil_offset_commit(commit),
        Response::OffsetFetch(fetch) => spoil_offset_fetch(fetch),
        Response::InitProducerId(init) => {
            init.error_code = COORDINATOR;
            init.producer_id = -1;
            init.producer_epoch = -1;
        }
        Response::DescribeGroups(describe) => describe.groups.iter_mut().for_each(|group| group.error_code = COORDINATOR),
        Response::ListGroups(list) => {
            list.error_code = COORDINATOR;
            list.groups.clear();
        }
        Response::Metadata(metadata) => metadata.topics.iter_mut().for_each(|topic| {
            // What a client asks again for; the partitions may never have been.
            topic.error_code = ErrorCode::LEADER_NOT_AVAILABLE;
            topic.partitions.clear();
        }),
        Response::CreateTopics(create) => create.topics.iter_mut().for_each(|topic| {
            topic.error_code = STORAGE;
            topic.error_message = Some(MESSAGE);
        }),
        Response::DeleteTopics(delete) => delete.responses.iter_mut().for_each(|topic| {
            topic.error_code = STORAGE;
            topic.error_message = Some(MESSAGE);
        }),
        Response::DescribeConfigs(describe) => describe.results.iter_mut().for_each(|result| {
            result.error_code = STORAGE;
            result.error_message = Some(MESSAGE);
            result.configs = Default::default();
        }),
        Response::DescribeTopicPartitions(describe) => describe.topics.iter_mut().for_each(|topic| {
            topic.error_code = STORAGE;
            topic.partitions.clear();
        }),
        // These rest on committed state, or on a deletion that is now undone; either way the client asks again.
        Response::Fetch(fetch) => {
            for partition in fetch.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
                partition.error_code = STORAGE;
            }
        }
        Response::ListOffsets(list) => {
            for partition in list.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                partition.error_code = STORAGE;
            }
        }
        Response::OffsetForLeaderEpoch(list) => {
            for partition in list.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                partition.error_code = STORAGE;
            }
        }
        other => spoil_admin(other),
    }
}

/// The APIs of admins.
fn spoil_admin(response: &mut Response) {
    match response {
        Response::AlterConfigs(alter) => alter.responses.iter_mut().for_each(|one| {
            (one.error_code, one.error_message) = (STORAGE, Some(MESSAGE));
        }),
        Response::IncrementalAlterConfigs(alter) => alter.responses.iter_mut().for_each(|one| {
            (one.error_code, one.error_message) = (STORAGE, Some(MESSAGE));
        }),
        Response::CreatePartitions(create) => create.results.iter_mut().for_each(|topic| {
            (topic.error_code, topic.error_message) = (STORAGE, Some(MESSAGE));
        }),
        Response::DeleteRecords(delete) => {
            for partition in delete.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                (partition.error_code, partition.low_watermark) = (STORAGE, -1);
            }
        }
        Response::DeleteGroups(delete) => delete.results.iter_mut().for_each(|group| group.error_code = COORDINATOR),
        Response::OffsetDelete(delete) => {
            delete.error_code = COORDINATOR;
            delete.topics.clear();
        }
        // What these tell may never have been; asked again, they tell what there is.
        Response::DescribeLogDirs(describe) => describe.results.iter_mut().for_each(|dir| {
            dir.error_code = STORAGE;
            dir.topics.clear();
        }),
        Response::DescribeProducers(describe) => {
            for partition in describe.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                (partition.error_code, partition.error_message) = (STORAGE, Some(MESSAGE));
                partition.active_producers.clear();
            }
        }
        Response::ElectLeaders(elect) => {
            elect.error_code = STORAGE;
            elect.replica_election_results.clear();
        }
        Response::AlterPartitionReassignments(alter) => {
            (alter.error_code, alter.error_message) = (STORAGE, Some(MESSAGE));
            alter.responses.clear();
        }
        Response::AlterReplicaLogDirs(alter) => {
            for partition in alter.results.iter_mut().flat_map(|topic| &mut topic.partitions) {
                partition.error_code = STORAGE;
            }
        }
        Response::ListConfigResources(list) => {
            list.error_code = STORAGE;
            list.config_resources.clear();
        }
        // All others were answered by `spoil`, or wait for nothing.
        _ => {}
    }
}

/// Spoils what a Produce, finished or not, has in plans from `from` on.
pub(super) fn spoil_produce(response: &mut ProduceResponse, entry_plans: &[PlanNo], from: PlanNo) {
    let entries = response.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses);
    for (index, entry) in entries.enumerate() {
        let was_refused = entry_plans.get(index).is_none_or(|plan| *plan >= from);
        if was_refused && entry.error_code == ErrorCode::NONE {
            entry.error_code = STORAGE;
            entry.error_message = Some(MESSAGE);
            entry.base_offset = -1;
            entry.log_append_time_ms = -1;
            entry.log_start_offset = -1;
        }
    }
}

fn spoil_offset_commit(response: &mut OffsetCommitResponse) {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code == ErrorCode::NONE {
            partition.error_code = COORDINATOR;
        }
    }
}

fn spoil_offset_fetch(response: &mut OffsetFetchResponse) {
    response.error_code = COORDINATOR;
    // Version 1 has no error of its own: there each partition says it.
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        partition.error_code = COORDINATOR;
        partition.committed_offset = -1;
    }
    for group in &mut response.groups {
        group.error_code = COORDINATOR;
        group.topics.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::input::ReplyTo;
    use crate::mail::output::Output;
    use crate::wire::message::{
        alter_configs, alter_partition_reassignments, alter_replica_log_dirs, create_partitions, delete_groups, delete_records,
        describe_log_dirs, describe_producers, elect_leaders, incremental_alter_configs, list_config_resources, offset_delete,
    };

    /// The error form of an answer that waited for a refused plan, as it prints.
    fn refused(response: Response) -> String {
        let mut fx = Effects::default();
        let to = ReplyTo { conn: Default::default(), seq: 0 };
        refuse(Held { to, response: Some(response), entry_plans: Vec::new(), charge: None }, PlanNo(1), &mut fx);
        match fx.take_outputs().remove(0) {
            Output::Answer { response: Some(response), .. } => format!("{response:?}"),
            other => panic!("not an answer: {other:?}"),
        }
    }

    #[test]
    fn nothing_that_an_admin_was_to_be_told_is_told_as_done() {
        let (storage, coordinator) = (format!("{STORAGE:?}"), format!("{COORDINATOR:?}"));
        let stored = [
            Response::AlterConfigs(alter_configs::AlterConfigsResponse { responses: vec![Default::default()], ..Default::default() }),
            Response::IncrementalAlterConfigs(incremental_alter_configs::IncrementalAlterConfigsResponse {
                responses: vec![Default::default()],
                ..Default::default()
            }),
            Response::CreatePartitions(create_partitions::CreatePartitionsResponse {
                results: vec![Default::default()],
                ..Default::default()
            }),
            Response::DeleteRecords(delete_records::DeleteRecordsResponse {
                topics: vec![delete_records::DeleteRecordsTopicResult { partitions: vec![Default::default()], ..Default::default() }],
                ..Default::default()
            }),
            Response::DescribeLogDirs(describe_log_dirs::DescribeLogDirsResponse {
                results: vec![Default::default()],
                ..Default::default()
            }),
            Response::DescribeProducers(describe_producers::DescribeProducersResponse {
                topics: vec![describe_producers::TopicResponse { partitions: vec![Default::default()], ..Default::default() }],
                ..Default::default()
            }),
            Response::AlterReplicaLogDirs(alter_replica_log_dirs::AlterReplicaLogDirsResponse {
                results: vec![alter_replica_log_dirs::AlterReplicaLogDirTopicResult {
                    partitions: vec![Default::default()],
                    ..Default::default()
                }],
                ..Default::default()
            }),
            Response::ElectLeaders(elect_leaders::ElectLeadersResponse::default()),
            Response::AlterPartitionReassignments(alter_partition_reassignments::AlterPartitionReassignmentsResponse::default()),
            Response::ListConfigResources(list_config_resources::ListConfigResourcesResponse::default()),
        ];
        for response in stored {
            let told = refused(response);
            assert!(told.contains(&storage), "{told}");
        }
        let of_groups = [
            Response::DeleteGroups(delete_groups::DeleteGroupsResponse { results: vec![Default::default()], ..Default::default() }),
            Response::OffsetDelete(offset_delete::OffsetDeleteResponse::default()),
        ];
        for response in of_groups {
            let told = refused(response);
            assert!(told.contains(&coordinator), "{told}");
        }
    }
}
