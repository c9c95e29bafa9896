//! Keeps read transactions away from the moment in which the write-ahead log starts over: readers enter together, the
//! writer alone. A waiting writer goes first. Used by `reader` and `writer`.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// One per store.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    readers: usize,
    writer_waits: bool,
    writer_inside: bool,
}

impl Gate {
    /// Enters as a reader. To be left within a read slice, and never held while waiting for a queue or a socket.
    pub(super) fn enter(&self) -> ReaderInside<'_> {
        let mut state = self.wait_while(self.lock(), |state| state.writer_waits || state.writer_inside);
        state.readers += 1;
        ReaderInside(self)
    }

    /// Enters as the writer, when the readers inside are gone; later ones wait.
    pub(super) fn enter_alone(&self) -> WriterInside<'_> {
        let mut state = self.lock();
        state.writer_waits = true;
        let mut state = self.wait_while(state, |state| state.readers > 0);
        state.writer_waits = false;
        state.writer_inside = true;
        WriterInside(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(&'a self, state: MutexGuard<'a, State>, until: impl Fn(&State) -> bool) -> MutexGuard<'a, State> {
        self.changed.wait_while(state, |state| until(state)).unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader inside the gate.
pub(super) struct ReaderInside<'a>(&'a Gate);

impl Drop for ReaderInside<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.readers -= 1;
        if state.readers == 0 {
            self.0.changed.notify_all();
        }
    }
}

/// The writer inside the gate.
pub(super) struct WriterInside<'a>(&'a Gate);

impl Drop for WriterInside<'_> {
    fn drop(&mut self) {
        self.0.lock().writer_inside = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[test]
    fn the_writer_is_alone_and_gets_in_against_steady_readers() {
        let (gate, inside, rounds) = (Gate::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while rounds.load(SeqCst) < 200 {
                        let _guard = gate.enter();
                        inside.fetch_add(1, SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                    }
                });
            }
            for _ in 0..200 {
                let _guard = gate.enter_alone();
                assert_eq!(inside.load(SeqCst), 0);
                rounds.fetch_add(1, SeqCst);
            }
        });
    }
}
