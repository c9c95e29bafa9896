//! A copy of all that the broker holds, and who makes it: given by `server`, asked for by `backup`, sent as a reply's body.

use std::fs::File;

/// A copy that is complete.
#[derive(Debug)]
pub struct Copied {
    /// The copy; it is gone when this is closed.
    pub file: File,
    /// Its length in bytes.
    pub len: u64,
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
