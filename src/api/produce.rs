//! Produce (key 0): takes batches in (`KafkaApis.handleProduceRequest`). Versions: 7 brought zstd, 8 the errors of single records,
//! 13 topics by id. acks 1 and -1 mean the same here, on disk; with acks 0 nothing is answered, and an error closes.
//!
//! Transactions are not served: who sends part of one is answered as by a Kafka that authorizes nobody for transactional ids.

use super::{Call, refusal};
use crate::base::ids::{PartId, PlanNo};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::{Effects, Held};
use crate::state::log::partition::{Appended, Rejection};
use crate::state::topics::{Topic, Topics, is_internal};
use crate::wire::batch::{BatchError, CheckedBatch};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::produce::{PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData, TopicProduceResponse};

/// The first version that names topics by id.
const TOPIC_IDS_VERSION: i16 = 13;
/// The client id that may write to internal topics (`AdminUtils.ADMIN_CLIENT_ID`).
const ADMIN_CLIENT_ID: &str = "__admin_client";

/// A Produce that is being decided. It may span plans: when the plan being filled has no room left, it goes on in the next.
#[derive(Debug)]
pub struct ProduceWork {
    call: Call,
    request: ProduceRequest,
    batches: std::vec::IntoIter<Result<CheckedBatch, BatchError>>,
    copies: Copies,
    is_transactional: bool,
    // What was decided, in the order of the request.
    response: ProduceResponse,
    entry_plans: Vec<PlanNo>,
    after: PlanNo,
}

impl ProduceWork {
    /// `batches`: what the reactor made of the records, in the order of the request.
    pub fn new(call: Call, request: ProduceRequest, batches: Vec<Result<CheckedBatch, BatchError>>) -> ProduceWork {
        ProduceWork {
            copies: Copies::of(&batches),
            is_transactional: batches.iter().flatten().any(|batch| batch.header().is_transactional()),
            response: ProduceResponse { responses: Vec::with_capacity(request.topic_data.len()), ..ProduceResponse::default() },
            entry_plans: Vec::with_capacity(batches.len()),
            after: PlanNo::COMMITTED,
            batches: batches.into_iter(),
            call,
            request,
        }
    }

    /// Decides as much as the plan being filled has room for; true when all is decided and the answer is on the sheet.
    pub fn advance(&mut self, state: &mut State, fx: &mut Effects, now: Now) -> bool {
        let mut topic = self.response.responses.len().saturating_sub(1);
        while let Some(data) = self.request.topic_data.get(topic) {
            if self.response.responses.len() == topic {
                self.response.responses.push(TopicProduceResponse {
                    name: data.name.clone(),
                    topic_id: data.topic_id,
                    partition_responses: Vec::with_capacity(data.partition_data.len()),
                });
            }
            let entries = &mut self.response.responses[topic].partition_responses;
            let (found, found_in) = find(data, self.call.api_version, &state.topics);
            self.after = self.after.max(found_in);
            for partition in &data.partition_data[entries.len()..] {
                if !fx.has_room() {
                    return false;
                }
                let batch = self.batches.next().unwrap_or(Err(BatchError::NoBatch));
                let checks = Checks { request: &self.request, call: &self.call, is_transactional: self.is_transactional };
                let outcome = checks.pass(found, partition.index, batch, state).and_then(|(topic, part, batch)| {
                    let copy = self.copies.wanted(batch.size());
                    state.log.append(part, batch, &topic.log_config, copy, state.read_only, fx, &mut state.timers, now)
                });
                let plan = outcome.as_ref().map_or(PlanNo::COMMITTED, |appended| appended.plan);
                self.after = self.after.max(plan);
                self.entry_plans.push(plan);
                entries.push(entry(partition.index, outcome));
            }
            topic += 1;
        }
        self.finish(fx);
        true
    }

    /// Plans from `from` on were refused before this was finished: what they held of it has failed.
    pub fn refuse(&mut self, from: PlanNo) {
        refusal::spoil_produce(&mut self.response, &self.entry_plans, from);
    }

    fn finish(&mut self, fx: &mut Effects) {
        let to = self.call.to;
        let response = std::mem::take(&mut self.response);
        let entry_plans = std::mem::take(&mut self.entry_plans);
        let mut entries = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        if self.request.acks != 0 {
            fx.hold(self.after, Held { to, response: Some(Response::Produce(response)), entry_plans });
        } else if entries.any(|entry| entry.error_code.is_error()) {
            // So that the producer, which gets no answer, notices and asks for metadata again.
            fx.close(to.conn);
        } else {
            fx.hold(self.after, Held { to, response: None, entry_plans });
        }
    }
}

/// The topic that is named, and the plan that this rests on.
fn find<'a>(data: &TopicProduceData, api_version: i16, topics: &'a Topics) -> (Result<&'a Topic, ErrorCode>, PlanNo) {
    let (found, missing, missing_in) = if api_version >= TOPIC_IDS_VERSION {
        (topics.by_id(data.topic_id), ErrorCode::UNKNOWN_TOPIC_ID, topics.missing_id(data.topic_id))
    } else {
        (topics.by_name(&data.name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, topics.missing_name(&data.name))
    };
    match found {
        Some(topic) => (Ok(topic), topic.created_in),
        None => (Err(missing), missing_in),
    }
}

/// What is checked before the log is asked.
struct Checks<'a> {
    request: &'a ProduceRequest,
    call: &'a Call,
    is_transactional: bool,
}

impl Checks<'_> {
    /// In Kafka's order: authorization, existence, the form of the records, acks, internal topics, their contents.
    fn pass<'a>(
        &self,
        found: Result<&'a Topic, ErrorCode>,
        index: i32,
        batch: Result<CheckedBatch, BatchError>,
        state: &State,
    ) -> Result<(&'a Topic, PartId, CheckedBatch), Box<Rejection>> {
        let refused = |code| Err(Box::new(Rejection::code(code)));
        if self.is_transactional {
            return refused(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
        }
        let topic = found.map_err(|code| Box::new(Rejection::code(code)))?;
        let Some(part) = topic.partition(index) else { return refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) };
        if let Err(error) = &batch
            && !is_judged_late(error)
        {
            return Err(Box::new(bad_batch(error, -1)));
        }
        if !(-1..=1).contains(&self.request.acks) {
            return refused(ErrorCode::INVALID_REQUIRED_ACKS);
        }
        if is_internal(&topic.name) && self.call.client_id.as_deref() != Some(ADMIN_CLIENT_ID) {
            return refused(ErrorCode::INVALID_TOPIC_EXCEPTION);
        }
        let batch = batch.map_err(|error| {
            let tells_log_start = error.error_code() == ErrorCode::INVALID_RECORD;
            let partition = state.log.partition(part).filter(|_| tells_log_start);
            Box::new(bad_batch(&error, partition.map_or(-1, |partition| partition.log_start())))
        })?;
        Ok((topic, part, batch))
    }
}

/// Whether Kafka finds this fault only when it appends (`UnifiedLog`, `LogValidator`), not in `ProduceRequest.validateRecords`.
fn is_judged_late(error: &BatchError) -> bool {
    !matches!(
        error,
        BatchError::NoBatch
            | BatchError::SeveralBatches
            | BatchError::OldMagic(_)
            | BatchError::Magic(_)
            | BatchError::Length(_)
            | BatchError::ZstdTooEarly { .. }
    )
}

fn bad_batch(error: &BatchError, log_start_offset: i64) -> Rejection {
    Rejection { log_start_offset, message: Some(Text::from(error.to_string())), ..Rejection::code(error.error_code()) }
}

fn entry(index: i32, outcome: Result<Appended, Box<Rejection>>) -> PartitionProduceResponse {
    match outcome {
        Ok(appended) => PartitionProduceResponse {
            index,
            base_offset: appended.base_offset,
            log_append_time_ms: appended.log_append_time_ms,
            log_start_offset: appended.log_start_offset,
            ..PartitionProduceResponse::default()
        },
        Err(rejection) => PartitionProduceResponse {
            index,
            error_code: rejection.error_code,
            base_offset: -1,
            log_start_offset: rejection.log_start_offset,
            record_errors: rejection.record_errors,
            error_message: rejection.message,
            ..PartitionProduceResponse::default()
        },
    }
}

/// Which batches are copied out of their frame, so that a small one in the tail cache does not keep all of it: those below a
/// quarter, and the rest too when together it makes up less than three quarters. What is kept is thus charged for nearly all it pins.
#[derive(Debug)]
struct Copies {
    below: usize,
}

impl Copies {
    fn of(batches: &[Result<CheckedBatch, BatchError>]) -> Copies {
        let sizes = || batches.iter().flatten().map(CheckedBatch::size);
        let total: usize = sizes().sum();
        let quarter = total.div_ceil(4);
        let shared: usize = sizes().filter(|size| *size >= quarter).sum();
        Copies { below: if shared >= total - total / 4 { quarter } else { usize::MAX } }
    }

    fn wanted(&self, size: usize) -> bool {
        size < self.below
    }
}
