//! What is read out of batches that a broker keeps or has sent: the record that a timestamp lookup looks for, and records to
//! show. Called by `state` and `cold` (ListOffsets), by the client, and by whoever browses messages.

use crate::base::limits::{BATCH_HEADER_BYTES, DECOMPRESSED_BYTES_MAX};
use crate::wire::batch::BatchHeader;
use crate::wire::compress::{Codec, decompress};
use crate::wire::record::{RecordError, RecordIter};
use bytes::Bytes;

/// A record found by its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampHit {
    /// To be added to the batch's base offset.
    pub offset_delta: i32,
    /// The record's timestamp, ms since 1970.
    pub timestamp: i64,
}

/// The first record of a stored batch with a timestamp of at least `target_ms`, from `from_delta` on (a log may start inside a
/// batch); Kafka's `FileRecords.searchForTimestamp`.
pub fn first_at_least(batch: &[u8], target_ms: i64, from_delta: i32) -> Result<Option<TimestampHit>, RecordError> {
    let mut hit = None;
    visit_timestamps(batch, from_delta, |record| {
        hit = (record.timestamp >= target_ms).then_some(record);
        hit.is_none()
    })?;
    Ok(hit)
}

/// The first record of a stored batch that has the greatest timestamp, from `from_delta` on (KIP-734).
pub fn greatest(batch: &[u8], from_delta: i32) -> Result<Option<TimestampHit>, RecordError> {
    let mut hit: Option<TimestampHit> = None;
    visit_timestamps(batch, from_delta, |record| {
        if hit.is_none_or(|best| record.timestamp > best.timestamp) {
            hit = Some(record);
        }
        true
    })?;
    Ok(hit)
}

/// Shows the records from `from_delta` on to `visit`, until it says false.
fn visit_timestamps(batch: &[u8], from_delta: i32, mut visit: impl FnMut(TimestampHit) -> bool) -> Result<(), RecordError> {
    let header = BatchHeader::read(batch).ok_or(RecordError::EndsEarly)?;
    let mut stream = header.stream(batch)?;
    while let Some(fields) = stream.next_fields()? {
        let timestamp = header.append_time().unwrap_or(header.base_timestamp.wrapping_add(fields.timestamp_delta));
        if fields.offset_delta >= from_delta && !visit(TimestampHit { offset_delta: fields.offset_delta, timestamp }) {
            break;
        }
    }
    Ok(())
}

/// Cuts what a fetch answer carries into its batches, each with its base offset; an incomplete last one is left out, as clients do.
pub fn batches(mut answer: Bytes) -> impl Iterator<Item = (i64, Bytes)> {
    std::iter::from_fn(move || {
        let base_offset = i64::from_be_bytes(*answer.first_chunk()?);
        let length = i32::from_be_bytes(*answer.get(8..)?.first_chunk()?);
        let size = usize::try_from(length).ok()? + 12;
        (size <= answer.len()).then(|| (base_offset, answer.split_to(size)))
    })
}

/// The records section of a stored batch, inflated, for [`records`]; shared where it is not compressed.
pub fn inflate_records(batch: &Bytes) -> Result<Bytes, RecordError> {
    let header = BatchHeader::read(batch).ok_or(RecordError::EndsEarly)?;
    // `read` saw the whole header, so the slice is in bounds.
    let section = batch.slice(BATCH_HEADER_BYTES..);
    match header.codec() {
        None => Err(RecordError::Damaged("unknown codec".to_owned())),
        Some(Codec::None) => Ok(section),
        Some(codec) => Ok(decompress(codec, &section, DECOMPRESSED_BYTES_MAX)?.into()),
    }
}

/// The records in a section that [`inflate_records`] made from the batch with this header.
pub fn records<'a>(header: &BatchHeader, section: &'a [u8]) -> RecordIter<'a> {
    RecordIter::new(section, header.count, header.base_timestamp, header.append_time())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch::CheckedBatch;
    use crate::wire::batch_builder::BatchBuilder;

    #[test]
    fn timestamps_are_found_inside_stored_batches() {
        for codec in [Codec::None, Codec::Zstd] {
            let batch = {
                let mut builder = BatchBuilder::new(codec);
                for timestamp in [1_000, 3_000, 2_000] {
                    builder.push(timestamp, None, None, &[]);
                }
                builder.build().unwrap()
            };
            let hit = |offset_delta, timestamp| Some(TimestampHit { offset_delta, timestamp });
            assert_eq!(first_at_least(&batch, 0, 0), Ok(hit(0, 1_000)));
            assert_eq!(first_at_least(&batch, 1_001, 0), Ok(hit(1, 3_000)));
            assert_eq!(first_at_least(&batch, 1_001, 2), Ok(hit(2, 2_000)));
            assert_eq!(first_at_least(&batch, 3_001, 0), Ok(None));
            assert_eq!(greatest(&batch, 0), Ok(hit(1, 3_000)));
            assert_eq!(greatest(&batch, 2), Ok(hit(2, 2_000)));
            assert_eq!(greatest(&batch, 3), Ok(None));
            let stamped = CheckedBatch::check(Some(batch), 9).unwrap().with_log_append_time(50);
            assert_eq!(greatest(stamped.bytes(), 0), Ok(hit(0, 50)), "the first record, as Kafka answers");
        }
    }
}
