//! Space that comes back: the file under steady retention, and after much was deleted at once.

use super::*;
use crate::base::limits::GC_INTERVAL_MS;
use crate::store::seam::Upkeep;
use crate::store::sqlite::shrink;

/// Runs all housekeeping that is due now, and checkpoints to their end; when the next is due.
fn settle(writer: &mut SqliteWriter, mono_ms: u64) -> Option<u64> {
    loop {
        match writer.upkeep(mono_ms).unwrap() {
            Upkeep::Again => {}
            _ if writer.is_checkpointing() => std::thread::yield_now(),
            Upkeep::At(at) if at <= mono_ms => {}
            Upkeep::At(at) => return Some(at),
            Upkeep::Idle => return None,
        }
    }
}

fn file_bytes(dir: &Path) -> u64 {
    fs::metadata(dir.join("monolog.db")).unwrap().len()
}

/// Plans of batches of so many bytes, all but the last of which are deleted: the file against what lives.
fn retain(mut writer: SqliteWriter, dir: &Path, bytes: impl Fn(u64) -> usize) {
    writer.commit(&birth(), 0).unwrap();
    const KEPT: u64 = 300;
    for no in 1..=2_000 {
        let mut plan = plan(no, bytes(no));
        if no > KEPT {
            plan.ops = (0..PARTITIONS).map(|part| Op::SetLogStart { part: PartId(part), log_start: (no - KEPT) as i64 }).collect();
        }
        writer.commit(&plan, no).unwrap();
        // What the storage thread does between two commits.
        writer.upkeep(no).unwrap();
    }
    let live_at = |no: u64| (no - KEPT + 1..=no).map(|no| (PARTITIONS as usize * bytes(no)) as u64).sum::<u64>();
    let live = (KEPT..=2_000).map(live_at).max().unwrap();
    Box::new(writer).close().unwrap();
    let bytes = file_bytes(dir);
    assert!(bytes * 10 <= live * 11, "{bytes} bytes for {live} of live data");
}

#[test]
fn under_steady_retention_the_file_is_little_more_than_what_lives() {
    let dir = tempfile::tempdir().unwrap();
    retain(open(dir.path(), &options()).unwrap(), dir.path(), |_| 16_000);
}

#[test]
fn nor_is_it_where_no_time_is_left_for_deletes() {
    // Batches of one size, and of sizes that change.
    let sizes: [fn(u64) -> usize; 2] = [|_| 16_000, |no| 6_000 * (1 + no / 7 % 5) as usize];
    for bytes in sizes {
        let dir = quick_dir();
        let mut writer = open(dir.path(), &options()).unwrap();
        writer.slow_down();
        retain(writer, dir.path(), bytes);
    }
}

#[test]
fn free_pages_beyond_a_tenth_go_back_after_the_interval() {
    let (dir, mut model) = (tempfile::tempdir().unwrap(), MemoryStore::new(CLUSTER));
    let mut writer = open(dir.path(), &options()).unwrap();
    let mut commit = |writer: &mut SqliteWriter, plan: Plan, mono_ms: u64| {
        writer.commit(&plan, mono_ms).unwrap();
        model.commit(&plan, 0).unwrap();
    };
    commit(&mut writer, birth(), 0);
    for no in 1..=600 {
        commit(&mut writer, plan(no, 16_000), no);
    }
    // The first of them go, those at the end of the file stay: they have to move.
    let ops = (0..PARTITIONS).map(|part| Op::SetLogStart { part: PartId(part), log_start: 500 }).collect();
    commit(&mut writer, Plan { ops, ..Plan::new(PlanNo(601)) }, 700);
    let first_look = settle(&mut writer, 2_000).unwrap();
    assert_eq!(first_look, GC_INTERVAL_MS);
    let (free, all) = shrink::pages(writer.db()).unwrap();
    assert!(free * 2 > all, "nothing is given back before its time: {free} of {all}");
    assert_eq!(settle(&mut writer, GC_INTERVAL_MS), None);
    let (free, all) = shrink::pages(writer.db()).unwrap();
    assert!(free * 20 <= all && free * 25 > all, "{free} of {all} are left free, to be used first");
    // Ready for the next time.
    let ops = (0..PARTITIONS).map(|part| Op::SetLogStart { part: PartId(part), log_start: 550 }).collect();
    commit(&mut writer, Plan { ops, ..Plan::new(PlanNo(602)) }, GC_INTERVAL_MS + 10_000);
    assert_eq!(settle(&mut writer, GC_INTERVAL_MS + 20_000), Some(2 * GC_INTERVAL_MS + 20_000));
    settle(&mut writer, 2 * GC_INTERVAL_MS + 20_000);
    Box::new(writer).close().unwrap();
    let live = 51 * PARTITIONS as u64 * 16_000;
    assert!(file_bytes(dir.path()) < live * 12 / 10, "{} bytes for {live}", file_bytes(dir.path()));
    assert_same(dir.path(), &model);
}

/// Also where it fails: nobody else would hear of it before the next commit.
#[test]
fn the_end_of_a_checkpoint_is_taken_when_nothing_else_comes() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    writer.commit(&plan(1, 16_000), 1).unwrap();
    let (mut now_ms, mut has_worked) = (0, false);
    loop {
        let next = writer.upkeep(now_ms).unwrap();
        has_worked |= writer.is_checkpointing();
        match next {
            Upkeep::Again => {}
            Upkeep::At(at) => now_ms = at,
            Upkeep::Idle => break,
        }
    }
    assert!(has_worked && !writer.is_checkpointing());
    Box::new(writer).close().unwrap();
}

#[test]
fn what_a_restart_finds_free_goes_back_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    for no in 1..=300 {
        writer.commit(&plan(no, 16_000), no).unwrap();
    }
    writer.commit(&Plan { ops: vec![Op::DeleteTopic(Uuid([1; 16]))], ..Plan::new(PlanNo(301)) }, 0).unwrap();
    settle(&mut writer, 2_000);
    drop(writer);
    let quick = Options { gc_interval_ms: 7_000, ..options() };
    let mut writer = open(dir.path(), &quick).unwrap();
    assert_eq!(settle(&mut writer, 6_999), Some(7_000));
    let (free, _) = shrink::pages(writer.db()).unwrap();
    assert!(free > 3_000);
    settle(&mut writer, 7_000);
    let (free, all) = shrink::pages(writer.db()).unwrap();
    assert!(all < 100, "{free} of {all}");
}

fn cache_pages(writer: &SqliteWriter) -> i64 {
    writer.db().query_row("PRAGMA cache_size", [], |row| row.get(0)).unwrap()
}

#[test]
fn the_cache_is_small_again_after_deletes() {
    let dir = quick_dir();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    for no in 1..=130 {
        writer.commit(&plan(no, 300_000), no).unwrap();
    }
    writer.commit(&Plan { ops: vec![Op::DeleteTopic(Uuid([1; 16]))], ..Plan::new(PlanNo(131)) }, 200).unwrap();
    let mut most = 0;
    while writer.upkeep(2_000).unwrap() == Upkeep::Again {
        most = cache_pages(&writer).max(most);
    }
    assert!(shrink::free_pages(writer.db()).unwrap() > 20_000, "there still is a long list");
    assert_eq!((most, cache_pages(&writer)), (256 + 16, 256));
}

#[test]
fn much_that_is_deleted_goes_back_meanwhile() {
    let dir = quick_dir();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    // 270 MB, and a topic behind them that stays.
    for no in 1..=300 {
        writer.commit(&plan(no, 300_000), no).unwrap();
    }
    let topic = TopicRow { id: Uuid([2; 16]), name: Text::from("kept"), created_ms: 0, configs: vec![] };
    let part = PartId(100);
    let row = PartitionRow { part, topic: topic.id, index: 0, log_start: 0, next_offset: 0, bytes: 0, max_ts: -1, leader_epoch: 0 };
    writer.commit(&Plan { ops: vec![Op::PutTopic(topic), Op::AddPartition(row)], ..Plan::new(PlanNo(301)) }, 400).unwrap();
    let kept =
        |base: i64| BatchRow { part, base, data: Bytes::from(vec![base as u8; 500_000]), last: base, ..plan(1, 0).batches[0].clone() };
    for base in 0..60 {
        writer.commit(&Plan { batches: vec![kept(base)], ..Plan::new(PlanNo(302 + base as u64)) }, 500).unwrap();
    }
    writer.commit(&Plan { ops: vec![Op::DeleteTopic(Uuid([1; 16]))], ..Plan::new(PlanNo(400)) }, 600).unwrap();
    // Beside plans deletes have the time, and what lies first in the file goes last.
    let ids = |writer: &SqliteWriter| -> (i64, i64) {
        let sql = "SELECT min(batch.id), max(batch.id) FROM batch, bindex WHERE batch.id = bindex.id AND bindex.part < 100";
        writer.db().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    while shrink::free_pages(writer.db()).unwrap() < 33_000 {
        assert_ne!(writer.upkeep(700).unwrap(), Upkeep::Idle);
    }
    let (first, last) = ids(&writer);
    assert!(first < 4 && last > 890, "{first} to {last} are left");
    // The list has 32 pages, and had fewer before the last slice.
    assert!((256 + 16..=256 + 32).contains(&cache_pages(&writer)), "{}", cache_pages(&writer));
    // Alone there is time for both.
    let mut most_free = 0;
    while writer.upkeep(2_000).unwrap() == Upkeep::Again {
        most_free = shrink::pages(writer.db()).unwrap().0.max(most_free);
    }
    // Of 66,000: a slice of deletes is some thousands.
    assert!((30_000..55_000).contains(&most_free), "{most_free} pages were free at once");
    let (free, all) = shrink::pages(writer.db()).unwrap();
    assert!(free * 20 <= all && all < 8_500, "{free} of {all}");
    let mut reader = writer.reader().unwrap();
    for base in 0..60 {
        assert_eq!(reader.read(part, base, base + 1, usize::MAX).unwrap(), vec![kept(base)]);
    }
    let verdict: String = writer.db().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}
