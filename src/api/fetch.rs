//! Fetch (key 1): reads batches (`KafkaApis.handleFetchRequest`). Versions: 7 brought fetch sessions, 9 leader epochs, 13 topics by
//! id. Whoever asks is served as a consumer: there are no followers. Racks mean nothing on one node.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::log::fetch::FetchParams;
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
