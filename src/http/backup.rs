//! `POST /api/backup`: a copy of all that the broker holds, as one file. Whoever may read everything may have it; where it is
//! written is the caller's business, nothing but the copy itself is told or taken here.

use super::reply::Reply;
use super::site::Site;
use std::fs::File;

/// The media type of an SQLite database.
const SQLITE: &str = "application/vnd.sqlite3";

/// A copy that is complete.
#[derive(Debug)]
pub struct Copied {
    /// The copy; it is gone when this is closed.
    pub file: File,
    /// Its length in bytes.
    pub len: u64,
}

/// Why there is no copy.
#[derive(Debug)]
pub enum NoCopy {
    /// Another one is being made.
    Busy,
    /// Nothing is kept on a disk.
    NothingOnDisk,
    /// There is no room for it.
    NoRoom(String),
    /// It could not be made.
    Failed(String),
}

/// Makes a copy, however long that takes.
pub type Copier = Box<dyn Fn() -> Result<Copied, NoCopy> + Send + Sync>;

/// Answers when the copy is complete.
pub fn answer(site: &Site) -> Reply {
    match (site.copier)() {
        Ok(copied) => Reply { content_type: SQLITE, file: Some(copied), ..Reply::empty(200) },
        Err(NoCopy::Busy) => Reply::error(409, "CONCURRENT_TRANSACTIONS", "another backup is being made"),
        Err(NoCopy::NothingOnDisk) => {
            Reply::error(409, "INVALID_REQUEST", "this broker keeps everything in memory: there is nothing on a disk to copy")
        }
        Err(NoCopy::NoRoom(what)) => Reply::error(507, "KAFKA_STORAGE_ERROR", what),
        Err(NoCopy::Failed(what)) => Reply::error(500, "KAFKA_STORAGE_ERROR", what),
    }
}
