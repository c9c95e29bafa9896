//! Takes fetched bytes apart, as a consumer does.

use bytes::Bytes;
use monolog::wire::batch::BatchHeader;
use monolog::wire::message::fetch::PartitionData;
use monolog::wire::stored;

/// The batches of an answer with their base offsets.
pub fn batches(bytes: &Bytes) -> Vec<(i64, Bytes)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let (Some(base), Some(length)) = (bytes.get(at..at + 8), bytes.get(at + 8..at + 12)) {
        let base = i64::from_be_bytes(base.try_into().expect("eight bytes"));
        let end = at + 12 + i32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        found.push((base, bytes.slice(at..end)));
        at = end;
    }
    found
}

/// Where a consumer goes on after an answer; `None` when it held no records.
pub fn next_offset(partition: &PartitionData) -> Option<i64> {
    let (base, batch) = batches(&partition.records.to_bytes()).pop()?;
    BatchHeader::read(&batch).map(|header| base + i64::from(header.last_offset_delta) + 1)
}

/// Offsets and numbers of the records of a batch: the number is the first eight bytes of the value.
pub fn ids(base: i64, batch: &Bytes) -> Vec<(i64, u64)> {
    let header = BatchHeader::read(batch).expect("a stored batch has a header");
    let section = stored::inflate_records(batch).expect("a stored batch inflates");
    stored::records(&header, &section)
        .map(|record| {
            let record = record.expect("a stored record parses");
            let value = record.value.unwrap_or_default();
            let id = u64::from_be_bytes(value[..8].try_into().expect("eight bytes"));
            (base + i64::from(record.offset_delta), id)
        })
        .collect()
}
