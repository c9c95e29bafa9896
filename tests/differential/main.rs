//! Requests go to Apache Kafka and to monolog in lockstep, and their answers are compared field by field. `scripts/differential`
//! starts both and runs this; what differs on purpose stands in DIFFERENCES.md. `MONOLOG_DIFFERENTIAL_CASE` picks scenarios by a
//! part of their name, `MONOLOG_DIFFERENTIAL_SEEDS` names a directory for the requests as seeds for fuzzing.

mod book;
mod cases;
mod codec;
mod compare;
mod content;
mod errors;
mod known;
mod link;
mod masks;
mod notation;
mod records;
mod run;
#[path = "../wire/schema.rs"]
#[expect(dead_code, reason = "tests/wire compares more of the schemas")]
mod schema;
mod seeds;
mod times;

use cases::Scenario;
use run::{Run, World};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Scenarios at work at once; those about groups mostly wait.
const AT_ONCE: usize = 12;
const KAFKA: &str = "MONOLOG_DIFFERENTIAL_KAFKA";
const MONOLOG: &str = "MONOLOG_DIFFERENTIAL_MONOLOG";

#[test]
fn monolog_answers_as_apache_kafka_does() {
    let (Ok(kafka), Ok(monolog)) = (std::env::var(KAFKA), std::env::var(MONOLOG)) else {
        eprintln!("SKIPPED monolog_answers_as_apache_kafka_does: no {KAFKA} and {MONOLOG}; scripts/differential starts both and sets them");
        return;
    };
    let world = World { addresses: [kafka, monolog], book: Mutex::default() };
    Run::new(&world, "start", 0).await_coordinators();

    let part = std::env::var("MONOLOG_DIFFERENTIAL_CASE").unwrap_or_default();
    let all = cases::all();
    let chosen: Vec<&Scenario> = all.iter().filter(|scenario| scenario.name.contains(&part)).collect();
    let begun = Instant::now();
    play(&world, &chosen.iter().copied().filter(|scenario| scenario.alone).collect::<Vec<_>>(), 1);
    play(&world, &chosen.iter().copied().filter(|scenario| !scenario.alone).collect::<Vec<_>>(), AT_ONCE);

    let book = world.book.into_inner().expect("the book");
    println!("{}{} scenarios in {:.0?}", book.counts(), chosen.len(), begun.elapsed());
    if let Some(dir) = std::env::var_os("MONOLOG_DIFFERENTIAL_SEEDS") {
        book.seeds.write(Path::new(&dir)).expect("the seeds can be written");
    }
    let faults = book.faults(part.is_empty());
    assert!(faults.is_empty(), "{} faults:\n  {}", faults.len(), faults.join("\n  "));
}

/// Plays each scenario in each of its versions.
fn play(world: &World, scenarios: &[&Scenario], at_once: usize) {
    let turns: Vec<(&Scenario, i16)> =
        scenarios.iter().flat_map(|&scenario| scenario.versions.clone().map(move |version| (scenario, version))).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(turns.len()) {
            scope.spawn(|| {
                while let Some((scenario, version)) = turns.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let turn = || (scenario.play)(&mut Run::new(world, scenario.name, *version), *version);
                    if catch_unwind(AssertUnwindSafe(turn)).is_err() {
                        world.book.lock().expect("the book").broken.push(format!("{} {version} could not go on", scenario.name));
                    }
                }
            });
        }
    });
}
