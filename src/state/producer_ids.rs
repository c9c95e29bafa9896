//! Producer ids: handed out once, never again, not even after a crash. They come in blocks; a block is used only by answers
//! that wait for the plan which took it.

use super::effects::Effects;
use crate::base::ids::PlanNo;
use crate::base::limits::PRODUCER_ID_BLOCK;
use crate::base::planted::{self, Bug};
use crate::store::plan::{Counter, Op};

/// The block in use.
#[derive(Clone, Debug, Default)]
pub struct ProducerIds {
    next: i64,
    end: i64,
    taken_in: PlanNo,
}

impl ProducerIds {
    /// Starts behind everything that any block ever held; `durable_next` is the stored counter.
    pub fn load(durable_next: i64) -> ProducerIds {
        ProducerIds { next: durable_next, end: durable_next, taken_in: PlanNo::COMMITTED }
    }

    /// The next id, and the plan that an answer with it must wait for.
    pub fn allocate(&mut self, fx: &mut Effects) -> (i64, PlanNo) {
        if self.next == self.end {
            self.end += PRODUCER_ID_BLOCK;
            self.taken_in = fx.plan();
            if !planted::is(Bug::ProducerIdTwice) {
                fx.row(Op::SetCounter(Counter::ProducerId, self.end));
            }
        }
        let id = self.next;
        self.next += 1;
        (id, self.taken_in)
    }

    /// The stored counter, once everything decided is committed.
    pub fn durable_next(&self) -> i64 {
        self.end
    }

    /// After a refused plan: a block that did not reach the disk is given up, and with it ids that no answer ever carried.
    pub fn reload(&mut self, durable_next: i64) {
        if self.end != durable_next {
            *self = ProducerIds::load(durable_next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_durable_before_its_ids_are_seen() {
        let mut fx = Effects::default();
        let mut ids = ProducerIds::load(7);
        assert_eq!(ids.allocate(&mut fx), (7, PlanNo(1)));
        assert_eq!(fx.seal().ops, vec![Op::SetCounter(Counter::ProducerId, 7 + PRODUCER_ID_BLOCK)]);
        fx.release(PlanNo(1));
        assert_eq!(ids.allocate(&mut fx), (8, PlanNo(1)));
        assert!(!fx.has_rows());
    }

    #[test]
    fn a_refused_block_is_given_up_and_a_durable_one_kept() {
        let mut fx = Effects::default();
        let mut ids = ProducerIds::load(7);
        ids.allocate(&mut fx);
        ids.reload(7);
        fx.seal();
        assert_eq!(ids.allocate(&mut fx), (7, PlanNo(2)));
        ids.reload(7 + PRODUCER_ID_BLOCK);
        assert_eq!(ids.allocate(&mut fx).0, 8);
    }
}
