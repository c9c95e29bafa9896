//! The proof of the simulator: each bug of `base/planted.rs` is planted in turn, and seeds are run until one fails.

use crate::{brief, run};
use monolog::base::planted::{Bug, plant};

/// Seeds that a bug may survive. Most are found by the first.
const SEEDS_MAX: u64 = 60;

/// Runs seeds with a bug until one fails: the seed, and the first violation.
fn find(bug: Bug) -> Option<(u64, String)> {
    plant(Some(bug));
    let found = (1..=SEEDS_MAX).find_map(|seed| run(seed).violations.first().map(|what| (seed, brief(what))));
    plant(None);
    found
}

#[test]
fn every_planted_bug_is_found() {
    let found: Vec<(Bug, Option<(u64, String)>)> = std::thread::scope(|scope| {
        let half = |n: usize| Bug::ALL.into_iter().skip(n).step_by(2).map(|bug| (bug, find(bug))).collect::<Vec<_>>();
        let workers = [scope.spawn(move || half(0)), scope.spawn(move || half(1))];
        workers.into_iter().flat_map(|worker| worker.join().expect("runs catch panics")).collect()
    });
    for (bug, found) in &found {
        println!("{bug:?}: {found:?}");
    }
    let survivors: Vec<Bug> = found.iter().filter(|(_, found)| found.is_none()).map(|(bug, _)| *bug).collect();
    assert!(survivors.is_empty(), "not found in {SEEDS_MAX} seeds: {survivors:?}");
}

#[test]
fn without_a_bug_the_first_seeds_pass() {
    plant(None);
    assert!((1..=3).all(|seed| run(seed).violations.is_empty()));
}
