//! Bits that change on the disk: what is served is what was sent, or it is an error; acked records are not left out in silence.

use crate::broker::{Broker, serve};
use crate::load::connect;
use monolog::base::rng::Rng;
use monolog::client::{Topic, fetched_records};
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Damaged copies of the database that are tried.
const COPIES: u64 = 25;
const RECORDS: usize = 400;

fn value(number: usize) -> String {
    format!("{number:06}").repeat(150)
}

/// A directory with records in it, and its topic. Killed, it keeps its log; ended in order, all is in the database.
fn filled(dir: &Path, in_order: bool) -> Topic {
    let broker = Broker::start(serve(dir, &[])).unwrap();
    let mut client = connect(broker.kafka);
    let topic = client.create_topic("t", 1, &[]).unwrap();
    for number in 0..RECORDS {
        let mut batch = BatchBuilder::new(Codec::None);
        batch.push(1_000, None, Some(value(number).as_bytes()), &[]);
        assert_eq!(client.append(&topic, 0, batch.build().unwrap()).unwrap().base_offset, number as i64);
    }
    if in_order {
        broker.stop()
    } else {
        broker.kill()
    };
    topic
}

fn flip(file: &Path, at: u64) {
    let mut content = fs::read(file).unwrap();
    content[at as usize] ^= 1 << (at % 8);
    fs::write(file, content).unwrap();
}

/// SQLite takes a log up to the first frame that is bad: all acked commits behind it would be gone without a word.
#[test]
fn a_flipped_bit_in_the_log_is_reported_not_skipped() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), false);
    let wal = dir.path().join("monolog.db-wal");
    let size = fs::metadata(&wal).unwrap().len();
    assert!(size > 100_000, "{size}");
    flip(&wal, size / 3);
    let before = fs::read(&wal).unwrap();
    for _ in 0..2 {
        let Err(ended) = Broker::start(serve(dir.path(), &[])) else { panic!("it serves a log with a hole") };
        assert_eq!(ended.status.code(), Some(5), "{ended:?}");
        assert!(ended.stderr.contains("monolog.db-wal") && ended.stderr.contains("damaged"), "{}", ended.stderr);
        assert!(fs::read(&wal).unwrap() == before, "nothing is thrown away");
    }
}

/// A log whose end was torn off in a crash is no damage.
#[test]
fn a_torn_end_of_the_log_is_no_damage() {
    let dir = TempDir::new().unwrap();
    let topic = filled(dir.path(), false);
    let wal = dir.path().join("monolog.db-wal");
    let content = fs::read(&wal).unwrap();
    fs::write(&wal, &content[..content.len() - 1_000]).unwrap();
    let broker = Broker::start(serve(dir.path(), &[])).unwrap();
    let mut client = connect(broker.kafka);
    let end = client.offset_for(&topic, 0, -1).unwrap().offset;
    assert!((1..=RECORDS as i64).contains(&end), "{end}");
    assert_eq!(read(&broker, &topic), end as usize);
    broker.kill();
}

/// The database has no checksums of its own.
#[test]
fn flipped_bits_in_the_database_are_never_served_as_records() {
    let original = TempDir::new().unwrap();
    let topic = filled(original.path(), true);
    let size = fs::metadata(original.path().join("monolog.db")).unwrap().len();
    let (mut rng, mut served) = (Rng::new(11), 0);
    for _ in 0..COPIES {
        let copy = TempDir::new().unwrap();
        fs::copy(original.path().join("monolog.db"), copy.path().join("monolog.db")).unwrap();
        let at = rng.below(size);
        flip(&copy.path().join("monolog.db"), at);
        match Broker::start(serve(copy.path(), &[])) {
            Ok(broker) => {
                served += read(&broker, &topic);
                let log = broker.kill().stderr;
                assert!(!log.contains("panicked"), "bit {at}: {log}");
            }
            Err(ended) => {
                assert!(matches!(ended.status.code(), Some(5..=7)) && !ended.stderr.contains("panicked"), "bit {at}: {ended:?}")
            }
        }
    }
    assert!(served > RECORDS, "most of them can be read");
}

/// Reads as far as it goes. What comes without an error is what was sent; gives how much that was.
fn read(broker: &Broker, topic: &Topic) -> usize {
    let Ok(mut client) = monolog::client::Client::connect(broker.kafka, crate::broker::PATIENCE) else { return 0 };
    let mut next = 0;
    loop {
        let Ok(answer) = client.read(topic, 0, next as i64, 0) else { return next };
        if answer.error_code != ErrorCode::NONE {
            return next;
        }
        // The client checks each batch's CRC.
        let records = fetched_records(&answer.records, next as i64).expect("damage is an error, not an answer");
        if records.is_empty() {
            return next;
        }
        for record in records {
            assert_eq!(record.offset, next as i64, "nothing is left out");
            assert_eq!(record.value.unwrap(), value(next).as_bytes(), "record {next}");
            next += 1;
        }
    }
}
