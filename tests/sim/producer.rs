//! An idempotent producer as the Java client is one: up to five batches in flight, retries in order with their sequences, and
//! nothing else to lean on. Every record carries its own number, so that the checks can tell records apart.

use crate::world::{Actor, Net};
use bytes::Bytes;
use monolog::base::text::Text;
use monolog::wire::batch::CheckedBatch;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::init_producer_id::InitProducerIdRequest;
use monolog::wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use monolog::wire::message::{Request, Response};
use std::collections::VecDeque;

const TAG_INIT: u64 = u64::MAX;
const IN_FLIGHT_MAX: usize = 5;

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
struct Lane {
    topic: &'static str,
    index: i32,
    next_seq: i32,
    unacked: VecDeque<Unacked>,
}

pub struct Producer {
    number: u64,
    next_id: u64,
    pid: Option<(i64, i16)>,
    asking: bool,
    lanes: Vec<Lane>,
    in_flight: usize,
    settled: bool,
}

impl Producer {
    pub fn new(number: u64, lanes: &[(&'static str, i32)]) -> Producer {
        let lanes = lanes.iter().map(|(topic, index)| Lane { topic, index: *index, next_seq: 0, unacked: VecDeque::new() }).collect();
        Producer { number, next_id: 0, pid: None, asking: false, lanes, in_flight: 0, settled: false }
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
        if !self.settled && net.rng().below(3) > 0 {
            self.invent(net, pid, epoch);
        }
        let start = net.rng().below(self.lanes.len() as u64) as usize;
        for turn in 0..self.lanes.len() {
            let lane = (start + turn) % self.lanes.len();
            self.send_lane(net, lane);
        }
    }

    fn invent(&mut self, net: &mut Net<'_>, pid: i64, epoch: i16) {
        let pick = net.rng().below(self.lanes.len() as u64) as usize;
        let count = 1 + net.rng().below(3) as i32;
        let wall_ms = net.wall_ms();
        let lane = &mut self.lanes[pick];
        if lane.unacked.len() >= IN_FLIGHT_MAX {
            return;
        }
        let mut builder = BatchBuilder::new(Codec::None).producer(pid, epoch, lane.next_seq);
        let first_id = self.number << 40 | self.next_id;
        for n in 0..count {
            let id = first_id + n as u64;
            builder.push(wall_ms, None, Some(&id.to_be_bytes()), &[]);
        }
        let bytes = builder.build().expect("an uncompressed batch builds");
        net.checks().sent(lane.topic, lane.index, self.number, first_id, count);
        lane.unacked.push_back(Unacked { first_id, seq: lane.next_seq, count, bytes, sent: false, refusals: 0 });
        lane.next_seq += count;
        self.next_id += count as u64;
    }

    /// Sends what the lane may: nothing new behind a batch that has to be sent again while others are still out.
    fn send_lane(&mut self, net: &mut Net<'_>, lane: usize) {
        let number = self.number;
        let lane_index = lane as u64;
        let Lane { topic, index, unacked, .. } = &mut self.lanes[lane];
        let first_unsent = unacked.iter().position(|batch| !batch.sent);
        let resending = first_unsent.is_some_and(|at| unacked.iter().skip(at).any(|batch| batch.sent));
        if resending {
            return;
        }
        for batch in unacked.iter_mut().filter(|batch| !batch.sent) {
            if self.in_flight >= IN_FLIGHT_MAX {
                break;
            }
            let request = ProduceRequest {
                acks: -1,
                timeout_ms: 30_000,
                topic_data: vec![TopicProduceData {
                    name: Text::from_static(topic),
                    partition_data: vec![PartitionProduceData { index: *index, records: None }],
                    ..Default::default()
                }],
                ..Default::default()
            };
            let checked = CheckedBatch::check(Some(batch.bytes.clone()), 9);
            assert!(checked.is_ok(), "producer {number} built a bad batch");
            let tag = lane_index << 32 | batch.seq as u64;
            if !net.send_produce(tag, 9, Request::Produce(request), vec![checked]) {
                break;
            }
            batch.sent = true;
            self.in_flight += 1;
        }
    }

    fn produced(&mut self, net: &mut Net<'_>, tag: u64, error: ErrorCode, base_offset: i64) {
        self.in_flight -= 1;
        let lane = &mut self.lanes[(tag >> 32) as usize];
        let seq = (tag & 0xffff_ffff) as i32;
        let Some(at) = lane.unacked.iter().position(|batch| batch.seq == seq) else { return };
        if error == ErrorCode::NONE {
            let batch = lane.unacked.remove(at).expect("it was just found");
            if at > 0 {
                let what = format!("producer {}: sequence {seq} of {}-{} was stored, its predecessor was not", self.number, lane.topic, lane.index);
                net.checks().violation(what);
            }
            net.checks().acked(lane.topic, lane.index, batch.first_id, batch.count, base_offset);
            net.world.seen.acks += 1;
            return;
        }
        net.world.seen.retries += 1;
        let alone = lane.unacked.iter().filter(|batch| batch.sent).count() == 1;
        let batch = &mut lane.unacked[at];
        batch.sent = false;
        match error {
            ErrorCode::KAFKA_STORAGE_ERROR | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {}
            // The first of the lane with none beside it: nothing is missing in front of it, so this must not be.
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => {
                batch.refusals += u32::from(at == 0 && alone);
                if batch.refusals > 3 {
                    let what = format!("producer {} is stuck at sequence {seq} of {}-{}", self.number, lane.topic, lane.index);
                    net.checks().violation(what);
                }
            }
            other => net.checks().violation(format!("producer {} got {other:?} for {}-{}", self.number, lane.topic, lane.index)),
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
                let entry = &response.responses[0].partition_responses[0];
                self.produced(net, tag, entry.error_code, entry.base_offset);
            }
            other => net.checks().violation(format!("a producer was answered with {other:?}")),
        }
    }

    fn lost(&mut self, _: &mut Net<'_>) {
        self.asking = false;
        self.in_flight = 0;
        for lane in &mut self.lanes {
            lane.unacked.iter_mut().for_each(|batch| batch.sent = false);
        }
    }

    fn settle(&mut self) {
        self.settled = true;
    }

    fn is_settled(&self) -> bool {
        self.settled && self.lanes.iter().all(|lane| lane.unacked.is_empty())
    }
}
