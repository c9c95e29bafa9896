//! What the cases of `conformance` stand on: an open store of either engine that can be ended and opened again, and rows.

use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::text::Text;
use crate::store::memory::MemoryStore;
use crate::store::plan::{BatchRow, GroupRow, Image, MemberRow, OffsetRow, Op, PartitionRow, Plan, TopicRow};
use crate::store::seam::{Reader, TimestampTarget, Upkeep, Writer};
use crate::store::sqlite::open::open;
use crate::store::sqlite::options::Options;
use bytes::Bytes;
use tempfile::TempDir;

pub(super) const CLUSTER: Uuid = Uuid([7; 16]);
pub(super) const P0: PartId = PartId(0);
pub(super) const P1: PartId = PartId(1);

/// An open store.
pub(super) struct Rig {
    pub(super) writer: Box<dyn Writer>,
    pub(super) reader: Box<dyn Reader>,
    engine: Engine,
    mono_ms: u64,
    plans: u64,
}

enum Engine {
    Memory(MemoryStore),
    Sqlite(TempDir, Options),
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Orderly,
    Killed,
}

impl Rig {
    pub(super) fn memory() -> Rig {
        Rig::over(Engine::Memory(MemoryStore::new(CLUSTER)))
    }

    pub(super) fn sqlite(fold_commits: u32) -> Rig {
        Rig::over(Engine::Sqlite(quick_dir(), Options { fold_commits, ..Options::new(CLUSTER) }))
    }

    fn over(engine: Engine) -> Rig {
        let (writer, reader) = engine.open();
        Rig { writer, reader, engine, mono_ms: 0, plans: 0 }
    }

    pub(super) fn reopen(self, end: End) -> Rig {
        let Rig { writer, reader, engine, plans, .. } = self;
        drop(reader);
        match end {
            End::Orderly => writer.close().unwrap(),
            End::Killed => drop(writer),
        }
        Rig { plans, ..Rig::over(engine) }
    }

    pub(super) fn commit(&mut self, ops: Vec<Op>, batches: Vec<BatchRow>) {
        self.plans += 1;
        self.mono_ms += 10;
        self.writer.commit(&Plan { no: PlanNo(self.plans), ops, batches }, self.mono_ms).unwrap();
    }

    /// Lets all housekeeping happen that the store wants, now and later.
    pub(super) fn settle(&mut self) {
        loop {
            match self.writer.upkeep(self.mono_ms).unwrap() {
                Upkeep::Idle => return,
                Upkeep::Again => {}
                Upkeep::At(at_ms) => self.mono_ms = at_ms,
            }
        }
    }

    pub(super) fn load(&mut self) -> Image {
        self.writer.load().unwrap()
    }

    /// The bases of all batches of a range, over as many slices as it takes.
    pub(super) fn bases(&mut self, part: PartId, mut from: i64, until: i64) -> Vec<i64> {
        let mut bases = Vec::new();
        loop {
            let rows = self.reader.read(part, from, until, usize::MAX).unwrap();
            let Some(last) = rows.last() else { return bases };
            from = last.last + 1;
            bases.extend(rows.iter().map(|row| row.base));
        }
    }

    pub(super) fn find(&mut self, from: i64, until: i64, target: TimestampTarget) -> Option<i64> {
        self.reader.find_timestamp(P0, from, until, target).unwrap().map(|row| row.base)
    }

    /// Where retention ends in the first partition: base and greatest timestamp so far.
    pub(super) fn retained(&mut self, from: i64, until: i64, cutoff_ms: i64, keep_bytes: i64) -> Option<(i64, i64)> {
        let kept = self.reader.retained_from(P0, from, until, cutoff_ms, keep_bytes).unwrap();
        kept.map(|kept| (kept.base, kept.run_ts))
    }

    /// Runs `check` with what was written still unfolded, after the fold, and after both kinds of restart.
    pub(super) fn everywhere(mut self, check: impl Fn(&mut Rig)) {
        check(&mut self);
        let mut rig = self.reopen(End::Killed);
        check(&mut rig);
        rig.settle();
        check(&mut rig);
        let mut rig = rig.reopen(End::Orderly);
        check(&mut rig);
    }
}

impl Engine {
    fn open(&self) -> (Box<dyn Writer>, Box<dyn Reader>) {
        match self {
            Engine::Memory(store) => (Box::new(store.clone()), Box::new(store.clone())),
            Engine::Sqlite(dir, options) => {
                let writer = open(dir.path(), options).unwrap();
                let reader = writer.reader().unwrap();
                (Box::new(writer), Box::new(reader))
            }
        }
    }
}

/// In memory where the machine allows it: these cases commit thousands of times, and what a disk does is tested elsewhere.
fn quick_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(super) fn topic(id: u8, name: &str) -> TopicRow {
    TopicRow { id: Uuid([id; 16]), name: Text::from(name), created_ms: 5, configs: vec![(Text::from("retention.ms"), Text::from("-1"))] }
}

pub(super) fn partition(part: PartId, topic: u8, index: i32) -> PartitionRow {
    PartitionRow { part, topic: Uuid([topic; 16]), index, log_start: 0, next_offset: 0, bytes: 0, max_ts: -1, leader_epoch: 0 }
}

/// Topic "t" with partitions 0 and 1.
pub(super) fn two_partitions() -> Vec<Op> {
    vec![Op::PutTopic(topic(1, "t")), Op::AddPartition(partition(P0, 1, 0)), Op::AddPartition(partition(P1, 1, 1))]
}

pub(super) fn batch(part: PartId, base: i64, last: i64, max_ts: i64) -> BatchRow {
    let data = Bytes::from(vec![base as u8; 100]);
    BatchRow { part, base, last, max_ts, flags: 3, pid: -1, epoch: -1, seq: -1, data }
}

pub(super) fn of_producer(row: BatchRow, pid: i64, epoch: i16, seq: i32) -> BatchRow {
    BatchRow { pid, epoch, seq, ..row }
}

pub(super) fn offset(group: &str, part: PartId, offset: i64) -> OffsetRow {
    OffsetRow { group: Text::from(group), part, offset, leader_epoch: 2, metadata: Text::from("m"), commit_ms: 9, expire_ms: -1 }
}

pub(super) fn group(id: &str, generation: i32) -> GroupRow {
    let member = MemberRow {
        id: Text::from("m-1"),
        instance_id: None,
        client_id: Text::from("c"),
        client_host: Text::from("/::1"),
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 300_000,
        protocols: vec![(Text::from("range"), Bytes::from_static(b"topics"))],
        assignment: Bytes::from_static(b"t-0"),
    };
    GroupRow {
        id: Text::from(id),
        protocol_type: Text::from("consumer"),
        generation,
        protocol: (generation > 0).then(|| Text::from("range")),
        leader: (generation > 0).then(|| Text::from("m-1")),
        state_ms: 3,
        members: if generation > 0 { vec![member] } else { Vec::new() },
    }
}
