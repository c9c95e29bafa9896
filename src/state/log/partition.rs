//! One partition: what is decided (the next offset, producers) and what is committed (high watermark, log start), and the
//! rules for taking a batch in (`UnifiedLog.append`, `LogValidator`). Part of `Log`; the api reads the committed figures.

use super::producers::{Producers, Verdict};
use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::planted::{self, Bug};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::configs::LogConfig;
use crate::state::effects::Effects;
use crate::store::plan::{BatchRow, Op, PartitionRow, ProducerRow};
use crate::wire::batch::CheckedBatch;
use crate::wire::compress::Codec;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::produce::BatchIndexAndErrorMessage;

/// A leader epoch that says nothing (`RecordBatch.NO_PARTITION_LEADER_EPOCH`).
pub const NO_LEADER_EPOCH: i32 = -1;
/// Kafka lists so many bad records of a batch in its message; a bound on what a refusal carries.
const RECORD_ERRORS_MAX: usize = 100;

/// A batch that was taken in, now or (a duplicate) earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: i64,
    /// When it was appended if the topic keeps LogAppendTime, ms since 1970, else -1; of a duplicate the greatest timestamp.
    pub log_append_time_ms: i64,
    /// The first offset that can be read.
    pub log_start_offset: i64,
    /// The plan that holds it.
    pub plan: PlanNo,
}

/// Why a batch was not taken in, as the answer to Produce says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rejection {
    /// Kafka's code.
    pub error_code: ErrorCode,
    /// Log start, or -1 where Kafka does not give it.
    pub log_start_offset: i64,
    /// Which records are to blame.
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// In words, where Kafka says it in words.
    pub message: Option<Text>,
}

impl Rejection {
    /// The plain form: a code and nothing else.
    pub fn code(error_code: ErrorCode) -> Rejection {
        Rejection { error_code, log_start_offset: -1, ..Rejection::default() }
    }
}

/// How a batch is to be taken in.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The config of its topic.
    pub config: &'a LogConfig,
    /// The disk is full: nothing new is taken in.
    pub read_only: bool,
    /// A refused plan held a batch of this producer, see [`Producers::judge`].
    pub fenced: bool,
}

/// How a partition was when the store was asked about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub appended: i64,
    pub log_start: i64,
}

/// One partition.
#[derive(Debug)]
pub struct Partition {
    part: PartId,
    topic: Uuid,
    leader_epoch: i32,
    log_start: i64,
    high_watermark: i64,
    max_timestamp: i64,
    pub(super) decided_log_start: i64,
    next_offset: i64,
    // The first offset that each uncommitted plan wrote; at most two plans are uncommitted.
    unsettled: Vec<(PlanNo, i64)>,
    pub(super) producers: Producers,
    // Timestamp of the oldest batch, which alone decides when retention can take something; `None`: not known.
    pub(super) oldest_timestamp: Option<i64>,
    // The question of retention that the cold readers have not answered yet.
    pub(super) asked_cold: Option<Asked>,
    // Bytes of what is committed and not given up; an estimate while `unmeasured`.
    pub(super) bytes: i64,
    // Bytes that were committed since the load, and how many of them there were when the store was last asked.
    pub(super) appended: i64,
    pub(super) looked_at: i64,
    pub(super) unmeasured: bool,
    // The plan that last raised the log start.
    pub(super) cut_in: PlanNo,
    pub(super) doomed: bool,
}

impl Partition {
    /// A partition as a store knows it.
    pub fn new(row: &PartitionRow) -> Partition {
        Partition {
            part: row.part,
            topic: row.topic,
            leader_epoch: row.leader_epoch,
            log_start: row.log_start,
            high_watermark: row.next_offset,
            max_timestamp: row.max_ts,
            decided_log_start: row.log_start,
            next_offset: row.next_offset,
            unsettled: Vec::new(),
            producers: Producers::default(),
            oldest_timestamp: None,
            asked_cold: None,
            bytes: row.bytes,
            appended: 0,
            looked_at: 0,
            unmeasured: false,
            cut_in: PlanNo::COMMITTED,
            doomed: false,
        }
    }

    /// Its number.
    pub fn part(&self) -> PartId {
        self.part
    }

    /// The topic it belongs to.
    pub fn topic(&self) -> Uuid {
        self.topic
    }

    /// The leader epoch, constant until a store is shared.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// The first offset that can be read. Committed.
    pub fn log_start(&self) -> i64 {
        self.log_start
    }

    /// The first offset that cannot be read yet. Committed; also the last stable offset, as long as there are no transactions.
    pub fn high_watermark(&self) -> i64 {
        if planted::is(Bug::WatermarkBeforeCommit) { self.next_offset } else { self.high_watermark }
    }

    /// The next offset to be given. Decided, for the owner's eyes only.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The first offset that can be read. Decided, for the owner's eyes only.
    pub fn decided_log_start(&self) -> i64 {
        self.decided_log_start
    }

    /// What is known of its producers, sorted by id. Decided.
    pub fn producer_rows(&self) -> Vec<ProducerRow> {
        self.producers.rows()
    }

    /// The greatest timestamp ever committed, ms since 1970, -1 for none.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Bytes of its batches that can be read. Committed; after records were deleted an estimate, for a moment.
    pub fn bytes(&self) -> i64 {
        self.bytes
    }

    /// The plan that last raised its log start.
    pub fn cut_in(&self) -> PlanNo {
        self.cut_in
    }

    /// The newest plan that wrote to it.
    pub fn written_in(&self) -> PlanNo {
        self.plan_of(self.next_offset - 1)
    }

    /// Whether nothing can be read and nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.decided_log_start >= self.next_offset
    }

    /// What Kafka says to a client that believes in another leader epoch (`Partition.checkCurrentLeaderEpoch`); below 0: in none.
    pub fn check_leader_epoch(&self, current_leader_epoch: i32) -> ErrorCode {
        if current_leader_epoch == NO_LEADER_EPOCH || current_leader_epoch == self.leader_epoch {
            ErrorCode::NONE
        } else if current_leader_epoch < self.leader_epoch {
            ErrorCode::FENCED_LEADER_EPOCH
        } else {
            ErrorCode::UNKNOWN_LEADER_EPOCH
        }
    }

    /// Decides one batch: appends it to the plan being filled, recognizes it, or refuses it.
    pub fn append(&mut self, batch: CheckedBatch, terms: Terms, fx: &mut Effects, now: Now) -> Result<Appended, Box<Rejection>> {
        let header = *batch.header();
        let is_idempotent = header.producer_id >= 0;
        let verdict = if is_idempotent { self.producers.judge(&header, terms.fenced) } else { Verdict::New };
        // Before all else, unlike Kafka: what was good once must not fail when it is sent again.
        if let Verdict::Duplicate(seen) = verdict
            && !planted::is(Bug::DuplicateAfterRetry)
        {
            return Ok(Appended {
                base_offset: seen.base,
                log_append_time_ms: seen.max_ts,
                log_start_offset: self.log_start,
                plan: self.plan_of(seen.base),
            });
        }
        self.check(&batch, terms.config, terms.read_only, now)?;
        let batch = match terms.config.codec {
            Some(codec) => compressed_anew(batch, codec, terms.config)?,
            None => batch,
        };
        // As in Kafka what is stored must fit, and sequences are looked at last.
        if exceeds(&batch, terms.config.segment_bytes) {
            return Err(Box::new(Rejection::code(ErrorCode::RECORD_LIST_TOO_LARGE)));
        }
        if let Verdict::Refused(error_code) = verdict {
            return Err(self.rejection(error_code));
        }
        let log_append_time_ms = if terms.config.log_append_time { now.wall_ms } else { -1 };
        let batch = if terms.config.log_append_time { batch.with_log_append_time(now.wall_ms) } else { batch.with_create_time() };
        let row = self.row_of(batch);
        if is_idempotent {
            if !self.producers.knows(row.pid) {
                let part = self.part;
                self.producers.make_room(fx.plan()).into_iter().for_each(|pid| fx.row(Op::DeleteProducer { part, pid }));
            }
            self.producers.apply(&row, now.mono_ms, fx.plan());
        }
        if self.unsettled.last().is_none_or(|(plan, _)| *plan != fx.plan()) {
            self.unsettled.push((fx.plan(), row.base));
        }
        self.next_offset = row.last + 1;
        let base_offset = if planted::is(Bug::OffsetOffByOne) { row.last.min(row.base + 1) } else { row.base };
        fx.append(row);
        Ok(Appended { base_offset, log_append_time_ms, log_start_offset: self.log_start, plan: fx.plan() })
    }

    fn row_of(&self, batch: CheckedBatch) -> BatchRow {
        let header = *batch.header();
        BatchRow {
            part: self.part,
            base: self.next_offset,
            last: self.next_offset + i64::from(header.last_offset_delta),
            max_ts: header.max_timestamp,
            flags: header.attributes,
            pid: header.producer_id,
            epoch: header.producer_epoch,
            seq: header.base_sequence,
            data: batch.into_bytes(),
        }
    }

    /// The plan that wrote `offset`.
    fn plan_of(&self, offset: i64) -> PlanNo {
        self.unsettled.iter().rev().find(|(_, first)| *first <= offset).map_or(PlanNo::COMMITTED, |(plan, _)| *plan)
    }

    /// Whether a batch may be taken in, its producer apart.
    pub(super) fn check(&self, batch: &CheckedBatch, config: &LogConfig, read_only: bool, now: Now) -> Result<(), Box<Rejection>> {
        if read_only {
            return Err(Box::new(Rejection::code(ErrorCode::KAFKA_STORAGE_ERROR)));
        }
        self.check_against_config(batch, config, now)
    }

    fn check_against_config(&self, batch: &CheckedBatch, config: &LogConfig, now: Now) -> Result<(), Box<Rejection>> {
        if exceeds(batch, config.max_message_bytes) {
            return Err(Box::new(Rejection::code(ErrorCode::MESSAGE_TOO_LARGE)));
        }
        let bad_keys = config.compacted && batch.has_null_key();
        let bad_times = if batch.header().is_log_append_time() {
            // The one timestamp of all its records is judged as any other.
            claims_in_vain(batch, config) || is_out_of_range(batch.max_timestamp(), config, now.wall_ms)
        } else {
            !config.log_append_time
                && (batch.min_timestamp().is_some_and(|least| is_out_of_range(least, config, now.wall_ms))
                    || is_out_of_range(batch.max_timestamp(), config, now.wall_ms))
        };
        if bad_keys || bad_times { Err(self.bad_records(batch, config, now, bad_times)) } else { Ok(()) }
    }

    // Each record is judged by its key first, then by its timestamp; one bad timestamp decides the code (`LogValidator`).
    fn bad_records(&self, batch: &CheckedBatch, config: &LogConfig, now: Now, bad_times: bool) -> Box<Rejection> {
        let stamped = batch.header().is_log_append_time();
        let keyless = |has_key: bool| config.compacted && !has_key;
        let mistimed = |timestamp: i64| bad_times && (stamped || is_out_of_range(timestamp, config, now.wall_ms));
        let by_key = batch.offending(RECORD_ERRORS_MAX, |_, has_key| keyless(has_key));
        let by_time = batch.offending(RECORD_ERRORS_MAX, |timestamp, has_key| !keyless(has_key) && mistimed(timestamp));
        let mut record_errors: Vec<BatchIndexAndErrorMessage> = by_key.iter().map(|index| record_error(*index, NO_KEY)).collect();
        let why = if stamped && claims_in_vain(batch, config) { STAMPED } else { OUT_OF_RANGE };
        record_errors.extend(by_time.iter().map(|index| record_error(*index, why)));
        record_errors.sort_by_key(|error| error.batch_index);
        record_errors.truncate(RECORD_ERRORS_MAX);
        let (error_code, message) = if by_time.is_empty() {
            (ErrorCode::INVALID_RECORD, "One or more records have been rejected: topics with cleanup.policy=compact need keys")
        } else {
            (ErrorCode::INVALID_TIMESTAMP, "One or more records have been rejected due to invalid timestamp")
        };
        Box::new(Rejection { record_errors, message: Some(Text::from_static(message)), ..*self.rejection(error_code) })
    }

    fn rejection(&self, error_code: ErrorCode) -> Box<Rejection> {
        Box::new(Rejection { log_start_offset: self.log_start, ..Rejection::code(error_code) })
    }

    /// A batch of this partition is on disk.
    pub(super) fn committed_batch(&mut self, row: &BatchRow) {
        debug_assert_eq!(row.base, self.high_watermark, "commits come in the order of decisions");
        self.high_watermark = row.last + 1;
        self.max_timestamp = self.max_timestamp.max(row.max_ts);
        let size = row.data.len() as i64;
        (self.bytes, self.appended) = (self.bytes + size, self.appended + size);
        self.unsettled.retain(|(_, first)| *first > row.last);
    }

    /// A new log start is on disk.
    pub(super) fn committed_log_start(&mut self, log_start: i64) {
        self.log_start = self.log_start.max(log_start);
    }

    /// Replaces what is durable by what the store holds, after a refused plan.
    pub(super) fn reload(&mut self, row: &PartitionRow) {
        debug_assert_eq!(row.next_offset, self.high_watermark, "what was shown is what is on disk");
        if self.decided_log_start != row.log_start {
            self.oldest_timestamp = None;
        }
        self.log_start = row.log_start;
        self.decided_log_start = row.log_start;
        self.high_watermark = row.next_offset;
        self.next_offset = row.next_offset;
        self.max_timestamp = row.max_ts;
        self.bytes = row.bytes;
        self.unsettled.clear();
        self.doomed = false;
    }
}

/// The batch as its topic's compression.type wants it; what it grows to is bounded like what arrives.
fn compressed_anew(batch: CheckedBatch, codec: Codec, config: &LogConfig) -> Result<CheckedBatch, Box<Rejection>> {
    let batch = batch.with_codec(codec);
    if exceeds(&batch, config.max_message_bytes) { Err(Box::new(Rejection::code(ErrorCode::MESSAGE_TOO_LARGE))) } else { Ok(batch) }
}

/// Whether a batch has more bytes than these.
fn exceeds(batch: &CheckedBatch, bytes_max: i32) -> bool {
    batch.size() > usize::try_from(bytes_max).unwrap_or_default()
}

const NO_KEY: &str = "Compacted topic cannot accept message without key";
const OUT_OF_RANGE: &str = "Timestamp of the message is out of range";
const STAMPED: &str = "Producer should not set timestamp type to LogAppendTime";

fn record_error(batch_index: i32, message: &'static str) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage { batch_index, batch_index_error_message: Some(Text::from_static(message)) }
}

/// Whether a batch that says it has the broker's time is refused for that: producers may not stamp for a broker that stamps itself;
/// elsewhere Kafka only minds if there is no timestamp.
fn claims_in_vain(batch: &CheckedBatch, config: &LogConfig) -> bool {
    config.log_append_time || batch.max_timestamp() < 0
}

/// Whether a CreateTime topic refuses this timestamp; -1 is none and never refused.
fn is_out_of_range(timestamp: i64, config: &LogConfig, now_ms: i64) -> bool {
    let age_ms = now_ms.saturating_sub(timestamp);
    timestamp != -1 && (age_ms > config.timestamp_before_max_ms || age_ms.saturating_neg() > config.timestamp_after_max_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::log::testing::{Rig, WALL_MS, at, checked, idempotent, plain};
    use crate::wire::batch::{BatchHeader, LOG_APPEND_TIME_BIT};
    use crate::wire::batch_builder::BatchBuilder;

    fn refusal(rig: &mut Rig, part: PartId, batch: CheckedBatch) -> Rejection {
        let rejection = rig.append(part, batch).unwrap_err();
        assert!(!rig.fx.has_rows(), "nothing of a refused batch is kept");
        rejection
    }

    #[test]
    fn offsets_follow_one_another_and_are_shown_after_the_commit() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        let first = rig.append(part, plain(3)).unwrap();
        assert_eq!((first.base_offset, first.plan, first.log_append_time_ms, first.log_start_offset), (0, PlanNo(2), -1, 0));
        assert_eq!(rig.append(part, plain(1)).unwrap().base_offset, 3);
        let shown = |rig: &Rig| rig.log.partition(part).map(|partition| (partition.high_watermark(), partition.next_offset())).unwrap();
        assert_eq!(shown(&rig), (0, 4));
        let plan = rig.fx.seal();
        assert_eq!(rig.append(part, plain(2)).unwrap().plan, PlanNo(3));
        rig.commit_sealed(&plan);
        assert_eq!(shown(&rig), (4, 6));
        assert_eq!(plan.batches.iter().map(|row| (row.base, row.last)).collect::<Vec<_>>(), [(0, 2), (3, 3)]);
        rig.commit();
        assert_eq!(shown(&rig), (6, 6));
    }

    #[test]
    fn a_duplicate_rests_on_the_plan_of_its_original() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        rig.append(part, idempotent(9, 0, 0, 2)).unwrap();
        let sealed = rig.fx.seal();
        rig.append(part, idempotent(9, 0, 2, 2)).unwrap();
        let again = |rig: &mut Rig, seq| rig.append(part, idempotent(9, 0, seq, 2)).map(|seen| (seen.base_offset, seen.plan));
        assert_eq!(again(&mut rig, 0), Ok((0, PlanNo(2))));
        assert_eq!(again(&mut rig, 2), Ok((2, PlanNo(3))));
        rig.commit_sealed(&sealed);
        assert_eq!(again(&mut rig, 0), Ok((0, PlanNo::COMMITTED)));
        assert_eq!(again(&mut rig, 2), Ok((2, PlanNo(3))));
        assert_eq!(rig.commit().batches.len(), 1, "a duplicate writes nothing");
        assert_eq!(rig.append(part, idempotent(9, 0, 0, 2)).unwrap().log_append_time_ms, WALL_MS, "the timestamp that is remembered");
    }

    #[test]
    fn a_retry_is_recognized_though_it_would_not_pass_any_more() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[("message.timestamp.before.max.ms", "1000")])[0];
        rig.append(part, idempotent(9, 0, 0, 2)).unwrap();
        rig.commit();
        rig.now.wall_ms += 5_000;
        assert_eq!(rig.append(part, idempotent(9, 0, 0, 2)).unwrap().base_offset, 0);
        assert_eq!(refusal(&mut rig, part, idempotent(9, 0, 2, 2)).error_code, ErrorCode::INVALID_TIMESTAMP);
        rig.read_only = true;
        assert_eq!(rig.append(part, idempotent(9, 0, 0, 2)).unwrap().base_offset, 0);
        assert_eq!(refusal(&mut rig, part, plain(1)), Rejection::code(ErrorCode::KAFKA_STORAGE_ERROR));
    }

    #[test]
    fn size_is_bounded_by_the_topic() {
        let mut rig = Rig::new();
        let size = plain(2).size();
        let fits = rig.created("f", 1, &[("max.message.bytes", &size.to_string())])[0];
        assert!(rig.append(fits, plain(2)).is_ok());
        rig.commit();
        let small = rig.created("s", 1, &[("max.message.bytes", &(size - 1).to_string())])[0];
        assert_eq!(refusal(&mut rig, small, plain(2)), Rejection::code(ErrorCode::MESSAGE_TOO_LARGE));
    }

    #[test]
    fn a_batch_fits_into_a_segment_as_it_is_stored() {
        let mut rig = Rig::new();
        let holding = |bytes: usize, codec, seq| {
            let mut builder = BatchBuilder::new(codec).producer(9, 0, seq);
            builder.push(WALL_MS, Some(b"k"), Some(&vec![7; bytes]), &[]);
            checked(builder)
        };
        let sized = |size: usize, seq| holding(size - (holding(1_048_000, Codec::None, 0).size() - 1_048_000), Codec::None, seq);
        let (limits, size) = ([("segment.bytes", "1048576"), ("max.message.bytes", "1048600")], 1_048_576);
        let part = rig.created("t", 1, &limits)[0];
        assert_eq!(sized(size, 0).size(), size);
        assert!(rig.append(part, sized(size, 0)).is_ok());
        rig.commit();
        let too_large = Rejection::code(ErrorCode::RECORD_LIST_TOO_LARGE);
        assert_eq!(refusal(&mut rig, part, sized(size + 1, 1)), too_large);
        assert_eq!(refusal(&mut rig, part, sized(size + 1, 7)), too_large, "before sequences");
        assert_eq!(
            refusal(&mut rig, part, sized(1_048_601, 1)),
            Rejection::code(ErrorCode::MESSAGE_TOO_LARGE),
            "after the size of a message"
        );
        let packing = rig.created("p", 1, &[("compression.type", "gzip"), limits[0], limits[1]])[0];
        assert!(rig.append(packing, sized(size + 1, 0)).is_ok(), "packed it fits");
        rig.commit();
        let unpacking = rig.created("u", 1, &[("compression.type", "uncompressed"), limits[0], ("max.message.bytes", "3000000")])[0];
        assert_eq!(refusal(&mut rig, unpacking, holding(2_000_000, Codec::Gzip, 0)), too_large, "unpacked it does not");
    }

    #[test]
    fn batches_are_stored_as_compression_type_says() {
        let mut rig = Rig::new();
        let repetitive = || {
            let mut builder = BatchBuilder::new(Codec::None).producer(9, 0, 0);
            builder.push(WALL_MS, Some(b"k"), Some(&[7; 5_000]), &[]);
            checked(builder)
        };
        for (name, stored) in [("gzip", Codec::Gzip), ("snappy", Codec::Snappy), ("lz4", Codec::Lz4), ("zstd", Codec::Zstd)] {
            let part = rig.created(name, 1, &[("compression.type", name)])[0];
            rig.append(part, repetitive()).unwrap();
            assert_eq!(rig.append(part, repetitive()).unwrap().base_offset, 0, "known again, whatever became of it");
            let row = rig.commit().batches.remove(0);
            let again = CheckedBatch::check(Some(row.data.clone()), 9).expect("length and CRC are right");
            assert_eq!((again.header().codec(), row.flags & 7, again.header().producer_id), (Some(stored), stored as i16, 9));
            assert!(row.data.len() < 1_000);
            // Back into a topic that wants it as large as it was, and one where that is too much.
            let plain = rig.created("p", 1, &[("compression.type", "uncompressed"), ("max.message.bytes", "6000")])[0];
            rig.append(plain, again.clone()).unwrap();
            assert_eq!(rig.commit().batches.remove(0).data[16..], repetitive().bytes()[16..]);
            let small = rig.created("s", 1, &[("compression.type", "uncompressed"), ("max.message.bytes", "2000")])[0];
            assert_eq!(refusal(&mut rig, small, again).error_code, ErrorCode::MESSAGE_TOO_LARGE);
            rig.delete("p");
            rig.delete("s");
            rig.commit();
        }
    }

    #[test]
    fn timestamps_are_bounded_on_both_sides_and_none_is_fine() {
        let mut rig = Rig::new();
        let bounds = [("message.timestamp.before.max.ms", "1000"), ("message.timestamp.after.max.ms", "2000")];
        let part = rig.created("t", 1, &bounds)[0];
        assert!(rig.append(part, at(&[WALL_MS - 1_000, -1, WALL_MS + 2_000])).is_ok());
        rig.commit();
        let early = refusal(&mut rig, part, at(&[WALL_MS, WALL_MS - 1_001, -1, WALL_MS - 1_002]));
        assert_eq!((early.error_code, early.log_start_offset), (ErrorCode::INVALID_TIMESTAMP, 0));
        assert_eq!(early.record_errors.iter().map(|error| error.batch_index).collect::<Vec<_>>(), [1, 3]);
        let late = refusal(&mut rig, part, at(&[WALL_MS + 2_001]));
        assert_eq!(late.error_code, ErrorCode::INVALID_TIMESTAMP);
    }

    #[test]
    fn compacted_topics_need_keys() {
        let mut rig = Rig::new();
        let part = rig.created("c", 1, &[("cleanup.policy", "compact")])[0];
        assert!(rig.append(part, plain(1)).is_ok());
        rig.commit();
        let batch = |timestamps: &[i64]| {
            let mut builder = BatchBuilder::new(Codec::None);
            builder.push(timestamps[0], Some(b"k"), None, &[]);
            builder.push(timestamps[1], None, None, &[]);
            checked(builder)
        };
        let keyless = refusal(&mut rig, part, batch(&[WALL_MS, WALL_MS]));
        assert_eq!((keyless.error_code, keyless.record_errors.len()), (ErrorCode::INVALID_RECORD, 1));
        assert_eq!(keyless.record_errors[0].batch_index, 1);
        let both = refusal(&mut rig, part, batch(&[i64::MAX, i64::MAX]));
        assert_eq!((both.error_code, both.record_errors.len()), (ErrorCode::INVALID_TIMESTAMP, 2), "one bad timestamp decides");
    }

    #[test]
    fn log_append_time_stamps_and_create_time_takes_claims_back() {
        let mut rig = Rig::new();
        let stamped = rig.created("l", 1, &[("message.timestamp.type", "LogAppendTime")])[0];
        assert_eq!(rig.append(stamped, at(&[5])).unwrap().log_append_time_ms, WALL_MS);
        let plan = rig.commit();
        let header = BatchHeader::read(&plan.batches[0].data).unwrap();
        assert_eq!((plan.batches[0].max_ts, header.max_timestamp, header.is_log_append_time()), (WALL_MS, WALL_MS, true));
        let claim = || plain(2).with_log_append_time(WALL_MS);
        let refused = refusal(&mut rig, stamped, claim());
        assert_eq!((refused.error_code, refused.record_errors.len()), (ErrorCode::INVALID_TIMESTAMP, 2));
        let part = rig.created("t", 1, &[])[0];
        rig.append(part, claim()).unwrap();
        let plan = rig.commit();
        assert_eq!(plan.batches[0].flags & LOG_APPEND_TIME_BIT, 0);
        assert!(!BatchHeader::read(&plan.batches[0].data).unwrap().is_log_append_time());
        let bounded = rig.created("b", 1, &[("message.timestamp.before.max.ms", "1000")])[0];
        let old = refusal(&mut rig, bounded, at(&[5]).with_log_append_time(WALL_MS - 1_001));
        assert_eq!((old.error_code, old.record_errors.len()), (ErrorCode::INVALID_TIMESTAMP, 1), "the claim hides no old time");
        let timeless = at(&[-1]).with_log_append_time(-1);
        assert_eq!(refusal(&mut rig, part, timeless).error_code, ErrorCode::INVALID_TIMESTAMP);
    }

    #[test]
    fn sequence_faults_say_where_the_log_begins() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        rig.append(part, idempotent(9, 1, 0, 2)).unwrap();
        rig.commit();
        let gap = refusal(&mut rig, part, idempotent(9, 1, 5, 1));
        assert_eq!((gap.error_code, gap.log_start_offset), (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, 0));
        assert_eq!(refusal(&mut rig, part, idempotent(9, 0, 2, 1)).error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
    }

    #[test]
    fn leader_epochs_are_compared() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        let partition = rig.log.partition(part).unwrap();
        assert_eq!(partition.check_leader_epoch(-1), ErrorCode::NONE);
        assert_eq!(partition.check_leader_epoch(0), ErrorCode::NONE);
        assert_eq!(partition.check_leader_epoch(-2), ErrorCode::FENCED_LEADER_EPOCH);
        assert_eq!(partition.check_leader_epoch(1), ErrorCode::UNKNOWN_LEADER_EPOCH);
        let row = PartitionRow { leader_epoch: 3, ..rig.image.partitions[0].clone() };
        assert_eq!(Partition::new(&row).check_leader_epoch(2), ErrorCode::FENCED_LEADER_EPOCH);
    }
}
