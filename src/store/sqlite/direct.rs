//! The write-ahead log, written past the system's cache (O_DIRECT), on Linux. Whoever syncs a file right after he wrote it gains nothing
//! by that cache: its pages are found, filled, marked and searched for again, and all that is done while a commit waits. What is written
//! is kept here instead, for checkpoints and readers, the log being short. Durability comes of the same syncs as without. Called by `vfs`.
//!
//! The system takes whole blocks only. What else is in the first and the last block of a piece is written again as it was, which a cache
//! of pages does too. That it is known as it was, is certain of a log that was written from its beginning on by this process, and all of
//! it here (an image that `is_whole`); else the log goes the usual way until it starts over. It does so with 32 bytes, and until those are
//! synced all that lies behind them is still the log: the rest of their block is read from the file where it is not here. After that, what
//! lies behind the end belongs to none: its salts are of another (<https://sqlite.org/walformat.html>).

use crate::base::limits::WAL_IMAGE_BYTES;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

/// What Linux and devices want the place, the length and the memory of a piece to be a multiple of.
const BLOCK_BYTES: usize = 4096;

/// A log that is open, the same for all its connections.
pub(super) struct DirectLog {
    /// Device and inode: at a path there may be another one day.
    id: (u64, u64),
    file: File,
    image: RwLock<Image>,
}

/// Why a piece was not written.
pub(super) enum NotWritten {
    /// The system does not take it this way, or has no room: the usual way tells. This is what is to go there.
    Refused { bytes: Vec<u8>, offset: usize },
    /// The disk failed.
    Failed(io::Error),
}

/// The log as it is in the file, or will be with the next write.
struct Image {
    /// The system gives this memory when it is first touched.
    memory: Vec<u8>,
    /// Where the log begins in it, so that blocks lie as the system wants them.
    begin: usize,
    /// So much of the log, from its beginning, is here as it is in the file.
    bytes: usize,
    /// All that was written since the log last started over is here, so that more of it can be written from here.
    is_whole: bool,
}

/// The logs that are open. Locked while one is opened.
static LOGS: Mutex<Vec<Weak<DirectLog>>> = Mutex::new(Vec::new());

impl DirectLog {
    /// Of the log at this path, which is there; `None` where it cannot be written so.
    pub(super) fn at(path: &Path) -> Option<Arc<DirectLog>> {
        let mut open = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|log| log.strong_count() > 0);
        let file = open_direct(path)?;
        let metadata = file.metadata().ok()?;
        let id = (metadata.dev(), metadata.ino());
        if let Some(log) = open.iter().filter_map(Weak::upgrade).find(|log| log.id == id) {
            return Some(log);
        }
        let log = Arc::new(DirectLog { id, file, image: RwLock::new(Image::new()) });
        open.push(Arc::downgrade(&log));
        Some(log)
    }

    /// Takes in what is to be written; [`DirectLog::write`] writes it. False: it has to go the usual way.
    pub(super) fn take(&self, bytes: &[u8], offset: usize) -> bool {
        self.image_mut().take(bytes, offset, &self.file)
    }

    /// Writes what was taken in. After an error nothing more goes this way until the log starts over.
    pub(super) fn write(&self, range: &Range<usize>) -> Result<(), NotWritten> {
        let image = self.image();
        let blocks = range.start / BLOCK_BYTES * BLOCK_BYTES..range.end.next_multiple_of(BLOCK_BYTES);
        let Err(error) = write_blocks(&self.file, image.place(&blocks), blocks.start as u64) else { return Ok(()) };
        // Of the first block it is not known what became of it.
        let bytes = image.place(&(blocks.start..range.end)).to_vec();
        drop(image);
        self.image_mut().is_whole = false;
        Err(match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::WriteZero => {
                NotWritten::Refused { bytes, offset: blocks.start }
            }
            _ => NotWritten::Failed(error),
        })
    }

    /// Shows what lies there, if it is here.
    pub(super) fn read<T>(&self, range: Range<usize>, show: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let image = self.image();
        (range.end <= image.bytes).then(|| show(image.place(&range)))
    }

    /// The file was truncated.
    pub(super) fn ends_at(&self, bytes: usize) {
        let mut image = self.image_mut();
        image.bytes = image.bytes.min(bytes);
    }

    fn image(&self) -> RwLockReadGuard<'_, Image> {
        self.image.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn image_mut(&self) -> RwLockWriteGuard<'_, Image> {
        self.image.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Image {
    fn new() -> Image {
        let memory = vec![0; WAL_IMAGE_BYTES + BLOCK_BYTES];
        let begin = memory.as_ptr().align_offset(BLOCK_BYTES);
        Image { memory, begin, bytes: 0, is_whole: false }
    }

    fn place(&self, range: &Range<usize>) -> &[u8] {
        &self.memory[self.begin + range.start..self.begin + range.end]
    }

    fn take(&mut self, bytes: &[u8], offset: usize, file: &File) -> bool {
        if offset == 0 && !self.is_whole {
            (self.is_whole, self.bytes) = (self.read_first_block(file), 0);
        }
        let end = offset.saturating_add(bytes.len());
        self.is_whole &= offset <= self.bytes && end <= WAL_IMAGE_BYTES;
        if self.is_whole {
            self.memory[self.begin + offset..self.begin + end].copy_from_slice(bytes);
            self.bytes = self.bytes.max(end);
        } else {
            self.bytes = self.bytes.min(offset);
        }
        self.is_whole
    }

    /// Whether it could be read. In a shorter file nothing follows.
    fn read_first_block(&mut self, file: &File) -> bool {
        let block = &mut self.memory[self.begin..self.begin + BLOCK_BYTES];
        block.fill(0);
        file.read_at(block, 0).is_ok()
    }
}

#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_DIRECT).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_path: &Path) -> Option<File> {
    None
}

fn write_blocks(file: &File, blocks: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(test)]
    if tests::REFUSES.get() {
        return Err(ErrorKind::InvalidInput.into());
    }
    file.write_all_at(blocks, offset)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// The system does not take what is written so.
        pub(in super::super) static REFUSES: Cell<bool> = const { Cell::new(false) };
    }

    fn log() -> DirectLog {
        DirectLog { id: (0, 0), file: tempfile::tempfile().unwrap(), image: RwLock::new(Image::new()) }
    }

    fn seen(log: &DirectLog, range: Range<usize>) -> Option<Vec<u8>> {
        log.read(range, <[u8]>::to_vec)
    }

    #[test]
    fn a_log_is_here_from_its_beginning_or_not_at_all() {
        let log = log();
        assert!(!log.take(b"end", 100), "the beginning was written by another process");
        assert!(log.take(b"head", 0) && log.take(b"body", 4));
        assert!(!log.take(b"far", 9), "what lies between is not known");
        assert!(!log.take(b"body", 4), "now it is not all here");
        assert!(log.take(b"anew", 0) && log.take(b"on", 4));
        assert!(log.take(b"N", 1), "once more the same place");
        assert_eq!(seen(&log, 0..6), Some(b"aNewon".to_vec()));
        assert_eq!(seen(&log, 0..7), None);
        log.ends_at(5);
        assert_eq!((seen(&log, 0..6), seen(&log, 3..5)), (None, Some(b"wo".to_vec())));
    }

    #[test]
    fn of_a_log_that_is_too_long_the_beginning_is_here_until_it_is_written_over() {
        let log = log();
        let piece = vec![7; WAL_IMAGE_BYTES / 2];
        assert!(log.take(&piece, 0) && log.take(&piece, piece.len()));
        assert!(!log.take(b"x", WAL_IMAGE_BYTES) && !log.take(b"x", 3));
        assert_eq!((seen(&log, 0..3), seen(&log, 3..4)), (Some(vec![7; 3]), None));
        assert!(log.take(b"x", 0));
        assert_eq!((seen(&log, 0..1), seen(&log, 0..2)), (Some(b"x".to_vec()), None));
    }

    #[test]
    fn a_piece_is_in_the_file_and_what_was_around_it_still_is() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, b"").unwrap();
        let Some(log) = DirectLog::at(&path) else { return };
        assert!(Arc::ptr_eq(&log, &DirectLog::at(&path).unwrap()));
        let mut expected: Vec<u8> = Vec::new();
        for number in 0..100_usize {
            let piece = vec![number as u8; 24 + number * 997 % 9_000];
            // Some are written over what is there.
            let begin = if number % 5 == 4 { expected.len() / 2 } else { expected.len() };
            let range = begin..begin + piece.len();
            expected.resize(expected.len().max(range.end), 0);
            expected[range.clone()].copy_from_slice(&piece);
            assert!(log.take(&piece, begin));
            if log.write(&range).is_err() {
                return; // This file system wants to know all that is written.
            }
            let written = std::fs::read(&path).unwrap();
            assert!(written.len().is_multiple_of(BLOCK_BYTES) && written.starts_with(&expected), "piece {number}");
        }
    }

    #[test]
    fn a_log_starts_over_and_what_another_process_wrote_behind_its_head_stays() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("log");
        let old: Vec<u8> = (0..3 * BLOCK_BYTES + 100).map(|at| at as u8).collect();
        std::fs::write(&path, &old).unwrap();
        let Some(log) = DirectLog::at(&path) else { return };
        assert!(log.take(&[0xff; 32], 0));
        if log.write(&(0..32)).is_ok() {
            assert!(std::fs::read(&path).unwrap() == [&[0xff; 32], &old[32..]].concat());
        }
    }
}
