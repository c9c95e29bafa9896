//! kill -9 under load, restart, audit; again and again on the same data directory.

use crate::broker::{Broker, PATIENCE, serve};
use crate::load::{Load, await_acks};
use crossbeam_channel::unbounded;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tempfile::TempDir;

/// Cycles inside plain `cargo test`.
const CYCLES: u64 = 10;

#[test]
fn what_was_acked_survives_kill_nine() {
    let cycles = std::env::var("MONOLOG_CRASH_CYCLES").map_or(CYCLES, |count| count.parse().expect("MONOLOG_CRASH_CYCLES is a number"));
    let dir = TempDir::new().unwrap();
    let mut load = Load::new();
    for cycle in 0..cycles {
        let broker = Broker::start(serve(dir.path(), &[])).unwrap_or_else(|ended| panic!("cycle {cycle}: {ended:?}"));
        assert!(is_ready(broker.http), "cycle {cycle}: it listens, so it is ready");
        load.audit(broker.kafka);
        // Some die young, some after a checkpoint or two.
        let ((tell, acks), enough) = (unbounded(), 1 + cycle * 7_919 % 1_500);
        std::thread::scope(|scope| {
            let (load, kafka) = (&mut load, broker.kafka);
            scope.spawn(move || load.run(kafka, &tell));
            await_acks(&acks, enough);
            let log = broker.kill().stderr;
            assert!(!log.contains("panicked"), "cycle {cycle}: {log}");
        });
    }
    let broker = Broker::start(serve(dir.path(), &[])).unwrap();
    load.audit(broker.kafka);
    assert!(load.acked() as u64 >= cycles);
    assert_eq!(broker.stop().status.code(), Some(0));
    println!("{cycles} cycles, {} acked records", load.acked());
}

/// An orderly end and a start after it change nothing either, and leave no log to be recovered.
#[test]
fn what_was_acked_survives_an_orderly_end() {
    let dir = TempDir::new().unwrap();
    let mut load = Load::new();
    for _ in 0..3 {
        let broker = Broker::start(serve(dir.path(), &[])).unwrap();
        load.audit(broker.kafka);
        let (tell, acks) = unbounded();
        std::thread::scope(|scope| {
            let (load, kafka) = (&mut load, broker.kafka);
            scope.spawn(move || load.run(kafka, &tell));
            await_acks(&acks, 300);
            assert_eq!(broker.stop().status.code(), Some(0));
        });
        let wal = std::fs::metadata(dir.path().join("monolog.db-wal")).map_or(0, |file| file.len());
        assert_eq!(wal, 0, "the last checkpoint took all");
    }
    let broker = Broker::start(serve(dir.path(), &[])).unwrap();
    load.audit(broker.kafka);
    broker.kill();
}

/// Whether `/readyz` says yes.
pub fn is_ready(http: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(http).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200")
}
