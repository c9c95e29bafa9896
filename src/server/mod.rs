//! Composition: chooses the store, builds everything, starts the threads, and ends them in order. Builders first, then queues,
//! then threads. Called by `cli serve`.

mod announce;
mod clock;
mod copy;
mod create_topics;
mod driver;
pub mod failure;
mod listen;
pub mod machine;
mod patience;
mod slice;
mod start;
mod stop;
mod storage;

use crate::config::settings::Settings;
use crossbeam_channel::{Sender, unbounded};
use failure::{Failure, system};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use stop::Watch;

/// What the main thread is told while the broker runs.
#[derive(Clone, Debug)]
enum Event {
    /// SIGTERM or SIGINT, or SIGHUP from a terminal.
    Signal,
    /// SIGHUP from anybody else.
    Reload,
    /// The store is not used again.
    StoreBroken(String),
    /// The engine has answered and committed everything, or cannot go on.
    EngineEnded,
    /// The storage thread has closed the store, or not.
    StorageEnded(Result<(), String>),
    /// A thread that the broker cannot do without has ended.
    ThreadFailed(String),
}

/// Runs a broker until a signal ends it, or a failure. `reload` is called on SIGHUP.
pub fn run(settings: &Settings, reload: impl FnMut()) -> Result<(), Failure> {
    let (events, happened) = unbounded();
    // Whoever closes the terminal of a broker ends it; a service is told to read its settings again.
    let hangup = if std::io::stderr().is_terminal() { Event::Signal } else { Event::Reload };
    listen_to_signals(events.clone(), hangup)?;
    // Files of ours are for us alone, whatever the shell says.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let running = start::start(settings, events)?;
    say(&running.lines);
    Watch::new(happened, reload).run(running)
}

fn listen_to_signals(events: Sender<Event>, hangup: Event) -> Result<(), Failure> {
    // A write beyond a limit on file sizes (ulimit -f, LimitFSIZE) is to fail as an error of the store, not to kill us in its midst.
    signal_hook::flag::register(SIGXFSZ, Arc::<AtomicBool>::default()).map_err(system("signal handlers"))?;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(system("signal handlers"))?;
    spawn("signals", move || {
        for signal in signals.forever() {
            let _ = events.send(if signal == SIGHUP { hangup.clone() } else { Event::Signal });
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

/// Starts a thread that clients wait for.
fn spawn_prompt<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, Failure> {
    spawn(name, move || {
        slice::shorten();
        run()
    })
}

fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, Failure> {
    std::thread::Builder::new().name(name.to_string()).spawn(run).map_err(system("a thread"))
}
