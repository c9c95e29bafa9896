//! For the tests of the log: a log with topics, effects, timers and a clock, whose plans are committed or refused by hand
//! over an image that a store would hold.

use super::Log;
use super::partition::{Appended, Rejection};
use super::target::FetchParams;
use crate::base::ids::{ConnId, PartId, PlanNo, Uuid};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::mail::cold::ColdJob;
use crate::mail::input::ReplyTo;
use crate::mail::output::Output;
use crate::state::broker::Broker;
use crate::state::configs::LogConfig;
use crate::state::effects::Effects;
use crate::state::timers::Timers;
use crate::state::topics::tests::broker;
use crate::state::topics::{Topic, Topics};
use crate::store::plan::{Image, Op, PartitionRow, Plan, ProducerRow};
use crate::wire::batch::CheckedBatch;
use crate::wire::batch_builder::BatchBuilder;
use crate::wire::compress::Codec;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData};

pub struct Rig {
    pub log: Log,
    pub topics: Topics,
    pub fx: Effects,
    pub timers: Timers,
    pub now: Now,
    pub broker: Broker,
    pub image: Image,
    pub cold: Vec<ColdJob>,
    pub answers: Vec<(ReplyTo, FetchResponse)>,
    pub read_only: bool,
    seq: u64,
}

/// Where the rig's wall clock begins.
pub const WALL_MS: i64 = 1_700_000_000_000;

impl Rig {
    pub fn new() -> Rig {
        Rig::with(broker())
    }

    pub fn with(broker: Broker) -> Rig {
        Rig::load(broker, Image::default())
    }

    pub fn load(broker: Broker, image: Image) -> Rig {
        let now = Now { wall_ms: WALL_MS, mono_ms: 1_000 };
        let mut timers = Timers::default();
        let log = Log::load(&image, &broker, &mut timers, now);
        let (topics, fx) = (Topics::default(), Effects::default());
        Rig { log, topics, fx, timers, now, broker, image, cold: vec![], answers: vec![], read_only: false, seq: 0 }
    }

    /// Creates a topic in the plan being filled; its id is made of its first letter.
    pub fn create(&mut self, name: &str, partitions: i32, overrides: &[(&str, &str)]) -> Vec<PartId> {
        let id = Uuid([name.as_bytes()[0]; 16]);
        let parts: Vec<PartId> = (0..partitions).map(|index| PartId(self.image.next_part + i64::from(index))).collect();
        self.image.next_part += i64::from(partitions);
        self.topic(name, id, parts.clone(), overrides);
        for (index, part) in parts.iter().enumerate() {
            let (index, part) = (index as i32, *part);
            let row = PartitionRow { part, topic: id, index, log_start: 0, next_offset: 0, bytes: 0, max_ts: -1, leader_epoch: 0 };
            self.fx.row(Op::AddPartition(row.clone()));
            self.log.add_partition(&row);
        }
        parts
    }

    pub fn topic(&mut self, name: &str, id: Uuid, partitions: Vec<PartId>, overrides: &[(&str, &str)]) {
        let configs: Vec<(Text, Text)> = overrides.iter().map(|(key, value)| (Text::from(*key), Text::from(*value))).collect();
        let (created_in, changed_in) = (self.fx.plan(), self.fx.plan());
        let log_config = LogConfig::new(&configs, &self.broker);
        self.topics.put(Topic { id, name: Text::from(name), created_ms: 0, configs, log_config, partitions, created_in, changed_in });
    }

    /// Creates and commits.
    pub fn created(&mut self, name: &str, partitions: i32, overrides: &[(&str, &str)]) -> Vec<PartId> {
        let parts = self.create(name, partitions, overrides);
        self.commit();
        parts
    }

    /// Deletes a topic in the plan being filled.
    pub fn delete(&mut self, name: &str) {
        let topic = self.topics.remove(name, self.fx.plan()).expect("a topic");
        self.fx.row(Op::DeleteTopic(topic.id));
        self.log.remove_partitions(&topic.partitions);
    }

    pub fn append(&mut self, part: PartId, batch: CheckedBatch) -> Result<Appended, Rejection> {
        let config = self.topics.owner(part).expect("a topic").0.log_config.clone();
        let Rig { log, fx, timers, now, read_only, .. } = self;
        log.append(part, batch, &config, *read_only, fx, timers, *now).map_err(|rejection| *rejection)
    }

    /// Appends `count` plain records in one batch; gives its size.
    pub fn put(&mut self, part: PartId, count: i32) -> usize {
        let batch = plain(count);
        let size = batch.size();
        self.append(part, batch).expect("a good batch");
        size
    }

    /// Appends and commits.
    pub fn stored(&mut self, part: PartId, count: i32) -> usize {
        let size = self.put(part, count);
        self.commit();
        size
    }

    pub fn commit(&mut self) -> Plan {
        let plan = self.fx.seal();
        self.commit_sealed(&plan);
        plan
    }

    pub fn commit_sealed(&mut self, plan: &Plan) {
        self.keep(plan);
        let held = self.fx.release(plan.no);
        self.topics.committed(plan.no);
        self.log.committed(plan, &self.topics, &mut self.fx, &mut self.timers, self.now);
        held.into_iter().for_each(|held| self.fx.reply(held.to, held.response.expect("a response")));
        self.collect();
    }

    /// Refuses a sealed plan and the one being filled.
    pub fn refuse(&mut self, sealed: &[&Plan]) {
        let (filling, _) = self.fx.refuse();
        let refused: Vec<&Plan> = sealed.iter().copied().chain([&filling]).collect();
        self.log.reload(&self.image, &refused, &mut self.timers, self.now);
    }

    /// What a store would hold after the plan.
    fn keep(&mut self, plan: &Plan) {
        let Image { partitions, producers, .. } = &mut self.image;
        for op in &plan.ops {
            match op {
                Op::AddPartition(row) => partitions.push(row.clone()),
                Op::DeleteTopic(id) => partitions.retain(|row| row.topic != *id),
                Op::DeleteProducer { part, pid } => producers.retain(|row| (row.part, row.pid) != (*part, *pid)),
                Op::SetLogStart { part, log_start } => {
                    partitions.iter_mut().filter(|row| row.part == *part).for_each(|row| row.log_start = *log_start);
                }
                other => panic!("not the log's: {other:?}"),
            }
        }
        for batch in &plan.batches {
            let row = partitions.iter_mut().find(|row| row.part == batch.part).expect("a partition");
            assert_eq!(row.next_offset, batch.base, "offsets without a gap");
            row.next_offset = batch.last + 1;
            row.bytes += batch.data.len() as i64;
            row.max_ts = row.max_ts.max(batch.max_ts);
            if batch.pid >= 0 {
                let known = producers.iter().position(|row| (row.part, row.pid) == (batch.part, batch.pid));
                let place = known.unwrap_or_else(|| {
                    producers.push(ProducerRow::new(batch.part, batch.pid, batch.epoch));
                    producers.len() - 1
                });
                producers[place].apply(batch);
            }
        }
    }

    /// Sends a fetch by connection `conn`; gives back where its answer will go.
    pub fn fetch(&mut self, conn: u32, request: FetchRequest, shape: impl FnOnce(&mut FetchParams)) -> ReplyTo {
        self.seq += 1;
        let to = ReplyTo { conn: ConnId { slot: conn, ..ConnId::default() }, seq: self.seq };
        let mut params = FetchParams {
            correlation_id: 5,
            client_id: None,
            to,
            uses_ids: request.topics.iter().any(|topic| !topic.topic_id.is_zero()),
            max_wait_ms: request.max_wait_ms as u64,
            min_bytes: request.min_bytes as usize,
            max_bytes: request.max_bytes as usize,
            read_committed: false,
            session_wish: 77,
            after: PlanNo::COMMITTED,
        };
        shape(&mut params);
        self.log.fetch(request, params, &self.topics, &mut self.fx, &mut self.timers, self.now);
        self.collect();
        to
    }

    /// Sends a fetch that must be answered at once.
    pub fn read(&mut self, request: FetchRequest) -> FetchResponse {
        let to = self.fetch(0, request, |_| {});
        self.answer(to).expect("an answer at once")
    }

    /// The answer that went to `to`, if it has gone.
    pub fn answer(&mut self, to: ReplyTo) -> Option<FetchResponse> {
        let place = self.answers.iter().position(|(other, _)| *other == to)?;
        Some(self.answers.remove(place).1)
    }

    pub fn collect(&mut self) {
        for output in self.fx.take_outputs() {
            match output {
                Output::Answer { to, response: Some(Response::Fetch(response)), .. } => self.answers.push((to, response)),
                Output::Cold(job) => self.cold.push(job),
                other => panic!("not the log's: {other:?}"),
            }
        }
    }

    /// Lets time pass, and what is due happen.
    pub fn pass(&mut self, ms: u64) {
        let end_ms = self.now.mono_ms + ms;
        while let Some(at_ms) = self.timers.next_ms().filter(|at_ms| *at_ms <= end_ms) {
            self.set_clock(at_ms.max(self.now.mono_ms));
            self.fire();
        }
        self.set_clock(end_ms);
    }

    fn set_clock(&mut self, mono_ms: u64) {
        self.now.wall_ms += (mono_ms - self.now.mono_ms) as i64;
        self.now.mono_ms = mono_ms;
    }

    fn fire(&mut self) {
        while let Some(timer) = self.timers.pop_due(self.now.mono_ms) {
            match timer {
                crate::state::timers::Timer::Expiry => self.log.expire_producers(&mut self.fx, &mut self.timers, self.now),
                timer => self.log.due(timer, &self.topics, &mut self.fx, &mut self.timers, self.now),
            }
        }
        self.collect();
    }
}

/// A batch of `count` records of now, with keys, 100 bytes each.
pub fn plain(count: i32) -> CheckedBatch {
    at(&vec![WALL_MS; count as usize])
}

/// A batch of records with these timestamps.
pub fn at(timestamps: &[i64]) -> CheckedBatch {
    let mut builder = BatchBuilder::new(Codec::None);
    timestamps.iter().for_each(|timestamp| builder.push(*timestamp, Some(b"key"), Some(&[7; 100]), &[]));
    checked(builder)
}

/// A batch of an idempotent producer.
pub fn idempotent(pid: i64, epoch: i16, seq: i32, count: i32) -> CheckedBatch {
    let mut builder = BatchBuilder::new(Codec::None).producer(pid, epoch, seq);
    (0..count).for_each(|_| builder.push(WALL_MS, Some(b"key"), Some(&[7; 100]), &[]));
    checked(builder)
}

pub fn checked(builder: BatchBuilder) -> CheckedBatch {
    CheckedBatch::check(Some(builder.build().expect("a batch")), 9).expect("a good batch")
}

/// A request that waits for nothing, by name.
pub fn request(topics: &[(&str, &[(i32, i64)])]) -> FetchRequest {
    let partition = |&(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    let topic = |&(name, partitions): &(&str, &[(i32, i64)])| FetchTopic {
        topic: Text::from(name),
        partitions: partitions.iter().map(partition).collect(),
        ..FetchTopic::default()
    };
    FetchRequest { topics: topics.iter().map(topic).collect(), ..FetchRequest::default() }
}

/// The same, by ids.
pub fn by_ids(topics: &[(&str, &[(i32, i64)])]) -> FetchRequest {
    let mut request = request(topics);
    for topic in &mut request.topics {
        topic.topic_id = Uuid([topic.topic.as_bytes()[0]; 16]);
        topic.topic = Text::default();
    }
    request
}

/// A request that waits up to 500 ms for one byte.
pub fn waiting(topics: &[(&str, &[(i32, i64)])]) -> FetchRequest {
    FetchRequest { max_wait_ms: 500, min_bytes: 1, ..request(topics) }
}

/// All partitions of an answer, with their topic's name.
pub fn entries(response: &FetchResponse) -> Vec<(&str, &PartitionData)> {
    response.responses.iter().flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic.as_str(), partition))).collect()
}

/// The base offsets of the batches in an entry.
pub fn bases(data: &PartitionData) -> Vec<i64> {
    let (all, mut at, mut found) = (data.records.to_bytes(), 0, Vec::new());
    while at < all.len() {
        let number = |from: usize, len: usize| all[at + from..at + from + len].iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte));
        found.push(number(0, 8));
        assert_eq!((number(12, 4), all[at + 16]), (0, 2), "leader epoch and magic");
        at += 12 + number(8, 4) as usize;
    }
    found
}

/// Each partition of an answer with its error.
pub fn codes(response: &FetchResponse) -> Vec<(i32, ErrorCode)> {
    entries(response).iter().map(|(_, data)| (data.partition_index, data.error_code)).collect()
}

/// Each partition of an answer with the base offsets of its batches.
pub fn offsets(response: &FetchResponse) -> Vec<(i32, Vec<i64>)> {
    entries(response).iter().map(|(_, data)| (data.partition_index, bases(data))).collect()
}
