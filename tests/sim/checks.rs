//! What must hold, whatever happens. The world reports what becomes durable and what is answered, actors what they did and what they
//! were told. The first violation ends the run, and the seed fails with it.

use crate::conn::{Conn, Slot};
use crate::lanes::{LANES, Lane, lane};
use crate::member::GROUP;
use crate::read::{batches, ids};
use bytes::Bytes;
use monolog::base::ids::{ConnId, PartId, PlanNo, Uuid};
use monolog::store::memory::MemoryStore;
use monolog::store::plan::{BatchRow, Counter, MemberRow, Op, Plan};
use monolog::store::seam::{Reader, Writer};
use monolog::wire::batch::BatchHeader;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::fetch::{FetchResponse, PartitionData};
use monolog::wire::message::produce::{ProduceRequest, ProduceResponse};
use monolog::wire::message::{Request, Response};
use std::collections::{BTreeMap, BTreeSet};

/// A fetch may be late by a cold read; nothing else may hold it.
const FETCH_GRACE_MS: u64 = 15;
/// Two of the longest stalls of the disk, and the longest rebalance.
const ANSWER_MS_MAX: u64 = 15_000;

#[derive(Default)]
pub struct Checks {
    pub violations: Vec<String>,
    /// Where each record went, by producer and number.
    sent: BTreeMap<u64, Vec<Lane>>,
    /// Acked records and their offsets.
    acked: BTreeMap<u64, i64>,
    /// The record at each offset, as any reader or ack told it (0: nobody did): it may never change or go.
    seen: [Vec<u64>; LANES.len()],
    producer_ids: BTreeSet<i64>,
    /// What each actor was told last of each lane: high watermark and log start.
    told: BTreeMap<(usize, Lane), (i64, i64)>,
    owners: BTreeMap<(i32, Lane), String>,
    leaders: BTreeMap<i32, String>,
    planned: BTreeMap<(i32, String), Bytes>,
    offsets: BTreeMap<(&'static str, Lane), Offsets>,
    durable: Durable,
    /// How often a Produce was answered that is stored in more than one plan.
    pub spanning: u64,
}

/// What is on disk, from the plans that were committed.
#[derive(Default)]
struct Durable {
    topics: BTreeMap<Uuid, String>,
    parts: [Option<Part>; LANES.len()],
    lanes: BTreeMap<PartId, Lane>,
    next_offsets: BTreeMap<PartId, i64>,
    batches: BTreeMap<(Lane, i64), PlanNo>,
    /// What members were given: group, generation, member, assignment. A plan may hold two generations, and answers of both.
    shares: BTreeSet<(String, i32, String, Bytes)>,
    offsets: BTreeSet<(String, Lane, i64)>,
    next_producer_id: i64,
}

#[derive(Clone, Copy)]
struct Part {
    next: i64,
    log_start: i64,
    created_ms: u64,
    grown_ms: u64,
}

/// What may be the committed offset: the last acked one, or one of those sent after it.
#[derive(Default)]
struct Offsets {
    acked: Option<i64>,
    perhaps: Vec<i64>,
}

impl Checks {
    pub fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(what());
        }
    }

    // What producers do and are told.

    /// A producer made its next records.
    pub fn sent(&mut self, lane: Lane, producer: u64, count: i32) {
        self.sent.entry(producer).or_default().extend((0..count).map(|_| lane));
    }

    /// A producer was told that its records are stored.
    pub fn acked(&mut self, lane: Lane, first_id: u64, count: i32, base_offset: i64) {
        for n in 0..count as u64 {
            let (id, offset) = (first_id + n, base_offset + n as i64);
            if let Some(before) = self.acked.insert(id, offset) {
                self.expect(before == offset, || format!("record {id:x} was acked at {before} and again at {offset}"));
            }
            self.saw(lane, offset, id);
        }
    }

    /// A reader, or an ack, says that this record is at this offset.
    fn saw(&mut self, lane: Lane, offset: i64, id: u64) {
        let seen = &mut self.seen[lane];
        if seen.len() <= offset as usize {
            seen.resize(offset as usize + 1, 0);
        }
        let before = std::mem::replace(&mut seen[offset as usize], id);
        self.expect(before == 0 || before == id, || format!("{:?} at {offset}: first record {before:x}, then {id:x}", LANES[lane]));
    }

    pub fn producer_id(&mut self, id: i64) {
        let fresh = self.producer_ids.insert(id);
        self.expect(fresh, || format!("producer id {id} was handed out twice"));
    }

    /// Whether the topic of a lane is on disk.
    pub fn exists(&self, lane: Lane) -> bool {
        self.durable.parts[lane].is_some()
    }

    /// The first offset that the disk holds.
    pub fn log_start(&self, lane: Lane) -> i64 {
        self.durable.parts[lane].map_or(0, |part| part.log_start)
    }

    // What becomes durable.

    /// The store committed a plan: rows must continue their partition without a gap.
    pub fn durable(&mut self, plan: &Plan, now_ms: u64) {
        for op in &plan.ops {
            self.durable.op(op, now_ms);
            if matches!(op, Op::DeleteGroup(id) if *id == GROUP) {
                // The next one of that name begins with the first generation again.
                self.owners.clear();
                self.leaders.clear();
            }
        }
        for row in &plan.batches {
            let next = self.durable.next_offsets.insert(row.part, row.last + 1).unwrap_or(-1);
            self.expect(row.base == next, || format!("{:?}: a batch at {} was stored where {next} was due", row.part, row.base));
            let Some(lane) = self.durable.lanes.get(&row.part).copied() else { continue };
            self.durable.batches.insert((lane, row.base), plan.no);
            if let Some(part) = &mut self.durable.parts[lane] {
                (part.next, part.grown_ms) = (row.last + 1, now_ms);
            }
        }
    }

    fn is_durable(&self, lane: Lane, offset: i64) -> bool {
        self.durable.parts[lane].is_some_and(|part| offset < part.next)
    }

    // What is answered.

    /// An answer leaves the broker, in its turn. What it says must be on disk.
    pub fn answer(&mut self, actor: usize, slot: &Slot, response: &Response) {
        match (&slot.request, response) {
            (Request::Produce(request), Response::Produce(response)) => self.produced(actor, request, response),
            (Request::Fetch(_), Response::Fetch(response)) => self.fetched(actor, slot, response),
            (Request::ListOffsets(_), Response::ListOffsets(response)) => {
                for topic in &response.topics {
                    for entry in topic.partitions.iter().filter(|entry| entry.error_code == ErrorCode::NONE && entry.offset > 0) {
                        let shown = lane(&topic.name, entry.partition_index).is_none_or(|lane| self.is_durable(lane, entry.offset - 1));
                        self.expect(shown, || format!("ListOffsets told of {} in {} before its commit", entry.offset, topic.name));
                    }
                }
            }
            (Request::Metadata(_), Response::Metadata(response)) => {
                for topic in response.topics.iter().filter(|topic| topic.error_code == ErrorCode::NONE) {
                    let on_disk = self.durable.topics.contains_key(&topic.topic_id);
                    self.expect(on_disk, || format!("Metadata told of {:?} before its commit", topic.name));
                }
            }
            (Request::CreateTopics(_), Response::CreateTopics(response)) => {
                for topic in response.topics.iter().filter(|topic| topic.error_code == ErrorCode::NONE) {
                    let on_disk = self.durable.topics.contains_key(&topic.topic_id);
                    self.expect(on_disk, || format!("{:?} was created before its commit", topic.name));
                }
            }
            (Request::DeleteTopics(_), Response::DeleteTopics(response)) => {
                for topic in response.responses.iter().filter(|topic| topic.error_code == ErrorCode::NONE) {
                    let on_disk = self.durable.topics.contains_key(&topic.topic_id);
                    self.expect(!on_disk, || format!("{:?} was deleted before its commit", topic.name));
                }
            }
            (Request::InitProducerId(_), Response::InitProducerId(response)) if response.error_code == ErrorCode::NONE => {
                let (id, next) = (response.producer_id, self.durable.next_producer_id);
                self.expect(id < next, || format!("producer id {id} was handed out before its commit"));
            }
            (Request::SyncGroup(request), Response::SyncGroup(response)) if response.error_code == ErrorCode::NONE => {
                let (group, member) = (request.group_id.to_string(), request.member_id.to_string());
                let holds = self.durable.shares.contains(&(group, request.generation_id, member, response.assignment.clone()));
                self.expect(holds, || format!("a share in generation {} was told before its commit", request.generation_id));
            }
            (Request::OffsetCommit(request), Response::OffsetCommit(response)) => {
                let asked = request.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |entry| (&topic.name, entry)));
                let said = response.topics.iter().flat_map(|topic| &topic.partitions);
                for ((name, entry), _) in asked.zip(said).filter(|(_, said)| said.error_code == ErrorCode::NONE) {
                    let Some(lane) = lane(name, entry.partition_index) else { continue };
                    let stored = self.durable.offsets.contains(&(request.group_id.to_string(), lane, entry.committed_offset));
                    self.expect(stored, || format!("offset {} of {:?} was acked before its commit", entry.committed_offset, LANES[lane]));
                }
            }
            _ => {}
        }
    }

    fn produced(&mut self, actor: usize, request: &ProduceRequest, response: &ProduceResponse) {
        let mut plans = BTreeSet::new();
        for topic in &response.responses {
            for entry in topic.partition_responses.iter().filter(|entry| entry.error_code == ErrorCode::NONE) {
                let Some(lane) = lane(&topic.name, entry.index) else { continue };
                let on_disk = self.is_durable(lane, entry.base_offset);
                self.expect(on_disk, || format!("actor {actor}: {:?} at {} was acked before its commit", LANES[lane], entry.base_offset));
                plans.extend(self.durable.batches.get(&(lane, entry.base_offset)).copied());
            }
        }
        self.spanning += u64::from(plans.len() > 1 && request.acks != 0);
    }

    fn fetched(&mut self, actor: usize, slot: &Slot, response: &FetchResponse) {
        for topic in &response.responses {
            let name =
                if topic.topic_id.is_zero() { Some(topic.topic.to_string()) } else { self.durable.topics.get(&topic.topic_id).cloned() };
            let Some(name) = name else { continue };
            for partition in &topic.partitions {
                let Some(lane) = lane(&name, partition.partition_index) else { continue };
                if partition.error_code == ErrorCode::NONE {
                    self.watermarks(actor, lane, partition);
                    let wanted = slot.wants.iter().find(|(wanted, _)| *wanted == lane).map(|(_, offset)| *offset);
                    self.expect(wanted.is_some(), || format!("a fetch was answered with {:?}, not asked for", LANES[lane]));
                    self.records(lane, wanted.unwrap_or_default(), partition.high_watermark, &partition.records.to_bytes());
                }
            }
        }
    }

    fn watermarks(&mut self, actor: usize, lane: Lane, partition: &PartitionData) {
        let (high_watermark, log_start) = (partition.high_watermark, partition.log_start_offset);
        let (before, start_before) = self.told.insert((actor, lane), (high_watermark, log_start)).unwrap_or_default();
        let name = LANES[lane];
        self.expect(high_watermark >= before, || format!("{name:?}: high watermark fell from {before} to {high_watermark}"));
        self.expect(log_start >= start_before, || format!("{name:?}: log start fell from {start_before} to {log_start}"));
        let shown = high_watermark == 0 || self.is_durable(lane, high_watermark - 1);
        self.expect(shown, || format!("{name:?}: high watermark {high_watermark} was shown before its commit"));
        let stored = self.log_start(lane);
        self.expect(log_start <= stored, || format!("{name:?}: log start {log_start} was shown before its commit"));
    }

    /// Records of an answer: whole batches in order, from the one that holds the offset that was asked for, below the high watermark.
    fn records(&mut self, lane: Lane, wanted: i64, high_watermark: i64, bytes: &Bytes) {
        let mut expected = None;
        let name = LANES[lane];
        // Retention may take what a cold read was about to read.
        let first = wanted.max(self.log_start(lane));
        for (base, batch) in batches(bytes) {
            let Some(header) = BatchHeader::read(&batch) else { continue };
            let last = base + i64::from(header.last_offset_delta);
            let follows = expected.map_or(base <= first && wanted <= last, |next| next == base);
            self.expect(follows, || format!("{name:?}: offset {wanted} was asked for, a batch at {base} came where {expected:?} was due"));
            self.expect(last < high_watermark, || format!("{name:?}: offset {last} was sent at high watermark {high_watermark}"));
            expected = Some(last + 1);
            for (offset, id) in ids(base, &batch) {
                let home = self.sent.get(&(id >> 40)).and_then(|sent| sent.get((id & 0xff_ffff_ffff) as usize)).copied();
                self.expect(home == Some(lane), || format!("{name:?}: record {id:x} was sent to lane {home:?}"));
                self.saw(lane, offset, id);
            }
        }
    }

    /// What is owed must come in time: fetches by their own deadline, heartbeats at once, all else when disk and group allow.
    pub fn deadlines(&mut self, now_ms: u64, conns: &BTreeMap<ConnId, Conn>) {
        let mut late = Vec::new();
        for slot in conns.values().flat_map(|conn| conn.slots.open()) {
            let bound_ms = match &slot.request {
                Request::Fetch(fetch) => fetch.max_wait_ms as u64 + FETCH_GRACE_MS,
                // Readers ask for topics that are there and stay as they are.
                Request::ListOffsets(_) => FETCH_GRACE_MS,
                Request::Heartbeat(_) => 0,
                _ => ANSWER_MS_MAX,
            };
            if now_ms > slot.since_ms + bound_ms {
                late.push(format!("still unanswered at {now_ms}, since {}: {:?}", slot.since_ms, slot.request));
            }
            if let Some((lane, offset)) =
                slot.wants.iter().find(|(lane, offset)| self.waits_for_nothing(*lane, *offset, slot.since_ms, now_ms))
            {
                late.push(format!("a fetch of {} waits at {now_ms} for {:?} from {offset}, which is there", slot.since_ms, LANES[*lane]));
            }
        }
        self.violations.extend(late);
    }

    /// Whether what a fetch asks for has been on disk for a while.
    fn waits_for_nothing(&self, lane: Lane, offset: i64, since_ms: u64, now_ms: u64) -> bool {
        self.durable.parts[lane]
            .is_some_and(|part| part.next > offset && now_ms > part.grown_ms.max(since_ms) + FETCH_GRACE_MS && part.created_ms < since_ms)
    }

    // Groups.

    /// A member was given its share in a generation with this leader. (A generation that ended in a crash before it was stored may
    /// come again, but nobody had a share in it. A static leader gets a new member id when it restarts.)
    pub fn led(&mut self, generation: i32, leader: &str) {
        if leader.starts_with("static") {
            return;
        }
        let first = self.leaders.entry(generation).or_insert_with(|| leader.to_owned()).clone();
        self.expect(first == leader, || format!("generation {generation} has leaders {first} and {leader}"));
    }

    /// The leader decided what a member is to get. Static members go by their instance id.
    pub fn planned(&mut self, generation: i32, member: &str, assignment: &Bytes) {
        self.planned.insert((generation, member.to_owned()), assignment.clone());
    }

    /// A member was told what it owns.
    pub fn owns(&mut self, generation: i32, member: &str, assignment: &Bytes) {
        let planned = self.planned.get(&(generation, member.to_owned())).cloned();
        self.expect(planned.as_ref() == Some(assignment), || {
            format!("{member} in generation {generation} got {assignment:?}, its leader meant {planned:?}")
        });
        for lane in assignment.iter().map(|lane| *lane as Lane) {
            let first = self.owners.entry((generation, lane)).or_insert_with(|| member.to_owned()).clone();
            self.expect(first == member, || format!("{:?} has owners {first} and {member} in generation {generation}", LANES[lane]));
        }
    }

    /// A commit is sent.
    pub fn committing(&mut self, group: &'static str, lane: Lane, offset: i64) {
        self.offsets.entry((group, lane)).or_default().perhaps.push(offset);
    }

    /// A commit was acked: what was sent before it is overtaken.
    pub fn committed(&mut self, group: &'static str, lane: Lane, offset: i64) {
        let offsets = self.offsets.entry((group, lane)).or_default();
        if let Some(at) = offsets.perhaps.iter().position(|sent| *sent == offset) {
            offsets.perhaps.drain(..=at);
        }
        offsets.acked = Some(offset);
    }

    /// The broker says what is committed (-1: nothing).
    pub fn fetched_offset(&mut self, group: &'static str, lane: Lane, offset: i64) {
        let offsets = self.offsets.entry((group, lane)).or_default();
        let holds = offsets.acked.unwrap_or(-1) == offset || offsets.perhaps.contains(&offset);
        let (acked, perhaps) = (offsets.acked, offsets.perhaps.clone());
        self.expect(holds, || format!("{group} {:?}: offset {offset} came back, {acked:?} was acked, {perhaps:?} were sent", LANES[lane]));
    }

    /// At the end, from the store itself: every record that was acked or read is there once, at its offset, and every
    /// producer's records are in order; unless retention took them.
    pub fn audit(&mut self, store: &MemoryStore) {
        let mut store = store.clone();
        let image = store.load().expect("the memory store loads");
        let mut found: BTreeMap<u64, i64> = BTreeMap::new();
        for row in &image.partitions {
            let name = image.topics.iter().find(|topic| topic.id == row.topic).map(|topic| topic.name.to_string()).unwrap_or_default();
            let Some(lane) = lane(&name, row.index) else { continue };
            let mut next = row.log_start;
            let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
            for batch in all(&mut store, row.part, row.log_start, row.next_offset) {
                // Deleted records may end inside a batch, which then stays whole.
                let holds_start = next == row.log_start && batch.base < next && batch.last >= next;
                self.expect(batch.base == next || holds_start, || format!("{:?}: a batch at {}, {next} was due", LANES[lane], batch.base));
                next = batch.last + 1;
                for (offset, id) in ids(batch.base, &batch.data) {
                    let twice = found.insert(id, offset);
                    self.expect(twice.is_none(), || format!("{:?}: record {id:x} at {offset} and at {twice:?}", LANES[lane]));
                    let before = newest.insert(id >> 40, id);
                    self.expect(before.is_none_or(|before| before < id), || format!("{name}: record {id:x} came after {before:x?}"));
                    self.saw(lane, offset, id);
                }
            }
            self.expect(next == row.next_offset, || format!("{:?}: ends at {next}, not at {}", LANES[lane], row.next_offset));
            let seen = self.seen[lane].len() as i64;
            self.expect(seen <= next, || format!("{:?}: offset {} was read or acked, the log ends at {next}", LANES[lane], seen - 1));
        }
        for (id, offset) in self.acked.clone() {
            let lane = self.sent.get(&(id >> 40)).and_then(|sent| sent.get((id & 0xff_ffff_ffff) as usize)).copied().unwrap_or_default();
            let at = found.get(&id).copied();
            let holds = at == Some(offset) || (at.is_none() && offset < self.log_start(lane));
            self.expect(holds, || format!("record {id:x} was acked at {offset}, and is at {at:?}"));
        }
    }
}

impl Durable {
    fn op(&mut self, op: &Op, now_ms: u64) {
        match op {
            Op::PutTopic(row) => drop(self.topics.insert(row.id, row.name.to_string())),
            Op::DeleteTopic(id) => drop(self.topics.remove(id)),
            Op::AddPartition(row) => {
                self.next_offsets.insert(row.part, row.next_offset);
                if let Some(lane) = self.topics.get(&row.topic).and_then(|name| lane(name, row.index)) {
                    self.lanes.insert(row.part, lane);
                    self.parts[lane] = Some(Part { next: 0, log_start: 0, created_ms: now_ms, grown_ms: now_ms });
                }
            }
            Op::SetLogStart { part, log_start } => {
                let known = self.lanes.get(part).and_then(|lane| self.parts[*lane].as_mut());
                known.into_iter().for_each(|part| part.log_start = *log_start);
            }
            Op::PutGroup(row) => {
                let share = |member: &MemberRow| (row.id.to_string(), row.generation, member.id.to_string(), member.assignment.clone());
                self.shares.extend(row.members.iter().map(share));
            }
            Op::PutOffset(row) => {
                if let Some(lane) = self.lanes.get(&row.part) {
                    self.offsets.insert((row.group.to_string(), *lane, row.offset));
                }
            }
            Op::SetCounter(Counter::ProducerId, next) => self.next_producer_id = *next,
            _ => {}
        }
    }
}

fn all(store: &mut MemoryStore, part: PartId, from: i64, until: i64) -> Vec<BatchRow> {
    let (mut rows, mut from) = (Vec::new(), from);
    while from < until {
        let more = store.read(part, from, until, 1 << 20).expect("the memory store reads");
        let Some(last) = more.last() else { break };
        from = last.last + 1;
        rows.extend(more);
    }
    rows
}
