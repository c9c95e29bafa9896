//! The broker over TCP: one list of cases, run for each store and number of reactors against the real binary; and its front
//! door, HTTP and the command line. `MONOLOG_IT_CASE` picks cases by a part of their name. With `MONOLOG_IT_BOOTSTRAP` the cases
//! run against a broker that is there already, so that what they expect can be tried on Apache Kafka.

mod admin;
mod api_versions;
mod backup;
mod bad_input;
mod broker;
mod cli;
mod configs;
mod configs_alter;
mod fetch;
mod groups;
mod groups_completing;
mod groups_static;
mod http;
mod http_api;
mod http_guard;
mod idempotence;
mod librdkafka;
mod list_offsets;
mod member;
mod memory;
mod metadata;
mod offsets;
mod pipelining;
mod produce;
mod service;
mod sessions;
mod settings;
mod settings_files;
mod signals;
mod target;
mod topics;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use target::{Case, Target};

/// Cases at work at once; most of them wait.
const AT_ONCE: usize = 24;

#[test]
fn sqlite_with_one_reactor() {
    on_monolog("sqlite", 1);
}

#[test]
fn sqlite_with_two_reactors() {
    on_monolog("sqlite", 2);
}

#[test]
fn sqlite_with_four_reactors() {
    on_monolog("sqlite", 4);
}

#[test]
fn memory_with_one_reactor() {
    on_monolog("sqlite:memory", 1);
}

#[test]
fn memory_with_two_reactors() {
    on_monolog("sqlite:memory", 2);
}

#[test]
fn memory_with_four_reactors() {
    on_monolog("sqlite:memory", 4);
}

#[test]
fn a_broker_elsewhere() {
    if let Ok(kafka) = std::env::var("MONOLOG_IT_BOOTSTRAP") {
        let target = Target::elsewhere(&kafka);
        target.await_coordinators();
        run(&target, |case| !case.ours);
    }
}

fn on_monolog(storage: &str, reactors: u32) {
    if std::env::var_os("MONOLOG_IT_BOOTSTRAP").is_none() {
        let target = Target::start(storage, reactors);
        run(&target, |_| true);
        target.stop();
    }
}

/// Every case there is; those that have to wait longest come first.
fn all_cases() -> impl Iterator<Item = &'static Case> {
    [
        groups::CASES,
        groups_static::CASES,
        groups_completing::CASES,
        librdkafka::CASES,
        bad_input::CASES,
        sessions::CASES,
        fetch::CASES,
        offsets::CASES,
        produce::CASES,
        idempotence::CASES,
        pipelining::CASES,
        list_offsets::CASES,
        topics::CASES,
        metadata::CASES,
        configs::CASES,
        configs_alter::CASES,
        admin::CASES,
        api_versions::CASES,
        http::CASES,
        http_api::CASES,
    ]
    .into_iter()
    .flatten()
}

fn run(target: &Target, wanted: impl Fn(&Case) -> bool) {
    let part = std::env::var("MONOLOG_IT_CASE").unwrap_or_default();
    let cases: Vec<&Case> = all_cases().filter(|case| wanted(case) && case.name.contains(&part)).collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(cases.len()) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    if catch_unwind(AssertUnwindSafe(|| (case.run)(target))).is_err() {
                        failed.lock().unwrap().push(case.name);
                    }
                    println!("{} {:.1?}", case.name, begun.elapsed());
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} cases failed: {failed:#?}", failed.len(), cases.len());
}
