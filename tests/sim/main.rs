//! The engine in a seeded world: virtual clock, network, disk; producers that retry, a group, readers, an admin; crashes before,
//! during and after a commit, full and broken disks, lost connections, a wall clock that jumps.
//!
//! `MONOLOG_SIM_SEEDS=10000 cargo test --test sim` runs more seeds; a failing one is replayed by `MONOLOG_SIM_SEED=<seed>`.

mod admin;
mod bystanders;
mod checks;
mod conn;
mod lanes;
mod member;
#[cfg(feature = "planted")]
mod planted;
mod producer;
mod read;
mod reader;
mod world;

use admin::Admin;
use bystanders::{Careless, Outsider};
use lanes::LANES;
use member::Member;
use monolog::store::seam::Writer;
use producer::Producer;
use reader::Reader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use world::{Actor, Event, Seen, World};

/// What every run has at least, beside a full disk.
const CRASHES: u64 = 5;
const STEPS: u64 = 2_000;
/// Seeds of an ordinary test run.
const SEEDS: u64 = 300;
/// Virtual time after which a run that has not come to rest is stuck.
const SETTLE_MS: u64 = 120_000;

struct Run {
    seed: u64,
    violations: Vec<String>,
    seen: Seen,
    digest: Option<u64>,
}

/// One whole run of a seed. A failed assertion of the engine is a violation like others.
fn run(seed: u64) -> Run {
    run_in(World::new(seed), seed)
}

fn run_in(mut world: World, seed: u64) -> Run {
    let outcome = catch_unwind(AssertUnwindSafe(|| run_world(&mut world)));
    let mut violations = std::mem::take(&mut world.checks.violations);
    if let Err(panic) = outcome {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        violations.push(format!("an assertion failed: {}", text.unwrap_or_default()));
    }
    world.seen.spanning = world.checks.spanning;
    Run { seed, violations, seen: world.seen, digest: world.digest }
}

/// Trouble, then peace until everything owed is delivered, then the audit.
fn run_world(world: &mut World) {
    let mut actors: Vec<Box<dyn Actor>> = vec![
        Box::new(Producer::new(1, 0..LANES.len())),
        Box::new(Producer::new(2, 0..LANES.len())),
        Box::new(Producer::new(3, 0..2)),
        Box::new(Careless::new(4)),
        Box::new(Member::new(None)),
        Box::new(Member::new(None)),
        Box::new(Member::new(Some("static-1"))),
        Box::new(Outsider::new()),
        Box::new(Reader::new(0..LANES.len())),
        Box::new(Reader::new(1..4)),
        Box::new(Admin::new()),
    ];
    for me in 0..actors.len() {
        let at = 1 + world.rng.below(50);
        world.at(at, Event::Wake(me));
    }
    let mut next_crash = Crash::plan(world);
    while world.checks.violations.is_empty() && !(world.seen.steps >= STEPS && world.seen.crashes >= CRASHES && world.seen.full_disks > 0) {
        if next_crash.is_due(world) {
            world.crash();
            next_crash = Crash::plan(world);
        }
        world.step(&mut actors);
        compare_images(world);
    }
    settle(world, &mut actors);
    if world.checks.violations.is_empty() {
        let store = world.store().clone();
        world.checks.audit(&store);
    }
}

/// When the next crash comes: at some moment, or while a plan is on its way to the disk.
struct Crash {
    after_ms: u64,
    in_commit: bool,
}

impl Crash {
    fn plan(world: &mut World) -> Crash {
        Crash { after_ms: world.now_ms + 400 + world.rng.below(2_000), in_commit: world.rng.below(2) == 0 }
    }

    fn is_due(&self, world: &World) -> bool {
        world.now_ms >= self.after_ms && (!self.in_commit || !world.is_quiet())
    }
}

fn settle(world: &mut World, actors: &mut [Box<dyn Actor>]) {
    world.faults = false;
    actors.iter_mut().for_each(|actor| actor.settle());
    let until_ms = world.now_ms + SETTLE_MS;
    while world.checks.violations.is_empty() && !actors.iter().all(|actor| actor.is_settled()) {
        if !world.step(actors) || world.now_ms > until_ms {
            let stuck: Vec<usize> = (0..actors.len()).filter(|me| !actors[*me].is_settled()).collect();
            let why: Vec<String> = stuck.iter().map(|me| actors[*me].describe()).collect();
            world.checks.violation(format!("actors {stuck:?} never came to rest: {why:?}"));
        }
    }
    // Parked answers may still be out; then all is on disk.
    while world.checks.violations.is_empty() && !world.is_quiet() && world.step(actors) {}
    compare_images(world);
}

/// Whenever nothing is on its way to the disk, state built from the disk must be the state that lives.
fn compare_images(world: &mut World) {
    if !world.is_quiet() || world.rng.below(30) > 0 {
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
        let (live, stored) = (format!("{live:?}"), format!("{stored:?}"));
        let at = live.bytes().zip(stored.bytes()).position(|(a, b)| a != b).unwrap_or_default().saturating_sub(60);
        let excerpt = |text: &str| text.chars().skip(at).take(110).collect::<String>();
        world.checks.violation(format!("live state and stored state differ: ...{} | ...{}", excerpt(&live), excerpt(&stored)));
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// The beginning of a violation.
fn brief(what: &str) -> String {
    what.chars().take(300).collect()
}

fn report(run: &Run) -> String {
    let shown = run.violations.iter().take(3).map(|what| brief(what)).collect::<Vec<_>>().join("\n  ");
    format!("seed {} (replay: MONOLOG_SIM_SEED={} cargo test --test sim)\n  {shown}", run.seed, run.seed)
}

#[test]
fn seeds_hold_every_invariant() {
    let seeds = match number("MONOLOG_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("MONOLOG_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let share = |n: u64| seeds.clone().filter(move |seed| seed % threads == n).map(run).collect::<Vec<Run>>();
        let workers: Vec<_> = (0..threads).map(|n| scope.spawn(move || share(n))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("runs catch panics")).collect()
    });
    let failed: Vec<String> = runs.iter().filter(|run| !run.violations.is_empty()).map(report).collect();
    assert!(failed.is_empty(), "{} of {} seeds failed\n{}", failed.len(), runs.len(), failed.join("\n"));
    every_kind_of_event_happened(&runs);
}

/// One of the counters.
type Count = fn(&Seen) -> u64;

fn every_kind_of_event_happened(runs: &[Run]) {
    let all = |count: Count| runs.iter().map(|run| count(&run.seen)).sum::<u64>();
    assert!(runs.iter().all(|run| run.seen.steps >= STEPS && run.seen.crashes >= CRASHES && run.seen.full_disks > 0));
    let kinds: [(&str, Count); 26] = [
        ("steps", |s| s.steps),
        ("crashes", |s| s.crashes),
        ("crashes that lost the plan under way", |s| s.crashes_in_commit_lost),
        ("crashes that kept it", |s| s.crashes_in_commit_kept),
        ("full disks", |s| s.full_disks),
        ("full disks found by housekeeping", |s| s.short_disks),
        ("broken disks", |s| s.fatal_disks),
        ("slow syncs", |s| s.slow_syncs),
        ("rests", |s| s.rests),
        ("lost connections", |s| s.lost_connections),
        ("connections closed by the broker", |s| s.closed_connections),
        ("jumps of the wall clock", |s| s.clock_jumps),
        ("cold reads", |s| s.cold_reads),
        ("acked batches", |s| s.acks),
        ("batches stored without an ack", |s| s.unasked_acks),
        ("batches to be sent again", |s| s.retries),
        ("plans filled to the brim", |s| s.full_plans),
        ("produces whose batches are in several plans", |s| s.spanning),
        ("answers to JoinGroup", |s| s.rebalances),
        ("offsets committed by members", |s| s.commits),
        ("offsets committed from outside", |s| s.outside_commits),
        ("deleted topics", |s| s.topics_deleted),
        ("cuts by retention", |s| s.cuts),
        ("fetches out of range", |s| s.out_of_range),
        ("partitions taken out of a session", |s| s.forgotten),
        ("comparisons of live and stored state", |s| s.images_compared),
    ];
    let counts: Vec<String> = kinds.iter().map(|(kind, count)| format!("{} {kind}", all(*count))).collect();
    println!("{} seeds: {}", runs.len(), counts.join(", "));
    let missing: Vec<&str> = kinds.iter().filter(|(_, count)| all(*count) == 0).map(|(kind, _)| *kind).collect();
    assert!(runs.len() < 100 || missing.is_empty(), "in {} seeds there were none of these: {missing:?}", runs.len());
}

#[test]
fn a_seed_is_a_run() {
    for seed in 1..4 {
        let digest = || {
            let mut world = World::new(seed);
            world.digest = Some(seed);
            run_in(world, seed).digest
        };
        assert_eq!(digest(), digest(), "seed {seed} ran differently the second time");
    }
}
