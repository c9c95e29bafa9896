//! The storage thread: one plan after another becomes one transaction after another, with housekeeping in between. It ends
//! when nobody can send it anything any more.

use super::clock::Clock;
use super::patience::Patience;
use crate::base::metrics;
use crate::http::health::Health;
use crate::mail::channel::{Closed, Inbox};
use crate::mail::input::{Outcome, Refusal};
use crate::store::plan::Plan;
use crate::store::seam::{StoreError, Upkeep, Writer};
use log::{error, warn};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long housekeeping waits after it found the disk full, whatever is committed meanwhile.
const FULL_PAUSE_MS: u64 = 1_000;
/// How often it tells of that.
const FULL_TOLD_MS: u64 = 60_000;
/// Housekeeping that has more to do is not put off for longer than so many plans: what comes in must not outrun what goes.
const PLANS_BEFORE_UPKEEP: u32 = 4;

/// What the storage thread is asked.
pub enum Job {
    /// Commit a plan; answered by an outcome.
    Commit(Plan),
    /// Try whether there is room; answered by `Input::Room`.
    Probe,
}

/// The storage thread's own.
pub struct Storage {
    /// The store.
    pub writer: Box<dyn Writer>,
    /// What is asked.
    pub jobs: Inbox<Job>,
    /// Told what became of a plan; the next one may be among the jobs when this returns.
    pub plan_is_done: Box<dyn Fn(Outcome) + Send>,
    /// Told whether the disk has room, when that changes and with every probe.
    pub room_is_known: Box<dyn Fn(bool) + Send>,
    /// Told of the same.
    pub health: Arc<Health>,
    /// For housekeeping.
    pub clock: Clock,
    /// For rests between commits.
    pub patience: Patience,
    /// The threads that read; they end when the engine does, and have let go of the store before it is closed.
    pub readers: Vec<JoinHandle<()>>,
}

impl Storage {
    /// Runs until all jobs are done and nobody can send another; then closes the store. `broken` is told at once of an error
    /// after which the store is not used again.
    pub fn run(mut self, broken: impl FnOnce(StoreError)) -> Result<(), StoreError> {
        match self.work() {
            Ok(()) => {
                self.readers.into_iter().for_each(|reader| drop(reader.join()));
                self.writer.close()
            }
            Err(error) => {
                error!("the store has failed and is not used again: {error}");
                broken(error.clone());
                self.refuse_all();
                // Closing the connections would write and sync once more, to a disk that has just lied: the process ends with them open.
                std::mem::forget(self.writer);
                Err(error)
            }
        }
    }

    fn work(&mut self) -> Result<(), StoreError> {
        // What a start leaves to be done, a checkpoint above all, is done once somebody can be served.
        let mut upkeep = Upkeep::Again;
        let mut plans_since = 0;
        let mut paused_until_ms = None;
        let mut tell_at_ms = 0;
        loop {
            self.tell_if_short();
            let job = if plans_since >= PLANS_BEFORE_UPKEEP && self.is_due(upkeep) { Ok(None) } else { self.next_job(upkeep) };
            match job {
                Ok(Some(Job::Commit(plan))) => {
                    self.commit(plan)?;
                    upkeep = paused_until_ms.map_or(Upkeep::Again, Upkeep::At);
                    plans_since += 1;
                }
                Ok(Some(Job::Probe)) => {
                    let has_room = self.probe()?;
                    (self.room_is_known)(has_room);
                }
                Ok(None) => {
                    plans_since = 0;
                    paused_until_ms = None;
                    upkeep = match self.writer.upkeep(self.clock.mono_ms()) {
                        Err(StoreError::Full(what)) => {
                            let now_ms = self.clock.mono_ms();
                            if now_ms >= tell_at_ms {
                                warn!("housekeeping waits for room: {what}");
                                tell_at_ms = now_ms + FULL_TOLD_MS;
                            }
                            Upkeep::At(*paused_until_ms.insert(now_ms + FULL_PAUSE_MS))
                        }
                        result => result?,
                    };
                }
                Err(Closed) => return Ok(()),
            }
        }
    }

    /// What nobody was refused for yet: the store was opened on a full disk, or housekeeping met one.
    fn tell_if_short(&self) {
        if self.writer.is_short() && self.becomes_read_only("the disk of the data directory is full, or nearly") {
            (self.room_is_known)(false);
        }
    }

    /// Says so once, until a probe finds room.
    fn becomes_read_only(&self, why: &str) -> bool {
        let is_news = !self.health.read_only.swap(true, Relaxed);
        if is_news {
            warn!("nothing is accepted until there is room again: {why}");
        }
        is_news
    }

    fn is_due(&self, upkeep: Upkeep) -> bool {
        match upkeep {
            Upkeep::Idle => false,
            Upkeep::Again => true,
            Upkeep::At(at_ms) => self.clock.mono_ms() >= at_ms,
        }
    }

    /// The next job; `None` when housekeeping is due before one comes.
    fn next_job(&self, upkeep: Upkeep) -> Result<Option<Job>, Closed> {
        match upkeep {
            Upkeep::Idle => self.jobs.recv(None),
            Upkeep::Again => self.jobs.try_recv(),
            Upkeep::At(at) => self.jobs.recv(Some(Duration::from_millis(at.saturating_sub(self.clock.mono_ms())))),
        }
    }

    fn commit(&mut self, plan: Plan) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut rest = None;
        let (result, fatal) = match self.writer.commit(&plan, self.clock.mono_ms()) {
            Ok(()) => {
                let now = Instant::now();
                let took = now.saturating_duration_since(began);
                rest = self.patience.rest_after(plan.batches.len(), took, now);
                let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                metrics::COMMITS.add(1);
                metrics::COMMIT_US.add(took_us);
                metrics::COMMIT_MAX_US.raise(took_us);
                metrics::BATCHES_APPENDED.add(plan.batches.len() as u64);
                (Ok(()), None)
            }
            Err(refused) => {
                metrics::COMMITS_FAILED.add(1);
                match self.start_over(refused) {
                    Ok(refusal) => (Err(refusal), None),
                    Err(error) => (Err(Refusal::Fatal), Some(error)),
                }
            }
        };
        (self.plan_is_done)(Outcome { plan, result, rest });
        fatal.map_or(Ok(()), Err)
    }

    /// A full disk is survived: what is durable is loaded again, by the same way as at start.
    fn start_over(&mut self, refused: StoreError) -> Result<Refusal, StoreError> {
        match refused {
            StoreError::Full(what) => {
                self.becomes_read_only(&what);
                Ok(Refusal::Full(Box::new(self.writer.load()?)))
            }
            other => {
                self.health.read_only.store(true, Relaxed);
                Err(other)
            }
        }
    }

    fn probe(&mut self) -> Result<bool, StoreError> {
        match self.writer.probe() {
            Ok(()) => {
                warn!("there is room again, records are accepted");
                self.health.read_only.store(false, Relaxed);
                Ok(true)
            }
            Err(StoreError::Full(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// After a failure: whoever still sends a plan is told, so that nobody waits in vain.
    fn refuse_all(&self) {
        while let Ok(job) = self.jobs.recv(None) {
            let Some(job) = job else { continue };
            match job {
                Job::Commit(plan) => (self.plan_is_done)(Outcome { plan, result: Err(Refusal::Fatal), rest: None }),
                Job::Probe => (self.room_is_known)(false),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{PlanNo, Uuid};
    use crate::mail::channel::channel;
    use crate::mail::input::Input;
    use crate::mail::mailbox::engine_mailbox;
    use crate::store::memory::MemoryStore;
    use crate::store::plan::Image;
    use std::sync::Mutex;

    /// A memory store whose next results are told in advance, and which notes what was asked of it. Housekeeping finds the disk full.
    struct Told {
        store: MemoryStore,
        short: bool,
        results: Vec<Result<(), StoreError>>,
        asked: Arc<Mutex<Vec<&'static str>>>,
    }

    impl Told {
        fn next(&mut self, what: &'static str) -> Result<(), StoreError> {
            self.asked.lock().unwrap().push(what);
            if self.results.is_empty() { Ok(()) } else { self.results.remove(0) }
        }
    }

    impl Writer for Told {
        fn commit(&mut self, plan: &Plan, mono_ms: u64) -> Result<(), StoreError> {
            self.next("commit")?;
            self.store.commit(plan, mono_ms)
        }
        fn load(&mut self) -> Result<Image, StoreError> {
            self.asked.lock().unwrap().push("load");
            self.store.load()
        }
        fn upkeep(&mut self, _mono_ms: u64) -> Result<Upkeep, StoreError> {
            self.asked.lock().unwrap().push("upkeep");
            Err(StoreError::Full("full".to_string()))
        }
        fn is_short(&self) -> bool {
            self.short
        }
        fn probe(&mut self) -> Result<(), StoreError> {
            self.next("probe")?;
            self.short = false;
            Ok(())
        }
        fn close(self: Box<Self>) -> Result<(), StoreError> {
            self.asked.lock().unwrap().push("close");
            Ok(())
        }
    }

    /// Runs the thread on these jobs: what the engine hears, what the store was asked, and how it ended.
    fn run(jobs: Vec<Job>, results: Vec<Result<(), StoreError>>) -> (Vec<Input>, Vec<&'static str>, Result<(), StoreError>) {
        let store = Told { store: MemoryStore::new(Uuid::ZERO), short: false, results, asked: Arc::default() };
        run_on(store, jobs, &Arc::default())
    }

    fn run_on(store: Told, jobs: Vec<Job>, health: &Arc<Health>) -> (Vec<Input>, Vec<&'static str>, Result<(), StoreError>) {
        let (engine, inputs) = engine_mailbox();
        let (sender, receiver) = channel();
        jobs.into_iter().for_each(|job| sender.send(job));
        drop(sender);
        let (asked, of_room) = (Arc::clone(&store.asked), engine.clone());
        let storage = Storage {
            writer: Box::new(store),
            jobs: receiver,
            plan_is_done: Box::new(move |outcome| engine.send(Input::Committed(Box::new(outcome)))),
            room_is_known: Box::new(move |has_room| of_room.send(Input::Room(has_room))),
            health: Arc::clone(health),
            clock: Clock::start(),
            patience: Patience::new(Instant::now()),
            readers: Vec::new(),
        };
        let ended = storage.run(|_| {});
        let asked = asked.lock().unwrap().clone();
        (inputs.mail.try_iter().collect(), asked, ended)
    }

    fn plan(no: u64) -> Job {
        Job::Commit(Plan::new(PlanNo(no)))
    }

    #[test]
    fn plans_are_committed_and_the_store_is_closed_at_the_end() {
        let (inputs, asked, ended) = run(vec![plan(1), Job::Probe], vec![]);
        assert!(matches!(&inputs[..], [Input::Committed(outcome), Input::Room(true)] if outcome.result.is_ok()));
        assert_eq!((asked, ended), (vec!["commit", "probe", "close"], Ok(())));
    }

    #[test]
    fn a_full_disk_is_answered_with_a_fresh_image() {
        let full = || Err(StoreError::Full("full".to_string()));
        let (inputs, asked, ended) = run(vec![plan(1), Job::Probe, plan(2)], vec![full(), full()]);
        let [Input::Committed(refused), Input::Room(false), Input::Committed(later)] = &inputs[..] else { panic!("{inputs:?}") };
        assert!(matches!(refused.result, Err(Refusal::Full(_))) && later.result.is_ok());
        assert_eq!((asked, ended), (vec!["commit", "load", "probe", "commit", "close"], Ok(())));
    }

    #[test]
    fn a_store_that_is_short_is_told_of_before_and_until_a_probe_finds_room() {
        let store = Told { store: MemoryStore::new(Uuid::ZERO), short: true, results: vec![], asked: Arc::default() };
        let health = Arc::default();
        let (inputs, _, ended) = run_on(store, vec![plan(1), plan(2)], &health);
        assert!(matches!(&inputs[..], [Input::Room(false), Input::Committed(_), Input::Committed(_)]), "{inputs:?}");
        assert_eq!((health.read_only.load(Relaxed), ended), (true, Ok(())), "plans that make room are no proof of it");
        let store = Told { store: MemoryStore::new(Uuid::ZERO), short: true, results: vec![], asked: Arc::default() };
        let (inputs, ..) = run_on(store, vec![Job::Probe, plan(1)], &health);
        assert!(matches!(&inputs[..], [Input::Room(true), Input::Committed(_)]), "{inputs:?}");
        assert!(!health.read_only.load(Relaxed));
    }

    #[test]
    fn housekeeping_that_found_the_disk_full_waits_though_plans_come() {
        let (inputs, asked, ended) = run((1..=400).map(plan).collect(), vec![]);
        assert_eq!((inputs.len(), ended), (400, Ok(())));
        let upkeeps = asked.iter().filter(|what| **what == "upkeep").count();
        // It is tried again after a second.
        assert!((1..10).contains(&upkeeps), "{upkeeps}");
    }

    #[test]
    fn after_any_other_error_nothing_is_asked_of_the_store_again() {
        let fatal = StoreError::Fatal("fsync".to_string());
        let (inputs, asked, ended) = run(vec![plan(1), plan(2), Job::Probe], vec![Err(fatal.clone())]);
        let [Input::Committed(one), Input::Committed(two), Input::Room(false)] = &inputs[..] else { panic!("{inputs:?}") };
        assert!([one, two].iter().all(|outcome| matches!(outcome.result, Err(Refusal::Fatal))));
        assert_eq!((asked, ended), (vec!["commit"], Err(fatal)));
    }
}
