//! Reactors on real sockets with an engine that the test plays itself: order, muting, hostile peers, memory at its bound.

use super::reactor::build;
use super::shared::Shared;
use crate::base::budget::Budget;
use crate::base::ids::ConnId;
use crate::base::limits::REQUEST_BYTES_MAX;
use crate::base::text::Text;
use crate::mail::input::{Envelope, Input, ReplyTo};
use crate::mail::mailbox::{EngineInbox, ReactorMail, ReactorSender, engine_mailbox};
use crate::wire::api_key::ApiKey;
use crate::wire::error_code::ErrorCode;
use crate::wire::frame::{decode_response, encode_request};
use crate::wire::header::RequestHeader;
use crate::wire::message::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::message::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::wire::message::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use crate::wire::message::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use crate::wire::message::{Request, Response};
use bytes::Bytes;
use crossbeam_channel::bounded;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Nothing here takes so long; a test that hangs should say where.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reactors without an engine.
struct Net {
    address: SocketAddr,
    inputs: EngineInbox,
    senders: Arc<[ReactorSender]>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
    budget: Budget,
}

impl Net {
    fn new(reactors: usize, budget_bytes: usize, connections_max: usize) -> Net {
        let (engine, inputs) = engine_mailbox();
        let budget = Budget::new(budget_bytes);
        let shared = Arc::new(Shared::new(engine, budget.clone(), None, connections_max, REQUEST_BYTES_MAX));
        let (mut reactors, senders) = build(reactors, &shared).unwrap();
        let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        reactors[0].listen(listener).unwrap();
        let threads = reactors.into_iter().map(|reactor| std::thread::spawn(move || reactor.run())).collect();
        Net { address, inputs, senders, threads, budget }
    }

    fn client(&self) -> Client {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(socket)
    }

    fn input(&self) -> Input {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.inputs.mail.recv(Some(until.saturating_duration_since(Instant::now()))).expect("reactors that are there") {
                Some(input) => return input,
                None => assert!(Instant::now() < until, "an input comes"),
            }
        }
    }

    fn request(&self) -> Box<Envelope> {
        match self.input() {
            Input::Request(envelope) => envelope,
            other => panic!("not a request: {other:?}"),
        }
    }

    fn disconnected(&self) -> ConnId {
        match self.input() {
            Input::Disconnected(conn) => conn,
            other => panic!("not a farewell: {other:?}"),
        }
    }

    fn answer(&self, to: ReplyTo, response: Option<Response>) {
        self.senders[usize::from(to.conn.reactor)].send(ReactorMail::Answer { to, response, charge: None });
    }

    fn end(self) {
        self.senders.iter().for_each(|sender| sender.send(ReactorMail::Finish));
        self.threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    }
}

struct Client(TcpStream);

impl Client {
    fn send(&mut self, correlation_id: i32, request: &Request) {
        self.0.write_all(&framed(correlation_id, request)).unwrap();
    }

    /// The next answer, to a request of this API: its correlation id and itself.
    fn receive(&mut self, api: ApiKey) -> (i32, Response) {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame).unwrap();
        decode_response(Bytes::from(frame), api, version(api)).unwrap()
    }

    /// Waits until the broker has closed, without having sent anything.
    fn expect_close(&mut self) {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(0) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            other => panic!("not closed: {other:?}"),
        }
    }
}

fn version(api: ApiKey) -> i16 {
    if api == ApiKey::Produce { 9 } else { api.row().max }
}

fn framed(correlation_id: i32, request: &Request) -> Vec<u8> {
    let api = request.api();
    let header = RequestHeader { api, version: version(api), correlation_id, client_id: Some(Text::from("test")) };
    encode_request(&header, request).to_vec()
}

fn produce(acks: i16, bytes: usize) -> Request {
    let partition_data = vec![PartitionProduceData { index: 0, records: Some(Bytes::from(vec![0; bytes])) }];
    let topic_data = vec![TopicProduceData { name: Text::from("t"), partition_data, ..TopicProduceData::default() }];
    Request::Produce(ProduceRequest { acks, timeout_ms: 1_000, topic_data, ..ProduceRequest::default() })
}

fn heartbeat() -> Request {
    Request::Heartbeat(HeartbeatRequest { group_id: Text::from("g"), ..HeartbeatRequest::default() })
}

fn metadata() -> Request {
    Request::Metadata(MetadataRequest::default())
}

fn produced() -> Option<Response> {
    Some(Response::Produce(ProduceResponse::default()))
}

fn beaten() -> Option<Response> {
    Some(Response::Heartbeat(HeartbeatResponse::default()))
}

fn described() -> Option<Response> {
    Some(Response::Metadata(MetadataResponse::default()))
}

#[test]
fn produces_overlap_and_answers_keep_the_order_of_requests() {
    let net = Net::new(2, 32 << 20, 10);
    let mut client = net.client();
    let burst: Vec<u8> = (0..5).flat_map(|id| framed(id, &produce(-1, 100))).collect();
    client.0.write_all(&burst).unwrap();
    let requests: Vec<Box<Envelope>> = (0..5).map(|_| net.request()).collect();
    for (seq, request) in requests.iter().enumerate() {
        assert_eq!(request.to.seq, seq as u64);
        assert_eq!(request.batches.len(), 1);
        assert!(request.batches[0].is_err(), "zeros are no batch");
        assert_eq!(request.client_id.as_deref(), Some("test"));
        assert_eq!((request.peer.host.as_str(), request.peer.advertised_port), ("/127.0.0.1", i32::from(net.address.port())));
    }
    requests.iter().rev().for_each(|request| net.answer(request.to, produced()));
    for id in 0..5 {
        assert_eq!(client.receive(ApiKey::Produce).0, id);
    }
    net.end();
}

#[test]
fn a_connection_is_muted_until_its_request_is_answered() {
    let net = Net::new(1, 32 << 20, 10);
    let (mut client, mut other) = (net.client(), net.client());
    let both = [framed(1, &heartbeat()), framed(2, &metadata()), framed(3, &produce(1, 10))].concat();
    client.0.write_all(&both).unwrap();
    let first = net.request();
    // The reactor has read all three by the time it reads what comes later from somebody else.
    other.send(9, &metadata());
    let third = net.request();
    assert!(matches!(third.request, Request::Metadata(_)) && third.to.conn != first.to.conn);
    net.answer(first.to, beaten());
    assert_eq!(client.receive(ApiKey::Heartbeat).0, 1);
    let second = net.request();
    assert_eq!(second.to, ReplyTo { seq: 1, ..first.to });
    net.answer(second.to, described());
    assert_eq!(client.receive(ApiKey::Metadata).0, 2);
    net.answer(net.request().to, produced());
    assert_eq!(client.receive(ApiKey::Produce).0, 3);
    net.end();
}

#[test]
fn acks_0_gets_no_bytes() {
    let net = Net::new(1, 32 << 20, 10);
    let mut client = net.client();
    client.send(1, &produce(0, 10));
    client.send(2, &heartbeat());
    net.answer(net.request().to, None);
    net.answer(net.request().to, beaten());
    assert_eq!(client.receive(ApiKey::Heartbeat).0, 2);
    net.end();
}

#[test]
fn api_versions_from_the_future_get_version_0() {
    let net = Net::new(1, 32 << 20, 10);
    let mut client = net.client();
    let mut frame = framed(5, &Request::ApiVersions(ApiVersionsRequest::default()));
    frame[6..8].copy_from_slice(&5_i16.to_be_bytes());
    client.0.write_all(&frame).unwrap();
    let mut length = [0; 4];
    client.0.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    client.0.read_exact(&mut answer).unwrap();
    let (id, Response::ApiVersions(ApiVersionsResponse { error_code, .. })) =
        decode_response(Bytes::from(answer), ApiKey::ApiVersions, 0).unwrap()
    else {
        panic!("another answer")
    };
    assert_eq!((id, error_code), (5, ErrorCode::UNSUPPORTED_VERSION));
    net.end();
}

#[test]
fn hostile_peers_are_closed_and_others_go_on() {
    let net = Net::new(2, 8 << 20, 100);
    let mut honest = net.client();
    let garbage: [&[u8]; 8] = [
        &(-1_i32).to_be_bytes(),
        &i32::MAX.to_be_bytes(),
        &0_i32.to_be_bytes(),
        &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0, 8, 0x7f, 0xff, 0, 0, 0, 0, 0, 1],
        &[0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff],
    ];
    for (round, bytes) in garbage.iter().cycle().take(40).enumerate() {
        let mut hostile = net.client();
        hostile.0.write_all(bytes).unwrap();
        hostile.expect_close();
        honest.send(round as i32, &heartbeat());
        net.answer(net.request().to, beaten());
        assert_eq!(honest.receive(ApiKey::Heartbeat).0, round as i32);
    }
    assert_eq!(net.budget.used_bytes(), 0);
    net.end();
}

#[test]
fn requests_before_a_fault_are_answered() {
    let net = Net::new(1, 8 << 20, 10);
    let mut client = net.client();
    let mut undecodable = framed(2, &produce(1, 10));
    undecodable.truncate(30);
    undecodable[..4].copy_from_slice(&26_u32.to_be_bytes());
    client.0.write_all(&[framed(1, &produce(1, 10)), undecodable, framed(3, &produce(1, 10))].concat()).unwrap();
    let first = net.request();
    net.answer(first.to, produced());
    assert_eq!(client.receive(ApiKey::Produce).0, 1);
    client.expect_close();
    assert_eq!(net.disconnected(), first.to.conn);
    net.end();
}

#[test]
fn a_late_answer_does_not_reach_the_next_tenant() {
    let net = Net::new(1, 8 << 20, 10);
    let mut gone = net.client();
    gone.send(1, &heartbeat());
    let old = net.request();
    // Two closed directions, so that the broker does not wait for what is still owed.
    drop(gone);
    assert_eq!(net.disconnected(), old.to.conn);
    let mut tenant = net.client();
    tenant.send(2, &heartbeat());
    let new = net.request();
    assert_eq!((new.to.conn.slot, new.to.seq), (old.to.conn.slot, old.to.seq));
    net.answer(old.to, produced());
    net.answer(new.to, beaten());
    assert_eq!(tenant.receive(ApiKey::Heartbeat).0, 2);
    net.end();
}

#[test]
fn at_the_bound_small_frames_pass_and_large_ones_go_one_by_one() {
    let net = Net::new(1, 4 << 20, 10);
    let all = net.budget.charge(net.budget.shared_bytes());
    let (mut one, mut two, mut small) = (net.client(), net.client(), net.client());
    one.send(1, &produce(1, 300_000));
    let first = net.request();
    two.send(2, &produce(1, 300_000));
    // The second waits for the first to be gone, heartbeats do not.
    for id in 0..50 {
        small.send(id, &heartbeat());
        net.answer(net.request().to, beaten());
        assert_eq!(small.receive(ApiKey::Heartbeat).0, id);
    }
    assert!(net.budget.used_bytes() <= net.budget.limit_bytes());
    let to = first.to;
    drop(first);
    net.answer(to, produced());
    assert_eq!(one.receive(ApiKey::Produce).0, 1);
    let second = net.request();
    net.answer(second.to, produced());
    assert_eq!(two.receive(ApiKey::Produce).0, 2);
    drop((all, second));
    net.end();
}

#[test]
fn long_lists_wait_for_memory_one_request_at_a_time() {
    let net = Net::new(1, 4 << 20, 10);
    let all = net.budget.charge(net.budget.shared_bytes());
    let topics = Some(vec![MetadataRequestTopic { name: Some(Text::from("t")), ..MetadataRequestTopic::default() }; 10_000]);
    let long = Request::Metadata(MetadataRequest { topics, ..MetadataRequest::default() });
    let (mut one, mut two, mut small) = (net.client(), net.client(), net.client());
    one.send(1, &long);
    let first = net.request();
    two.send(2, &long);
    for id in 0..50 {
        small.send(id, &heartbeat());
        net.answer(net.request().to, beaten());
        assert_eq!(small.receive(ApiKey::Heartbeat).0, id);
    }
    let to = first.to;
    drop(first);
    let second = net.request();
    net.answer(second.to, described());
    assert_eq!(two.receive(ApiKey::Metadata).0, 2);
    net.answer(to, described());
    assert_eq!(one.receive(ApiKey::Metadata).0, 1);
    drop((all, second));
    net.end();
}

#[test]
fn long_lists_are_paid_for_until_the_engine_has_taken_them() {
    let net = Net::new(1, 32 << 20, 10);
    let mut client = net.client();
    let topic = MetadataRequestTopic { name: Some(Text::from("t")), ..MetadataRequestTopic::default() };
    let topics = Some(vec![topic; 10_000]);
    client.send(1, &Request::Metadata(MetadataRequest { topics, ..MetadataRequest::default() }));
    let request = net.request();
    assert!(net.budget.used_bytes() > 10_000 * size_of::<MetadataRequestTopic>());
    let to = request.to;
    drop(request);
    assert_eq!(net.budget.used_bytes(), 0);
    net.answer(to, described());
    assert_eq!(client.receive(ApiKey::Metadata).0, 1);
    net.end();
}

#[test]
fn frames_of_megabytes_arrive_beside_each_other() {
    let net = Net::new(2, 16 << 20, 10);
    let senders: Vec<JoinHandle<Client>> = [1 << 20, 5 << 20, 3 << 20]
        .into_iter()
        .map(|bytes| {
            let mut client = net.client();
            std::thread::spawn(move || {
                client.send(bytes, &produce(1, bytes as usize));
                client
            })
        })
        .collect();
    for _ in 0..3 {
        let request = net.request();
        net.answer(request.to, produced());
    }
    for (client, bytes) in senders.into_iter().zip([1 << 20, 5 << 20, 3 << 20]) {
        assert_eq!(client.join().unwrap().receive(ApiKey::Produce).0, bytes);
    }
    assert_eq!(net.budget.used_bytes(), 0);
    net.end();
}

#[test]
fn above_the_limit_connections_wait_for_others_to_leave() {
    let net = Net::new(2, 8 << 20, 2);
    let (one, mut two) = (net.client(), net.client());
    two.send(1, &heartbeat());
    net.answer(net.request().to, beaten());
    two.receive(ApiKey::Heartbeat);
    let mut third = net.client();
    third.send(3, &heartbeat());
    drop(one);
    net.answer(net.request().to, beaten());
    assert_eq!(third.receive(ApiKey::Heartbeat).0, 3);
    net.end();
}

#[test]
fn draining_takes_nothing_new_and_finishing_writes_what_is_answered() {
    let net = Net::new(2, 8 << 20, 10);
    let mut client = net.client();
    client.send(1, &produce(1, 10));
    let request = net.request();
    let (done, drained) = bounded(0);
    net.senders.iter().for_each(|sender| sender.send(ReactorMail::Drain(done.clone())));
    drop(done);
    assert!(drained.recv_timeout(PATIENCE).is_err_and(|error| error.is_disconnected()));
    client.send(2, &produce(1, 10));
    net.answer(request.to, produced());
    assert_eq!(client.receive(ApiKey::Produce).0, 1);
    net.end();
    client.expect_close();
}
