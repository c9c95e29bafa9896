//! A disk that is full: produces are refused with an error that clients retry, reads go on, and when there is room again so do
//! produces. The disk is a tmpfs in a mount namespace of its own, which is gone with its last process.

use crate::broker::{Broker, PATIENCE, clean, serve};
use crate::kill::is_ready;
use crate::load::{connect, topic, values};
use crate::{skip, works};
use bytes::Bytes;
use monolog::client::{Client, Topic};
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use monolog::wire::message::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A small disk. Its namespace lives as long as a `cat` that waits for us.
struct SmallDisk {
    holder: Child,
    _alive: ChildStdin,
    dir: TempDir,
}

impl SmallDisk {
    /// Of 40 MiB, of which a ballast takes 24: when that goes there is room, and enough left to be ready, wherever the 16 MiB before lie.
    fn mount() -> SmallDisk {
        SmallDisk::of_mib(40)
    }

    fn of_mib(size: u32) -> SmallDisk {
        let dir = TempDir::new().unwrap();
        let script =
            format!("mount -t tmpfs -o size={size}m none \"$0\" && head -c 25165824 /dev/zero > \"$0/ballast\" && echo ready && exec cat");
        let mut command = Command::new("unshare");
        command.args(["-r", "-m", "sh", "-c", &script]).arg(dir.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        SmallDisk { _alive: holder.stdin.take().unwrap(), holder, dir }
    }

    fn serve(&self) -> Command {
        let inner = serve(&self.dir.path().join("data"), &[]);
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder.id().to_string(), "-U", "-m", "--preserve-credentials", "--"]);
        command.arg(inner.get_program()).args(inner.get_args());
        clean(command)
    }

    /// A file on it, seen from outside.
    fn path(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(self.dir.path().strip_prefix("/").unwrap()).join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn batch(number: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(1_000, None, Some(value(number).as_bytes()), &[]);
    builder.build().unwrap()
}

fn value(number: usize) -> String {
    format!("{number:08}").repeat(12_500)
}

/// Appends until the broker refuses; how many records were acked before.
fn fill(client: &mut Client, topic: &Topic, from: usize) -> usize {
    for number in from..1_000 {
        let answer = client.append(topic, 0, batch(number)).unwrap();
        if answer.error_code != ErrorCode::NONE {
            assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::KAFKA_STORAGE_ERROR, -1));
            return number;
        }
        assert_eq!(answer.base_offset, number as i64);
    }
    panic!("100 MB fit on a disk of 16");
}

fn assert_log(client: &mut Client, topic: &Topic, count: usize) {
    let log = values(client, topic, 0);
    assert_eq!(log.len(), count);
    assert!(log.iter().enumerate().all(|(number, found)| *found == value(number)), "each record is what was sent");
}

fn disks_can_be_made() -> bool {
    let possible = works("unshare", &["-r", "-m", "sh", "-c", "mount -t tmpfs none /mnt"]) && works("nsenter", &["--version"]);
    if !possible {
        skip("a small disk: unshare -r -m does not let us mount a tmpfs");
    }
    possible
}

#[test]
fn a_full_disk_refuses_and_forgives() {
    if !disks_can_be_made() {
        return;
    }
    let disk = SmallDisk::mount();
    let broker = Broker::start(disk.serve()).unwrap();
    let mut client = connect(broker.kafka);
    let topic = topic(&mut client);
    client.commit("group", &topic, 0, 1).unwrap();
    let acked = fill(&mut client, &topic, 0);
    assert!(acked > 10, "{acked} records of 100 kB fit on 16 MB");

    // Reads go on, on new connections as on old ones.
    assert_log(&mut connect(broker.kafka), &topic, acked);
    assert_eq!(client.committed("group", &topic, 0).unwrap(), 1);
    assert!(!is_ready(broker.http));
    for _ in 0..3 {
        assert_eq!(client.append(&topic, 1, batch(0)).unwrap().error_code, ErrorCode::KAFKA_STORAGE_ERROR);
        assert!(client.commit("group", &topic, 0, 2).unwrap_err().to_string().contains("COORDINATOR_NOT_AVAILABLE"));
        client.create_topic("another", 1, &[]).unwrap_err();
    }

    std::fs::remove_file(disk.path("ballast")).unwrap();
    let acked = resume(&mut client, &topic, acked);
    client.commit("group", &topic, 0, 3).unwrap();
    assert_log(&mut client, &topic, acked);
    assert!(is_ready(broker.http));
    assert!(client.find_topic("another", false).is_err(), "what was refused did not happen");
    let log = broker.kill().stderr;
    assert!(!log.contains("panicked"), "{log}");

    let broker = Broker::start(disk.serve()).unwrap();
    let mut client = connect(broker.kafka);
    assert_log(&mut client, &topic, acked);
    assert_eq!(client.committed("group", &topic, 0).unwrap(), 3);
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// Sends the next record again and again, as clients do, until it is taken.
fn resume(client: &mut Client, topic: &Topic, next: usize) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.append(topic, 0, batch(next)).unwrap();
        if answer.error_code == ErrorCode::NONE {
            assert_eq!(answer.base_offset, next as i64, "no offset was used up by what was refused");
            return next + 1;
        }
        assert_eq!(answer.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
        assert!(Instant::now() < deadline, "there is room, and it is not used");
    }
}

/// Killed while the disk is full, it comes back: what was acked can be read, and when there is room it goes on.
#[test]
fn a_restart_on_a_full_disk_loses_nothing() {
    if !disks_can_be_made() {
        return;
    }
    let disk = SmallDisk::mount();
    let broker = Broker::start(disk.serve()).unwrap();
    let mut client = connect(broker.kafka);
    let topic = topic(&mut client);
    let acked = fill(&mut client, &topic, 0);
    broker.kill();
    take_the_rest(&disk);
    match Broker::start(disk.serve()) {
        Ok(broker) => {
            assert_log(&mut connect(broker.kafka), &topic, acked);
            broker.kill();
        }
        Err(ended) => assert_eq!((ended.status.code(), ended.stderr.contains("panicked")), (Some(5), false), "{ended:?}"),
    }
    std::fs::remove_file(disk.path("ballast")).unwrap();
    let broker = Broker::start(disk.serve()).unwrap();
    let mut client = connect(broker.kafka);
    assert_log(&mut client, &topic, acked);
    let acked = resume(&mut client, &topic, acked);
    assert_log(&mut client, &topic, acked);
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// What deletes need is not given to records because the process is another one.
#[test]
fn a_full_disk_can_be_emptied_from_within_also_after_restarts() {
    if !disks_can_be_made() {
        return;
    }
    let disk = SmallDisk::of_mib(64);
    let mut broker = Broker::start(disk.serve()).unwrap();
    let (doomed, kept) = (topic(&mut connect(broker.kafka)), connect(broker.kafka).create_topic("kept", 1, &[]).unwrap());
    let mut acked = fill(&mut connect(broker.kafka), &doomed, 0);
    for restart in 0..4 {
        let ended = if restart % 2 == 0 { broker.stop() } else { broker.kill() };
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        broker = Broker::start(disk.serve()).unwrap();
        let more = fill(&mut connect(broker.kafka), &doomed, acked) - acked;
        assert!(restart == 0 || more == 0, "{more} records were taken after restart {restart}");
        acked += more;
    }
    let mut client = connect(broker.kafka);
    assert_log(&mut client, &doomed, acked);
    delete(&mut client, &doomed);
    let acked = resume(&mut client, &kept, 0);
    assert_log(&mut client, &kept, acked);
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// Stopped in order, and the disk filled by others before the next start: it has kept the room that this needs.
#[test]
fn a_disk_filled_while_nothing_runs_can_be_emptied_from_within() {
    if !disks_can_be_made() {
        return;
    }
    let disk = SmallDisk::of_mib(64);
    let broker = Broker::start(disk.serve()).unwrap();
    let mut client = connect(broker.kafka);
    let (doomed, kept) = (topic(&mut client), client.create_topic("kept", 1, &[]).unwrap());
    for number in 0..100 {
        assert_eq!(client.append(&doomed, 0, batch(number)).unwrap().error_code, ErrorCode::NONE);
    }
    assert_eq!(broker.stop().status.code(), Some(0));
    take_the_rest(&disk);
    let broker = Broker::start(disk.serve()).unwrap();
    let mut client = connect(broker.kafka);
    assert_log(&mut client, &doomed, 100);
    assert_eq!(client.append(&kept, 0, batch(0)).unwrap().error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    delete(&mut client, &doomed);
    let acked = resume(&mut client, &kept, 0);
    assert_log(&mut client, &kept, acked);
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// It has said so before anybody is refused, and records go like topics.
#[test]
fn a_start_on_a_nearly_full_disk_takes_only_what_makes_room() {
    if !disks_can_be_made() {
        return;
    }
    let disk = SmallDisk::of_mib(64);
    let broker = Broker::start(disk.serve()).unwrap();
    let mut client = connect(broker.kafka);
    let (doomed, kept) = (topic(&mut client), client.create_topic("kept", 1, &[]).unwrap());
    let acked = fill(&mut client, &doomed, 0);
    assert_eq!(broker.stop().status.code(), Some(0));
    take_the_rest(&disk);
    // More than makes a disk low, less than the reserve and a plan.
    let ballast = std::fs::OpenOptions::new().write(true).open(disk.path("ballast")).unwrap();
    ballast.set_len(ballast.metadata().unwrap().len() - (6 << 20)).unwrap();
    drop(ballast);
    let broker = Broker::start(disk.serve()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while is_ready(broker.http) {
        assert!(Instant::now() < deadline, "ready, on a full disk");
    }
    let mut client = connect(broker.kafka);
    client.create_topic("another", 1, &[]).unwrap_err();
    assert!(client.commit("group", &kept, 0, 1).unwrap_err().to_string().contains("COORDINATOR_NOT_AVAILABLE"));
    assert_eq!(client.append(&kept, 0, batch(0)).unwrap().error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert_log(&mut client, &doomed, acked);
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: -1 }];
    let topics = vec![DeleteRecordsTopic { name: doomed.name.as_str().into(), partitions }];
    let answer = client.delete_records(DeleteRecordsRequest { topics, timeout_ms: 10_000 }).unwrap();
    let gone = &answer.topics[0].partitions[0];
    assert_eq!((gone.error_code, gone.low_watermark), (ErrorCode::NONE, acked as i64));
    let acked = resume(&mut client, &kept, 0);
    assert_log(&mut client, &kept, acked);
    assert!(is_ready(broker.http));
    let log = broker.kill().stderr;
    let said = "nothing is accepted until there is room again: the disk of the data directory is full, or nearly";
    assert_eq!((log.matches(said).count(), log.matches("records are accepted").count()), (1, 1), "{log}");
}

/// New offsets come until there is no room left for them, and still there is enough to delete.
#[test]
fn offsets_do_not_take_what_deletes_need() {
    if !disks_can_be_made() {
        return;
    }
    for is_stopped in [false, true] {
        let disk = SmallDisk::of_mib(64);
        let mut broker = Broker::start(disk.serve()).unwrap();
        let mut client = connect(broker.kafka);
        let (doomed, kept) = (topic(&mut client), client.create_topic("kept", 1, &[]).unwrap());
        for number in 0..100 {
            assert_eq!(client.append(&doomed, 0, batch(number)).unwrap().error_code, ErrorCode::NONE);
        }
        if is_stopped {
            assert_eq!(broker.stop().status.code(), Some(0));
            take_the_rest(&disk);
            broker = Broker::start(disk.serve()).unwrap();
            client = connect(broker.kafka);
        } else {
            take_the_rest(&disk);
        }
        // A refusal by itself is no end: room is looked for, and found in the reserve.
        let mut refused = 0;
        for number in 0..2_000 {
            let group = format!("{number}{}", "g".repeat(20_000));
            refused = if client.commit(&group, &kept, 0, 1).is_ok() { 0 } else { refused + 1 };
            if refused == 20 {
                break;
            }
        }
        assert_eq!(refused, 20, "offsets of 40 MB were taken by a full disk");
        delete(&mut client, &doomed);
        let acked = resume(&mut client, &kept, 0);
        assert_log(&mut client, &kept, acked);
        assert_eq!(broker.stop().status.code(), Some(0));
    }
}

fn delete(client: &mut Client, topic: &Topic) {
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState { topic_id: topic.id, ..DeleteTopicState::default() }],
        timeout_ms: 10_000,
        ..DeleteTopicsRequest::default()
    };
    assert_eq!(client.delete_topics(request).unwrap().responses[0].error_code, ErrorCode::NONE);
}

/// Takes every byte that is left.
fn take_the_rest(disk: &SmallDisk) {
    let mut filler = std::fs::OpenOptions::new().append(true).open(disk.path("ballast")).unwrap();
    std::io::copy(&mut std::io::repeat(0), &mut filler).unwrap_err();
}

/// With not one byte left and nobody to make room: deleting a topic does.
#[test]
fn a_full_disk_can_be_emptied_from_within() {
    if !disks_can_be_made() {
        return;
    }
    // What the filler gets of the reserve and what the log keeps are gone; the records are to be more than both.
    let disk = SmallDisk::of_mib(64);
    let broker = Broker::start(disk.serve()).unwrap();
    let mut client = connect(broker.kafka);
    let (doomed, kept) = (topic(&mut client), client.create_topic("kept", 1, &[]).unwrap());
    fill(&mut client, &doomed, 0);
    take_the_rest(&disk);
    assert_eq!(client.append(&kept, 0, batch(0)).unwrap().error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    delete(&mut client, &doomed);
    let acked = resume(&mut client, &kept, 0);
    assert_log(&mut client, &kept, acked);
    let log = broker.kill().stderr;
    assert!(!log.contains("panicked"), "{log}");
    let broker = Broker::start(disk.serve()).unwrap();
    assert_log(&mut connect(broker.kafka), &kept, acked);
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// Room that the next records would fill is no reason to take them: clients would meet an error, a yes and an error again.
#[test]
fn a_little_room_is_not_taken_for_enough() {
    if !disks_can_be_made() {
        return;
    }
    let disk = SmallDisk::mount();
    let broker = Broker::start(disk.serve()).unwrap();
    let mut client = connect(broker.kafka);
    let topic = topic(&mut client);
    let acked = fill(&mut client, &topic, 0);
    take_the_rest(&disk);
    let ballast = std::fs::OpenOptions::new().write(true).open(disk.path("ballast")).unwrap();
    ballast.set_len(ballast.metadata().unwrap().len() - (2 << 20)).unwrap();
    drop(ballast);
    // The broker looks once a second; it must look in vain a few times.
    let until = Instant::now() + Duration::from_millis(3_500);
    while Instant::now() < until {
        assert_eq!(client.append(&topic, 0, batch(acked)).unwrap().error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    }
    std::fs::remove_file(disk.path("ballast")).unwrap();
    // Once it says yes, the next MiB is stored.
    let acked = resume(&mut client, &topic, acked);
    for number in acked..acked + 11 {
        assert_eq!(client.append(&topic, 0, batch(number)).unwrap().error_code, ErrorCode::NONE);
    }
    let log = broker.kill().stderr;
    assert_eq!((log.matches("nothing is accepted").count(), log.matches("records are accepted").count()), (1, 1), "{log}");
}

/// A limit on the size of files is no full disk but an error of the store; it must not kill the process by a signal.
#[test]
fn a_limit_on_file_sizes_ends_it_in_order() {
    let dir = TempDir::new().unwrap();
    let inner = serve(&dir.path().join("data"), &[]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 8192 && exec \"$0\" \"$@\""]).arg(inner.get_program()).args(inner.get_args());
    let broker = Broker::start(clean(command)).unwrap();
    let mut client = connect(broker.kafka);
    let topic = topic(&mut client);
    let mut acked = 0;
    // 4 MB; the answer to the one that is too much may be lost with the process.
    while let Ok(answer) = client.append(&topic, 0, batch(acked)) {
        if answer.error_code != ErrorCode::NONE {
            assert_eq!(answer.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
            break;
        }
        acked += 1;
        assert!(acked < 1_000);
    }
    let ended = broker.end();
    assert_eq!(ended.status.code(), Some(5), "{ended:?}");
    let broker = Broker::start(serve(&dir.path().join("data"), &[])).unwrap();
    let log = values(&mut connect(broker.kafka), &topic, 0);
    assert!(log.len() == acked || log.len() == acked + 1, "{acked} acked, {} there", log.len());
    assert_eq!(broker.stop().status.code(), Some(0));
}
