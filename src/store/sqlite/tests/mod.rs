//! What only the durable engine promises: its files, its lock, and what is left after a crash, a full disk or rot.

mod backup;
mod crash;
mod directory;
mod pressure;
mod rot;
mod space;

use super::open::open;
use super::open_error::OpenError;
use super::options::Options;
use super::writer::SqliteWriter;
use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::rng::Rng;
use crate::base::text::Text;
use crate::store::memory::MemoryStore;
use crate::store::plan::{BatchRow, Counter, Op, PartitionRow, Plan, TopicRow};
use crate::store::seam::{Reader, StoreError, Writer};
use bytes::Bytes;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const CLUSTER: Uuid = Uuid([7; 16]);
const PARTITIONS: i64 = 3;

fn options() -> Options {
    Options::new(CLUSTER)
}

/// A topic with three partitions.
fn birth() -> Plan {
    let topic = TopicRow { id: Uuid([1; 16]), name: Text::from("t"), created_ms: 0, configs: vec![] };
    let partitions = (0..PARTITIONS).map(|part| {
        Op::AddPartition(PartitionRow {
            part: PartId(part),
            topic: topic.id,
            index: part as i32,
            log_start: 0,
            next_offset: 0,
            bytes: 0,
            max_ts: -1,
            leader_epoch: 0,
        })
    });
    Plan { ops: [Op::PutTopic(topic.clone())].into_iter().chain(partitions).collect(), ..Plan::new(PlanNo(1)) }
}

/// Plan `no` of a run: three batches whose bytes tell where they belong, and a counter that tells which plan was last.
fn plan(no: u64, bytes: usize) -> Plan {
    let batches = (0..PARTITIONS).map(|part| {
        let base = no as i64;
        let data = Bytes::from(vec![(base * PARTITIONS + part) as u8; bytes]);
        BatchRow { part: PartId(part), base, last: base, max_ts: base, flags: 0, pid: 5, epoch: 0, seq: no as i32, data }
    });
    Plan { no: PlanNo(no), ops: vec![Op::SetCounter(Counter::ProducerId, no as i64)], batches: batches.collect() }
}

/// All batches of the three partitions.
fn read_all(reader: &mut impl Reader) -> Result<Vec<BatchRow>, StoreError> {
    let mut found = Vec::new();
    for part in 0..PARTITIONS {
        let mut from = 0;
        loop {
            let rows = reader.read(PartId(part), from, i64::MAX, usize::MAX)?;
            let Some(last) = rows.last() else { break };
            from = last.last.saturating_add(1);
            found.extend(rows);
        }
    }
    Ok(found)
}

/// In memory where the machine allows it: for images that are opened once and thrown away.
fn quick_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn copy_files(from: &Path, to: &Path) {
    // The database first: what a checkpoint copies meanwhile stays in the -wal until the writer starts that over.
    for name in ["monolog.db", "monolog.db-wal"] {
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// Checks that a store holds what the model holds, no more and no less.
fn assert_same(dir: &Path, model: &MemoryStore) {
    let mut writer = open(dir, &options()).unwrap();
    assert_eq!(writer.load(), model.clone().load());
    assert_eq!(read_all(&mut writer.reader().unwrap()), read_all(&mut model.clone()));
}
