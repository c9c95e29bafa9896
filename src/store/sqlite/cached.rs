//! What the system keeps of the database in memory because a checkpoint wrote it. Left alone that is all that was ever written, until
//! the machine's memory is used up: more than a broker in tens of MB may take, and where a virtual machine gets its memory when it is
//! first touched, a page that is new to the cache costs many times what writing it does. So of what made the file longer only the end
//! stays; the rest is on the disk, and who reads so far back reads it from there. Pages of the file that are written again are left
//! to the system: the bound is one of growth. Called by `vfs`.

use crate::base::limits::SYSTEM_CACHE_BYTES;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The system is told each time it is so much.
const STEP_BYTES: u64 = 4 * 1024 * 1024;

/// The end of the file of a database, which may be in the cache since it was written.
#[derive(Debug)]
pub(super) struct Cached {
    tail: Mutex<Tail>,
}

/// From here to there, in bytes of the file.
#[derive(Debug)]
struct Tail {
    begin: u64,
    end: u64,
}

impl Cached {
    /// Of a file that is so long; nothing was written to it yet.
    pub(super) fn of(file_bytes: u64) -> Cached {
        Cached { tail: Mutex::new(Tail::of(file_bytes)) }
    }

    /// It was truncated.
    pub(super) fn ends_at(&self, end: u64) {
        self.lock().ends_at(end);
    }

    /// Notes what was written to it, and has the system forget what is too much.
    pub(super) fn wrote(&self, file: &File, offset: u64, bytes: u64) {
        let surplus = self.lock().grow(offset + bytes);
        if let Some((offset, bytes)) = surplus {
            forget(file, offset, bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    fn of(file_bytes: u64) -> Tail {
        Tail { begin: file_bytes, end: file_bytes }
    }

    fn ends_at(&mut self, end: u64) {
        (self.begin, self.end) = (self.begin.min(end), end);
    }

    /// It is at least so long. What is to leave the cache for it: offset and bytes.
    fn grow(&mut self, end: u64) -> Option<(u64, u64)> {
        self.end = self.end.max(end);
        let surplus = (self.end - self.begin).saturating_sub(SYSTEM_CACHE_BYTES);
        (surplus >= STEP_BYTES).then(|| (std::mem::replace(&mut self.begin, self.end - SYSTEM_CACHE_BYTES), surplus))
    }
}

/// The system begins to write what is not on the disk yet, and keeps it; where it takes no advice it keeps all.
#[cfg(target_os = "linux")]
fn forget(file: &File, offset: u64, bytes: u64) {
    #[cfg(test)]
    tests::FORGOTTEN.set(tests::FORGOTTEN.get() + bytes);
    let _ = rustix::fs::fadvise(file, offset, std::num::NonZeroU64::new(bytes), rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn forget(_file: &File, _offset: u64, _bytes: u64) {}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    thread_local! {
        /// Bytes that the system was told to forget.
        pub(in super::super) static FORGOTTEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }

    const KEPT: u64 = SYSTEM_CACHE_BYTES;

    #[test]
    fn of_what_is_new_the_end_stays() {
        let mut tail = Tail::of(0);
        assert_eq!(tail.grow(KEPT), None);
        assert_eq!(tail.grow(KEPT + STEP_BYTES - 1), None);
        assert_eq!(tail.grow(KEPT + STEP_BYTES), Some((0, STEP_BYTES)));
        assert_eq!(tail.grow(KEPT + STEP_BYTES + 4096), None);
        assert_eq!(tail.grow(KEPT + 4 * STEP_BYTES), Some((STEP_BYTES, 3 * STEP_BYTES)));
    }

    #[test]
    fn what_was_there_and_what_is_written_again_stays() {
        let mut tail = Tail::of(10 * KEPT);
        assert_eq!([1, 9 * KEPT, 10 * KEPT, 11 * KEPT].map(|end| tail.grow(end)), [None; 4]);
        assert_eq!(tail.grow(11 * KEPT + STEP_BYTES), Some((10 * KEPT, STEP_BYTES)));
        assert_eq!(tail.grow(5 * KEPT), None);
    }

    #[test]
    fn a_file_that_was_truncated_begins_anew_at_its_end() {
        let mut tail = Tail::of(2 * KEPT);
        assert_eq!(tail.grow(3 * KEPT), None);
        tail.ends_at(KEPT);
        assert_eq!(tail.grow(2 * KEPT), None);
        assert_eq!(tail.grow(2 * KEPT + STEP_BYTES), Some((KEPT, STEP_BYTES)));
    }

    /// Whether the system has this page in memory; `None`: it does not say.
    #[cfg(target_os = "linux")]
    fn is_cached(file: &File, offset: u64) -> Option<bool> {
        use rustix::io::{Errno, ReadWriteFlags, preadv2};
        let mut page = [0; 4096];
        match preadv2(file, &mut [std::io::IoSliceMut::new(&mut page)], offset, ReadWriteFlags::NOWAIT) {
            Ok(_) => Some(true),
            Err(Errno::AGAIN) => Some(false),
            Err(_) => None,
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_forgets_what_was_written_long_ago_and_nothing_is_lost() {
        use std::os::unix::fs::FileExt;
        let file = tempfile::tempfile().unwrap();
        let piece: Vec<u8> = (0..STEP_BYTES).map(|at| at as u8).collect();
        let cached = Cached::of(0);
        let pieces = KEPT / STEP_BYTES + 2;
        let mut could_tell = true;
        for offset in (0..pieces).map(|number| number * STEP_BYTES) {
            file.write_all_at(&piece, offset).unwrap();
            file.sync_data().unwrap();
            could_tell &= is_cached(&file, offset) == Some(true);
            cached.wrote(&file, offset, STEP_BYTES);
        }
        let seen = [0, 1, 2, pieces - 1].map(|number| is_cached(&file, number * STEP_BYTES));
        let mut read = vec![0; piece.len()];
        (0..pieces).for_each(|number| {
            file.read_exact_at(&mut read, number * STEP_BYTES).unwrap();
            assert!(read == piece);
        });
        // A file system in memory keeps all, and others do not say what they keep.
        let control = tempfile::tempfile().unwrap();
        control.write_all_at(&piece, 0).unwrap();
        control.sync_data().unwrap();
        rustix::fs::fadvise(&control, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        if could_tell && is_cached(&control, 0) == Some(false) {
            assert_eq!(seen, [false, false, true, true].map(Some));
        }
    }
}
