//! `monolog backup`: what a running broker holds, in a file that another one starts from.

use crate::broker::{Broker, monolog, run, serve};
use bytes::Bytes;
use monolog::client::{Client, fetched_records};
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

fn connect(broker: &Broker) -> Client {
    Client::connect(broker.kafka, Duration::from_secs(20)).unwrap()
}

fn batch(value: &str) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(1_000, None, Some(value.as_bytes()), &[]);
    builder.build().unwrap()
}

fn backup(file: &Path, broker: &Broker) -> Command {
    let mut command = monolog(&["backup"]);
    command.arg(file).arg(format!("http://{}", broker.http));
    command
}

#[test]
fn another_broker_starts_from_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start(serve(&dir.path().join("one"), &[])).unwrap();
    let mut client = connect(&broker);
    let topic = client.create_topic("t", 2, &[("retention.ms", "-1")]).unwrap();
    for number in 0..50 {
        assert_eq!(client.append(&topic, 0, batch(&format!("value {number}"))).unwrap().error_code, ErrorCode::NONE);
    }
    client.commit("group", &topic, 0, 17).unwrap();
    let file = dir.path().join("copy.db");
    let stop = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let (mut client, mut acked) = (connect(&broker), 0);
            while !stop.load(Relaxed) {
                assert_eq!(client.append(&topic, 1, batch("beside")).unwrap().base_offset, acked);
                acked += 1;
            }
            acked
        });
        let ended = run(backup(&file, &broker));
        stop.store(true, Relaxed);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(ended.stdout.contains("bytes in"), "{}", ended.stdout);
        beside.join().unwrap()
    });
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!dir.path().join("copy.db.part").exists());
    assert!(!dir.path().join("one/backup").exists());

    let two = dir.path().join("two");
    fs::create_dir(&two).unwrap();
    fs::copy(&file, two.join("monolog.db")).unwrap();
    // Beside the first: they have nothing in common.
    let restored = Broker::start(serve(&two, &[])).unwrap();
    let mut client = connect(&restored);
    let found = client.find_topic("t", false).unwrap();
    assert_eq!(found.id, topic.id);
    let read = client.read(&found, 0, 0, 0).unwrap();
    let records = fetched_records(&read.records, 0).unwrap();
    let values: Vec<_> = records.iter().map(|record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()).collect();
    assert_eq!(values, (0..50).map(|number| format!("value {number}")).collect::<Vec<_>>());
    assert_eq!(client.committed("group", &found, 0).unwrap(), 17);
    let end = client.append(&found, 1, batch("after")).unwrap().base_offset;
    assert!(end <= beside, "{end} of {beside} were there at the moment of the copy");
    assert_eq!(restored.stop().status.code(), Some(0));
    assert_eq!(broker.stop().status.code(), Some(0));
}

#[test]
fn a_backup_is_made_by_who_may_and_where_it_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut command = serve(&data, &[]);
    command.env("MONOLOG_AUTH_TOKEN", "a-secret-that-is-long");
    let broker = Broker::start(command).unwrap();
    let file = dir.path().join("copy.db");
    fs::write(&file, "the backup of yesterday").unwrap();
    let ended = run(backup(&file, &broker));
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("token"), "{}", ended.stderr);
    let mut wrong = backup(&file, &broker);
    wrong.env("MONOLOG_AUTH_TOKEN", "another-secret");
    assert_eq!(run(wrong).status.code(), Some(1));
    let mut into_data = backup(&data.join("monolog.db"), &broker);
    into_data.env("MONOLOG_AUTH_TOKEN", "a-secret-that-is-long");
    let ended = run(into_data);
    assert!(ended.status.code() == Some(1) && ended.stderr.contains("is a data directory"), "{ended:?}");
    assert_eq!(fs::read(&file).unwrap(), b"the backup of yesterday");
    let mut right = backup(&file, &broker);
    right.env("MONOLOG_AUTH_TOKEN", "a-secret-that-is-long");
    assert_eq!(run(right).status.code(), Some(0));
    assert!(fs::read(&file).unwrap().starts_with(b"SQLite format 3"));
    assert_eq!(broker.stop().status.code(), Some(0));
    let gone = Broker::start(serve(dir.path(), &["-storage", "sqlite:memory"])).unwrap();
    let ended = run(backup(&dir.path().join("other.db"), &gone));
    assert!(ended.status.code() == Some(1) && ended.stderr.contains("in memory"), "{ended:?}");
}
