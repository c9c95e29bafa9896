//! Bits that flip on the disk: reported where acked commits would go, and never a panic.

use super::super::checkpoint::FRAME_BYTES;
use super::super::wal_scan;
use super::*;
use crate::store::seam::TimestampTarget;
use std::panic::{AssertUnwindSafe, catch_unwind};

const COMMITS: u64 = 12;

/// A killed store: nothing is folded or copied back, the -wal has everything.
fn killed() -> (TempDir, MemoryStore) {
    let (dir, mut model) = (quick_dir(), MemoryStore::new(CLUSTER));
    let mut writer = open(dir.path(), &options()).unwrap();
    for plan in [birth()].into_iter().chain((1..=COMMITS).map(|no| plan(no, 3_000))) {
        writer.commit(&plan, 0).unwrap();
        model.commit(&plan, 0).unwrap();
    }
    (dir, model)
}

#[test]
fn a_flipped_bit_in_the_log_is_reported_before_commits_are_lost() {
    let (dir, model) = killed();
    let good = fs::read(dir.path().join("monolog.db-wal")).unwrap();
    let (mut rng, mut refused) = (Rng::new(3), 0);
    for _ in 0..100 {
        let image = quick_dir();
        copy_files(dir.path(), image.path());
        let mut rotten = good.clone();
        // Not in the last commits: there it looks like the torn end of one that nobody was told of.
        let bit = rng.below(good.len() as u64 * 8 * 3 / 4) as usize;
        rotten[bit / 8] ^= 1 << (bit % 8);
        fs::write(image.path().join("monolog.db-wal"), &rotten).unwrap();
        match open(image.path(), &options()) {
            Err(OpenError::Failed(what)) => {
                refused += 1;
                assert!(what.contains("damaged"), "{what}");
                assert_eq!(fs::read(image.path().join("monolog.db-wal")).unwrap(), rotten, "nothing is cut off silently");
            }
            Err(error) => panic!("{error:?}"),
            Ok(writer) => {
                drop(writer);
                assert_same(image.path(), &model);
            }
        }
        let accepted = Options { accept_wal_rot: true, ..options() };
        open(image.path(), &accepted).unwrap();
    }
    assert!(refused > 90, "only {refused} were refused");
}

#[test]
fn rot_in_the_last_commit_but_one_is_told_from_a_torn_end() {
    let (dir, mut model) = killed();
    let wal = dir.path().join("monolog.db-wal");
    // The file may be longer: it can end with a whole block.
    let end = || 32 + u64::from(wal_scan::scan(&wal).unwrap().frames) * FRAME_BYTES;
    let end_of_last_but_two = end();
    let mut writer = open(dir.path(), &options()).unwrap();
    for no in COMMITS + 1..=COMMITS + 2 {
        writer.commit(&plan(no, 3_000), 0).unwrap();
        model.commit(&plan(no, 3_000), 0).unwrap();
    }
    drop(writer);
    assert_same(dir.path(), &model);
    let good = fs::read(&wal).unwrap();
    let commit_bytes = (end() - end_of_last_but_two) / 2;
    for at in [100, commit_bytes / 2, commit_bytes - 100] {
        let mut rotten = good.clone();
        rotten[(end_of_last_but_two + at) as usize] ^= 1;
        fs::write(&wal, &rotten).unwrap();
        let refused = open(dir.path(), &options());
        assert!(matches!(&refused, Err(OpenError::Failed(what)) if what.contains("damaged")), "{refused:?}");
    }
}

#[test]
fn a_log_without_its_database_is_refused() {
    for lost in ["missing", "empty"] {
        let (dir, _) = killed();
        fs::remove_file(dir.path().join("monolog.db")).unwrap();
        if lost == "empty" {
            fs::write(dir.path().join("monolog.db"), "").unwrap();
        }
        let refused = open(dir.path(), &options());
        assert!(matches!(&refused, Err(OpenError::Failed(what)) if what.contains("missing or empty")), "{refused:?}");
    }
}

#[test]
fn flipped_bits_in_the_database_never_panic() {
    let dir = quick_dir();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    for no in 1..=60 {
        writer.commit(&plan(no, 200), 0).unwrap();
    }
    writer.commit(&Plan { ops: vec![Op::SetLogStart { part: PartId(0), log_start: 20 }], ..Plan::new(PlanNo(61)) }, 0).unwrap();
    Box::new(writer).close().unwrap();
    let good = fs::read(dir.path().join("monolog.db")).unwrap();
    let mut rng = Rng::new(4);
    for round in 0..200 {
        let image = quick_dir();
        let mut rotten = good.clone();
        for _ in 0..1 + rng.below(8) {
            let bit = rng.below(good.len() as u64 * 8) as usize;
            rotten[bit / 8] ^= 1 << (bit % 8);
        }
        fs::write(image.path().join("monolog.db"), &rotten).unwrap();
        let used = catch_unwind(AssertUnwindSafe(|| use_everything(image.path())));
        assert!(used.is_ok(), "round {round} panicked");
    }
}

/// Does what a broker does; any error is a fine answer.
fn use_everything(dir: &Path) -> Option<()> {
    let mut writer = open(dir, &options()).ok()?;
    let mut reader = writer.reader().ok()?;
    let _ = writer.load();
    let _ = read_all(&mut reader);
    for part in (0..PARTITIONS).map(PartId) {
        for target in [TimestampTarget::Greatest, TimestampTarget::AtLeast(30)] {
            let _ = reader.find_timestamp(part, 0, 100, target);
        }
        let _ = reader.retained_from(part, 0, 100, 30, 1_000);
    }
    for _ in 0..50 {
        writer.upkeep(0).ok()?;
    }
    for no in 62..70 {
        writer.commit(&plan(no, 200), no * 500).ok()?;
    }
    writer.commit(&Plan { ops: vec![Op::DeleteTopic(Uuid([1; 16]))], ..Plan::new(PlanNo(70)) }, 9_000).ok()?;
    for _ in 0..50 {
        writer.upkeep(9_000).ok()?;
    }
    drop(reader);
    Box::new(writer).close().ok()
}
