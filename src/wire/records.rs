//! The record batches of a fetch answer, as a list of shared slices. `state` and `cold` fill it, the encoder sends it.

use bytes::Bytes;
use std::fmt;

/// Length of the part of a batch that is written fresh for every answer: base offset, length and leader epoch, which the CRC
/// does not cover.
pub const FRESH_PREFIX_BYTES: usize = 16;

/// Batches one after another. The default is none; on the wire that is an empty field, never null (Kafka's own broker sends
/// empty records too, and some clients trip over null).
#[derive(Clone, Default)]
pub struct Records {
    segments: Vec<Segment>,
    len: usize,
}

#[derive(Clone)]
struct Segment {
    fresh: Option<[u8; FRESH_PREFIX_BYTES]>,
    shared: Bytes,
}

impl Records {
    /// No batches, with room for some.
    pub fn with_capacity(batches: usize) -> Records {
        Records { segments: Vec::with_capacity(batches), len: 0 }
    }

    /// Appends bytes as they are.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.len += bytes.len();
            self.segments.push(Segment { fresh: None, shared: bytes });
        }
    }

    /// Appends a stored batch: `prefix` is sent in place of its first 16 bytes, `rest` is everything after them.
    pub fn push_batch(&mut self, prefix: [u8; FRESH_PREFIX_BYTES], rest: Bytes) {
        self.len += FRESH_PREFIX_BYTES + rest.len();
        self.segments.push(Segment { fresh: Some(prefix), shared: rest });
    }

    /// All bytes together.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the list takes in memory, in bytes, without the batches themselves.
    pub fn heap_bytes(&self) -> usize {
        self.segments.capacity() * size_of::<Segment>()
    }

    /// The pieces in order: for each the fresh prefix, if it has one, and the shared bytes.
    pub fn segments(&self) -> impl Iterator<Item = (Option<&[u8; FRESH_PREFIX_BYTES]>, &Bytes)> {
        self.segments.iter().map(|segment| (segment.fresh.as_ref(), &segment.shared))
    }

    /// All in one piece; copied unless it is one already.
    pub fn to_bytes(&self) -> Bytes {
        if let [Segment { fresh: None, shared }] = self.segments.as_slice() {
            return shared.clone();
        }
        let mut all = Vec::with_capacity(self.len);
        for segment in &self.segments {
            all.extend_from_slice(segment.fresh.as_ref().map_or(&[][..], |prefix| prefix));
            all.extend_from_slice(&segment.shared);
        }
        Bytes::from(all)
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Records {
        let mut records = Records::with_capacity(usize::from(!bytes.is_empty()));
        records.push(bytes);
        records
    }
}

// Equal when the same bytes are sent, however they are cut.
impl PartialEq for Records {
    fn eq(&self, other: &Records) -> bool {
        self.len == other.len && self.to_bytes() == other.to_bytes()
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_its_fresh_prefix_and_the_rest() {
        let mut records = Records::default();
        records.push_batch([1; FRESH_PREFIX_BYTES], Bytes::from_static(&[2; 45]));
        records.push(Bytes::new());
        assert_eq!(records.len(), 61);
        assert_eq!(records, Records::from(records.to_bytes()));
        assert_eq!(records.to_bytes()[..17], [[1; 16].as_slice(), &[2]].concat());
    }
}
