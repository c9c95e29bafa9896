//! One connection as a reactor keeps it: what has arrived, what is decided, and the answers in the order of the requests.

use monolog::wire::batch::{BatchError, CheckedBatch};
use monolog::wire::message::{Request, Response};
use std::collections::VecDeque;

pub struct Conn {
    pub actor: usize,
    last_arrival_ms: u64,
    last_delivery_ms: u64,
    inbox: VecDeque<(u64, i16, Request, Vec<Result<CheckedBatch, BatchError>>)>,
    pub slots: VecDeque<Slot>,
    seq: u64,
}

/// A request that is being decided or waits for its turn to be answered.
pub struct Slot {
    pub seq: u64,
    pub tag: u64,
    pub since_ms: u64,
    pub request: Request,
    pub answer: Option<Option<Response>>,
}

/// What the engine sees next.
pub struct Pending {
    pub seq: u64,
    pub api_version: i16,
    pub request: Request,
    pub batches: Vec<Result<CheckedBatch, BatchError>>,
}

impl Conn {
    pub fn new(actor: usize) -> Conn {
        Conn { actor, last_arrival_ms: 0, last_delivery_ms: 0, inbox: VecDeque::new(), slots: VecDeque::new(), seq: 0 }
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

    pub fn arrived(&mut self, tag: u64, api_version: i16, request: Request, batches: Vec<Result<CheckedBatch, BatchError>>) {
        self.inbox.push_back((tag, api_version, request, batches));
    }

    pub fn next(&mut self, now_ms: u64) -> Option<Pending> {
        let is_produce = |request: &Request| matches!(request, Request::Produce(_));
        let (_, _, request, _) = self.inbox.front()?;
        let may_overlap = is_produce(request) && self.slots.iter().all(|slot| is_produce(&slot.request));
        if !self.slots.is_empty() && !may_overlap {
            return None;
        }
        let (tag, api_version, request, batches) = self.inbox.pop_front()?;
        let seq = self.seq;
        self.seq += 1;
        self.slots.push_back(Slot { seq, tag, since_ms: now_ms, request: request.clone(), answer: None });
        Some(Pending { seq, api_version, request, batches })
    }

    pub fn answered(&mut self, seq: u64, response: Option<Response>) {
        let slot = self.slots.iter_mut().find(|slot| slot.seq == seq).expect("an answer to a request that waits for one");
        assert!(slot.answer.is_none(), "a request was answered twice: {:?}", slot.request);
        slot.answer = Some(response);
    }

    pub fn take_done(&mut self) -> Vec<(u64, Request, Option<Response>)> {
        let mut done = Vec::new();
        while self.slots.front().is_some_and(|slot| slot.answer.is_some()) {
            if let Some(slot) = self.slots.pop_front() {
                done.push((slot.tag, slot.request, slot.answer.flatten()));
            }
        }
        done
    }
}
