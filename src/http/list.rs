//! Lists of what there is: looked at and written by one request at a time, row by row, into memory that is paid for. Used by the
//! routes of topics and groups.

use super::desk::Desk;
use super::reply::Reply;
use super::share::{Held, Share};
use super::site::{Site, no_memory};
use crate::base::limits::SMALL_FRAME_BYTES;
use crate::mail::view::{Question, View};
use crate::wire::error_code::ErrorCode;
use serde::{Serialize, Serializer};
use std::io::{self, ErrorKind, Write};

/// Memory is taken in steps of this size at least.
const STEP_BYTES: usize = 256 * 1024;

/// Has a question answered, and answers with what `write` makes of that.
pub fn show(
    site: &Site,
    desk: &mut Desk,
    question: Question,
    write: impl FnOnce(&View, &mut Sheet) -> Result<(), Reply>,
) -> Result<Reply, Reply> {
    let busy = || Reply::kafka(ErrorCode::THROTTLING_QUOTA_EXCEEDED, "too many lists are asked for at once");
    let _pass = site.looking.enter().ok_or_else(busy)?;
    let (view, _charge) = desk.look(question)?;
    let _lane = site.reading();
    let mut sheet = Sheet { share: &site.share, body: Vec::new(), held: None };
    write(&view, &mut sheet)?;
    sheet.body.push(b'\n');
    Ok(Reply { body: sheet.body, held: sheet.held.map(Box::new), ..Reply::empty(200) })
}

/// A body that is being written. What it takes beyond a little is charged before it is there.
pub struct Sheet<'a> {
    share: &'a Share,
    body: Vec<u8>,
    held: Option<Held>,
}

impl Sheet<'_> {
    /// Appends JSON; 503 where there is no memory for it.
    pub fn put(&mut self, it: &impl Serialize) -> Result<(), Reply> {
        serde_json::to_writer(&mut *self, it)
            .map_err(|error| if error.is_io() { no_memory() } else { Reply::kafka(ErrorCode::UNKNOWN_SERVER_ERROR, error.to_string()) })
    }

    fn make_room(&mut self, bytes: usize) -> bool {
        let wanted = self.body.len() + bytes;
        if wanted <= SMALL_FRAME_BYTES && self.held.is_none() {
            return true;
        }
        let missing = wanted.saturating_sub(self.body.capacity());
        if missing > 0 || self.held.is_none() {
            let step = missing.max(STEP_BYTES);
            let whole = if self.held.is_some() { step } else { self.body.capacity() + step };
            if !self.share.wait_grow(&mut self.held, whole) {
                return false;
            }
            self.body.reserve_exact(self.body.capacity() - self.body.len() + step);
        }
        true
    }
}

impl Write for Sheet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.make_room(bytes.len()) {
            return Err(ErrorKind::OutOfMemory.into());
        }
        self.body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A list of which each row is made when it is written.
pub struct Rows<'a, T, F>(&'a [T], F);

/// Such a list.
pub fn rows<'a, T, R: Serialize, F: Fn(&'a T) -> R>(list: &'a [T], row: F) -> Rows<'a, T, F> {
    Rows(list, row)
}

impl<'a, T, R: Serialize, F: Fn(&'a T) -> R> Serialize for Rows<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::budget::Budget;

    #[test]
    fn what_is_written_is_paid_for_before_it_is_there() {
        let whole = Budget::new(32 << 20);
        let share = Share::of(whole.clone());
        let mut sheet = Sheet { share: &share, body: Vec::new(), held: None };
        let all: Vec<u32> = (0..1_000_000).collect();
        sheet.put(&rows(&all[..1_000], |row| *row)).unwrap();
        assert_eq!((sheet.body.len(), whole.used_bytes()), (3_891, 0), "a short list is free");
        sheet.put(&rows(&all[..600_000], |row| *row)).unwrap();
        assert!(sheet.body.len() > 4_000_000 && sheet.body.capacity() <= whole.used_bytes());
        let refused = sheet.put(&rows(&all, |row| *row)).unwrap_err();
        assert_eq!((refused.status, whole.used_bytes() <= 6 << 20), (503, true), "three quarters of a quarter");
        assert!(sheet.body.capacity() <= whole.used_bytes());
        drop(sheet);
        assert_eq!(whole.used_bytes(), 0);
    }
}
