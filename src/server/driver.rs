//! The engine's turns: each takes the mail that is there, lets the engine decide, carries out what it says. The engine thread
//! sleeps until mail comes or a deadline of the engine is due; the storage thread has a turn with every outcome.

use super::clock::Clock;
use super::storage::Job;
use crate::base::limits::MAILBOXES_MAX;
use crate::engine::Engine;
use crate::mail::channel::Post;
use crate::mail::cold::ColdJob;
use crate::mail::input::{Input, Outcome};
use crate::mail::mailbox::{EngineInbox, EngineSender, ReactorMail, ReactorSender, Urgency};
use crate::mail::output::Output;
use crossbeam_channel::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Inputs decided before outputs leave: what gathers while one batch is decided is the next one.
const BATCH_MAX: usize = 1_024;

/// The engine and its mailbox. Whoever has something for it that cannot wait gives it a turn: its own thread when mail comes or
/// a deadline is due, the storage thread when a plan is done.
pub struct Driver {
    /// Its mailbox; waited at by its own thread, emptied only in a turn.
    inbox: EngineInbox,
    /// Wakes its own thread.
    engine_mail: EngineSender,
    /// `None` once the engine has ended. With it go the ways to the storage and cold threads.
    turns: Mutex<Option<Turns>>,
    clock: Clock,
}

/// The engine, and where its outputs go.
pub struct Turns {
    /// The engine.
    pub engine: Engine,
    /// Answers.
    pub reactors: Arc<[ReactorSender]>,
    /// Plans.
    pub storage: Post<Job>,
    /// Old data.
    pub cold: Sender<ColdJob>,
    /// When its own thread wakes by itself, monotonic ms; `None`: it does not.
    pub wakes_at_ms: Option<u64>,
}

impl Driver {
    /// Of an engine that is to have its first turn.
    pub fn new(turns: Turns, inbox: EngineInbox, engine_mail: EngineSender, clock: Clock) -> Driver {
        Driver { inbox, engine_mail, turns: Mutex::new(Some(turns)), clock }
    }

    /// The engine's own thread: runs until the engine says that it has stopped, or cannot go on.
    pub fn run(&self) {
        while self.lock().is_some() {
            self.inbox.mail.wait(|| self.timeout());
            self.turn(None);
        }
    }

    /// The storage thread's turn after a plan, in place of a letter and two wake-ups: the answers leave, and the plan that
    /// gathered meanwhile lies there when this returns. Where the storage thread rests first, it has a second turn after that.
    pub fn plan_is_done(&self, outcome: Outcome) {
        let (rest, followers) = (outcome.rest, &self.inbox.followers);
        let before = followers.seen();
        self.turn_of_storage(Input::Committed(Box::new(outcome)));
        if let Some(rest) = rest {
            let released = self.lock().as_ref().map_or(0, |turns| turns.engine.released_produces());
            followers.wait(before, released, rest);
            self.turn_of_storage(Input::Rested);
        }
    }

    /// Likewise, so that it comes after what the storage thread said before: whether the disk has room.
    pub fn room_is_known(&self, has_room: bool) {
        self.turn_of_storage(Input::Room(has_room));
    }

    fn turn_of_storage(&self, says: Input) {
        if self.turn(Some(says)) {
            self.engine_mail.ring(Urgency::Now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Turns>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the engine's thread may sleep; not at all where the engine has ended.
    fn timeout(&self) -> Option<Duration> {
        let mut turns = self.lock();
        let Some(turns) = turns.as_mut() else { return Some(Duration::ZERO) };
        turns.wakes_at_ms = turns.engine.next_deadline_ms();
        turns.wakes_at_ms.map(|at| Duration::from_millis(at.saturating_sub(self.clock.mono_ms())))
    }

    /// One turn; what the storage thread says comes first. Returns whether the engine's own thread has to look: there is more mail, less
    /// time to sleep, or an end.
    fn turn(&self, from_storage: Option<Input>) -> bool {
        let mut guard = self.lock();
        let Some(turns) = guard.as_mut() else { return true };
        if from_storage.as_ref().is_some_and(Input::is_storage_free) {
            self.inbox.set_committing(false);
        }
        let inputs: Vec<Input> = from_storage.into_iter().chain(self.inbox.mail.try_iter().take(BATCH_MAX)).collect();
        // Read after the last of them came: none is stamped with a time before it was sent.
        let now = self.clock.now();
        let inputs_were_many = inputs.len() > BATCH_MAX;
        inputs.into_iter().for_each(|input| turns.engine.handle(now, input));
        turns.engine.tick(now);
        let outputs = turns.engine.take_outputs();
        if !turns.carry_out(outputs, &self.inbox) {
            *guard = None;
            return true;
        }
        let is_earlier = turns.engine.next_deadline_ms().is_some_and(|next| turns.wakes_at_ms.is_none_or(|at| next < at));
        is_earlier || inputs_were_many
    }
}

impl Turns {
    /// Carries out what one turn of the engine asks for: all letters first, then the bells, that of the storage thread before the
    /// reactors'. Whoever is woken may take this core. False: that was the last turn.
    fn carry_out(&self, outputs: Vec<Output>, inbox: &EngineInbox) -> bool {
        let mut to_ring = [false; MAILBOXES_MAX];
        let mut goes_on = true;
        for output in outputs {
            match output {
                Output::Answer { to, response, charge } => {
                    self.post(to.conn.reactor, ReactorMail::Answer { to, response, charge }, &mut to_ring)
                }
                Output::View { to, view, charge } => self.post(to.conn.reactor, ReactorMail::View { to, view, charge }, &mut to_ring),
                Output::Close(conn) => self.post(conn.reactor, ReactorMail::Close(conn), &mut to_ring),
                Output::Commit(plan) => {
                    inbox.set_committing(true);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::ConnId;
    use crate::base::text::Text;
    use crate::mail::channel::{Closed, Inbox, channel};
    use crate::mail::input::{Envelope, Peer, Refusal, ReplyTo};
    use crate::mail::mailbox::engine_mailbox;
    use crate::state::topics::tests::broker;
    use crate::store::plan::{Image, Plan};
    use crate::wire::message::Request;
    use crate::wire::message::create_topics::{CreatableTopic, CreateTopicsRequest};

    fn driver() -> (Arc<Driver>, Inbox<Job>) {
        let (engine_mail, inbox) = engine_mailbox();
        let (storage, jobs) = channel();
        let clock = Clock::start();
        let engine = Engine::new(Image::default(), broker(), 1, clock.now());
        let turns = Turns { engine, reactors: Arc::new([]), storage, cold: crossbeam_channel::unbounded().0, wakes_at_ms: None };
        (Arc::new(Driver::new(turns, inbox, engine_mail, clock)), jobs)
    }

    /// Leaves a request for a topic, without a bell.
    fn ask_for(driver: &Driver, topic: &'static str) {
        let topic = CreatableTopic { name: Text::from_static(topic), num_partitions: 1, replication_factor: 1, ..Default::default() };
        let host = Text::from_static("/127.0.0.1");
        driver.engine_mail.post(Input::Request(Box::new(Envelope {
            to: ReplyTo { conn: ConnId { reactor: 0, slot: 0, generation: 0 }, seq: 0 },
            api_version: 7,
            correlation_id: 0,
            client_id: None,
            peer: Arc::new(Peer { advertised_host: host.clone(), host, advertised_port: 9092 }),
            request: Request::CreateTopics(CreateTopicsRequest { topics: vec![topic], ..Default::default() }),
            batches: Vec::new(),
            charge: None,
            is_atomic: false,
        })));
    }

    fn outcome(plan: Plan, result: Result<(), Refusal>) -> Outcome {
        Outcome { plan, result, rest: None }
    }

    fn plan(jobs: &Inbox<Job>) -> Option<Plan> {
        match jobs.try_recv() {
            Ok(Some(Job::Commit(plan))) => Some(plan),
            _ => None,
        }
    }

    #[test]
    fn what_gathered_during_a_commit_is_the_next_plan_once_it_is_done() {
        let (driver, jobs) = driver();
        ask_for(&driver, "one");
        driver.turn(None);
        let first = plan(&jobs).expect("a plan for the first topic");
        ask_for(&driver, "two");
        driver.turn(None);
        ask_for(&driver, "three");
        assert!(plan(&jobs).is_none(), "one plan at a time is committed");
        driver.plan_is_done(outcome(first, Ok(())));
        let second = plan(&jobs).expect("a plan for what came meanwhile");
        driver.plan_is_done(outcome(second, Ok(())));
        assert!(plan(&jobs).is_none() && driver.inbox.mail.unread() == 0, "all mail was taken");
    }

    #[test]
    fn after_a_rest_there_is_a_turn_with_what_came_meanwhile() {
        let (driver, jobs) = driver();
        ask_for(&driver, "one");
        driver.turn(None);
        ask_for(&driver, "two");
        // Nobody was answered who produces, so there is nobody to wait for.
        let rest = Some(Duration::from_secs(3_600));
        driver.plan_is_done(Outcome { rest, ..outcome(plan(&jobs).expect("a plan for the first topic"), Ok(())) });
        driver.plan_is_done(outcome(plan(&jobs).expect("a plan for the second"), Ok(())));
        assert_eq!(driver.inbox.mail.unread(), 0);
    }

    #[test]
    fn its_own_thread_learns_of_a_deadline_that_another_found() {
        let (driver, jobs) = driver();
        ask_for(&driver, "one");
        driver.turn(None);
        assert_eq!(driver.timeout(), None, "it sleeps without an end");
        // A full disk is tried again after a while.
        let full = Refusal::Full(Box::default());
        let refused = Input::Committed(Box::new(outcome(plan(&jobs).expect("a plan"), Err(full))));
        assert!(driver.turn(Some(refused)), "it has to look");
        assert!(driver.timeout().is_some());
        assert!(!driver.turn(None), "it knows");
    }

    #[test]
    fn an_end_that_another_thread_finds_ends_its_own_and_lets_go_of_the_storage_thread() {
        let (driver, jobs) = driver();
        ask_for(&driver, "one");
        driver.turn(None);
        let last = plan(&jobs).expect("a plan");
        driver.engine_mail.post(Input::Stop);
        let own = std::thread::spawn({
            let driver = driver.clone();
            move || driver.run()
        });
        driver.plan_is_done(outcome(last, Ok(())));
        own.join().expect("it ends");
        assert!(matches!(jobs.recv(None), Err(Closed)));
    }
}
