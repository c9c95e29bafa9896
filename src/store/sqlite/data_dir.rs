//! The data directory: made, locked against a second process before SQLite opens anything, and closed to other users.
//! Used by `open`. The database file itself is only ever opened through SQLite: closing any other descriptor of it would
//! drop SQLite's own locks (<https://sqlite.org/howtocorrupt.html>, 2.2); names and permissions are all that is touched here.

use super::holder;
use super::open_error::OpenError;
use crate::store::seam::Volume;
use log::warn;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const DATABASE: &str = "monolog.db";
const WAL: &str = "monolog.db-wal";
const LOCK: &str = "lock";
const RESERVE: &str = "reserve";
const BACKUP: &str = "backup";
/// What may lie in a directory that is ours alone.
const OURS: [&str; 8] = [LOCK, DATABASE, WAL, RESERVE, BACKUP, "monolog.db-journal", "http.sock", "lost+found"];

/// A data directory that this process holds the lock of; dropping it gives the lock back.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    lock_was_there: bool,
    lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing and takes its lock.
    pub(super) fn take(path: &Path) -> Result<DataDir, OpenError> {
        make(path).map_err(|error| unusable(path, "make the data directory", &error))?;
        let lock_path = path.join(LOCK);
        let lock_was_there = lock_path.exists();
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|error| unusable(&lock_path, "write", &error))?;
        match holder::lock(&lock) {
            Ok(()) => {
                let dir = DataDir { path: path.to_owned(), lock_was_there, lock };
                dir.check_signature()?;
                Ok(dir)
            }
            Err(TryLockError::WouldBlock) => {
                let whom = holder::pid(&lock).map(|pid| format!(" (process {pid})")).unwrap_or_default();
                let what = format!("{} is in use by another monolog{whom}; stop it or choose another data directory", path.display());
                Err(OpenError::Locked(what))
            }
            Err(TryLockError::Error(error)) => Err(unusable(&lock_path, "lock", &error)),
        }
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Where its write-ahead log is.
    pub(super) fn wal(&self) -> PathBuf {
        self.path.join(WAL)
    }

    /// Where room is kept for a full disk.
    pub(super) fn reserve(&self) -> PathBuf {
        self.path.join(RESERVE)
    }

    /// Makes an empty directory in which a copy can be written.
    pub(super) fn make_backup_dir(&self) -> io::Result<PathBuf> {
        self.remove_backup_dir();
        let dir = self.path.join(BACKUP);
        DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(dir)
    }

    /// Removes it, with what is in it.
    pub(super) fn remove_backup_dir(&self) {
        // One that is left is removed at the next start.
        let _ = fs::remove_dir_all(self.path.join(BACKUP));
    }

    /// Syncs a copy that is being written.
    pub(super) fn sync_backup(&self, file: &Path) -> io::Result<()> {
        File::open(file)?.sync_all()
    }

    /// Opens a copy that is complete, and says how long it is.
    pub(super) fn open_backup(&self, file: &Path) -> io::Result<(File, u64)> {
        let file = File::options().read(true).write(true).open(file)?;
        let len = file.metadata()?.len();
        Ok((file, len))
    }

    /// Its disk.
    pub(super) fn volume(&self) -> io::Result<Volume> {
        let disk = rustix::fs::statvfs(&self.path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Volume { total_bytes: bytes(disk.f_blocks), usable_bytes: bytes(disk.f_bavail) })
    }

    /// Whether the database has ever been written.
    pub(super) fn has_database(&self) -> bool {
        fs::metadata(self.database()).is_ok_and(|file| file.len() > 0)
    }

    /// Gives our files to their owner alone, whatever the umask, and the directory too unless other things lie in it.
    pub(super) fn close_to_others(&self) -> Result<(), OpenError> {
        let names = || -> io::Result<Vec<_>> { fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name())).collect() };
        let names = names().map_err(|error| unusable(&self.path, "list", &error))?;
        let ours_alone = names.iter().all(|name| OURS.iter().any(|ours| name == ours));
        if ours_alone && let Err(error) = fs::set_permissions(&self.path, Permissions::from_mode(0o700)) {
            // Somebody else's directory that we may write to; the files are closed all the same.
            warn!("cannot close {} to other users: {error}", self.path.display());
        }
        for name in [LOCK, DATABASE, WAL] {
            let file = self.path.join(name);
            if file.exists() {
                let closed = fs::set_permissions(&file, Permissions::from_mode(0o600));
                closed.map_err(|error| unusable(&file, "set the permissions of", &error))?;
            }
        }
        Ok(())
    }

    /// Notes in the lock file which database file is in use here, and by whom. A copy of a directory in use has another one: its files are of
    /// different moments, and SQLite would not notice.
    pub(super) fn sign(&self) -> Result<(), OpenError> {
        let signed = self.signature().and_then(|signature| {
            let note = format!("{signature} {}", holder::note());
            // The other way round the room of an earlier note might be gone.
            self.lock.write_all_at(note.as_bytes(), 0)?;
            self.lock.set_len(note.len() as u64)
        });
        signed.map_err(|error| unusable(&self.path.join(LOCK), "write", &error))
    }

    /// The database is complete and in nobody's use: it may be copied.
    pub(super) fn unsign(&self) {
        // Blanks, and not nothing: on a full disk the next note needs the room. Where it fails, copies are refused that could be used.
        let _ = holder::read(&self.lock).and_then(|note| self.lock.write_all_at(" ".repeat(note.len()).as_bytes(), 0));
    }

    fn check_signature(&self) -> Result<(), OpenError> {
        let noted = holder::read(&self.lock).map_err(|error| unusable(&self.path.join(LOCK), "read", &error))?;
        match self.signature() {
            Ok(found) if self.has_database() && !noted.trim().is_empty() && !is_same_file(&noted, &found) => {
                Err(OpenError::Unusable(format!(
                    "{} was copied from a running broker, and its files are of different moments; take a copy with `monolog backup`, or stop the broker first. If it was not running any more when this was copied, remove {} and start again",
                    self.path.display(),
                    self.path.join(LOCK).display()
                )))
            }
            _ => Ok(()),
        }
    }

    /// Inode and time of birth of the database file, which no copy shares and every rename keeps.
    fn signature(&self) -> io::Result<String> {
        let file = fs::metadata(self.database())?;
        let born = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Ok(format!("{} {}", file.ino(), born.map_or(0, |since| since.as_nanos())))
    }

    /// Makes the names of the files durable.
    pub(super) fn sync(&self) -> Result<(), OpenError> {
        let synced = File::open(&self.path).and_then(|dir| dir.sync_all());
        synced.map_err(|error| OpenError::Failed(format!("cannot sync the directory: {error}")))
    }

    /// Leaves a directory that was refused as it was found.
    pub(super) fn leave_untouched(self) {
        if !self.lock_was_there {
            // Nothing to be done where this fails: an empty file stays.
            let _ = fs::remove_file(self.path.join(LOCK));
        }
    }
}

/// Makes the directory and syncs the names of what was made: a power cut must not take the directory with all that was acked.
fn make(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for dir in missing {
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// By the time of birth where the file system has one: some give other inode numbers after each mount.
fn is_same_file(one: &str, other: &str) -> bool {
    let file = |text: &'_ str| {
        let mut words = text.split_whitespace().map(str::to_owned);
        Some((words.next()?, words.next()?))
    };
    match (file(one), file(other)) {
        (Some((_, one)), Some((_, other))) if one != "0" && other != "0" => one == other,
        (Some((one, _)), Some((other, _))) => one == other,
        _ => false,
    }
}

fn unusable(path: &Path, doing: &str, error: &io::Error) -> OpenError {
    OpenError::Unusable(format!("cannot {doing} {}: {error}", path.display()))
}
