//! FindCoordinator 0-6: this broker coordinates everything there is to coordinate, at the address that its peer was told. Version
//! 1 knows transactions, 4 asks for many keys at once (KIP-699), 6 knows share groups (KIP-932).

use super::Call;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};

/// `CoordinatorType.GROUP` and `TRANSACTION`. The latter is answered too, as Kafka does before any transaction has begun: a
/// producer then meets what is not served at InitProducerId, with an error that says so. `SHARE` (2) is refused, as by a Kafka
/// whose share coordinator is off.
const KEY_TYPES: std::ops::RangeInclusive<i8> = 0..=1;

/// Answers at once.
pub fn handle(_state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: FindCoordinatorRequest) {
    let found = if KEY_TYPES.contains(&request.key_type) { ErrorCode::NONE } else { ErrorCode::INVALID_REQUEST };
    let response = if call.api_version < 4 {
        let one = coordinator(&call, found, Text::default());
        FindCoordinatorResponse {
            error_code: one.error_code,
            error_message: one.error_message,
            node_id: one.node_id,
            host: one.host,
            port: one.port,
            ..FindCoordinatorResponse::default()
        }
    } else {
        let coordinators = request.coordinator_keys.into_iter().map(|key| coordinator(&call, found, key)).collect();
        FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() }
    };
    fx.reply(call.to, Response::FindCoordinator(response));
}

fn coordinator(call: &Call, error_code: ErrorCode, key: Text) -> Coordinator {
    if error_code != ErrorCode::NONE {
        let error_message = Some(Text::from_static("There is no coordinator of this type."));
        return Coordinator { key, node_id: -1, host: Text::default(), port: -1, error_code, error_message };
    }
    let (host, port) = (call.peer.advertised_host.clone(), call.peer.advertised_port);
    // Kafka's own difference: null up to version 3, "" from 4.
    let error_message = (call.api_version >= 4).then(Text::default);
    Coordinator { key, node_id: NODE_ID, host, port, error_code, error_message }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, answer, call};
    use super::*;

    fn find(version: i16, key_type: i8) -> FindCoordinatorResponse {
        let mut world = World::new();
        let keys = vec![Text::from("a"), Text::default()];
        let request = FindCoordinatorRequest { key: Text::from("a"), key_type, coordinator_keys: keys };
        handle(&mut world.state, &mut world.fx, world.now, call(version), request);
        answer!(world, FindCoordinator)
    }

    #[test]
    fn this_broker_coordinates_groups_and_transactions() {
        for key_type in [0, 1] {
            let found = find(3, key_type);
            assert_eq!((found.error_code, found.node_id, &*found.host, found.port), (ErrorCode::NONE, NODE_ID, "broker.test", 9092));
            assert!(found.coordinators.is_empty());
            let found = find(4, key_type).coordinators;
            assert_eq!(found.len(), 2, "every key has its answer, the empty one too");
            assert!(found.iter().all(|one| one.error_code == ErrorCode::NONE && one.host == "broker.test" && one.node_id == NODE_ID));
            assert_eq!((&*found[0].key, &*found[1].key), ("a", ""));
        }
    }

    #[test]
    fn of_other_types_there_is_none() {
        for key_type in [2, 3, -1] {
            assert_eq!(find(1, key_type).error_code, ErrorCode::INVALID_REQUEST);
            let found = find(6, key_type).coordinators;
            assert!(found.iter().all(|one| one.error_code == ErrorCode::INVALID_REQUEST && one.node_id == -1 && one.host.is_empty()));
        }
    }
}
