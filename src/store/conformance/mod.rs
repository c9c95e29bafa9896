//! What every store must do, as one list of cases that is run against each engine. An engine is given as a function that
//! makes an empty store and one that ends it (orderly, or as by kill -9) and opens it again.

mod rig;

use super::memory::MemoryStore;
use super::plan::{BatchRow, Counter, Image, Op, Plan, ProducerBatch, ProducerRow, TopicRow};
use super::seam::{TimestampTarget, Writer};
use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::limits::READ_SLICE_BYTES;
use crate::base::rng::Rng;
use crate::base::text::Text;
use bytes::Bytes;
use rig::{CLUSTER, End, P0, P1, Rig, batch, group, of_producer, offset, partition, topic, two_partitions};

/// A case: what it shows, and how.
type Case = (&'static str, fn(Rig));

const CASES: [Case; 16] = [
    ("a new store is empty", a_new_store_is_empty),
    ("batches come back by range", batches_come_back_by_range),
    ("reads are bounded but never empty", reads_are_bounded_but_never_empty),
    ("offsets by timestamp", offsets_by_timestamp),
    ("timestamps of deleted batches do not mislead", timestamps_of_deleted_batches_do_not_mislead),
    ("retention by age ends at the first young batch", retention_by_age_ends_at_the_first_young_batch),
    ("retention by bytes ends where too little would be left", retention_by_bytes_ends_where_too_little_would_be_left),
    ("log start may lie inside a batch", log_start_may_lie_inside_a_batch),
    ("an emptied log keeps its offsets", an_emptied_log_keeps_its_offsets),
    ("a deleted topic takes everything with it", a_deleted_topic_takes_everything_with_it),
    ("topics keep their configs", topics_keep_their_configs),
    ("groups and offsets come and go", groups_and_offsets_come_and_go),
    ("counters keep their last value", counters_keep_their_last_value),
    ("producers are folded from their batches", producers_are_folded_from_their_batches),
    ("a forgotten producer stays forgotten", a_forgotten_producer_stays_forgotten),
    ("many plans", many_plans),
];

#[test]
fn memory_conforms() {
    for (name, case) in CASES {
        println!("{name}");
        case(Rig::memory());
    }
}

#[test]
fn sqlite_conforms() {
    for fold_commits in [64, 3, 1] {
        for (name, case) in CASES {
            println!("{name}, folded every {fold_commits} commits");
            case(Rig::sqlite(fold_commits));
        }
    }
}

#[test]
fn a_fork_of_a_memory_store_goes_its_own_way() {
    let mut store = MemoryStore::new(CLUSTER);
    let mut fork = store.fork();
    store.commit(&Plan { ops: two_partitions(), ..Plan::new(PlanNo(1)) }, 0).unwrap();
    assert_eq!((store.load().unwrap().partitions.len(), fork.load().unwrap().partitions.len()), (2, 0));
}

fn a_new_store_is_empty(mut rig: Rig) {
    assert_eq!(rig.load(), Image { cluster_id: CLUSTER, ..Image::default() });
    assert_eq!(rig.bases(P0, 0, 10), [0_i64; 0]);
    assert_eq!(rig.find(0, 10, TimestampTarget::Greatest), None);
    rig.settle();
    rig.writer.probe().unwrap();
    rig.everywhere(|rig| assert_eq!(rig.load(), Image { cluster_id: CLUSTER, ..Image::default() }));
}

fn batches_come_back_by_range(mut rig: Rig) {
    rig.commit(two_partitions(), vec![batch(P1, 0, 0, 1), batch(P0, 0, 9, 1), batch(P1, 1, 1, 1)]);
    rig.commit(vec![], vec![batch(P0, 10, 10, 1), batch(P0, 15, 19, 1)]);
    rig.everywhere(|rig| {
        assert_eq!(rig.bases(P0, 0, 100), [0, 10, 15]);
        assert_eq!(rig.bases(P0, 9, 100), [0, 10, 15], "a batch that begins before `from` holds it");
        assert_eq!(rig.bases(P0, 10, 15), [10]);
        assert_eq!(rig.bases(P0, 11, 15), [0_i64; 0], "offsets may have gaps");
        assert_eq!(rig.bases(P0, 11, 16), [15]);
        assert_eq!(rig.bases(P0, 19, 20), [15]);
        assert_eq!(rig.bases(P0, 20, 100), [0_i64; 0]);
        assert_eq!(rig.bases(P0, 5, 5), [0_i64; 0]);
        assert_eq!(rig.bases(P1, 0, 100), [0, 1]);
        assert_eq!(rig.bases(PartId(2), 0, 100), [0_i64; 0]);
        assert_eq!(rig.reader.read(P0, 15, 16, 1).unwrap(), [batch(P0, 15, 19, 1)]);
    });
}

fn reads_are_bounded_but_never_empty(mut rig: Rig) {
    let big = |base| BatchRow { data: Bytes::from(vec![1; READ_SLICE_BYTES / 2 + 1]), ..batch(P0, base, base, 1) };
    rig.commit(two_partitions(), (0..4).map(|base| batch(P0, base, base, 1)).collect());
    rig.commit(vec![], vec![big(4), big(5)]);
    rig.everywhere(|rig| {
        assert_eq!(rig.reader.read(P0, 0, 4, 0).unwrap().len(), 1);
        assert_eq!(rig.reader.read(P0, 1, 4, 199).unwrap().len(), 1);
        assert_eq!(rig.reader.read(P0, 4, 6, usize::MAX).unwrap().len(), 1, "a slice has an end");
        assert_eq!(rig.bases(P0, 4, 6), [4, 5]);
        let two = rig.reader.read(P0, 1, 4, 200).unwrap();
        assert!(matches!(two.len(), 1 | 2), "{two:?}");
    });
}

fn offsets_by_timestamp(mut rig: Rig) {
    use TimestampTarget::{AtLeast, Greatest};
    let timestamps = [10, 30, 20, 30, 5, 40, 40, 35];
    rig.commit(two_partitions(), vec![]);
    for (base, &max_ts) in (0..).step_by(10).zip(&timestamps) {
        rig.commit(vec![], vec![batch(P0, base, base + 9, max_ts)]);
    }
    let brute = |from: i64, until: i64, target| {
        let range = || (0..).step_by(10).zip(timestamps).filter(move |(base, _)| from < until && base + 9 >= from && *base < until);
        let wanted = match target {
            AtLeast(timestamp) => Some(timestamp),
            Greatest => range().map(|(_, max_ts)| max_ts).max(),
        };
        range().find(|(_, max_ts)| wanted.is_some_and(|wanted| *max_ts >= wanted)).map(|(base, _)| base)
    };
    rig.everywhere(|rig| {
        for from in (0..80).step_by(5) {
            for until in (0..=80).step_by(7) {
                for target in (0..45).step_by(5).map(AtLeast).chain([Greatest]) {
                    assert_eq!(rig.find(from, until, target), brute(from, until, target), "{from}..{until} {target:?}");
                }
            }
        }
        assert_eq!(rig.find(0, 80, AtLeast(i64::MIN)), Some(0));
        assert_eq!(rig.find(0, 80, AtLeast(i64::MAX)), None);
    });
}

fn timestamps_of_deleted_batches_do_not_mislead(mut rig: Rig) {
    use TimestampTarget::{AtLeast, Greatest};
    // The first batch came from the future; retention by offset took it.
    rig.commit(two_partitions(), (0..).zip([i64::MAX, 10, 30, 20]).map(|(at, max_ts)| batch(P0, at, at, max_ts)).collect());
    rig.commit(vec![Op::SetLogStart { part: P0, log_start: 1 }], vec![]);
    rig.settle();
    rig.commit(vec![], vec![batch(P0, 4, 4, 30), batch(P0, 5, 5, i64::MIN), batch(P0, 6, 6, 50)]);
    rig.everywhere(|rig| {
        assert_eq!(rig.find(0, 7, AtLeast(11)), Some(2));
        assert_eq!(rig.find(0, 7, AtLeast(31)), Some(6));
        assert_eq!(rig.find(0, 7, AtLeast(51)), None);
        assert_eq!(rig.find(0, 7, Greatest), Some(6));
        assert_eq!(rig.find(0, 6, Greatest), Some(2));
        assert_eq!(rig.find(3, 6, Greatest), Some(4));
        assert_eq!(rig.retained(1, 7, 1_000, i64::MAX), Some((1, i64::MAX)));
        assert_eq!(rig.retained(5, 7, 1_000, i64::MAX), Some((5, i64::MAX)));
    });
}

fn retention_by_age_ends_at_the_first_young_batch(mut rig: Rig) {
    rig.commit(two_partitions(), vec![]);
    for (base, max_ts) in [(0, 10), (10, 5), (20, 40), (30, 20)] {
        rig.commit(vec![], vec![batch(P0, base, base + 9, max_ts)]);
    }
    rig.everywhere(|rig| {
        let mut retained = |from, until, cutoff_ms| rig.retained(from, until, cutoff_ms, i64::MAX);
        assert_eq!(retained(0, 40, 10), Some((0, 10)));
        assert_eq!(retained(0, 40, 11), Some((20, 40)));
        assert_eq!(retained(10, 40, 10), Some((10, 10)), "an older batch protects the ones behind it");
        assert_eq!(retained(0, 40, 41), None);
        assert_eq!(retained(0, 20, 11), None);
        assert_eq!(retained(25, 40, 30), Some((20, 40)));
        assert_eq!(retained(40, 40, 0), None);
    });
}

fn retention_by_bytes_ends_where_too_little_would_be_left(mut rig: Rig) {
    rig.commit(two_partitions(), vec![]);
    for (base, max_ts) in [(0, 10), (10, 5), (20, 40), (30, 20)] {
        rig.commit(vec![], vec![batch(P0, base, base + 9, max_ts)]);
    }
    let size = batch(P0, 0, 9, 1).data.len() as i64;
    rig.everywhere(|rig| {
        let bytes = |rig: &mut Rig, from, keep_bytes| {
            let kept = rig.reader.retained_from(P0, from, 40, i64::MIN, keep_bytes).unwrap();
            kept.map(|kept| (kept.base, kept.bytes))
        };
        assert_eq!(bytes(rig, 0, i64::MAX), Some((0, 4 * size)));
        assert_eq!(bytes(rig, 0, 3 * size + 1), Some((0, 4 * size)));
        assert_eq!(bytes(rig, 0, 3 * size), Some((10, 3 * size)), "what is left is at least what is to be kept");
        assert_eq!(bytes(rig, 0, 1), Some((30, size)));
        assert_eq!(bytes(rig, 0, 0), None);
        assert_eq!(bytes(rig, 25, i64::MAX), Some((20, 2 * size)));
        assert_eq!(bytes(rig, 30, i64::MAX), Some((30, size)));
        assert_eq!(rig.retained(0, 40, 11, size), Some((30, 40)), "both have to hold");
        assert_eq!(rig.retained(0, 40, 11, i64::MAX), Some((20, 40)));
        assert_eq!(rig.retained(0, 20, i64::MIN, size), Some((10, 10)), "what lies beyond the range does not count");
    });
}

fn log_start_may_lie_inside_a_batch(mut rig: Rig) {
    rig.commit(two_partitions(), (0..5).map(|at| batch(P0, at * 10, at * 10 + 9, at)).collect());
    rig.commit(vec![], vec![batch(P1, 0, 0, 1)]);
    rig.commit(vec![Op::SetLogStart { part: P0, log_start: 25 }], vec![batch(P0, 50, 50, 9)]);
    rig.everywhere(|rig| {
        assert_eq!(rig.bases(P0, 0, 100), [20, 30, 40, 50]);
        let row = rig.load().partitions.swap_remove(0);
        assert_eq!((row.log_start, row.next_offset, row.bytes, row.max_ts), (25, 51, 400, 9));
        assert_eq!(rig.find(0, 100, TimestampTarget::AtLeast(0)), Some(20));
        assert_eq!(rig.bases(P1, 0, 100), [0]);
    });
}

fn an_emptied_log_keeps_its_offsets(mut rig: Rig) {
    rig.commit(two_partitions(), (0..5).map(|at| batch(P0, at, at, 50 + at)).collect());
    rig.commit(vec![Op::SetLogStart { part: P0, log_start: 5 }], vec![]);
    rig.settle();
    let mut rig = rig.reopen(End::Orderly);
    let row = rig.load().partitions.swap_remove(0);
    assert_eq!((row.log_start, row.next_offset, row.bytes, row.max_ts), (5, 5, 0, 54));
    rig.commit(vec![], vec![batch(P0, 5, 7, 1)]);
    rig.everywhere(|rig| {
        assert_eq!(rig.bases(P0, 0, 100), [5]);
        assert_eq!(rig.reader.read(P0, 5, 8, 1).unwrap(), [batch(P0, 5, 7, 1)], "a row id that came back would bring old bytes");
    });
}

fn a_deleted_topic_takes_everything_with_it(mut rig: Rig) {
    rig.commit(two_partitions(), vec![of_producer(batch(P0, 0, 0, 1), 4, 0, 0), batch(P1, 0, 0, 1)]);
    rig.commit(vec![Op::PutTopic(topic(2, "kept")), Op::AddPartition(partition(PartId(2), 2, 0)), Op::PutGroup(group("g", 1))], vec![]);
    rig.commit(vec![Op::PutOffset(offset("g", P0, 1)), Op::PutOffset(offset("g", PartId(2), 0))], vec![batch(PartId(2), 0, 0, 1)]);
    // A batch that was decided before the deletion, in the same plan, goes with it; the name is free at once.
    let again = vec![
        Op::DeleteTopic(Uuid([1; 16])),
        Op::PutTopic(topic(3, "t")),
        Op::AddPartition(partition(PartId(3), 3, 0)),
        Op::SetCounter(Counter::Part, 4),
    ];
    rig.commit(again, vec![batch(P0, 1, 1, 1), batch(PartId(3), 0, 0, 1)]);
    rig.everywhere(|rig| {
        let image = rig.load();
        assert_eq!(image.topics.iter().map(|topic| &*topic.name).collect::<Vec<_>>(), ["kept", "t"]);
        assert_eq!(image.partitions.iter().map(|row| row.part.0).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(image.producers, []);
        assert_eq!(image.offsets, [offset("g", PartId(2), 0)]);
        assert_eq!(image.next_part, 4);
        assert_eq!((rig.bases(P0, 0, 9), rig.bases(P1, 0, 9)), (vec![], vec![]));
        assert_eq!((rig.bases(PartId(2), 0, 9), rig.bases(PartId(3), 0, 9)), (vec![0], vec![0]));
    });
}

fn topics_keep_their_configs(mut rig: Rig) {
    rig.commit(two_partitions(), vec![]);
    let configs = vec![(Text::from("cleanup.policy"), Text::from("délete")), (Text::from("x"), Text::from(""))];
    rig.commit(vec![Op::PutTopic(TopicRow { configs: configs.clone(), created_ms: 77, ..topic(1, "t") })], vec![]);
    rig.everywhere(|rig| {
        let topics = rig.load().topics;
        assert_eq!(topics, [TopicRow { configs: configs.clone(), ..topic(1, "t") }], "replaced are the configs alone");
    });
}

fn groups_and_offsets_come_and_go(mut rig: Rig) {
    rig.commit(two_partitions(), vec![]);
    rig.commit(vec![Op::PutGroup(group("b", 3)), Op::PutGroup(group("a", 0)), Op::PutGroup(group("gone", 1))], vec![]);
    rig.commit(vec![Op::PutOffset(offset("b", P1, 5)), Op::PutOffset(offset("b", P0, 4)), Op::PutOffset(offset("simple", P0, 1))], vec![]);
    rig.commit(vec![Op::PutOffset(offset("gone", P0, 1)), Op::PutOffset(offset("b", P1, 6)), Op::PutGroup(group("b", 4))], vec![]);
    rig.commit(vec![Op::DeleteGroup(Text::from("gone")), Op::DeleteOffset { group: Text::from("b"), part: P0 }], vec![]);
    rig.everywhere(|rig| {
        let image = rig.load();
        assert_eq!(image.groups, [group("a", 0), group("b", 4)]);
        assert_eq!(image.offsets, [offset("b", P1, 6), offset("simple", P0, 1)]);
    });
}

fn counters_keep_their_last_value(mut rig: Rig) {
    rig.commit(vec![Op::SetCounter(Counter::Part, 3), Op::SetCounter(Counter::ProducerId, 1_000)], vec![]);
    rig.commit(vec![Op::SetCounter(Counter::ProducerId, 2_000)], vec![]);
    rig.everywhere(|rig| {
        let image = rig.load();
        assert_eq!((image.next_part, image.next_producer_id), (3, 2_000));
    });
}

fn producers_are_folded_from_their_batches(mut rig: Rig) {
    rig.commit(two_partitions(), vec![]);
    // Seven batches of four records, of which five are kept; the sixth passes the end of the sequence.
    const MAX: i32 = i32::MAX;
    for (base, seq) in (0..).step_by(4).zip([MAX - 20, MAX - 16, MAX - 12, MAX - 8, MAX - 4, MAX, 3]) {
        rig.commit(vec![], vec![of_producer(batch(P0, base, base + 3, 100), 9, 1, seq)]);
    }
    let (before, after) = (of_producer(batch(P1, 0, 1, 1), 9, 1, 0), of_producer(batch(P1, 3, 3, 3), 9, 2, 0));
    rig.commit(vec![], vec![before, of_producer(batch(P1, 2, 2, 2), 8, 0, 0)]);
    rig.commit(vec![], vec![after]);
    rig.commit(vec![Op::DeleteProducer { part: P1, pid: 8 }], vec![]);
    rig.everywhere(|rig| {
        let producers = rig.load().producers;
        assert_eq!(producers.len(), 2);
        assert_eq!((producers[0].part, producers[0].pid, producers[0].epoch), (P0, 9, 1));
        let kept: Vec<_> = producers[0].batches.iter().map(|batch| (batch.first_seq, batch.last_seq, batch.base)).collect();
        assert_eq!(kept, [(MAX - 12, MAX - 9, 8), (MAX - 8, MAX - 5, 12), (MAX - 4, MAX - 1, 16), (MAX, 2, 20), (3, 6, 24)]);
        let new_epoch = ProducerBatch { first_seq: 0, last_seq: 0, base: 3, last: 3, max_ts: 3 };
        assert_eq!(producers[1], ProducerRow { part: P1, pid: 9, epoch: 2, batches: [new_epoch].into() });
    });
}

fn a_forgotten_producer_stays_forgotten(mut rig: Rig) {
    rig.commit(two_partitions(), vec![of_producer(batch(P0, 0, 0, 1), 4, 0, 0)]);
    rig.commit(vec![Op::DeleteProducer { part: P0, pid: 4 }], vec![]);
    rig.commit(vec![Op::DeleteProducer { part: P0, pid: 5 }], vec![of_producer(batch(P0, 1, 1, 1), 5, 0, 7)]);
    rig.everywhere(|rig| {
        let pids: Vec<_> = rig.load().producers.iter().map(|row| row.pid).collect();
        assert_eq!(pids, [5], "operations come before batches");
    });
}

/// Random plans: each engine's image and answers must equal those of the other, whatever happens to the process in between.
fn many_plans(mut rig: Rig) {
    let mut model = Rig::memory();
    let mut rng = Rng::new(20_251);
    let mut next = [0i64; 4];
    let ops = |rig: &mut Rig| {
        rig.commit(vec![Op::PutTopic(topic(1, "t"))], vec![]);
        rig.commit((0..4).map(|part| Op::AddPartition(partition(PartId(part), 1, part as i32))).collect(), vec![]);
    };
    ops(&mut rig);
    ops(&mut model);
    let mut starts = [0i64; 4];
    for step in 0..600u64 {
        let (mut ops, mut batches) = (Vec::new(), Vec::new());
        for _ in 0..rng.below(4) {
            let part = rng.below(4) as usize;
            let last = next[part] + rng.below(5) as i64;
            let row = batch(PartId(part as i64), next[part], last, rng.below(1_000) as i64);
            batches.push(of_producer(row, rng.below(3) as i64 - 1, 0, step as i32));
            next[part] = last + 1 + i64::from(rng.below(10) == 0);
        }
        let part = rng.below(4) as usize;
        match rng.below(12) {
            0 => {
                starts[part] += (next[part] - starts[part]) / 2;
                ops.push(Op::SetLogStart { part: PartId(part as i64), log_start: starts[part] });
            }
            1 => ops.push(Op::DeleteProducer { part: PartId(part as i64), pid: 1 }),
            2 => ops.push(Op::PutOffset(offset("g", PartId(part as i64), step as i64))),
            _ => {}
        }
        rig.commit(ops.clone(), batches.clone());
        model.commit(ops, batches);
        if rng.below(8) == 0 {
            rig.settle();
        }
        if rng.below(40) == 0 {
            rig = rig.reopen(if rng.below(2) == 0 { End::Orderly } else { End::Killed });
        }
        if rng.below(10) == 0 {
            assert_eq!(rig.load(), model.load(), "step {step}");
        }
        let (from, until) = (rng.below(next[part] as u64 + 1) as i64, rng.below(next[part] as u64 + 5) as i64);
        let part = PartId(part as i64);
        assert_eq!(rig.bases(part, from, until), model.bases(part, from, until), "step {step}");
        let timestamp = rng.below(1_000) as i64;
        for target in [TimestampTarget::AtLeast(timestamp), TimestampTarget::Greatest] {
            let answers = [&mut rig, &mut model].map(|rig| rig.reader.find_timestamp(part, from, until, target).unwrap());
            assert_eq!(answers[0], answers[1], "step {step}");
        }
        let keep_bytes = if rng.below(2) == 0 { i64::MAX } else { rng.below(2_000) as i64 };
        let answers = [&mut rig, &mut model].map(|rig| rig.reader.retained_from(part, from, until, timestamp, keep_bytes).unwrap());
        assert_eq!(answers[0], answers[1], "step {step}");
    }
}
