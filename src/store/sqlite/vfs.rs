//! The VFS of the store: SQLite's own `unix-excl`, except that writes which follow one another are handed to the system as one.
//! SQLite writes the log in pieces of 24 and 4,096 bytes, and copies it back to the database page by page; a system call for
//! each costs more than the bytes do, and memory that the system has to find page by page costs more still. Used by
//! `connection`; with `unsafe`, since SQLite asks for C functions. A log goes past the system's cache where that can be (`direct`).
//!
//! What is held back of a log goes out before the log is synced, truncated, measured or closed, and before a read that meets it, where it is not
//! read from the log's image. Nobody else can want it earlier: with `synchronous=FULL` SQLite shows frames to other connections only after the sync that ends
//! their transaction (<https://sqlite.org/walformat.html>).
//!
//! Of a database writes are held back during a checkpoint only, and are out at its end: others read those pages from the log
//! until then. An error cannot be told at the end of a checkpoint that does not reach the end of the log; after one nothing is read
//! from this database or written to it any more by this process. All of it is still in the log, which starts over only after a
//! checkpoint that reached its end, and then none does.
//!
//! A checkpoint reads the log in pieces too: until its end no frame is overwritten that it copies. What it adds to the end of the database
//! the system is told to forget after a while (`cached`).
#![allow(unsafe_code)]

use super::ahead::Ahead;
use super::cached::Cached;
use super::direct::{DirectLog, NotWritten};
use crate::base::limits::WAL_HARD_BYTES;
use log::error;
use rusqlite::ffi::{
    SQLITE_CANTOPEN, SQLITE_FCNTL_CKPT_DONE, SQLITE_FCNTL_CKPT_START, SQLITE_IOERR, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE,
    SQLITE_NOTFOUND, SQLITE_OK, SQLITE_OPEN_MAIN_DB, SQLITE_OPEN_WAL, SQLITE_SYNC_NORMAL, sqlite3_file, sqlite3_filename, sqlite3_int64,
    sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find, sqlite3_vfs_register,
};
use std::cell::RefCell;
use std::ffi::{CStr, OsStr, c_int, c_void};
use std::fs::File;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// What connections name when they open.
pub(super) const NAME: &CStr = c"monolog-unix-excl";
/// The VFS that does the work: one process has the file for itself, and the index of the log lies on its heap.
const UNIX_EXCL: &CStr = c"unix-excl";
/// More than this is not held back: `unix-excl` takes fewer than 128 KiB at once.
const HELD_BYTES_MAX: usize = 31 * 4096;
/// No longer piece is held back of a log that is written past the system's cache.
const DIRECT_BYTES_MAX: usize = 256 * 1024;
/// A checkpoint has the disk begin with what it wrote to the database each time it is so much, and not only at its end: all of
/// it would be done before the next sync of the log, and a plan would wait for that.
const UNWRITTEN_BYTES_MAX: usize = 2 * HELD_BYTES_MAX;
/// Where less is free, a checkpoint holds nothing back: a full disk has to be told with the very page that finds it full.
const ROOM_AMPLE_BYTES: u64 = 2 * WAL_HARD_BYTES;

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

/// What is put off for a file: writes that the system has not been told of, one piece at `offset`.
struct Held {
    offset: sqlite3_int64,
    bytes: Vec<u8>,
    /// Of a database.
    pages: Option<Pages>,
    /// Of a log that can be written past the system's cache.
    log: Option<DirectHeld>,
    below: &'static sqlite3_io_methods,
}

/// What a log holds back in its image.
struct DirectHeld {
    log: Arc<DirectLog>,
    range: Range<usize>,
}

/// How far a connection is with writing to its database.
struct Pages {
    database: Arc<Database>,
    /// A checkpoint is under way, and may hold writes back.
    is_holding: bool,
    /// The error at the end of this connection's checkpoint, until SQLite asks for something that can tell it.
    unheard: c_int,
    /// Bytes written that the disk has not been told to begin with.
    unwritten_bytes: usize,
}

impl Pages {
    /// Counts a write. Whether the disk is to begin now.
    fn are_due(&mut self, amount: c_int) -> bool {
        self.unwritten_bytes += amount.max(0) as usize;
        let are_due = self.unwritten_bytes >= UNWRITTEN_BYTES_MAX;
        if are_due {
            self.unwritten_bytes = 0;
        }
        are_due
    }
}

/// A database that is open, the same for all its connections.
struct Database {
    path: PathBuf,
    /// Ours, for what SQLite has no method for. Who closes any file of a database lets go of SQLite's lock on it, so it is closed
    /// after SQLite's last.
    file: Option<File>,
    /// SQLite believes pages to be there that are not.
    is_lost: AtomicBool,
    /// What was written at its end, and may be in the system's cache.
    cached: Cached,
}

thread_local! {
    /// Of the checkpoint that this thread runs, if it does.
    static AHEAD: RefCell<Option<Ahead>> = const { RefCell::new(None) };
}

/// The databases that are open. Locked while one is opened or closed.
static DATABASES: Mutex<Vec<Weak<Database>>> = Mutex::new(Vec::new());

fn databases() -> MutexGuard<'static, Vec<Weak<Database>>> {
    DATABASES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Database {
    fn at(path: &Path, open: &mut Vec<Weak<Database>>) -> Arc<Database> {
        open.retain(|database| database.strong_count() > 0);
        if let Some(database) = open.iter().filter_map(Weak::upgrade).find(|database| database.path == path) {
            return database;
        }
        let (path, file) = (path.to_owned(), File::open(path).ok());
        let cached = Cached::of(file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |metadata| metadata.len()));
        let database = Arc::new(Database { path, file, is_lost: AtomicBool::new(false), cached });
        open.push(Arc::downgrade(&database));
        database
    }

    fn has_ample_room(&self) -> bool {
        let room = || rustix::fs::statvfs(&self.path).map(|volume| volume.f_bavail.saturating_mul(volume.f_frsize));
        // The tests of this file must not depend on the disk that they run on.
        cfg!(test) || room().is_ok_and(|bytes| bytes >= ROOM_AMPLE_BYTES)
    }

    /// Has the disk begin with everything that was written, after it is through with what it began before. Where the system cannot
    /// that is `SQLITE_NOTFOUND`.
    #[cfg(target_os = "linux")]
    fn begin_writing(&self) -> c_int {
        use std::os::fd::AsRawFd;
        let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE;
        let Some(file) = &self.file else { return SQLITE_NOTFOUND };
        // SAFETY: it takes numbers only, and the file is open.
        if unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, flags) } == 0 {
            return SQLITE_OK;
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::ENOSYS | libc::EPERM | libc::EINVAL | libc::ESPIPE) => SQLITE_NOTFOUND,
            // Not left to a sync: systems before Linux 4.13 tell an error once.
            _ => SQLITE_IOERR_FSYNC,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn begin_writing(&self) -> c_int {
        SQLITE_NOTFOUND
    }
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
    let mut databases = (flags & SQLITE_OPEN_MAIN_DB != 0).then(databases);
    // SAFETY: the arguments are SQLite's, the VFS is the one they are meant for; it takes the first `szOsFile` bytes at `file`.
    let result = unsafe { open(std::ptr::from_ref(below).cast_mut(), name, file, flags, flags_out) };
    // SAFETY: `open` has set the methods, to null where it failed; they are constants of SQLite.
    if result == SQLITE_OK
        && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB) != 0
        && let Some(below) = unsafe { (*file).pMethods.as_ref() }
    {
        // SAFETY: SQLite names a database and its log by a string that ends.
        let path = (!name.is_null()).then(|| Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes())));
        let log = path.filter(|_| flags & SQLITE_OPEN_WAL != 0).and_then(DirectLog::at).map(|log| DirectHeld { log, range: 0..0 });
        let pages = databases.as_mut().zip(path).map(|(databases, path)| Pages {
            database: Database::at(path, databases),
            is_holding: false,
            unheard: SQLITE_OK,
            unwritten_bytes: 0,
        });
        let of_file = if pages.is_some() { database_methods(below) } else { methods(below) };
        let held = Box::new(Held { offset: 0, bytes: Vec::new(), pages, log, below });
        // SAFETY: `szOsFile` of ours made room for the pointer there, aligned.
        unsafe {
            file.cast::<u8>().add(*place).cast::<*mut Held>().write(Box::into_raw(held));
            (*file).pMethods = of_file;
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
    METHODS.get_or_init(|| sqlite3_io_methods {
        xClose: Some(close),
        xRead: Some(read_database),
        xWrite: Some(write_database),
        xTruncate: Some(truncate_database),
        xSync: Some(sync_database),
        xFileSize: Some(file_size),
        xFileControl: Some(control_database),
        ..*below
    })
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

/// Tells the system of what is held back. What it does not take is dropped: SQLite learns of it, and rolls back or copies again.
unsafe fn flush(file: *mut sqlite3_file, held: &mut Held) -> c_int {
    if held.pages.as_ref().is_some_and(|pages| pages.database.is_lost.load(SeqCst)) {
        return SQLITE_IOERR;
    }
    if let Some(DirectHeld { log, range }) = &mut held.log
        && range.start < range.end
    {
        return match log.write(&std::mem::take(range)) {
            Ok(()) => SQLITE_OK,
            Err(NotWritten::Refused { bytes, offset }) => {
                let pieces = bytes.chunks(HELD_BYTES_MAX).zip((offset..).step_by(HELD_BYTES_MAX));
                let mut results = pieces.map(|(piece, offset)| {
                    below!(held, xWrite(file, piece.as_ptr().cast(), piece.len() as c_int, offset as sqlite3_int64))
                });
                results.find(|result| *result != SQLITE_OK).unwrap_or(SQLITE_OK)
            }
            Err(NotWritten::Failed(error)) => {
                error!("the write-ahead log could not be written: {error}");
                SQLITE_IOERR_WRITE
            }
        };
    }
    if held.bytes.is_empty() {
        return SQLITE_OK;
    }
    #[cfg(test)]
    if tests::REFUSES.get() != SQLITE_OK {
        held.bytes.clear();
        return tests::REFUSES.get();
    }
    let result = below!(held, xWrite(file, held.bytes.as_ptr().cast(), held.bytes.len() as c_int, held.offset));
    if result == SQLITE_OK
        && let Some(pages) = &held.pages
    {
        pages.database.file.iter().for_each(|file| pages.database.cached.wrote(file, held.offset as u64, held.bytes.len() as u64));
    }
    held.bytes.clear();
    result
}

/// Holds a write back, and hands over what was held when it does not follow that or is too much.
unsafe fn hold(file: *mut sqlite3_file, held: &mut Held, bytes: *const c_void, amount: c_int, offset: sqlite3_int64) -> c_int {
    let amount_bytes = amount.max(0) as usize;
    let follows = offset == held.offset + held.bytes.len() as sqlite3_int64;
    if !follows || held.bytes.len() + amount_bytes > HELD_BYTES_MAX {
        // SAFETY: the caller's file has our methods, and this is what it holds back.
        let result = unsafe { flush(file, held) };
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

/// Holds a write to a log back in its image. `None`: it goes the usual way, and nothing is held back in the image then.
unsafe fn hold_direct(file: *mut sqlite3_file, held: &mut Held, bytes: &[u8], offset: usize) -> Option<c_int> {
    let DirectHeld { log, range } = held.log.as_mut()?;
    let end = offset + bytes.len();
    // What lies between is in the image too: of a page that is written twice SQLite writes all later checksums once more.
    let goes_on = range.start < range.end && range.start <= offset && end.max(range.end) - range.start <= DIRECT_BYTES_MAX;
    let is_taken = log.take(bytes, offset);
    let joins = goes_on && is_taken;
    if !joins && (is_taken || range.start < range.end) {
        // SAFETY: the caller's file has our methods, and this is what it holds back.
        let flushed = unsafe { flush(file, held) };
        if flushed != SQLITE_OK {
            return Some(flushed);
        }
    }
    let DirectHeld { range, .. } = held.log.as_mut()?;
    let joined = if joins { range.start..end.max(range.end) } else { offset..end };
    *range = if is_taken { joined } else { 0..0 };
    is_taken.then_some(SQLITE_OK)
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, amount: c_int, offset: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    let held = unsafe { held(file) };
    // SAFETY: SQLite gives `amount` bytes there.
    let taken = unsafe { hold_direct(file, held, slice::from_raw_parts(bytes.cast(), amount.max(0) as usize), offset.max(0) as usize) };
    // SAFETY: as above.
    taken.unwrap_or_else(|| unsafe { hold(file, held, bytes, amount, offset) })
}

unsafe extern "C" fn read(file: *mut sqlite3_file, bytes: *mut c_void, amount: c_int, offset: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    let held = unsafe { held(file) };
    let wanted = offset.max(0) as usize..offset.max(0) as usize + amount.max(0) as usize;
    // SAFETY: SQLite wants so many bytes there.
    let give = |found: &[u8]| unsafe { found.as_ptr().copy_to_nonoverlapping(bytes.cast(), found.len()) };
    if held.log.as_ref().is_some_and(|held| held.log.read(wanted, give).is_some()) {
        return SQLITE_OK;
    }
    let end = held.offset + held.bytes.len() as sqlite3_int64;
    let meets = !held.bytes.is_empty() && offset < end && held.offset < offset + sqlite3_int64::from(amount);
    let meets = meets || held.log.as_ref().is_some_and(|held| held.range.start < held.range.end);
    // SAFETY: as above.
    match if meets { unsafe { flush(file, held) } } else { SQLITE_OK } {
        SQLITE_OK => AHEAD.with_borrow_mut(|ahead| match ahead {
            Some(ahead) => read_ahead(file, held, ahead, bytes, amount, offset),
            None => below!(held, xRead(file, bytes, amount, offset)),
        }),
        error => error,
    }
}

/// Reads for a checkpoint.
fn read_ahead(file: *mut sqlite3_file, held: &Held, ahead: &mut Ahead, bytes: *mut c_void, amount: c_int, offset: sqlite3_int64) -> c_int {
    let amount_bytes = amount.max(0) as usize;
    if ahead.goes_on(offset) && ahead.at(offset, amount_bytes).is_none() {
        ahead.bytes.resize(HELD_BYTES_MAX, 0);
        ahead.offset = offset;
        if below!(held, xRead(file, ahead.bytes.as_mut_ptr().cast(), HELD_BYTES_MAX as c_int, offset)) != SQLITE_OK {
            // The log ends there.
            ahead.bytes.clear();
        }
    }
    match ahead.at(offset, amount_bytes) {
        Some(read) => {
            // SAFETY: SQLite wants so many bytes there.
            unsafe { read.as_ptr().copy_to_nonoverlapping(bytes.cast(), read.len()) };
            SQLITE_OK
        }
        None => below!(held, xRead(file, bytes, amount, offset)),
    }
}

/// A method that wants the system to know everything first.
macro_rules! after_flush {
    ($name:ident, $method:ident($($argument:ident: $type:ty),*)) => {
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $type),*) -> c_int {
            // SAFETY: SQLite calls our methods with files that have them.
            let held = unsafe { held(file) };
            // SAFETY: as above.
            match unsafe { flush(file, held) } {
                SQLITE_OK => below!(held, $method(file, $($argument),*)),
                error => error,
            }
        }
    };
}
after_flush!(truncate_flushed, xTruncate(bytes: sqlite3_int64));
after_flush!(sync, xSync(flags: c_int));
after_flush!(file_size, xFileSize(bytes: *mut sqlite3_int64));
// Of a lost database nothing is read, by any connection.
after_flush!(read_database, xRead(bytes: *mut c_void, amount: c_int, offset: sqlite3_int64));

unsafe extern "C" fn write_database(file: *mut sqlite3_file, bytes: *const c_void, amount: c_int, offset: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    let held = unsafe { held(file) };
    // SAFETY: as above; so are the bytes that SQLite gives.
    let result = match held.pages.as_ref().is_some_and(|pages| pages.is_holding) {
        true => unsafe { hold(file, held, bytes, amount, offset) },
        false => match unsafe { flush(file, held) } {
            SQLITE_OK => below!(held, xWrite(file, bytes, amount, offset)),
            error => error,
        },
    };
    if result != SQLITE_OK || !held.pages.as_mut().is_some_and(|pages| pages.are_due(amount)) {
        return result;
    }
    #[cfg(test)]
    tests::BEGUN.set(tests::BEGUN.get() + 1);
    // SAFETY: as above.
    match unsafe { flush(file, held) } {
        SQLITE_OK => match held.pages.as_ref().map_or(SQLITE_NOTFOUND, |pages| pages.database.begin_writing()) {
            SQLITE_NOTFOUND => below!(held, xSync(file, SQLITE_SYNC_NORMAL)),
            begun => begun,
        },
        error => error,
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, bytes: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    let truncated = unsafe { truncate_flushed(file, bytes) };
    // SAFETY: as above.
    unsafe { held(file) }.log.iter().for_each(|held| held.log.ends_at(bytes.max(0) as usize));
    truncated
}

/// After a checkpoint that reached the end of the log SQLite measures the database by this, and hears what it had not heard.
unsafe extern "C" fn truncate_database(file: *mut sqlite3_file, bytes: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    if let Some(pages) = unsafe { &mut held(file).pages }
        && pages.unheard != SQLITE_OK
    {
        pages.database.is_lost.store(false, SeqCst);
        return std::mem::replace(&mut pages.unheard, SQLITE_OK);
    }
    // SAFETY: as above.
    let truncated = unsafe { truncate(file, bytes) };
    // SAFETY: as above.
    if let Some(pages) = unsafe { &held(file).pages }
        && truncated == SQLITE_OK
    {
        pages.database.cached.ends_at(bytes.max(0) as u64);
    }
    truncated
}

unsafe extern "C" fn sync_database(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    unsafe {
        held(file).pages.iter_mut().for_each(|pages| pages.unwritten_bytes = 0);
        sync(file, flags)
    }
}

/// SQLite says when a checkpoint begins and ends, and does not hear what we say to that.
unsafe extern "C" fn control_database(file: *mut sqlite3_file, what: c_int, argument: *mut c_void) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them.
    let held = unsafe { held(file) };
    // SAFETY: as above.
    let flushed = if what == SQLITE_FCNTL_CKPT_DONE { unsafe { flush(file, held) } } else { SQLITE_OK };
    match what {
        SQLITE_FCNTL_CKPT_START => AHEAD.set(Some(Ahead::default())),
        SQLITE_FCNTL_CKPT_DONE => AHEAD.set(None),
        _ => {}
    }
    if let Some(pages) = &mut held.pages {
        match what {
            SQLITE_FCNTL_CKPT_START => (pages.is_holding, pages.unheard) = (pages.database.has_ample_room(), SQLITE_OK),
            SQLITE_FCNTL_CKPT_DONE => pages.is_holding = false,
            _ => {}
        }
        // What was lost before is not to be heard now.
        if flushed != SQLITE_OK && !pages.database.is_lost.swap(true, SeqCst) {
            pages.unheard = flushed;
            error!("the end of a checkpoint could not be written to {}", pages.database.path.display());
        }
    }
    below!(held, xFileControl(file, what, argument))
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite calls our methods with files that have them, this one last.
    let mut held = unsafe { Box::from_raw(place(file).replace(null_mut())) };
    // SAFETY: as above.
    let flushed = unsafe { flush(file, &mut held) };
    let databases = held.pages.is_some().then(databases);
    let closed = below!(held, xClose(file));
    // In this order: see `Database`.
    drop(held);
    drop(databases);
    if flushed == SQLITE_OK { closed } else { flushed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::{Connection, OpenFlags};
    use std::cell::Cell;
    use tempfile::TempDir;

    thread_local! {
        /// How often the disk was told to begin with what a checkpoint wrote.
        pub(super) static BEGUN: Cell<u32> = const { Cell::new(0) };
        /// Why what is held back is not taken.
        pub(super) static REFUSES: Cell<i32> = const { Cell::new(SQLITE_OK) };
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

    /// Calls of this thread so far that `/proc` counts under this name.
    #[cfg(target_os = "linux")]
    fn calls(name: &str) -> u64 {
        let io = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        io.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap().parse().unwrap()
    }

    #[cfg(target_os = "linux")]
    fn writes() -> u64 {
        calls("syscw")
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
    #[cfg(target_os = "linux")]
    fn a_checkpoint_is_handed_to_the_system_in_few_pieces() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        (0..40).for_each(|_| insert(&db, 50_000));
        let (reads_before, writes_before, begun_before) = (calls("syscr"), writes(), BEGUN.get());
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
        let (read, written, begun) = (calls("syscr") - reads_before, writes() - writes_before, BEGUN.get() - begun_before);
        assert!(read <= 130, "520 pages took {read} reads");
        assert!((16..=24).contains(&written), "2 MB took {written} writes");
        assert!((7..=9).contains(&begun), "the disk began with 2 MB {begun} times");
        assert_eq!(digest(&db), (40, 2_000_000, "ok".to_string()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_forgets_what_made_the_database_longer_and_nothing_else() {
        use super::super::cached::tests::FORGOTTEN;
        let dir = TempDir::new().unwrap();
        let forgotten = |db: &Connection, change: &str| {
            let before = FORGOTTEN.get();
            db.execute_batch(change).unwrap();
            db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
            (FORGOTTEN.get() - before) >> 20
        };
        let insert = |mib: u32| {
            format!(
                "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {mib}) INSERT INTO t(data) SELECT zeroblob(1048576) FROM n"
            )
        };
        let db = open_log(&dir);
        assert_eq!(forgotten(&db, &insert(60)), 0);
        let of_32 = forgotten(&db, &insert(32));
        assert!((24..=29).contains(&of_32), "of 92 MiB 64 and a step stay: {of_32}");
        assert!(forgotten(&db, "UPDATE t SET data = zeroblob(1040000)") <= 4, "the same pages again, and a step at most");
        drop(db);
        let db = Connection::open_with_flags_and_vfs(dir.path().join("t.db"), OpenFlags::default(), NAME).unwrap();
        assert_eq!(forgotten(&db, "UPDATE t SET data = zeroblob(1030000)"), 0, "pages that were there");
        assert_eq!(forgotten(&db, &insert(50)), 0, "no more than may stay");
        // Shorter by some, and as long again.
        assert_eq!(forgotten(&db, "DELETE FROM t WHERE id > 60; VACUUM"), 0);
        let of_82 = forgotten(&db, &insert(82));
        assert!((14..=19).contains(&of_82), "of 82 MiB 64 and a step stay: {of_82}");
    }

    #[test]
    fn a_checkpoint_copies_each_page_from_its_own_frame() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        // Rows come, go and change in no order, so that neither frames nor pages follow one another for long; and passes find
        // a log that goes on, one that has started over, and one whose end is in the middle of a piece.
        let mut rng = crate::base::rng::Rng::new(7);
        for round in 0..60 {
            for _ in 0..rng.below(30) {
                match rng.below(4) {
                    0 => db
                        .execute("DELETE FROM t WHERE id = (SELECT min(id) FROM t WHERE id > abs(random()) % 300)", [])
                        .map(|_| ())
                        .unwrap(),
                    1 => db.execute("UPDATE t SET data = randomblob(9000) WHERE id % 7 = abs(random()) % 7", []).map(|_| ()).unwrap(),
                    _ => insert(&db, rng.below(60_000) as usize),
                }
            }
            let contents = |db: &Connection| -> Vec<(i64, Vec<u8>)> {
                let mut rows = db.prepare("SELECT id, data FROM t ORDER BY id").unwrap();
                rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
            };
            let expected = contents(&db);
            db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
            // The database alone, without its log.
            let copy = dir.path().join("copy.db");
            std::fs::copy(dir.path().join("t.db"), &copy).unwrap();
            assert!(contents(&Connection::open(&copy).unwrap()) == expected, "round {round}");
        }
    }

    /// A checkpoint whose end is refused for this reason: the frames of the log, and those that SQLite takes for copied.
    fn pass(db: &Connection, refused: i32) -> rusqlite::Result<(i64, i64)> {
        REFUSES.set(refused);
        let passed = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)));
        REFUSES.set(SQLITE_OK);
        passed
    }

    #[test]
    fn after_pages_were_lost_unheard_nobody_reads_the_database_and_nothing_is_lost() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        let path = dir.path().join("t.db");
        let open = || Connection::open_with_flags_and_vfs(&path, OpenFlags::default(), NAME);
        let reader = open().unwrap();
        insert(&db, 10_000);
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(digest(&reader).0, 1);
        insert(&db, 10_000);
        let (frames, done) = pass(&db, SQLITE_IOERR).unwrap();
        assert!(done > 0 && done < frames, "SQLite takes {done} of {frames} frames for copied");
        reader.execute_batch("COMMIT").unwrap();
        assert!(open().is_err(), "nobody comes to read");
        assert!(reader.query_row("SELECT max(hex(data)) FROM t", [], |row| row.get::<_, String>(0)).is_err(), "nobody reads on");
        assert!(pass(&db, SQLITE_OK).is_err() && pass(&db, SQLITE_OK).is_err(), "no other checkpoint lets the log start over");
        // The pages that it takes are in its cache: it is in the log.
        insert(&db, 5_000);
        drop((reader, db));
        assert_eq!(digest(&open().unwrap()), (3, 25_000, "ok".to_string()));
    }

    #[test]
    fn at_the_end_of_the_log_a_full_disk_is_told_and_survived() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        insert(&db, 10_000);
        let told = pass(&db, rusqlite::ffi::SQLITE_FULL).unwrap_err();
        assert_eq!(told.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
        insert(&db, 10_000);
        let (frames, done) = pass(&db, SQLITE_OK).unwrap();
        assert!(done == frames && frames > 0, "{done} of {frames}");
        assert_eq!(digest(&db), (2, 20_000, "ok".to_string()));
    }

    /// As after a crash: the files as they are, read by SQLite's own VFS.
    fn digest_of_files(dir: &TempDir) -> (i64, i64, String) {
        let copy = TempDir::new().unwrap();
        for name in ["t.db", "t.db-wal"] {
            std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
        }
        digest(&Connection::open(copy.path().join("t.db")).unwrap())
    }

    #[test]
    fn what_is_committed_is_in_the_log_when_the_commit_returns() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        for bytes in [1, 4_000, 40_000, 400_000] {
            insert(&db, bytes);
        }
        assert_eq!(digest_of_files(&dir), (4, 444_001, "ok".to_string()));
    }

    #[test]
    fn a_log_is_the_same_however_it_was_written() {
        use super::super::direct::tests::REFUSES as REFUSES_DIRECT;
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        let other = Connection::open_with_flags_and_vfs(dir.path().join("t.db"), OpenFlags::default(), NAME).unwrap();
        let mut rng = crate::base::rng::Rng::new(11);
        let (mut rows, mut bytes) = (0, 0);
        for round in 0..120 {
            // The system takes pieces that go past its cache, or not; the log goes on, starts over, or is cut off.
            REFUSES_DIRECT.set(rng.below(4) == 0);
            match rng.below(12) {
                0 => db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap(),
                1 => db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap(),
                // Pages leave SQLite's cache before the commit, and some are written once more.
                2 => {
                    db.execute_batch("PRAGMA cache_size = 10; BEGIN").unwrap();
                    (0..40).for_each(|_| insert(&db, 9_000));
                    let end = if rng.below(2) == 0 { "ROLLBACK" } else { "COMMIT" };
                    db.execute_batch(&format!("UPDATE t SET data = data; {end}; PRAGMA cache_size = 2000")).unwrap();
                    if end == "COMMIT" {
                        (rows, bytes) = (rows + 40, bytes + 40 * 9_000);
                    }
                }
                _ => {
                    let of_row = rng.below(60_000) as i64;
                    insert(&db, of_row as usize);
                    (rows, bytes) = (rows + 1, bytes + of_row);
                }
            }
            let expected = (rows, bytes, "ok".to_string());
            assert_eq!((digest_of_files(&dir), digest(&other)), (expected.clone(), expected), "round {round}");
        }
        REFUSES_DIRECT.set(false);
    }

    #[test]
    fn a_log_that_outgrows_its_image_goes_on_and_starts_over() {
        let dir = TempDir::new().unwrap();
        let db = open_log(&dir);
        for rows in [30, 60] {
            // 30 MB with what 4 KiB pages add; each time more than the image takes.
            (0..30).for_each(|_| insert(&db, 1_000_000));
            let expected = (rows, rows * 1_000_000, "ok".to_string());
            assert_eq!(digest_of_files(&dir), expected);
            db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
            assert_eq!((digest_of_files(&dir), digest(&db)), (expected.clone(), expected));
        }
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
