//! A full disk, and a write-ahead log that readers and a busy writer would like to grow.

use super::*;
use crate::base::limits::{MIB, WAL_HARD_BYTES};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

fn pages(writer: &SqliteWriter) -> i64 {
    writer.db().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap()
}

fn allow_pages(writer: &SqliteWriter, count: i64) {
    // A pragma that answers with the value it sets.
    let _: i64 = writer.db().query_row(&format!("PRAGMA max_page_count = {count}"), [], |row| row.get(0)).unwrap();
}

#[test]
fn a_full_disk_refuses_whole_plans_and_passes() {
    let (dir, mut model) = (tempfile::tempdir().unwrap(), MemoryStore::new(CLUSTER));
    let mut writer = open(dir.path(), &options()).unwrap();
    let mut reader = writer.reader().unwrap();
    writer.commit(&birth(), 0).unwrap();
    model.commit(&birth(), 0).unwrap();
    let (mut no, mut refused) = (0, 0);
    for round in 0..4 {
        allow_pages(&writer, pages(&writer) + 300);
        loop {
            no += 1;
            match writer.commit(&plan(no, 5_000), no * 10) {
                Ok(()) => model.commit(&plan(no, 5_000), 0).unwrap(),
                Err(StoreError::Full(_)) => break,
                Err(error) => panic!("{error}"),
            }
        }
        refused += 1;
        assert_eq!(writer.load(), model.load(), "round {round}");
        assert_eq!(read_all(&mut reader), read_all(&mut model), "reads go on");
        writer.probe().unwrap();
    }
    assert_eq!(refused, 4);
    allow_pages(&writer, i64::from(u32::MAX));
    // The refused offsets were never given to anybody: the next plan may use them, or not.
    writer.commit(&plan(no + 1, 5_000), 0).unwrap();
    model.commit(&plan(no + 1, 5_000), 0).unwrap();
    drop((writer, reader));
    assert_same(dir.path(), &model);
}

#[test]
fn the_log_stays_bounded_beside_busy_readers() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    let mut readers = [writer.reader().unwrap(), writer.reader().unwrap()];
    let stop = AtomicBool::new(false);
    let wal = dir.path().join("monolog.db-wal");
    let longest = std::thread::scope(|scope| {
        for reader in &mut readers {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    read_all(reader).unwrap();
                }
            });
        }
        let mut longest = 0;
        for no in 1..=300 {
            writer.commit(&plan(no, MIB / 3), no).unwrap();
            longest = longest.max(fs::metadata(&wal).unwrap().len());
            // Retention keeps the test small on disk, as it would a broker.
            if no % 30 == 0 {
                let ops = (0..PARTITIONS).map(|part| Op::SetLogStart { part: PartId(part), log_start: no as i64 - 20 }).collect();
                writer.commit(&Plan { ops, ..Plan::new(PlanNo(no)) }, no).unwrap();
            }
            writer.upkeep(no).unwrap();
        }
        stop.store(true, Relaxed);
        longest
    });
    assert!(longest <= WAL_HARD_BYTES, "the log grew to {longest} bytes");
    assert!(!dir.path().join("monolog.db-shm").exists());
}

#[test]
fn the_log_is_reused_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    for no in 1..=140 {
        writer.commit(&plan(no, MIB / 3), no).unwrap();
    }
    // Far more was written than the log is long: it was started over, and never cut.
    let before = fs::metadata(dir.path().join("monolog.db-wal")).unwrap().len();
    assert!(before < 140 * MIB as u64 / 2, "{before}");
    for no in 141..=150 {
        writer.commit(&plan(no, 10), no).unwrap();
    }
    assert!(fs::metadata(dir.path().join("monolog.db-wal")).unwrap().len() >= before);
}

#[test]
fn a_commit_that_would_pass_the_hard_bound_waits_for_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    for no in 1..=3 {
        writer.commit(&plan(no, 13 * MIB), no).unwrap();
        let bytes = fs::metadata(dir.path().join("monolog.db-wal")).unwrap().len();
        assert!(bytes <= WAL_HARD_BYTES, "the log grew to {bytes} bytes");
    }
}
