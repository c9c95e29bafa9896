//! Why a data directory was not opened. Returned by `open` and everything it is made of; `server` turns it into an exit code.

use crate::store::seam::StoreError;
use rusqlite::ErrorCode;
use std::fmt;
use std::path::Path;

/// Why a data directory was not opened. Each kind has its own exit status (interface: 3, 5, 6, 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Another process has it.
    Locked(String),
    /// The storage failed, or holds what cannot have been written.
    Failed(String),
    /// A newer version wrote it.
    Newer(String),
    /// It cannot be written, or holds something that is not ours.
    Unusable(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Locked(what) | OpenError::Failed(what) | OpenError::Newer(what) | OpenError::Unusable(what) => f.write_str(what),
        }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> OpenError {
        OpenError::Failed(error.to_string())
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> OpenError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                OpenError::Locked("the database is open in another program; close that first".to_owned())
            }
            Some(ErrorCode::NotADatabase) => OpenError::Unusable("the database is not an SQLite file".to_owned()),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                OpenError::Unusable(format!("the database cannot be written: {error}"))
            }
            _ => OpenError::from(StoreError::from(error)),
        }
    }
}

impl OpenError {
    /// The same, naming the directory.
    pub(super) fn at(self, path: &Path) -> OpenError {
        let at = |what| format!("{}: {what}", path.display());
        match self {
            OpenError::Locked(what) => OpenError::Locked(at(what)),
            OpenError::Failed(what) => OpenError::Failed(at(what)),
            OpenError::Newer(what) => OpenError::Newer(at(what)),
            OpenError::Unusable(what) => OpenError::Unusable(at(what)),
        }
    }
}
