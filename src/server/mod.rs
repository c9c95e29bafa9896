//! Composition: chooses the store, builds everything, starts the threads, and ends them in order. Builders first, then queues,
//! then threads. Called by `cli serve`.

mod clock;
mod driver;
pub mod failure;
mod listen;
mod machine;
mod start;
mod stop;
mod storage;

use crate::config::settings::Settings;
use crossbeam_channel::{Sender, unbounded};
use failure::{Failure, system};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use stop::Watch;

/// What the main thread is told while the broker runs.
#[derive(Debug)]
enum Event {
    /// SIGTERM or SIGINT.
    Signal,
    /// The store is not used again.
    StoreBroken(String),
    /// The engine has answered and committed everything, or cannot go on.
    EngineEnded,
    /// The storage thread has closed the store, or not.
    StorageEnded(Result<(), String>),
    /// A thread that the broker cannot do without has ended.
    ThreadFailed(String),
}

/// Runs a broker until a signal ends it, or a failure.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let (events, happened) = unbounded();
    listen_to_signals(events.clone())?;
    // Files of ours are for us alone, whatever the shell says.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let running = start::start(settings, events)?;
    say(&running.lines);
    Watch::new(happened).run(running)
}

fn listen_to_signals(events: Sender<Event>) -> Result<(), Failure> {
    // A write beyond a limit on file sizes (ulimit -f, LimitFSIZE) is to fail as an error of the store, not to kill us in its midst.
    signal_hook::flag::register(SIGXFSZ, Arc::<AtomicBool>::default()).map_err(system("signal handlers"))?;
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(system("signal handlers"))?;
    spawn("signals", move || {
        for _ in signals.forever() {
            let _ = events.send(Event::Signal);
        }
    })?;
    Ok(())
}

/// Nobody may be reading; that is no reason to stop.
fn say(lines: &[String]) {
    let mut out = std::io::stdout().lock();
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    let _ = out.flush();
}

fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, Failure> {
    std::thread::Builder::new().name(name.to_string()).spawn(run).map_err(system("a thread"))
}
