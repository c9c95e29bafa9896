//! Looks through a write-ahead log before SQLite does. SQLite trusts it up to the first bad checksum and silently drops the
//! rest: right for the torn end of an unfinished commit, wrong for a flipped bit in front of commits that were acked.
//! Called by `open`. The format: <https://sqlite.org/fileformat2.html>, 4.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC_BIG_ENDIAN: u32 = 0x377f_0683;
const PAGE_BYTES: usize = 4096;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Good frames from the start.
    pub(super) frames: u32,
    /// Whole commits among them.
    pub(super) commits: u32,
    /// Commits at and behind the first bad frame, as far as they can be told. A torn end leaves at most one: each commit is
    /// synced before the next begins.
    pub(super) commits_lost: u32,
}

impl Scan {
    /// Whether acked commits would be dropped without a word.
    pub(super) fn is_rotten(&self) -> bool {
        self.commits_lost >= 2
    }
}

/// Scans this file; a missing one is empty.
pub(super) fn scan(path: &Path) -> io::Result<Scan> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Scan::default()),
        file => file?,
    };
    let mut file = BufReader::with_capacity(256 * 1024, file);
    let mut header = [0; HEADER];
    if !fill(&mut file, &mut header)? {
        return Ok(Scan::default());
    }
    let big_endian = word(&header, 0) == MAGIC_BIG_ENDIAN;
    let mut good = checksum(big_endian, (0, 0), &header[..24]) == (word(&header, 24), word(&header, 28));
    let page_bytes = if good { word(&header, 8) as usize } else { PAGE_BYTES };
    let mut salt = good.then(|| (word(&header, 16), word(&header, 20)));
    let mut seed = (word(&header, 24), word(&header, 28));
    let mut found = Scan::default();
    let mut frame = vec![0; FRAME_HEADER + page_bytes.clamp(512, 65_536)];
    while fill(&mut file, &mut frame)? {
        // Without a readable header the first frame tells the salt.
        let frame_salt = (word(&frame, 8), word(&frame, 12));
        let current = *salt.get_or_insert(frame_salt);
        let stored = (word(&frame, 16), word(&frame, 20));
        // Each checksum goes on from the one before, as stored: what follows a bad frame can still be judged.
        let intact = frame_salt == current && word(&frame, 0) != 0 && {
            let sum = checksum(big_endian, seed, &frame[..8]);
            checksum(big_endian, sum, &frame[FRAME_HEADER..]) == stored
        };
        let first_bad = good && !intact;
        good &= intact;
        let commits = u32::from((intact || first_bad) && frame_salt == current && word(&frame, 4) != 0);
        if good {
            found.frames += 1;
            found.commits += commits;
        } else {
            found.commits_lost += commits;
        }
        seed = stored;
    }
    Ok(found)
}

/// Fills the buffer; false at the end of the file, also in the middle of a frame.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn checksum(big_endian: bool, seed: (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let (mut a, mut b) = seed;
    for pair in bytes.as_chunks::<8>().0 {
        let [x0, x1, x2, x3, y0, y1, y2, y3] = *pair;
        let (x, y) = ([x0, x1, x2, x3], [y0, y1, y2, y3]);
        let (x, y) =
            if big_endian { (u32::from_be_bytes(x), u32::from_be_bytes(y)) } else { (u32::from_le_bytes(x), u32::from_le_bytes(y)) };
        a = a.wrapping_add(x).wrapping_add(b);
        b = b.wrapping_add(y).wrapping_add(a);
    }
    (a, b)
}
