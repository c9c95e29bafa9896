//! Writes record batches of format v2 from records. Called by `client`, by the HTTP produce route and by tests; the broker
//! itself stores batches as their producers made them.

use crate::base::limits::BATCH_HEADER_BYTES;
use crate::wire::batch::{TRANSACTIONAL_BIT, batch_crc};
use crate::wire::compress::{Codec, compress};
use crate::wire::record::{NO_TIMESTAMP, put_varlong};
use bytes::Bytes;
use std::io;

/// A record's header: a key and a value, which may be null.
pub type HeaderPair<'a> = (&'a [u8], Option<&'a [u8]>);

/// A batch that is being filled. Base offset and leader epoch are 0, for the broker to set.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    attributes: i16,
    codec: Codec,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    records: Vec<u8>,
    body: Vec<u8>,
}

impl BatchBuilder {
    /// An empty batch of a producer without an id.
    pub fn new(codec: Codec) -> BatchBuilder {
        BatchBuilder {
            attributes: codec as i16,
            codec,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            count: 0,
            records: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Makes it a batch of an idempotent producer.
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> BatchBuilder {
        (self.producer_id, self.producer_epoch, self.base_sequence) = (id, epoch, base_sequence);
        self
    }

    /// Makes it part of a transaction.
    pub fn transactional(mut self) -> BatchBuilder {
        self.attributes |= TRANSACTIONAL_BIT;
        self
    }

    /// Adds a record. `timestamp` is in ms since 1970, -1 for none; headers keep their order and may repeat a key.
    pub fn push(&mut self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[HeaderPair<'_>]) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let body = &mut self.body;
        body.clear();
        body.push(0);
        put_varlong(body, timestamp.wrapping_sub(self.base_timestamp));
        put_varlong(body, i64::from(self.count));
        put_field(body, key);
        put_field(body, value);
        put_varlong(body, headers.len() as i64);
        for &(key, value) in headers {
            put_field(body, Some(key));
            put_field(body, value);
        }
        put_varlong(&mut self.records, body.len() as i64);
        self.records.extend_from_slice(body);
        self.count += 1;
    }

    /// How many records were added.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Bytes of the batch before compression.
    pub fn size(&self) -> usize {
        BATCH_HEADER_BYTES + self.records.len()
    }

    /// The finished batch. Errors are the codec's.
    pub fn build(&self) -> io::Result<Bytes> {
        let packed;
        let records = match self.codec {
            Codec::None => &self.records,
            codec => {
                packed = compress(codec, &self.records)?;
                &packed
            }
        };
        let mut out = Vec::with_capacity(BATCH_HEADER_BYTES + records.len());
        out.extend_from_slice(&0i64.to_be_bytes());
        out.extend_from_slice(&((BATCH_HEADER_BYTES - 12 + records.len()) as i32).to_be_bytes());
        out.extend_from_slice(&0i32.to_be_bytes());
        out.push(2);
        out.extend_from_slice(&0u32.to_be_bytes());
        out.extend_from_slice(&self.attributes.to_be_bytes());
        out.extend_from_slice(&(self.count - 1).to_be_bytes());
        out.extend_from_slice(&self.base_timestamp.to_be_bytes());
        out.extend_from_slice(&self.max_timestamp.to_be_bytes());
        out.extend_from_slice(&self.producer_id.to_be_bytes());
        out.extend_from_slice(&self.producer_epoch.to_be_bytes());
        out.extend_from_slice(&self.base_sequence.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(records);
        let crc = batch_crc(&out);
        if let Some(place) = out.get_mut(17..21) {
            place.copy_from_slice(&crc.to_be_bytes());
        }
        Ok(Bytes::from(out))
    }
}

fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => put_varlong(out, -1),
        Some(bytes) => {
            put_varlong(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch::CheckedBatch;
    use crate::wire::stored::{inflate_records, records};

    #[test]
    fn what_is_built_passes_the_check_and_reads_back() {
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut builder = BatchBuilder::new(codec).producer(7, 3, 11);
            let headers: [HeaderPair; 3] = [(b"h", Some(b"1")), (b"h", None), (b"\xff", Some(b""))];
            builder.push(1_000, Some(b"key"), Some(b"value"), &headers);
            builder.push(900, None, None, &[]);
            builder.push(-1, Some(b""), Some(&[7; 100_000]), &[]);
            let batch = CheckedBatch::check(Some(builder.build().unwrap()), 9).unwrap();
            assert_eq!((batch.count(), batch.max_timestamp(), batch.min_timestamp()), (3, 1_000, Some(900)), "{codec:?}");
            assert!(batch.has_null_key());
            let header = batch.header();
            assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 3, 11));
            assert_eq!(batch.offending(10, |_, has_key| !has_key), [1]);

            let section = inflate_records(batch.bytes()).unwrap();
            let read: Vec<_> = records(header, &section).collect::<Result<_, _>>().unwrap();
            assert_eq!(read.len(), 3);
            assert_eq!(read[0].headers().collect::<Vec<_>>(), headers);
            assert_eq!((read[0].key, read[0].value, read[0].timestamp), (Some(&b"key"[..]), Some(&b"value"[..]), 1_000));
            assert_eq!((read[1].key, read[1].value, read[1].offset_delta), (None, None, 1));
            assert_eq!(read[2].value.map(<[u8]>::len), Some(100_000));
        }
    }
}
