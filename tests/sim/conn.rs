//! One connection as a reactor keeps it: what has arrived and waits for its turn, and the reactor's own answer slots.

use crate::lanes::Lane;
use monolog::net::slots::Slots;
use monolog::wire::batch::{BatchError, CheckedBatch};
use monolog::wire::message::{Request, Response};
use std::collections::VecDeque;

/// What a reactor made of the records of a Produce.
pub type Batches = Vec<Result<CheckedBatch, BatchError>>;

pub struct Conn {
    pub actor: usize,
    last_arrival_ms: u64,
    last_delivery_ms: u64,
    inbox: VecDeque<Asked>,
    pub slots: Slots<Slot, Option<Response>>,
}

/// A request as its actor sends it.
pub struct Asked {
    /// By this the actor knows the answer.
    pub tag: u64,
    pub api_version: i16,
    pub request: Request,
    /// Of a Produce, as a reactor would have checked them.
    pub batches: Batches,
    /// Of a Fetch: which offsets it waits for, those of its session included.
    pub wants: Vec<(Lane, i64)>,
}

/// A request that is being decided or waits for its turn to be answered.
pub struct Slot {
    pub tag: u64,
    pub since_ms: u64,
    pub request: Request,
    pub wants: Vec<(Lane, i64)>,
}

impl Conn {
    pub fn new(actor: usize) -> Conn {
        Conn { actor, last_arrival_ms: 0, last_delivery_ms: 0, inbox: VecDeque::new(), slots: Slots::default() }
    }

    /// TCP keeps order: nothing overtakes.
    pub fn arrival_after(&mut self, at_ms: u64) -> u64 {
        self.last_arrival_ms = self.last_arrival_ms.max(at_ms);
        self.last_arrival_ms
    }

    pub fn delivery_after(&mut self, at_ms: u64) -> u64 {
        self.last_delivery_ms = self.last_delivery_ms.max(at_ms);
        self.last_delivery_ms
    }

    pub fn arrived(&mut self, asked: Asked) {
        self.inbox.push_back(asked);
    }

    /// The next request that the engine may decide, and its number.
    pub fn next(&mut self, now_ms: u64) -> Option<(u64, i16, Request, Batches)> {
        let produce = matches!(self.inbox.front()?.request, Request::Produce(_));
        if !self.slots.admits(produce) {
            return None;
        }
        let Asked { tag, api_version, request, batches, wants } = self.inbox.pop_front()?;
        let slot = Slot { tag, since_ms: now_ms, request: request.clone(), wants };
        Some((self.slots.push(produce, slot), api_version, request, batches))
    }
}
