//! The real binary under faults: killed under load, on a full disk, with a disk that fails, with the power cut. What was acked
//! must be there afterwards, once, in order, at the offset that was told. `MONOLOG_CRASH_CYCLES` says how often it is killed.

mod audit;
#[allow(dead_code, reason = "tests/it uses the rest")]
#[path = "../it/broker.rs"]
mod broker;
mod disk_fails;
mod disk_full;
mod disk_slow;
mod kill;
mod load;
mod power;
mod replay;
mod rot;

/// Names what cannot be tried on this machine; where everything should be there, that is a failure.
fn skip(what: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "cannot run here: {what}");
    eprintln!("skipped: {what}");
}

/// Whether a command can be run at all.
fn works(program: &str, args: &[&str]) -> bool {
    std::process::Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}
