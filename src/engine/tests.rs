//! The engine without a world around it: what one input after another makes it say. The simulator (`tests/sim`) does the rest.

use super::Engine;
use crate::base::budget::Budget;
use crate::base::ids::{ConnId, PartId, PlanNo, Uuid};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::mail::input::{Envelope, Input, Outcome, Peer, Refusal, ReplyTo};
use crate::mail::output::Output;
use crate::state::broker::Broker;
use crate::state::topics::tests::broker;
use crate::store::plan::{Image, PartitionRow, Plan, TopicRow};
use crate::wire::batch::CheckedBatch;
use crate::wire::batch_builder::BatchBuilder;
use crate::wire::compress::Codec;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::fetch::{FetchPartition, FetchRequest, FetchTopic};
use crate::wire::message::heartbeat::HeartbeatRequest;
use crate::wire::message::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::wire::message::metadata::{MetadataRequest, MetadataRequestTopic};
use crate::wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::wire::message::sync_group::SyncGroupRequest;
use crate::wire::message::{Request, Response};
use std::sync::Arc;
use std::time::Duration;

const STORAGE: ErrorCode = ErrorCode::KAFKA_STORAGE_ERROR;
/// Two of these fill a plan.
const LARGE: usize = 600_000;

/// An engine with a topic "t" of three partitions, and what the store would hold.
struct Rig {
    engine: Engine,
    memory: Budget,
    image: Image,
    mono_ms: u64,
    seq: u64,
}

/// What the engine said, sorted out.
#[derive(Default)]
struct Said {
    answers: Vec<(ReplyTo, Option<Response>)>,
    plan: Option<Plan>,
    others: Vec<String>,
}

impl Rig {
    fn new() -> Rig {
        let row = |index: i32| PartitionRow {
            part: PartId(i64::from(index)),
            topic: Uuid([9; 16]),
            index,
            log_start: 0,
            next_offset: 0,
            bytes: 0,
            max_ts: -1,
            leader_epoch: 0,
        };
        let topic = TopicRow { id: Uuid([9; 16]), name: Text::from_static("t"), created_ms: 0, configs: Vec::new() };
        let partitions = (0..3).map(row).collect();
        let image = Image { topics: vec![topic], partitions, next_part: 3, ..Image::default() };
        let memory = Budget::new(1 << 20);
        let broker = Broker { cluster_id: Uuid([1; 16]), retention_ms: -1, memory: memory.clone(), ..broker() };
        let engine = Engine::new(image.clone(), broker, 1, Now { wall_ms: 1_000_000, mono_ms: 0 });
        Rig { engine, memory, image, mono_ms: 0, seq: 0 }
    }

    fn now(&self) -> Now {
        Now { wall_ms: 1_000_000 + self.mono_ms as i64, mono_ms: self.mono_ms }
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        self.engine.handle(now, input);
    }

    fn ask(&mut self, api_version: i16, request: Request, batches: Vec<CheckedBatch>) -> ReplyTo {
        let to = ReplyTo { conn: ConnId { reactor: 0, slot: 0, generation: 1 }, seq: self.seq };
        self.seq += 1;
        let peer = Peer { host: Text::from_static("/1"), advertised_host: Text::from_static("b"), advertised_port: 1 };
        let batches = batches.into_iter().map(Ok).collect();
        self.input(Input::Request(Box::new(Envelope {
            to,
            api_version,
            correlation_id: 0,
            client_id: None,
            peer: Arc::new(peer),
            request,
            batches,
            charge: None,
            is_atomic: false,
        })));
        to
    }

    /// Sends a batch with a value of so many bytes to each of the first partitions.
    fn produce(&mut self, acks: i16, sizes: &[usize]) -> ReplyTo {
        let batches = sizes.iter().map(|size| batch(*size, None)).collect();
        self.produce_batches(acks, batches)
    }

    fn produce_batches(&mut self, acks: i16, batches: Vec<CheckedBatch>) -> ReplyTo {
        let partition_data = (0..batches.len() as i32).map(|index| PartitionProduceData { index, records: None }).collect();
        let topic = TopicProduceData { name: Text::from_static("t"), partition_data, ..Default::default() };
        self.ask(9, Request::Produce(ProduceRequest { acks, topic_data: vec![topic], ..Default::default() }), batches)
    }

    fn fetch(&mut self, offset: i64, max_wait_ms: i32) -> ReplyTo {
        let partition =
            FetchPartition { fetch_offset: offset, partition_max_bytes: 1_000, current_leader_epoch: -1, ..FetchPartition::default() };
        let topic = FetchTopic { topic: Text::from_static("t"), partitions: vec![partition], ..FetchTopic::default() };
        let request =
            FetchRequest { max_wait_ms, min_bytes: 1, max_bytes: 1_000, session_epoch: -1, topics: vec![topic], ..Default::default() };
        self.ask(11, Request::Fetch(request), Vec::new())
    }

    fn metadata(&mut self, name: &'static str) -> ReplyTo {
        let topic = MetadataRequestTopic { name: Some(Text::from_static(name)), ..Default::default() };
        self.ask(12, Request::Metadata(MetadataRequest { topics: Some(vec![topic]), ..Default::default() }), Vec::new())
    }

    fn heartbeat(&mut self) -> ReplyTo {
        self.ask(4, Request::Heartbeat(HeartbeatRequest { group_id: Text::from_static("g"), ..Default::default() }), Vec::new())
    }

    fn said(&mut self) -> Said {
        let mut said = Said::default();
        for output in self.engine.take_outputs() {
            match output {
                Output::Answer { to, response, .. } => said.answers.push((to, response)),
                Output::Commit(plan) => assert!(said.plan.replace(plan).is_none(), "one plan at a time"),
                Output::Close(_) => said.others.push("close".to_owned()),
                other => said.others.push(format!("{other:?}")),
            }
        }
        said
    }

    fn committed(&mut self, plan: Plan) -> Said {
        for row in &plan.batches {
            let partition = &mut self.image.partitions[row.part.0 as usize];
            partition.next_offset = row.last + 1;
            partition.max_ts = partition.max_ts.max(row.max_ts);
        }
        self.back(plan, Ok(()), None);
        self.said()
    }

    fn back(&mut self, plan: Plan, result: Result<(), Refusal>, rest: Option<Duration>) {
        self.input(Input::Committed(Box::new(Outcome { plan, result, rest })));
    }

    fn full(&mut self, plan: Plan) -> Said {
        let refusal = Refusal::Full(Box::new(self.image.clone()));
        self.back(plan, Err(refusal), None);
        self.said()
    }

    fn pass(&mut self, ms: u64) -> Said {
        self.mono_ms += ms;
        let now = self.now();
        self.engine.tick(now);
        self.said()
    }
}

impl Said {
    fn to(&self) -> Vec<u64> {
        self.answers.iter().map(|(to, _)| to.seq).collect()
    }

    /// Of each entry of every Produce that was answered: its error and offset.
    fn produced(&self) -> Vec<(ErrorCode, i64)> {
        let entries = self.answers.iter().flat_map(|(_, response)| match response {
            Some(Response::Produce(produce)) => produce.responses[0].partition_responses.clone(),
            other => panic!("not an answer to a Produce: {other:?}"),
        });
        entries.map(|entry| (entry.error_code, entry.base_offset)).collect()
    }

    fn is_silent(&self) -> bool {
        self.answers.is_empty() && self.plan.is_none() && self.others.is_empty()
    }
}

fn batch(value_bytes: usize, producer: Option<(i64, i32)>) -> CheckedBatch {
    let mut builder = BatchBuilder::new(Codec::None);
    if let Some((pid, seq)) = producer {
        builder = builder.producer(pid, 0, seq);
    }
    builder.push(1_000_000, None, Some(&vec![7; value_bytes]), &[]);
    CheckedBatch::check(Some(builder.build().unwrap()), 9).unwrap()
}

fn bases(plan: &Plan) -> Vec<(i64, i64)> {
    plan.batches.iter().map(|row| (row.part.0, row.base)).collect()
}

#[test]
fn what_gathers_during_a_commit_goes_down_as_one_plan() {
    let mut rig = Rig::new();
    let first = rig.produce(-1, &[8]);
    let sealed = rig.said();
    assert_eq!(sealed.answers, [], "an ack before its commit");
    let one = sealed.plan.unwrap();
    let (second, third) = (rig.produce(1, &[8]), rig.produce(-1, &[8, 8]));
    assert!(rig.said().is_silent(), "a second plan while the first is under way");
    let after = rig.committed(one);
    assert_eq!((after.to(), after.produced()), (vec![first.seq], vec![(ErrorCode::NONE, 0)]));
    let two = after.plan.unwrap();
    assert_eq!((two.no, bases(&two)), (PlanNo(2), vec![(0, 1), (0, 2), (1, 0)]));
    let after = rig.committed(two);
    assert_eq!(after.to(), [second.seq, third.seq]);
    assert_eq!(after.produced(), [(ErrorCode::NONE, 1), (ErrorCode::NONE, 2), (ErrorCode::NONE, 0)]);
    assert!(after.plan.is_none());
}

#[test]
fn reads_and_heartbeats_do_not_wait_for_the_disk() {
    let mut rig = Rig::new();
    rig.produce(-1, &[8]);
    let plan = rig.said().plan.unwrap();
    let at_once = [rig.fetch(0, 0).seq, rig.metadata("t").seq, rig.heartbeat().seq];
    let said = rig.said();
    assert_eq!(said.to(), at_once);
    let Some(Response::Fetch(fetch)) = &said.answers[0].1 else { panic!("not a fetch") };
    let seen = &fetch.responses[0].partitions[0];
    assert_eq!((seen.high_watermark, seen.records.is_empty()), (0, true), "what is not committed is not there");
    let parked = rig.fetch(0, 500);
    assert!(rig.said().is_silent());
    let after = rig.committed(plan);
    assert_eq!(after.to().len(), 2, "the ack, and the fetch that waited for the record");
    assert!(after.to().contains(&parked.seq));
}

#[test]
fn what_shows_something_new_waits_for_it() {
    let mut rig = Rig::new();
    let creating = rig.metadata("new");
    let plan = rig.said().plan.unwrap();
    let (asking, other) = (rig.metadata("new"), rig.metadata("t"));
    assert_eq!(rig.said().to(), [other.seq]);
    assert_eq!(rig.committed(plan).to(), [creating.seq, asking.seq], "a plan without rows is done with its predecessor");
}

#[test]
fn a_batch_sent_again_is_answered_with_the_original() {
    let mut rig = Rig::new();
    let first = rig.produce_batches(-1, vec![batch(8, Some((5, 0)))]);
    let plan = rig.said().plan.unwrap();
    let again = rig.produce_batches(-1, vec![batch(8, Some((5, 0)))]);
    assert!(rig.said().is_silent(), "the original is not committed yet");
    let after = rig.committed(plan);
    assert_eq!(after.to(), [first.seq, again.seq]);
    assert_eq!(after.produced(), [(ErrorCode::NONE, 0), (ErrorCode::NONE, 0)]);
    assert!(after.plan.is_none(), "nothing was stored twice");
    let late = rig.produce_batches(-1, vec![batch(8, Some((5, 0)))]);
    assert_eq!(rig.said().to(), [late.seq]);
}

#[test]
fn a_full_disk_refuses_two_plans_and_lets_reads_go_on() {
    let mut rig = Rig::new();
    rig.produce(-1, &[8]);
    let zero = rig.said().plan.unwrap();
    rig.committed(zero);
    rig.produce_batches(-1, vec![batch(8, Some((5, 0)))]);
    let one = rig.said().plan.unwrap();
    rig.produce_batches(-1, vec![batch(8, Some((5, 1)))]);
    rig.produce(0, &[8]);
    rig.metadata("new");
    let refused = rig.full(one);
    let codes: Vec<ErrorCode> = refused.answers.iter().map(|(_, response)| code(response)).collect();
    assert_eq!(codes, [STORAGE, STORAGE, ErrorCode::LEADER_NOT_AVAILABLE]);
    assert_eq!(refused.others, ["close"], "who wants no answer notices by its connection");
    assert!(refused.plan.is_none());
    rig.produce(-1, &[8]);
    assert_eq!(rig.said().produced(), [(STORAGE, -1)], "read-only: refused when it is decided");
    rig.fetch(0, 0);
    assert_eq!(code(&rig.said().answers[0].1), ErrorCode::NONE);

    assert_eq!(rig.pass(999).others, Vec::<String>::new());
    assert_eq!(rig.pass(1).others, ["Probe"]);
    rig.input(Input::Room(false));
    assert_eq!(rig.pass(1_000).others, ["Probe"], "once a second");
    rig.input(Input::Room(true));
    assert_eq!(rig.engine.next_deadline_ms().filter(|at_ms| *at_ms < 60_000), None, "no more probes");
    rig.produce_batches(-1, vec![batch(8, Some((5, 1)))]);
    assert_eq!(rig.said().produced(), [(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1)], "its predecessor was refused");
    rig.produce_batches(-1, vec![batch(8, Some((5, 0)))]);
    let plan = rig.said().plan.unwrap();
    assert_eq!((plan.no, bases(&plan)), (PlanNo(4), vec![(0, 1)]), "at the offset that was never shown");
    assert_eq!(rig.committed(plan).produced(), [(ErrorCode::NONE, 1)]);
}

#[test]
fn a_produce_that_finds_no_room_goes_on_in_the_next_plan() {
    let mut rig = Rig::new();
    rig.produce(-1, &[8]);
    let first = rig.said().plan.unwrap();
    let spanning = rig.produce(-1, &[LARGE, LARGE, LARGE]);
    let behind = rig.produce(-1, &[8]);
    let heartbeat = rig.heartbeat();
    assert_eq!(rig.said().to(), [heartbeat.seq], "in front of nobody");
    assert!(rig.engine.durable_image().is_none(), "something is still to be decided");
    let second = rig.committed(first).plan.unwrap();
    assert_eq!(bases(&second), [(0, 1), (1, 0)]);
    let after = rig.committed(second);
    assert_eq!(after.answers, [], "its last part is not committed");
    let third = after.plan.unwrap();
    assert_eq!(bases(&third), [(2, 0), (0, 2)]);
    let after = rig.committed(third);
    assert_eq!(after.to(), [spanning.seq, behind.seq]);
    assert_eq!(after.produced(), [(ErrorCode::NONE, 1), (ErrorCode::NONE, 0), (ErrorCode::NONE, 0), (ErrorCode::NONE, 2)]);
    assert!(rig.engine.durable_image().is_some());
}

#[test]
fn of_a_produce_that_spans_plans_only_the_refused_part_fails() {
    let mut rig = Rig::new();
    rig.produce(-1, &[LARGE, LARGE, LARGE]);
    let first = rig.said().plan.unwrap();
    assert_eq!(bases(&first).len(), 2);
    let second = rig.committed(first).plan.unwrap();
    assert_eq!(rig.full(second).produced(), [(ErrorCode::NONE, 0), (ErrorCode::NONE, 0), (STORAGE, -1)]);
}

#[test]
fn a_produce_that_is_half_decided_when_its_plan_fails_is_refused_in_all_parts() {
    let mut rig = Rig::new();
    rig.produce(-1, &[8]);
    let first = rig.said().plan.unwrap();
    let spanning = rig.produce(-1, &[LARGE, LARGE, LARGE]);
    assert!(rig.said().is_silent());
    let after = rig.full(first);
    assert_eq!(after.produced(), [(STORAGE, -1); 4], "the first, then the other that was half in the plan behind it");
    assert_eq!(after.to()[1], spanning.seq);
}

#[test]
fn a_broken_store_ends_the_broker_after_its_answers() {
    let mut rig = Rig::new();
    rig.produce(-1, &[8]);
    let plan = rig.said().plan.unwrap();
    rig.produce(-1, &[8]);
    rig.back(plan, Err(Refusal::Fatal), None);
    let said = rig.said();
    assert_eq!((said.produced(), said.others.as_slice()), (vec![(STORAGE, -1); 2], ["Halt".to_owned()].as_slice()));
    rig.produce(-1, &[8]);
    rig.input(Input::Stop);
    assert!(rig.said().is_silent(), "it has ended");
}

#[test]
fn an_orderly_stop_answers_and_commits_everything_first() {
    let mut rig = Rig::new();
    let ack = rig.produce(-1, &[8]);
    let first = rig.said().plan.unwrap();
    let parked = rig.fetch(0, 30_000);
    let late = rig.produce(-1, &[8]);
    rig.input(Input::Stop);
    let said = rig.said();
    assert_eq!((said.to(), said.others.len()), (vec![parked.seq], 0), "a plan is under way");
    let said = rig.committed(first);
    assert_eq!((said.to(), said.others.len()), (vec![ack.seq], 0));
    let said = rig.committed(said.plan.unwrap());
    assert_eq!((said.to(), said.others), (vec![late.seq], vec!["Stopped".to_owned()]));
    rig.heartbeat();
    assert!(rig.said().is_silent());
}

#[test]
fn while_the_storage_thread_rests_answers_leave_and_no_plan_goes_down() {
    let mut rig = Rig::new();
    let acks = [rig.produce(-1, &[8]), rig.produce(-1, &[8])];
    let first = rig.said().plan.unwrap();
    let gathered = rig.produce(-1, &[8]);
    rig.back(first, Ok(()), Some(Duration::from_millis(1)));
    let said = rig.said();
    assert_eq!((said.to(), said.plan.is_none(), rig.engine.released_produces()), (acks.map(|to| to.seq).to_vec(), true, 2));
    let beat = rig.heartbeat();
    let follows = rig.produce(-1, &[8]);
    let said = rig.pass(10);
    assert_eq!((said.to(), said.plan.is_none()), (vec![beat.seq], true));
    rig.input(Input::Stop);
    assert!(rig.said().is_silent(), "what gathered is still to be committed");
    rig.input(Input::Rested);
    let plan = rig.said().plan.unwrap();
    assert_eq!(plan.batches.len(), 2);
    let said = rig.committed(plan);
    assert_eq!((said.to(), said.others), (vec![gathered.seq, follows.seq], vec!["Stopped".to_owned()]));
}

#[test]
fn a_stop_waits_for_the_end_of_a_rest() {
    let mut rig = Rig::new();
    rig.produce(-1, &[8]);
    let plan = rig.said().plan.unwrap();
    rig.back(plan, Ok(()), Some(Duration::from_millis(1)));
    rig.input(Input::Stop);
    assert_eq!(rig.said().others, [""; 0]);
    rig.input(Input::Rested);
    assert_eq!(rig.said().others, ["Stopped"]);
}

/// The one error code of a short answer.
fn code(response: &Option<Response>) -> ErrorCode {
    match response {
        Some(Response::Produce(produce)) => produce.responses[0].partition_responses[0].error_code,
        Some(Response::Metadata(metadata)) => metadata.topics[0].error_code,
        Some(Response::Fetch(fetch)) => fetch.responses[0].partitions[0].error_code,
        other => panic!("not asked for: {other:?}"),
    }
}

#[test]
fn long_answers_wait_for_memory_and_short_ones_do_not() {
    let mut rig = Rig::new();
    let mut taken = rig.memory.charge_answer(rig.memory.limit_bytes());
    let first = rig.metadata("t");
    let beat = rig.heartbeat();
    assert_eq!(rig.said().to(), [beat.seq]);
    let second = rig.metadata("t");
    assert!(rig.said().is_silent() && rig.pass(1_000).is_silent());
    taken.give_back(1 << 19);
    assert_eq!(rig.pass(4).to(), [first.seq, second.seq]);
    taken.resize(rig.memory.limit_bytes());
    rig.metadata("t");
    rig.input(Input::Disconnected(first.conn));
    drop(taken);
    assert!(rig.pass(1_000).is_silent(), "nobody is there to hear it");
}

#[test]
fn what_is_told_of_large_groups_waits_for_memory() {
    let mut rig = Rig::new();
    let join = |rig: &mut Rig, group: &'static str, bytes: usize| {
        let protocols = vec![JoinGroupRequestProtocol { name: Text::from_static("range"), metadata: vec![0; bytes].into() }];
        let (group_id, protocol_type) = (Text::from_static(group), Text::from_static("consumer"));
        let (session_timeout_ms, rebalance_timeout_ms) = (10_000, 10_000);
        let request = JoinGroupRequest {
            group_id,
            protocol_type,
            session_timeout_ms,
            rebalance_timeout_ms,
            protocols,
            ..JoinGroupRequest::default()
        };
        rig.ask(3, Request::JoinGroup(request), Vec::new())
    };
    let members = [join(&mut rig, "large", 100_000), join(&mut rig, "small", 100)];
    assert_eq!(rig.pass(1).to(), members.map(|to| to.seq));
    let kept = rig.memory.used_bytes();
    assert!((100_000..110_000).contains(&kept), "what groups keep is paid for: {kept}");
    let held = rig.memory.charge_answer(rig.memory.limit_bytes());
    let waits = join(&mut rig, "large", 100);
    let sync = SyncGroupRequest { group_id: Text::from_static("large"), ..SyncGroupRequest::default() };
    let waits_too = rig.ask(3, Request::SyncGroup(sync), Vec::new());
    let told = rig.ask(3, Request::SyncGroup(SyncGroupRequest { group_id: Text::from_static("small"), ..Default::default() }), Vec::new());
    assert_eq!(rig.said().to(), [told.seq]);
    drop(held);
    let said = rig.pass(4).to();
    assert!(said.contains(&waits_too.seq) && !said.contains(&told.seq), "{said:?} {waits:?}");
}

#[test]
fn beyond_the_bound_one_long_answer_is_under_way() {
    let mut rig = Rig::new();
    let held = rig.memory.charge(rig.memory.limit_bytes());
    let names: Vec<&'static str> = (0..100).map(|number| &*Box::leak(format!("{number:0200}").into_boxed_str())).collect();
    let ask = |rig: &mut Rig| {
        let topic = |name: &&'static str| MetadataRequestTopic { name: Some(Text::from_static(name)), ..Default::default() };
        let topics = Some(names.iter().map(topic).collect());
        rig.ask(12, Request::Metadata(MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() }), Vec::new())
    };
    let (first, second) = (ask(&mut rig), ask(&mut rig));
    let outputs = rig.engine.take_outputs();
    let [Output::Answer { to, charge: Some(charge), .. }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(*to, first);
    assert!(charge.is_beyond() && charge.bytes() > 100 * 200);
    assert!(rig.pass(4).is_silent());
    drop(outputs);
    assert_eq!(rig.pass(4).to(), [second.seq]);
    drop(held);
}
