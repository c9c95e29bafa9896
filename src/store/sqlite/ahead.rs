//! What a checkpoint reads of its log in large pieces, where SQLite asks for one frame at a time. Called by `vfs`.

/// Who goes on from so far away does not go on.
const FAR_BYTES: i64 = 31 * 1024;

/// What a checkpoint has read of its log that SQLite did not ask for yet. SQLite asks for one frame at a time, and as the pages of the
/// database follow one another, so do most frames.
#[derive(Default)]
pub(super) struct Ahead {
    pub(super) offset: i64,
    pub(super) bytes: Vec<u8>,
    /// Where SQLite read last.
    last: i64,
}

impl Ahead {
    /// What lies there, if it was read.
    pub(super) fn at(&self, offset: i64, amount_bytes: usize) -> Option<&[u8]> {
        let begin = usize::try_from(offset - self.offset).ok()?;
        self.bytes.get(begin..begin.checked_add(amount_bytes)?)
    }

    /// Whether this read goes on where the last one was. Frames that were overtaken by newer ones of their pages are left out.
    pub(super) fn goes_on(&mut self, offset: i64) -> bool {
        let step = offset - std::mem::replace(&mut self.last, offset);
        0 < step && step < FAR_BYTES
    }
}
