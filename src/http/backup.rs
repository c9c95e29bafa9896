//! `POST /api/backup`: a copy of all that the broker holds, as one file. Whoever may read everything may have it; where it is
//! written is the caller's business, nothing but the copy itself is told or taken here.

use super::copied::NoCopy;
use super::reply::Reply;
use super::site::Site;
use super::waiting::HEADER;

/// The media type of an SQLite database.
const SQLITE: &str = "application/vnd.sqlite3";

/// Answers when the copy is complete.
pub fn answer<'a>(site: &Site, header: &dyn Fn(&str) -> Option<&'a str>) -> Reply {
    let number = header(HEADER).and_then(|number| number.parse().ok());
    let is_wanted = || number.is_none_or(|number| site.waiting.is_there(number));
    match (site.copier)(&is_wanted) {
        Ok(copied) => Reply { content_type: SQLITE, file: Some(copied), ..Reply::empty(200) },
        Err(NoCopy::Busy) => Reply::error(409, "CONCURRENT_TRANSACTIONS", "another backup is being made"),
        Err(NoCopy::NothingOnDisk) => {
            Reply::error(409, "INVALID_REQUEST", "this broker keeps everything in memory: there is nothing on a disk to copy")
        }
        Err(NoCopy::NoRoom(what)) => Reply::error(507, "KAFKA_STORAGE_ERROR", what),
        Err(NoCopy::Failed(what)) => Reply::error(500, "KAFKA_STORAGE_ERROR", what),
    }
}
