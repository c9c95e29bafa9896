//! Completes a Fetch with batches from the store, within the bounds of the request and of the memory budget. A batch that is not
//! what was written is never sent. Called by `cold::complete`.

use super::{damaged, is_intact, unreadable};
use crate::base::budget::Budget;
use crate::base::limits::{BATCH_HEADER_BYTES, READ_SLICE_BYTES};
use crate::mail::cold::{ColdFetch, ColdRange};
use crate::store::plan::BatchRow;
use crate::store::seam::Reader;
use crate::wire::batch::stored_prefix;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::fetch::PartitionData;
use crate::wire::records::{FRESH_PREFIX_BYTES, Records};

/// Batches below this size are gathered into one buffer: a copy costs less than a piece of its own in the write to the socket.
const GATHERED_BYTES_MAX: usize = 16 * 1024;

/// Fills in the records of all ranges, as far as the bounds allow.
pub fn complete(reader: &mut dyn Reader, job: ColdFetch, budget: &Budget) -> Response {
    let ColdFetch { mut response, ranges, max_bytes, .. } = job;
    let mut left = max_bytes;
    let mut is_empty = response.responses.iter().flat_map(|topic| &topic.partitions).all(|partition| partition.records.is_empty());
    for range in ranges {
        let topic = response.responses.get_mut(range.topic);
        let Some(partition) = topic.and_then(|topic| topic.partitions.get_mut(range.partition)) else { continue };
        let mut filling = Filling { records: Records::default(), small: Vec::new(), left: left.min(range.max_bytes), is_empty, budget };
        let outcome = filling.read(reader, &range);
        filling.flush();
        match outcome {
            // What comes before the fault is sent; the next fetch begins at the fault.
            Err(error_code) if filling.records.is_empty() => fail(partition, error_code),
            _ => {
                left = left.saturating_sub(filling.records.len());
                is_empty &= filling.records.is_empty();
                partition.records = filling.records;
            }
        }
    }
    Response::Fetch(response)
}

/// The form of an error (`FetchResponse.partitionResponse`).
fn fail(partition: &mut PartitionData, error_code: ErrorCode) {
    *partition = PartitionData { partition_index: partition.partition_index, error_code, high_watermark: -1, ..PartitionData::default() };
}

/// The records of one partition.
struct Filling<'a> {
    records: Records,
    /// Small batches of the slice at hand, with their fresh prefixes.
    small: Vec<u8>,
    /// Bytes still allowed.
    left: usize,
    /// Nothing is in the whole answer yet: the next batch is taken whatever its size.
    is_empty: bool,
    budget: &'a Budget,
}

impl Filling<'_> {
    fn read(&mut self, reader: &mut dyn Reader, range: &ColdRange) -> Result<(), ErrorCode> {
        let mut from = range.from;
        while from < range.until && (self.is_empty || self.left > BATCH_HEADER_BYTES) {
            let bytes = self.left.min(READ_SLICE_BYTES);
            let rows = reader.read(range.part, from, range.until, bytes).map_err(|error| unreadable("fetch", range.part.0, &error))?;
            let Some(last) = rows.last().map(|row| row.last) else { break };
            self.small.reserve(rows.iter().map(|row| row.data.len()).filter(|size| *size < GATHERED_BYTES_MAX).sum());
            for row in rows {
                if !self.has_room(row.data.len()) {
                    return Ok(());
                }
                if !is_intact(&row) {
                    return Err(damaged(&row, "its checksum is wrong"));
                }
                self.take(row, range.leader_epoch);
            }
            self.flush();
            from = last + 1;
        }
        Ok(())
    }

    /// Whether a batch of this size may be taken, by the request's bounds and by the memory that is left.
    fn has_room(&self, bytes: usize) -> bool {
        let memory = self.budget.left_bytes().saturating_sub(self.small.len());
        self.is_empty || bytes <= self.left.min(memory)
    }

    fn take(&mut self, row: BatchRow, leader_epoch: i32) {
        let size = row.data.len();
        let prefix = stored_prefix(row.base, size, leader_epoch);
        self.is_empty = false;
        self.left = self.left.saturating_sub(size);
        if size < GATHERED_BYTES_MAX {
            self.small.extend_from_slice(&prefix);
            self.small.extend_from_slice(row.data.get(FRESH_PREFIX_BYTES..).unwrap_or_default());
        } else {
            self.flush();
            let batch = self.budget.charge(size).attach(Vec::from(row.data));
            self.records.push_batch(prefix, batch.slice(FRESH_PREFIX_BYTES..));
        }
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            let gathered = std::mem::take(&mut self.small);
            self.records.push(self.budget.charge(gathered.len()).attach(gathered));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::MIB;
    use crate::cold::testing::{Broken, PART, batch, damage, store};
    use crate::mail::input::ReplyTo;
    use crate::store::seam::StoreError;
    use crate::wire::message::fetch::{FetchResponse, FetchableTopicResponse};
    use crate::wire::records::Records;
    use bytes::Bytes;

    fn range(partition: usize, from: i64, max_bytes: usize) -> ColdRange {
        ColdRange { topic: 0, partition, part: PART, from, until: 100, max_bytes, leader_epoch: 3 }
    }

    /// A job over partitions which all are the one partition of the store.
    fn job(ranges: Vec<ColdRange>, max_bytes: usize) -> ColdFetch {
        let data = |index| PartitionData { partition_index: index, high_watermark: 100, ..PartitionData::default() };
        let topic = FetchableTopicResponse { partitions: (0..2).map(data).collect(), ..FetchableTopicResponse::default() };
        let response = FetchResponse { responses: vec![topic], ..FetchResponse::default() };
        let to = ReplyTo { conn: Default::default(), seq: 0 };
        ColdFetch { to, response, ranges, max_bytes, charge: None }
    }

    fn run(reader: &mut dyn Reader, job: ColdFetch, budget: &Budget) -> Vec<PartitionData> {
        match complete(reader, job, budget) {
            Response::Fetch(mut response) => response.responses.remove(0).partitions,
            other => panic!("not a fetch: {other:?}"),
        }
    }

    /// Base offset, leader epoch and claimed size of each batch, checked to be whole.
    fn batches(records: &Records) -> Vec<(i64, i32)> {
        let (all, mut at, mut found) = (records.to_bytes(), 0, Vec::new());
        while at < all.len() {
            let base = i64::from_be_bytes(all[at..at + 8].try_into().unwrap());
            let length = i32::from_be_bytes(all[at + 8..at + 12].try_into().unwrap()) as usize;
            let epoch = i32::from_be_bytes(all[at + 12..at + 16].try_into().unwrap());
            let row = BatchRow { data: all.slice(at..at + 12 + length), ..batch(base, &[0], 1) };
            assert!(is_intact(&row));
            found.push((base, epoch));
            at += 12 + length;
        }
        found
    }

    fn budget() -> Budget {
        Budget::new(32 * MIB)
    }

    #[test]
    fn small_batches_are_gathered_and_large_ones_are_not_with_fresh_prefixes() {
        let mut store = store(vec![batch(0, &[1, 2], 10), batch(2, &[3], 10), batch(3, &[4], 50_000), batch(4, &[5], 10)]);
        let told = run(&mut store, job(vec![range(1, 1, MIB)], MIB), &budget());
        assert!(told[0].records.is_empty());
        assert_eq!(batches(&told[1].records), [(0, 3), (2, 3), (3, 3), (4, 3)], "the batch that holds the offset comes whole");
        assert_eq!(told[1].records.segments().count(), 3);
        assert_eq!((told[1].error_code, told[1].high_watermark), (ErrorCode::NONE, 100));
    }

    #[test]
    fn reading_goes_on_over_slices_until_the_bound() {
        let rows: Vec<BatchRow> = (0..40).map(|base| batch(base, &[1], 100_000)).collect();
        let size = rows[0].data.len();
        let mut store = store(rows);
        let told = run(&mut store, job(vec![range(0, 5, 3 * MIB)], 8 * MIB), &budget());
        let expected: Vec<(i64, i32)> = (5..5 + (3 * MIB / size) as i64).map(|base| (base, 3)).collect();
        assert_eq!(batches(&told[0].records), expected);
        assert!(told[0].records.len() <= 3 * MIB);
    }

    #[test]
    fn the_first_batch_of_the_answer_comes_whatever_its_size_and_no_other() {
        let mut store = store(vec![batch(0, &[1], 5_000), batch(1, &[1], 5_000)]);
        let told = run(&mut store, job(vec![range(0, 0, 0), range(1, 0, 0)], 100), &budget());
        assert_eq!(batches(&told[0].records), [(0, 3)]);
        assert!(told[1].records.is_empty());
        let mut held = job(vec![range(1, 0, 100)], 100);
        held.response.responses[0].partitions[0].records = Records::from(Bytes::from_static(b"from the tail cache"));
        assert!(run(&mut store, held, &budget())[1].records.is_empty());
    }

    #[test]
    fn the_answer_takes_what_memory_is_left_and_at_least_one_batch_and_gives_it_back() {
        let rows: Vec<BatchRow> = (0..10).map(|base| batch(base, &[1], 40_000)).collect();
        let mut store = store(rows);
        let budget = Budget::new(200_000);
        let told = run(&mut store, job(vec![range(0, 0, MIB)], MIB), &budget);
        assert_eq!(batches(&told[0].records).len(), 3, "three quarters of the budget");
        assert_eq!(budget.used_bytes(), told[0].records.len());
        let second = run(&mut store, job(vec![range(0, 0, MIB)], MIB), &budget);
        assert_eq!(batches(&second[0].records).len(), 1);
        drop((told, second));
        assert_eq!(budget.used_bytes(), 0);

        let small: Vec<BatchRow> = (0..100).map(|base| batch(base, &[1], 1_000)).collect();
        let size = small[0].data.len();
        let told = run(&mut super::super::testing::store(small), job(vec![range(0, 0, MIB)], MIB), &Budget::new(40_000));
        assert_eq!(batches(&told[0].records).len(), 30_000 / size, "gathered bytes count before they are charged");
    }

    #[test]
    fn damage_is_told_for_its_partition_and_never_sent() {
        let mut store = store(vec![batch(0, &[1], 10), damage(batch(1, &[2], 10)), batch(2, &[3], 10)]);
        let told = run(&mut store, job(vec![range(0, 0, MIB), range(1, 1, MIB)], MIB), &budget());
        assert_eq!((told[0].error_code, batches(&told[0].records)), (ErrorCode::NONE, vec![(0, 3)]), "what comes before it is fine");
        assert_eq!((told[1].error_code, told[1].high_watermark), (ErrorCode::CORRUPT_MESSAGE, -1));
        assert_eq!((told[1].partition_index, told[1].records.is_empty()), (1, true));
    }

    #[test]
    fn a_store_fault_is_told_for_its_partition() {
        let mut broken = Broken(StoreError::Fatal("gone".to_owned()));
        let told = run(&mut broken, job(vec![range(1, 0, MIB)], MIB), &budget());
        assert_eq!((told[0].error_code, told[1].error_code), (ErrorCode::NONE, ErrorCode::KAFKA_STORAGE_ERROR));
        let mut corrupt = Broken(StoreError::Corrupt("page 7".to_owned()));
        assert_eq!(run(&mut corrupt, job(vec![range(1, 0, MIB)], MIB), &budget())[1].error_code, ErrorCode::CORRUPT_MESSAGE);
    }

    #[test]
    fn a_range_that_is_gone_gives_nothing() {
        let told = run(&mut store(vec![]), job(vec![range(0, 0, MIB)], MIB), &budget());
        assert_eq!((told[0].error_code, told[0].records.is_empty()), (ErrorCode::NONE, true));
    }
}
