//! Copies of a store that goes on: each opens, and holds exactly what one moment of the run held.

use super::*;
use crate::store::plan::{Image, OffsetRow};
use crate::store::sqlite::backup::Backup;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What plan `no` of the run changes: batches and the counter of `plan`, and now and then all that may change beside a copy.
fn busy_plan(no: u64, rng: &mut Rng) -> Plan {
    let mut plan = plan(no, 1 + rng.below(4_000) as usize);
    match rng.below(6) {
        0 => plan.ops.push(Op::SetLogStart { part: PartId(rng.below(2) as i64), log_start: no.saturating_sub(30) as i64 }),
        1 => plan.ops.push(Op::DeleteProducer { part: PartId(0), pid: 5 }),
        2 => {
            let (group, metadata) = (Text::from("g"), Text::from("m"));
            let offset = no as i64;
            plan.ops.push(Op::PutOffset(OffsetRow {
                group,
                part: PartId(1),
                offset,
                leader_epoch: 0,
                metadata,
                commit_ms: 1,
                expire_ms: -1,
            }));
        }
        _ => {}
    }
    // A topic that comes, gets records, and goes.
    let (id, part) = (Uuid([9; 16]), PartId(100 + no as i64 / 20));
    let row =
        |base| BatchRow { part, base, last: base, max_ts: 1, flags: 0, pid: -1, epoch: -1, seq: -1, data: Bytes::from_static(b"other") };
    match no % 20 {
        3 => {
            plan.ops.push(Op::PutTopic(TopicRow { id, name: Text::from("other"), created_ms: 0, configs: vec![] }));
            let partition = PartitionRow { part, topic: id, index: 0, log_start: 0, next_offset: 0, bytes: 0, max_ts: -1, leader_epoch: 0 };
            plan.ops.push(Op::AddPartition(partition));
        }
        at @ 4..=9 => plan.batches.push(row(at as i64 - 4)),
        12 => plan.ops.push(Op::DeleteTopic(id)),
        _ => {}
    }
    plan
}

/// Opens a copy as a data directory and compares it with the moment that it says it is of.
fn inspect((mut copy, len): (fs::File, u64), moments: &Mutex<Vec<Image>>) -> u64 {
    let dir = quick_dir();
    let copied = std::io::copy(&mut copy, &mut fs::File::create(dir.path().join("monolog.db")).unwrap()).unwrap();
    assert_eq!(copied, len);
    let mut writer = open(dir.path(), &options()).unwrap();
    let image = writer.load().unwrap();
    let no = image.next_producer_id as u64;
    assert_eq!(image, moments.lock().unwrap()[no as usize], "plan {no}");
    let mut reader = writer.reader().unwrap();
    let check = |reader: &mut crate::store::sqlite::reader::SqliteReader| {
        for partition in &image.partitions {
            let mut next = partition.log_start.max(i64::from(partition.part.0 < PARTITIONS));
            while next < partition.next_offset {
                let rows = reader.read(partition.part, next, partition.next_offset, usize::MAX).unwrap();
                assert_eq!(rows.first().map(|row| row.base), Some(next), "a hole in partition {:?} of plan {no}", partition.part);
                for row in rows {
                    let byte = (row.base * PARTITIONS + row.part.0) as u8;
                    assert!(row.part.0 >= PARTITIONS || row.data.iter().all(|found| *found == byte));
                    next = row.last + 1;
                }
            }
        }
    };
    check(&mut reader);
    // It can be lived on: what is deleted goes, and nothing else.
    while writer.upkeep(0).unwrap() == crate::store::seam::Upkeep::Again {}
    check(&mut reader);
    let count = |sql: &str| -> i64 { writer.db().query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("SELECT count(*) FROM batch WHERE part NOT IN (SELECT part FROM part)"), 0);
    assert_eq!(count("SELECT count(*) FROM batch WHERE id NOT IN (SELECT id FROM bindex)"), 0);
    assert_eq!(count("SELECT count(*) FROM bindex WHERE id NOT IN (SELECT id FROM batch)"), 0);
    let verdict: String = writer.db().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    no
}

#[test]
fn every_copy_of_a_running_store_is_one_moment_of_it() {
    let (dir, model, mut rng) = (quick_dir(), MemoryStore::new(CLUSTER), Rng::new(5));
    let mut writer = open(dir.path(), &options()).unwrap();
    let backup = Backup::of(&writer);
    let moments = Mutex::new(Vec::new());
    let commit = |writer: &mut SqliteWriter, plan: &Plan| {
        model.clone().commit(plan, 0).unwrap();
        // Before anybody can see it.
        moments.lock().unwrap().push(model.clone().load().unwrap());
        writer.commit(plan, plan.no.0 * 3).unwrap();
    };
    commit(&mut writer, &birth());
    const COPIES: u64 = 20;
    let copies = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let copier = scope.spawn(|| {
            let mut last = 0;
            for _ in 0..COPIES {
                let no = inspect(backup.write(&|| true).unwrap(), &moments);
                assert!(no >= last, "copies do not go back");
                last = no;
                copies.fetch_add(1, Relaxed);
            }
        });
        let mut no = 0;
        while !copier.is_finished() {
            // So many plans beside each copy: on and on it would be a test of patience.
            if no >= (copies.load(Relaxed) + 1) * 100 {
                std::thread::yield_now();
                continue;
            }
            no += 1;
            commit(&mut writer, &busy_plan(no, &mut rng));
            writer.upkeep(no * 3).unwrap();
        }
    });
    assert!(!dir.path().join("backup").exists());
}

#[test]
fn a_copy_is_small_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    for no in 1..=200 {
        writer.commit(&plan(no, 10_000), no).unwrap();
    }
    let ops = (0..PARTITIONS).map(|part| Op::SetLogStart { part: PartId(part), log_start: 190 }).collect();
    writer.commit(&Plan { ops, ..Plan::new(PlanNo(201)) }, 300).unwrap();
    while writer.upkeep(300).unwrap() == crate::store::seam::Upkeep::Again {}
    let backup = Backup::of(&writer);
    let place = dir.path().join("backup");
    let (_, len) = backup.write(&|| true).unwrap();
    assert!(len < 600_000, "{len} bytes: what was deleted is not in it");
    assert!(!place.exists());
    // Nor does one that nobody wants any more.
    let asked = AtomicU64::new(0);
    let error = backup.write(&|| asked.fetch_add(1, Relaxed) < 1).unwrap_err();
    assert!(error.to_string().contains("nobody waits") && asked.load(Relaxed) == 2, "{error}");
    assert!(!place.exists());
    // What a broker that was killed leaves of one is gone with the next start.
    drop((backup, writer));
    fs::create_dir(&place).unwrap();
    fs::write(place.join("monolog.db"), "half").unwrap();
    let _writer = open(dir.path(), &options()).unwrap();
    assert!(!place.exists());
}
