//! Shows the records of a stored batch with their contents, holding one of them inflated at a time. Called by the HTTP side.

use crate::wire::batch::BatchHeader;
use crate::wire::record::{Fields, Next, Record, RecordError, RecordIter};

/// One record of a batch.
#[derive(Debug)]
pub enum Shown<'a> {
    /// With its contents.
    Record(Record<'a>),
    /// Larger than was wanted: only where its fields would be.
    TooLarge {
        /// When it was created, or appended where the batch says so, ms since 1970; -1 for none.
        timestamp: i64,
        /// How long its key, value and headers are, and its offset in the batch.
        fields: Fields,
    },
}

/// Shows the records of a batch from `from_delta` on to `visit`, until it says false. Of records larger than `bytes_max` the
/// contents are passed over.
pub fn browse(batch: &[u8], from_delta: i64, bytes_max: usize, mut visit: impl FnMut(Shown) -> bool) -> Result<(), RecordError> {
    let header = BatchHeader::read(batch).ok_or(RecordError::EndsEarly)?;
    let mut stream = header.stream(batch)?;
    let mut buffer = Vec::new();
    while let Some(next) = stream.next_into(&mut buffer, bytes_max)? {
        let shown = match next {
            Next::Whole => {
                let mut records = RecordIter::new(&buffer, 1, header.base_timestamp, header.append_time());
                Shown::Record(records.next().ok_or(RecordError::EndsEarly)??)
            }
            Next::TooLarge(fields) => {
                let timestamp = header.append_time().unwrap_or(header.base_timestamp.wrapping_add(fields.timestamp_delta));
                Shown::TooLarge { timestamp, fields }
            }
        };
        let offset_delta = match &shown {
            Shown::Record(record) => record.offset_delta,
            Shown::TooLarge { fields, .. } => fields.offset_delta,
        };
        if i64::from(offset_delta) >= from_delta && !visit(shown) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch_builder::BatchBuilder;
    use crate::wire::compress::Codec;

    #[test]
    fn records_are_shown_whatever_their_codec_and_large_ones_by_their_size() {
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut builder = BatchBuilder::new(codec);
            builder.push(5, Some(b"a"), Some(b"1"), &[(b"h", None)]);
            builder.push(6, Some(b"b"), Some(&[7; 50_000]), &[]);
            builder.push(7, None, None, &[]);
            builder.push(8, Some(b"d"), Some(b"4"), &[]);
            let batch = builder.build().unwrap();
            let mut seen = Vec::new();
            let visited = browse(&batch, 1, 1_000, |shown| {
                seen.push(match shown {
                    Shown::Record(record) => (record.offset_delta, record.timestamp, record.value.map_or(0, <[u8]>::len)),
                    Shown::TooLarge { timestamp, fields } => (fields.offset_delta, timestamp, fields.value.map_or(0, |value| value.len())),
                });
                seen.len() < 2
            });
            assert_eq!((visited, seen), (Ok(()), vec![(1, 6, 50_000), (2, 7, 0)]), "{codec:?}");
            let mut whole = Vec::new();
            browse(&batch, 0, 100_000, |shown| {
                let Shown::Record(record) = shown else { panic!("{shown:?}") };
                whole.push((record.key.map(<[u8]>::to_vec), record.headers().count()));
                true
            })
            .unwrap();
            assert_eq!(whole, [(Some(b"a".to_vec()), 1), (Some(b"b".to_vec()), 0), (None, 0), (Some(b"d".to_vec()), 0)]);
        }
        assert_eq!(browse(&[0; 60], 0, 10, |_| true), Err(RecordError::EndsEarly));
    }
}
