//! Produce: every version, acks, errors of one partition, every check of a batch, codecs, timestamps.

use crate::broker::PATIENCE;
use crate::target::{Target, batch, batch_of, cases, one, patched, records_from, until, values};
use bytes::Bytes;
use monolog::base::ids::Uuid;
use monolog::client::{Client, ClientError, Topic, append_request};
use monolog::wire::api_key::ApiKey;
use monolog::wire::batch::BatchHeader;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::Request;
use monolog::wire::message::api_versions::ApiVersionsRequest;
use monolog::wire::message::produce::{PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData};
use monolog::wire::stored::batches;
use std::time::{SystemTime, UNIX_EPOCH};

cases! {
    kafka: every_version_stores_and_answers, acks_one_and_all_are_answered_alike, acks_zero_has_no_answer, acks_zero_with_an_error_closes,
        other_acks_are_refused_on_every_partition, unknown_topics_and_partitions_fail_alone, an_unknown_topic_id_is_echoed, a_bad_batch_fails_alone,
        produce_creates_no_topic, every_codec_is_kept_as_it_came, zstd_needs_version_seven, max_message_bytes_is_the_topics,
        timestamps_have_bounds, append_time_is_the_brokers, a_wrong_greatest_timestamp_is_mended, transactional_batches_need_an_id,
        compacted_topics_want_keys, versions_zero_to_two_close, many_partitions_in_one_request, headers_and_nulls_come_back, requests_of_many_megabytes;
    ours: a_worse_batch_fails_alone
}

/// What one topic's partitions are answered.
fn produce(client: &mut Client, topic: &Topic, acks: i16, data: Vec<(i32, Option<Bytes>)>) -> Vec<PartitionProduceResponse> {
    let partition_data = data.into_iter().map(|(index, records)| PartitionProduceData { index, records }).collect();
    let topic_data = vec![TopicProduceData { name: topic.name.clone(), topic_id: topic.id, partition_data }];
    let request = ProduceRequest { acks, timeout_ms: 30_000, topic_data, ..ProduceRequest::default() };
    let mut answers = one(client.produce(request).unwrap().responses).partition_responses;
    answers.sort_by_key(|answer| answer.index);
    answers
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn every_version_stores_and_answers(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let mut expected = Vec::new();
    for version in 3..=13 {
        client.pin(ApiKey::Produce, version);
        let names = [format!("v{version}"), "more".to_string()];
        let answer = one(produce(&mut client, &topic, -1, vec![(0, Some(batch(&[&names[0], &names[1]])))]));
        let log_start_offset = if version >= 5 { 0 } else { -1 };
        let base_offset = expected.len() as i64;
        let wanted = PartitionProduceResponse { base_offset, log_start_offset, ..PartitionProduceResponse::default() };
        assert_eq!(answer, wanted, "version {version}");
        expected.extend(names);
    }
    assert_eq!(values(&mut client, &topic, 0), expected);
}

fn acks_one_and_all_are_answered_alike(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for (acks, base_offset) in [(1, 0), (-1, 1)] {
        let answer = one(produce(&mut client, &topic, acks, vec![(0, Some(batch(&["x"])))]));
        assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, base_offset));
    }
}

fn acks_zero_has_no_answer(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for value in ["a", "b"] {
        client.send(&Request::Produce(append_request(&topic, 0, batch(&[value]), 0))).unwrap();
        // The next answer on the connection is the next request's: the client compares correlation ids.
        client.find_topic(&topic.name, false).unwrap();
    }
    until("both records are there", || client.offset_for(&topic, 0, -1).unwrap().offset == 2);
    assert_eq!(values(&mut client, &topic, 0), ["a", "b"]);
}

fn acks_zero_with_an_error_closes(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.send(&Request::Produce(append_request(&topic, 7, batch(&["x"]), 0))).unwrap();
    assert!(matches!(client.receive_frame(), Err(ClientError::Closed)));
}

fn other_acks_are_refused_on_every_partition(target: &Target) {
    let (topic, mut client) = (target.topic(2), target.client());
    for acks in [2, -2] {
        let answers = produce(&mut client, &topic, acks, vec![(0, Some(batch(&["x"]))), (1, Some(batch(&["x"])))]);
        assert_eq!(answers.len(), 2);
        for answer in answers {
            assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::INVALID_REQUIRED_ACKS, -1));
        }
    }
    assert!(values(&mut client, &topic, 0).is_empty());
}

fn unknown_topics_and_partitions_fail_alone(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.pin(ApiKey::Produce, 12);
    let partition = |index| PartitionProduceData { index, records: Some(batch(&["x"])) };
    let data = |name: &str, partition_data| TopicProduceData { name: name.into(), partition_data, ..TopicProduceData::default() };
    let missing = target.name("missing");
    let topic_data = vec![data(&missing, vec![partition(0)]), data(&topic.name, vec![partition(9), partition(0), partition(-1)])];
    let answer = client.produce(ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data, ..ProduceRequest::default() }).unwrap();
    let mut found = Vec::new();
    for topic in &answer.responses {
        found.extend(topic.partition_responses.iter().map(|it| (topic.name.as_str().to_string(), it.index, it.error_code, it.base_offset)));
    }
    found.sort();
    let name = topic.name.as_str().to_string();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let expected =
        [(missing, 0, unknown, -1), (name.clone(), -1, unknown, -1), (name.clone(), 0, ErrorCode::NONE, 0), (name, 9, unknown, -1)];
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

fn an_unknown_topic_id_is_echoed(target: &Target) {
    let mut client = target.client();
    let id = Uuid([7; 16]);
    let answer = client.produce(append_request(&Topic { name: "".into(), id }, 3, batch(&["x"]), -1)).unwrap();
    let topic = one(answer.responses);
    assert_eq!(topic.topic_id, id);
    let partition = one(topic.partition_responses);
    assert_eq!((partition.index, partition.error_code, partition.base_offset), (3, ErrorCode::UNKNOWN_TOPIC_ID, -1));
}

fn produce_creates_no_topic(target: &Target) {
    let mut client = target.client();
    client.pin(ApiKey::Produce, 12);
    let name = target.name("none");
    for _ in 0..2 {
        let topic = Topic { name: name.as_str().into(), id: Uuid::ZERO };
        assert_eq!(client.append(&topic, 0, batch(&["x"])).unwrap().error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}

/// Every way in which a batch may be wrong without being unreadable, and Kafka's name for it.
fn bad_batches() -> Vec<(&'static str, Option<Bytes>, ErrorCode)> {
    let good = batch(&["first", "second"]);
    let with_crc = |at, bytes: &[u8]| Some(patched(&good, at, bytes));
    let twice = Bytes::from([&good[..], &good[..]].concat());
    let length = good.len() as i32 - 12;
    let (corrupt, invalid) = (ErrorCode::CORRUPT_MESSAGE, ErrorCode::INVALID_RECORD);
    vec![
        ("empty", Some(Bytes::new()), invalid),
        ("cut short", Some(good.slice(..good.len() - 1)), invalid),
        ("a header's part", Some(good.slice(..40)), invalid),
        ("two batches", Some(twice), invalid),
        ("a flipped bit", overwritten(&good, 70, &[good[70] ^ 1]), corrupt),
        ("a wrong CRC", overwritten(&good, 17, &[0, 0, 0, 0]), corrupt),
        ("a length beyond the bytes", overwritten(&good, 8, &(length + 1).to_be_bytes()), invalid),
        ("message format 1", overwritten(&good, 16, &[1]), invalid),
        ("a base offset", overwritten(&good, 0, &5i64.to_be_bytes()), invalid),
        ("more records claimed", with_crc(57, &3i32.to_be_bytes()), invalid),
        ("fewer records claimed", with_crc(57, &1i32.to_be_bytes()), invalid),
        ("no records claimed", with_crc(57, &0i32.to_be_bytes()), invalid),
        ("a great last offset delta", with_crc(23, &9i32.to_be_bytes()), invalid),
        ("a count that the bytes cannot hold", with_both_counts(&good, i32::MAX), invalid),
        ("a control batch", with_crc(21, &0x20i16.to_be_bytes()), invalid),
        ("a producer id without a sequence", with_crc(43, &7i64.to_be_bytes()), invalid),
        ("a record that is longer than the batch", with_crc(61, &[0x7e]), invalid),
    ]
}

fn with_both_counts(good: &Bytes, count: i32) -> Option<Bytes> {
    Some(patched(&patched(good, 57, &count.to_be_bytes()), 23, &(count - 1).to_be_bytes()))
}

/// What Apache Kafka 4.3.1 does not answer (null), or answers for all partitions of the request.
fn worse_batches() -> Vec<(&'static str, Option<Bytes>, ErrorCode)> {
    let good = batch(&["first", "second"]);
    vec![
        ("null", None, ErrorCode::INVALID_RECORD),
        ("an unknown codec", Some(patched(&good, 21, &7i16.to_be_bytes())), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
        ("a length below a header", overwritten(&good, 8, &5i32.to_be_bytes()), ErrorCode::CORRUPT_MESSAGE),
        ("a negative length", overwritten(&good, 8, &(-1i32).to_be_bytes()), ErrorCode::CORRUPT_MESSAGE),
        ("message format 3", overwritten(&good, 16, &[3]), ErrorCode::CORRUPT_MESSAGE),
    ]
}

/// Other bytes at a place, and nothing done about the CRC.
fn overwritten(batch: &Bytes, at: usize, bytes: &[u8]) -> Option<Bytes> {
    let mut batch = batch.to_vec();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    Some(batch.into())
}

fn a_bad_batch_fails_alone(target: &Target) {
    each_fails_alone(target, bad_batches());
}

fn a_worse_batch_fails_alone(target: &Target) {
    each_fails_alone(target, worse_batches());
}

fn each_fails_alone(target: &Target, bad: Vec<(&'static str, Option<Bytes>, ErrorCode)>) {
    let (topic, mut client) = (target.topic(2), target.client());
    for (good, (what, bad, error)) in (0..).zip(bad) {
        let answers = produce(&mut client, &topic, -1, vec![(0, bad), (1, Some(batch(&["good"])))]);
        let told: Vec<_> = answers.iter().map(|it| (it.index, it.error_code, it.base_offset)).collect();
        assert_eq!(told, [(0, error, -1), (1, ErrorCode::NONE, good)], "{what}: {:?}", answers[0].error_message);
    }
    assert_eq!(client.offset_for(&topic, 0, -1).unwrap().offset, 0, "nothing of a refused batch is kept");
}

fn every_codec_is_kept_as_it_came(target: &Target) {
    let (topic, mut client) = (target.topic(5), target.client());
    let long = "abc".repeat(5_000);
    for (partition, codec) in (0..).zip([Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd]) {
        let sent = batch_of(BatchBuilder::new(codec), &["short", &long]);
        assert_eq!(client.append(&topic, partition, sent.clone()).unwrap().error_code, ErrorCode::NONE, "{codec:?}");
        let (base_offset, kept) = batches(client.read(&topic, partition, 0, 0).unwrap().records.to_bytes()).next().unwrap();
        assert_eq!((base_offset, &kept[16..]), (0, &sent[16..]), "{codec:?}");
        assert_eq!(values(&mut client, &topic, partition), ["short", &long]);
    }
}

fn zstd_needs_version_seven(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let zstd = batch_of(BatchBuilder::new(Codec::Zstd), &["x"]);
    for (version, error) in [(6, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE), (7, ErrorCode::NONE)] {
        client.pin(ApiKey::Produce, version);
        assert_eq!(client.append(&topic, 0, zstd.clone()).unwrap().error_code, error, "version {version}");
    }
}

fn max_message_bytes_is_the_topics(target: &Target) {
    let (small, plain, mut client) = (target.topic_with(1, &[("max.message.bytes", "1000")]), target.topic(1), target.client());
    let (little, much) = (batch(&[&"x".repeat(900)]), batch(&[&"x".repeat(1_000)]));
    assert!(little.len() <= 1_000);
    assert_eq!(client.append(&small, 0, little).unwrap().error_code, ErrorCode::NONE);
    assert_eq!(client.append(&small, 0, much.clone()).unwrap().error_code, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(client.append(&plain, 0, much).unwrap().error_code, ErrorCode::NONE);
    let at_limit = |size: usize| batch(&[&"x".repeat(size)]);
    let overhead = at_limit(1_000_000).len() - 1_000_000;
    assert_eq!(client.append(&plain, 0, at_limit(1_048_588 - overhead)).unwrap().error_code, ErrorCode::NONE);
    assert_eq!(client.append(&plain, 0, at_limit(1_048_589 - overhead)).unwrap().error_code, ErrorCode::MESSAGE_TOO_LARGE);
}

fn timestamps_have_bounds(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("message.timestamp.before.max.ms", "3600000")]), target.client());
    let now = now_ms();
    let records = |timestamps: &[i64]| {
        let mut builder = BatchBuilder::new(Codec::None);
        timestamps.iter().for_each(|&timestamp| builder.push(timestamp, None, Some(b"x"), &[]));
        builder.build().unwrap()
    };
    for (timestamps, wrong) in [(&[now, now + 7_200_000][..], 1), (&[now - 7_200_000, now][..], 0)] {
        let answer = client.append(&topic, 0, records(timestamps)).unwrap();
        assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::INVALID_TIMESTAMP, -1));
        assert_eq!(answer.record_errors.iter().map(|it| it.batch_index).collect::<Vec<_>>(), [wrong]);
        assert!(answer.record_errors[0].batch_index_error_message.is_some() && answer.error_message.is_some(), "{answer:?}");
    }
    let answer = client.append(&topic, 0, records(&[now, -1, now - 1_800_000, now + 1_800_000])).unwrap();
    assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, 0));
}

fn append_time_is_the_brokers(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]), target.client());
    let before = now_ms();
    let answer = client.append(&topic, 0, batch_of(BatchBuilder::new(Codec::Gzip), &["a", "b"])).unwrap();
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert!((before..=now_ms()).contains(&answer.log_append_time_ms), "{answer:?}");
    for record in records_from(&mut client, &topic, 0, 0) {
        assert_eq!(record.timestamp, answer.log_append_time_ms);
    }
}

fn a_wrong_greatest_timestamp_is_mended(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let wrong = patched(&batch(&["a", "b", "c"]), 35, &5_000i64.to_be_bytes());
    assert_eq!(client.append(&topic, 0, wrong).unwrap().error_code, ErrorCode::NONE);
    // `records_from` checks the CRC.
    assert_eq!(records_from(&mut client, &topic, 0, 0)[2].timestamp, 1_002);
    let (_, kept) = batches(client.read(&topic, 0, 0, 0).unwrap().records.to_bytes()).next().unwrap();
    assert_eq!(BatchHeader::read(&kept).unwrap().max_timestamp, 1_002);
    let greatest = client.offset_for(&topic, 0, -3).unwrap();
    assert_eq!((greatest.offset, greatest.timestamp), (2, 1_002));
}

fn transactional_batches_need_an_id(target: &Target) {
    let (topic, mut client) = (target.topic(2), target.client());
    let transactional = batch_of(BatchBuilder::new(Codec::None).producer(1, 0, 0).transactional(), &["x"]);
    for answer in produce(&mut client, &topic, -1, vec![(0, Some(transactional)), (1, Some(batch(&["x"])))]) {
        assert_eq!(answer.error_code, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
}

fn compacted_topics_want_keys(target: &Target) {
    let (topic, mut client) = (target.topic_with(1, &[("cleanup.policy", "compact")]), target.client());
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(1, Some(b"key"), Some(b"x"), &[]);
    let keyed = builder.build().unwrap();
    builder.push(1, None, Some(b"x"), &[]);
    let answer = client.append(&topic, 0, builder.build().unwrap()).unwrap();
    assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::INVALID_RECORD, -1));
    assert_eq!(answer.record_errors.iter().map(|it| it.batch_index).collect::<Vec<_>>(), [1]);
    let answer = client.append(&topic, 0, keyed).unwrap();
    assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, 0));
}

fn versions_zero_to_two_close(target: &Target) {
    for version in 0..=2u8 {
        let mut client = target.client();
        // Header, acks, timeout, no topics.
        client.send_raw(&[0, 0, 0, 20, 0, 0, 0, version, 0, 0, 0, 1, 255, 255, 255, 255, 0, 0, 117, 48, 0, 0, 0, 0]).unwrap();
        assert!(matches!(client.receive_frame(), Err(ClientError::Closed)), "version {version}");
    }
    let versions = Client::connect(&target.kafka[..], PATIENCE)
        .unwrap()
        .api_versions(ApiVersionsRequest { client_software_name: "it".into(), client_software_version: "1".into() });
    let produce = versions.unwrap().api_keys.into_iter().find(|row| row.api_key == 0).unwrap();
    assert_eq!(produce.min_version, 0, "librdkafka wants to see them");
}

fn many_partitions_in_one_request(target: &Target) {
    let (topic, mut client) = (target.topic(100), target.client());
    for round in 0..3 {
        let data = (0..100).map(|partition| (partition, Some(batch(&[&format!("{partition}/{round}")])))).collect();
        let answers = produce(&mut client, &topic, -1, data);
        assert_eq!(answers.len(), 100);
        assert!(answers.iter().all(|it| it.error_code == ErrorCode::NONE && it.base_offset == round), "{answers:?}");
    }
    assert_eq!(values(&mut client, &topic, 99), ["99/0", "99/1", "99/2"]);
}

fn headers_and_nulls_come_back(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let mut builder = BatchBuilder::new(Codec::Lz4);
    builder.push(-1, None, None, &[(b"same", Some(b"1")), (b"same", None), (b"\xff", Some(b""))]);
    builder.push(7, Some(b""), Some(b""), &[]);
    client.append(&topic, 0, builder.build().unwrap()).unwrap();
    let records = records_from(&mut client, &topic, 0, 0);
    assert_eq!((records[0].timestamp, &records[0].key, &records[0].value), (-1, &None, &None));
    let headers = [(b"same".to_vec(), Some(b"1".to_vec())), (b"same".to_vec(), None), (b"\xff".to_vec(), Some(Vec::new()))];
    assert_eq!(records[0].headers, headers);
    assert_eq!((&records[1].key, &records[1].value), (&Some(Vec::new()), &Some(Vec::new())));
}

/// Kafka takes requests of 100 MB of many batches; three at once, from three connections.
fn requests_of_many_megabytes(target: &Target) {
    const PARTITIONS: i32 = 20;
    let topic = target.topic(PARTITIONS);
    let large = batch(&[&"x".repeat(1_000_000)]);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let data = (0..PARTITIONS).map(|partition| (partition, Some(large.clone()))).collect();
                let answers = produce(&mut target.client(), &topic, -1, data);
                assert!(answers.iter().all(|it| it.error_code == ErrorCode::NONE), "{answers:?}");
            });
        }
    });
    for partition in 0..PARTITIONS {
        assert_eq!(target.client().offset_for(&topic, partition, -1).unwrap().offset, 3);
    }
}
