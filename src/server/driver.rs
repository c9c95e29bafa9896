//! The engine thread: takes mail in batches, lets the engine decide, carries out what it says. Sleeps until mail comes or a
//! deadline of the engine is due.

use super::clock::Clock;
use super::storage::Job;
use crate::engine::Engine;
use crate::mail::cold::ColdJob;
use crate::mail::input::Input;
use crate::mail::mailbox::{ReactorMail, ReactorSender};
use crate::mail::output::Output;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::time::Duration;

/// Inputs decided before outputs leave: what gathers while one batch is decided is the next one.
const BATCH_MAX: usize = 1_024;

/// Where the engine's outputs go.
pub struct Driver {
    /// Its mailbox.
    pub inbox: Receiver<Input>,
    /// Answers.
    pub reactors: Arc<[ReactorSender]>,
    /// Plans.
    pub storage: Sender<Job>,
    /// Old data.
    pub cold: Sender<ColdJob>,
    /// Its time.
    pub clock: Clock,
}

impl Driver {
    /// Runs until the engine says that it has stopped, or cannot go on. With it go the ways to the storage and cold threads.
    pub fn run(self, mut engine: Engine) {
        loop {
            // The sender of this mailbox is never gone: the storage and cold threads hold one.
            let first = match engine.next_deadline_ms() {
                None => self.inbox.recv().ok(),
                Some(at) => self.inbox.recv_timeout(Duration::from_millis(at.saturating_sub(self.clock.mono_ms()))).ok(),
            };
            let now = self.clock.now();
            for input in first.into_iter().chain(self.inbox.try_iter().take(BATCH_MAX)) {
                engine.handle(now, input);
            }
            engine.tick(now);
            for output in engine.take_outputs() {
                if !self.carry_out(output) {
                    return;
                }
            }
        }
    }

    /// False: that was the last.
    fn carry_out(&self, output: Output) -> bool {
        match output {
            Output::Answer { to, response } => self.tell(to.conn.reactor, ReactorMail::Answer { to, response }),
            Output::Close(conn) => self.tell(conn.reactor, ReactorMail::Close(conn)),
            // Both threads live as long as this one can write to them.
            Output::Commit(plan) => drop(self.storage.send(Job::Commit(plan))),
            Output::Probe => drop(self.storage.send(Job::Probe)),
            Output::Cold(job) => drop(self.cold.send(job)),
            Output::Halt | Output::Stopped => return false,
        }
        true
    }

    fn tell(&self, reactor: u16, mail: ReactorMail) {
        if let Some(sender) = self.reactors.get(usize::from(reactor)) {
            sender.send(mail);
        }
    }
}
