//! A copy of all that the broker holds, and who makes it: given by `server`, asked for by `backup`, sent as a reply's body.

use std::fs::File;
use std::thread::park_timeout;
use std::time::Instant;

/// A copy that was sent is given back to the file system in pieces of so many bytes: all of it at once holds up those who sync.
const PIECE_BYTES: u64 = 32 << 20;

/// A copy that is complete.
#[derive(Debug)]
pub struct Copied {
    /// The copy; it is gone when this is closed.
    pub file: File,
    /// Its length in bytes.
    pub len: u64,
}

/// Gives the room of a file that has no name any more back, piece by piece, with as much rest as work.
pub fn give_back(file: &File, len: u64) {
    for piece in (0..len.div_ceil(PIECE_BYTES)).rev() {
        let begun = Instant::now();
        // Where this fails it goes when it is closed.
        if file.set_len(piece * PIECE_BYTES).is_err() {
            return;
        }
        park_timeout(begun.elapsed());
    }
}

/// Why there is no copy.
#[derive(Debug)]
pub enum NoCopy {
    /// Another one is being made.
    Busy,
    /// Nothing is kept on a disk.
    NothingOnDisk,
    /// There is no room for it.
    NoRoom(String),
    /// It could not be made.
    Failed(String),
}

/// Makes a copy, however long that takes, unless nobody waits for it any more: that is asked now and then.
pub type Copier = Box<dyn Fn(&dyn Fn() -> bool) -> Result<Copied, NoCopy> + Send + Sync>;
