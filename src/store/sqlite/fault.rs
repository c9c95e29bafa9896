//! What SQLite's errors mean to the broker. Used by the whole engine through `?`.

use crate::store::seam::StoreError;
use rusqlite::ErrorCode;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        let Some(failure) = error.sqlite_error() else {
            // Not from SQLite but from what was in a row: a missing one, a wrong type, text that is not UTF-8.
            return StoreError::Corrupt(format!("SQLite: {error}"));
        };
        let what = format!("SQLite: {error} (code {})", failure.extended_code);
        match failure.code {
            ErrorCode::DiskFull => StoreError::Full(what),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt(what),
            _ => StoreError::Fatal(what),
        }
    }
}

/// The same error, saying first what could not be done.
pub(super) fn while_doing(doing: &str, error: StoreError) -> StoreError {
    match error {
        StoreError::Full(what) => StoreError::Full(format!("{doing}: {what}")),
        StoreError::Corrupt(what) => StoreError::Corrupt(format!("{doing}: {what}")),
        StoreError::Fatal(what) => StoreError::Fatal(format!("{doing}: {what}")),
    }
}
