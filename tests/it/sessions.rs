//! Fetch sessions (KIP-227): what is opened, what an increment holds, epochs, closing.

use crate::fetch::{from, request};
use crate::target::{Target, batch, cases, one};
use monolog::client::{Client, Topic, fetched_records};
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::fetch::{FetchRequest, FetchResponse, ForgottenTopic};
use monolog::wire::message::{Request, Response};

cases! {
    kafka: an_increment_holds_what_has_changed, partitions_come_and_go, epochs_must_follow_one_another, an_unknown_session_is_not_found,
        a_closed_session_is_gone, an_increment_waits_for_data, names_and_ids_do_not_mix, an_old_version_has_no_session;
    ours:
}

fn open(client: &mut Client, request: FetchRequest) -> i32 {
    let answer = client.fetch(FetchRequest { session_epoch: 0, ..request }).unwrap();
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert_ne!(answer.session_id, 0);
    answer.session_id
}

/// An increment that changes nothing.
fn next(session_id: i32, session_epoch: i32) -> FetchRequest {
    FetchRequest { session_id, session_epoch, min_bytes: 1, ..FetchRequest::default() }
}

/// Partition, first offset of its records, high watermark of each partition in an answer.
fn told(answer: &FetchResponse) -> Vec<(i32, Option<i64>, i64)> {
    assert_eq!(answer.error_code, ErrorCode::NONE);
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    let told =
        partitions.map(|it| (it.partition_index, fetched_records(&it.records, 0).unwrap().first().map(|r| r.offset), it.high_watermark));
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

fn an_increment_holds_what_has_changed(target: &Target) {
    let (topic, mut client, mut writer) = (target.topic(3), target.client(), target.client());
    let session = open(&mut client, request(&topic, vec![from(0, 0), from(1, 0), from(2, 0)]));
    assert_eq!(told(&client.fetch(next(session, 1)).unwrap()), [], "nothing has changed");
    writer.append(&topic, 1, batch(&["a"])).unwrap();
    assert_eq!(told(&client.fetch(next(session, 2)).unwrap()), [(1, Some(0), 1)]);
    assert_eq!(told(&client.fetch(next(session, 3)).unwrap()), [(1, Some(0), 1)], "data that was not passed over is sent again");
    let passed = FetchRequest { topics: request(&topic, vec![from(1, 1)]).topics, ..next(session, 4) };
    assert_eq!(told(&client.fetch(passed).unwrap()), []);
    writer.append(&topic, 0, batch(&["b"])).unwrap();
    writer.append(&topic, 1, batch(&["c"])).unwrap();
    assert_eq!(told(&client.fetch(next(session, 5)).unwrap()), [(0, Some(0), 1), (1, Some(1), 2)]);
}

fn partitions_come_and_go(target: &Target) {
    let (topic, other, mut client) = (target.topic(2), target.topic(1), target.client());
    for (topic, partition) in [(&topic, 0), (&topic, 1), (&other, 0)] {
        client.append(topic, partition, batch(&["x"])).unwrap();
    }
    let session = open(&mut client, request(&topic, vec![from(0, 0)]));
    let added = FetchRequest { topics: request(&topic, vec![from(1, 0)]).topics, ..next(session, 1) };
    assert_eq!(told(&client.fetch(added).unwrap()), [(0, Some(0), 1), (1, Some(0), 1)]);
    let forgotten =
        |topic: &Topic, partition| vec![ForgottenTopic { topic: topic.name.clone(), topic_id: topic.id, partitions: vec![partition] }];
    let gone = FetchRequest { forgotten_topics_data: forgotten(&topic, 0), ..next(session, 2) };
    assert_eq!(told(&client.fetch(gone).unwrap()), [(1, Some(0), 1)]);
    let swapped =
        FetchRequest { topics: request(&other, vec![from(0, 0)]).topics, forgotten_topics_data: forgotten(&topic, 1), ..next(session, 3) };
    let answer = client.fetch(swapped).unwrap();
    assert_eq!(told(&answer), [(0, Some(0), 1)]);
    assert_eq!(one(answer.responses).topic_id, other.id);
}

fn epochs_must_follow_one_another(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let session = open(&mut client, request(&topic, vec![from(0, 0)]));
    let wrong = client.fetch(next(session, 5)).unwrap();
    assert_eq!((wrong.error_code, wrong.responses.len()), (ErrorCode::INVALID_FETCH_SESSION_EPOCH, 0));
    let right = client.fetch(next(session, 1)).unwrap();
    assert_eq!((right.error_code, right.session_id), (ErrorCode::NONE, session));
    assert_eq!(client.fetch(next(session, 1)).unwrap().error_code, ErrorCode::INVALID_FETCH_SESSION_EPOCH, "an epoch is used once");
}

fn an_unknown_session_is_not_found(target: &Target) {
    let answer = target.client().fetch(next(1_234_567, 1)).unwrap();
    assert_eq!((answer.error_code, answer.session_id, answer.responses.len()), (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0, 0));
}

fn a_closed_session_is_gone(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.append(&topic, 0, batch(&["x"])).unwrap();
    let session = open(&mut client, request(&topic, vec![from(0, 0)]));
    let last = client.fetch(FetchRequest { session_id: session, session_epoch: -1, ..request(&topic, vec![from(0, 0)]) }).unwrap();
    assert_eq!((last.session_id, told(&last)), (0, vec![(0, Some(0), 1)]), "the last fetch is a full one");
    assert_eq!(client.fetch(next(session, 1)).unwrap().error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    // A new session in place of an old one takes it away as well.
    let session = open(&mut client, request(&topic, vec![from(0, 0)]));
    let second = open(&mut client, FetchRequest { session_id: session, ..request(&topic, vec![from(0, 0)]) });
    assert_ne!(second, session);
    assert_eq!(client.fetch(next(session, 1)).unwrap().error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert_eq!(client.fetch(next(second, 1)).unwrap().error_code, ErrorCode::NONE);
}

fn an_increment_waits_for_data(target: &Target) {
    let (topic, mut client, mut writer) = (target.topic(2), target.client(), target.client());
    let session = open(&mut client, request(&topic, vec![from(0, 0), from(1, 0)]));
    client.send(&Request::Fetch(FetchRequest { max_wait_ms: 600_000, ..next(session, 1) })).unwrap();
    writer.append(&topic, 1, batch(&["x"])).unwrap();
    let Ok(Response::Fetch(answer)) = client.receive() else { panic!("not a fetch answer") };
    assert_eq!(told(&answer), [(1, Some(0), 1)]);
}

fn names_and_ids_do_not_mix(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.pin(ApiKey::Fetch, 12);
    let session = open(&mut client, request(&topic, vec![from(0, 0)]));
    client.pin(ApiKey::Fetch, 13);
    assert_eq!(client.fetch(next(session, 1)).unwrap().error_code, ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
}

fn an_old_version_has_no_session(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.pin(ApiKey::Fetch, 6);
    let answer = client.fetch(request(&topic, vec![from(0, 0)])).unwrap();
    assert_eq!((answer.session_id, one(one(answer.responses).partitions).error_code), (0, ErrorCode::NONE));
}
