//! The two ends of the codec: a reader that hands out slices of the frame and cannot be led beyond it, and a writer that
//! takes large shared bytes as they are. Called by `field` and `header`; nothing else looks at single bytes of a message.

use bytes::Bytes;
use std::fmt;

/// Shared bytes of at least this size become a chunk of their own; smaller ones are cheaper to copy than to send apart.
const SHARED_BYTES_MIN: usize = 1024;
/// What any frame may allocate for its arrays, however small it is,
const ALLOWANCE_BYTES_MIN: usize = 64 * 1024;
/// ... and what it may allocate for each byte it has: a list of one-letter names is the worst that honest clients send.
const ALLOWANCE_PER_BYTE: usize = 16;

/// What was wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The frame ends within the field.
    Truncated,
    /// A length below -1.
    NegativeLength,
    /// A variable-length integer of more bits than its type has.
    VarintTooLong,
    /// A string that is not UTF-8.
    NotUtf8,
    /// A string of more than 32767 bytes, which Kafka refuses too.
    TextTooLong,
    /// A null where this version has none.
    NullNotAllowed,
    /// An array that claims more elements than the rest of the frame could hold.
    CountBeyondFrame,
    /// Arrays that would take far more memory than the frame has bytes.
    TooManyElements,
    /// A tagged field that does not end where it says.
    TagSize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Truncated => "the frame ends within it",
            Fault::NegativeLength => "negative length",
            Fault::VarintTooLong => "varint too long",
            Fault::NotUtf8 => "not UTF-8",
            Fault::TextTooLong => "string of more than 32767 bytes",
            Fault::NullNotAllowed => "null is not allowed in this version",
            Fault::CountBeyondFrame => "more elements claimed than the frame could hold",
            Fault::TooManyElements => "too many small elements",
            Fault::TagSize => "tagged field does not end where it says",
        })
    }
}

/// Where and why decoding stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What was wrong.
    pub fault: Fault,
    /// The innermost field that was being read, `Struct.field`.
    pub field: &'static str,
    /// The byte of the frame at which reading stopped, counted after the length.
    pub at: usize,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.field, self.at, self.fault)
    }
}

impl std::error::Error for DecodeError {}

/// Reads a frame front to back. What it hands out are slices that share the frame.
pub struct Reader {
    frame: Bytes,
    at: usize,
    /// Where reading must stop: the end of the frame, or of the tagged field being read.
    end: usize,
    /// Bytes that arrays may still allocate.
    allowance: usize,
    /// Bytes that arrays were allowed to allocate.
    allocated: usize,
    blamed: Option<(&'static str, usize)>,
}

impl Reader {
    /// A reader of a request, which comes from anyone: its arrays may take a small multiple of the frame, up to `lists_bytes_max`.
    pub fn of_request(frame: Bytes, lists_bytes_max: usize) -> Reader {
        let mut reader = Reader::of_response(frame);
        reader.allowance = reader.allowance.min(lists_bytes_max);
        reader
    }

    /// A reader of a response, whose arrays may take a small multiple of the frame, however large it is.
    pub fn of_response(frame: Bytes) -> Reader {
        let (end, allowance) = (frame.len(), frame.len().saturating_mul(ALLOWANCE_PER_BYTE).saturating_add(ALLOWANCE_BYTES_MIN));
        Reader { frame, at: 0, end, allowance, allocated: 0, blamed: None }
    }

    /// What the arrays read so far take in memory, beside the frame.
    pub fn allocated(&self) -> usize {
        self.allocated
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// Remembers which field failed; the first, innermost one stays.
    #[cold]
    pub fn blame(&mut self, field: &'static str) {
        self.blamed.get_or_insert((field, self.at));
    }

    /// The fault with its place, for logs.
    pub fn explain(&self, fault: Fault) -> DecodeError {
        let (field, at) = self.blamed.unwrap_or(("frame", self.at));
        DecodeError { fault, field, at }
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let rest = self.frame.get(self.at..self.end).unwrap_or_default();
        let bytes = *rest.first_chunk::<N>().ok_or(Fault::Truncated)?;
        self.at += N;
        Ok(bytes)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Result<u8, Fault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next two bytes as a number.
    pub fn i16(&mut self) -> Result<i16, Fault> {
        self.array().map(i16::from_be_bytes)
    }

    /// The next four bytes as a number.
    pub fn i32(&mut self) -> Result<i32, Fault> {
        self.array().map(i32::from_be_bytes)
    }

    /// The next eight bytes as a number.
    pub fn i64(&mut self) -> Result<i64, Fault> {
        self.array().map(i64::from_be_bytes)
    }

    /// An unsigned variable-length number of at most 32 bits.
    pub fn uvarint(&mut self) -> Result<u32, Fault> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            // The fifth byte has room for four more bits.
            if shift == 28 && byte > 0x0f {
                return Err(Fault::VarintTooLong);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Fault::VarintTooLong)
    }

    /// The next `len` bytes, sharing the frame.
    pub fn bytes(&mut self, len: usize) -> Result<Bytes, Fault> {
        if len > self.remaining() {
            return Err(Fault::Truncated);
        }
        let bytes = self.frame.slice(self.at..self.at + len);
        self.at += len;
        Ok(bytes)
    }

    /// Passes over `len` bytes.
    pub fn skip(&mut self, len: usize) -> Result<(), Fault> {
        if len > self.remaining() {
            return Err(Fault::Truncated);
        }
        self.at += len;
        Ok(())
    }

    /// Takes leave to allocate for `count` elements that have at least `bytes_min` bytes each on the wire and `size` in memory.
    pub fn allow(&mut self, count: usize, bytes_min: usize, size: usize) -> Result<(), Fault> {
        if count > self.remaining() / bytes_min.max(1) {
            return Err(Fault::CountBeyondFrame);
        }
        let bytes = count.saturating_mul(size);
        self.allowance = self.allowance.checked_sub(bytes).ok_or(Fault::TooManyElements)?;
        self.allocated += bytes;
        Ok(())
    }

    /// Reads the tagged fields that end a flexible structure. `known` reads the ones it knows and returns whether it did; all
    /// others are passed over.
    pub fn tagged_fields(&mut self, mut known: impl FnMut(&mut Reader, u32) -> Result<bool, Fault>) -> Result<(), Fault> {
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let size = self.uvarint()? as usize;
            if size > self.remaining() {
                return Err(Fault::Truncated);
            }
            let outer_end = self.end;
            self.end = self.at + size;
            if !known(self, tag)? {
                self.at = self.end;
            }
            if self.at != self.end {
                return Err(Fault::TagSize);
            }
            self.end = outer_end;
        }
        Ok(())
    }

    /// Passes over the tagged fields of a structure that knows none.
    pub fn skip_tagged_fields(&mut self) -> Result<(), Fault> {
        self.tagged_fields(|_, _| Ok(false))
    }
}

/// A frame ready to be sent: its length in front, in the order in which the chunks are to be written.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    /// The bytes, in pieces: record batches are shared with whoever holds them.
    pub chunks: Vec<Bytes>,
    /// All bytes together, the four of the length included.
    pub len: usize,
    /// What they take in memory that nobody else holds, in bytes.
    pub fresh_bytes: usize,
}

impl Encoded {
    /// The frame in one piece, copied: for tests and for callers that write once.
    pub fn to_vec(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}

/// Writes a frame: small things into one running buffer, large shared bytes beside it.
#[derive(Default)]
pub struct Writer {
    inline: Vec<u8>,
    /// Shared bytes, with the length of `inline` at which each stands. Rising.
    shared: Vec<(usize, Bytes)>,
    shared_len: usize,
}

impl Writer {
    /// A writer that has left room for the four bytes of the frame's length.
    pub fn new() -> Writer {
        let mut inline = Vec::with_capacity(128);
        inline.extend_from_slice(&[0; 4]);
        Writer { inline, shared: Vec::new(), shared_len: 0 }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.inline.len() + self.shared_len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends bytes by copying.
    pub fn put(&mut self, bytes: &[u8]) {
        self.inline.extend_from_slice(bytes);
    }

    /// Appends shared bytes, without copying when they are worth a chunk of their own.
    pub fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED_BYTES_MIN {
            return self.put(bytes);
        }
        self.shared.push((self.inline.len(), bytes.clone()));
        self.shared_len += bytes.len();
    }

    /// Appends an unsigned variable-length number.
    pub fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.inline.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.inline.push(value as u8);
    }

    /// Appends a tagged field: tag, size, and what `content` writes. The size is put in front afterwards, which moves the
    /// content by a few bytes; tagged fields are small and rare.
    pub fn tagged_field(&mut self, tag: u32, content: impl FnOnce(&mut Writer)) {
        self.uvarint(tag);
        let (start, len_before, shared_before) = (self.inline.len(), self.len(), self.shared.len());
        content(self);
        let size = self.len() - len_before;
        let end = self.inline.len();
        self.uvarint(size as u32);
        let moved = self.inline.len() - end;
        if let Some(content_and_size) = self.inline.get_mut(start..) {
            content_and_size.rotate_right(moved);
        }
        for (at, _) in self.shared.iter_mut().skip(shared_before) {
            *at += moved;
        }
    }

    /// Puts the length in front and cuts the running buffer where shared bytes stand.
    pub fn finish(mut self) -> Encoded {
        let len = self.len();
        if let Some(prefix) = self.inline.first_chunk_mut::<4>() {
            *prefix = (len.saturating_sub(4) as u32).to_be_bytes();
        }
        let fresh_bytes = self.inline.capacity();
        let mut inline = Bytes::from(self.inline);
        let mut chunks = Vec::with_capacity(2 * self.shared.len() + 1);
        let mut cut = 0;
        for (at, bytes) in self.shared {
            if at > cut {
                chunks.push(inline.split_to(at - cut));
                cut = at;
            }
            chunks.push(bytes);
        }
        if !inline.is_empty() {
            chunks.push(inline);
        }
        Encoded { chunks, len, fresh_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uvarints_of_all_lengths_come_back() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455, 268_435_456, u32::MAX] {
            let mut w = Writer::default();
            w.uvarint(value);
            let mut r = Reader::of_request(Bytes::from(w.inline), 0);
            assert_eq!(r.uvarint(), Ok(value));
            assert_eq!(r.remaining(), 0);
        }
    }

    #[test]
    fn uvarints_beyond_32_bits_are_refused() {
        let read = |bytes: &'static [u8]| Reader::of_request(Bytes::from_static(bytes), 0).uvarint();
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x10]), Err(Fault::VarintTooLong));
        assert_eq!(read(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(Fault::VarintTooLong));
        assert_eq!(read(&[0x80]), Err(Fault::Truncated));
    }

    #[test]
    fn large_shared_bytes_are_chunks_of_their_own() {
        let batch = Bytes::from(vec![7; SHARED_BYTES_MIN]);
        let mut w = Writer::new();
        w.put(b"head");
        w.put_shared(&batch);
        w.put_shared(&batch);
        w.put_shared(&Bytes::from_static(b"small"));
        let frame = w.finish();
        assert_eq!(frame.chunks.iter().map(Bytes::len).collect::<Vec<_>>(), [8, SHARED_BYTES_MIN, SHARED_BYTES_MIN, 5]);
        assert!(frame.chunks.iter().skip(1).take(2).all(|chunk| chunk.as_ptr() == batch.as_ptr()));
        assert_eq!(frame.len, frame.to_vec().len());
        assert_eq!(frame.to_vec()[..4], (frame.len as u32 - 4).to_be_bytes());
    }

    #[test]
    fn a_tagged_field_counts_shared_bytes_and_keeps_them_in_place() {
        let large = Bytes::from(vec![7; 5000]);
        let mut w = Writer::new();
        w.tagged_field(3, |w| {
            w.put(b"ab");
            w.put_shared(&large);
            w.put(b"cd");
        });
        let frame = w.finish().to_vec();
        let mut r = Reader::of_request(Bytes::from(frame).slice(4..), 0);
        assert_eq!((r.uvarint(), r.uvarint()), (Ok(3), Ok(5004)));
        assert_eq!(r.array(), Ok(*b"ab"));
        assert_eq!(r.bytes(5000), Ok(large));
        assert_eq!(r.array(), Ok(*b"cd"));
        assert_eq!(r.remaining(), 0);
    }
}
