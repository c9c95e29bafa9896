//! When things happen. The engine takes inputs and the time, lets `api` and `state` decide, seals what they wrote into plans,
//! and releases answers when their plan is on disk. It has no socket, clock, thread or random source of its own: the engine
//! thread in `server` drives it, and so does the simulator.

#![deny(clippy::iter_over_hash_type)]

use crate::api::produce::ProduceWork;
use crate::api::{self, refusal};
use crate::base::budget::Charge;
use crate::base::ids::PlanNo;
use crate::base::limits::SMALL_FRAME_BYTES;
use crate::base::time::Now;
use crate::mail::input::{Envelope, Input, Outcome, Refusal};
use crate::mail::output::Output;
use crate::state::State;
use crate::state::broker::Broker;
use crate::state::effects::{Effects, Held};
use crate::state::timers::Timer;
use crate::store::plan::Image;
use crate::wire::message::{Request, Response};
use std::collections::VecDeque;

/// How often a full disk is tried again.
const PROBE_INTERVAL_MS: u64 = 1_000;
/// How often requests that wait for memory are tried again.
const MEMORY_RETRY_MS: u64 = 4;

/// All broker state and the pipeline of plans: at most one is being committed, one is being filled.
pub struct Engine {
    state: State,
    fx: Effects,
    now: Now,
    in_flight: Option<PlanNo>,
    /// The storage thread takes no plan now.
    rests: bool,
    /// Produces that were answered when the last plan came back.
    released: usize,
    /// Produces that wait for room in a plan, in the order of arrival; the frames they hold are charged to the memory budget.
    waiting: VecDeque<(ProduceWork, Option<Charge>)>,
    /// Requests with long lists or long answers that wait for memory or for room in a plan, in the order of arrival.
    deferred: VecDeque<Box<Envelope>>,
    life: Life,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    Serving,
    Stopping,
    Ended,
}

impl Engine {
    /// Builds all state from what the store loaded. `seed` feeds generated ids.
    pub fn new(image: Image, broker: Broker, seed: u64, now: Now) -> Engine {
        let memory = broker.memory.clone();
        Engine {
            state: State::load(&image, broker, seed, now),
            fx: Effects::new(memory),
            now,
            in_flight: None,
            rests: false,
            released: 0,
            waiting: VecDeque::new(),
            deferred: VecDeque::new(),
            life: Life::Serving,
        }
    }

    /// Decides one input. What is to be done comes out of [`Engine::take_outputs`].
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        match input {
            Input::Request(envelope) => self.request(envelope),
            Input::Question { to, question } => api::views::handle(&self.state, &mut self.fx, now, to, question),
            Input::Disconnected(conn) => {
                self.deferred.retain(|envelope| envelope.to.conn != conn);
                self.state.disconnected(conn, &mut self.fx, now);
            }
            Input::Committed(outcome) => self.plan_came_back(*outcome),
            Input::Rested => self.rests = false,
            Input::Room(has_room) => self.set_room(has_room),
            Input::Retained { part, kept, until } => {
                self.state.log.retained(part, kept, until, &mut self.fx, &mut self.state.timers, now);
            }
            Input::Stop => self.life = self.life.max_with(Life::Stopping),
        }
    }

    /// Lets time pass: everything that is due happens.
    pub fn tick(&mut self, now: Now) {
        self.now = now;
        while let Some(timer) = self.state.timers.pop_due(now.mono_ms) {
            match timer {
                Timer::Probe => self.fx.output(Output::Probe),
                // What it is about happens with every turn.
                Timer::Memory => {}
                timer => self.state.due(timer, &mut self.fx, now),
            }
        }
    }

    /// When [`Engine::tick`] has something to do next, monotonic ms; `None`: not before another input.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.state.timers.next_ms()
    }

    /// What the shell has to do, in order. Called after every batch of inputs: what gathered in it goes down as one plan.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        if self.life == Life::Stopping {
            self.state.stop(&mut self.fx, self.now);
        }
        self.fill();
        self.resume();
        if self.in_flight.is_none() && self.life != Life::Ended && !(self.rests && self.fx.has_rows()) {
            self.send_plan();
        }
        if self.life == Life::Stopping && self.in_flight.is_none() && !self.rests && self.waiting.is_empty() {
            self.life = Life::Ended;
            self.fx.output(Output::Stopped);
        }
        self.fx.take_outputs()
    }

    /// How many Produces were answered when the last plan came back.
    pub fn released_produces(&self) -> usize {
        self.released
    }

    /// What a store must hold, if everything decided is committed; `None` while something is on its way.
    pub fn durable_image(&self) -> Option<Image> {
        (self.in_flight.is_none() && !self.fx.has_rows() && self.waiting.is_empty()).then(|| self.state.image())
    }

    /// The state, for the simulator's invariants and for reports.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn request(&mut self, envelope: Box<Envelope>) {
        match self.life {
            Life::Ended => {}
            _ if self.is_long(&envelope) && !(self.deferred.is_empty() && self.has_room_for(&envelope)) => {
                self.deferred.push_back(envelope)
            }
            _ => self.decide(envelope),
        }
    }

    /// Whether a request must wait where there is no memory for its answer. A Produce has its own queue.
    fn is_long(&self, envelope: &Envelope) -> bool {
        let has_long_lists = envelope.charge.as_ref().is_some_and(|charge| charge.bytes() > SMALL_FRAME_BYTES);
        match &envelope.request {
            Request::Produce(_) => false,
            Request::JoinGroup(request) => has_long_lists || self.state.groups.is_large(&request.group_id),
            Request::SyncGroup(request) => has_long_lists || self.state.groups.is_large(&request.group_id),
            request => has_long_lists || request.api().is_listing(),
        }
    }

    /// Whether a request with long lists or a long answer may be decided now. How much memory an answer takes is known when it is
    /// there, so one may pass the bound; the next one waits.
    fn has_room_for(&self, envelope: &Envelope) -> bool {
        let is_paid = || envelope.charge.as_ref().is_some_and(Charge::is_beyond) || self.state.broker.memory.admits(1);
        self.life == Life::Stopping || (self.fx.has_room_for_ops() && is_paid())
    }

    /// Decides requests that had to wait, oldest first, as long as there is room for them.
    fn resume(&mut self) {
        if self.life == Life::Ended {
            self.deferred.clear();
        }
        while let Some(envelope) = self.deferred.front() {
            if !self.has_room_for(envelope) {
                // Memory is given back on any thread, without a word.
                self.state.timers.set(Timer::Memory, self.now.mono_ms + MEMORY_RETRY_MS);
                return;
            }
            self.deferred.pop_front().into_iter().for_each(|envelope| self.decide(envelope));
        }
    }

    fn decide(&mut self, envelope: Box<Envelope>) {
        let Envelope { to, api_version, correlation_id, client_id, peer, request, batches, charge, is_atomic } = *envelope;
        let call = api::Call { to, api_version, correlation_id, client_id, peer };
        match request {
            Request::Produce(request) => {
                self.waiting.push_back((ProduceWork::new(call, request, batches).atomic(is_atomic), charge));
                self.fill();
            }
            request => api::dispatch(&mut self.state, &mut self.fx, self.now, call, request),
        }
    }

    /// Decides waiting produces, oldest first, while the plan being filled has room.
    fn fill(&mut self) {
        while let Some((work, _)) = self.waiting.front_mut() {
            if !work.advance(&mut self.state, &mut self.fx, self.now) {
                break;
            }
            self.waiting.pop_front();
        }
    }

    /// Sends the filled plan down. One without rows is complete already, since its predecessor is.
    fn send_plan(&mut self) {
        if self.fx.has_rows() {
            let plan = self.fx.seal();
            self.in_flight = Some(plan.no);
            self.fx.output(Output::Commit(plan));
            self.fill();
        } else if self.fx.has_held() {
            let plan = self.fx.seal();
            let held = self.fx.release(plan.no);
            self.answer(held);
        }
    }

    fn plan_came_back(&mut self, outcome: Outcome) {
        let Outcome { plan, result, rest } = outcome;
        assert_eq!(self.in_flight.take(), Some(plan.no), "plans come back one at a time, as they were sent");
        match result {
            Ok(()) => {
                let held = self.fx.release(plan.no);
                self.rests = rest.is_some();
                self.released = held.iter().filter(|held| matches!(held.response, Some(Response::Produce(_)))).count();
                self.state.committed(&plan, &mut self.fx, self.now);
                self.answer(held);
            }
            Err(refusal) => {
                let (filling, held) = self.fx.refuse();
                for (work, _) in &mut self.waiting {
                    work.refuse(plan.no);
                }
                for held in held {
                    refusal::refuse(held, plan.no, &mut self.fx);
                }
                match refusal {
                    Refusal::Full(image) => {
                        self.set_room(false);
                        self.state.reload(&image, &[&plan, &filling], &mut self.fx, self.now);
                    }
                    Refusal::Fatal => {
                        self.life = Life::Ended;
                        self.fx.output(Output::Halt);
                    }
                }
            }
        }
    }

    fn answer(&mut self, held: Vec<Held>) {
        for held in held {
            self.fx.send(held);
        }
    }

    fn set_room(&mut self, has_room: bool) {
        self.state.read_only = !has_room;
        if !has_room {
            self.state.timers.set(Timer::Probe, self.now.mono_ms + PROBE_INTERVAL_MS);
        }
    }
}

impl Life {
    fn max_with(self, other: Life) -> Life {
        if self == Life::Ended { self } else { other }
    }
}

#[cfg(test)]
mod tests;
