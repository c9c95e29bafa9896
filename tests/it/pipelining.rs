//! What a connection promises: answers in the order of requests, however they are cut into packets and whatever they wait for.

use crate::fetch::{from, request};
use crate::target::{Target, batch, cases, one, values};
use monolog::client::{Client, append_request, fetched_records};
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::frame::encode_request;
use monolog::wire::header::RequestHeader;
use monolog::wire::message::fetch::FetchRequest;
use monolog::wire::message::heartbeat::HeartbeatRequest;
use monolog::wire::message::metadata::MetadataRequest;
use monolog::wire::message::{Request, Response};

cases! {
    kafka: answers_come_in_the_order_of_requests, a_parked_fetch_holds_back_what_follows, produces_of_a_connection_stay_in_order,
        byte_by_byte, many_frames_in_one_packet, a_produce_is_seen_by_the_fetch_behind_it, many_connections_at_once;
    ours:
}

fn metadata() -> Request {
    Request::Metadata(MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() })
}

/// The client compares correlation ids: `receive` fails where the order is another.
fn answers_come_in_the_order_of_requests(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let mut expected = Vec::new();
    for round in 0..20 {
        let requests = [
            Request::Produce(append_request(&topic, 0, batch(&["x"]), -1)),
            metadata(),
            Request::Fetch(request(&topic, vec![from(0, round)])),
            Request::Heartbeat(HeartbeatRequest { group_id: "none".into(), ..HeartbeatRequest::default() }),
            Request::Produce(append_request(&topic, 0, batch(&["y"]), 0)),
        ];
        for request in requests {
            client.send(&request).unwrap();
            expected.push(request.api());
        }
    }
    // What is not acknowledged is not answered.
    let mut nth = 0;
    expected.retain(|_| {
        nth += 1;
        nth % 5 != 0
    });
    for api in expected {
        assert_eq!(client.receive().unwrap().api(), api);
    }
}

fn a_parked_fetch_holds_back_what_follows(target: &Target) {
    let (topic, mut client, mut writer) = (target.topic(1), target.client(), target.client());
    client.send(&Request::Fetch(FetchRequest { max_wait_ms: 600_000, ..request(&topic, vec![from(0, 0)]) })).unwrap();
    client.send(&metadata()).unwrap();
    client.send(&metadata()).unwrap();
    writer.append(&topic, 0, batch(&["x"])).unwrap();
    let Ok(Response::Fetch(answer)) = client.receive() else { panic!("the fetch is first") };
    assert_eq!(fetched_records(&one(one(answer.responses).partitions).records, 0).unwrap().len(), 1);
    assert_eq!((client.receive().unwrap().api(), client.receive().unwrap().api()), (ApiKey::Metadata, ApiKey::Metadata));
}

fn produces_of_a_connection_stay_in_order(target: &Target) {
    const COUNT: usize = 200;
    let (topic, mut client) = (target.topic(1), target.client());
    let names: Vec<String> = (0..COUNT).map(|index| index.to_string()).collect();
    for name in &names {
        client.send(&Request::Produce(append_request(&topic, 0, batch(&[name]), -1))).unwrap();
    }
    for offset in 0..COUNT as i64 {
        let Response::Produce(answer) = client.receive().unwrap() else { panic!("not a produce answer") };
        let answer = one(one(answer.responses).partition_responses);
        assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, offset));
    }
    assert_eq!(values(&mut client, &topic, 0), names);
}

fn a_produce_is_seen_by_the_fetch_behind_it(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for offset in 0..20 {
        client.send(&Request::Produce(append_request(&topic, 0, batch(&["x"]), 1))).unwrap();
        client.send(&Request::Fetch(request(&topic, vec![from(0, offset)]))).unwrap();
        client.receive().unwrap();
        let Response::Fetch(answer) = client.receive().unwrap() else { panic!("not a fetch answer") };
        let partition = one(one(answer.responses).partitions);
        assert_eq!((partition.high_watermark, fetched_records(&partition.records, offset).unwrap().len()), (offset + 1, 1));
    }
}

fn encoded(correlation_id: i32, request: &Request) -> Vec<u8> {
    let (api, client_id) = (request.api(), Some("it".into()));
    encode_request(&RequestHeader { api, version: api.row().max, correlation_id, client_id }, request).to_vec()
}

/// The correlation id of the next answer, whatever it is.
fn next_id(client: &mut Client) -> i32 {
    let frame = client.receive_frame().unwrap();
    i32::from_be_bytes(frame[..4].try_into().unwrap())
}

fn byte_by_byte(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let produce = encoded(1, &Request::Produce(append_request(&topic, 0, batch(&["slowly"]), -1)));
    for byte in produce.iter().chain(&encoded(2, &metadata())) {
        client.send_raw(&[*byte]).unwrap();
    }
    assert_eq!((next_id(&mut client), next_id(&mut client)), (1, 2));
    assert_eq!(values(&mut target.client(), &topic, 0), ["slowly"]);
}

fn many_frames_in_one_packet(target: &Target) {
    let mut client = target.client();
    let all: Vec<u8> = (0..100).flat_map(|id| encoded(id, &metadata())).collect();
    let (first, last) = all.split_at(all.len() - 5);
    client.send_raw(first).unwrap();
    for id in 0..99 {
        assert_eq!(next_id(&mut client), id);
    }
    client.send_raw(last).unwrap();
    assert_eq!(next_id(&mut client), 99);
}

fn many_connections_at_once(target: &Target) {
    let topic = target.topic(4);
    let mut clients: Vec<Client> = (0..100).map(|_| target.client()).collect();
    for round in 0..3i64 {
        for (index, client) in clients.iter_mut().enumerate() {
            client.send(&Request::Produce(append_request(&topic, index as i32 % 4, batch(&["x"]), -1))).unwrap();
        }
        for client in &mut clients {
            let Response::Produce(answer) = client.receive().unwrap() else { panic!("not a produce answer") };
            assert_eq!(one(one(answer.responses).partition_responses).error_code, ErrorCode::NONE);
        }
        assert_eq!(clients[0].offset_for(&topic, 3, -1).unwrap().offset, 25 * (round + 1));
    }
}
