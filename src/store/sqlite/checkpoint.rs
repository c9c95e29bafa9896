//! The cooperative checkpointer. A thread of its own copies the write-ahead log back while the writer goes on (PASSIVE
//! passes); such passes never catch up with a busy writer, so when little is left it asks the writer, who runs the last pass
//! itself, alone (`writer`, under the gate): then every frame is back and the next commit starts the log over in place.
//! The thread is started here, by `open`, and ends with the writer; it sleeps until it is asked. No timer, no polling.

use crate::base::limits::WAL_SOFT_BYTES;
use crate::store::seam::StoreError;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode, MAIN_DB};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Bytes of one page in the write-ahead log, its header included.
pub(super) const FRAME_BYTES: u64 = 4096 + 24;
/// The last pass is asked for when fewer frames than this are left,
const REST_FRAMES: i64 = (WAL_SOFT_BYTES / 32 / FRAME_BYTES) as i64;
/// ... or after so many passes.
const PASSES_MAX: u32 = 5;

/// The writer's hold on the checkpoint thread.
#[derive(Debug)]
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the writer is to do before its next commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing.
    Nothing,
    /// Run the last pass.
    LastPass,
    /// Take note that a pass failed.
    Failed(StoreError),
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    // Held during a pass: two checkpoints at once would refuse each other.
    pass: Mutex<()>,
}

#[derive(Debug)]
struct State {
    wanted: bool,
    busy: bool,
    stop: bool,
    asked: Asked,
}

impl Checkpointer {
    /// Starts the thread on a connection of its own.
    pub(super) fn start(db: Connection) -> Result<Checkpointer, StoreError> {
        let state = State { wanted: false, busy: false, stop: false, asked: Asked::Nothing };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new(), pass: Mutex::new(()) });
        let of_thread = Arc::clone(&shared);
        let thread = Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || of_thread.run(&db))
            .map_err(|error| StoreError::Fatal(format!("cannot start the checkpoint thread: {error}")))?;
        Ok(Checkpointer { shared, thread: Some(thread) })
    }

    /// Asks for passes, unless they are under way or their end is still to be taken.
    pub(super) fn request(&self) {
        let mut state = self.shared.lock();
        if !state.busy && state.asked == Asked::Nothing {
            state.wanted = true;
            self.shared.wake.notify_all();
        }
    }

    /// Whether it was asked and its end is still to be taken.
    pub(super) fn is_at_work(&self) -> bool {
        let state = self.shared.lock();
        state.wanted || state.busy || state.asked != Asked::Nothing
    }

    /// What the thread asks of the writer; asked once.
    pub(super) fn take_asked(&self) -> Asked {
        std::mem::replace(&mut self.shared.lock().asked, Asked::Nothing)
    }

    /// Runs a pass on the writer's own connection, after the one under way. To be called alone, inside the gate.
    /// Returns whether the whole log is back in the database.
    pub(super) fn last_pass(&self, db: &Connection) -> Result<bool, StoreError> {
        self.shared.pass(db).map(|rest| rest == 0)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // It panics only where SQLite's binding does; there is nothing left to do about it then.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, db: &Connection) {
        while self.wait_until_wanted() {
            let asked = self.passes(db).unwrap_or_else(Asked::Failed);
            let mut state = self.lock();
            state.busy = false;
            state.asked = asked;
        }
    }

    fn wait_until_wanted(&self) -> bool {
        let mut state = self.wake.wait_while(self.lock(), |state| !state.wanted && !state.stop).unwrap_or_else(PoisonError::into_inner);
        state.wanted = false;
        state.busy = true;
        !state.stop
    }

    fn passes(&self, db: &Connection) -> Result<Asked, StoreError> {
        for _ in 0..PASSES_MAX {
            if self.lock().stop || self.pass(db)? < REST_FRAMES {
                break;
            }
        }
        Ok(Asked::LastPass)
    }

    /// One PASSIVE pass; returns how many frames are left.
    fn pass(&self, db: &Connection) -> Result<i64, StoreError> {
        let _one = self.pass.lock().unwrap_or_else(PoisonError::into_inner);
        match db.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::PASSIVE) {
            Ok((frames, done)) => Ok(i64::from(frames) - i64::from(done)),
            // It met the head of the log while a commit was writing it. Nothing was done, nothing is wrong.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(i64::MAX),
            Err(error) => Err(error.into()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
