//! After kill -9: the files as they are between two moments of a run, opened by somebody else.

use super::super::checkpoint::FRAME_BYTES;
use super::super::wal_scan;
use super::*;

#[test]
fn every_image_of_a_run_holds_exactly_what_was_acked() {
    let (dir, mut model, mut rng) = (tempfile::tempdir().unwrap(), MemoryStore::new(CLUSTER), Rng::new(1));
    let mut writer = open(dir.path(), &options()).unwrap();
    let mut commit = |writer: &mut SqliteWriter, plan: &Plan| {
        writer.commit(plan, plan.no.0 * 20).unwrap();
        model.commit(plan, 0).unwrap();
        model.clone()
    };
    commit(&mut writer, &birth());
    for no in 1..=400 {
        let mut plan = plan(no, 1 + rng.below(60_000) as usize);
        if no % 50 == 0 {
            plan.ops.push(Op::SetLogStart { part: PartId(0), log_start: no as i64 - 20 });
        }
        let acked = commit(&mut writer, &plan);
        if rng.below(4) == 0 {
            writer.upkeep(no * 20).unwrap();
        }
        if rng.below(20) == 0 {
            let image = quick_dir();
            copy_files(dir.path(), image.path());
            assert_same(image.path(), &acked);
        }
    }
}

#[test]
fn a_torn_commit_is_dropped_and_nothing_else() {
    let (dir, mut model) = (tempfile::tempdir().unwrap(), MemoryStore::new(CLUSTER));
    let mut writer = open(dir.path(), &options()).unwrap();
    let wal = dir.path().join("monolog.db-wal");
    for plan in [birth(), plan(1, 9_000), plan(2, 9_000)] {
        writer.commit(&plan, 0).unwrap();
        model.commit(&plan, 0).unwrap();
    }
    // The file may be longer: it can end with a whole block.
    let end = || 32 + u64::from(wal_scan::scan(&wal).unwrap().frames) * FRAME_BYTES;
    let acked_bytes = end();
    writer.commit(&plan(3, 9_000), 0).unwrap();
    let mut all = fs::read(&wal).unwrap();
    all.truncate(end() as usize);
    let mut rng = Rng::new(2);
    for _ in 0..30 {
        let image = quick_dir();
        copy_files(dir.path(), image.path());
        // A sector in the middle of the last commit never reached the disk, or the file ends early.
        let at = acked_bytes + rng.below(all.len() as u64 - acked_bytes);
        let mut torn = all.clone();
        if rng.below(2) == 0 {
            torn.truncate(at as usize);
        } else {
            let sector = (at / 512 * 512).max(acked_bytes) as usize;
            let end = (sector + 512).min(torn.len());
            torn[sector..end].fill(0xa5);
        }
        fs::write(image.path().join("monolog.db-wal"), torn).unwrap();
        assert_same(image.path(), &model);
    }
}

#[test]
fn a_dropped_writer_leaves_its_log_and_a_closed_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    let reader = writer.reader().unwrap();
    writer.commit(&birth(), 0).unwrap();
    drop(reader);
    drop(writer);
    assert!(fs::metadata(dir.path().join("monolog.db-wal")).unwrap().len() > 0);
    let writer = open(dir.path(), &options()).unwrap();
    Box::new(writer).close().unwrap();
    assert!(!dir.path().join("monolog.db-wal").exists());
    let mut writer = open(dir.path(), &options()).unwrap();
    assert_eq!(writer.load().unwrap().partitions.len(), 3);
}

#[test]
fn deletion_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    for no in 1..=100 {
        writer.commit(&plan(no, 20_000), 0).unwrap();
    }
    // What the same plan would append to the topic is not stored at all.
    writer.commit(&Plan { ops: vec![Op::DeleteTopic(Uuid([1; 16]))], ..plan(101, 20_000) }, 0).unwrap();
    drop(writer);
    let mut writer = open(dir.path(), &options()).unwrap();
    let rows = |writer: &SqliteWriter| -> (i64, i64) {
        let count = |table| writer.db().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        (count("batch"), count("bindex"))
    };
    assert_eq!(rows(&writer), (300, 300));
    while writer.upkeep(0).unwrap() == crate::store::seam::Upkeep::Again {}
    assert_eq!(rows(&writer), (0, 0));
}
