//! Fetch without sessions: every version, waiting and waking, limits, errors, old data.

use crate::target::{Target, batch, cases, one, records_from, until};
use monolog::base::ids::Uuid;
use monolog::client::{Client, Topic, fetched_records};
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use monolog::wire::message::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use monolog::wire::message::{Request, Response};
use monolog::wire::stored::batches;
use std::time::{Duration, Instant};

cases! {
    kafka: every_version_reads, an_empty_partition_answers_after_the_wait, data_wakes_a_parked_fetch, min_bytes_are_waited_for,
        nothing_to_wait_for_is_answered_at_once, offsets_out_of_range, unknown_topics_and_partitions, limits_let_the_first_batch_pass,
        one_partition_does_not_take_all, a_batch_is_whole_from_any_of_its_offsets, leader_epochs, committed_reads_list_aborted_transactions,
        old_data_comes_back_whole, an_error_does_not_wait, what_is_not_there_wakes_nobody;
    ours: deletion_wakes_a_parked_fetch, a_stale_topic_id_is_unknown
}

/// A fetch of some partitions of one topic.
pub fn request(topic: &Topic, partitions: Vec<FetchPartition>) -> FetchRequest {
    let topics = vec![FetchTopic { topic: topic.name.clone(), topic_id: topic.id, partitions }];
    FetchRequest { max_wait_ms: 0, min_bytes: 1, topics, ..FetchRequest::default() }
}

/// A partition, to be read from an offset.
pub fn from(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() }
}

fn fetch(client: &mut Client, request: FetchRequest) -> Vec<PartitionData> {
    let answer = client.fetch(request).unwrap();
    assert_eq!((answer.error_code, answer.session_id), (ErrorCode::NONE, 0));
    one(answer.responses).partitions
}

fn every_version_reads(target: &Target) {
    let (topic, mut client) = (target.topic(2), target.client());
    client.append(&topic, 0, batch(&["a", "b"])).unwrap();
    client.append(&topic, 0, batch(&["c"])).unwrap();
    for version in 4..=18 {
        client.pin(ApiKey::Fetch, version);
        let answer = client.fetch(request(&topic, vec![from(0, 0), from(1, 0)])).unwrap();
        assert_eq!((answer.error_code, answer.session_id, answer.throttle_time_ms), (ErrorCode::NONE, 0, 0));
        let answered = one(answer.responses);
        if version >= 13 {
            assert_eq!(answered.topic_id, topic.id);
        } else {
            assert_eq!(answered.topic, topic.name);
        }
        let [full, empty] = &answered.partitions[..] else { panic!("{answered:?}") };
        let found: Vec<_> = fetched_records(&full.records, 0).unwrap().into_iter().map(|it| (it.offset, it.value.unwrap())).collect();
        assert_eq!(found, [(0, b"a".to_vec()), (1, b"b".to_vec()), (2, b"c".to_vec())], "version {version}");
        let log_start_offset = if version >= 5 { 0 } else { -1 };
        let wanted = |partition_index, high_watermark| PartitionData {
            partition_index,
            high_watermark,
            last_stable_offset: high_watermark,
            log_start_offset,
            aborted_transactions: None,
            ..PartitionData::default()
        };
        assert_eq!(*empty, wanted(1, 0), "version {version}");
        assert_eq!(*full, PartitionData { records: full.records.clone(), ..wanted(0, 3) }, "version {version}");
    }
}

fn an_empty_partition_answers_after_the_wait(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let begun = Instant::now();
    let answer = client.read(&topic, 0, 0, 300).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(290), "answered after {:?}", begun.elapsed());
    assert_eq!((answer.error_code, answer.high_watermark, answer.records.len()), (ErrorCode::NONE, 0, 0));
}

/// The wait is longer than the client's patience: only data can end it.
fn data_wakes_a_parked_fetch(target: &Target) {
    let (topic, mut reader, mut writer) = (target.topic(2), target.client(), target.client());
    for offset in 0..5 {
        let parked = FetchRequest { max_wait_ms: 600_000, ..request(&topic, vec![from(0, offset), from(1, 0)]) };
        reader.send(&Request::Fetch(parked)).unwrap();
        writer.append(&topic, 0, batch(&["x"])).unwrap();
        let Ok(Response::Fetch(answer)) = reader.receive() else { panic!("not a fetch answer") };
        let partitions = one(answer.responses).partitions;
        assert_eq!(fetched_records(&partitions[0].records, offset).unwrap().len(), 1);
        assert_eq!(partitions[0].high_watermark, offset + 1);
        assert!(partitions[1].records.is_empty());
    }
}

fn min_bytes_are_waited_for(target: &Target) {
    let (topic, mut reader, mut writer) = (target.topic(1), target.client(), target.client());
    let one_batch = batch(&[&"x".repeat(100)]);
    let parked = FetchRequest { max_wait_ms: 600_000, min_bytes: 2 * one_batch.len() as i32, ..request(&topic, vec![from(0, 0)]) };
    reader.send(&Request::Fetch(parked)).unwrap();
    writer.append(&topic, 0, one_batch.clone()).unwrap();
    writer.append(&topic, 0, one_batch).unwrap();
    let Ok(Response::Fetch(answer)) = reader.receive() else { panic!("not a fetch answer") };
    assert_eq!(fetched_records(&one(one(answer.responses).partitions).records, 0).unwrap().len(), 2);
}

fn nothing_to_wait_for_is_answered_at_once(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let no_minimum = FetchRequest { max_wait_ms: 600_000, min_bytes: 0, ..request(&topic, vec![from(0, 0)]) };
    assert!(one(fetch(&mut client, no_minimum)).records.is_empty());
    let nothing_asked = FetchRequest { max_wait_ms: 600_000, min_bytes: 1, ..FetchRequest::default() };
    assert!(client.fetch(nothing_asked).unwrap().responses.is_empty());
}

fn an_error_does_not_wait(target: &Target) {
    let (topic, mut client) = (target.topic(2), target.client());
    let mut answers = fetch(&mut client, FetchRequest { max_wait_ms: 600_000, ..request(&topic, vec![from(0, 0), from(1, 5)]) });
    answers.sort_by_key(|it| it.partition_index);
    assert_eq!(answers[0].error_code, ErrorCode::NONE);
    assert_eq!(answers[1].error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
}

/// Else a consumer that has not heard of a deletion would ask without a pause.
fn what_is_not_there_wakes_nobody(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let begun = Instant::now();
    let mut answers = fetch(&mut client, FetchRequest { max_wait_ms: 300, ..request(&topic, vec![from(7, 0), from(0, 0)]) });
    assert!(begun.elapsed() >= Duration::from_millis(290), "answered after {:?}", begun.elapsed());
    answers.sort_by_key(|it| it.partition_index);
    let errors: Vec<_> = answers.iter().map(|it| it.error_code).collect();
    assert_eq!(errors, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
}

/// What a partition that cannot be read is answered.
fn refused(partition_index: i32, error_code: ErrorCode) -> PartitionData {
    PartitionData { partition_index, error_code, high_watermark: -1, aborted_transactions: None, ..PartitionData::default() }
}

fn offsets_out_of_range(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.append(&topic, 0, batch(&["a"])).unwrap();
    for offset in [2, -1, i64::MAX] {
        let found = one(fetch(&mut client, request(&topic, vec![from(0, offset)])));
        // Without a partition's transactions to tell, Kafka may give an empty list or none.
        let found = PartitionData { aborted_transactions: None, ..found };
        assert_eq!(found, refused(0, ErrorCode::OFFSET_OUT_OF_RANGE), "offset {offset}");
    }
    assert_eq!(one(fetch(&mut client, request(&topic, vec![from(0, 1)]))).error_code, ErrorCode::NONE, "the end is in range");
}

fn unknown_topics_and_partitions(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let stranger = Topic { name: target.name("none").as_str().into(), id: Uuid([9; 16]) };
    for (version, error) in
        [(12, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), (13, ErrorCode::UNKNOWN_TOPIC_ID), (18, ErrorCode::UNKNOWN_TOPIC_ID)]
    {
        client.pin(ApiKey::Fetch, version);
        let mut both = request(&topic, vec![from(3, 0), from(0, 0), from(-2, 0)]);
        both.topics.extend(request(&stranger, vec![from(0, 0)]).topics);
        let answer = client.fetch(both).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        for answered in answer.responses {
            let known = if version >= 13 { answered.topic_id == topic.id } else { answered.topic == topic.name };
            for found in answered.partitions {
                let expected = match (known, found.partition_index) {
                    (true, 0) => ErrorCode::NONE,
                    (true, _) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    (false, _) => error,
                };
                assert_eq!(found.error_code, expected, "version {version}");
            }
        }
    }
}

fn limits_let_the_first_batch_pass(target: &Target) {
    let (topic, mut client) = (target.topic(3), target.client());
    for partition in [1, 2] {
        for _ in 0..2 {
            client.append(&topic, partition, batch(&[&"x".repeat(1_000)])).unwrap();
        }
    }
    let tiny = |partition| FetchPartition { partition_max_bytes: 1, ..from(partition, 0) };
    let asked = FetchRequest { max_bytes: 1, ..request(&topic, vec![tiny(0), tiny(1), tiny(2)]) };
    let answers = fetch(&mut client, asked);
    assert_eq!(answers.iter().map(|it| it.partition_index).collect::<Vec<_>>(), [0, 1, 2]);
    let counts: Vec<_> = answers.iter().map(|it| fetched_records(&it.records, 0).unwrap().len()).collect();
    assert_eq!(counts, [0, 1, 0], "the first batch that there is, and no more");
    assert_eq!(answers[2].high_watermark, 2);
}

fn one_partition_does_not_take_all(target: &Target) {
    let (topic, mut client) = (target.topic(2), target.client());
    let size = batch(&[&"x".repeat(1_000)]).len() as i32;
    for partition in [0, 1] {
        for _ in 0..4 {
            client.append(&topic, partition, batch(&[&"x".repeat(1_000)])).unwrap();
        }
    }
    let two = |partition| FetchPartition { partition_max_bytes: 2 * size, ..from(partition, 0) };
    let whole = |records: bytes::Bytes| batches(records).count();
    let counts = |answers: Vec<PartitionData>| answers.into_iter().map(|it| whole(it.records.to_bytes())).collect::<Vec<_>>();
    assert_eq!(counts(fetch(&mut client, request(&topic, vec![two(0), two(1)]))), [2, 2]);
    let three_in_all = FetchRequest { max_bytes: 3 * size, ..request(&topic, vec![two(0), two(1)]) };
    assert_eq!(counts(fetch(&mut client, three_in_all)), [2, 1]);
}

fn a_batch_is_whole_from_any_of_its_offsets(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.append(&topic, 0, batch(&["a", "b", "c"])).unwrap();
    client.append(&topic, 0, batch(&["d"])).unwrap();
    for (offset, base) in [(0, 0), (1, 0), (2, 0), (3, 3)] {
        let answer = client.read(&topic, 0, offset, 0).unwrap();
        assert_eq!(batches(answer.records.to_bytes()).next().unwrap().0, base);
        assert_eq!(fetched_records(&answer.records, offset).unwrap().len() as i64, 4 - offset);
    }
}

fn leader_epochs(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.append(&topic, 0, batch(&["a"])).unwrap();
    for (current_leader_epoch, error) in [(-1, ErrorCode::NONE), (0, ErrorCode::NONE), (5, ErrorCode::UNKNOWN_LEADER_EPOCH)] {
        let asked = request(&topic, vec![FetchPartition { current_leader_epoch, ..from(0, 0) }]);
        assert_eq!(one(fetch(&mut client, asked)).error_code, error, "epoch {current_leader_epoch}");
    }
}

fn committed_reads_list_aborted_transactions(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.append(&topic, 0, batch(&["a"])).unwrap();
    for (isolation_level, aborted) in [(0, None), (1, Some(Vec::new()))] {
        let found = one(fetch(&mut client, FetchRequest { isolation_level, ..request(&topic, vec![from(0, 0)]) }));
        assert_eq!((found.aborted_transactions, found.last_stable_offset), (aborted, 1));
        assert_eq!(fetched_records(&found.records, 0).unwrap().len(), 1);
    }
}

/// More than any cache of recent data keeps, read from the beginning and from the middle.
fn old_data_comes_back_whole(target: &Target) {
    const COUNT: usize = 20;
    let (topic, mut client) = (target.topic(1), target.client());
    let value = |index: usize| format!("{index:08}").repeat(120_000);
    for index in 0..COUNT {
        assert_eq!(client.append(&topic, 0, batch(&[&value(index)])).unwrap().error_code, ErrorCode::NONE);
    }
    for from in [0, COUNT / 2] {
        let records = records_from(&mut client, &topic, 0, from as i64);
        assert_eq!(records.len(), COUNT - from);
        for record in records {
            assert!(record.value.unwrap() == value(record.offset as usize).into_bytes(), "record {}", record.offset);
        }
    }
}

/// A fetch that comes after the deletion is not told of the topic at all.
fn deletion_wakes_a_parked_fetch(target: &Target) {
    for (version, late) in [(12, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), (13, ErrorCode::UNKNOWN_TOPIC_ID)] {
        let (topic, mut reader) = (target.topic(1), target.client());
        reader.pin(ApiKey::Fetch, version);
        reader.send(&Request::Fetch(FetchRequest { max_wait_ms: 600_000, ..request(&topic, vec![from(0, 0)]) })).unwrap();
        delete(&mut target.client(), &topic);
        let Ok(Response::Fetch(answer)) = reader.receive() else { panic!("not a fetch answer") };
        let found = one(one(answer.responses).partitions).error_code;
        assert!([ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, late].contains(&found), "{found} in version {version}");
    }
}

fn delete(client: &mut Client, topic: &Topic) {
    let topics = vec![DeleteTopicState { name: Some(topic.name.clone()), ..DeleteTopicState::default() }];
    let request = DeleteTopicsRequest { topics, timeout_ms: 30_000, ..DeleteTopicsRequest::default() };
    assert_eq!(one(client.delete_topics(request).unwrap().responses).error_code, ErrorCode::NONE);
}

fn a_stale_topic_id_is_unknown(target: &Target) {
    let (old, mut client) = (target.topic(1), target.client());
    client.append(&old, 0, batch(&["old"])).unwrap();
    delete(&mut client, &old);
    let new = client.create_topic(&old.name, 1, &[]).unwrap();
    assert_ne!(new.id, old.id);
    until("the old id is gone", || client.read(&old, 0, 0, 0).unwrap().error_code == ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!(client.append(&old, 0, batch(&["x"])).unwrap().error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!(client.append(&new, 0, batch(&["new"])).unwrap().base_offset, 0, "a new topic begins at 0");
    assert_eq!(records_from(&mut client, &new, 0, 0).len(), 1);
}
