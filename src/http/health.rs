//! How the broker is. `server` and its threads write it, `/readyz` reads it.

use crate::base::limits::MIB;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Less free space than this, or than a twentieth of a smaller disk, and the broker is not ready.
const DISK_FREE_BYTES_MIN: u64 = 64 * MIB as u64;

/// Shared by whoever knows something.
#[derive(Default)]
pub struct Health {
    /// State is recovered and the ports are open.
    pub serving: AtomicBool,
    /// An orderly end has begun.
    pub stopping: AtomicBool,
    /// The store takes nothing new: its disk is full, or it has failed.
    pub read_only: AtomicBool,
    /// The directory whose disk must have room; `None` when nothing is kept on a disk.
    pub data_dir: Option<PathBuf>,
}

impl Health {
    /// Why the broker is not ready: a word and a sentence. `None`: it is.
    pub fn trouble(&self) -> Option<(&'static str, String)> {
        if self.stopping.load(Relaxed) {
            return Some(("stopping", "the broker is shutting down".to_string()));
        }
        if !self.serving.load(Relaxed) {
            return Some(("starting", "state is being recovered".to_string()));
        }
        if self.read_only.load(Relaxed) {
            return Some(("read-only", "nothing new is stored: the disk is full, or has failed".to_string()));
        }
        let disk = rustix::fs::statvfs(self.data_dir.as_deref()?).ok()?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let floor = DISK_FREE_BYTES_MIN.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 20);
        (free < floor).then(|| ("disk-low", format!("{free} bytes are free on the disk of the data directory, {floor} are wanted")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_nothing_is_wrong() {
        let health = Health::default();
        assert_eq!(health.trouble().unwrap().0, "starting");
        health.serving.store(true, Relaxed);
        assert_eq!(health.trouble(), None);
        health.read_only.store(true, Relaxed);
        assert_eq!(health.trouble().unwrap().0, "read-only");
        health.stopping.store(true, Relaxed);
        assert_eq!(health.trouble().unwrap().0, "stopping");
    }
}
