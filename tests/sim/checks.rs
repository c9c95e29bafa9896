//! What must hold, whatever happens. The world reports what is durable and what is answered; actors report what they were told.
//! A violation does not stop the run at once: the first one is kept and the seed fails with it.

use crate::conn::Conn;
use monolog::base::ids::{ConnId, PartId, Uuid};
use monolog::engine::Engine;
use monolog::store::memory::MemoryStore;
use monolog::store::plan::{BatchRow, Op, Plan};
use monolog::store::seam::{Reader, Writer};
use monolog::wire::batch::BatchHeader;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::fetch::{FetchRequest, FetchResponse};
use monolog::wire::message::{Request, Response};
use monolog::wire::stored;
use std::collections::{BTreeMap, BTreeSet};

/// A fetch may be late by a cold read; nothing else may hold it.
const FETCH_GRACE_MS: u64 = 60;
/// The longest stall of the disk, twice, and the longest rebalance.
const ANSWER_MS_MAX: u64 = 40_000;

#[derive(Default)]
pub struct Checks {
    pub violations: Vec<String>,
    /// Every record that a producer ever made: where it went.
    sent: BTreeMap<u64, (String, i32)>,
    /// Acked records and their offsets.
    acked: BTreeMap<u64, i64>,
    /// The record at an offset, as any reader saw it: it may never change or go.
    seen: BTreeMap<(String, i32, i64), u64>,
    producer_ids: BTreeSet<i64>,
    watermarks: BTreeMap<(String, i32), i64>,
    owners: BTreeMap<(String, i32, String, i32), String>,
    leaders: BTreeMap<(String, i32), String>,
    planned: BTreeMap<(String, i32, String), Vec<u8>>,
    offsets: BTreeMap<(String, String, i32), Offsets>,
    durable_next: BTreeMap<PartId, i64>,
    grown_ms: BTreeMap<PartId, u64>,
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

    /// A producer made records `first_id..`.
    pub fn sent(&mut self, topic: &str, index: i32, _producer: u64, first_id: u64, count: i32) {
        for n in 0..count as u64 {
            self.sent.insert(first_id + n, (topic.to_owned(), index));
        }
    }

    /// A producer was told that its records are stored.
    pub fn acked(&mut self, topic: &str, index: i32, first_id: u64, count: i32, base_offset: i64) {
        for n in 0..count as u64 {
            let (id, offset) = (first_id + n, base_offset + n as i64);
            if let Some(before) = self.acked.insert(id, offset) {
                self.expect(before == offset, || format!("record {id:x} was acked at {before} and again at {offset}"));
            }
            self.saw(topic, index, offset, id);
        }
    }

    /// A reader, or an ack, says that this record is at this offset.
    pub fn saw(&mut self, topic: &str, index: i32, offset: i64, id: u64) {
        let key = (topic.to_owned(), index, offset);
        if let Some(before) = self.seen.insert(key, id) {
            self.expect(before == id, || format!("{topic}-{index} at {offset}: first record {before:x}, then {id:x}"));
        }
    }

    pub fn producer_id(&mut self, id: i64) {
        let fresh = self.producer_ids.insert(id);
        self.expect(fresh, || format!("producer id {id} was handed out twice"));
    }

    /// The store committed a plan: rows must continue their partition without a gap.
    pub fn durable(&mut self, plan: &Plan, now_ms: u64) {
        for op in &plan.ops {
            if let Op::AddPartition(row) = op {
                self.durable_next.insert(row.part, row.next_offset);
            }
        }
        for row in &plan.batches {
            let next = self.durable_next.insert(row.part, row.last + 1).unwrap_or(0);
            self.grown_ms.insert(row.part, now_ms);
            self.expect(row.base == next, || format!("{:?}: a batch at {} was stored where {next} was due", row.part, row.base));
        }
    }

    /// An answer leaves the broker, in its turn. What it says must be on disk.
    pub fn answer(&mut self, actor: usize, request: &Request, response: &Option<Response>, engine: &Engine, store: &MemoryStore) {
        match (request, response) {
            (Request::Produce(_), Some(Response::Produce(produce))) => {
                for topic in &produce.responses {
                    for entry in topic.partition_responses.iter().filter(|entry| entry.error_code == ErrorCode::NONE) {
                        self.expect(is_durable(engine, store, &topic.name, entry.index, entry.base_offset), || {
                            format!("actor {actor}: {}-{} at {} was acked before its commit", topic.name, entry.index, entry.base_offset)
                        });
                    }
                }
            }
            (Request::Fetch(_), Some(Response::Fetch(fetch))) => self.fetched(fetch, engine, store),
            _ => {}
        }
    }

    fn fetched(&mut self, fetch: &FetchResponse, engine: &Engine, store: &MemoryStore) {
        for topic in &fetch.responses {
            let name = match engine.state().topics.by_id(topic.topic_id) {
                Some(found) => found.name.to_string(),
                None if topic.topic_id == Uuid::ZERO => topic.topic.to_string(),
                None => continue,
            };
            for partition in topic.partitions.iter().filter(|partition| partition.error_code == ErrorCode::NONE) {
                let key = (name.clone(), partition.partition_index);
                let before = self.watermarks.insert(key, partition.high_watermark).unwrap_or(0);
                let (index, high_watermark) = (partition.partition_index, partition.high_watermark);
                self.expect(high_watermark >= before, || format!("{name}-{index}: high watermark fell from {before} to {high_watermark}"));
                if high_watermark > 0 {
                    self.expect(is_durable(engine, store, &name, index, high_watermark - 1), || {
                        format!("{name}-{index}: high watermark {high_watermark} was shown before its commit")
                    });
                }
                self.records(&name, index, high_watermark, &partition.records.to_bytes());
            }
        }
    }

    fn records(&mut self, name: &str, index: i32, high_watermark: i64, bytes: &bytes::Bytes) {
        let mut expected = None;
        for (base, batch) in batches(bytes) {
            let Some(header) = BatchHeader::read(&batch) else { continue };
            self.expect(expected.is_none_or(|next| next == base), || format!("{name}-{index}: a batch at {base}, {expected:?} was due"));
            let last = base + i64::from(header.last_offset_delta);
            self.expect(last < high_watermark, || format!("{name}-{index}: offset {last} was sent at high watermark {high_watermark}"));
            expected = Some(last + 1);
            for (offset, id) in ids(base, &batch) {
                let home = self.sent.get(&id).cloned();
                self.expect(home == Some((name.to_owned(), index)), || format!("{name}-{index}: record {id:x} was sent to {home:?}"));
                self.saw(name, index, offset, id);
            }
        }
    }

    /// What is owed must come in time: fetches by their own deadline, heartbeats at once, all else when disk and group allow.
    pub fn deadlines(&mut self, now_ms: u64, conns: &BTreeMap<ConnId, Conn>, engine: Option<&Engine>) {
        let mut late = Vec::new();
        for slot in conns.values().flat_map(|conn| &conn.slots).filter(|slot| slot.answer.is_none()) {
            if let (Request::Fetch(fetch), Some(engine)) = (&slot.request, engine)
                && self.has_data_since(fetch, engine, now_ms)
            {
                late.push(format!("{fetch:?} of {} waits at {now_ms} though there is data", slot.since_ms));
            }
        }
        for slot in conns.values().flat_map(|conn| &conn.slots).filter(|slot| slot.answer.is_none()) {
            let bound_ms = match &slot.request {
                Request::Fetch(fetch) => fetch.max_wait_ms as u64 + FETCH_GRACE_MS,
                Request::Heartbeat(_) | Request::FindCoordinator(_) | Request::ApiVersions(_) => 0,
                _ => ANSWER_MS_MAX,
            };
            if now_ms > slot.since_ms + bound_ms {
                late.push(format!("{:?} of {} is still unanswered at {now_ms}", slot.request, slot.since_ms));
            }
        }
        self.violations.extend(late);
    }

    /// Whether a fetch without a session waits although what it asks for has been on disk for a while.
    fn has_data_since(&self, fetch: &FetchRequest, engine: &Engine, now_ms: u64) -> bool {
        let asked = fetch.topics.iter().filter(|_| fetch.session_epoch == -1);
        asked.flat_map(|topic| topic.partitions.iter().map(move |partition| (&topic.topic, partition))).any(|(topic, partition)| {
            let part = engine.state().topics.by_name(topic).and_then(|topic| topic.partition(partition.partition));
            part.is_some_and(|part| {
                let next = self.durable_next.get(&part).copied().unwrap_or(0);
                let grown_ms = self.grown_ms.get(&part).copied().unwrap_or(now_ms);
                next > partition.fetch_offset && now_ms > grown_ms + FETCH_GRACE_MS
            })
        })
    }

    /// A member was given its share in a generation with this leader. (A generation that ended in a crash before it was stored may
    /// come again, but nobody had a share in it. A static leader gets a new member id when it restarts.)
    pub fn led(&mut self, group: &str, generation: i32, leader: &str) {
        if leader.starts_with("static") {
            return;
        }
        let first = self.leaders.entry((group.to_owned(), generation)).or_insert_with(|| leader.to_owned()).clone();
        self.expect(first == leader, || format!("generation {generation} of {group} has leaders {first} and {leader}"));
    }

    /// The leader decided what a member is to get.
    pub fn planned(&mut self, group: &str, generation: i32, member: &str, assignment: &[u8]) {
        self.planned.insert((group.to_owned(), generation, member.to_owned()), assignment.to_vec());
    }

    /// A member was told what it owns.
    pub fn owns(&mut self, group: &str, generation: i32, member: &str, assignment: &[u8], partitions: &[(String, i32)]) {
        let planned = self.planned.get(&(group.to_owned(), generation, member.to_owned())).cloned();
        self.expect(planned.as_deref() == Some(assignment), || {
            format!("{member} in generation {generation} got {assignment:?}, its leader meant {planned:?}")
        });
        for (topic, index) in partitions {
            let key = (group.to_owned(), generation, topic.clone(), *index);
            let first = self.owners.entry(key).or_insert_with(|| member.to_owned()).clone();
            self.expect(first == member, || format!("{topic}-{index} has owners {first} and {member} in generation {generation}"));
        }
    }

    pub fn committing(&mut self, group: &str, topic: &str, index: i32, offset: i64) {
        self.offsets.entry((group.to_owned(), topic.to_owned(), index)).or_default().perhaps.push(offset);
    }

    /// A commit was acked: what was sent before it is overtaken.
    pub fn committed(&mut self, group: &str, topic: &str, index: i32, offset: i64) {
        let offsets = self.offsets.entry((group.to_owned(), topic.to_owned(), index)).or_default();
        if let Some(at) = offsets.perhaps.iter().position(|sent| *sent == offset) {
            offsets.perhaps.drain(..=at);
        }
        offsets.acked = Some(offset);
    }

    /// The broker says what is committed (-1: nothing).
    pub fn fetched_offset(&mut self, group: &str, topic: &str, index: i32, offset: i64) {
        let offsets = self.offsets.entry((group.to_owned(), topic.to_owned(), index)).or_default();
        let holds = offsets.acked.unwrap_or(-1) == offset || offsets.perhaps.contains(&offset);
        let (acked, perhaps) = (offsets.acked, offsets.perhaps.clone());
        self.expect(holds, || format!("{group} {topic}-{index}: offset {offset} came back, {acked:?} was acked, {perhaps:?} were sent"));
    }

    /// At the end, from the store itself: every acked record once and at its offset, every producer's records in order.
    pub fn audit(&mut self, store: &MemoryStore) {
        let mut store = store.clone();
        let image = store.load().expect("the memory store loads");
        let names: BTreeMap<Uuid, String> = image.topics.iter().map(|topic| (topic.id, topic.name.to_string())).collect();
        let mut found: BTreeMap<u64, i64> = BTreeMap::new();
        for row in &image.partitions {
            let name = names.get(&row.topic).cloned().unwrap_or_default();
            let mut next = row.log_start;
            let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
            for batch in all(&mut store, row.part, row.log_start, row.next_offset) {
                self.expect(batch.base == next, || format!("{name}-{}: a batch at {}, {next} was due", row.index, batch.base));
                next = batch.last + 1;
                for (offset, id) in ids(batch.base, &batch.data) {
                    let twice = found.insert(id, offset);
                    self.expect(twice.is_none(), || format!("{name}-{}: record {id:x} at {offset} and at {twice:?}", row.index));
                    let before = newest.insert(id >> 40, id);
                    self.expect(before.is_none_or(|before| before < id), || format!("{name}: record {id:x} came after {before:x?}"));
                    self.saw(&name, row.index, offset, id);
                }
            }
            self.expect(next == row.next_offset, || format!("{name}-{}: ends at {next}, not at {}", row.index, row.next_offset));
        }
        for (id, offset) in self.acked.clone() {
            let at = found.get(&id).copied();
            self.expect(at == Some(offset), || format!("record {id:x} was acked at {offset}, and is at {at:?}"));
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

fn is_durable(engine: &Engine, store: &MemoryStore, topic: &str, index: i32, offset: i64) -> bool {
    let Some(part) = engine.state().topics.by_name(topic).and_then(|topic| topic.partition(index)) else { return true };
    let rows = store.clone().read(part, offset, offset + 1, 1).expect("the memory store reads");
    !rows.is_empty()
}

/// The batches of a fetch answer with their base offsets.
pub fn batches(bytes: &bytes::Bytes) -> Vec<(i64, bytes::Bytes)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let (Some(base), Some(length)) = (bytes.get(at..at + 8), bytes.get(at + 8..at + 12)) {
        let base = i64::from_be_bytes(base.try_into().expect("eight bytes"));
        let end = at + 12 + i32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        found.push((base, bytes.slice(at..end)));
        at = end;
    }
    found
}

/// Offsets and numbers of the records of a batch.
pub fn ids(base: i64, batch: &bytes::Bytes) -> Vec<(i64, u64)> {
    let header = BatchHeader::read(batch).expect("a stored batch has a header");
    let section = stored::inflate_records(batch).expect("a stored batch inflates");
    let records = stored::records(&header, &section);
    records
        .map(|record| {
            let record = record.expect("a stored record parses");
            let id = u64::from_be_bytes(record.value.unwrap_or_default().try_into().expect("a value of eight bytes"));
            (base + i64::from(record.offset_delta), id)
        })
        .collect()
}
