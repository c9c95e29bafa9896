//! Who waits for a copy: the guard, which sees clients leave, tells the thread that makes one for them. Used by `visit` and
//! `backup`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The header in which the guard says to those behind it who asks; what a client sends under this name does not reach them.
pub const HEADER: &str = "x-waiting";

/// Shared by the guard and the threads behind it.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    there: BTreeSet<u64>,
}

/// Somebody waits until this is dropped.
#[derive(Debug)]
pub struct Wait {
    /// Who, for [`Waiting::is_there`].
    pub number: u64,
    waiting: Waiting,
}

impl Waiting {
    /// Somebody begins to wait.
    pub fn begin(&self) -> Wait {
        let mut state = self.lock();
        state.last += 1;
        let number = state.last;
        state.there.insert(number);
        Wait { number, waiting: self.clone() }
    }

    /// Whether this one still waits.
    pub fn is_there(&self, number: u64) -> bool {
        self.lock().there.contains(&number)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waiting.lock().there.remove(&self.number);
    }
}
