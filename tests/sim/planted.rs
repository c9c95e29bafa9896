//! The proof of the simulator: each bug of `base/planted.rs` is planted in turn, and seeds are run until one fails.

use crate::run;
use monolog::base::planted::{Bug, plant};

/// Seeds that a bug may survive. Most are found by the first.
const SEEDS_MAX: u64 = 60;

#[test]
fn every_planted_bug_is_found() {
    let mut survivors = Vec::new();
    for bug in Bug::ALL {
        let found = (1..=SEEDS_MAX).find_map(|seed| {
            // A bug may also be caught by an assertion of the engine itself.
            let outcome = std::panic::catch_unwind(|| {
                plant(Some(bug));
                run(seed).violations.into_iter().next()
            });
            plant(None);
            outcome.unwrap_or_else(|_| Some("an assertion failed".to_owned())).map(|what| (seed, what))
        });
        match found {
            Some((seed, what)) => println!("{bug:?}: seed {seed}: {}", what.chars().take(200).collect::<String>()),
            None => survivors.push(bug),
        }
    }
    assert!(survivors.is_empty(), "not found in {SEEDS_MAX} seeds: {survivors:?}");
}
