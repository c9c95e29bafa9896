//! The durable store alone: what its layout costs. One iteration is one commit of about half a MiB (500-byte batches) or one
//! MiB (16 KiB batches), spread over so many partitions; the write-ahead log is held to its bound throughout, so nothing is
//! put off. "folded" is the index as it ships, "same commit" an index row with every batch; "steady" keeps the newest
//! 200 MB by retention. The first bench is the disk: one MiB appended and synced. Run by hand: `cargo bench --bench store`.

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use monolog::base::ids::{PartId, PlanNo, Uuid};
use monolog::base::limits::{FOLD_COMMITS_MAX, MIB, WAL_HARD_BYTES};
use monolog::base::text::Text;
use monolog::store::plan::{BatchRow, Op, PartitionRow, Plan, TopicRow};
use monolog::store::seam::Writer;
use monolog::store::sqlite::open::open;
use monolog::store::sqlite::options::Options;
use monolog::store::sqlite::writer::SqliteWriter;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const TOPIC: Uuid = Uuid([1; 16]);
const STEADY_BYTES: usize = 200_000_000;
/// Retention moves the log starts every so many commits; its deletes then go in slices, one between two commits.
const RETENTION_COMMITS: u64 = 64;

struct Store {
    writer: SqliteWriter,
    wal: PathBuf,
    wal_bytes_max: u64,
    commits: u64,
    next: Vec<i64>,
    batch: Bytes,
    per_commit: usize,
    kept_commits: Option<u64>,
    database: PathBuf,
    began: Instant,
    dir: TempDir,
}

impl Store {
    fn new(case: &Case) -> Store {
        let dir = bench_dir();
        let options = Options { fold_commits: case.fold_commits, ..Options::new(Uuid([7; 16])) };
        let mut writer = open(dir.path(), &options).expect("a fresh directory opens");
        let topic = TopicRow { id: TOPIC, name: Text::from("bench"), created_ms: 0, configs: Vec::new() };
        let partitions = (0..case.partitions).map(|index| Op::AddPartition(empty_partition(index)));
        let ops = [Op::PutTopic(topic)].into_iter().chain(partitions).collect();
        writer.commit(&Plan { ops, ..Plan::new(PlanNo(1)) }, 0).expect("the topic is stored");
        let commit_bytes = case.batch_bytes * case.per_commit();
        let mut store = Store {
            writer,
            wal: dir.path().join("monolog.db-wal"),
            wal_bytes_max: 0,
            commits: 0,
            next: vec![0; case.partitions],
            batch: Bytes::from((0..case.batch_bytes).map(|at| (at * 31) as u8).collect::<Vec<_>>()),
            per_commit: case.per_commit(),
            kept_commits: case.steady.then_some((STEADY_BYTES / commit_bytes) as u64),
            database: dir.path().join("monolog.db"),
            began: Instant::now(),
            dir,
        };
        // A steady store begins full.
        for _ in 0..store.kept_commits.unwrap_or(0) {
            store.commit();
        }
        store
    }

    fn mono_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn commit(&mut self) {
        let mut plan = Plan::new(PlanNo(self.commits));
        let first = self.commits as usize * self.per_commit;
        for at in first..first + self.per_commit {
            let part = at % self.next.len();
            let base = self.next[part];
            self.next[part] += 1;
            let (part, data) = (PartId(part as i64), self.batch.clone());
            let seq = (base & i64::from(i32::MAX)) as i32;
            plan.batches.push(BatchRow { part, base, last: base, max_ts: base, flags: 0, pid: 1, epoch: 0, seq, data });
        }
        self.commits += 1;
        plan.ops = self.retention();
        self.writer.commit(&plan, self.mono_ms()).expect("the plan is stored");
        if self.kept_commits.is_some() {
            self.writer.upkeep(self.mono_ms()).expect("housekeeping goes on");
        }
        let wal_bytes = std::fs::metadata(&self.wal).map_or(0, |file| file.len());
        assert!(wal_bytes <= WAL_HARD_BYTES, "the write-ahead log grew to {wal_bytes} bytes");
        self.wal_bytes_max = self.wal_bytes_max.max(wal_bytes);
    }

    /// Moves the log starts to what is to be kept.
    fn retention(&self) -> Vec<Op> {
        let Some(kept) = self.kept_commits.filter(|kept| self.commits > *kept && self.commits.is_multiple_of(RETENTION_COMMITS)) else {
            return Vec::new();
        };
        let kept = (kept as usize * self.per_commit / self.next.len()) as i64;
        let log_start = |(part, next): (usize, &i64)| Op::SetLogStart { part: PartId(part as i64), log_start: (next - kept).max(0) };
        self.next.iter().enumerate().map(log_start).collect()
    }
}

#[derive(Clone, Copy)]
struct Case {
    batch_bytes: usize,
    partitions: usize,
    fold_commits: u32,
    steady: bool,
}

impl Case {
    fn per_commit(&self) -> usize {
        if self.batch_bytes < 1024 { 1_000 } else { MIB / self.batch_bytes }
    }

    fn name(&self) -> String {
        let layout = if self.fold_commits == 1 { "same commit" } else { "folded" };
        let state = if self.steady { "steady" } else { "growing" };
        format!("{} B/{} partitions/{layout}, {state}", self.batch_bytes, self.partitions)
    }
}

fn empty_partition(index: usize) -> PartitionRow {
    PartitionRow {
        part: PartId(index as i64),
        topic: TOPIC,
        index: index as i32,
        log_start: 0,
        next_offset: 0,
        bytes: 0,
        max_ts: -1,
        leader_epoch: 0,
    }
}

/// On the disk of the target directory, where the broker's data would be; never in memory.
fn bench_dir() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target directory is writable")
}

fn disk(group: &mut BenchmarkGroup<'_, WallTime>) {
    let dir = bench_dir();
    let mut file = File::create(dir.path().join("raw")).expect("the target directory is writable");
    let chunk = vec![0x5a; MIB];
    group.throughput(Throughput::Bytes(MIB as u64));
    group.bench_function("the disk: append 1 MiB, sync", |bencher| {
        bencher.iter(|| file.write_all(&chunk).and_then(|()| file.sync_data()).expect("the disk takes it"));
    });
}

fn layout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    disk(&mut group);
    let growing = [500, 16 * 1024].into_iter().flat_map(|batch_bytes| {
        [1, 10, 100, 1_000].into_iter().flat_map(move |partitions| {
            [FOLD_COMMITS_MAX, 1].map(|fold_commits| Case { batch_bytes, partitions, fold_commits, steady: false })
        })
    });
    let steady = [500, 16 * 1024].into_iter().flat_map(|batch_bytes| {
        [10, 1_000].map(|partitions| Case { batch_bytes, partitions, fold_commits: FOLD_COMMITS_MAX, steady: true })
    });
    for case in growing.chain(steady) {
        group.throughput(Throughput::Bytes((case.batch_bytes * case.per_commit()) as u64));
        let mut store = None;
        group.bench_function(BenchmarkId::from_parameter(case.name()), |bencher| {
            let store: &mut Store = store.get_or_insert_with(|| Store::new(&case));
            bencher.iter(|| store.commit());
        });
        if let Some(store) = store {
            let database_bytes = std::fs::metadata(&store.database).map_or(0, |file| file.len());
            println!("    longest write-ahead log {} MiB, database {} MiB", store.wal_bytes_max >> 20, database_bytes >> 20);
        }
    }
    group.finish();
}

/// From the first system call to the loaded image, with 10,000 partitions and a million batches: what a start waits for.
fn start(criterion: &mut Criterion) {
    let case = Case { batch_bytes: 500, partitions: 10_000, fold_commits: FOLD_COMMITS_MAX, steady: false };
    let mut store = Store::new(&case);
    for _ in 0..1_000 {
        store.commit();
    }
    let dir = store.dir;
    Box::new(store.writer).close().expect("the store is closed");
    let mut group = criterion.benchmark_group("start");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.bench_function("after an orderly stop", |bencher| bencher.iter_custom(|iters| open_times(&dir, iters)));
    let mut writer = open(dir.path(), &Options::new(TOPIC)).expect("the store opens again");
    // All that the log may hold, in one plan that nobody copies back.
    let row = |at: i64| BatchRow {
        part: PartId(0),
        base: 1_000_000 + at,
        last: 1_000_000 + at,
        max_ts: 0,
        flags: 0,
        pid: -1,
        epoch: -1,
        seq: -1,
        data: Bytes::from(vec![at as u8; MIB]),
    };
    writer.commit(&Plan { batches: (0..60).map(row).collect(), ..Plan::new(PlanNo(0)) }, 0).expect("the plan is stored");
    drop(writer);
    let wal_bytes = std::fs::metadata(dir.path().join("monolog.db-wal")).map_or(0, |file| file.len());
    group.bench_function("after kill -9", |bencher| bencher.iter_custom(|iters| open_times(&dir, iters)));
    println!("    write-ahead log {} MiB", wal_bytes >> 20);
    group.finish();
}

fn open_times(dir: &TempDir, iters: u64) -> Duration {
    let mut sum = Duration::ZERO;
    for _ in 0..iters {
        let began = Instant::now();
        let mut writer = open(dir.path(), &Options::new(TOPIC)).expect("the store opens again");
        let image = writer.load().expect("the store is loaded");
        sum += began.elapsed();
        assert_eq!(image.partitions.len(), 10_000);
        // Dropped, not closed: the log stays as it is.
        drop(writer);
    }
    sum
}

criterion_group!(benches, layout, start);
criterion_main!(benches);
