//! A queue at a narrow place: one request at a time is inside, the others wait, none for too long. Lists are made behind one; it
//! is kept by `site`.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets one in at a time.
#[derive(Debug, Default)]
pub struct Queue {
    taken: Mutex<bool>,
    free: Condvar,
}

/// The right to be inside, until dropped.
pub struct Pass<'a>(&'a Queue);

impl Queue {
    /// Enters; `None` when others were inside for too long.
    pub fn enter(&self) -> Option<Pass<'_>> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut taken, _) = self.free.wait_timeout_while(taken, PATIENCE, |taken| *taken).unwrap_or_else(PoisonError::into_inner);
        let is_free = !std::mem::replace(&mut *taken, true);
        is_free.then(|| Pass(self))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_is_inside() {
        let queue = Queue::default();
        let first = queue.enter().unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| queue.enter().is_some());
            drop(first);
            assert!(second.join().unwrap());
        });
        assert!(queue.enter().is_some());
    }
}
