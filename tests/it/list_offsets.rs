//! ListOffsets and OffsetForLeaderEpoch: both ends, by time, by greatest time, every version, errors.

use crate::target::{Target, batch, batch_of, cases, one};
use monolog::client::{Client, Topic};
use monolog::wire::api_key::ApiKey;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::list_offsets::{ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic};
use monolog::wire::message::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

cases! {
    kafka: both_ends_in_every_version, times_are_looked_up_by_record, the_greatest_time, special_times_have_their_versions,
        an_empty_partition, unknown_partitions_and_epochs, a_partition_twice_is_refused, where_a_leader_epoch_ends;
    ours:
}

fn list(client: &mut Client, topic: &Topic, partitions: Vec<ListOffsetsPartition>) -> Vec<ListOffsetsPartitionResponse> {
    let topics = vec![ListOffsetsTopic { name: topic.name.clone(), partitions }];
    let request = ListOffsetsRequest { replica_id: -1, topics, timeout_ms: 30_000, ..ListOffsetsRequest::default() };
    one(client.list_offsets(request).unwrap().topics).partitions
}

fn found(offset: i64, timestamp: i64) -> ListOffsetsPartitionResponse {
    let leader_epoch = if offset < 0 { -1 } else { 0 };
    ListOffsetsPartitionResponse { offset, timestamp, leader_epoch, ..ListOffsetsPartitionResponse::default() }
}

fn both_ends_in_every_version(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.append(&topic, 0, batch(&["a", "b", "c"])).unwrap();
    for version in 1..=11 {
        client.pin(ApiKey::ListOffsets, version);
        for (timestamp, offset) in [(-1, 3), (-2, 0)] {
            let expected = ListOffsetsPartitionResponse { leader_epoch: if version >= 4 { 0 } else { -1 }, ..found(offset, -1) };
            assert_eq!(client.offset_for(&topic, 0, timestamp).unwrap(), expected, "version {version}, time {timestamp}");
        }
    }
}

/// A batch with these timestamps.
fn timed(codec: Codec, timestamps: &[i64]) -> bytes::Bytes {
    let mut builder = BatchBuilder::new(codec);
    timestamps.iter().for_each(|&timestamp| builder.push(timestamp, None, Some(b"x"), &[]));
    builder.build().unwrap()
}

fn times_are_looked_up_by_record(target: &Target) {
    let (topic, mut client) = (target.topic(5), target.client());
    for (partition, codec) in (0..).zip([Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd]) {
        for timestamps in [&[100, 300, 200][..], &[50, 60], &[250, 400, 500], &[450]] {
            assert_eq!(client.append(&topic, partition, timed(codec, timestamps)).unwrap().error_code, ErrorCode::NONE);
        }
        for (asked, offset, timestamp) in [
            (0, 0, 100),
            (100, 0, 100),
            (101, 1, 300),
            (250, 1, 300),
            (300, 1, 300),
            (301, 6, 400),
            (401, 7, 500),
            (500, 7, 500),
            (501, -1, -1),
            (i64::MAX, -1, -1),
        ] {
            assert_eq!(
                client.offset_for(&topic, partition, asked).unwrap(),
                ListOffsetsPartitionResponse { partition_index: partition, ..found(offset, timestamp) },
                "{codec:?}, time {asked}"
            );
        }
    }
}

fn the_greatest_time(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for (timestamps, offset, greatest) in [(&[10, 30, 20][..], 1, 30), (&[5, 6][..], 1, 30), (&[31][..], 5, 31), (&[31, 7][..], 5, 31)] {
        client.append(&topic, 0, timed(Codec::Lz4, timestamps)).unwrap();
        assert_eq!(client.offset_for(&topic, 0, -3).unwrap(), found(offset, greatest));
    }
}

fn special_times_have_their_versions(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.append(&topic, 0, batch_of(BatchBuilder::new(Codec::None), &["a"])).unwrap();
    for (timestamp, since, expected) in
        [(-3, 7, found(0, 1_000)), (-4, 8, found(0, -1)), (-5, 9, found(-1, -1)), (-6, 11, found(-1, -1)), (-7, 99, found(-1, -1))]
    {
        for version in 1..=11 {
            client.pin(ApiKey::ListOffsets, version);
            let answer = client.offset_for(&topic, 0, timestamp).unwrap();
            if version < since {
                assert_eq!((answer.error_code, answer.offset), (ErrorCode::UNSUPPORTED_VERSION, -1), "{timestamp} in version {version}");
            } else {
                assert_eq!(answer, expected, "{timestamp} in version {version}");
            }
        }
    }
}

fn an_empty_partition(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for (timestamp, offset) in [(-1, 0), (-2, 0), (-3, -1), (0, -1)] {
        assert_eq!(client.offset_for(&topic, 0, timestamp).unwrap(), found(offset, -1), "time {timestamp}");
    }
}

fn unknown_partitions_and_epochs(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    assert_eq!(client.offset_for(&topic, 4, -1).unwrap().error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let stranger = Topic { name: target.name("none").as_str().into(), id: topic.id };
    assert_eq!(client.offset_for(&stranger, 0, -1).unwrap().error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    for (current_leader_epoch, error) in [(-1, ErrorCode::NONE), (0, ErrorCode::NONE), (3, ErrorCode::UNKNOWN_LEADER_EPOCH)] {
        let partition = ListOffsetsPartition { current_leader_epoch, timestamp: -1, ..ListOffsetsPartition::default() };
        assert_eq!(one(list(&mut client, &topic, vec![partition])).error_code, error, "epoch {current_leader_epoch}");
    }
}

fn a_partition_twice_is_refused(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let partition = ListOffsetsPartition { timestamp: -1, ..ListOffsetsPartition::default() };
    let answers = list(&mut client, &topic, vec![partition.clone(), partition]);
    assert!(!answers.is_empty() && answers.iter().all(|it| it.error_code == ErrorCode::INVALID_REQUEST), "{answers:?}");
}

fn where_a_leader_epoch_ends(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    client.append(&topic, 0, batch(&["a", "b"])).unwrap();
    for version in 2..=4 {
        client.pin(ApiKey::OffsetForLeaderEpoch, version);
        let mut ask = |partition, current_leader_epoch, leader_epoch| {
            let partitions = vec![OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch }];
            let topics = vec![OffsetForLeaderTopic { topic: topic.name.clone(), partitions }];
            let answer = client.offset_for_leader_epoch(OffsetForLeaderEpochRequest { replica_id: -1, topics }).unwrap();
            one(one(answer.topics).partitions)
        };
        assert_eq!(ask(0, -1, 0), EpochEndOffset { leader_epoch: 0, end_offset: 2, ..EpochEndOffset::default() });
        assert_eq!(ask(0, 0, 7), EpochEndOffset { leader_epoch: -1, end_offset: -1, ..EpochEndOffset::default() });
        assert_eq!(ask(0, 9, 0).error_code, ErrorCode::UNKNOWN_LEADER_EPOCH);
        assert_eq!(ask(8, -1, 0).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}
