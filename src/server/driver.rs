//! The engine thread: takes mail in batches, lets the engine decide, carries out what it says. Sleeps until mail comes or a
//! deadline of the engine is due.

use super::clock::Clock;
use super::storage::Job;
use crate::base::limits::MAILBOXES_MAX;
use crate::engine::Engine;
use crate::mail::channel::Post;
use crate::mail::cold::ColdJob;
use crate::mail::input::Input;
use crate::mail::mailbox::{EngineInbox, ReactorMail, ReactorSender};
use crate::mail::output::Output;
use crossbeam_channel::Sender;
use std::sync::Arc;
use std::time::Duration;

/// Inputs decided before outputs leave: what gathers while one batch is decided is the next one.
const BATCH_MAX: usize = 1_024;

/// Where the engine's outputs go.
pub struct Driver {
    /// Its mailbox.
    pub inbox: EngineInbox,
    /// Answers.
    pub reactors: Arc<[ReactorSender]>,
    /// Plans.
    pub storage: Post<Job>,
    /// Old data.
    pub cold: Sender<ColdJob>,
    /// Its time.
    pub clock: Clock,
}

impl Driver {
    /// Runs until the engine says that it has stopped, or cannot go on. With it go the ways to the storage and cold threads.
    pub fn run(self, mut engine: Engine) {
        let mut inputs = Vec::new();
        loop {
            // The sender of this mailbox is never gone: the storage and cold threads hold one.
            let timeout = engine.next_deadline_ms().map(|at| Duration::from_millis(at.saturating_sub(self.clock.mono_ms())));
            let first = self.inbox.mail.recv(timeout).ok().flatten();
            inputs.extend(first.into_iter().chain(self.inbox.mail.try_iter().take(BATCH_MAX)));
            // Read after the last of them came: none is stamped with a time before it was sent.
            let now = self.clock.now();
            for input in inputs.drain(..) {
                if let Input::Committed(_) = input {
                    self.inbox.set_committing(false);
                }
                engine.handle(now, input);
            }
            engine.tick(now);
            if !self.carry_out(engine.take_outputs()) {
                return;
            }
        }
    }

    /// Carries out what one turn of the engine asks for: all letters first, then the bells, that of the storage thread before the
    /// reactors'. Whoever is woken may take this core. False: that was the last turn.
    fn carry_out(&self, outputs: Vec<Output>) -> bool {
        let mut to_ring = [false; MAILBOXES_MAX];
        let mut goes_on = true;
        for output in outputs {
            match output {
                Output::Answer { to, response } => self.post(to.conn.reactor, ReactorMail::Answer { to, response }, &mut to_ring),
                Output::View { to, view } => self.post(to.conn.reactor, ReactorMail::View { to, view }, &mut to_ring),
                Output::Close(conn) => self.post(conn.reactor, ReactorMail::Close(conn), &mut to_ring),
                Output::Commit(plan) => {
                    self.inbox.set_committing(true);
                    self.storage.post(Job::Commit(plan));
                }
                Output::Probe => self.storage.post(Job::Probe),
                Output::Cold(job) => drop(self.cold.send(job)),
                Output::Halt | Output::Stopped => goes_on = false,
            }
        }
        self.storage.ring();
        self.reactors.iter().zip(to_ring).filter(|(_, to_ring)| *to_ring).for_each(|(reactor, _)| reactor.ring());
        goes_on
    }

    fn post(&self, reactor: u16, mail: ReactorMail, to_ring: &mut [bool; MAILBOXES_MAX]) {
        if let (Some(sender), Some(to_ring)) = (self.reactors.get(usize::from(reactor)), to_ring.get_mut(usize::from(reactor))) {
            sender.post(mail);
            *to_ring = true;
        }
    }
}
