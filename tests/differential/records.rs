//! Record batches: as requests bring them, right and wrong, and as trees of fields where an answer holds them.

use crate::codec::hex;
use bytes::Bytes;
use monolog::wire::batch::{BatchHeader, batch_crc};
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::record::Record;
use monolog::wire::stored;
use serde_json::{Value, json};

/// Texts of a tree are not longer than this; of longer ones the length and the checksum stand there.
const SHOWN_BYTES: usize = 64;

/// What an answer holds: its batches with all header fields and records. A batch that is cut short at the end is left out, as
/// clients leave it out; the CRC is told as right or wrong, since it covers the producer's id.
pub fn tree(answer: &[u8]) -> Value {
    let batches = stored::batches(Bytes::copy_from_slice(answer));
    batches.map(|(base_offset, batch)| one_batch(base_offset, &batch)).collect()
}

fn one_batch(base_offset: i64, batch: &Bytes) -> Value {
    let Some(header) = BatchHeader::read(batch) else { return json!({ "damaged": hex(batch) }) };
    let crc_is_right = batch.get(17..21) == Some(&batch_crc(batch).to_be_bytes()[..]);
    let records = match stored::inflate_records(batch) {
        Ok(section) => {
            let shown = |record: &_| one_record(record, header.is_log_append_time());
            stored::records(&header, &section).map(|record| record.as_ref().map_or("damaged".into(), shown)).collect()
        }
        Err(_) => Value::from(hex(batch)),
    };
    json!({
        "base_offset": base_offset,
        "leader_epoch": i32::from_be_bytes(batch[12..16].try_into().expect("four bytes")),
        "magic": batch[16],
        "crc_is_right": crc_is_right,
        "attributes": header.attributes,
        "last_offset_delta": header.last_offset_delta,
        "base_timestamp": header.base_timestamp,
        "max_timestamp": header.max_timestamp,
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "count": header.count,
        "records": records,
    })
}

/// Of a batch with the broker's time, the time is in its header.
fn one_record(record: &Record<'_>, stamped: bool) -> Value {
    let timestamp = (!stamped).then_some(record.timestamp);
    let headers = record.headers().map(|(key, value)| json!([shown(key), value.map(shown)])).collect::<Vec<_>>();
    json!([record.offset_delta, timestamp, record.key.map(shown), record.value.map(shown), headers])
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() > SHOWN_BYTES { format!("{} bytes, {:08x}", bytes.len(), crc32c::crc32c(bytes)) } else { hex(bytes) }
}

/// A batch of records without keys, with timestamps 1000, 1001, ...
pub fn batch(values: &[&str]) -> Bytes {
    filled(BatchBuilder::new(Codec::None), values)
}

/// The same, packed.
pub fn packed(codec: Codec, values: &[&str]) -> Bytes {
    filled(BatchBuilder::new(codec), values)
}

/// The same of an idempotent producer.
pub fn numbered(id: i64, epoch: i16, base_sequence: i32, values: &[&str]) -> Bytes {
    filled(BatchBuilder::new(Codec::None).producer(id, epoch, base_sequence), values)
}

/// A batch of records with these timestamps.
pub fn timed(timestamps: &[i64]) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    timestamps.iter().for_each(|&timestamp| builder.push(timestamp, Some(b"k"), Some(timestamp.to_string().as_bytes()), &[]));
    built(&builder)
}

/// A batch of one record of this size.
pub fn sized(bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(1_000, None, Some(&vec![b'x'; bytes]), &[]);
    built(&builder)
}

/// Fills a batch with records without keys.
pub fn filled(mut builder: BatchBuilder, values: &[&str]) -> Bytes {
    for (index, value) in values.iter().enumerate() {
        builder.push(1_000 + index as i64, None, Some(value.as_bytes()), &[]);
    }
    built(&builder)
}

/// A finished batch.
pub fn built(builder: &BatchBuilder) -> Bytes {
    builder.build().expect("a batch in memory")
}

/// A batch with other bytes at a place.
pub fn overwritten(batch: &Bytes, at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = batch.to_vec();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    batch.into()
}

/// The same, and the CRC that fits them.
pub fn patched(batch: &Bytes, at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = overwritten(batch, at, bytes).to_vec();
    let crc = batch_crc(&batch);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}
