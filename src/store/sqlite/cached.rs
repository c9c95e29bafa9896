//! What the system keeps of the database in memory because a checkpoint wrote it. Left alone that is all that was ever written, until
//! the machine's memory is used up: more than a broker in tens of MB may take, and where a virtual machine gets its memory when it is
//! first touched, a page that is new to the cache costs many times what writing it does. So of what made the file longer the oldest goes; it
//! is on the disk long since, and who reads so far back reads it from there. Pages that are used again were read a moment ago to delete
//! what they held, and stay: where retention keeps the file as it is, its deletes find in the cache what fits. Called by `vfs`.

use crate::base::limits::SYSTEM_CACHE_BYTES;
use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A shorter write is not noted: single pages are those of the index, which the writer will want again.
const RUN_BYTES_MIN: u64 = 64 * 1024;

/// What made the file of a database longer, and may be in the cache.
#[derive(Debug, Default)]
pub(super) struct Cached {
    runs: Mutex<Runs>,
}

#[derive(Debug, Default)]
struct Runs {
    /// Oldest first.
    runs: VecDeque<Run>,
    bytes: u64,
    /// Where the file ends.
    end: u64,
}

/// Bytes that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    offset: u64,
    bytes: u64,
}

impl Cached {
    /// The file is so long: it was just opened, or truncated.
    pub(super) fn ends_at(&self, end: u64) {
        self.lock().end = end;
    }

    /// Notes what was written to it, and has the system forget what is too much.
    pub(super) fn wrote(&self, file: &File, offset: u64, bytes: u64) {
        let mut runs = self.lock();
        runs.add(Run { offset, bytes });
        while let Some(run) = runs.take_surplus(SYSTEM_CACHE_BYTES) {
            forget(file, run);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    fn add(&mut self, run: Run) {
        if run.offset >= self.end && run.bytes >= RUN_BYTES_MIN {
            self.bytes += run.bytes;
            self.runs.push_back(run);
        }
        self.end = self.end.max(run.offset + run.bytes);
    }

    fn take_surplus(&mut self, bytes_max: u64) -> Option<Run> {
        let oldest = self.runs.pop_front_if(|_| self.bytes > bytes_max)?;
        self.bytes -= oldest.bytes;
        Some(oldest)
    }
}

/// The system keeps what is not on the disk yet, and all of it where it takes no advice.
#[cfg(target_os = "linux")]
fn forget(file: &File, run: Run) {
    let _ = rustix::fs::fadvise(file, run.offset, std::num::NonZeroU64::new(run.bytes), rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn forget(_file: &File, _run: Run) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_what_is_too_much_goes() {
        let run = |number: u64| Run { offset: number * RUN_BYTES_MIN, bytes: RUN_BYTES_MIN };
        let mut runs = Runs::default();
        (0..4).for_each(|number| runs.add(run(number)));
        let surplus = |runs: &mut Runs| Vec::from_iter(std::iter::from_fn(|| runs.take_surplus(3 * RUN_BYTES_MIN)));
        assert_eq!(surplus(&mut runs), [run(0)]);
        assert_eq!(surplus(&mut runs), []);
        runs.add(Run { offset: 4 * RUN_BYTES_MIN, bytes: 2 * RUN_BYTES_MIN });
        assert_eq!(surplus(&mut runs), [run(1), run(2)]);
        assert_eq!((runs.bytes, runs.runs.len()), (3 * RUN_BYTES_MIN, 2));
    }

    #[test]
    fn what_is_written_again_stays() {
        let cached = Cached::default();
        let add = |offset| {
            let mut runs = cached.lock();
            runs.add(Run { offset, bytes: RUN_BYTES_MIN });
            runs.bytes / RUN_BYTES_MIN
        };
        cached.ends_at(2 * RUN_BYTES_MIN);
        assert_eq!([0, 1, 2, 2, 1, 3].map(|number| add(number * RUN_BYTES_MIN)), [0, 0, 1, 1, 1, 2]);
        cached.ends_at(3 * RUN_BYTES_MIN);
        assert_eq!(add(3 * RUN_BYTES_MIN), 3);
    }

    #[test]
    fn single_pages_stay() {
        let mut runs = Runs::default();
        (0..1_000).for_each(|number| runs.add(Run { offset: number * 4096, bytes: 4096 }));
        assert_eq!(runs.take_surplus(0), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_forgets_what_was_written_long_ago_and_nothing_is_lost() {
        use std::io::IoSliceMut;
        use std::os::unix::fs::FileExt;
        let file = tempfile::tempfile().unwrap();
        let is_cached = |file: &File, offset: u64| {
            let mut page = [0; 4096];
            rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut page)], offset, rustix::io::ReadWriteFlags::NOWAIT).is_ok()
        };
        let piece: Vec<u8> = (0..124 * 1024).map(|at| at as u8).collect();
        let cached = Cached::default();
        let write = |number: u64| {
            let (offset, bytes) = (number * piece.len() as u64, piece.len() as u64);
            file.write_all_at(&piece, offset).unwrap();
            file.sync_data().unwrap();
            cached.wrote(&file, offset, bytes);
        };
        let all = SYSTEM_CACHE_BYTES / piece.len() as u64 + 8;
        (0..all).for_each(write);
        let keeps = [0, 7, 8, all - 1].map(|number| is_cached(&file, number * piece.len() as u64));
        let mut read = vec![0; piece.len()];
        file.read_exact_at(&mut read, 0).unwrap();
        assert!(read == piece);
        // A file system in memory keeps all.
        forget(&file, Run { offset: 8 * piece.len() as u64, bytes: piece.len() as u64 });
        if !is_cached(&file, 8 * piece.len() as u64) {
            assert_eq!(keeps, [false, false, true, true]);
        }
    }
}
