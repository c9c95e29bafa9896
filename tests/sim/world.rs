//! The seeded world: virtual clock, network, disk, and the engine in the middle. Everything that happens is an event in one
//! queue, ordered by time and number, so a seed is a run. Actors see the world through [`Net`].

use crate::checks::Checks;
use crate::conn::{Asked, Conn};
use crate::lanes::{LANES, Lane};
use bytes::Bytes;
use monolog::base::budget::Budget;
use monolog::base::ids::{ConnId, Uuid};
use monolog::base::limits::{BATCH_BYTES_MAX_DEFAULT, PARTITIONS_MAX, PLAN_BYTES_MAX, REQUEST_BYTES_MAX, TOPICS_MAX};
use monolog::base::rng::Rng;
use monolog::base::text::Text;
use monolog::base::time::Now;
use monolog::cold::{self, Answered};
use monolog::engine::Engine;
use monolog::mail::cold::ColdJob;
use monolog::mail::input::{Envelope, Input, Outcome, Peer, Refusal, ReplyTo};
use monolog::mail::output::Output;
use monolog::state::broker::Broker;
use monolog::store::memory::MemoryStore;
use monolog::store::plan::{Op, Plan};
use monolog::store::seam::Writer;
use monolog::wire::batch::CheckedBatch;
use monolog::wire::message::fetch::FetchRequest;
use monolog::wire::message::produce::ProduceRequest;
use monolog::wire::message::{Request, Response};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Wall time when a run begins, ms since 1970.
pub const EPOCH_MS: i64 = 1_700_000_000_000;
const PRODUCE_VERSION: i16 = 9;

/// Who lives in the world.
pub trait Actor {
    /// The time the actor asked for has come.
    fn wake(&mut self, net: &mut Net<'_>);
    /// An answer to a request of its connection; they come in the order of the requests.
    fn answer(&mut self, net: &mut Net<'_>, tag: u64, response: Response);
    /// The connection is gone, and with it every answer still owed.
    fn lost(&mut self, net: &mut Net<'_>);
    /// The run ends: no new work, only what is begun.
    fn settle(&mut self);
    /// Whether nothing is owed any more.
    fn is_settled(&self) -> bool;
    /// For a report.
    fn describe(&self) -> String {
        String::new()
    }
}

pub enum Event {
    Wake(usize),
    Arrive { conn: ConnId, asked: Box<Asked> },
    Deliver { conn: ConnId, tag: u64, response: Response },
    Drop(ConnId),
    Synced { life: u32 },
    Rested { life: u32 },
    Cold { life: u32, job: ColdJob },
    Probed { life: u32 },
    Start,
}

/// How often each kind of event happened; a run must have seen them all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub steps: u64,
    pub crashes: u64,
    pub crashes_in_commit_lost: u64,
    pub crashes_in_commit_kept: u64,
    pub full_disks: u64,
    pub short_disks: u64,
    pub fatal_disks: u64,
    pub slow_syncs: u64,
    pub rests: u64,
    pub lost_connections: u64,
    pub closed_connections: u64,
    pub clock_jumps: u64,
    pub cold_reads: u64,
    pub acks: u64,
    pub unasked_acks: u64,
    pub retries: u64,
    pub full_plans: u64,
    pub spanning: u64,
    pub rebalances: u64,
    pub commits: u64,
    pub outside_commits: u64,
    pub topics_deleted: u64,
    pub cuts: u64,
    pub out_of_range: u64,
    pub forgotten: u64,
    pub images_compared: u64,
}

/// What can go wrong in a run beside crashes and full disks, which every run has; and what it is made of.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub slow_syncs: bool,
    pub fatal_disks: bool,
    pub lost_connections: bool,
    pub clock_jumps: bool,
    /// The tail cache holds next to nothing, so that most reads are cold.
    pub tiny_tail: bool,
    /// Topic "events" forgets fast.
    pub retention: bool,
    /// Some batches are so large that plans overflow.
    pub bulk: bool,
}

impl Weather {
    fn new(rng: &mut Rng) -> Weather {
        let mut often = |times: u64, of: u64| rng.below(of) < times;
        Weather {
            slow_syncs: often(3, 4),
            fatal_disks: often(2, 3),
            lost_connections: often(3, 4),
            clock_jumps: often(1, 2),
            tiny_tail: often(1, 2),
            retention: often(1, 3),
            bulk: often(1, 8),
        }
    }
}

pub struct World {
    pub rng: Rng,
    pub weather: Weather,
    pub now_ms: u64,
    pub checks: Checks,
    pub seen: Seen,
    /// Faults stop when the run settles.
    pub faults: bool,
    wall_ms: i64,
    engine: Option<Engine>,
    life: u32,
    store: MemoryStore,
    syncing: Option<Plan>,
    full_until_ms: u64,
    conns: BTreeMap<ConnId, Conn>,
    of_actor: BTreeMap<usize, ConnId>,
    generation: u64,
    queue: BTreeMap<(u64, u64), Event>,
    queued: u64,
    budget: Budget,
    /// Of everything the engine said, where a test asks for it.
    pub digest: Option<u64>,
}

/// The world as one actor sees it.
pub struct Net<'a> {
    pub world: &'a mut World,
    pub me: usize,
}

impl Net<'_> {
    /// Sends a request on the actor's connection, opening one if need be; false while the broker is down.
    pub fn send(&mut self, tag: u64, api_version: i16, request: Request) -> bool {
        self.world.send(self.me, Asked { tag, api_version, request, batches: Vec::new(), wants: Vec::new() })
    }

    /// Sends a Produce with its batches as a reactor would have checked them.
    pub fn send_produce(&mut self, tag: u64, request: ProduceRequest, batches: Vec<Bytes>) -> bool {
        let check = |bytes: Bytes| {
            let checked = CheckedBatch::check(Some(bytes), PRODUCE_VERSION);
            assert!(checked.is_ok(), "a producer built a bad batch");
            checked
        };
        let batches = batches.into_iter().map(check).collect();
        self.world
            .send(self.me, Asked { tag, api_version: PRODUCE_VERSION, request: Request::Produce(request), batches, wants: Vec::new() })
    }

    /// Sends a Fetch that waits for these offsets, those that its session knows included.
    pub fn send_fetch(&mut self, api_version: i16, request: FetchRequest, wants: Vec<(Lane, i64)>) -> bool {
        self.world.send(self.me, Asked { tag: 0, api_version, request: Request::Fetch(request), batches: Vec::new(), wants })
    }

    /// Asks to be woken.
    pub fn wake_in(&mut self, ms: u64) {
        let at = self.world.now_ms + ms;
        let me = self.me;
        self.world.at(at, Event::Wake(me));
    }

    /// Closes the actor's connection; what was sent may or may not arrive.
    pub fn hang_up(&mut self) {
        if let Some(conn) = self.world.of_actor.get(&self.me).copied() {
            self.world.disconnect(conn);
        }
    }

    pub fn rng(&mut self) -> &mut Rng {
        &mut self.world.rng
    }

    pub fn checks(&mut self) -> &mut Checks {
        &mut self.world.checks
    }

    pub fn wall_ms(&self) -> i64 {
        self.world.wall()
    }

    /// A fetch from `offset` was told that there is no such offset: where to go on. Only what retention took may be missing.
    pub fn out_of_range(&mut self, lane: Lane, offset: i64) -> i64 {
        self.world.seen.out_of_range += 1;
        let log_start = self.world.checks.log_start(lane);
        if offset >= log_start {
            self.world.checks.violation(format!("offset {offset} of {:?} is out of range, the log starts at {log_start}", LANES[lane]));
        }
        log_start
    }

    pub fn store(&self) -> MemoryStore {
        self.world.store.clone()
    }
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        World {
            weather: Weather::new(&mut rng),
            now_ms: 0,
            wall_ms: EPOCH_MS,
            checks: Checks::default(),
            seen: Seen::default(),
            faults: true,
            engine: None,
            life: 0,
            store: MemoryStore::new(Uuid([7; 16])),
            syncing: None,
            full_until_ms: 0,
            conns: BTreeMap::new(),
            of_actor: BTreeMap::new(),
            generation: 0,
            queue: BTreeMap::from([((0, 0), Event::Start)]),
            queued: 1,
            budget: Budget::new(64 << 20),
            digest: None,
            rng,
        }
    }

    /// One chance in `of`, as long as there is trouble and this kind of it is part of the run.
    fn trouble(&mut self, wanted: bool, of: u64) -> bool {
        self.faults && wanted && self.rng.below(of) == 0
    }

    pub fn at(&mut self, at_ms: u64, event: Event) {
        self.queue.insert((at_ms, self.queued), event);
        self.queued += 1;
    }

    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    pub fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// Whether everything decided is on disk, so that live state and image must agree.
    pub fn is_quiet(&self) -> bool {
        self.syncing.is_none()
    }

    fn wall(&self) -> i64 {
        self.wall_ms + self.now_ms as i64
    }

    fn now(&self) -> Now {
        Now { wall_ms: self.wall(), mono_ms: self.now_ms }
    }

    /// Lets one instant of the world happen. False when nothing is left to happen.
    pub fn step(&mut self, actors: &mut [Box<dyn Actor>]) -> bool {
        let next_event = self.queue.first_key_value().map(|((at, _), _)| *at);
        let deadline = self.engine.as_ref().and_then(Engine::next_deadline_ms);
        let Some(at) = next_event.into_iter().chain(deadline).min() else { return false };
        self.now_ms = self.now_ms.max(at);
        if self.trouble(self.weather.clock_jumps, 2_000) {
            // The wall clock jumps by up to a day; sessions must not notice.
            self.wall_ms += self.rng.below(172_800_000) as i64 - 86_400_000;
            self.seen.clock_jumps += 1;
        }
        while let Some((&(at, number), _)) = self.queue.first_key_value() {
            if at > self.now_ms {
                break;
            }
            if let Some(event) = self.queue.remove(&(at, number)) {
                self.happen(event, actors);
            }
            // Often the shell looks for outputs only after several inputs.
            if self.rng.below(3) == 0 {
                self.carry_out();
            }
        }
        let now = self.now();
        if let Some(engine) = &mut self.engine {
            engine.tick(now);
        }
        self.carry_out();
        self.checks.deadlines(self.now_ms, &self.conns);
        if let Some(due) = self.engine.as_ref().and_then(Engine::next_deadline_ms).filter(|due| *due <= self.now_ms) {
            self.checks.violation(format!("a timer of {due} is still due at {}: the engine would spin", self.now_ms));
        }
        true
    }

    fn happen(&mut self, event: Event, actors: &mut [Box<dyn Actor>]) {
        match event {
            Event::Wake(me) => actors[me].wake(&mut Net { world: self, me }),
            Event::Arrive { conn, asked } => {
                if let Some(found) = self.conns.get_mut(&conn) {
                    found.arrived(*asked);
                    self.pump(conn);
                }
            }
            Event::Deliver { conn, tag, response } => {
                if let Some(found) = self.conns.get(&conn) {
                    let me = found.actor;
                    actors[me].answer(&mut Net { world: self, me }, tag, response);
                }
            }
            Event::Drop(conn) => {
                if let Some(gone) = self.conns.remove(&conn) {
                    self.input(Input::Disconnected(conn));
                    self.of_actor.remove(&gone.actor);
                    actors[gone.actor].lost(&mut Net { world: self, me: gone.actor });
                }
            }
            Event::Synced { life } if life == self.life => self.synced(),
            Event::Rested { life } if life == self.life => self.input(Input::Rested),
            Event::Cold { life, job } if life == self.life => self.cold(job),
            Event::Probed { life } if life == self.life => {
                let has_room = self.now_ms >= self.full_until_ms;
                self.input(Input::Room(has_room));
            }
            Event::Synced { .. } | Event::Rested { .. } | Event::Cold { .. } | Event::Probed { .. } => {}
            Event::Start => self.start(),
        }
    }

    fn start(&mut self) {
        let image = self.store.load().expect("the memory store loads");
        let broker = Broker {
            cluster_id: image.cluster_id,
            log_dir: Text::from_static("/data"),
            auto_create: true,
            default_partitions: 1,
            initial_rebalance_delay_ms: 0,
            retention_ms: -1,
            retention_check_ms: 500,
            retention_bytes: -1,
            message_bytes_max: BATCH_BYTES_MAX_DEFAULT,
            request_bytes_max: REQUEST_BYTES_MAX,
            topics_max: TOPICS_MAX,
            partitions_max: PARTITIONS_MAX,
            memory: self.budget.clone(),
            tail_bytes: if self.weather.tiny_tail { 400 } else { 1 << 20 },
            fetch_bytes_max: 10 << 20,
        };
        let seed = self.rng.next_u64();
        self.engine = Some(Engine::new(image, broker, seed, self.now()));
    }

    /// The process dies. A plan that was being committed is on disk whole or not at all.
    pub fn crash(&mut self) {
        if self.engine.take().is_none() {
            return;
        }
        self.seen.crashes += 1;
        self.life += 1;
        if let Some(plan) = self.syncing.take() {
            if self.rng.below(2) == 0 {
                self.seen.crashes_in_commit_kept += 1;
                self.apply(&plan);
            } else {
                self.seen.crashes_in_commit_lost += 1;
            }
        }
        let gone: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in gone {
            self.at(self.now_ms, Event::Drop(conn));
        }
        let pause = 20 + self.rng.below(400);
        self.at(self.now_ms + pause, Event::Start);
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        if let Some(engine) = &mut self.engine {
            self.seen.steps += 1;
            engine.handle(now, input);
        }
    }

    fn carry_out(&mut self) {
        loop {
            let Some(engine) = &mut self.engine else { return };
            let outputs = engine.take_outputs();
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                if let Some(before) = self.digest {
                    self.digest = Some(digest(before, &output));
                }
                self.output(output);
            }
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Answer { to, response, charge: _ } => {
                if let Some(conn) = self.conns.get_mut(&to.conn) {
                    if !conn.slots.answer(to.seq, response) {
                        self.checks.violation(format!("{to:?} was answered, and no answer was due"));
                    }
                    self.flush(to.conn);
                }
            }
            // Nobody asks.
            Output::View { .. } => {}
            Output::Close(conn) => {
                self.seen.closed_connections += 1;
                self.disconnect(conn);
            }
            Output::Commit(plan) => self.sync(plan),
            Output::Probe => {
                let life = self.life;
                self.at(self.now_ms + 1, Event::Probed { life });
            }
            Output::Cold(job) => {
                self.seen.cold_reads += 1;
                let (life, delay) = (self.life, self.rng.below(10));
                self.at(self.now_ms + delay, Event::Cold { life, job });
            }
            Output::Halt => self.crash(),
            Output::Stopped => {}
        }
    }

    fn sync(&mut self, plan: Plan) {
        assert!(self.syncing.is_none(), "a second plan was sent before the first came back");
        self.syncing = Some(plan);
        let slow = self.trouble(self.weather.slow_syncs, 60);
        self.seen.slow_syncs += u64::from(slow);
        let delay = if slow { 500 + self.rng.below(3_000) } else { self.rng.below(4) };
        let life = self.life;
        self.at(self.now_ms + delay, Event::Synced { life });
    }

    fn synced(&mut self) {
        let Some(plan) = self.syncing.take() else { return };
        let full = self.trouble(true, 120);
        let result = if full || (self.faults && self.now_ms < self.full_until_ms && !plan.batches.is_empty()) {
            self.seen.full_disks += 1;
            self.full_until_ms = self.full_until_ms.max(self.now_ms + self.rng.below(1_500));
            Err(Refusal::Full(Box::new(self.store.load().expect("the memory store loads"))))
        } else if self.trouble(self.weather.fatal_disks, 120) {
            self.seen.fatal_disks += 1;
            // What became of a transaction whose fsync failed is not known.
            if self.rng.below(2) == 0 {
                self.apply(&plan);
            }
            Err(Refusal::Fatal)
        } else {
            self.apply(&plan);
            Ok(())
        };
        let rest = (result.is_ok() && self.rng.below(4) == 0).then(|| Duration::from_millis(self.rng.below(3)));
        if let Some(rest) = rest {
            self.seen.rests += 1;
            let life = self.life;
            self.at(self.now_ms + rest.as_millis() as u64, Event::Rested { life });
        }
        self.input(Input::Committed(Box::new(Outcome { plan, result, rest })));
        // Housekeeping may find it out, too.
        if self.trouble(true, 240) {
            self.seen.short_disks += 1;
            self.full_until_ms = self.full_until_ms.max(self.now_ms + self.rng.below(1_500));
            self.input(Input::Room(false));
        }
    }

    fn apply(&mut self, plan: &Plan) {
        self.store.commit(plan, self.now_ms).expect("the memory store commits");
        self.checks.durable(plan, self.now_ms);
        let bytes: usize = plan.batches.iter().map(|row| row.data.len()).sum();
        self.seen.full_plans += u64::from(bytes >= PLAN_BYTES_MAX);
        self.seen.cuts += plan.ops.iter().filter(|op| matches!(op, Op::SetLogStart { .. })).count() as u64;
    }

    fn cold(&mut self, job: ColdJob) {
        let mut reader = self.store.clone();
        match cold::complete(&mut reader, job, &self.budget) {
            Answered::Reactor(to, response, charge) => self.output(Output::Answer { to, response: Some(response), charge }),
            Answered::Engine(input) => self.input(input),
        }
    }

    fn send(&mut self, me: usize, asked: Asked) -> bool {
        if self.engine.is_none() {
            return false;
        }
        let conn = match self.of_actor.get(&me) {
            Some(conn) => *conn,
            None => {
                self.generation += 1;
                let conn = ConnId { reactor: 0, slot: me as u32, generation: self.generation };
                self.conns.insert(conn, Conn::new(me));
                self.of_actor.insert(me, conn);
                conn
            }
        };
        let latency = self.rng.below(4);
        let at = self.conns.get_mut(&conn).map_or(0, |found| found.arrival_after(self.now_ms + latency));
        self.at(at, Event::Arrive { conn, asked: Box::new(asked) });
        if self.trouble(self.weather.lost_connections, 400) {
            self.seen.lost_connections += 1;
            let delay = self.rng.below(6);
            self.at(self.now_ms + delay, Event::Drop(conn));
        }
        true
    }

    /// Gives the engine what the reactor would let it see: one request at a time, but for Produce after Produce.
    fn pump(&mut self, id: ConnId) {
        while let Some(conn) = self.conns.get_mut(&id) {
            let Some((seq, api_version, request, batches)) = conn.next(self.now_ms) else { return };
            let envelope = Envelope {
                to: ReplyTo { conn: id, seq },
                api_version,
                correlation_id: 0,
                client_id: Some(Text::from_static("sim")),
                peer: Arc::new(Peer {
                    host: Text::from_static("/10.0.0.1"),
                    advertised_host: Text::from_static("broker"),
                    advertised_port: 9092,
                }),
                request,
                batches,
                charge: None,
                is_atomic: false,
            };
            self.input(Input::Request(Box::new(envelope)));
        }
    }

    /// Sends what is answered, in the order of the requests.
    fn flush(&mut self, id: ConnId) {
        while let Some(conn) = self.conns.get_mut(&id) {
            let Some((slot, response)) = conn.slots.pop() else { break };
            let me = conn.actor;
            let Some(response) = response else {
                self.seen.unasked_acks += 1;
                continue;
            };
            self.checks.answer(me, &slot, &response);
            let latency = self.rng.below(4);
            let at = self.conns.get_mut(&id).map_or(0, |found| found.delivery_after(self.now_ms + latency));
            self.at(at, Event::Deliver { conn: id, tag: slot.tag, response });
        }
        self.pump(id);
    }

    fn disconnect(&mut self, conn: ConnId) {
        if self.conns.contains_key(&conn) {
            self.at(self.now_ms, Event::Drop(conn));
        }
    }
}

fn digest(before: u64, output: &Output) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    before.hash(&mut hasher);
    format!("{output:?}").hash(&mut hasher);
    hasher.finish()
}
