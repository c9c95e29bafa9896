//! Records inside a batch of format v2 (Kafka's `DefaultRecord`): one parser, used on a stream to check and look up without
//! holding the inflated bytes, and on a slice to show keys, values and headers. Called by `batch` and `stored`.

use crate::wire::compress::Source;
use std::fmt;
use std::io;
use std::ops::Range;

/// A record is never smaller: length, attributes, two deltas, key length, value length, header count, a byte each.
pub const RECORD_BYTES_MIN: usize = 7;
/// The timestamp that means "none" (`RecordBatch.NO_TIMESTAMP`), ms.
pub const NO_TIMESTAMP: i64 = -1;

/// What is wrong with the bytes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The records end before the batch's count is reached.
    EndsEarly,
    /// A variable-length number that does not end.
    Varint,
    /// A record's length, in bytes, disagrees with its fields.
    Length(i32),
    /// Attributes other than 0; none are defined.
    Attributes(u8),
    /// A key or value length below -1.
    FieldLength(i32),
    /// A negative count of headers, or more than fit.
    HeaderCount(i32),
    /// A header key of negative length (null header keys do not exist), or a header value length below -1.
    HeaderLength(i32),
    /// Bytes after the last record.
    TrailingBytes,
    /// The compressed records inflate to more than [`crate::base::limits::DECOMPRESSED_BYTES_MAX`] or their codec's bound.
    TooLarge,
    /// The compressed records cannot be inflated; the codec's own words.
    Damaged(String),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::EndsEarly => f.write_str("the records end before the declared count"),
            RecordError::Varint => f.write_str("a variable-length number does not end"),
            RecordError::Length(length) => write!(f, "the record length {length} disagrees with the record's fields"),
            RecordError::Attributes(attributes) => write!(f, "unknown record attributes {attributes:#04x}"),
            RecordError::FieldLength(length) => write!(f, "invalid key or value length {length}"),
            RecordError::HeaderCount(count) => write!(f, "invalid number of headers {count}"),
            RecordError::HeaderLength(length) => write!(f, "invalid header length {length}"),
            RecordError::TrailingBytes => f.write_str("bytes remain after the declared count of records"),
            RecordError::TooLarge => f.write_str("the records inflate to more than the broker allows"),
            RecordError::Damaged(reason) => write!(f, "the records cannot be decompressed: {reason}"),
        }
    }
}

impl From<io::Error> for RecordError {
    fn from(error: io::Error) -> RecordError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => RecordError::EndsEarly,
            io::ErrorKind::FileTooLarge => RecordError::TooLarge,
            _ => RecordError::Damaged(error.to_string()),
        }
    }
}

/// Where the fields of a record lie; ranges count from the record's attributes byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Bytes of the record after its length.
    pub length: usize,
    /// Added to the batch's base offset.
    pub offset_delta: i32,
    /// Added to the batch's base timestamp, ms.
    pub timestamp_delta: i64,
    /// The key; `None` when null.
    pub key: Option<Range<usize>>,
    /// The value; `None` when null.
    pub value: Option<Range<usize>>,
    /// How many headers there are.
    pub header_count: usize,
    /// The headers, up to the end of the record.
    pub headers: Range<usize>,
}

/// What [`RecordStream::next_into`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The buffer holds the record, its length included.
    Whole,
    /// It is larger than was wanted, and was passed over.
    TooLarge(Fields),
}

/// The records of one batch, one after the other, without their contents.
pub struct RecordStream<'a> {
    source: Source<'a>,
    left: i32,
}

impl<'a> RecordStream<'a> {
    /// Reads exactly `count` records from `source`.
    pub fn new(source: Source<'a>, count: i32) -> RecordStream<'a> {
        RecordStream { source, left: count }
    }

    /// The next record, or `None` after the last one; then nothing may be left of the source, checksums of its codec included.
    pub fn next_fields(&mut self) -> Result<Option<Fields>, RecordError> {
        let Some(limit) = self.next_length()? else { return Ok(None) };
        let mut body = Body { source: &mut self.source, at: 0, limit };
        body.record().map(Some)
    }

    /// The same with its contents: puts the next record into `buffer` where it has at most `bytes_max` bytes.
    pub fn next_into(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) -> Result<Option<Next>, RecordError> {
        let Some(limit) = self.next_length()? else { return Ok(None) };
        if limit > bytes_max {
            let mut body = Body { source: &mut self.source, at: 0, limit };
            return body.record().map(|fields| Some(Next::TooLarge(fields)));
        }
        buffer.clear();
        put_varlong(buffer, limit as i64);
        let mut left = limit;
        while left > 0 {
            let chunk = self.source.fill()?;
            let step = chunk.len().min(left);
            if step == 0 {
                return Err(RecordError::EndsEarly);
            }
            buffer.extend_from_slice(chunk.get(..step).unwrap_or_default());
            self.source.consume(step);
            left -= step;
        }
        Ok(Some(Next::Whole))
    }

    /// The length of the next record; `None` after the last one, when nothing may be left.
    fn next_length(&mut self) -> Result<Option<usize>, RecordError> {
        if self.left <= 0 {
            return if self.source.fill()?.is_empty() { Ok(None) } else { Err(RecordError::TrailingBytes) };
        }
        self.left -= 1;
        let length = varint(&mut self.source)?.0;
        usize::try_from(length).map(Some).map_err(|_| RecordError::Length(length))
    }
}

/// One record's fields, none of which may reach beyond the record's length.
struct Body<'s, 'a> {
    source: &'s mut Source<'a>,
    at: usize,
    limit: usize,
}

impl Body<'_, '_> {
    fn record(&mut self) -> Result<Fields, RecordError> {
        let attributes = byte(self.source)?;
        self.advance(1)?;
        if attributes != 0 {
            return Err(RecordError::Attributes(attributes));
        }
        let (timestamp_delta, bytes) = varlong(self.source)?;
        self.advance(bytes)?;
        let offset_delta = self.varint()?;
        let key = self.field(RecordError::FieldLength)?;
        let value = self.field(RecordError::FieldLength)?;
        let count = self.varint()?;
        let first = self.at;
        // Each header takes two bytes at least; the check keeps a huge count from being walked.
        let header_count = usize::try_from(count).ok().filter(|&n| n <= (self.limit - self.at) / 2);
        let header_count = header_count.ok_or(RecordError::HeaderCount(count))?;
        for _ in 0..header_count {
            if self.field(RecordError::HeaderLength)?.is_none() {
                return Err(RecordError::HeaderLength(-1));
            }
            self.field(RecordError::HeaderLength)?;
        }
        if self.at != self.limit {
            return Err(RecordError::Length(self.limit as i32));
        }
        Ok(Fields { length: self.limit, offset_delta, timestamp_delta, key, value, header_count, headers: first..self.at })
    }

    fn advance(&mut self, bytes: usize) -> Result<(), RecordError> {
        self.at += bytes;
        if self.at > self.limit { Err(RecordError::Length(self.limit as i32)) } else { Ok(()) }
    }

    fn varint(&mut self) -> Result<i32, RecordError> {
        let (value, bytes) = varint(self.source)?;
        self.advance(bytes)?;
        Ok(value)
    }

    /// Bytes behind their length; `None` for -1.
    fn field(&mut self, invalid: fn(i32) -> RecordError) -> Result<Option<Range<usize>>, RecordError> {
        let length = self.varint()?;
        if length == -1 {
            return Ok(None);
        }
        let bytes = usize::try_from(length).map_err(|_| invalid(length))?;
        let start = self.at;
        self.advance(bytes)?;
        let mut left = bytes;
        while left > 0 {
            let step = self.source.fill()?.len().min(left);
            if step == 0 {
                return Err(RecordError::EndsEarly);
            }
            self.source.consume(step);
            left -= step;
        }
        Ok(Some(start..self.at))
    }
}

#[inline]
fn byte(source: &mut Source) -> Result<u8, RecordError> {
    let &byte = source.fill()?.first().ok_or(RecordError::EndsEarly)?;
    source.consume(1);
    Ok(byte)
}

/// A zigzag number of at most five bytes, and how many it took.
#[inline]
fn varint(source: &mut Source) -> Result<(i32, usize), RecordError> {
    let (raw, bytes) = unsigned(source, 5)?;
    // As Java's ByteUtils does, bits beyond the 32nd are dropped.
    let raw = raw as u32;
    Ok((((raw >> 1) as i32) ^ -((raw & 1) as i32), bytes))
}

/// A zigzag number of at most ten bytes, and how many it took.
#[inline]
fn varlong(source: &mut Source) -> Result<(i64, usize), RecordError> {
    let (raw, bytes) = unsigned(source, 10)?;
    Ok((((raw >> 1) as i64) ^ -((raw & 1) as i64), bytes))
}

#[inline]
fn unsigned(source: &mut Source, bytes_max: usize) -> Result<(u64, usize), RecordError> {
    // Most numbers in records are one byte.
    match source.fill()?.first() {
        Some(&byte) if byte < 0x80 => {
            source.consume(1);
            Ok((u64::from(byte), 1))
        }
        _ => long_unsigned(source, bytes_max),
    }
}

fn long_unsigned(source: &mut Source, bytes_max: usize) -> Result<(u64, usize), RecordError> {
    let mut value = 0;
    let mut used = 0;
    // A second turn is needed only where the window ends inside the number.
    loop {
        let chunk = source.fill()?;
        if chunk.is_empty() {
            return Err(RecordError::EndsEarly);
        }
        let mut taken = 0;
        for &byte in chunk.iter().take(bytes_max - used) {
            value |= u64::from(byte & 0x7f) << (7 * used);
            used += 1;
            taken += 1;
            if byte & 0x80 == 0 {
                source.consume(taken);
                return Ok((value, used));
            }
        }
        if used == bytes_max {
            return Err(RecordError::Varint);
        }
        source.consume(taken);
    }
}

/// Appends a zigzag number, as records are written.
pub fn put_varlong(out: &mut Vec<u8>, value: i64) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// One record, borrowing from the batch's (inflated) bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Added to the batch's base offset.
    pub offset_delta: i32,
    /// When it was created, or appended where the batch says so, ms since 1970; -1 for none.
    pub timestamp: i64,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// How many headers [`Record::headers`] gives.
    pub header_count: usize,
    headers: &'a [u8],
}

impl<'a> Record<'a> {
    /// The headers in their order, duplicates included: a key, which need not be UTF-8, and a value, which may be null.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut source = Source::Plain(self.headers);
        let mut take = move || -> Option<Option<&'a [u8]>> {
            let (length, _) = varint(&mut source).ok()?;
            let Source::Plain(rest) = &mut source else { return None };
            let Ok(length) = usize::try_from(length) else { return Some(None) };
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Some(Some(bytes))
        };
        (0..self.header_count).map_while(move |_| Some((take()??, take()?)))
    }
}

/// The records of a batch whose bytes are there in full (see `stored::inflate_records`).
pub struct RecordIter<'a> {
    section: &'a [u8],
    stream: RecordStream<'a>,
    base_timestamp: i64,
    append_time: Option<i64>,
}

impl<'a> RecordIter<'a> {
    /// Reads `count` records from `section`. `append_time` (ms) replaces every timestamp, for batches stamped by the broker.
    pub fn new(section: &'a [u8], count: i32, base_timestamp: i64, append_time: Option<i64>) -> RecordIter<'a> {
        RecordIter { section, stream: RecordStream::new(Source::Plain(section), count), base_timestamp, append_time }
    }

    fn read(&mut self) -> Result<Option<Record<'a>>, RecordError> {
        let Some(fields) = self.stream.next_fields()? else { return Ok(None) };
        let Source::Plain(rest) = &self.stream.source else { return Ok(None) };
        let end = self.section.len() - rest.len();
        let body = end.checked_sub(fields.length).and_then(|start| self.section.get(start..end)).ok_or(RecordError::EndsEarly)?;
        let part = |range: Range<usize>| body.get(range).ok_or(RecordError::EndsEarly);
        Ok(Some(Record {
            offset_delta: fields.offset_delta,
            timestamp: self.append_time.unwrap_or(self.base_timestamp.wrapping_add(fields.timestamp_delta)),
            key: fields.key.map(part).transpose()?,
            value: fields.value.map(part).transpose()?,
            header_count: fields.header_count,
            headers: part(fields.headers)?,
        }))
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, RecordError>;

    /// Ends after the first error, and after the last record.
    fn next(&mut self) -> Option<Self::Item> {
        let item = self.read().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.stream = RecordStream::new(Source::Plain(&[]), 0);
        }
        item
    }
}
