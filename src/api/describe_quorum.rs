//! DescribeQuorum: this node is the quorum. Its offset is the number of the last plan that is on disk, for there is no log of
//! metadata. Versions: from 2 on with the addresses of the nodes.

use super::Call;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::effects::Effects;
use crate::state::topics::CLUSTER_METADATA;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState, TopicData, request,
};

/// Nobody else was ever elected.
const LEADER_EPOCH: i32 = 1;

/// Answers at once.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: DescribeQuorumRequest) {
    let offset = fx.committed().0 as i64;
    let directory = state.broker.cluster_id;
    let describe = |topic: request::TopicData| {
        let describe = |asked: request::PartitionData| {
            if topic.topic_name != CLUSTER_METADATA || asked.partition_index != 0 {
                return unknown(asked.partition_index);
            }
            let voter = ReplicaState {
                replica_id: NODE_ID,
                replica_directory_id: directory,
                log_end_offset: offset,
                last_fetch_timestamp: now.wall_ms,
                last_caught_up_timestamp: now.wall_ms,
            };
            PartitionData {
                partition_index: 0,
                leader_id: NODE_ID,
                leader_epoch: LEADER_EPOCH,
                high_watermark: offset,
                current_voters: vec![voter],
                ..PartitionData::default()
            }
        };
        TopicData { partitions: topic.partitions.into_iter().map(describe).collect(), topic_name: topic.topic_name }
    };
    let listener = Listener {
        name: Text::from_static("PLAINTEXT"),
        host: call.peer.advertised_host.clone(),
        port: u16::try_from(call.peer.advertised_port).unwrap_or_default(),
    };
    let topics: Vec<TopicData> = request.topics.into_iter().map(describe).collect();
    // Kafka names the nodes beside the quorum only.
    let is_told = topics.iter().flat_map(|topic| &topic.partitions).any(|partition| !partition.error_code.is_error());
    let nodes = if is_told { vec![Node { node_id: NODE_ID, listeners: vec![listener] }] } else { Vec::new() };
    let response = DescribeQuorumResponse { topics, nodes, ..DescribeQuorumResponse::default() };
    fx.reply(call.to, Response::DescribeQuorum(response));
}

fn unknown(partition_index: i32) -> PartitionData {
    PartitionData {
        partition_index,
        error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        error_message: Some(Text::from_static("This server does not host this topic-partition.")),
        ..PartitionData::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call};

    #[test]
    fn this_node_leads_itself() {
        let mut world = World::new();
        world.commit();
        let topic = |name: &str, index: i32| request::TopicData {
            topic_name: name.into(),
            partitions: vec![request::PartitionData { partition_index: index }],
        };
        let topics = vec![topic(CLUSTER_METADATA, 0), topic(CLUSTER_METADATA, 1), topic("t", 0)];
        handle(&mut world.state, &mut world.fx, world.now, call(2), DescribeQuorumRequest { topics });
        let response = answer!(world, DescribeQuorum);
        let codes: Vec<i16> = response.topics.iter().map(|topic| topic.partitions[0].error_code.0).collect();
        assert_eq!(codes, [0, 3, 3]);
        let own = &response.topics[0].partitions[0];
        assert_eq!((own.leader_id, own.high_watermark, own.current_voters.len(), own.observers.len()), (1, 1, 1, 0));
        assert_eq!((response.nodes[0].node_id, response.nodes[0].listeners[0].port), (1, 9092));
    }
}
