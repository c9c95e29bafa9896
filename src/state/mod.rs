//! All broker state and its rules, without I/O: no socket, clock, thread or random source. Handlers in `api` call one rule
//! each; the engine calls the hooks below when a plan comes back, when a timer is due and when a connection is gone.

#![deny(clippy::iter_over_hash_type)]

pub mod broker;
pub mod configs;
pub mod effects;
pub mod group;
mod image;
pub mod log;
pub mod producer_ids;
pub mod timers;
pub mod topics;

use crate::base::ids::ConnId;
use crate::base::planted::{self, Bug};
use crate::base::rng::Rng;
use crate::base::time::Now;
use crate::store::plan::{Image, Plan};
use broker::Broker;
use effects::Effects;
use group::Groups;
use group::turn::Turn;
use log::Log;
use producer_ids::ProducerIds;
use timers::{Timer, Timers};
use topics::Topics;

/// Everything the broker knows. The engine thread owns it; nobody else sees it.
#[derive(Debug)]
pub struct State {
    /// Identity and settings.
    pub broker: Broker,
    /// Topics and their configs.
    pub topics: Topics,
    /// Partitions, producers, tail cache, parked fetches, fetch sessions.
    pub log: Log,
    /// Groups and their offsets.
    pub groups: Groups,
    /// Producer ids.
    pub producer_ids: ProducerIds,
    /// What happens when time passes.
    pub timers: Timers,
    /// For generated ids.
    pub rng: Rng,
    /// The next internal partition number.
    pub next_part: i64,
    /// The disk is full: nothing new is written until it has room again.
    pub read_only: bool,
}

impl State {
    /// The one way to build state: from what a store loaded.
    pub fn load(image: &Image, broker: Broker, seed: u64, now: Now) -> State {
        let mut timers = Timers::default();
        let topics = Topics::load(image, &broker);
        let log = Log::load(image, &broker, &mut timers, now);
        let groups = Groups::load(image, &broker.memory, &mut timers, now);
        State {
            broker,
            topics,
            log,
            groups,
            producer_ids: ProducerIds::load(image.next_producer_id),
            timers,
            rng: Rng::new(seed),
            next_part: image.next_part,
            read_only: false,
        }
    }

    /// A plan is on disk: what it holds becomes visible.
    pub fn committed(&mut self, plan: &Plan, fx: &mut Effects, now: Now) {
        self.topics.committed(plan.no);
        self.log.committed(plan, &self.topics, fx, &mut self.timers, now);
    }

    /// A plan and the one after it were refused for lack of room: durable state is what the store holds, volatile state stays.
    pub fn reload(&mut self, image: &Image, refused: &[&Plan], fx: &mut Effects, now: Now) {
        if !planted::is(Bug::NoReload) {
            self.topics.reload(image, &self.broker);
        }
        self.log.reload(image, refused, &mut self.timers, now);
        let (groups, mut turn) = self.group_turn(fx, now);
        groups.reload(image, refused, &mut turn);
        self.producer_ids.reload(image.next_producer_id);
        self.next_part = image.next_part;
    }

    /// A timer of the table is due.
    pub fn due(&mut self, timer: Timer, fx: &mut Effects, now: Now) {
        match timer {
            Timer::Fetch(_) | Timer::Retention | Timer::Excess => self.log.due(timer, &self.topics, fx, &mut self.timers, now),
            Timer::Join(_) | Timer::Sync(_) | Timer::Session(..) | Timer::NewMember(..) => {
                let (groups, mut turn) = self.group_turn(fx, now);
                groups.due(&timer, &mut turn);
            }
            Timer::Expiry => {
                self.log.expire_producers(fx, &mut self.timers, now);
                let (groups, mut turn) = self.group_turn(fx, now);
                groups.expire(&mut turn);
            }
            // The engine's own.
            Timer::Probe | Timer::Memory => {}
        }
    }

    /// A connection is gone: its parked fetches and reply addresses are dropped; members stay until their sessions end.
    pub fn disconnected(&mut self, conn: ConnId, fx: &mut Effects, now: Now) {
        self.log.disconnected(conn, &mut self.timers);
        let (groups, mut turn) = self.group_turn(fx, now);
        groups.disconnected(conn, &mut turn);
    }

    /// Answers everything that is parked: fetches with what there is, joins and syncs with COORDINATOR_NOT_AVAILABLE.
    pub fn stop(&mut self, fx: &mut Effects, now: Now) {
        self.log.answer_all_parked(fx, &mut self.timers, now);
        self.groups.answer_all_parked(fx);
    }

    /// The groups, and what their rules work with.
    pub fn group_turn<'a>(&'a mut self, fx: &'a mut Effects, now: Now) -> (&'a mut Groups, Turn<'a>) {
        let turn = Turn {
            fx,
            timers: &mut self.timers,
            rng: &mut self.rng,
            topics: &self.topics,
            now,
            initial_rebalance_delay_ms: self.broker.initial_rebalance_delay_ms,
            read_only: self.read_only,
        };
        (&mut self.groups, turn)
    }
}
