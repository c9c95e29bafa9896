//! What the one who opens a store can choose. Given to `open` by `server`.

use crate::base::ids::Uuid;
use crate::base::limits::{FOLD_COMMITS_MAX, GC_INTERVAL_MS};

/// What `open` has to be told.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The cluster id of a store that is made now; an existing one keeps its own.
    pub birth_cluster_id: Uuid,
    /// Opens a write-ahead log with a bad frame in front of good commits, and loses those commits.
    pub accept_wal_rot: bool,
    /// The fold runs every so many commits; 1 keeps the index in the same commit. [`FOLD_COMMITS_MAX`] unless measured.
    pub fold_commits: u32,
    /// How often free pages beyond a tenth of the file go back to the file system, in ms.
    pub gc_interval_ms: u64,
}

impl Options {
    /// The usual ones.
    pub fn new(birth_cluster_id: Uuid) -> Options {
        Options { birth_cluster_id, accept_wal_rot: false, fold_commits: FOLD_COMMITS_MAX, gc_interval_ms: GC_INTERVAL_MS }
    }
}
