//! DescribeCluster: this one broker, under the address by which the caller reached it.
//! Versions: 1 names the kind of endpoint, of which there are brokers only; 2 knows fenced brokers, of which there are none.

use super::{Call, operations};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::describe_cluster::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers at once: nothing in it changes.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: DescribeClusterRequest) {
    let refused = |error_code, message: String| DescribeClusterResponse {
        error_code,
        error_message: Some(Text::from(message)),
        ..DescribeClusterResponse::default()
    };
    let response = match request.endpoint_type {
        BROKERS => DescribeClusterResponse {
            cluster_id: Text::from(state.broker.cluster_id.to_string()),
            controller_id: NODE_ID,
            brokers: vec![DescribeClusterBroker {
                broker_id: NODE_ID,
                host: call.peer.advertised_host.clone(),
                port: call.peer.advertised_port,
                ..DescribeClusterBroker::default()
            }],
            cluster_authorized_operations: if request.include_cluster_authorized_operations { operations::CLUSTER } else { i32::MIN },
            ..DescribeClusterResponse::default()
        },
        CONTROLLERS => {
            let message = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
            refused(ErrorCode::MISMATCHED_ENDPOINT_TYPE, message.to_owned())
        }
        other => refused(ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, format!("Unsupported endpoint type {other}")),
    };
    fx.reply(call.to, Response::DescribeCluster(response));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call};

    fn ask(request: DescribeClusterRequest) -> DescribeClusterResponse {
        let mut world = World::new();
        handle(&mut world.state, &mut world.fx, world.now, call(2), request);
        answer!(world, DescribeCluster)
    }

    #[test]
    fn the_one_broker_is_named_as_the_caller_reached_it() {
        let response = ask(DescribeClusterRequest::default());
        assert_eq!((response.error_code, response.controller_id), (ErrorCode::NONE, 1));
        assert_eq!(response.cluster_id.len(), 22);
        let brokers: Vec<_> = response.brokers.iter().map(|broker| (broker.broker_id, broker.host.as_str(), broker.port)).collect();
        assert_eq!(brokers, [(1, "broker.test", 9092)]);
        assert_eq!(response.cluster_authorized_operations, i32::MIN);
        let asked = DescribeClusterRequest { include_cluster_authorized_operations: true, ..DescribeClusterRequest::default() };
        assert_eq!(ask(asked).cluster_authorized_operations, 8096, "as Kafka 4.3.1 answers");
    }

    #[test]
    fn other_endpoints_are_refused() {
        let of = |endpoint_type| ask(DescribeClusterRequest { endpoint_type, ..DescribeClusterRequest::default() }).error_code;
        assert_eq!(of(2), ErrorCode::MISMATCHED_ENDPOINT_TYPE);
        assert_eq!(of(3), ErrorCode::UNSUPPORTED_ENDPOINT_TYPE);
    }
}
