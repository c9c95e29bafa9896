//! InitProducerId (key 22): a producer id for an idempotent producer (`KafkaApis.handleInitProducerIdRequest`). Every call gives a
//! new id with epoch 0; the answer waits for the plan that made the id impossible to hand out again. Version 3 may name the
//! id that the producer had (KIP-360), which means something in transactions only.
//!
//! Transactions are not served: a transactional id gets TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which clients report at once and
//! by name; COORDINATOR_NOT_AVAILABLE, the other candidate, they retry until they time out.

use super::Call;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

/// transaction.max.timeout.ms: the longest time that a transaction may take.
const TRANSACTION_TIMEOUT_MS_MAX: i32 = 900_000;

/// Hands out the next id.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: InitProducerIdRequest) {
    let error_code = if request.transactional_id.as_deref().is_some_and(str::is_empty) {
        ErrorCode::INVALID_REQUEST
    } else if request.transactional_id.is_some() {
        let is_possible = (1..=TRANSACTION_TIMEOUT_MS_MAX).contains(&request.transaction_timeout_ms);
        if is_possible { ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED } else { ErrorCode::INVALID_TRANSACTION_TIMEOUT }
    } else if (request.producer_id == -1) != (request.producer_epoch == -1) {
        ErrorCode::INVALID_REQUEST
    } else if state.read_only {
        ErrorCode::COORDINATOR_NOT_AVAILABLE
    } else {
        let (producer_id, taken_in) = state.producer_ids.allocate(fx);
        let response = InitProducerIdResponse { producer_id, ..InitProducerIdResponse::default() };
        return fx.reply_after(call.to, taken_in, Response::InitProducerId(response));
    };
    let response = InitProducerIdResponse { error_code, producer_id: -1, producer_epoch: -1, ..InitProducerIdResponse::default() };
    fx.reply(call.to, Response::InitProducerId(response));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call};
    use crate::base::text::Text;

    fn init(world: &mut World, request: InitProducerIdRequest) -> (ErrorCode, i64, i16) {
        handle(&mut world.state, &mut world.fx, world.now, call(4), request);
        let response = answer!(world, InitProducerId);
        (response.error_code, response.producer_id, response.producer_epoch)
    }

    fn plain() -> InitProducerIdRequest {
        InitProducerIdRequest { transactional_id: None, ..InitProducerIdRequest::default() }
    }

    #[test]
    fn an_empty_transactional_id_is_malformed_and_others_are_refused() {
        let mut world = World::new();
        let (refused, impossible) = (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        for (id, transaction_timeout_ms, code) in [
            ("", 60_000, ErrorCode::INVALID_REQUEST),
            ("", 0, ErrorCode::INVALID_REQUEST),
            ("t", 1, refused),
            ("t", 900_000, refused),
            ("t", 0, impossible),
            ("t", -1, impossible),
            ("t", 900_001, impossible),
        ] {
            let request = InitProducerIdRequest { transactional_id: Some(Text::from(id)), transaction_timeout_ms, ..plain() };
            assert_eq!(init(&mut world, request), (code, -1, -1));
        }
    }

    #[test]
    fn every_call_gives_another_id_once_its_block_is_on_disk() {
        let mut world = World::new();
        handle(&mut world.state, &mut world.fx, world.now, call(4), plain());
        assert!(world.answered().is_none());
        assert_eq!(answer!(world, InitProducerId).producer_id, 0);
        handle(&mut world.state, &mut world.fx, world.now, call(4), plain());
        assert!(world.answered().is_some(), "the block is on disk");
        let bumped = InitProducerIdRequest { producer_id: 1, producer_epoch: 5, ..plain() };
        assert_eq!(init(&mut world, bumped), (ErrorCode::NONE, 2, 0), "without transactions what it had means nothing");
    }

    #[test]
    fn what_cannot_be_served_says_why() {
        let mut world = World::new();
        let half = InitProducerIdRequest { producer_id: 1, ..plain() };
        assert_eq!(init(&mut world, half), (ErrorCode::INVALID_REQUEST, -1, -1));
        let transactional = InitProducerIdRequest { transactional_id: Some(Text::from("t")), transaction_timeout_ms: 60_000, ..plain() };
        assert_eq!(init(&mut world, transactional), (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1, -1));
        world.state.read_only = true;
        assert_eq!(init(&mut world, plain()), (ErrorCode::COORDINATOR_NOT_AVAILABLE, -1, -1));
        assert!(!world.fx.has_rows());
    }
}
