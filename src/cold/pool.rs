//! The loop of a reader thread: takes jobs from the queue that all readers share until nobody can write to it any more.
//! Started by the server, one thread for each reader of the store.

use super::{Answered, complete};
use crate::base::budget::{Budget, Charge};
use crate::mail::cold::ColdJob;
use crate::store::seam::Reader;
use crossbeam_channel::Receiver;
use std::time::Duration;

/// A fetch that finds no memory left waits so long for some. Answers that nobody takes are given up sooner; so this is only
/// passed where all of it is in honest use, and then an answer of one batch does no harm.
const MEMORY_WAIT: Duration = Duration::from_secs(20);
const MEMORY_RETRY: Duration = Duration::from_millis(5);

/// Does jobs until the queue is closed and empty.
pub fn run(mut reader: Box<dyn Reader>, jobs: Receiver<ColdJob>, budget: Budget, answer: impl Fn(Answered)) {
    for mut job in jobs {
        if let ColdJob::Fetch(fetch) = &mut job {
            wait_for_memory(&budget, &mut fetch.charge);
        }
        answer(complete(reader.as_mut(), job, &budget));
    }
}

/// An answer holds at least one batch, whatever the budget says. Many of them at once must not each take theirs beyond the bound: one
/// goes on, with a charge that keeps others back until it has left.
fn wait_for_memory(budget: &Budget, charge: &mut Option<Charge>) {
    let mut waited = Duration::ZERO;
    while budget.left_bytes() == 0 && !charge.as_ref().is_some_and(Charge::is_beyond) && waited < MEMORY_WAIT {
        if let Some(mut pass) = budget.charge_or_pass(1, usize::MAX) {
            pass.resize(charge.as_ref().map_or(1, Charge::bytes));
            *charge = Some(pass);
            return;
        }
        // Memory is given back on any thread, without a word.
        std::thread::park_timeout(MEMORY_RETRY);
        waited += MEMORY_RETRY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::testing::{Broken, PART, batch, store};
    use crate::mail::input::Input;
    use crate::store::seam::{Kept, StoreError};
    use std::cell::RefCell;

    fn retained(reader: Box<dyn Reader>, cutoffs: &[(i64, i64)]) -> Vec<Option<Kept>> {
        let (sender, jobs) = crossbeam_channel::unbounded();
        for (cutoff_ms, keep_bytes) in cutoffs.iter().copied() {
            sender.send(ColdJob::Retention { part: PART, from: 0, until: 3, cutoff_ms, keep_bytes }).unwrap();
        }
        drop(sender);
        let answers = RefCell::new(Vec::new());
        run(reader, jobs, Budget::new(1_000), |answered| match answered {
            Answered::Engine(Input::Retained { part: PART, kept, until: 3, .. }) => answers.borrow_mut().push(kept),
            other => panic!("not for the engine: {other:?}"),
        });
        answers.into_inner()
    }

    #[test]
    fn jobs_are_done_in_order_until_the_queue_is_closed() {
        let rows = vec![batch(0, &[10], 1), batch(1, &[30, 20], 1)];
        let size = |row: usize| rows[row].data.len() as i64;
        let (all, last) = (Kept { base: 0, run_ts: 10, bytes: size(0) + size(1) }, Kept { base: 1, run_ts: 30, bytes: size(1) });
        let asked = [(5, i64::MAX), (20, i64::MAX), (31, i64::MAX), (5, size(1)), (5, size(1) + 1)];
        assert_eq!(retained(Box::new(store(rows)), &asked), [Some(all), Some(last), None, Some(last), Some(all)]);
    }

    #[test]
    fn what_cannot_be_read_is_kept() {
        let broken = Box::new(Broken(StoreError::Fatal("gone".to_owned())));
        assert_eq!(retained(broken, &[(20, 0)]), [Some(Kept { base: 0, run_ts: 20, bytes: -1 })]);
    }

    #[test]
    fn at_the_bound_one_fetch_goes_on_and_keeps_others_back_until_it_has_left() {
        let budget = Budget::new(1_000);
        let held = budget.charge(1_000);
        let (mut first, mut second) = (None, Some(budget.charge_answer(10)));
        drop(held);
        let _held = budget.charge(990);
        wait_for_memory(&budget, &mut second);
        assert!(second.as_ref().is_some_and(Charge::is_beyond), "it was beyond the bound before");
        drop(second.take());
        wait_for_memory(&budget, &mut first);
        assert!(first.as_ref().is_some_and(Charge::is_beyond) && !budget.admits(1));
        drop(first);
        assert!(budget.admits(1));
    }
}
