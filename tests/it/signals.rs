//! The orderly end: what is in flight is answered, what is stored is there at the next start; and the impatient one.

use crate::broker::{Broker, PATIENCE, serve};
use crate::fetch::{from, request};
use crate::member::{Member, pair};
use crate::target::{Target, batch, one, until, values};
use monolog::client::{Client, append_request, fetched_records};
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::fetch::FetchRequest;
use monolog::wire::message::{Request, Response};
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The one figure here: systemd and people wait for it.
const END: Duration = Duration::from_secs(2);

fn start(dir: &TempDir) -> (Broker, Client) {
    let broker = Broker::start(serve(dir.path(), &[])).unwrap();
    let client = Client::connect(broker.kafka, PATIENCE).unwrap();
    (broker, client)
}

#[test]
fn a_signal_answers_the_long_poll_and_ends_in_time() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = TempDir::new().unwrap();
        let (broker, mut client) = start(&dir);
        let topic = client.create_topic("t", 2, &[]).unwrap();
        client.append(&topic, 0, batch(&["kept"])).unwrap();
        let mut waiting = Client::connect(broker.kafka, PATIENCE).unwrap();
        waiting.send(&Request::Fetch(FetchRequest { max_wait_ms: 600_000, ..request(&topic, vec![from(1, 0)]) })).unwrap();
        let mut parked = Client::connect(broker.kafka, PATIENCE).unwrap();
        parked
            .send(&Request::Fetch(FetchRequest { max_wait_ms: 600_000, min_bytes: 1 << 20, ..request(&topic, vec![from(0, 0)]) }))
            .unwrap();
        // Both are decided before what is asked behind them on other connections.
        client.negotiate().unwrap();
        client.append(&topic, 0, batch(&["kept too"])).unwrap();

        let begun = Instant::now();
        broker.signal(signal);
        for (poll, count) in [(&mut waiting, 0), (&mut parked, 2)] {
            let Response::Fetch(answer) = poll.receive().expect("the poll is answered") else { panic!("not a fetch answer") };
            let partition = one(one(answer.responses).partitions);
            assert_eq!((partition.error_code, fetched_records(&partition.records, 0).unwrap().len()), (ErrorCode::NONE, count));
        }
        let ended = broker.end();
        assert!(begun.elapsed() < END, "{:?}: {}", begun.elapsed(), ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);

        let (broker, mut client) = start(&dir);
        let topic = client.find_topic("t", false).unwrap();
        assert_eq!(values(&mut client, &topic, 0), ["kept", "kept too"]);
        assert_eq!(broker.stop().status.code(), Some(0));
    }
}

/// Every produce that was answered without an error before the end is there after it, and every answer is one or the other.
#[test]
fn produces_in_flight_are_answered() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir);
    let topic = client.create_topic("t", 1, &[]).unwrap();
    for index in 0..200 {
        client.send(&Request::Produce(append_request(&topic, 0, batch(&[&index.to_string()]), -1))).unwrap();
    }
    client.receive().unwrap();
    broker.signal(Signal::TERM);
    let mut acked = 1;
    while let Ok(Response::Produce(answer)) = client.receive() {
        let answer = one(one(answer.responses).partition_responses);
        if answer.error_code == ErrorCode::NONE {
            assert_eq!(answer.base_offset, acked);
            acked += 1;
        }
    }
    assert_eq!(broker.end().status.code(), Some(0));
    let (broker, mut client) = start(&dir);
    let topic = client.find_topic("t", false).unwrap();
    let kept = values(&mut client, &topic, 0);
    assert!(kept.len() as i64 >= acked, "{} kept, {acked} acked", kept.len());
    assert!(kept.iter().enumerate().all(|(index, value)| *value == index.to_string()));
    broker.kill();
}

/// A join that waits for others is told to look for its coordinator again; the group is whole after the restart.
#[test]
fn a_restart_causes_no_rebalance() {
    let dir = TempDir::new().unwrap();
    let (broker, _client) = start(&dir);
    let target = Target::elsewhere(&broker.kafka.to_string());
    let (mut first, mut second) = pair(&target, "group");
    let (mut leader, mut follower) = pair(&target, "other");
    leader.send_join();
    follower.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    broker.signal(Signal::TERM);
    if let Ok(Response::JoinGroup(answer)) = leader.client.receive() {
        assert_eq!(answer.error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    }
    assert_eq!(broker.end().status.code(), Some(0));

    let (broker, _client) = start(&dir);
    let target = Target::elsewhere(&broker.kafka.to_string());
    for member in [&mut first, &mut second, &mut follower] {
        member.client = target.client();
        assert_eq!(member.heartbeat(), ErrorCode::NONE, "it goes on in generation {}", member.generation);
        assert_eq!(&member.sync(&[]).assignment[..], member.id.as_bytes());
    }
    let mut newcomer = Member::new(&target, "group");
    newcomer.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    first.send_join();
    second.join();
    let told = first.joined();
    assert_eq!((told.generation_id, told.members.len()), (3, 3));
    broker.kill();
}

/// Whoever sends a second signal does not want to wait. A disk that hangs is a process in state D, here one that is stopped.
#[test]
fn a_second_signal_forces_the_end() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir);
    let topic = client.create_topic("t", 1, &[]).unwrap();
    client.append(&topic, 0, batch(&["acked"])).unwrap();
    broker.signal(Signal::TERM);
    // It may be over before the second one comes.
    if let Some(pid) = rustix::process::Pid::from_raw(broker.pid()) {
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
    let ended = broker.end();
    assert!(ended.status.code().is_some() || ended.status.signal() == Some(Signal::TERM.as_raw()), "{ended:?}");
    let (broker, mut client) = start(&dir);
    let topic = client.find_topic("t", false).unwrap();
    assert_eq!(values(&mut client, &topic, 0), ["acked"]);
    broker.kill();
}

/// Without a listener a client connects in vain; without a data directory nothing is left behind.
#[test]
fn memory_leaves_nothing_on_disk() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let broker = Broker::start(serve(&data, &["-storage", "sqlite:memory"])).unwrap();
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    let topic = client.create_topic("t", 1, &[]).unwrap();
    client.append(&topic, 0, batch(&["x"])).unwrap();
    let kafka = broker.kafka;
    assert_eq!(broker.stop().status.code(), Some(0));
    until("nobody listens", || Client::connect(kafka, Duration::from_secs(1)).is_err());
    assert!(!data.exists());
}
