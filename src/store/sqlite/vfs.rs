//! The VFS of the store: SQLite's own `unix-excl`, except that writes to the write-ahead log which follow one another are
//! handed to the system as one, and writes to the database are synced as they go. SQLite writes the log in pieces of 24 and
//! 4,096 bytes, and a system call for each costs more than the bytes do. Used by `connection`; the only place with `unsafe`,
//! since SQLite asks for C functions.
//!
//! What is held back goes out before the log is synced, truncated, measured or closed, and before a read that meets it. Nobody
//! else can want it earlier: with `synchronous=FULL` SQLite shows frames to other connections only after the sync that ends
//! their transaction (<https://sqlite.org/walformat.html>). For the database this does not hold: the end of a checkpoint that
//! did not reach the end of the log is not synced, and no error could be told there.
#![allow(unsafe_code)]

use rusqlite::ffi::{
    SQLITE_CANTOPEN, SQLITE_OK, SQLITE_OPEN_MAIN_DB, SQLITE_OPEN_WAL, SQLITE_SYNC_NORMAL, sqlite3_file, sqlite3_filename, sqlite3_int64,
    sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find, sqlite3_vfs_register,
};
use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;
use std::slice;
use std::sync::OnceLock;

/// What connections name when they open.
pub(super) const NAME: &CStr = c"monolog-unix-excl";
/// The VFS that does the work: one process has the file for itself, and the index of the log lies on its heap.
const UNIX_EXCL: &CStr = c"unix-excl";
/// More than this is not held back.
const HELD_BYTES_MAX: usize = 128 * 1024;
/// A checkpoint syncs what it has written to the database each time it is so much, and not only at its end: the disk would do
/// all of it before the next sync of the log, and a plan would wait for that.
const UNSYNCED_BYTES_MAX: usize = 256 * 1024;

/// Makes the VFS known to SQLite. False: SQLite has no `unix-excl`, or no memory.
pub(super) fn register() -> bool {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    *REGISTERED.get_or_init(|| {
        let Some(below) = below() else { return false };
        let place = (below.szOsFile.max(0) as usize).next_multiple_of(align_of::<*mut Held>());
        let place = *HELD_PLACE.get_or_init(|| place);
        let vfs = sqlite3_vfs {
            szOsFile: (place + size_of::<*mut Held>()) as c_int,
            zName: NAME.as_ptr(),
            pNext: null_mut(),
            xOpen: Some(open),
            ..*below
        };
        // SAFETY: it is whole, and lives as long as the process, as SQLite wants.
        unsafe { sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) == SQLITE_OK }
    })
}

/// Where, in the memory that SQLite gives an open file, the pointer to what is held back lies: behind all that `unix-excl` wants.
static HELD_PLACE: OnceLock<usize> = OnceLock::new();

/// What is put off for a file: of a log the writes that the system has not been told of, one piece at `offset`; of a database the
/// sync of so many bytes.
struct Held {
    offset: sqlite3_int64,
    bytes: Vec<u8>,
    unsynced_bytes: usize,
    below: &'static sqlite3_io_methods,
}

fn below() -> Option<&'static sqlite3_vfs> {
    // SAFETY: SQLite guards its list of VFSs itself, and one that comes with it stays.
    unsafe { sqlite3_vfs_find(UNIX_EXCL.as_ptr()).as_ref() }
}

/// Opens a file as `unix-excl` does; of a log and a database, some methods are then ours.
unsafe extern "C" fn open(
    _vfs: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let Some(below) = below() else { return SQLITE_CANTOPEN };
    let (Some(open), Some(place)) = (below.xOpen, HELD_PLACE.get()) else { return SQLITE_CANTOPEN };
    // SAFETY: the arguments are SQLite's, the VFS is the one they are meant for; it takes the first `szOsFile` bytes at `file`.
    let result = unsafe { open(std::ptr::from_ref(below).cast_mut(), name, file, flags, flags_out) };
    // SAFETY: `open` has set the methods, to null where it failed; they are constants of SQLite.
    if result == SQLITE_OK
        && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB) != 0
        && let Some(below) = unsafe { (*file).pMethods.as_ref() }
    {
        let held = Box::new(Held { offset: 0, bytes: Vec::new(), unsynced_bytes: 0, below });
        // SAFETY: `szOsFile` of ours made room for the pointer there, aligned.
        unsafe {
            file.cast::<u8>().add(*place).cast::<*mut Held>().write(Box::into_raw(held));
            (*file).pMethods = if flags & SQLITE_OPEN_WAL != 0 { methods(below) } else { database_methods(below) };
        }
    }
    result
}

/// Our methods over those of `unix-excl` for a log; made once.
fn methods(below: &'static sqlite3_io_methods) -> &'static sqlite3_io_methods {
    static METHODS: OnceLock<sqlite3_io_methods> = OnceLock::new();
    METHODS.get_or_init(|| sqlite3_io_methods {
        xClose: Some(close),
        xRead: Some(read),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        xFileSize: Some(file_size),
        ..*below
    })
}

/// Our methods over those of `unix-excl` for a database; made once.
fn database_methods(below: &'static sqlite3_io_methods) -> &'static sqlite3_io_methods {
    static METHODS: OnceLock<sqlite3_io_methods> = OnceLock::new();
    METHODS.get_or_init(|| sqlite3_io_methods { xClose: Some(close), xWrite: Some(write_database), xSync: Some(sync_database), ..*below })
}

/// Where the pointer of a file lies that has our methods.
unsafe fn place(file: *mut sqlite3_file) -> *mut *mut Held {
    // SAFETY: a file has our methods only after `open` has put the pointer there.
    unsafe { file.cast::<u8>().add(HELD_PLACE.get().copied().unwrap_or_default()).cast() }
}

/// What a file with our methods holds back.
unsafe fn held<'a>(file: *mut sqlite3_file) -> &'a mut Held {
    // SAFETY: as for `place`; SQLite uses a file from one thread at a time, and not after `close`.
    unsafe { &mut **place(file) }
}

/// Calls a method of `unix-excl`; all of them are there.
macro_rules! below {
    ($held:expr, $method:ident($($argument:expr),*)) => {
        match $held.below.$method {
            // SAFETY: the arguments are those that SQLite gave for this file.
            Some(method) => unsafe { method($($argument),*) },
            None => SQLITE_CANTOPEN,
        }
    };
}

/// Tells the system of what is held back. What it does not take is dropped: SQLite learns of it, and rolls back.
unsafe fn flush(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the caller's file has our methods.
    let held = unsafe { held(file) };
    if held.bytes.is_empty() {
        return SQLITE_OK;
    }
    let result = below!(held, xWrite(file, held.bytes.as_ptr().cast(), held.bytes.len() as c_int, held.offset));
    held.bytes.clear();
    result
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, amount: c_int, offset: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    let held = unsafe { held(file) };
    let amount_bytes = amount.max(0) as usize;
    let follows = offset == held.offset + held.bytes.len() as sqlite3_int64;
    if !follows || held.bytes.len() + amount_bytes > HELD_BYTES_MAX {
        // SAFETY: as above.
        let result = unsafe { flush(file) };
        if result != SQLITE_OK {
            return result;
        }
    }
    if amount_bytes > HELD_BYTES_MAX {
        return below!(held, xWrite(file, bytes, amount, offset));
    }
    if held.bytes.is_empty() {
        held.offset = offset;
    }
    // SAFETY: SQLite gives `amount` bytes there.
    held.bytes.extend_from_slice(unsafe { slice::from_raw_parts(bytes.cast(), amount_bytes) });
    SQLITE_OK
}

unsafe extern "C" fn write_database(file: *mut sqlite3_file, bytes: *const c_void, amount: c_int, offset: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    let held = unsafe { held(file) };
    let result = below!(held, xWrite(file, bytes, amount, offset));
    held.unsynced_bytes += amount.max(0) as usize;
    if result != SQLITE_OK || held.unsynced_bytes < UNSYNCED_BYTES_MAX {
        return result;
    }
    // SAFETY: as above.
    unsafe { sync_database(file, SQLITE_SYNC_NORMAL) }
}

unsafe extern "C" fn sync_database(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    let held = unsafe { held(file) };
    held.unsynced_bytes = 0;
    #[cfg(test)]
    tests::DATABASE_SYNCS.set(tests::DATABASE_SYNCS.get() + 1);
    below!(held, xSync(file, flags))
}

unsafe extern "C" fn read(file: *mut sqlite3_file, bytes: *mut c_void, amount: c_int, offset: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    let held = unsafe { held(file) };
    let end = held.offset + held.bytes.len() as sqlite3_int64;
    if !held.bytes.is_empty() && offset < end && held.offset < offset + sqlite3_int64::from(amount) {
        // SAFETY: as above.
        let result = unsafe { flush(file) };
        if result != SQLITE_OK {
            return result;
        }
    }
    below!(held, xRead(file, bytes, amount, offset))
}

/// A method that wants the system to know everything first.
macro_rules! after_flush {
    ($name:ident, $method:ident, $argument:ty) => {
        unsafe extern "C" fn $name(file: *mut sqlite3_file, argument: $argument) -> c_int {
            // SAFETY: SQLite calls our methods with files that have them.
            match unsafe { flush(file) } {
                // SAFETY: as above.
                SQLITE_OK => below!(unsafe { held(file) }, $method(file, argument)),
                error => error,
            }
        }
    };
}
after_flush!(truncate, xTruncate, sqlite3_int64);
after_flush!(sync, xSync, c_int);
after_flush!(file_size, xFileSize, *mut sqlite3_int64);

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them, this one last.
    let (flushed, held) = unsafe { (flush(file), Box::from_raw(place(file).replace(null_mut()))) };
    let closed = below!(held, xClose(file));
    if flushed == SQLITE_OK { closed } else { flushed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::{Connection, OpenFlags};
    use std::cell::Cell;
    use tempfile::TempDir;

    thread_local! {
        pub(super) static DATABASE_SYNCS: Cell<u32> = const { Cell::new(0) };
    }

    fn open_log(dir: &TempDir) -> Connection {
        assert!(register());
        let db = Connection::open_with_flags_and_vfs(dir.path().join("t.db"), OpenFlags::default(), NAME).unwrap();
        let mode: String = db.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        db.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
            .unwrap();
        db
    }

    fn insert(db: &Connection, bytes: usize) {
        db.execute("INSERT INTO t(data) VALUES (randomblob(?1))", [bytes as i64]).unwrap();
    }

    fn digest(db: &Connection) -> (i64, i64, String) {
        let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let sums = db.query_row("SELECT count(*), ifnull(sum(length(data)), 0) FROM t", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let (rows, bytes): (i64, i64) = sums;
        (rows, bytes, check)
    }

    /// Write calls of this thread so far.
    #[cfg(target_os = "linux")]
    fn writes() -> u64 {
        let io = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        io.lines().find_map(|line| line.strip_prefix("syscw: ")).unwrap().parse().unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_commit_is_handed_to_the_system_in_few_pieces() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        insert(&db, 1);
        let before = writes();
        insert(&db, 40_000);
        assert!(writes() - before <= 2, "eleven pages took {} writes", writes() - before);
    }

    #[test]
    fn a_checkpoint_syncs_as_it_goes() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        (0..40).for_each(|_| insert(&db, 50_000));
        let before = DATABASE_SYNCS.get();
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
        let syncs = DATABASE_SYNCS.get() - before;
        assert!((8..=10).contains(&syncs), "2 MB were synced {syncs} times");
    }

    #[test]
    fn what_is_committed_is_in_the_log_when_the_commit_returns() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        for bytes in [1, 4_000, 40_000, 400_000] {
            insert(&db, bytes);
        }
        // As after a crash: the files as they are, read by SQLite's own VFS.
        let copy = TempDir::new().unwrap();
        for name in ["t.db", "t.db-wal"] {
            std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
        }
        let copied = Connection::open(copy.path().join("t.db")).unwrap();
        assert_eq!(digest(&copied), (4, 444_001, "ok".to_string()));
    }

    #[test]
    fn pages_that_left_the_cache_before_the_commit_are_read_back_and_can_be_rolled_back() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        db.execute_batch("PRAGMA cache_size = 10").unwrap();
        db.execute_batch("BEGIN").unwrap();
        (0..50).for_each(|_| insert(&db, 20_000));
        assert_eq!(digest(&db), (50, 1_000_000, "ok".to_string()));
        db.execute_batch("ROLLBACK").unwrap();
        assert_eq!(digest(&db), (0, 0, "ok".to_string()));
        (0..50).for_each(|_| insert(&db, 3_000));
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(db);
        let again = Connection::open(dir.path().join("t.db")).unwrap();
        assert_eq!(digest(&again), (50, 150_000, "ok".to_string()));
    }
}
