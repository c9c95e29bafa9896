//! A disk that takes its time: acks are late and nothing else is, and nobody has to wait for it to end the broker. strace delays
//! the syncs of the unchanged binary.

use crate::broker::{Broker, serve};
use crate::disk_fails::{failing, strace_works};
use crate::load::{connect, topic, values};
use monolog::client::{Client, ClientError, append_request};
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::Request;
use monolog::wire::message::heartbeat::HeartbeatRequest;
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn batch(value: &str) -> bytes::Bytes {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(1_000, None, Some(value.as_bytes()), &[]);
    batch.build().unwrap()
}

/// A data directory with a topic, so that the slow start has nothing to make.
fn prepared() -> TempDir {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(&dir.path().join("data"), &[])).unwrap();
    let mut client = connect(broker.kafka);
    let topic = topic(&mut client);
    assert_eq!(client.append(&topic, 0, batch("first")).unwrap().error_code, ErrorCode::NONE);
    assert_eq!(broker.stop().status.code(), Some(0));
    dir
}

/// Each sync takes half a second. Meanwhile fetches, heartbeats and metadata are answered, and the record is not yet to be seen.
#[test]
fn a_slow_disk_delays_acks_and_nothing_else() {
    if !strace_works() {
        return;
    }
    const ROUNDS: i64 = 8;
    let dir = prepared();
    let slow = failing(&dir.path().join("data"), "fsync", "fsync:delay_exit=500000", &dir.path().join("trace"));
    let broker = Broker::start(slow).unwrap();
    let (mut writer, mut other) = (connect(broker.kafka), connect(broker.kafka));
    let topic = topic(&mut other);
    let mut sooner = 0;
    for round in 1..=ROUNDS {
        writer.send(&Request::Produce(append_request(&topic, 0, batch("slow"), -1))).unwrap();
        let (acked, others, seen) = std::thread::scope(|scope| {
            let ack = scope.spawn(|| writer.receive().map(|_| Instant::now()).unwrap());
            let beat = HeartbeatRequest { group_id: "none".into(), ..HeartbeatRequest::default() };
            assert_eq!(other.heartbeat(beat).unwrap().error_code, ErrorCode::UNKNOWN_MEMBER_ID);
            other.find_topic("load", false).unwrap();
            let seen = other.read(&topic, 0, 0, 0).unwrap().high_watermark;
            let others = Instant::now();
            (ack.join().unwrap(), others, seen)
        });
        assert!((round..=round + 1).contains(&seen), "{seen} in round {round}");
        if others < acked {
            assert_eq!(seen, round, "what is not on disk is not shown");
            sooner += 1;
        }
    }
    assert!(sooner * 2 > ROUNDS, "{sooner} of {ROUNDS} times the others did not wait for the disk");
    broker.kill();
}

/// The first signal waits for the disk and ends with 0, the second does not wait and ends with 1. (strace lets the process go only when
/// its delay is over.)
#[test]
fn a_second_signal_ends_it_while_the_disk_hangs() {
    if !strace_works() {
        return;
    }
    let dir = prepared();
    let hangs = failing(&dir.path().join("data"), "fsync", "fsync:delay_exit=10000000:when=3", &dir.path().join("trace"));
    let broker = Broker::start(hangs).unwrap();
    let mut client = Client::connect(broker.kafka, Duration::from_secs(3)).unwrap();
    let topic = topic(&mut client);
    let mut acked = 1;
    loop {
        match client.append(&topic, 0, batch("more")) {
            Ok(answer) => assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, acked)),
            Err(ClientError::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
        acked += 1;
        assert!(acked < 1_000, "the disk never hangs");
    }
    broker.signal(Signal::TERM);
    // It stops to listen first, so that the second signal cannot overtake the first.
    crate::load::until_refused(broker.kafka);
    broker.signal(Signal::TERM);
    let ended = broker.end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let broker = Broker::start(serve(&dir.path().join("data"), &[])).unwrap();
    let log = values(&mut connect(broker.kafka), &topic, 0);
    assert!((acked..=acked + 1).contains(&(log.len() as i64)), "{acked} acked, {} there", log.len());
    assert_eq!(broker.stop().status.code(), Some(0));
}
