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
