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
    is_transactional: bool,
    is_atomic: bool,
    // Of an atomic one, once it has begun: something in it is refused, so nothing is taken.
    is_vetoed: bool,
    // What was decided, in the order of the request.
    response: ProduceResponse,
    entry_plans: Vec<PlanNo>,
    after: PlanNo,
}

impl ProduceWork {
    /// `batches`: what the reactor made of the records, in the order of the request.
    pub fn new(call: Call, request: ProduceRequest, batches: Vec<Result<CheckedBatch, BatchError>>) -> ProduceWork {
        ProduceWork {
            is_transactional: batches.iter().flatten().any(|batch| batch.header().is_transactional()),
            response: ProduceResponse { responses: Vec::with_capacity(request.topic_data.len()), ..ProduceResponse::default() },
            entry_plans: Vec::with_capacity(batches.len()),
            after: PlanNo::COMMITTED,
            is_atomic: false,
            is_vetoed: false,
            batches: batches.into_iter(),
            call,
            request,
        }
    }

    /// Takes all of it in one plan, or nothing. For batches of producers without ids.
    pub fn atomic(self, is_atomic: bool) -> ProduceWork {
        ProduceWork { is_atomic, ..self }
    }

    /// Decides as much as the plan being filled has room for; true when all is decided and the answer is on the sheet.
    pub fn advance(&mut self, state: &mut State, fx: &mut Effects, now: Now) -> bool {
        if self.is_atomic {
            if !fx.has_room() {
                return false;
            }
            self.is_vetoed = self.is_refused(state, now);
        }
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
                if !self.is_atomic && !fx.has_room() {
                    return false;
                }
                let batch = self.batches.next().unwrap_or(Err(BatchError::NoBatch));
                let checks = Checks { request: &self.request, call: &self.call, is_transactional: self.is_transactional };
                let outcome = checks.pass(found, partition.index, batch, state).and_then(|(topic, part, batch)| {
                    if self.is_vetoed {
                        state.log.check(part, &batch, &topic.log_config, state.read_only, now)?;
                        return Err(Box::new(Rejection::code(ErrorCode::OPERATION_NOT_ATTEMPTED)));
                    }
                    state.log.append(part, batch, &topic.log_config, state.read_only, fx, &mut state.timers, now)
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

    /// Whether any of it would be refused.
    fn is_refused(&self, state: &State, now: Now) -> bool {
        let mut batches = self.batches.clone();
        let checks = Checks { request: &self.request, call: &self.call, is_transactional: self.is_transactional };
        let entries = self.request.topic_data.iter().flat_map(|data| data.partition_data.iter().map(move |partition| (data, partition)));
        entries.into_iter().any(|(data, partition)| {
            let (found, _) = find(data, self.call.api_version, &state.topics);
            let batch = batches.next().unwrap_or(Err(BatchError::NoBatch));
            let passed = checks.pass(found, partition.index, batch, state);
            passed.and_then(|(topic, part, batch)| state.log.check(part, &batch, &topic.log_config, state.read_only, now)).is_err()
        })
    }

    fn finish(&mut self, fx: &mut Effects) {
        let to = self.call.to;
        let mut response = std::mem::take(&mut self.response);
        // Kafka has no entry for a topic of which no partition was named.
        response.responses.retain(|topic| !topic.partition_responses.is_empty());
        let entry_plans = std::mem::take(&mut self.entry_plans);
        let mut entries = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        if self.request.acks != 0 {
            fx.hold(self.after, Held { to, response: Some(Response::Produce(response)), entry_plans, charge: None });
        } else if entries.any(|entry| entry.error_code.is_error()) {
            // So that the producer, which gets no answer, notices and asks for metadata again.
            fx.close(to.conn);
        } else {
            fx.hold(self.after, Held { to, response: None, entry_plans, charge: None });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::base::ids::{ConnId, Uuid};
    use crate::base::limits::PLAN_BATCHES_MAX;
    use crate::mail::output::Output;
    use crate::wire::batch_builder::BatchBuilder;
    use crate::wire::compress::Codec;
    use crate::wire::message::produce::PartitionProduceData;

    type Checked = Result<CheckedBatch, BatchError>;

    fn batch(size: usize) -> Checked {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.push(1_700_000_000_000, Some(b"key"), Some(&vec![0; size]), &[]);
        CheckedBatch::check(Some(builder.build().unwrap()), 9)
    }

    fn request(acks: i16, topics: &[(&str, &[i32])]) -> ProduceRequest {
        let partition = |index: &i32| PartitionProduceData { index: *index, records: None };
        let topic = |&(name, partitions): &(&str, &[i32])| TopicProduceData {
            name: Text::from(name),
            topic_id: Uuid::ZERO,
            partition_data: partitions.iter().map(partition).collect(),
        };
        ProduceRequest { acks, topic_data: topics.iter().map(topic).collect(), ..ProduceRequest::default() }
    }

    fn begin(world: &mut World, request: ProduceRequest, batches: Vec<Checked>) -> ProduceWork {
        let mut work = ProduceWork::new(call(9), request, batches);
        assert!(work.advance(&mut world.state, &mut world.fx, world.now));
        work
    }

    fn produce(world: &mut World, request: ProduceRequest, batches: Vec<Checked>) -> ProduceResponse {
        begin(world, request, batches);
        answer!(world, Produce)
    }

    fn codes(response: &ProduceResponse) -> Vec<(i32, ErrorCode, i64)> {
        let entries = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        entries.map(|entry| (entry.index, entry.error_code, entry.base_offset)).collect()
    }

    #[test]
    fn every_entry_is_answered_in_its_place_after_the_commit() {
        let mut world = World::new();
        world.create(&[wanted("a", 2, &[]), wanted("b", 1, &[])]);
        let asked = request(-1, &[("a", &[1, 5]), ("nowhere", &[0]), ("b", &[0]), ("a", &[1, 0])]);
        let bad = Err(BatchError::Crc { stored: 1, computed: 2 });
        let batches = vec![batch(9), batch(9), batch(9), bad, batch(9), batch(9)];
        begin(&mut world, asked, batches);
        assert!(world.answered().is_none(), "on disk first");
        let response = answer!(world, Produce);
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let expected = [
            (1, ErrorCode::NONE, 0),
            (5, unknown, -1),
            (0, unknown, -1),
            (0, ErrorCode::CORRUPT_MESSAGE, -1),
            (1, ErrorCode::NONE, 1),
            (0, ErrorCode::NONE, 0),
        ];
        assert_eq!(codes(&response), expected);
        assert_eq!(response.responses.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["a", "nowhere", "b", "a"]);
    }

    #[test]
    fn errors_alone_are_answered_at_once() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        begin(&mut world, request(1, &[("x", &[0])]), vec![batch(9)]);
        assert!(world.answered().is_some());
    }

    #[test]
    fn a_topic_without_partitions_has_no_entry() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        let response = produce(&mut world, request(1, &[("a", &[]), ("x", &[0])]), vec![batch(9)]);
        assert_eq!(response.responses.iter().map(|topic| &*topic.name).collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn version_13_names_topics_by_id() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        let mut asked = request(1, &[("", &[0]), ("", &[0])]);
        asked.topic_data[0].topic_id = world.state.topics.by_name("a").unwrap().id;
        asked.topic_data[1].topic_id = Uuid([1; 16]);
        let mut work = ProduceWork::new(call(13), asked.clone(), vec![batch(9), batch(9)]);
        assert!(work.advance(&mut world.state, &mut world.fx, world.now));
        let response = answer!(world, Produce);
        assert_eq!(codes(&response), [(0, ErrorCode::NONE, 0), (0, ErrorCode::UNKNOWN_TOPIC_ID, -1)]);
        assert_eq!(response.responses[1].topic_id, Uuid([1; 16]));
    }

    #[test]
    fn faults_are_judged_in_the_order_of_kafka() {
        let mut world = World::new();
        world.create(&[wanted("a", 2, &[]), wanted("__consumer_offsets", 1, &[])]);
        let code = |world: &mut World, acks, topic: &str, batch: Checked| {
            let response = produce(world, request(acks, &[(topic, &[0])]), vec![batch]);
            let entry = &response.responses[0].partition_responses[0];
            (entry.error_code, entry.log_start_offset)
        };
        let empty = || Err(BatchError::NoBatch);
        let control = || Err(BatchError::Control);
        assert_eq!(code(&mut world, 2, "nowhere", empty()), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1));
        assert_eq!(code(&mut world, 2, "a", empty()), (ErrorCode::INVALID_RECORD, -1));
        assert_eq!(code(&mut world, 2, "a", control()), (ErrorCode::INVALID_REQUIRED_ACKS, -1));
        assert_eq!(code(&mut world, -2, "__consumer_offsets", batch(9)), (ErrorCode::INVALID_REQUIRED_ACKS, -1));
        assert_eq!(code(&mut world, 1, "__consumer_offsets", batch(9)), (ErrorCode::INVALID_TOPIC_EXCEPTION, -1));
        assert_eq!(code(&mut world, 1, "a", control()), (ErrorCode::INVALID_RECORD, 0), "found when appending");
        world.state.read_only = true;
        assert_eq!(code(&mut world, 1, "a", batch(9)), (ErrorCode::KAFKA_STORAGE_ERROR, -1));
    }

    #[test]
    fn the_admin_client_may_write_to_internal_topics() {
        let mut world = World::new();
        world.create(&[wanted("__consumer_offsets", 1, &[])]);
        let admin = Call { client_id: Some(Text::from(ADMIN_CLIENT_ID)), ..call(9) };
        let mut work = ProduceWork::new(admin, request(1, &[("__consumer_offsets", &[0])]), vec![batch(9)]);
        work.advance(&mut world.state, &mut world.fx, world.now);
        assert_eq!(codes(&answer!(world, Produce)), [(0, ErrorCode::NONE, 0)]);
    }

    #[test]
    fn one_transactional_batch_refuses_the_whole_request() {
        let mut world = World::new();
        world.create(&[wanted("a", 2, &[])]);
        let mut builder = BatchBuilder::new(Codec::None).producer(1, 0, 0).transactional();
        builder.push(0, None, None, &[]);
        let transactional = CheckedBatch::check(Some(builder.build().unwrap()), 9);
        let refused = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        let response = produce(&mut world, request(1, &[("a", &[0, 1]), ("x", &[0])]), vec![batch(9), transactional, batch(9)]);
        assert_eq!(codes(&response), [(0, refused, -1), (1, refused, -1), (0, refused, -1)]);
        assert!(!world.fx.has_rows());
        let with_id = ProduceRequest { transactional_id: Some(Text::from("t")), ..request(1, &[("a", &[0])]) };
        assert_eq!(codes(&produce(&mut world, with_id, vec![batch(9)])), [(0, ErrorCode::NONE, 0)], "the id alone says nothing");
    }

    #[test]
    fn without_acks_nothing_is_said_and_an_error_closes() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        begin(&mut world, request(0, &[("a", &[0])]), vec![batch(9)]);
        assert!(world.fx.take_outputs().is_empty());
        let plan = world.fx.seal();
        let held = world.fx.release(plan.no);
        assert!(held.len() == 1 && held[0].response.is_none() && plan.batches.len() == 1);
        begin(&mut world, request(0, &[("a", &[0, 1])]), vec![batch(9), batch(9)]);
        assert!(matches!(world.fx.take_outputs().as_slice(), [Output::Close(conn)] if *conn == ConnId::default()));
        assert_eq!(world.fx.seal().batches.len(), 1, "what is good is kept, as in Kafka");
    }

    #[test]
    fn a_produce_spans_plans_and_is_answered_after_the_last() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        let count = PLAN_BATCHES_MAX + 1;
        let partitions = vec![0; count];
        let batches = (0..count).map(|_| batch(9)).collect();
        let mut work = ProduceWork::new(call(9), request(1, &[("a", &partitions)]), batches);
        assert!(!work.advance(&mut world.state, &mut world.fx, world.now), "the plan is full");
        let first = world.fx.seal();
        assert_eq!(first.batches.len(), PLAN_BATCHES_MAX);
        assert!(work.advance(&mut world.state, &mut world.fx, world.now));
        assert!(world.fx.release(first.no).is_empty());
        let second = world.fx.seal();
        let held = world.fx.release(second.no);
        let mut plans = vec![first.no; PLAN_BATCHES_MAX];
        plans.push(second.no);
        assert_eq!(held[0].entry_plans, plans);
        let Some(Response::Produce(response)) = &held[0].response else { panic!("{held:?}") };
        let offsets: Vec<i64> = codes(response).iter().map(|entry| entry.2).collect();
        assert_eq!(offsets, (0..count as i64).collect::<Vec<_>>());
    }

    #[test]
    fn an_atomic_produce_goes_into_one_plan_or_nowhere() {
        let mut world = World::new();
        world.create(&[wanted("a", 2, &[])]);
        let count = PLAN_BATCHES_MAX + 1;
        let atomic = |partitions: &[i32]| {
            let batches = partitions.iter().map(|_| batch(9)).collect();
            ProduceWork::new(call(9), request(1, &[("a", partitions)]), batches).atomic(true)
        };
        assert!(atomic(&vec![0; count]).advance(&mut world.state, &mut world.fx, world.now));
        let mut waits = atomic(&[1]);
        assert!(!waits.advance(&mut world.state, &mut world.fx, world.now), "the plan is full");
        assert_eq!(world.commit().len(), 0);
        drop(world.fx.take_outputs());
        assert!(waits.advance(&mut world.state, &mut world.fx, world.now));
        assert_eq!(codes(&answer!(world, Produce)), [(1, ErrorCode::NONE, 0)]);
        let part = world.state.topics.by_name("a").unwrap().partitions[0];
        assert_eq!(world.state.log.partition(part).unwrap().high_watermark(), count as i64);
        assert!(atomic(&[0, 7, 1]).advance(&mut world.state, &mut world.fx, world.now));
        assert!(!world.fx.has_rows(), "nothing of it is taken");
        let (unknown, untried) = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::OPERATION_NOT_ATTEMPTED);
        assert_eq!(codes(&answer!(world, Produce)), [(0, untried, -1), (7, unknown, -1), (1, untried, -1)]);
    }

    #[test]
    fn what_a_refused_plan_held_fails_also_before_the_rest_is_decided() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        let count = PLAN_BATCHES_MAX + 1;
        let batches = (0..count).map(|_| batch(9)).collect();
        let mut work = ProduceWork::new(call(9), request(1, &[("a", &vec![0; count])]), batches);
        assert!(!work.advance(&mut world.state, &mut world.fx, world.now));
        let (refused, _) = world.fx.refuse();
        work.refuse(refused.no);
        world.state.read_only = true;
        assert!(work.advance(&mut world.state, &mut world.fx, world.now));
        let response = answer!(world, Produce);
        assert!(codes(&response).iter().all(|entry| entry.1 == ErrorCode::KAFKA_STORAGE_ERROR), "{:?}", codes(&response)[0]);
    }

    #[test]
    fn a_topic_that_is_being_made_or_deleted_is_answered_with_its_plan() {
        let mut world = World::new();
        world.create(&[wanted("gone", 1, &[])]);
        let plan = world.fx.plan();
        world.state.topics.remove("gone", plan);
        world.fx.row(crate::store::plan::Op::DeleteTopic(Uuid::ZERO));
        begin(&mut world, request(1, &[("gone", &[0])]), vec![batch(9)]);
        assert!(world.answered().is_none());
        assert_eq!(codes(&answer!(world, Produce)), [(0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1)]);
    }
}
