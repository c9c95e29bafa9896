//! Idempotent producers of one partition: which batch is new, which was seen, which is refused (`ProducerAppendInfo`,
//! `ProducerStateEntry`, `ProducerStateManager`). Asked by `partition` for every batch with a producer id.

use crate::base::ids::PlanNo;
use crate::base::limits::PRODUCERS_PER_PARTITION_MAX;
use crate::store::plan::{BatchRow, ProducerBatch, ProducerRow, sequence_after};
use crate::wire::batch::BatchHeader;
use crate::wire::error_code::ErrorCode;
use std::collections::HashMap;

/// Kafka's `producer.id.expiration.ms`: a producer that wrote nothing for so long is forgotten.
pub const PRODUCER_EXPIRY_MS: u64 = 86_400_000;

/// What a batch of an idempotent producer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The next in order: to be appended.
    New,
    /// One of the last five, sent again: answered as it was the first time.
    Duplicate(ProducerBatch),
    /// Refused: INVALID_PRODUCER_EPOCH or OUT_OF_ORDER_SEQUENCE_NUMBER.
    Refused(ErrorCode),
}

#[derive(Clone, Debug)]
struct Producer {
    row: ProducerRow,
    used_ms: u64,
    changed_in: PlanNo,
}

/// The producers that a partition remembers, as of everything decided.
#[derive(Clone, Debug, Default)]
pub struct Producers {
    by_id: HashMap<i64, Producer>,
}

impl Producers {
    /// Takes in what was loaded. `used_ms` is when it was last used, monotonic ms.
    pub fn insert(&mut self, row: ProducerRow, used_ms: u64) {
        self.by_id.insert(row.pid, Producer { row, used_ms, changed_in: PlanNo::COMMITTED });
    }

    /// Judges a batch that has a producer id. `fenced`: a batch of this producer was refused for want of room, alone or with its
    /// plan, and none was committed since; then a producer without state must begin at 0, or a batch behind the refused one would get in.
    pub fn judge(&self, batch: &BatchHeader, fenced: bool) -> Verdict {
        let Some(Producer { row, .. }) = self.by_id.get(&batch.producer_id) else {
            // Whoever is not known may begin anywhere: retention may have taken what was known.
            return if fenced && batch.base_sequence != 0 { OUT_OF_ORDER } else { Verdict::New };
        };
        let first_seq = batch.base_sequence;
        if batch.producer_epoch == row.epoch {
            let last_seq = sequence_after(first_seq, i64::from(batch.last_offset_delta));
            if let Some(seen) = row.batches.iter().find(|seen| seen.first_seq == first_seq && seen.last_seq == last_seq) {
                return Verdict::Duplicate(*seen);
            }
        }
        if batch.producer_epoch < row.epoch {
            return Verdict::Refused(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        let expected = match row.batches.back() {
            Some(newest) if batch.producer_epoch == row.epoch => sequence_after(newest.last_seq, 1),
            _ => 0,
        };
        if first_seq == expected { Verdict::New } else { OUT_OF_ORDER }
    }

    /// Folds in a batch that was appended at `mono_ms` in plan `changed_in`.
    pub fn apply(&mut self, batch: &BatchRow, mono_ms: u64, changed_in: PlanNo) {
        let fresh = || Producer { row: ProducerRow::new(batch.part, batch.pid, batch.epoch), used_ms: mono_ms, changed_in };
        let producer = self.by_id.entry(batch.pid).or_insert_with(fresh);
        producer.row.apply(batch);
        (producer.used_ms, producer.changed_in) = (mono_ms, changed_in);
    }

    /// Whether a producer is remembered.
    pub fn knows(&self, pid: i64) -> bool {
        self.by_id.contains_key(&pid)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_id.len()
    }

    /// Forgets those that were last used before `before_ms`; gives back who they were, sorted, and when the longest unused of
    /// the others was used.
    pub fn expire(&mut self, before_ms: u64) -> (Vec<i64>, Option<u64>) {
        let mut expired: Vec<i64> = Vec::new();
        let mut oldest: Option<u64> = None;
        self.by_id.retain(|pid, producer| {
            if producer.used_ms < before_ms {
                expired.push(*pid);
                return false;
            }
            oldest = Some(oldest.map_or(producer.used_ms, |least| least.min(producer.used_ms)));
            true
        });
        expired.sort_unstable();
        (expired, oldest)
    }

    /// At the cap, forgets a tenth at once, the longest unused first, so that the search is rare. Those with a batch in the plan
    /// `filling` stay: a store deletes first and appends then. Gives back who they were, sorted.
    pub fn make_room(&mut self, filling: PlanNo) -> Vec<i64> {
        if self.by_id.len() < PRODUCERS_PER_PARTITION_MAX {
            return Vec::new();
        }
        let mut by_use: Vec<(u64, i64)> = self.idle(filling).collect();
        by_use.sort_unstable();
        by_use.truncate(PRODUCERS_PER_PARTITION_MAX / 10);
        let mut gone: Vec<i64> = by_use.into_iter().map(|(_, pid)| pid).collect();
        gone.sort_unstable();
        for pid in &gone {
            self.by_id.remove(pid);
        }
        gone
    }

    /// Those without a batch in the plan `filling`, and when each was last used, monotonic ms; in no order.
    pub fn idle(&self, filling: PlanNo) -> impl Iterator<Item = (u64, i64)> {
        self.by_id.iter().filter(move |(_, producer)| producer.changed_in < filling).map(|(pid, producer)| (producer.used_ms, *pid))
    }

    /// Forgets one.
    pub fn forget(&mut self, pid: i64) {
        self.by_id.remove(&pid);
    }

    /// When each was last used, monotonic ms; in no order.
    pub fn uses(&self) -> impl Iterator<Item = (i64, u64)> {
        self.by_id.iter().map(|(pid, producer)| (*pid, producer.used_ms))
    }

    /// All of them as rows, sorted by id.
    pub fn rows(&self) -> Vec<ProducerRow> {
        let mut rows: Vec<ProducerRow> = self.by_id.values().map(|producer| producer.row.clone()).collect();
        rows.sort_unstable_by_key(|row| row.pid);
        rows
    }
}

const OUT_OF_ORDER: Verdict = Verdict::Refused(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::PartId;
    use bytes::Bytes;

    fn header(pid: i64, epoch: i16, seq: i32, count: i32) -> BatchHeader {
        BatchHeader {
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: pid,
            producer_epoch: epoch,
            base_sequence: seq,
            count,
        }
    }

    fn append(producers: &mut Producers, base: i64, batch: BatchHeader, mono_ms: u64) {
        let row = BatchRow {
            part: PartId(1),
            base,
            last: base + i64::from(batch.last_offset_delta),
            max_ts: 7,
            flags: 0,
            pid: batch.producer_id,
            epoch: batch.producer_epoch,
            seq: batch.base_sequence,
            data: Bytes::new(),
        };
        producers.apply(&row, mono_ms, PlanNo(1));
    }

    fn judge(producers: &Producers, epoch: i16, seq: i32, count: i32) -> Verdict {
        producers.judge(&header(9, epoch, seq, count), false)
    }

    fn duplicate_base(verdict: Verdict) -> i64 {
        match verdict {
            Verdict::Duplicate(seen) => seen.base,
            other => panic!("{other:?}"),
        }
    }

    const TOO_OLD: Verdict = Verdict::Refused(ErrorCode::INVALID_PRODUCER_EPOCH);

    #[test]
    fn an_unknown_producer_begins_anywhere_unless_it_is_fenced() {
        let producers = Producers::default();
        assert_eq!(judge(&producers, 3, 17, 2), Verdict::New);
        assert_eq!(producers.judge(&header(9, 3, 17, 2), true), OUT_OF_ORDER);
        assert_eq!(producers.judge(&header(9, 3, 0, 2), true), Verdict::New);
    }

    #[test]
    fn only_the_next_sequence_is_accepted() {
        let mut producers = Producers::default();
        append(&mut producers, 100, header(9, 0, 0, 10), 0);
        assert_eq!(judge(&producers, 0, 10, 5), Verdict::New);
        assert_eq!(judge(&producers, 0, 11, 5), OUT_OF_ORDER);
        assert_eq!(judge(&producers, 0, 9, 5), OUT_OF_ORDER);
        assert_eq!(judge(&producers, 0, 0, 11), OUT_OF_ORDER, "the same start but not the same batch");
    }

    #[test]
    fn the_last_five_batches_are_known_again_and_no_older_one() {
        let mut producers = Producers::default();
        for n in 0..6 {
            append(&mut producers, 100 + i64::from(n) * 3, header(9, 0, n * 3, 3), 0);
        }
        assert_eq!(judge(&producers, 0, 0, 3), OUT_OF_ORDER);
        for n in 1..6 {
            assert_eq!(duplicate_base(judge(&producers, 0, n * 3, 3)), 100 + i64::from(n) * 3);
        }
        assert_eq!(judge(&producers, 0, 18, 3), Verdict::New);
    }

    #[test]
    fn epochs_rise_from_zero_and_never_fall() {
        let mut producers = Producers::default();
        append(&mut producers, 0, header(9, 5, 0, 4), 0);
        assert_eq!(judge(&producers, 4, 4, 1), TOO_OLD);
        assert_eq!(judge(&producers, 4, 0, 4), TOO_OLD, "a duplicate is one of the same epoch only");
        assert_eq!(judge(&producers, 6, 4, 1), OUT_OF_ORDER);
        assert_eq!(judge(&producers, 6, 0, 4), Verdict::New);
        append(&mut producers, 4, header(9, 6, 0, 4), 0);
        assert_eq!(judge(&producers, 5, 4, 1), TOO_OLD);
        assert_eq!(duplicate_base(judge(&producers, 6, 0, 4)), 4, "what the old epoch wrote is forgotten");
        assert_eq!(judge(&producers, 6, 4, 1), Verdict::New);
    }

    #[test]
    fn sequences_wrap_inside_a_batch_and_between_batches() {
        let mut producers = Producers::default();
        append(&mut producers, 0, header(9, 0, i32::MAX - 1, 4), 0);
        assert_eq!(duplicate_base(judge(&producers, 0, i32::MAX - 1, 4)), 0);
        assert_eq!(judge(&producers, 0, 2, 1), Verdict::New);
        assert_eq!(judge(&producers, 0, 0, 1), OUT_OF_ORDER);
        append(&mut producers, 4, header(9, 0, 2, i32::MAX - 1), 0);
        assert_eq!(judge(&producers, 0, 0, 1), Verdict::New, "2147483647 is followed by 0");
    }

    #[test]
    fn who_wrote_nothing_for_long_is_forgotten() {
        let mut producers = Producers::default();
        append(&mut producers, 0, header(9, 0, 0, 1), 10);
        append(&mut producers, 1, header(4, 0, 0, 1), 10);
        append(&mut producers, 2, header(5, 0, 0, 1), 20);
        append(&mut producers, 3, header(9, 0, 1, 1), 30);
        assert_eq!(producers.expire(10), (vec![], Some(10)));
        assert_eq!(producers.expire(21), (vec![4, 5], Some(30)));
        assert_eq!(producers.expire(31), (vec![9], None));
        assert_eq!(judge(&producers, 0, 50, 1), Verdict::New);
    }

    #[test]
    fn at_the_cap_the_longest_unused_make_room() {
        let mut producers = Producers::default();
        for pid in 0..PRODUCERS_PER_PARTITION_MAX as i64 {
            assert!(producers.make_room(PlanNo(2)).is_empty());
            append(&mut producers, pid, header(pid, 0, 0, 1), 1_000_000 - pid as u64);
        }
        assert!(producers.make_room(PlanNo(1)).is_empty(), "all have a batch in that plan");
        let gone = producers.make_room(PlanNo(2));
        let tenth = PRODUCERS_PER_PARTITION_MAX as i64 / 10;
        assert_eq!(gone, (9 * tenth..10 * tenth).collect::<Vec<_>>());
        assert_eq!(producers.count() as i64, 9 * tenth);
    }
}
