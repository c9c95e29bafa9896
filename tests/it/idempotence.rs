//! Idempotent producers: ids, sequences, duplicates, epochs.

use crate::target::{Target, batch_of, cases, numbered, one, values};
use monolog::client::{Client, Topic, append_request};
use monolog::wire::api_key::ApiKey;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::init_producer_id::InitProducerIdRequest;
use monolog::wire::message::{Request, Response};
use std::collections::BTreeSet;

cases! {
    kafka: ids_are_never_given_twice, a_duplicate_gets_its_old_offset, five_batches_are_remembered, a_gap_is_out_of_order, epochs_rise_and_begin_at_zero,
        sequences_wrap, an_unknown_producer_may_begin_anywhere, five_in_flight_stay_in_order, producers_without_an_id_are_not_deduplicated,
        partitions_have_their_own_sequences, retries_from_another_connection;
    ours:
}

/// A new producer.
pub fn producer(client: &mut Client) -> (i64, i16) {
    let request = InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 60_000, ..InitProducerIdRequest::default() };
    let answer = client.init_producer_id(request).unwrap();
    assert_eq!((answer.error_code, answer.producer_epoch), (ErrorCode::NONE, 0));
    (answer.producer_id, answer.producer_epoch)
}

/// Error and base offset.
fn append(client: &mut Client, topic: &Topic, producer: (i64, i16), sequence: i32, values: &[&str]) -> (ErrorCode, i64) {
    let answer = client.append(topic, 0, numbered(producer, sequence, values)).unwrap();
    (answer.error_code, answer.base_offset)
}

const OUT_OF_ORDER: (ErrorCode, i64) = (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);

fn stored(offset: i64) -> (ErrorCode, i64) {
    (ErrorCode::NONE, offset)
}

fn ids_are_never_given_twice(target: &Target) {
    let (mut client, mut other) = (target.client(), target.client());
    let mut ids = BTreeSet::new();
    for version in 0..=5 {
        client.pin(ApiKey::InitProducerId, version);
        for _ in 0..5 {
            assert!(ids.insert(producer(&mut client).0));
            assert!(ids.insert(producer(&mut other).0));
        }
    }
    assert!(ids.first() >= Some(&0));
}

fn a_duplicate_gets_its_old_offset(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let me = producer(&mut client);
    assert_eq!(append(&mut client, &topic, me, 0, &["a", "b"]), stored(0));
    assert_eq!(append(&mut client, &topic, me, 2, &["c"]), stored(2));
    assert_eq!(append(&mut client, &topic, me, 0, &["a", "b"]), stored(0));
    assert_eq!(append(&mut client, &topic, me, 2, &["c"]), stored(2));
    assert_eq!(append(&mut client, &topic, me, 3, &["d"]), stored(3));
    assert_eq!(values(&mut client, &topic, 0), ["a", "b", "c", "d"]);
}

fn five_batches_are_remembered(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let me = producer(&mut client);
    for sequence in 0..6 {
        assert_eq!(append(&mut client, &topic, me, sequence, &["x"]), stored(sequence.into()));
    }
    for sequence in 1..6 {
        assert_eq!(append(&mut client, &topic, me, sequence, &["x"]), stored(sequence.into()), "sequence {sequence}");
    }
    let too_old = append(&mut client, &topic, me, 0, &["x"]);
    assert_eq!(too_old, OUT_OF_ORDER);
    assert_eq!(values(&mut client, &topic, 0).len(), 6);
}

fn a_gap_is_out_of_order(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let me = producer(&mut client);
    assert_eq!(append(&mut client, &topic, me, 0, &["a"]), stored(0));
    assert_eq!(append(&mut client, &topic, me, 2, &["c"]), OUT_OF_ORDER);
    assert_eq!(append(&mut client, &topic, me, 0, &["a", "b"]), OUT_OF_ORDER, "half a duplicate is none");
    assert_eq!(append(&mut client, &topic, me, 1, &["b"]), stored(1));
    assert_eq!(append(&mut client, &topic, me, 2, &["c"]), stored(2));
    assert_eq!(values(&mut client, &topic, 0), ["a", "b", "c"]);
}

fn epochs_rise_and_begin_at_zero(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let (id, _) = producer(&mut client);
    assert_eq!(append(&mut client, &topic, (id, 0), 0, &["a"]), stored(0));
    assert_eq!(append(&mut client, &topic, (id, 1), 1, &["b"]), OUT_OF_ORDER);
    assert_eq!(append(&mut client, &topic, (id, 1), 0, &["b"]), stored(1));
    assert_eq!(append(&mut client, &topic, (id, 0), 1, &["c"]), (ErrorCode::INVALID_PRODUCER_EPOCH, -1));
    assert_eq!(append(&mut client, &topic, (id, 1), 1, &["c"]), stored(2));
    assert_eq!(values(&mut client, &topic, 0), ["a", "b", "c"]);
}

fn sequences_wrap(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let me = producer(&mut client);
    assert_eq!(append(&mut client, &topic, me, i32::MAX - 1, &["a"]), stored(0));
    // Its second record has sequence 2147483647, its third 0.
    assert_eq!(append(&mut client, &topic, me, i32::MAX, &["b", "c"]), stored(1));
    assert_eq!(append(&mut client, &topic, me, 1, &["d"]), stored(3));
    assert_eq!(append(&mut client, &topic, me, i32::MAX, &["b", "c"]), stored(1), "a duplicate");
}

fn an_unknown_producer_may_begin_anywhere(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let me = producer(&mut client);
    assert_eq!(append(&mut client, &topic, me, 41, &["a"]), stored(0));
    assert_eq!(append(&mut client, &topic, me, 43, &["c"]), OUT_OF_ORDER);
    assert_eq!(append(&mut client, &topic, me, 42, &["b"]), stored(1));
}

fn five_in_flight_stay_in_order(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let me = producer(&mut client);
    let mut expected = Vec::new();
    for round in 0..20 {
        for step in 0..5 {
            let value = format!("{round}.{step}");
            let request = append_request(&topic, 0, numbered(me, round * 5 + step, &[&value]), -1);
            client.send(&Request::Produce(request)).unwrap();
            expected.push(value);
        }
        for step in 0..5 {
            let Ok(Response::Produce(answer)) = client.receive() else { panic!("not a produce answer") };
            let answer = one(one(answer.responses).partition_responses);
            assert_eq!((answer.error_code, answer.base_offset), stored(i64::from(round * 5 + step)));
        }
    }
    assert_eq!(values(&mut client, &topic, 0), expected);
}

fn producers_without_an_id_are_not_deduplicated(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    // As KafkaJS and sarama send it.
    for offset in 0..3 {
        let builder = BatchBuilder::new(Codec::None).producer(-1, 0, 0);
        let answer = client.append(&topic, 0, batch_of(builder, &["x"])).unwrap();
        assert_eq!((answer.error_code, answer.base_offset), stored(offset));
    }
}

fn partitions_have_their_own_sequences(target: &Target) {
    let (topic, mut client) = (target.topic(2), target.client());
    let me = producer(&mut client);
    for partition in [0, 1, 0, 1] {
        let sequence = client.offset_for(&topic, partition, -1).unwrap().offset as i32;
        assert_eq!(client.append(&topic, partition, numbered(me, sequence, &["x"])).unwrap().error_code, ErrorCode::NONE);
    }
}

/// A producer that lost its connection sends the same again on a new one, while the first may still be under way.
fn retries_from_another_connection(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let me = producer(&mut client);
    let mut expected = Vec::new();
    for sequence in 0..30 {
        let value = format!("{sequence}");
        let mut lost = target.client();
        lost.send(&Request::Produce(append_request(&topic, 0, numbered(me, sequence, &[&value]), -1))).unwrap();
        drop(lost);
        assert_eq!(append(&mut client, &topic, me, sequence, &[&value]), stored(sequence.into()));
        expected.push(value);
    }
    assert_eq!(values(&mut client, &topic, 0), expected);
}
