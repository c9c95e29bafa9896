//! An idempotent producer as the Java client is one: up to five requests in flight, retries in order with their sequences, and
//! nothing else to lean on. Every record carries its own number, so that the checks can tell records apart.

use crate::lanes::{LANES, Lane, lane};
use crate::world::{Actor, Net};
use bytes::Bytes;
use monolog::base::text::Text;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::init_producer_id::InitProducerIdRequest;
use monolog::wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use monolog::wire::message::{Request, Response};
use std::collections::VecDeque;

const TAG_INIT: u64 = u64::MAX;
const IN_FLIGHT_MAX: usize = 5;
/// Three of these fill more than a plan.
const BULK_BYTES: usize = 400_000;

/// A batch that is not acked yet.
struct Unacked {
    first_id: u64,
    seq: i32,
    count: i32,
    bytes: Bytes,
    sent: bool,
    refusals: u32,
}

/// What goes to one partition.
#[derive(Default)]
struct Line {
    lane: Lane,
    next_seq: i32,
    unacked: VecDeque<Unacked>,
    /// After a refusal nothing is sent before this.
    wait_until_ms: u64,
}

pub struct Producer {
    number: u64,
    next_id: u64,
    pid: Option<(i64, i16)>,
    asking: bool,
    lines: Vec<Line>,
    /// Requests in flight, oldest first: their tags, and the line and sequence of each of their batches.
    in_flight: VecDeque<(u64, Vec<(usize, i32)>)>,
    next_tag: u64,
    settled: bool,
}

/// A Produce of these batches, all lanes different.
pub fn produce(acks: i16, lanes: impl Iterator<Item = Lane>) -> ProduceRequest {
    let mut topic_data: Vec<TopicProduceData> = Vec::new();
    for (topic, index) in lanes.map(|lane| LANES[lane]) {
        let partition = PartitionProduceData { index, records: None };
        match topic_data.last_mut().filter(|data| data.name == topic) {
            Some(data) => data.partition_data.push(partition),
            None => {
                topic_data.push(TopicProduceData { name: Text::from_static(topic), partition_data: vec![partition], ..Default::default() })
            }
        }
    }
    ProduceRequest { acks, timeout_ms: 30_000, topic_data, ..Default::default() }
}

impl Producer {
    pub fn new(number: u64, lanes: std::ops::Range<Lane>) -> Producer {
        let lines = lanes.map(|lane| Line { lane, ..Line::default() }).collect();
        Producer { number, next_id: 0, pid: None, asking: false, lines, in_flight: VecDeque::new(), next_tag: 0, settled: false }
    }

    fn work(&mut self, net: &mut Net<'_>) {
        let Some((pid, epoch)) = self.pid else {
            if !self.asking {
                let request =
                    InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 60_000, producer_id: -1, producer_epoch: -1 };
                self.asking = net.send(TAG_INIT, 4, Request::InitProducerId(request));
            }
            return;
        };
        let idle = self.lines.iter().all(|line| line.unacked.is_empty());
        match net.rng().below(100) {
            _ if self.settled => {}
            // A producer that was started again.
            0..=9 if idle => {
                self.pid = None;
                self.lines.iter_mut().for_each(|line| line.next_seq = 0);
                return;
            }
            10 if net.world.weather.bulk => {
                (0..self.lines.len()).for_each(|line| self.invent(net, line, pid, epoch, BULK_BYTES));
                return self.send_together(net);
            }
            10..=70 => {
                let line = net.rng().below(self.lines.len() as u64) as usize;
                self.invent(net, line, pid, epoch, 8);
            }
            _ => {}
        }
        if net.rng().below(3) == 0 {
            self.send_together(net);
        }
        let start = net.rng().below(self.lines.len() as u64) as usize;
        for turn in 0..self.lines.len() {
            while self.send(net, &[(start + turn) % self.lines.len()]) {}
        }
    }

    fn invent(&mut self, net: &mut Net<'_>, line: usize, pid: i64, epoch: i16, value_bytes: usize) {
        let count = if value_bytes > 8 { 1 } else { 1 + net.rng().below(3) as i32 };
        let wall_ms = net.wall_ms();
        let line = &mut self.lines[line];
        if line.unacked.len() >= IN_FLIGHT_MAX || !net.checks().exists(line.lane) {
            return;
        }
        let mut builder = BatchBuilder::new(Codec::None).producer(pid, epoch, line.next_seq);
        let first_id = self.number << 40 | self.next_id;
        let mut value = vec![0; value_bytes];
        for n in 0..count as u64 {
            value[..8].copy_from_slice(&(first_id + n).to_be_bytes());
            builder.push(wall_ms, None, Some(&value), &[]);
        }
        let bytes = builder.build().expect("an uncompressed batch builds");
        net.checks().sent(line.lane, self.number, count);
        line.unacked.push_back(Unacked { first_id, seq: line.next_seq, count, bytes, sent: false, refusals: 0 });
        line.next_seq += count;
        self.next_id += count as u64;
    }

    /// The next batch of a line that may be sent: nothing behind one that has to be sent again while others are still out.
    fn sendable(&self, line: usize, now_ms: u64) -> Option<usize> {
        let Line { unacked, wait_until_ms, .. } = &self.lines[line];
        if now_ms < *wait_until_ms {
            return None;
        }
        let next = unacked.iter().position(|batch| !batch.sent)?;
        unacked.iter().skip(next).all(|batch| !batch.sent).then_some(next)
    }

    /// The next batches of all lines in one request.
    fn send_together(&mut self, net: &mut Net<'_>) {
        let lines: Vec<usize> = (0..self.lines.len()).filter(|line| self.sendable(*line, net.world.now_ms).is_some()).collect();
        if !lines.is_empty() {
            self.send(net, &lines);
        }
    }

    fn send(&mut self, net: &mut Net<'_>, lines: &[usize]) -> bool {
        let now_ms = net.world.now_ms;
        let batches: Vec<(usize, usize)> = lines.iter().filter_map(|line| Some((*line, self.sendable(*line, now_ms)?))).collect();
        if batches.is_empty() || self.in_flight.len() >= IN_FLIGHT_MAX {
            return false;
        }
        let request = produce(-1, batches.iter().map(|(line, _)| self.lines[*line].lane));
        let bytes = batches.iter().map(|(line, at)| self.lines[*line].unacked[*at].bytes.clone()).collect();
        if !net.send_produce(self.next_tag, request, bytes) {
            return false;
        }
        let sent = batches.iter().map(|(line, at)| {
            let batch = &mut self.lines[*line].unacked[*at];
            batch.sent = true;
            (*line, batch.seq)
        });
        self.in_flight.push_back((self.next_tag, sent.collect()));
        self.next_tag += 1;
        true
    }

    fn produced(&mut self, net: &mut Net<'_>, line: usize, seq: i32, error: ErrorCode, base_offset: i64) {
        let number = self.number;
        let line = &mut self.lines[line];
        let name = LANES[line.lane];
        let Some(at) = line.unacked.iter().position(|batch| batch.seq == seq) else { return };
        if error == ErrorCode::NONE {
            let batch = line.unacked.remove(at).expect("it was just found");
            if at > 0 {
                net.checks().violation(format!("producer {number}: sequence {seq} of {name:?} was stored, its predecessor was not"));
            }
            net.checks().acked(line.lane, batch.first_id, batch.count, base_offset);
            net.world.seen.acks += 1;
            return;
        }
        net.world.seen.retries += 1;
        line.wait_until_ms = net.world.now_ms + 30 + net.rng().below(250);
        let alone = line.unacked.iter().filter(|batch| batch.sent).count() == 1;
        let batch = &mut line.unacked[at];
        batch.sent = false;
        match error {
            ErrorCode::KAFKA_STORAGE_ERROR => {}
            // The first of the line with none beside it: nothing is missing in front of it, so this must not be.
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => {
                batch.refusals += u32::from(at == 0 && alone);
                if batch.refusals > 3 {
                    net.checks().violation(format!("producer {number} is stuck at sequence {seq} of {name:?}"));
                }
            }
            other => net.checks().violation(format!("producer {number} got {other:?} for {name:?}")),
        }
    }
}

impl Actor for Producer {
    fn wake(&mut self, net: &mut Net<'_>) {
        self.work(net);
        let pause = 5 + net.rng().below(40);
        if !self.is_settled() {
            net.wake_in(pause);
        }
    }

    fn answer(&mut self, net: &mut Net<'_>, tag: u64, response: Response) {
        match response {
            Response::InitProducerId(response) => {
                self.asking = false;
                match response.error_code {
                    ErrorCode::NONE => {
                        net.checks().producer_id(response.producer_id);
                        self.pid = Some((response.producer_id, response.producer_epoch));
                    }
                    ErrorCode::COORDINATOR_NOT_AVAILABLE => {}
                    other => net.checks().violation(format!("InitProducerId was answered with {other:?}")),
                }
            }
            Response::Produce(response) => {
                let Some((due, batches)) = self.in_flight.pop_front().filter(|(due, _)| *due == tag) else {
                    return net.checks().violation(format!("producer {}: the answer to request {tag} came out of turn", self.number));
                };
                let entries =
                    response.responses.iter().flat_map(|topic| topic.partition_responses.iter().map(|entry| (&topic.name, entry)));
                let told: Vec<_> = entries.map(|(name, entry)| (lane(name, entry.index), entry.error_code, entry.base_offset)).collect();
                if told.iter().map(|told| told.0).ne(batches.iter().map(|(line, _)| Some(self.lines[*line].lane))) {
                    net.checks().violation(format!("request {due} of producer {} was answered for {told:?}", self.number));
                }
                for ((line, seq), (_, error, base_offset)) in batches.into_iter().zip(told) {
                    self.produced(net, line, seq, error, base_offset);
                }
            }
            other => net.checks().violation(format!("a producer was answered with {other:?}")),
        }
    }

    fn lost(&mut self, _: &mut Net<'_>) {
        self.asking = false;
        self.in_flight.clear();
        for line in &mut self.lines {
            line.unacked.iter_mut().for_each(|batch| batch.sent = false);
        }
    }

    fn settle(&mut self) {
        self.settled = true;
    }

    fn is_settled(&self) -> bool {
        self.settled && self.lines.iter().all(|line| line.unacked.is_empty())
    }
}
