//! A disk whose calls fail: the broker answers, ends with its own exit code, and what was acked before is there afterwards. The
//! failures are injected by strace into the unchanged binary.

use crate::broker::{Broker, Ended, clean, serve};
use crate::load::{Load, await_acks};
use crate::{skip, works};
use crossbeam_channel::unbounded;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// By then every failure has happened.
const ACKS_MAX: u64 = 20_000;

/// The binary under strace, which writes down the calls in question and lets them fail as `inject` says. strace counts the calls
/// of each thread for itself.
pub fn failing(data_dir: &Path, calls: &str, inject: &str, trace: &Path) -> Command {
    let inner = serve(data_dir, &[]);
    let mut command = Command::new("strace");
    // -D: the broker stays our child.
    command.args(["-D", "-f", "-q", "-y", "-e", &format!("trace={calls}"), "-e", &format!("inject={inject}"), "-o"]).arg(trace);
    // Only these: the directory has a test of its own.
    command.arg("-P").arg(data_dir.join("monolog.db")).arg("-P").arg(data_dir.join("monolog.db-wal"));
    command.arg(inner.get_program()).args(inner.get_args());
    clean(command)
}

/// Whether the above can be had here.
pub fn strace_works() -> bool {
    let possible = works("strace", &["-D", "-f", "-q", "-e", "inject=fsync:error=EIO:when=99", "true"]);
    if !possible {
        skip("failing calls: there is no strace that may trace");
    }
    possible
}

/// Load until it ends, which it must do by itself.
fn until_it_ends(broker: Broker, load: &mut Load) -> Ended {
    std::thread::scope(|scope| {
        let ((tell, acks), kafka) = (unbounded(), broker.kafka);
        scope.spawn(move || load.run(kafka, &tell));
        let mut acked = 0;
        while let Ok(more) = acks.recv() {
            acked += more;
            if acked > ACKS_MAX {
                broker.kill();
                panic!("it goes on");
            }
        }
        broker.end()
    })
}

fn fails_and_comes_back(call: &str, error: &str, nth: u32) {
    let dir = TempDir::new().unwrap();
    let (data, trace) = (dir.path().join("data"), dir.path().join("trace"));
    let mut load = Load::new();
    // So much for the first start; the failure is to hit a broker that has data.
    let broker = Broker::start(serve(&data, &[])).unwrap();
    std::thread::scope(|scope| {
        let ((tell, acks), kafka, load) = (unbounded(), broker.kafka, &mut load);
        scope.spawn(move || load.run(kafka, &tell));
        await_acks(&acks, 50);
        broker.kill();
    });
    let what = format!("{call} number {nth}");
    match Broker::start(failing(&data, "fsync,fdatasync,pwrite64,ftruncate", &format!("{call}:error={error}:when={nth}"), &trace)) {
        Ok(broker) => {
            let ended = until_it_ends(broker, &mut load);
            assert_eq!(ended.status.code(), Some(5), "{what}: {ended:?}");
            assert!(!ended.stderr.contains("panicked") && ended.stderr.contains("store"), "{what}: {}", ended.stderr);
        }
        // It failed before it served.
        Err(ended) => assert_eq!((ended.status.code(), ended.stderr.contains("panicked")), (Some(5), false), "{what}: {ended:?}"),
    }
    let calls = std::fs::read_to_string(&trace).unwrap();
    let failed = calls.lines().position(|line| line.contains("(INJECTED)")).unwrap_or_else(|| panic!("{what} was not made to fail"));
    if call == "fsync" {
        // The kernel forgets a failed write-back: asking again would get a yes for pages that are not there.
        let file = |line: &str| line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path.to_string());
        let suspect = calls.lines().nth(failed).and_then(file);
        let again = calls.lines().skip(failed + 1).find(|line| line.contains("fsync(") && file(line) == suspect);
        assert_eq!(again, None, "{what}: a file that failed is synced again");
    }
    let broker = Broker::start(serve(&data, &[])).unwrap_or_else(|ended| panic!("after {what}: {ended:?}"));
    load.audit(broker.kafka);
    assert_eq!(broker.stop().status.code(), Some(0));
}

#[test]
fn a_failing_fsync_ends_it_and_loses_nothing() {
    if strace_works() {
        for nth in [1, 2, 3, 5, 10, 20, 40, 80] {
            fails_and_comes_back("fsync", "EIO", nth);
        }
    }
}

#[test]
fn a_failing_write_ends_it_and_loses_nothing() {
    if strace_works() {
        for nth in [1, 2, 3, 5, 60, 130, 300] {
            fails_and_comes_back("pwrite64", "EIO", nth);
        }
    }
}

/// A new name that is not in its directory on the disk is gone with the power, and all that was acked with it.
#[test]
fn a_directory_that_cannot_be_synced_is_no_place_to_start() {
    if !strace_works() {
        return;
    }
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let inner = serve(&data, &[]);
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-q", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1+", "-o", "/dev/null", "-P"]).arg(&data);
    command.arg(inner.get_program()).args(inner.get_args());
    let ended = Broker::start(clean(command)).map(|broker| broker.kill()).unwrap_err();
    assert_eq!(ended.status.code(), Some(5), "{ended:?}");
    assert!(ended.stderr.contains("cannot sync the directory"), "{}", ended.stderr);
    assert_eq!(Broker::start(serve(&data, &[])).unwrap().stop().status.code(), Some(0));
}
