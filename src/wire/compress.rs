//! The four codecs of Kafka's record batches, in both directions, every inflation under a bound and in little memory.
//! Called by `record` (reading a batch's records) and `batch_builder` (writing them).

use std::io::{self, BufRead, Read, Write};

/// Xerial's stream header: magic, version 1, compatible with version 1 (snappy-java's `SnappyCodec`).
const XERIAL_HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_MAGIC_BYTES: usize = 8;
/// snappy-java's own block size.
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;
/// No snappy element makes more than 64 bytes out of 3, so a block that claims more than this per byte is lying.
const SNAPPY_RATIO_MAX: usize = 22;
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// zstd-jni, and so Kafka, refuses windows above 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// A window up to 8 MiB is simply paid for; no level below 20 asks for more.
const ZSTD_WINDOW_LOG_FREE: u32 = 23;
/// What a frame with a larger window may inflate to, unless it is itself an eighth of that: its window is memory.
const ZSTD_WIDE_BYTES: usize = 32 * 1024 * 1024;

/// How the records of a batch are compressed: attribute bits 0 to 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    #[default]
    None = 0,
    /// gzip (RFC 1952).
    Gzip = 1,
    /// Snappy: one raw block, or xerial's framing of blocks.
    Snappy = 2,
    /// LZ4 frames of independent blocks.
    Lz4 = 3,
    /// Zstandard (KIP-110, from Produce v7 on).
    Zstd = 4,
}

impl Codec {
    /// The codec in a batch's attributes; `None` for the ids 5 to 7, which mean nothing.
    pub fn from_attributes(attributes: i16) -> Option<Codec> {
        match attributes & 7 {
            0 => Some(Codec::None),
            1 => Some(Codec::Gzip),
            2 => Some(Codec::Snappy),
            3 => Some(Codec::Lz4),
            4 => Some(Codec::Zstd),
            _ => None,
        }
    }

    /// Kafka's name for it, as in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }
}

/// Inflates compressed bytes piece by piece. Fails with `FileTooLarge` beyond its limit, `UnexpectedEof` when the input is cut
/// off, and another kind when it is damaged; memory stays near the codec's own window, whatever the input claims.
pub struct Inflater<'a> {
    stream: Stream<'a>,
    left: usize,
}

enum Stream<'a> {
    Plain(&'a [u8]),
    Gzip(Box<flate2::bufread::MultiGzDecoder<&'a [u8]>>),
    Snappy(SnappyReader<'a>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<&'a [u8]>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, &'a [u8]>>),
}

impl<'a> Inflater<'a> {
    /// Starts on `data`, which may become at most `limit` bytes. Errors: a header that is not the codec's.
    pub fn new(codec: Codec, data: &'a [u8], limit: usize) -> io::Result<Inflater<'a>> {
        let mut left = limit;
        let stream = match codec {
            Codec::None => Stream::Plain(data),
            Codec::Gzip => Stream::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(data))),
            Codec::Snappy => Stream::Snappy(SnappyReader::new(data, limit)?),
            Codec::Lz4 => Stream::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(lz4_frame(data)?))),
            Codec::Zstd => {
                let window_log = zstd_window_log(data)?;
                if window_log > ZSTD_WINDOW_LOG_FREE {
                    left = left.min(ZSTD_WIDE_BYTES.max(data.len().saturating_mul(8)));
                }
                let mut decoder = zstd::stream::read::Decoder::with_buffer(data)?;
                // A later frame of the same input gets no wider window than the first one.
                decoder.window_log_max(window_log.max(ZSTD_WINDOW_LOG_FREE))?;
                Stream::Zstd(Box::new(decoder))
            }
        };
        Ok(Inflater { stream, left })
    }
}

impl Read for Inflater<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.stream {
            Stream::Plain(data) => data.read(buf)?,
            Stream::Gzip(decoder) => decoder.read(buf)?,
            Stream::Snappy(reader) => reader.read(buf)?,
            Stream::Lz4(decoder) => decoder.read(buf)?,
            Stream::Zstd(decoder) => decoder.read(buf)?,
        };
        self.left = self.left.checked_sub(count).ok_or_else(too_large)?;
        Ok(count)
    }
}

/// Inflates all of `data` into memory of its own; more than `limit` bytes are an error (`FileTooLarge`), as in [`Inflater`].
pub fn decompress(codec: Codec, data: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    Inflater::new(codec, data, limit)?.read_to_end(&mut out)?;
    Ok(out)
}

/// Compresses as Java's client does by default: gzip level 6, xerial snappy, LZ4 frames of 64 KiB blocks, zstd level 3.
pub fn compress(codec: Codec, data: &[u8]) -> io::Result<Vec<u8>> {
    match codec {
        Codec::None => Ok(data.to_vec()),
        Codec::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(data)?;
            encoder.finish()
        }
        Codec::Snappy => compress_xerial(data),
        Codec::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_size(lz4_flex::frame::BlockSize::Max64KB)
                .block_mode(lz4_flex::frame::BlockMode::Independent);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(data)?;
            encoder.finish().map_err(io::Error::other)
        }
        Codec::Zstd => zstd::stream::encode_all(data, 3),
    }
}

fn compress_xerial(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = snap::raw::Encoder::new();
    let mut out = XERIAL_HEADER.to_vec();
    for block in data.chunks(XERIAL_BLOCK_BYTES) {
        let packed = encoder.compress_vec(block).map_err(io::Error::other)?;
        out.extend_from_slice(&(packed.len() as u32).to_be_bytes());
        out.extend_from_slice(&packed);
    }
    Ok(out)
}

/// Reads snappy block by block. The raw form is a single block and can only be inflated as a whole.
struct SnappyReader<'a> {
    rest: &'a [u8],
    framed: bool,
    block: Vec<u8>,
    at: usize,
    left: usize,
}

impl<'a> SnappyReader<'a> {
    fn new(data: &'a [u8], limit: usize) -> io::Result<SnappyReader<'a>> {
        // As snappy-java does, anything without xerial's magic is taken as one raw block.
        let framed = data.starts_with(&XERIAL_HEADER[..XERIAL_MAGIC_BYTES]);
        let rest = if framed { data.get(XERIAL_HEADER.len()..).ok_or_else(|| cut_off("snappy"))? } else { data };
        Ok(SnappyReader { rest, framed, block: Vec::new(), at: 0, left: limit })
    }

    fn next_block(&mut self) -> io::Result<()> {
        let packed = if self.framed {
            let (length, rest) = self.rest.split_first_chunk::<4>().ok_or_else(|| cut_off("snappy"))?;
            let (packed, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(|| cut_off("snappy"))?;
            self.rest = rest;
            packed
        } else {
            std::mem::take(&mut self.rest)
        };
        let claimed = snap::raw::decompress_len(packed).map_err(|error| damaged("snappy", error))?;
        if claimed > packed.len().saturating_mul(SNAPPY_RATIO_MAX) {
            return Err(damaged("snappy", "a block claims more than it can hold"));
        }
        self.left = self.left.checked_sub(claimed).ok_or_else(too_large)?;
        self.block.resize(claimed, 0);
        self.at = 0;
        snap::raw::Decoder::new().decompress(packed, &mut self.block).map_err(|error| damaged("snappy", error))?;
        Ok(())
    }
}

impl Read for SnappyReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() && !self.rest.is_empty() {
            self.next_block()?;
        }
        let mut ready = self.block.get(self.at..).unwrap_or_default();
        let count = ready.read(buf)?;
        self.at += count;
        Ok(count)
    }
}

/// Cuts out the one LZ4 frame that Java's `Lz4BlockInputStream` would read: version 1, independent blocks, no dictionary, all of
/// it there up to its end mark. The decoder takes more than that, and Java's consumers could not read what we let in.
fn lz4_frame(data: &[u8]) -> io::Result<&[u8]> {
    let (&[a, b, c, d, flags], _) = data.split_first_chunk::<5>().ok_or_else(|| cut_off("lz4"))?;
    if [a, b, c, d] != LZ4_MAGIC || flags >> 6 != 1 {
        return Err(damaged("lz4", "not an LZ4 frame"));
    }
    if flags & 0x20 == 0 {
        return Err(damaged("lz4", "blocks depend on one another, which Kafka's clients cannot read"));
    }
    if flags & 0x01 != 0 {
        return Err(damaged("lz4", "the frame needs a dictionary"));
    }
    let optional = |flag, bytes| if flags & flag == 0 { 0 } else { bytes };
    // Magic, flags, block size, perhaps the content size, header checksum.
    let mut at = 7 + optional(0x08, 8);
    loop {
        let size = data.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(|| cut_off("lz4"))?;
        // The top bit says that the block is stored as it is.
        let size = u32::from_le_bytes(*size) & 0x7fff_ffff;
        at += 4;
        if size == 0 {
            return data.get(..at + optional(0x04, 4)).ok_or_else(|| cut_off("lz4"));
        }
        at += size as usize + optional(0x10, 4);
    }
}

/// The base-2 logarithm of the window that the first frame asks for, rounded up (RFC 8878, section 3.1.1.1).
fn zstd_window_log(data: &[u8]) -> io::Result<u32> {
    let body = data.strip_prefix(&ZSTD_MAGIC).ok_or_else(|| damaged("zstd", "not a Zstandard frame"))?;
    let (&descriptor, rest) = body.split_first().ok_or_else(|| cut_off("zstd"))?;
    let window: u64 = if descriptor & 0x20 == 0 {
        let &byte = rest.first().ok_or_else(|| cut_off("zstd"))?;
        let base = 1u64 << (10 + (byte >> 3));
        base + (base >> 3) * u64::from(byte & 7)
    } else {
        // A single segment: its window is its content, whose size follows the dictionary id.
        // Two bits each: 0, 1, 2 or 4 bytes, and 1, 2, 4 or 8.
        let dictionary_bytes = (1usize << (descriptor & 3)) >> 1;
        let size_bytes = 1usize << (descriptor >> 6);
        let field = rest.get(dictionary_bytes..dictionary_bytes + size_bytes).ok_or_else(|| cut_off("zstd"))?;
        let size = field.iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        if size_bytes == 2 { size + 256 } else { size }
    };
    let log = window.max(1).checked_next_power_of_two().map_or(u64::BITS, u64::trailing_zeros);
    if log > ZSTD_WINDOW_LOG_MAX {
        return Err(damaged("zstd", "the frame asks for a window above 128 MiB"));
    }
    Ok(log)
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "the records inflate to more than the broker allows")
}

fn cut_off(codec: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("{codec}: the compressed records are cut off"))
}

fn damaged(codec: &str, reason: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{codec}: {reason}"))
}

/// Bytes to read records from: as they are, or inflated through a small window.
pub enum Source<'a> {
    /// Not compressed.
    Plain(&'a [u8]),
    /// Compressed.
    Inflated(io::BufReader<Inflater<'a>>),
}

/// The window between an inflater and the record parser.
const WINDOW_BYTES: usize = 16 * 1024;

impl<'a> Source<'a> {
    /// The records section `data` of a batch with this codec. Errors as [`Inflater::new`].
    pub fn new(codec: Codec, data: &'a [u8], limit: usize) -> io::Result<Source<'a>> {
        Ok(match codec {
            Codec::None => Source::Plain(data),
            _ => Source::Inflated(io::BufReader::with_capacity(WINDOW_BYTES, Inflater::new(codec, data, limit)?)),
        })
    }

    /// The next bytes, none at the end; [`Source::consume`] says how many of them were used.
    #[inline]
    pub fn fill(&mut self) -> io::Result<&[u8]> {
        match self {
            Source::Plain(data) => Ok(data),
            Source::Inflated(reader) => reader.fill_buf(),
        }
    }

    /// Goes on by `count` bytes, of which the last [`Source::fill`] must have shown at least so many.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        match self {
            Source::Plain(data) => *data = data.get(count..).unwrap_or_default(),
            Source::Inflated(reader) => reader.consume(count),
        }
    }
}
