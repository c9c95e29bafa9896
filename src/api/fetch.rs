//! Fetch (key 1): reads batches (`KafkaApis.handleFetchRequest`). Versions: 7 brought fetch sessions, 9 leader epochs, 13 topics by
//! id. Whoever asks is served as a consumer: there are no followers. Racks mean nothing on one node.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::log::target::FetchParams;
use crate::wire::message::fetch::FetchRequest;

/// The first version that names topics by id.
const TOPIC_IDS_VERSION: i16 = 13;
/// `isolation_level` of those who must not see open transactions.
const READ_COMMITTED: i8 = 1;

/// Answers at once, parks the request, or hands it to the cold readers.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: FetchRequest) {
    let max_bytes = usize::try_from(request.max_bytes).unwrap_or_default().min(state.broker.fetch_bytes_max);
    let params = FetchParams {
        to: call.to,
        correlation_id: call.correlation_id,
        client_id: call.client_id,
        uses_ids: call.api_version >= TOPIC_IDS_VERSION,
        max_wait_ms: u64::try_from(request.max_wait_ms).unwrap_or_default(),
        min_bytes: usize::try_from(request.min_bytes).unwrap_or_default().min(max_bytes),
        max_bytes,
        read_committed: request.isolation_level == READ_COMMITTED,
        session_wish: 1 + state.rng.below(i32::MAX as u64) as i32,
        after: PlanNo::COMMITTED,
    };
    state.log.fetch(request, params, &state.topics, fx, &mut state.timers, now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::base::text::Text;
    use crate::wire::error_code::ErrorCode;
    use crate::wire::message::fetch::{FetchPartition, FetchTopic};

    fn request(world: &World, max_wait_ms: i32, min_bytes: i32) -> FetchRequest {
        let partitions = vec![FetchPartition { partition_max_bytes: 1 << 20, ..FetchPartition::default() }];
        let topic_id = world.state.topics.by_name("t").unwrap().id;
        let topics = vec![FetchTopic { topic: Text::from("t"), topic_id, partitions }];
        FetchRequest { max_wait_ms, min_bytes, topics, ..FetchRequest::default() }
    }

    #[test]
    fn sessions_ids_and_isolation_follow_the_request() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        world.fill("t", 0, 3);
        let read = |world: &mut World, api_version, session_epoch, isolation_level| {
            let request = FetchRequest { session_epoch, isolation_level, ..request(world, 0, 0) };
            handle(&mut world.state, &mut world.fx, world.now, call(api_version), request);
            answer!(world, Fetch)
        };
        let plain = read(&mut world, 12, -1, 0);
        assert_eq!((plain.session_id, plain.responses[0].topic.as_str()), (0, "t"));
        assert_eq!((plain.responses[0].topic_id.is_zero(), &plain.responses[0].partitions[0].aborted_transactions), (true, &None));
        let ids = read(&mut world, 13, 0, READ_COMMITTED);
        assert!(ids.session_id > 0 && ids.responses[0].topic.is_empty() && !ids.responses[0].topic_id.is_zero());
        assert_eq!(ids.responses[0].partitions[0].aborted_transactions, Some(vec![]));
        assert_ne!(read(&mut world, 13, 0, 0).session_id, ids.session_id);
    }

    #[test]
    fn the_bound_of_the_broker_is_a_bound_for_min_bytes_too() {
        let broker = crate::state::broker::Broker { fetch_bytes_max: 10, ..crate::state::topics::tests::broker() };
        let mut world = World::with(broker);
        world.create(&[wanted("t", 1, &[])]);
        let asked = request(&world, 1_000, i32::MAX);
        handle(&mut world.state, &mut world.fx, world.now, call(12), asked);
        assert!(world.answered().is_none());
        world.fill("t", 0, 1);
        let answered = answer!(world, Fetch);
        assert_eq!(answered.responses[0].partitions[0].error_code, ErrorCode::NONE);
        assert!(!answered.responses[0].partitions[0].records.is_empty());
    }

    #[test]
    fn negative_waits_and_bounds_mean_none() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        for asked in [request(&world, -1, 1), request(&world, 1_000, -1), FetchRequest { max_bytes: -1, ..request(&world, 1_000, 1) }] {
            handle(&mut world.state, &mut world.fx, world.now, call(12), asked);
            assert!(world.answered().is_some());
        }
    }
}
