//! Load that goes on until the broker is gone, and goes on again when it is back: plain producers, idempotent ones that send
//! again what was not answered, a member of a group that commits. Used by every module here.

use crate::audit::{Writer, faults};
use crate::broker::PATIENCE;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, after};
use monolog::base::text::Text;
use monolog::client::{Client, ClientError, Topic, append_request, fetched_records};
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::heartbeat::HeartbeatRequest;
use monolog::wire::message::init_producer_id::InitProducerIdRequest;
use monolog::wire::message::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use monolog::wire::message::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use monolog::wire::message::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use monolog::wire::message::{Request, Response};
use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Partitions of the topic under load; every one of them has several writers.
pub const PARTITIONS: i32 = 2;
const GROUP: &str = "group";
/// What Java allows an idempotent producer.
const IN_FLIGHT: usize = 5;

/// All who are at work, and what they know.
pub struct Load {
    writers: Vec<Writer>,
    producers: Vec<Option<(i64, i16)>>,
    member: Member,
}

/// A group of one.
#[derive(Default)]
struct Member {
    id: Text,
    acked: i64,
    tried: i64,
}

/// A connection.
pub fn connect(broker: SocketAddr) -> Client {
    Client::connect(broker, PATIENCE).expect("the broker listens")
}

/// The topic under load; made when it is not there.
pub fn topic(client: &mut Client) -> Topic {
    match client.find_topic("load", false) {
        Ok(topic) => topic,
        Err(ClientError::Refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, _)) => client.create_topic("load", PARTITIONS, &[]).unwrap(),
        Err(error) => panic!("{error}"),
    }
}

impl Load {
    /// Nothing has been sent yet.
    pub fn new() -> Load {
        let plain = (0..3).map(|index| Writer::new(&format!("plain{index}"), index % PARTITIONS, false));
        let idempotent = (0..3).map(|index| Writer::new(&format!("idempotent{index}"), index % PARTITIONS, true));
        let writers: Vec<Writer> = plain.chain(idempotent).collect();
        Load { producers: vec![None; writers.len()], writers, member: Member::default() }
    }

    /// Everybody works until the broker does not answer any more. `acks` is told of every ack, for whoever ends it.
    pub fn run(&mut self, broker: SocketAddr, acks: &Sender<u64>) {
        let mut client = connect(broker);
        let topic = &topic(&mut client);
        let member = &mut self.member;
        if member.id.is_empty() {
            member.join(&mut client);
        }
        std::thread::scope(|scope| {
            for (writer, producer) in self.writers.iter_mut().zip(&mut self.producers) {
                scope.spawn(move || {
                    // Why it ended is the business of whoever ended it; what was acked until then counts.
                    let _ = if writer.idempotent {
                        idempotent(writer, producer, broker, topic, acks)
                    } else {
                        plain(writer, broker, topic, acks)
                    };
                });
            }
            scope.spawn(move || member.commit_for_ever(broker, topic));
        });
    }

    /// How many records were acked so far.
    pub fn acked(&self) -> usize {
        self.writers.iter().map(|writer| writer.acked.len()).sum()
    }

    /// Reads everything back; panics where it is not what was acked.
    pub fn audit(&self, broker: SocketAddr) {
        let mut client = connect(broker);
        let topic = topic(&mut client);
        for partition in 0..PARTITIONS {
            let log = values(&mut client, &topic, partition);
            let wrong = faults(partition, &log, &self.writers);
            assert!(wrong.is_empty(), "partition {partition} of {} records: {wrong:#?}", log.len());
        }
        self.member.audit(&mut client, &topic);
    }
}

/// Waits until so many records were acked.
pub fn await_acks(acks: &Receiver<u64>, enough: u64) {
    let mut count = 0;
    while count < enough {
        count += acks.recv_timeout(PATIENCE).expect("records are acked");
    }
}

/// Waits until nobody listens there any more.
pub fn until_refused(broker: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(broker).is_ok() {
        assert!(Instant::now() < deadline, "it goes on listening");
        let _ = after(Duration::from_millis(5)).recv();
    }
}

/// All values of a partition; its offsets must be 0, 1, 2, ...
pub fn values(client: &mut Client, topic: &Topic, partition: i32) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let answer = client.read(topic, partition, found.len() as i64, 0).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let records = fetched_records(&answer.records, found.len() as i64).unwrap();
        if records.is_empty() {
            assert_eq!(found.len() as i64, answer.high_watermark);
            return found;
        }
        for record in records {
            assert_eq!(record.offset, found.len() as i64, "a gap in the offsets");
            found.push(String::from_utf8(record.value.unwrap()).unwrap());
        }
    }
}

/// One batch of this writer's records, these many from a number on.
fn batch(writer: &Writer, builder: BatchBuilder, first: u64, count: u64) -> Bytes {
    let mut builder = builder;
    for number in first..first + count {
        builder.push(1_000, None, Some(writer.value(number).as_bytes()), &[]);
    }
    builder.build().unwrap()
}

/// Error and base offset of the one partition of an answer.
fn told(answer: Response) -> (ErrorCode, i64) {
    let Response::Produce(answer) = answer else { panic!("{answer:?}") };
    let partition = &answer.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

/// One batch after another; what is not acked is sent again, so that it may be there twice.
fn plain(writer: &mut Writer, broker: SocketAddr, topic: &Topic, acks: &Sender<u64>) -> Result<(), ClientError> {
    let mut client = Client::connect(broker, PATIENCE)?;
    loop {
        let first = writer.acked.last_key_value().map_or(0, |(number, _)| number + 1);
        let count = 1 + first % 3;
        writer.sent = writer.sent.max(first + count);
        (first..first + count).for_each(|number| *writer.unknown.entry(number).or_default() += 1);
        let batch = batch(writer, BatchBuilder::new(Codec::None), first, count);
        let (error, base_offset) = told(client.call(&Request::Produce(append_request(topic, writer.partition, batch, -1)))?);
        if error != ErrorCode::NONE {
            assert_eq!(error, ErrorCode::KAFKA_STORAGE_ERROR);
            return Ok(());
        }
        for number in first..first + count {
            *writer.unknown.entry(number).or_default() -= 1;
            writer.acked.insert(number, base_offset + (number - first) as i64);
        }
        let _ = acks.send(count);
    }
}

/// Five batches under way at a time; what is not acked is sent again in the same order.
fn idempotent(
    writer: &mut Writer,
    producer: &mut Option<(i64, i16)>,
    broker: SocketAddr,
    topic: &Topic,
    acks: &Sender<u64>,
) -> Result<(), ClientError> {
    let mut client = Client::connect(broker, PATIENCE)?;
    let (id, epoch) = match *producer {
        Some(known) => known,
        None => {
            let request =
                InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 60_000, ..InitProducerIdRequest::default() };
            let answer = client.init_producer_id(request)?;
            if answer.error_code != ErrorCode::NONE {
                return Ok(());
            }
            *producer.insert((answer.producer_id, answer.producer_epoch))
        }
    };
    // Numbers are sequences: one record a batch.
    let mut next = writer.acked.last_key_value().map_or(0, |(number, _)| number + 1);
    let mut in_flight = VecDeque::new();
    loop {
        while in_flight.len() < IN_FLIGHT {
            writer.sent = writer.sent.max(next + 1);
            let builder = BatchBuilder::new(Codec::None).producer(id, epoch, next as i32);
            let batch = batch(writer, builder, next, 1);
            client.send(&Request::Produce(append_request(topic, writer.partition, batch, -1)))?;
            in_flight.push_back(next);
            next += 1;
        }
        let (error, base_offset) = told(client.receive()?);
        let number = in_flight.pop_front().expect("something is in flight");
        if error != ErrorCode::NONE {
            // What follows a refused batch is out of order until that one was sent again.
            assert!([ErrorCode::KAFKA_STORAGE_ERROR, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER].contains(&error), "{error}");
            return Ok(());
        }
        writer.acked.insert(number, base_offset);
        let _ = acks.send(1);
    }
}

impl Member {
    fn commit_for_ever(&mut self, broker: SocketAddr, topic: &Topic) {
        let Ok(mut client) = Client::connect(broker, PATIENCE) else { return };
        loop {
            self.tried += 1;
            match self.commit(&mut client, topic, self.tried) {
                Ok(ErrorCode::NONE) => self.acked = self.tried,
                Ok(error) => {
                    assert_eq!(error, ErrorCode::COORDINATOR_NOT_AVAILABLE);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    /// Becomes the one member of generation 1, which no crash may end.
    fn join(&mut self, client: &mut Client) {
        for expected in [ErrorCode::MEMBER_ID_REQUIRED, ErrorCode::NONE] {
            let protocol = JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::from_static(&[0; 10]) };
            let request = JoinGroupRequest {
                group_id: GROUP.into(),
                session_timeout_ms: 300_000,
                rebalance_timeout_ms: 60_000,
                member_id: self.id.clone(),
                protocol_type: "consumer".into(),
                protocols: vec![protocol],
                ..JoinGroupRequest::default()
            };
            let answer = client.join_group(request).unwrap();
            assert_eq!(answer.error_code, expected);
            self.id = answer.member_id;
        }
        let assignment = SyncGroupRequestAssignment { member_id: self.id.clone(), assignment: Bytes::from_static(b"all") };
        let request = SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: 1,
            member_id: self.id.clone(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: vec![assignment],
            ..SyncGroupRequest::default()
        };
        assert_eq!(client.sync_group(request).unwrap().error_code, ErrorCode::NONE);
    }

    fn commit(&self, client: &mut Client, topic: &Topic, committed_offset: i64) -> Result<ErrorCode, ClientError> {
        let partition = OffsetCommitRequestPartition { committed_offset, ..OffsetCommitRequestPartition::default() };
        let topics = vec![OffsetCommitRequestTopic { name: topic.name.clone(), topic_id: topic.id, partitions: vec![partition] }];
        let answer = client.offset_commit(OffsetCommitRequest {
            group_id: GROUP.into(),
            generation_id_or_member_epoch: 1,
            member_id: self.id.clone(),
            topics,
            ..OffsetCommitRequest::default()
        })?;
        Ok(answer.topics[0].partitions[0].error_code)
    }

    /// It is still a member, and its offset is the last one acked or one that was tried after that.
    fn audit(&self, client: &mut Client, topic: &Topic) {
        if self.acked > 0 {
            let committed = client.committed(GROUP, topic, 0).unwrap();
            assert!((self.acked..=self.tried).contains(&committed), "{committed} is committed, {} was acked", self.acked);
            let beat =
                HeartbeatRequest { group_id: GROUP.into(), generation_id: 1, member_id: self.id.clone(), ..HeartbeatRequest::default() };
            assert_eq!(client.heartbeat(beat).unwrap().error_code, ErrorCode::NONE, "a crash causes no rebalance");
        }
    }
}
