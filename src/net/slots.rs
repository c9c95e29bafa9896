//! The answer slots of one connection: which request may be decided next, and answers in the order of the requests. No I/O; used
//! by `conn`, and by the simulator in place of a connection.

use crate::base::limits::CONN_PIPELINE_MAX;
use crate::base::planted::{self, Bug};
use std::collections::VecDeque;

/// A queue that once was longer gives its memory back when it is empty: idle connections hold next to nothing.
const SLOTS_KEPT: usize = 8;

/// Requests that are being answered, each with what its answer needs (`R`), and answers (`A`) that wait for their turn.
#[derive(Debug)]
pub struct Slots<R, A> {
    slots: VecDeque<Slot<R, A>>,
    next_seq: u64,
}

#[derive(Debug)]
struct Slot<R, A> {
    produce: bool,
    request: R,
    answer: Option<A>,
}

impl<R, A> Default for Slots<R, A> {
    fn default() -> Slots<R, A> {
        Slots { slots: VecDeque::new(), next_seq: 0 }
    }
}

impl<R, A> Slots<R, A> {
    /// Whether another request may be decided while the answers to these are due: only a Produce after Produces.
    pub fn admits(&self, produce: bool) -> bool {
        self.slots.back().is_none_or(|last| produce && last.produce && self.slots.len() < CONN_PIPELINE_MAX)
    }

    /// Takes in a request and gives its number; they count up from 0.
    pub fn push(&mut self, produce: bool, request: R) -> u64 {
        self.slots.push_back(Slot { produce, request, answer: None });
        self.next_seq += 1;
        self.next_seq - 1
    }

    /// Takes in the answer to request `seq`. False when it is not due: there is no such request, or it has its answer.
    pub fn answer(&mut self, seq: u64, answer: A) -> bool {
        let first = self.next_seq - self.slots.len() as u64;
        let slot = seq.checked_sub(first).and_then(|index| self.slots.get_mut(usize::try_from(index).ok()?));
        match slot {
            Some(slot) if slot.answer.is_none() => {
                slot.answer = Some(answer);
                true
            }
            _ => false,
        }
    }

    /// Takes out the first request in line with its answer, if that is here.
    pub fn pop(&mut self) -> Option<(R, A)> {
        let at = if planted::is(Bug::RepliesOutOfOrder) { self.slots.iter().position(|slot| slot.answer.is_some())? } else { 0 };
        self.slots.get(at)?.answer.as_ref()?;
        let slot = self.slots.remove(at)?;
        if self.slots.is_empty() && self.slots.capacity() > SLOTS_KEPT {
            self.slots = VecDeque::new();
        }
        Some((slot.request, slot.answer?))
    }

    /// The requests whose answers are not here yet, in order.
    pub fn open(&self) -> impl Iterator<Item = &R> {
        self.slots.iter().filter(|slot| slot.answer.is_none()).map(|slot| &slot.request)
    }

    /// Whether no answer is due.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many requests were ever taken in.
    pub fn taken(&self) -> u64 {
        self.next_seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_leave_in_the_order_of_their_requests() {
        let mut slots = Slots::default();
        let numbers: Vec<u64> = ["a", "b", "c"].into_iter().map(|request| slots.push(true, request)).collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert!(slots.answer(1, "B") && slots.answer(2, "C"));
        assert_eq!((slots.pop(), slots.open().collect::<Vec<_>>()), (None, vec![&"a"]));
        assert!(slots.answer(0, "A"));
        let popped: Vec<_> = std::iter::from_fn(|| slots.pop()).collect();
        assert_eq!(popped, [("a", "A"), ("b", "B"), ("c", "C")]);
        assert_eq!((slots.is_empty(), slots.taken()), (true, 3));
        (0..20).for_each(|_| assert!(slots.push(true, "d") >= 3));
        (3..23).for_each(|seq| assert!(slots.answer(seq, "D") && slots.pop().is_some()));
        assert_eq!(slots.slots.capacity(), 0);
    }

    #[test]
    fn an_answer_that_is_not_due_is_not_taken() {
        let mut slots = Slots::default();
        slots.push(false, ());
        assert!(!slots.answer(1, "too early"));
        assert!(slots.answer(0, "right") && !slots.answer(0, "again"));
        assert_eq!(slots.pop(), Some(((), "right")));
        assert!(!slots.answer(0, "too late"));
    }

    #[test]
    fn only_a_produce_after_produces_overlaps() {
        let mut slots = Slots::<(), ()>::default();
        assert!(slots.admits(true) && slots.admits(false));
        slots.push(true, ());
        assert!(slots.admits(true) && !slots.admits(false));
        for _ in 1..CONN_PIPELINE_MAX {
            slots.push(true, ());
        }
        assert!(!slots.admits(true), "the pipeline is full");
        let mut muted = Slots::<(), ()>::default();
        muted.push(false, ());
        assert!(!muted.admits(true) && !muted.admits(false));
    }
}
