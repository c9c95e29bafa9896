//! The engine in a seeded world: virtual clock, network, disk; producers that retry, a group, readers, an admin; crashes before,
//! during and after a commit, full and broken disks, lost connections, a wall clock that jumps.
//!
//! `MONOLOG_SIM_SEEDS=10000 cargo test --test sim` runs more seeds; a failing one is replayed by `MONOLOG_SIM_SEED=<seed>`.

mod admin;
mod checks;
mod conn;
mod member;
#[cfg(feature = "planted")]
mod planted;
mod producer;
mod reader;
mod world;

use admin::Admin;
use member::Member;
use producer::Producer;
use reader::Reader;
use world::{Actor, Event, Seen, World};

const PARTITIONS: &[(&str, i32)] = &[("orders", 0), ("orders", 1), ("orders", 2), ("events", 0), ("events", 1)];
const CRASHES: u64 = 5;
const STEPS: u64 = 2_000;
/// Virtual time after which a run that has not come to rest is stuck.
const SETTLE_MS: u64 = 120_000;

struct Run {
    seed: u64,
    violations: Vec<String>,
    seen: Seen,
    digest: Option<u64>,
}

/// One whole run of a seed: trouble, then peace until everything owed is delivered, then the audit.
fn run(seed: u64) -> Run {
    run_world(World::new(seed), seed)
}

fn run_world(mut world: World, seed: u64) -> Run {
    let mut actors: Vec<Box<dyn Actor>> = vec![
        Box::new(Producer::new(1, PARTITIONS)),
        Box::new(Producer::new(2, PARTITIONS)),
        Box::new(Producer::new(3, &PARTITIONS[..2])),
        Box::new(Member::new(PARTITIONS, None)),
        Box::new(Member::new(PARTITIONS, None)),
        Box::new(Member::new(PARTITIONS, Some("static-1"))),
        Box::new(Reader::new(PARTITIONS)),
        Box::new(Reader::new(&PARTITIONS[1..4])),
        Box::new(Admin::new()),
    ];
    for me in 0..actors.len() {
        let at = 1 + world.rng.below(50);
        world.at(at, Event::Wake(me));
    }
    let mut next_crash_ms = 500 + world.rng.below(3_000);
    while world.checks.violations.is_empty() {
        if world.seen.steps >= STEPS && world.seen.crashes >= CRASHES && world.seen.full_disks > 0 {
            break;
        }
        if world.now_ms >= next_crash_ms {
            world.crash();
            next_crash_ms = world.now_ms + 600 + world.rng.below(4_000);
        }
        world.step(&mut actors);
        compare_images(&mut world);
    }
    settle(&mut world, &mut actors);
    let store = world.store().clone();
    world.checks.audit(&store);
    Run { seed, violations: world.checks.violations, seen: world.seen, digest: world.digest }
}

fn settle(world: &mut World, actors: &mut [Box<dyn Actor>]) {
    world.faults = false;
    actors.iter_mut().for_each(|actor| actor.settle());
    let until_ms = world.now_ms + SETTLE_MS;
    while world.checks.violations.is_empty() && !actors.iter().all(|actor| actor.is_settled()) {
        if !world.step(actors) || world.now_ms > until_ms {
            let stuck: Vec<usize> = (0..actors.len()).filter(|me| !actors[*me].is_settled()).collect();
            world.checks.violation(format!("actors {stuck:?} never came to rest"));
        }
    }
    // Parked answers may still be out; then all is on disk.
    while world.checks.violations.is_empty() && !world.is_quiet() && world.step(actors) {}
    compare_images(world);
}

/// Whenever nothing is on its way to the disk, state built from the disk must be the state that lives.
fn compare_images(world: &mut World) {
    use monolog::store::seam::Writer;
    if !world.is_quiet() || world.rng.below(10) > 0 {
        return;
    }
    let Some(mut live) = world.engine().and_then(|engine| engine.durable_image()) else { return };
    let mut stored = world.store().clone().load().expect("the memory store loads");
    world.seen.images_compared += 1;
    // Of a group in the middle of a round the store holds the last round.
    stored.groups.retain(|row| live.groups.iter().any(|live| live.id == row.id));
    for image in [&mut live, &mut stored] {
        image.partitions.iter_mut().for_each(|row| row.bytes = 0);
        image.partitions.sort_by_key(|row| row.part);
        image.producers.sort_by_key(|row| (row.part, row.pid));
        image.topics.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if live != stored {
        world.checks.violation(format!("live state and stored state differ:\n{live:?}\n{stored:?}"));
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

fn report(run: &Run) -> String {
    let shown = run.violations.iter().take(5).cloned().collect::<Vec<_>>().join("\n  ");
    format!("seed {} (replay: MONOLOG_SIM_SEED={} cargo test --test sim)\n  {shown}", run.seed, run.seed)
}

#[test]
fn seeds_hold_every_invariant() {
    let seeds = match number("MONOLOG_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("MONOLOG_SIM_SEEDS").unwrap_or(300),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let share = |n: u64| seeds.clone().filter(move |seed| seed % threads == n).map(run).collect::<Vec<Run>>();
        let workers: Vec<_> = (0..threads).map(|n| scope.spawn(move || share(n))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a seed panicked")).collect()
    });
    let failed: Vec<String> = runs.iter().filter(|run| !run.violations.is_empty()).map(report).collect();
    assert!(failed.is_empty(), "{} of {} seeds failed\n{}", failed.len(), runs.len(), failed.join("\n"));
    every_kind_of_event_happened(&runs);
}

fn every_kind_of_event_happened(runs: &[Run]) {
    let all = |count: fn(&Seen) -> u64| runs.iter().map(|run| count(&run.seen)).sum::<u64>();
    assert!(runs.iter().all(|run| run.seen.steps >= STEPS && run.seen.crashes >= CRASHES && run.seen.full_disks > 0));
    println!("{} seeds, {} steps, {} acks, {} crashes", runs.len(), all(|s| s.steps), all(|s| s.acks), all(|s| s.crashes));
    if runs.len() < 50 {
        return;
    }
    let kinds: [(&str, fn(&Seen) -> u64); 12] = [
        ("a crash that lost the plan under way", |s| s.crashes_in_commit_lost),
        ("a crash that kept it", |s| s.crashes_in_commit_kept),
        ("a broken disk", |s| s.fatal_disks),
        ("a slow sync", |s| s.slow_syncs),
        ("a lost connection", |s| s.lost_connections),
        ("a jump of the wall clock", |s| s.clock_jumps),
        ("a cold read", |s| s.cold_reads),
        ("a retried batch", |s| s.retries),
        ("a rebalance", |s| s.rebalances),
        ("an offset commit", |s| s.commits),
        ("a deleted topic", |s| s.topics_deleted),
        ("a comparison of images", |s| s.images_compared),
    ];
    for (kind, count) in kinds {
        assert!(all(count) > 0, "in {} seeds there was not one: {kind}", runs.len());
    }
}

#[test]
fn a_seed_is_a_run() {
    for seed in 1..4 {
        let digest = || {
            let mut world = World::new(seed);
            world.digest = Some(seed);
            run_world(world, seed).digest
        };
        assert_eq!(digest(), digest(), "seed {seed} ran differently the second time");
    }
}
