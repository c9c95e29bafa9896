//! FindCoordinator 0-6: this broker coordinates everything there is to coordinate, at the address that its peer was told. Version
//! 1 knows transactions, 4 asks for many keys at once (KIP-699), 6 knows share groups (KIP-932).

use super::{Call, MALFORMED};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::effects::Effects;
use crate::state::topics::change;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};

/// `CoordinatorType.GROUP` and `TRANSACTION`. The latter is answered too, as Kafka does before any transaction has begun: a
/// producer then meets what is not served at InitProducerId, with an error that says so. `SHARE` is refused, as by a Kafka
/// whose share coordinator is off.
const KEY_TYPES: std::ops::RangeInclusive<i8> = GROUP..=1;
const GROUP: i8 = 0;
const SHARE: i8 = 2;

/// Answers at once: the topic that the first question makes is only there to be seen.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: FindCoordinatorRequest) {
    if request.key_type == GROUP {
        change::ensure_offsets_topic(state, fx, now);
    }
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
        let mut coordinators: Vec<Coordinator> = request.coordinator_keys.into_iter().map(|key| coordinator(&call, found, key)).collect();
        if request.key_type == SHARE {
            // Kafka knows this type, and looks at each key by itself, which leaves no message.
            coordinators.iter_mut().for_each(|one| one.error_message = Some(Text::default()));
        }
        FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() }
    };
    fx.reply(call.to, Response::FindCoordinator(response));
}

fn coordinator(call: &Call, error_code: ErrorCode, key: Text) -> Coordinator {
    if error_code != ErrorCode::NONE {
        let error_message = Some(Text::from_static(MALFORMED));
        return Coordinator { key, node_id: -1, host: Text::default(), port: -1, error_code, error_message };
    }
    let (host, port) = (call.peer.advertised_host.clone(), call.peer.advertised_port);
    // Kafka's own difference: the name of no error up to version 3, "" from 4.
    let error_message = Some(if call.api_version < 4 { Text::from_static("NONE") } else { Text::default() });
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
    fn the_first_question_makes_the_topic_of_offsets() {
        let mut world = World::new();
        let ask = |world: &mut World, key_type| {
            let request = FindCoordinatorRequest { key: Text::from("g"), key_type, ..FindCoordinatorRequest::default() };
            handle(&mut world.state, &mut world.fx, world.now, call(3), request);
            answer!(world, FindCoordinator);
        };
        ask(&mut world, 1);
        assert!(world.state.topics.is_empty());
        world.state.read_only = true;
        ask(&mut world, 0);
        assert!(world.state.topics.is_empty(), "a full disk takes nothing new");
        world.state.read_only = false;
        ask(&mut world, 0);
        ask(&mut world, 0);
        let topic = world.state.topics.by_name("__consumer_offsets").expect("it was made");
        assert_eq!((topic.partitions.len(), topic.log_config.compacted, world.state.topics.counts()), (50, true, (0, 0)));
        assert_eq!(world.commit().len(), 52, "once");
    }

    #[test]
    fn of_other_types_there_is_none() {
        for key_type in [2, 3, -1] {
            assert_eq!(find(1, key_type).error_code, ErrorCode::INVALID_REQUEST);
            let found = find(6, key_type).coordinators;
            assert!(found.iter().all(|one| one.error_code == ErrorCode::INVALID_REQUEST && one.node_id == -1 && one.host.is_empty()));
            let says_why = key_type != 2;
            assert!(found.iter().all(|one| one.error_message.as_deref().is_some_and(|message| message.is_empty() != says_why)));
        }
    }
}
