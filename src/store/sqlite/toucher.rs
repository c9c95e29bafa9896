//! Reads what the next slices of deletes will meet, so that the writer finds it in the page cache: with a cold file a row
//! costs it a tenth of the time then. A thread of its own, begun with the first deletes; it sleeps unless it is asked.
//! Called by `writer`.

use super::connection::{self, Role};
use super::shared::Shared;
use super::trim;
use crate::base::limits::READ_SLICE_MS;
use crate::store::seam::StoreError;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Rows that are touched ahead of the deletes.
const ROWS_AHEAD: usize = 2_048;

/// The writer's hold on the thread.
#[derive(Debug)]
pub(super) struct Toucher {
    ask: Option<SyncSender<()>>,
    shared: Arc<Touched>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Touched {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    busy: bool,
    // Rows at the front of what is to be deleted that were touched, as far as is known.
    rows: usize,
}

impl Toucher {
    /// Starts the thread on a connection of its own.
    pub(super) fn start(store: &Arc<Shared>) -> Result<Toucher, StoreError> {
        let db = connection::connect(&store.dir.database(), Role::Reader).map_err(|error| StoreError::Fatal(error.to_string()))?;
        let (ask, asked) = sync_channel(1);
        let (shared, store) = (Arc::<Touched>::default(), Arc::clone(store));
        let of_thread = Arc::clone(&shared);
        let thread = Builder::new()
            .name("toucher".to_owned())
            .spawn(move || of_thread.run(&db, &store, &asked))
            .map_err(|error| StoreError::Fatal(format!("cannot start the thread that reads ahead: {error}")))?;
        Ok(Toucher { ask: Some(ask), shared, thread: Some(thread) })
    }

    /// One that is always behind.
    #[cfg(test)]
    pub(super) fn late() -> Toucher {
        let state = Mutex::new(State { busy: true, rows: 0 });
        Toucher { ask: None, shared: Arc::new(Touched { state, changed: Condvar::new() }), thread: None }
    }

    /// How many rows are ready to be deleted; waits for the first of them, but not for long.
    pub(super) fn ready(&self, wait: Duration) -> usize {
        let mut state = self.shared.lock();
        if state.rows < ROWS_AHEAD / 2 && !state.busy {
            state.busy = true;
            if let Some(ask) = &self.ask {
                // It was not busy, so there is a place for it.
                let _ = ask.try_send(());
            }
        }
        let waited = self.shared.changed.wait_timeout_while(state, wait, |state| state.busy && state.rows == 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.rows
    }

    /// So many of them were deleted.
    pub(super) fn deleted(&self, rows: usize) {
        let mut state = self.shared.lock();
        state.rows = state.rows.saturating_sub(rows);
    }
}

impl Drop for Toucher {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // It panics only where SQLite's binding does; there is nothing left to do about it then.
            let _ = thread.join();
        }
    }
}

impl Touched {
    fn run(&self, db: &Connection, store: &Shared, asked: &Receiver<()>) {
        while asked.recv().is_ok() {
            let touched = touch(db, store);
            let mut state = self.lock();
            state.busy = false;
            // Where reading fails the writer is to see for itself. Some of them may be gone already: then it deletes a few cold.
            state.rows = touched.unwrap_or(ROWS_AHEAD);
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the first rows that are to be deleted, in short read transactions. Returns how many there are, at least one.
fn touch(db: &Connection, store: &Shared) -> Result<usize, StoreError> {
    let mut ids = {
        let _inside = store.gate.enter();
        let transaction = db.unchecked_transaction()?;
        let mut trims = trim::trims(&transaction, &store.cuts)?;
        trim::first_rows(&transaction, &mut trims, ROWS_AHEAD)?
    };
    ids.sort_unstable();
    let mut left = ids.as_slice();
    while !left.is_empty() {
        let end = Instant::now() + Duration::from_millis(READ_SLICE_MS);
        let _inside = store.gate.enter();
        let transaction = db.unchecked_transaction()?;
        let mut select = transaction.prepare_cached("SELECT last FROM batch WHERE id = ?1")?;
        while let Some(((id, _, _), rest)) = left.split_first() {
            select.exists([id])?;
            left = rest;
            if Instant::now() >= end {
                break;
            }
        }
    }
    Ok(ids.len().max(1))
}
