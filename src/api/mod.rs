//! What each Kafka key does: one thin handler file per key. A handler resolves names, calls one rule of `state`, and fills the
//! answer. Called by the engine only.

#![deny(clippy::iter_over_hash_type)]

pub mod acls;
pub mod alter_configs;
pub mod api_versions;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_client_quotas;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_quorum;
pub mod describe_topic_partitions;
pub mod describe_user_scram_credentials;
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
pub mod metadata;
mod named;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
mod operations;
pub mod produce;
pub mod refusal;
pub mod replicas;
pub mod sync_group;
#[cfg(test)]
mod testing;
pub mod update_features;
pub mod views;

use crate::base::text::Text;
use crate::base::time::Now;
use crate::mail::input::{Peer, ReplyTo};
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::group::turn::Caller;
use crate::wire::field::Field;
use crate::wire::message::Request;
use std::sync::Arc;

/// What Kafka says of a request that it finds wrong and says no more of (`Errors.INVALID_REQUEST`).
const MALFORMED: &str = "This most likely occurs because of a request being malformed by the client library or the message was sent \
    to an incompatible broker. See the broker logs for more details.";

/// What a handler knows of the request beside its body.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where the answer goes.
    pub to: ReplyTo,
    /// Version of the request.
    pub api_version: i16,
    /// The number by which the client finds the answer.
    pub correlation_id: i32,
    /// `client_id` of the header.
    pub client_id: Option<Text>,
    /// The connection it came by.
    pub peer: Arc<Peer>,
}

impl Call {
    /// The caller, as the rules of groups know it.
    pub fn group_caller(&self) -> Caller {
        Caller {
            to: self.to,
            api_version: self.api_version,
            client_id: self.client_id.clone().unwrap_or_default(),
            client_host: self.peer.host.clone(),
        }
    }
}

/// How much memory one answer may still take: `limits.memory` for all of it. What a request names beyond that is refused, so that a
/// short request for what is large, or for the same thing again and again, cannot take more than there is.
pub(crate) struct AnswerRoom(usize);

impl AnswerRoom {
    /// What an entry that is refused says, where it can say something.
    pub(crate) const REFUSED: Text = Text::from_static("Too much for one answer, by limits.memory: ask for less at a time.");

    /// For a new answer.
    pub(crate) fn new(state: &State) -> AnswerRoom {
        AnswerRoom(state.broker.memory.limit_bytes())
    }

    /// Takes the room for an entry; false when there is not so much. For a moment it is there twice: as it is, and encoded.
    pub(crate) fn take(&mut self, entry: &impl Field) -> bool {
        self.take_bytes(2 * entry.heap_bytes())
    }

    /// Takes so many bytes, if they are there.
    pub(crate) fn take_bytes(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// Decides one request. Produce is not among them: it may have to wait for room in a plan (see [`produce::ProduceWork`]).
pub fn dispatch(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: Request) {
    match request {
        Request::Produce(_) => unreachable!("the engine queues produces itself"),
        Request::Fetch(request) => fetch::handle(state, fx, now, call, request),
        Request::ListOffsets(request) => list_offsets::handle(state, fx, now, call, request),
        Request::Metadata(request) => metadata::handle(state, fx, now, call, request),
        Request::OffsetCommit(request) => offset_commit::handle(state, fx, now, call, request),
        Request::OffsetFetch(request) => offset_fetch::handle(state, fx, now, call, request),
        Request::FindCoordinator(request) => find_coordinator::handle(state, fx, now, call, request),
        Request::JoinGroup(request) => join_group::handle(state, fx, now, call, request),
        Request::Heartbeat(request) => heartbeat::handle(state, fx, now, call, request),
        Request::LeaveGroup(request) => leave_group::handle(state, fx, now, call, request),
        Request::SyncGroup(request) => sync_group::handle(state, fx, now, call, request),
        Request::DescribeGroups(request) => describe_groups::handle(state, fx, now, call, request),
        Request::ListGroups(request) => list_groups::handle(state, fx, now, call, request),
        Request::ApiVersions(request) => api_versions::handle(state, fx, now, call, request),
        Request::CreateTopics(request) => create_topics::handle(state, fx, now, call, request),
        Request::DeleteTopics(request) => delete_topics::handle(state, fx, now, call, request),
        Request::InitProducerId(request) => init_producer_id::handle(state, fx, now, call, request),
        Request::OffsetForLeaderEpoch(request) => offset_for_leader_epoch::handle(state, fx, now, call, request),
        Request::DescribeConfigs(request) => describe_configs::handle(state, fx, now, call, request),
        Request::DescribeCluster(request) => describe_cluster::handle(state, fx, now, call, request),
        Request::DescribeTopicPartitions(request) => describe_topic_partitions::handle(state, fx, now, call, request),
        Request::DeleteRecords(request) => delete_records::handle(state, fx, now, call, request),
        Request::DescribeAcls(request) => acls::describe(state, fx, now, call, request),
        Request::CreateAcls(request) => acls::create(state, fx, now, call, request),
        Request::DeleteAcls(request) => acls::delete(state, fx, now, call, request),
        Request::AlterConfigs(request) => alter_configs::handle(state, fx, now, call, request),
        Request::AlterReplicaLogDirs(request) => replicas::alter_log_dirs(state, fx, now, call, request),
        Request::DescribeLogDirs(request) => describe_log_dirs::handle(state, fx, now, call, request),
        Request::CreatePartitions(request) => create_partitions::handle(state, fx, now, call, request),
        Request::DeleteGroups(request) => delete_groups::handle(state, fx, now, call, request),
        Request::ElectLeaders(request) => replicas::elect_leaders(state, fx, now, call, request),
        Request::IncrementalAlterConfigs(request) => incremental_alter_configs::handle(state, fx, now, call, request),
        Request::AlterPartitionReassignments(request) => replicas::alter_reassignments(state, fx, now, call, request),
        Request::ListPartitionReassignments(request) => replicas::list_reassignments(state, fx, now, call, request),
        Request::OffsetDelete(request) => offset_delete::handle(state, fx, now, call, request),
        Request::DescribeClientQuotas(request) => describe_client_quotas::handle(state, fx, now, call, request),
        Request::DescribeUserScramCredentials(request) => describe_user_scram_credentials::handle(state, fx, now, call, request),
        Request::DescribeQuorum(request) => describe_quorum::handle(state, fx, now, call, request),
        Request::UpdateFeatures(request) => update_features::handle(state, fx, now, call, request),
        Request::DescribeProducers(request) => describe_producers::handle(state, fx, now, call, request),
        Request::ListConfigResources(request) => list_config_resources::handle(state, fx, now, call, request),
    }
}
