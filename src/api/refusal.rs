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
    let Held { to, response, entry_plans } = held;
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
            result.configs.clear();
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
