//! `limits.memory` bounds what clients can make the broker hold: half frames, large produces, fetches, long lists and answers that
//! nobody reads, while a member of a group keeps its session by heartbeats.

use crate::broker::PATIENCE;
use crate::http::{ask, status};
use crate::member::{Member, settle};
use crate::target::{Target, batch, until};
use bytes::Bytes;
use crossbeam_channel::{Sender, bounded};
use monolog::base::text::Text;
use monolog::client::{Client, Topic};
use monolog::wire::error_code::ErrorCode;
use monolog::wire::frame::encode_request;
use monolog::wire::header::RequestHeader;
use monolog::wire::message::create_topics::{CreatableTopic, CreateTopicsRequest};
use monolog::wire::message::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use monolog::wire::message::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use monolog::wire::message::describe_groups::DescribeGroupsRequest;
use monolog::wire::message::fetch::{FetchPartition, FetchRequest, FetchTopic};
use monolog::wire::message::metadata::MetadataRequest;
use monolog::wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use monolog::wire::message::{Request, Response};
use std::io::Write;
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;
/// What the process takes beside the budget: its code, the caches of SQLite (3 MiB, and more while a large transaction commits), the image
/// of its log (16 MiB), threads, and what an allocator holds back.
const BESIDE: u64 = 52 * MIB;
/// The shortest session that a broker allows.
const SESSION_MS: i32 = 6_000;

/// A member of a group that heartbeats until it is told to stop; each must find it a member still.
struct Pulse {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Pulse {
    fn start(target: &Target) -> Pulse {
        let mut member = Member { session_timeout_ms: SESSION_MS, ..Member::new(target, "pulse") };
        member.join();
        settle(&mut [&mut member]);
        let (stop, stopped) = bounded(0);
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(200)).is_err_and(|error| error.is_timeout()) {
                assert_eq!(member.heartbeat(), ErrorCode::NONE);
            }
        });
        Pulse { stop, thread }
    }

    fn stop(self) {
        drop(self.stop);
        self.thread.join().expect("the session lasts");
    }
}

fn assert_peak(target: &Target, bound: u64) {
    let peak = target.broker().peak_memory();
    assert!(peak <= bound, "{} MiB of {} MiB", peak / MIB, bound / MIB);
}

/// One batch of a megabyte for each of so many partitions, in one request.
fn wide_produce(topic: &Topic, partitions: i32) -> Request {
    let batch = batch(&[&"x".repeat(1_000_000)]);
    let partition_data = (0..partitions).map(|index| PartitionProduceData { index, records: Some(batch.clone()) }).collect();
    let topic = TopicProduceData { name: topic.name.clone(), topic_id: topic.id, partition_data };
    Request::Produce(ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..ProduceRequest::default() })
}

/// Everything from the beginning, up to 100 MB.
fn wide_fetch(topic: &Topic, partitions: i32) -> Request {
    const BYTES: i32 = 100_000_000;
    let partition =
        |partition| FetchPartition { partition, current_leader_epoch: -1, partition_max_bytes: BYTES, ..FetchPartition::default() };
    let partitions = (0..partitions).map(partition).collect();
    let topics = vec![FetchTopic { topic: topic.name.clone(), topic_id: topic.id, partitions }];
    Request::Fetch(FetchRequest { max_bytes: BYTES, min_bytes: 1, session_epoch: -1, topics, ..FetchRequest::default() })
}

fn produce_all(client: &mut Client, request: &Request) {
    let Ok(Response::Produce(answer)) = client.call(request) else { panic!("not a produce answer") };
    assert!(answer.responses[0].partition_responses.iter().all(|partition| partition.error_code == ErrorCode::NONE));
}

fn framed(request: &Request) -> Bytes {
    let api = request.api();
    let header = RequestHeader { api, version: api.row().max, correlation_id: 1, client_id: Some("it".into()) };
    encode_request(&header, request).to_vec().into()
}

/// Sends bytes on connections of their own, which stay open and are never read from. Who is closed meanwhile does not matter.
fn push(target: &Target, bytes: &Bytes, connections: usize) -> Vec<TcpStream> {
    let streams: Vec<TcpStream> = (0..connections).map(|_| TcpStream::connect(&target.kafka[..]).unwrap()).collect();
    for stream in &streams {
        let (mut stream, bytes) = (stream.try_clone().unwrap(), bytes.clone());
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        std::thread::spawn(move || drop(stream.write_all(&bytes)));
    }
    streams
}

#[test]
fn everything_at_once_stays_within_the_bound() {
    const PARTITIONS: i32 = 40;
    let target = Target::with(&["-memory", "32MiB", "-reactors", "2"]);
    let (topic, mut client) = (target.topic(PARTITIONS), target.client());
    let large = wide_produce(&topic, PARTITIONS);
    produce_all(&mut client, &large);
    let pulse = Pulse::start(&target);
    let half: Bytes = framed(&wide_produce(&topic, 3)).slice(..1_500_000);
    let held = push(&target, &half, 100);
    let greedy = push(&target, &framed(&wide_fetch(&topic, PARTITIONS)), 5);
    std::thread::scope(|scope| {
        scope.spawn(|| produce_all(&mut target.client(), &large));
        for _ in 0..10 {
            scope.spawn(|| {
                let mut client = target.client();
                for _ in 0..3 {
                    let Ok(Response::Fetch(answer)) = client.call(&wide_fetch(&topic, PARTITIONS)) else { panic!("not a fetch answer") };
                    assert!(answer.responses.iter().flat_map(|topic| &topic.partitions).any(|partition| !partition.records.is_empty()));
                }
            });
        }
    });
    pulse.stop();
    // The one large frame is beside the budget.
    assert_peak(&target, 32 * MIB + PARTITIONS as u64 * MIB + BESIDE);
    drop((held, greedy));
    target.stop();
}

#[test]
fn answers_that_nobody_reads_stay_within_the_bound_and_are_given_up() {
    let target = Target::with(&["-memory", "128MiB", "-reactors", "2"]);
    let (topic, mut client) = (target.topic(1), target.client());
    let pulse = Pulse::start(&target);
    // Each another one: what is asked for twice is answered once.
    let partitions = (0..1_000_000).map(|partition_index| DeleteRecordsPartition { partition_index, offset: 7 }).collect();
    let topics = vec![DeleteRecordsTopic { name: Text::from("nope"), partitions }];
    let long = framed(&Request::DeleteRecords(DeleteRecordsRequest { topics, ..DeleteRecordsRequest::default() }));
    let unread = push(&target, &long, 24);
    until("somebody waits for what nobody reads", || target.broker().log().contains("does not take its answers"));
    for offset in 0..20 {
        assert_eq!(client.append(&topic, 0, batch(&[&"x".repeat(100_000)])).unwrap().base_offset, offset);
    }
    pulse.stop();
    assert_peak(&target, 128 * MIB + BESIDE + 32 * MIB);
    drop(unread);
    target.stop();
}

#[test]
fn long_answers_to_short_requests_wait_for_memory_and_all_come() {
    const PARTITIONS: usize = 9_000;
    let target = Target::with(&["-memory", "32MiB", "-reactors", "2"]);
    target.topic(PARTITIONS as i32);
    let pulse = Pulse::start(&target);
    std::thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                let answer = target.client().metadata(MetadataRequest { topics: None, ..MetadataRequest::default() }).unwrap();
                assert_eq!(answer.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>(), PARTITIONS);
            });
        }
    });
    pulse.stop();
    assert_peak(&target, 32 * MIB + BESIDE);
    target.stop();
}

/// What all topics share is short while it is decided, and long when it is encoded.
#[test]
fn configs_of_many_topics_are_told_one_after_another() {
    const TOPICS: usize = 3_000;
    let target = Target::with(&["-memory", "32MiB", "-reactors", "2"]);
    let mut client = target.client();
    let names: Vec<Text> = (0..TOPICS).map(|number| Text::from(format!("topic-{number}"))).collect();
    for names in names.chunks(500) {
        let topic = |name: &Text| CreatableTopic { name: name.clone(), num_partitions: 1, replication_factor: 1, ..Default::default() };
        let topics = names.iter().map(topic).collect();
        client.create_topics(CreateTopicsRequest { topics, timeout_ms: 30_000, ..CreateTopicsRequest::default() }).unwrap();
    }
    let resource = |name: &Text| DescribeConfigsResource { resource_type: 2, resource_name: name.clone(), configuration_keys: None };
    let resources: Vec<DescribeConfigsResource> = names.iter().map(resource).collect();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let request =
                    DescribeConfigsRequest { resources: resources.clone(), include_synonyms: true, ..DescribeConfigsRequest::default() };
                let answer = target.client().describe_configs(request).unwrap();
                assert!(answer.results.len() == TOPICS && answer.results.iter().all(|result| result.error_code == ErrorCode::NONE));
            });
        }
    });
    assert_peak(&target, 32 * MIB + BESIDE);
    target.stop();
}

#[test]
fn what_groups_keep_is_a_part_of_the_bound_and_so_is_telling_it() {
    const PARTITIONS: i32 = 200_000;
    let target = Target::with(&["-memory", "32MiB", "-reactors", "2"]);
    let pulse = Pulse::start(&target);
    let numbers = (0..PARTITIONS).flat_map(i32::to_be_bytes);
    let assignment: Vec<u8> = [0, 0, 0, 0, 0, 1, 0, 1, b't'].into_iter().chain(PARTITIONS.to_be_bytes()).chain(numbers).collect();
    let (mut members, mut is_full) = (Vec::new(), false);
    while !is_full {
        assert!(members.len() < 32, "groups of 0.9 MB each");
        let mut member = Member::new(&target, &format!("large-{}", members.len()));
        member.protocols = vec![("range", vec![0; 100_000].into())];
        member.session_timeout_ms = 600_000;
        member.id = member.try_join().member_id;
        let answer = member.try_join();
        is_full = answer.error_code == ErrorCode::GROUP_MAX_SIZE_REACHED;
        if !is_full {
            member.generation = answer.generation_id;
            is_full = member.sync(&[(&member.id.clone(), &assignment)]).error_code == ErrorCode::UNKNOWN_SERVER_ERROR;
            members.push(member);
        }
    }
    assert!(members.len() > 14, "half of the bound is for groups");
    let groups: Vec<Text> = members.iter().map(|member| member.group.clone()).collect();
    std::thread::scope(|scope| {
        for group in &groups[..12] {
            let target = &target;
            scope.spawn(move || {
                let answer = ask(target.http(), "GET", &format!("/api/groups/{group}"));
                assert!(status(&answer) == 200 && answer.contains(",199999]"), "{}", &answer[..200.min(answer.len())]);
            });
        }
        for _ in 0..20 {
            scope.spawn(|| {
                let request = DescribeGroupsRequest { groups: groups.clone(), ..DescribeGroupsRequest::default() };
                let answer = target.client().describe_groups(request).unwrap();
                assert!(answer.groups.iter().any(|group| group.members.iter().any(|it| it.member_assignment == assignment)));
            });
        }
    });
    pulse.stop();
    assert_peak(&target, 32 * MIB + BESIDE);
    target.stop();
}

/// The oversize lane is free again when the batch is stored, also while the newest batches stay in memory for readers.
#[test]
fn large_batches_of_one_frame_each_follow_one_another() {
    let target = Target::with(&["-memory", "16MiB"]);
    let mut client = target.client();
    let topic = target.topic_with(1, &[("max.message.bytes", "4000000")]);
    for offset in 0..4 {
        assert_eq!(client.append(&topic, 0, batch(&[&"x".repeat(3_000_000)])).unwrap().base_offset, offset);
    }
    target.stop();
}
