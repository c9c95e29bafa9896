//! Ends a broker in order: nothing new is taken, everything taken is answered and committed, the store is closed. A second
//! signal ends it at once; what was acked is on disk either way.

use super::Event;
use super::failure::Failure;
use super::start::Running;
use crate::mail::input::Input;
use crate::mail::mailbox::ReactorMail;
use crossbeam_channel::{Receiver, bounded};
use log::{info, warn};
use std::process::exit;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Reactors that have not heard in so long are not waited for.
const DRAIN: Duration = Duration::from_millis(500);
/// With a broken store the process is gone within a second, whoever still waits.
const BROKEN: Duration = Duration::from_millis(300);

/// What has been heard of the threads.
pub struct Watch<R> {
    events: Receiver<Event>,
    reload: R,
    signals: u32,
    engine_ended: bool,
    storage_ended: bool,
    failure: Option<Failure>,
}

impl<R: FnMut()> Watch<R> {
    /// Of a broker that was just started; `reload` is called when it is to read its settings again.
    pub fn new(events: Receiver<Event>, reload: R) -> Watch<R> {
        Watch { events, reload, signals: 0, engine_ended: false, storage_ended: false, failure: None }
    }

    /// Waits until a signal or a failure ends the broker, and ends it.
    pub fn run(mut self, running: Running) -> Result<(), Failure> {
        self.until(None, |watch| watch.signals > 0 || watch.failure.is_some());
        if self.failure.is_none() {
            info!("stopping; a second signal ends the broker at once");
        }
        self.stop(running);
        self.failure.map_or(Ok(()), Err)
    }

    fn stop(&mut self, running: Running) {
        let Running { engine, reactors, cold, reactor_threads, health, http, .. } = running;
        health.stopping.store(true, Relaxed);
        let (done, drained) = bounded::<()>(0);
        reactors.iter().for_each(|reactor| reactor.send(ReactorMail::Drain(done.clone())));
        drop(done);
        // Nothing is ever sent: it ends when the last reactor has let go.
        let _ = drained.recv_timeout(DRAIN);
        engine.send(Input::Stop);
        let broken = matches!(self.failure, Some(Failure::Storage(_)));
        self.until(broken.then(|| Instant::now() + BROKEN), |watch| watch.engine_ended);
        reactors.iter().for_each(|reactor| reactor.send(ReactorMail::Finish));
        // Each ends by its own clock; one that failed has ended already.
        reactor_threads.into_iter().for_each(|thread| drop(thread.join()));
        // Nobody waits for these any more, and the store is not closed before its readers have ended.
        cold.try_iter().for_each(drop);
        if !broken {
            // The engine took the only way to the storage thread with it; what that one still does is to close the store.
            self.until(None, |watch| watch.storage_ended);
        }
        if let Some(http) = http {
            http.stop.stop();
            drop(http.guard.join());
        }
    }

    /// Takes events until what is waited for has come, or the time is over.
    fn until(&mut self, by: Option<Instant>, awaited: impl Fn(&Watch<R>) -> bool) {
        while !awaited(self) {
            let event = match by {
                None => self.events.recv().ok(),
                Some(by) => self.events.recv_deadline(by).ok(),
            };
            match event {
                Some(event) => self.take(event),
                None => return,
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the second signal ends the process where it stands")]
    fn take(&mut self, event: Event) {
        match event {
            Event::Signal => {
                self.signals += 1;
                if self.signals > 1 {
                    warn!("stopped at once by a second signal");
                    exit(1);
                }
            }
            Event::Reload => (self.reload)(),
            Event::StoreBroken(what) => self.failure = Some(Failure::Storage(what)),
            Event::EngineEnded => self.engine_ended = true,
            Event::StorageEnded(result) => {
                self.storage_ended = true;
                if let Err(what) = result {
                    self.failure = Some(Failure::Storage(what));
                }
            }
            Event::ThreadFailed(what) => self.failure = self.failure.take().or(Some(Failure::Other(what))),
        }
    }
}
