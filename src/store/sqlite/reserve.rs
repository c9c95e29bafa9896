//! A file of a few MiB that does nothing but be there. When the disk is full it is removed: what is in the write-ahead log
//! can then be copied back, and deletes have room for their own transactions, so that a full disk can be made less full from
//! within. It is made again when there is room for it and for more: only then is the disk not full any more. Used by `writer`.

use crate::base::limits::{PLAN_BYTES_MAX, RESERVE_BYTES_MAX, WAL_SOFT_BYTES};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A plan, the fold that may come with it, and both once more when they are copied back into the database.
const SPARE_BYTES: u64 = 4 * PLAN_BYTES_MAX as u64;
/// Of a small disk only so much is taken.
const DISK_PART: u64 = 8;

/// The reserve of a data directory.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
}

impl Reserve {
    /// The one at this path, as an earlier run left it.
    pub(super) fn at(path: PathBuf) -> Reserve {
        let disk = path.parent().and_then(|dir| statvfs(dir).ok()).map_or(u64::MAX, |disk| disk.f_blocks.saturating_mul(disk.f_frsize));
        let bytes = (disk / DISK_PART).min(RESERVE_BYTES_MAX);
        let held = fs::metadata(&path).is_ok_and(|file| file.blocks().saturating_mul(512) >= bytes);
        Reserve { path, bytes, held }
    }

    /// Whether it is there to be given.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Whether it could be made. Where that is not known it is tried.
    pub(super) fn has_room(&self) -> bool {
        let disk = self.path.parent().and_then(|dir| statvfs(dir).ok());
        disk.is_none_or(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= self.bytes + SPARE_BYTES)
    }

    /// The length at which the write-ahead log is to be copied back: twice that fits into the reserve.
    pub(super) fn log_bytes(&self) -> u64 {
        (self.bytes / 2).min(WAL_SOFT_BYTES)
    }

    /// Makes it where it is missing. False: there is no room for it, or not for a plan besides.
    pub(super) fn take(&mut self) -> bool {
        if !self.held {
            self.held = claim(&self.path, self.bytes).is_ok();
            if !self.held {
                self.remove();
            }
        }
        self.held
    }

    /// Gives its room away.
    pub(super) fn release(&mut self) {
        // Also one that is shorter than it should be.
        self.held = false;
        self.remove();
    }

    fn remove(&self) {
        // Where even that fails there is no room either.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes the file with room to spare, and gives that back: it was there.
fn claim(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let whole = bytes + SPARE_BYTES;
    match fallocate(&file, FallocateFlags::empty(), 0, whole) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(&mut file, whole)?,
        claimed => claimed?,
    }
    file.set_len(bytes)
}

/// For file systems that promise nothing: bytes that none of them stores for less than they are.
fn fill(file: &mut File, bytes: u64) -> io::Result<()> {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = [0; 64 * 1024];
    for _ in 0..bytes.div_ceil(block.len() as u64) {
        for place in block.as_chunks_mut::<8>().0 {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            *place = word.to_ne_bytes();
        }
        file.write_all(&block)?;
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_given_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reserve");
        let mut reserve = Reserve::at(path.clone());
        assert!(!reserve.is_held() && reserve.take() && reserve.is_held());
        let file = fs::metadata(&path).unwrap();
        assert_eq!((file.len(), file.blocks() * 512 >= reserve.bytes), (reserve.bytes, true));
        assert!(Reserve::at(path.clone()).is_held());
        reserve.release();
        assert!(!path.exists() && !reserve.is_held());
        // A file without blocks holds no room.
        File::create(&path).unwrap().set_len(reserve.bytes).unwrap();
        assert!(!Reserve::at(path).is_held());
    }

    #[test]
    fn where_nothing_is_promised_it_is_written() {
        let mut file = tempfile::tempfile().unwrap();
        fill(&mut file, 100_000).unwrap();
        assert!(file.metadata().unwrap().blocks() * 512 >= 100_000);
    }
}
