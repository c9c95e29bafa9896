//! Record batches of format v2. [`CheckedBatch`] is the type that means "checked": made by `net` from what a Produce request
//! carries for one partition, read by `state` and `engine`. What is read out of stored batches lives in `stored`.

use crate::base::budget::Budget;
use crate::base::limits::{BATCH_HEADER_BYTES, DECOMPRESSED_BYTES_MAX, RECOMPRESSED_BYTES_MAX, RECORDS_PER_BATCH_MAX};
use crate::wire::compress::{Codec, Source, compress, decompress};
use crate::wire::error_code::ErrorCode;
use crate::wire::record::{NO_TIMESTAMP, RECORD_BYTES_MIN, RecordError, RecordStream};
use crate::wire::records::FRESH_PREFIX_BYTES;
use bytes::Bytes;
use std::fmt;

/// Attribute bit 3: timestamps were set by the broker.
pub const LOG_APPEND_TIME_BIT: i16 = 0x08;
/// Attribute bit 4: part of a transaction.
pub const TRANSACTIONAL_BIT: i16 = 0x10;
/// Attribute bit 5: a control batch, which only brokers write.
pub const CONTROL_BIT: i16 = 0x20;
/// The bits that mean something, the delete horizon (bit 6) among them; Kafka drops the others where it writes a header anew.
const KNOWN_BITS: i16 = 0x7f;

/// Base offset and length, which `batchLength` does not count (`Records.LOG_OVERHEAD`).
const LOG_OVERHEAD: usize = 12;
/// What Kafka needs to see before it looks at the magic (`Records.HEADER_SIZE_UP_TO_MAGIC`).
const UP_TO_MAGIC: usize = 17;
const LENGTH_AT: usize = 8;
/// The least `batchLength` that Kafka takes for a batch of any format (`LegacyRecord.RECORD_OVERHEAD_V0`).
const LENGTH_MIN: i32 = 14;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;
/// The attribute bits that name the codec.
const CODEC_BITS: i16 = 0x07;

/// The fields of a batch's 61-byte header that mean something after it was stored. The first 16 bytes are not among them: in
/// a store they are stale (see [`stored_prefix`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Codec, timestamp type, transactional, control.
    pub attributes: i16,
    /// Offset of the last record minus the base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamps are relative to, ms since 1970.
    pub base_timestamp: i64,
    /// Greatest timestamp, ms since 1970, -1 for none; with [`LOG_APPEND_TIME_BIT`] it is every record's.
    pub max_timestamp: i64,
    /// Producer id, -1 for none.
    pub producer_id: i64,
    /// Producer epoch, -1 for none.
    pub producer_epoch: i16,
    /// Sequence of the first record, -1 for none.
    pub base_sequence: i32,
    /// How many records there are.
    pub count: i32,
}

impl BatchHeader {
    /// Reads the header of a batch, as received or as stored, without checking anything but its size; `None` below 61 bytes.
    pub fn read(batch: &[u8]) -> Option<BatchHeader> {
        Some(BatchHeader {
            attributes: i16::from_be_bytes(field(batch, ATTRIBUTES_AT)?),
            last_offset_delta: i32::from_be_bytes(field(batch, 23)?),
            base_timestamp: i64::from_be_bytes(field(batch, 27)?),
            max_timestamp: i64::from_be_bytes(field(batch, MAX_TIMESTAMP_AT)?),
            producer_id: i64::from_be_bytes(field(batch, 43)?),
            producer_epoch: i16::from_be_bytes(field(batch, 51)?),
            base_sequence: i32::from_be_bytes(field(batch, 53)?),
            count: i32::from_be_bytes(field(batch, 57)?),
        })
    }

    /// The codec; `None` for the ids that mean nothing.
    pub fn codec(&self) -> Option<Codec> {
        Codec::from_attributes(self.attributes)
    }

    /// Whether the broker set the timestamps.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME_BIT != 0
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// Whether this is a control batch.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// The timestamp of every record, where the broker set it.
    pub(super) fn append_time(&self) -> Option<i64> {
        self.is_log_append_time().then_some(self.max_timestamp)
    }

    /// Its records, out of the bytes of `batch`, without their contents.
    pub(super) fn stream<'a>(&self, batch: &'a [u8]) -> Result<RecordStream<'a>, RecordError> {
        let codec = self.codec().ok_or_else(|| RecordError::Damaged("unknown codec".to_owned()))?;
        let section = batch.get(BATCH_HEADER_BYTES..).unwrap_or_default();
        Ok(RecordStream::new(Source::new(codec, section, DECOMPRESSED_BYTES_MAX)?, self.count))
    }
}

/// A record batch of one partition whose header, length, CRC, codec and records were all verified as Kafka's broker does
/// (`ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords`, `LogValidator`). What depends on the topic is left
/// to the engine: size, timestamp bounds, timestamp type, null keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedBatch {
    bytes: Bytes,
    header: BatchHeader,
    min_timestamp: Option<i64>,
    has_null_key: bool,
    leaves_frame: Option<Budget>,
}

impl CheckedBatch {
    /// Checks what a Produce request of this version carries for one partition. Shares `records`; copies it only where the
    /// header's greatest timestamp is wrong, which Kafka corrects as well (KafkaJS sends such).
    pub fn check(records: Option<Bytes>, produce_version: i16) -> Result<CheckedBatch, BatchError> {
        let bytes = only_batch(records.unwrap_or_default(), produce_version)?;
        let header = check_header(&bytes)?;
        let found = check_records(&bytes, &header)?;
        let mut batch =
            CheckedBatch { bytes, header, min_timestamp: found.min_timestamp, has_null_key: found.has_null_key, leaves_frame: None };
        if header.max_timestamp != found.max_timestamp {
            batch.restamp(header.attributes, found.max_timestamp);
        }
        Ok(batch)
    }

    /// The batch. Its first 16 bytes are what the producer wrote.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The batch, given away.
    pub fn into_bytes(self) -> Bytes {
        match self.leaves_frame {
            Some(budget) => budget.charge(self.bytes.len()).attach(self.bytes.to_vec()),
            None => self.bytes,
        }
    }

    /// Whoever takes its bytes gets a copy with a charge of its own, so that they keep no frame in memory. They are copied no
    /// sooner: until then the frame is there, and paid for.
    pub fn leave_frame(&mut self, budget: &Budget) {
        self.leaves_frame = Some(budget.clone());
    }

    /// The whole batch in bytes: what `max.message.bytes` bounds.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// All of its header; `max_timestamp` is the true one.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// How many records there are, at least 1; their offset deltas are 0, 1, ...
    pub fn count(&self) -> i32 {
        self.header.count
    }

    /// The greatest timestamp of its records, ms since 1970, -1 when none has one.
    pub fn max_timestamp(&self) -> i64 {
        self.header.max_timestamp
    }

    /// The least timestamp among the records that have one (that is not -1), ms since 1970.
    pub fn min_timestamp(&self) -> Option<i64> {
        self.min_timestamp
    }

    /// Whether a record has no key, which compacted topics refuse.
    pub fn has_null_key(&self) -> bool {
        self.has_null_key
    }

    /// The batch as a topic with `message.timestamp.type=LogAppendTime` stores it: stamped `now_ms`, CRC renewed.
    pub fn with_log_append_time(mut self, now_ms: i64) -> CheckedBatch {
        self.restamp(self.header.attributes | LOG_APPEND_TIME_BIT, now_ms);
        self
    }

    /// The batch as a CreateTime topic stores it: as it is, unless its producer claimed the broker's timestamp type; then
    /// that bit is cleared and the CRC renewed.
    pub fn with_create_time(mut self) -> CheckedBatch {
        if self.header.is_log_append_time() {
            self.restamp(self.header.attributes & !LOG_APPEND_TIME_BIT, self.header.max_timestamp);
        }
        self
    }

    /// The batch as a topic stores it whose `compression.type` is another one: its records compressed by `codec`, length and CRC
    /// renewed. It stays as it is where its records take more than [`RECOMPRESSED_BYTES_MAX`].
    pub fn with_codec(mut self, codec: Codec) -> CheckedBatch {
        let present = self.header.codec().filter(|present| *present != codec);
        let (Some(present), Some((head, section))) = (present, self.bytes.split_at_checked(BATCH_HEADER_BYTES)) else { return self };
        let Ok(packed) = decompress(present, section, RECOMPRESSED_BYTES_MAX).and_then(|records| compress(codec, &records)) else {
            return self;
        };
        let mut copy = [head, &packed].concat();
        let length = (copy.len() - LOG_OVERHEAD) as i32;
        put(&mut copy, LENGTH_AT, &length.to_be_bytes());
        self.bytes = Bytes::from(copy);
        self.restamp(self.header.attributes & !CODEC_BITS | codec as i16, self.header.max_timestamp);
        self
    }

    /// The indexes of the first records, at most `max` of them, for which `wrong(timestamp, has_key)` holds: for the
    /// `record_errors` of a refused batch (Produce v8). Walks the records again.
    pub fn offending(&self, max: usize, mut wrong: impl FnMut(i64, bool) -> bool) -> Vec<i32> {
        let mut indexes = Vec::new();
        let Ok(mut stream) = self.header.stream(&self.bytes) else { return indexes };
        while let Ok(Some(fields)) = stream.next_fields() {
            let timestamp = self.header.base_timestamp.wrapping_add(fields.timestamp_delta);
            if indexes.len() < max && wrong(timestamp, fields.key.is_some()) {
                indexes.push(fields.offset_delta);
            }
        }
        indexes
    }

    fn restamp(&mut self, attributes: i16, max_timestamp: i64) {
        let attributes = attributes & KNOWN_BITS;
        let mut copy = self.bytes.to_vec();
        put(&mut copy, ATTRIBUTES_AT, &attributes.to_be_bytes());
        put(&mut copy, MAX_TIMESTAMP_AT, &max_timestamp.to_be_bytes());
        let crc = batch_crc(&copy);
        put(&mut copy, CRC_AT, &crc.to_be_bytes());
        self.bytes = Bytes::from(copy);
        self.header.attributes = attributes;
        self.header.max_timestamp = max_timestamp;
    }
}

/// The first 16 bytes of a stored batch of `size` bytes in all, as they are written on the way out: base offset, length, leader
/// epoch. They lie outside the CRC; the stored batch follows from its byte 16, the magic.
pub fn stored_prefix(base_offset: i64, size: usize, leader_epoch: i32) -> [u8; FRESH_PREFIX_BYTES] {
    let length = size.saturating_sub(LOG_OVERHEAD) as i32;
    let mut prefix = [0; FRESH_PREFIX_BYTES];
    prefix[..8].copy_from_slice(&base_offset.to_be_bytes());
    prefix[8..12].copy_from_slice(&length.to_be_bytes());
    prefix[12..].copy_from_slice(&leader_epoch.to_be_bytes());
    prefix
}

/// The CRC-32C of a batch: over everything from the attributes on.
pub fn batch_crc(batch: &[u8]) -> u32 {
    crc32c::crc32c(batch.get(ATTRIBUTES_AT..).unwrap_or_default())
}

/// Cuts the one batch out of what a partition carries. As in Kafka's `ByteBufferLogInputStream` an incomplete batch is no batch:
/// alone it means "none", behind a complete one it is dropped (`UnifiedLog.trimInvalidBytes`).
fn only_batch(records: Bytes, produce_version: i16) -> Result<Bytes, BatchError> {
    let size = next_batch(&records)?.ok_or(BatchError::NoBatch)?;
    let (batch, rest) = records.split_at_checked(size).ok_or(BatchError::NoBatch)?;
    let magic = batch.get(UP_TO_MAGIC - 1).copied().unwrap_or_default();
    if magic != 2 {
        return Err(BatchError::OldMagic(magic as i8));
    }
    let codec = field(batch, ATTRIBUTES_AT).map(i16::from_be_bytes).and_then(Codec::from_attributes);
    if produce_version < 7 && codec == Some(Codec::Zstd) {
        return Err(BatchError::ZstdTooEarly { produce_version });
    }
    if next_batch(rest)?.is_some() {
        return Err(BatchError::SeveralBatches);
    }
    Ok(records.slice(..size))
}

/// The size of the batch at the start of `bytes`, `None` when it is not all there.
fn next_batch(bytes: &[u8]) -> Result<Option<usize>, BatchError> {
    let Some(length) = field(bytes, 8).map(i32::from_be_bytes) else { return Ok(None) };
    if length < LENGTH_MIN {
        return Err(BatchError::Length(length));
    }
    let Some(&magic) = bytes.get(UP_TO_MAGIC - 1) else { return Ok(None) };
    if magic > 2 {
        return Err(BatchError::Magic(magic as i8));
    }
    let size = LOG_OVERHEAD + length as usize;
    Ok((size <= bytes.len()).then_some(size))
}

/// Everything about the header that can be judged without the topic and without the records.
fn check_header(batch: &[u8]) -> Result<BatchHeader, BatchError> {
    let too_short = BatchError::Length((batch.len() - LOG_OVERHEAD.min(batch.len())) as i32);
    let base_offset = field(batch, 0).map(i64::from_be_bytes).unwrap_or_default();
    if base_offset != 0 {
        return Err(BatchError::BaseOffset(base_offset));
    }
    let header = BatchHeader::read(batch).ok_or(too_short.clone())?;
    let stored = field(batch, CRC_AT).map(u32::from_be_bytes).ok_or(too_short)?;
    let computed = batch_crc(batch);
    if stored != computed {
        return Err(BatchError::Crc { stored, computed });
    }
    if header.codec().is_none() {
        return Err(BatchError::UnknownCodec(header.attributes & 7));
    }
    // `lastOffsetDelta` + 1 is the number of offsets; computed wide, so that no value wraps into a right one.
    let offsets = i64::from(header.last_offset_delta) + 1;
    if offsets <= 0 || header.count <= 0 || offsets != i64::from(header.count) {
        return Err(BatchError::Count { count: header.count, last_offset_delta: header.last_offset_delta });
    }
    if header.is_control() {
        return Err(BatchError::Control);
    }
    if header.producer_id >= 0 && header.base_sequence < 0 {
        return Err(BatchError::Sequence { producer_id: header.producer_id, base_sequence: header.base_sequence });
    }
    Ok(header)
}

struct Found {
    max_timestamp: i64,
    min_timestamp: Option<i64>,
    has_null_key: bool,
}

fn check_records(batch: &[u8], header: &BatchHeader) -> Result<Found, BatchError> {
    let room = match header.codec() {
        Some(Codec::None) => batch.len() - BATCH_HEADER_BYTES,
        _ => DECOMPRESSED_BYTES_MAX,
    };
    if header.count > RECORDS_PER_BATCH_MAX || header.count as usize > room / RECORD_BYTES_MIN {
        return Err(BatchError::Record { index: 0, error: RecordError::EndsEarly });
    }
    let mut found = Found { max_timestamp: NO_TIMESTAMP, min_timestamp: None, has_null_key: false };
    let mut index = 0;
    let refuse = |index| move |error| BatchError::Record { index, error };
    let mut stream = header.stream(batch).map_err(refuse(0))?;
    while let Some(fields) = stream.next_fields().map_err(refuse(index))? {
        if fields.offset_delta != index {
            return Err(BatchError::OffsetDelta { index, found: fields.offset_delta });
        }
        let timestamp = header.base_timestamp.wrapping_add(fields.timestamp_delta);
        found.max_timestamp = found.max_timestamp.max(timestamp);
        if timestamp != NO_TIMESTAMP {
            found.min_timestamp = Some(found.min_timestamp.map_or(timestamp, |least| least.min(timestamp)));
        }
        found.has_null_key |= fields.key.is_none();
        index += 1;
    }
    Ok(found)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Why a batch is refused, each with the error code Kafka gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// Null, empty or incomplete.
    NoBatch,
    /// More than one batch for the partition.
    SeveralBatches,
    /// Message formats v0 and v1 (KIP-896 removed them).
    OldMagic(i8),
    /// A magic that no format has.
    Magic(i8),
    /// A `batchLength` below the header's own.
    Length(i32),
    /// The CRC-32C in the header is not that of the bytes.
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// The producer must write base offset 0.
    BaseOffset(i64),
    /// Codec ids 5 to 7.
    UnknownCodec(i16),
    /// zstd before Produce v7.
    ZstdTooEarly {
        /// The version of the request.
        produce_version: i16,
    },
    /// Not at least one record, or not as many records as offsets.
    Count {
        /// The header's record count.
        count: i32,
        /// The header's last offset delta.
        last_offset_delta: i32,
    },
    /// A control batch from a client.
    Control,
    /// A producer id without a sequence.
    Sequence {
        /// The header's producer id.
        producer_id: i64,
        /// The header's base sequence.
        base_sequence: i32,
    },
    /// A record that cannot be read.
    Record {
        /// Which one, from 0.
        index: i32,
        /// What is wrong with it.
        error: RecordError,
    },
    /// A record whose offset is not its place in the batch.
    OffsetDelta {
        /// Its place, from 0.
        index: i32,
        /// The delta it carries.
        found: i32,
    },
}

impl BatchError {
    /// The code Kafka answers with: CORRUPT_MESSAGE (which Java's producer tries again), UNSUPPORTED_COMPRESSION_TYPE, else
    /// INVALID_RECORD.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            BatchError::Magic(_) | BatchError::Length(_) | BatchError::Crc { .. } => ErrorCode::CORRUPT_MESSAGE,
            BatchError::UnknownCodec(_) | BatchError::ZstdTooEarly { .. } => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            _ => ErrorCode::INVALID_RECORD,
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchError::NoBatch => f.write_str("Produce requests must have one complete record batch per partition"),
            BatchError::SeveralBatches => f.write_str("Produce requests must have exactly one record batch per partition"),
            BatchError::OldMagic(magic) => write!(f, "Record batches must have magic version 2, not {magic}"),
            BatchError::Magic(magic) => write!(f, "Invalid magic {magic} found in record batch"),
            BatchError::Length(length) => write!(f, "Record batch is corrupt: its length {length} is smaller than its header"),
            BatchError::Crc { stored, computed } => {
                write!(f, "Record batch is corrupt (stored crc = {stored}, computed crc = {computed})")
            }
            BatchError::BaseOffset(offset) => write!(f, "The base offset of a produced record batch must be 0, not {offset}"),
            BatchError::UnknownCodec(id) => write!(f, "Unknown compression type id {id}"),
            BatchError::ZstdTooEarly { produce_version } => {
                write!(f, "Produce requests with version {produce_version} are not allowed to use ZStandard compression")
            }
            BatchError::Count { count, last_offset_delta } => {
                write!(f, "Record batch has record count {count} but last offset delta {last_offset_delta}")
            }
            BatchError::Control => f.write_str("Clients are not allowed to write control records"),
            BatchError::Sequence { producer_id, base_sequence } => {
                write!(f, "Invalid sequence number {base_sequence} in record batch with producer id {producer_id}")
            }
            BatchError::Record { index, error } => write!(f, "Record {index} of the batch is invalid: {error}"),
            BatchError::OffsetDelta { index, found } => write!(f, "Record {index} of the batch has offset delta {found}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch_builder::BatchBuilder;

    /// Three records with timestamps 1000, 3000, 2000 and keys.
    fn good(codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec);
        for timestamp in [1_000, 3_000, 2_000] {
            builder.push(timestamp, Some(b"k"), Some(b"v"), &[]);
        }
        builder.build().unwrap().to_vec()
    }

    /// The batch with `value` written at `at`, the CRC made right again.
    fn patched(at: usize, value: &[u8]) -> Vec<u8> {
        let mut batch = good(Codec::None);
        put(&mut batch, at, value);
        reseal(batch)
    }

    fn reseal(mut batch: Vec<u8>) -> Vec<u8> {
        let crc = batch_crc(&batch);
        put(&mut batch, CRC_AT, &crc.to_be_bytes());
        batch
    }

    fn refusal(batch: Vec<u8>) -> BatchError {
        CheckedBatch::check(Some(batch.into()), 11).unwrap_err()
    }

    #[test]
    fn a_good_batch_is_shared_not_copied() {
        let bytes = Bytes::from(good(Codec::Lz4));
        let batch = CheckedBatch::check(Some(bytes.clone()), 3).unwrap();
        assert_eq!(batch.bytes().as_ptr(), bytes.as_ptr());
        assert_eq!((batch.size(), batch.count(), batch.max_timestamp(), batch.min_timestamp()), (bytes.len(), 3, 3_000, Some(1_000)));
        assert!(!batch.has_null_key());
    }

    #[test]
    fn anything_but_one_complete_batch_is_refused() {
        assert_eq!(CheckedBatch::check(None, 9), Err(BatchError::NoBatch));
        for end in 0..good(Codec::None).len() {
            assert_eq!(refusal(good(Codec::None)[..end].to_vec()), BatchError::NoBatch, "cut at {end}");
        }
        assert_eq!(refusal([good(Codec::None), good(Codec::None)].concat()), BatchError::SeveralBatches);
        assert_eq!(refusal([good(Codec::None), vec![0; 40]].concat()), BatchError::Length(0));
    }

    #[test]
    fn an_incomplete_batch_behind_the_first_is_dropped_as_kafka_does() {
        let all = [good(Codec::None), good(Codec::None)].concat();
        let size = all.len() / 2;
        for end in size..all.len() {
            let batch = CheckedBatch::check(Some(Bytes::copy_from_slice(&all[..end])), 9).unwrap();
            assert_eq!(batch.size(), size);
        }
    }

    #[test]
    fn every_fault_of_a_header_has_its_error() {
        let crc = refusal({
            let mut batch = good(Codec::None);
            batch[60] ^= 1;
            batch
        });
        assert!(matches!(crc, BatchError::Crc { .. }) && crc.error_code() == ErrorCode::CORRUPT_MESSAGE, "{crc}");
        assert_eq!(refusal(patched(7, &[1])), BatchError::BaseOffset(1));
        for magic in [0, 1] {
            assert_eq!(refusal(patched(16, &[magic])), BatchError::OldMagic(magic as i8));
        }
        assert_eq!(refusal(patched(16, &[3])), BatchError::Magic(3));
        assert_eq!(refusal(patched(16, &[255])), BatchError::Magic(-1));
        assert_eq!(refusal(patched(8, &13i32.to_be_bytes())), BatchError::Length(13));
        assert_eq!(refusal(patched(8, &(-1i32).to_be_bytes())), BatchError::Length(-1));
        let mut short = good(Codec::None);
        short.truncate(60);
        put(&mut short, 8, &48i32.to_be_bytes());
        assert_eq!(refusal(reseal(short)), BatchError::Length(48));
        for codec in 5..8 {
            assert_eq!(refusal(patched(21, &[0, codec as u8])), BatchError::UnknownCodec(codec));
        }
        assert_eq!(refusal(patched(21, &[0, 0x20])), BatchError::Control);
        for (count, last_offset_delta) in [(2, 2), (4, 2), (3, 1), (0, -1), (0, 2), (-1, -2), (i32::MIN, i32::MAX), (3, -2)] {
            let batch = patched(57, &i32::to_be_bytes(count));
            let mut batch = batch;
            put(&mut batch, 23, &i32::to_be_bytes(last_offset_delta));
            assert_eq!(refusal(reseal(batch)), BatchError::Count { count, last_offset_delta });
        }
        assert_eq!(refusal(patched(43, &5i64.to_be_bytes())), BatchError::Sequence { producer_id: 5, base_sequence: -1 });
        // KafkaJS, platformatic and sarama send an epoch or a sequence without a producer id.
        assert!(CheckedBatch::check(Some(patched(53, &0i32.to_be_bytes()).into()), 9).is_ok());
        // Whatever leader epoch a client writes is overwritten, not checked.
        assert!(CheckedBatch::check(Some(patched(12, &(-1i32).to_be_bytes()).into()), 9).is_ok());
    }

    #[test]
    fn zstd_needs_produce_version_7() {
        let bytes = Bytes::from(good(Codec::Zstd));
        let error = CheckedBatch::check(Some(bytes.clone()), 6).unwrap_err();
        assert_eq!((error.error_code(), error), (ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, BatchError::ZstdTooEarly { produce_version: 6 }));
        assert!(CheckedBatch::check(Some(bytes), 7).is_ok());
    }

    #[test]
    fn records_must_be_as_many_as_declared_and_in_their_places() {
        let mut more = good(Codec::None);
        put(&mut more, 57, &4i32.to_be_bytes());
        put(&mut more, 23, &3i32.to_be_bytes());
        assert_eq!(refusal(reseal(more)), BatchError::Record { index: 3, error: RecordError::EndsEarly });
        let mut fewer = good(Codec::None);
        put(&mut fewer, 57, &2i32.to_be_bytes());
        put(&mut fewer, 23, &1i32.to_be_bytes());
        assert_eq!(refusal(reseal(fewer)), BatchError::Record { index: 2, error: RecordError::TrailingBytes });
        // The first record: length, attributes, timestamp delta, offset delta (here 1, zigzag 2).
        assert_eq!(refusal(patched(64, &[2])), BatchError::OffsetDelta { index: 0, found: 1 });
        let mut huge = good(Codec::None);
        put(&mut huge, 57, &i32::MAX.to_be_bytes());
        put(&mut huge, 23, &(i32::MAX - 1).to_be_bytes());
        assert_eq!(refusal(reseal(huge)).error_code(), ErrorCode::INVALID_RECORD);
    }

    #[test]
    fn a_wrong_greatest_timestamp_is_corrected_and_sealed() {
        for wrong in [-1i64, 0, 2_999, 9_999] {
            let batch = CheckedBatch::check(Some(patched(MAX_TIMESTAMP_AT, &wrong.to_be_bytes()).into()), 9).unwrap();
            assert_eq!(batch.bytes(), &good(Codec::None), "as if the producer had written it right");
        }
    }

    #[test]
    fn append_time_is_stamped_and_a_producers_claim_of_it_cleared() {
        let batch = CheckedBatch::check(Some(good(Codec::Gzip).into()), 9).unwrap();
        let stamped = batch.clone().with_log_append_time(77_000);
        let header = BatchHeader::read(stamped.bytes()).unwrap();
        assert!(header.is_log_append_time() && header == *stamped.header());
        assert_eq!((header.max_timestamp, header.codec()), (77_000, Some(Codec::Gzip)));
        let again = CheckedBatch::check(Some(stamped.bytes().clone()), 9).expect("the CRC is right");
        assert_eq!(again.max_timestamp(), 3_000, "records keep their own timestamps");
        assert_eq!(again.with_create_time().bytes(), batch.bytes());
        assert_eq!(batch.clone().with_create_time(), batch);
    }

    #[test]
    fn attribute_bits_without_meaning_go_only_where_the_header_is_written_anew() {
        // 0x40 is the delete horizon, which Kafka keeps.
        let odd = CheckedBatch::check(Some(patched(ATTRIBUTES_AT, &0x1140i16.to_be_bytes()).into()), 9).unwrap();
        assert_eq!(odd.header().attributes, 0x1140);
        assert_eq!(odd.with_log_append_time(5).header().attributes, 0x48);
    }

    #[test]
    fn the_fresh_prefix_continues_into_the_stored_batch() {
        let stored = good(Codec::None);
        let sent = [&stored_prefix(42, stored.len(), 9), &stored[16..]].concat();
        assert_eq!(sent[..8], 42i64.to_be_bytes());
        assert_eq!(sent[8..12], stored[8..12]);
        assert_eq!(sent[12..16], 9i32.to_be_bytes());
        assert_eq!(batch_crc(&sent), batch_crc(&stored));
    }

    #[test]
    fn timestamps_that_overflow_wrap_as_in_java() {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.push(i64::MAX, None, None, &[]);
        builder.push(i64::MIN, None, None, &[]);
        let batch = CheckedBatch::check(Some(builder.build().unwrap()), 9).unwrap();
        assert_eq!((batch.max_timestamp(), batch.min_timestamp()), (i64::MAX, Some(i64::MIN)));
    }
}
