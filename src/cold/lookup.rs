//! Completes a ListOffsets with offsets by timestamp: the store names the batch, the record is found inside it, as in Kafka's
//! `FileRecords.searchForTimestamp`. Called by `cold::complete`.

use super::{damaged, is_intact, unreadable};
use crate::mail::cold::{ColdLookup, ColdOffsets};
use crate::store::plan::BatchRow;
use crate::store::seam::{Reader, TimestampTarget};
use crate::wire::batch::CONTROL_BIT;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::stored::{TimestampHit, first_at_least, greatest};

/// A record: its offset and timestamp.
type Found = Option<(i64, i64)>;

/// Fills in what the lookups find; what finds nothing stays at "not found".
pub fn complete(reader: &mut dyn Reader, job: ColdOffsets) -> Response {
    let ColdOffsets { mut response, lookups, .. } = job;
    for lookup in lookups {
        let topic = response.topics.get_mut(lookup.topic);
        let Some(partition) = topic.and_then(|topic| topic.partitions.get_mut(lookup.partition)) else { continue };
        let found = match lookup.target {
            TimestampTarget::AtLeast(timestamp) => find_first(reader, &lookup, timestamp),
            TimestampTarget::Greatest => find_greatest(reader, &lookup),
        };
        match found {
            Ok(None) => {}
            Ok(Some((offset, timestamp))) => {
                partition.offset = offset;
                partition.timestamp = timestamp;
                partition.leader_epoch = lookup.leader_epoch;
            }
            Err(error_code) => partition.error_code = error_code,
        }
    }
    Response::ListOffsets(response)
}

/// The first record with at least this timestamp. The candidate may have none (its greatest lies before the log start, or it
/// holds control records); then a later batch has it.
fn find_first(reader: &mut dyn Reader, lookup: &ColdLookup, timestamp: i64) -> Result<Found, ErrorCode> {
    let mut from = lookup.from;
    while let Some(row) = candidate(reader, lookup, from)? {
        if let Some(found) = look_into(&row, from, |batch, from_delta| first_at_least(batch, timestamp, from_delta))? {
            return Ok(Some(found).filter(|(offset, _)| *offset < lookup.until));
        }
        from = row.last + 1;
    }
    Ok(None)
}

/// The first record with the greatest timestamp. Where the candidate begins before the log start, its greatest may have gone,
/// so that what follows it counts as well.
fn find_greatest(reader: &mut dyn Reader, lookup: &ColdLookup) -> Result<Found, ErrorCode> {
    let mut best: Found = None;
    let mut from = lookup.from;
    while let Some(row) = candidate(reader, lookup, from)? {
        let found = look_into(&row, from, greatest)?.filter(|(offset, _)| *offset < lookup.until);
        if let Some((_, timestamp)) = found
            && best.is_none_or(|(_, known)| timestamp > known)
        {
            best = found;
        }
        if row.base >= from && found.is_some() {
            break;
        }
        from = row.last + 1;
    }
    Ok(best)
}

fn candidate(reader: &mut dyn Reader, lookup: &ColdLookup, from: i64) -> Result<Option<BatchRow>, ErrorCode> {
    if from >= lookup.until {
        return Ok(None);
    }
    let found = reader.find_timestamp(lookup.part, from, lookup.until, lookup.target);
    found.map_err(|error| unreadable("a lookup by timestamp", lookup.part.0, &error))
}

/// Looks for a record at or after `from` in a batch; control records are passed over.
fn look_into<E: std::fmt::Display>(
    row: &BatchRow,
    from: i64,
    look: impl Fn(&[u8], i32) -> Result<Option<TimestampHit>, E>,
) -> Result<Found, ErrorCode> {
    if row.flags & CONTROL_BIT != 0 {
        return Ok(None);
    }
    if !is_intact(row) {
        return Err(damaged(row, "its checksum is wrong"));
    }
    let from_delta = i32::try_from((from - row.base).max(0)).unwrap_or(i32::MAX);
    let hit = look(&row.data, from_delta).map_err(|error| damaged(row, &error.to_string()))?;
    Ok(hit.map(|hit| (row.base + i64::from(hit.offset_delta), hit.timestamp)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::testing::{Broken, PART, batch, damage, store};
    use crate::mail::input::ReplyTo;
    use crate::store::seam::StoreError;
    use crate::wire::message::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse};
    use TimestampTarget::{AtLeast, Greatest};

    fn ask(reader: &mut dyn Reader, from: i64, until: i64, target: TimestampTarget) -> ListOffsetsPartitionResponse {
        let topic = ListOffsetsTopicResponse { partitions: vec![ListOffsetsPartitionResponse::default()], ..Default::default() };
        let response = ListOffsetsResponse { topics: vec![topic], ..Default::default() };
        let lookups = vec![ColdLookup { topic: 0, partition: 0, part: PART, from, until, target, leader_epoch: 3 }];
        match complete(reader, ColdOffsets { to: ReplyTo { conn: Default::default(), seq: 0 }, response, lookups, charge: None }) {
            Response::ListOffsets(mut response) => response.topics.remove(0).partitions.remove(0),
            other => panic!("not a ListOffsets: {other:?}"),
        }
    }

    fn found(reader: &mut dyn Reader, from: i64, until: i64, target: TimestampTarget) -> Found {
        let told = ask(reader, from, until, target);
        assert_eq!(told.error_code, ErrorCode::NONE);
        let found = (told.offset >= 0).then_some((told.offset, told.timestamp));
        assert_eq!(told.leader_epoch, if found.is_some() { 3 } else { -1 });
        found
    }

    #[test]
    fn the_first_record_in_time_is_found_inside_its_batch() {
        let mut store = store(vec![batch(0, &[10, 30, 20], 1), batch(3, &[25, 40], 1)]);
        assert_eq!(found(&mut store, 0, 5, AtLeast(0)), Some((0, 10)));
        assert_eq!(found(&mut store, 0, 5, AtLeast(11)), Some((1, 30)));
        assert_eq!(found(&mut store, 0, 5, AtLeast(31)), Some((4, 40)));
        assert_eq!(found(&mut store, 0, 5, AtLeast(41)), None);
    }

    #[test]
    fn a_later_batch_answers_when_the_candidate_has_nothing_left() {
        let mut store = store(vec![batch(0, &[30, 10], 1), batch(2, &[20], 1), batch(3, &[30], 1)]);
        assert_eq!(found(&mut store, 1, 4, AtLeast(15)), Some((2, 20)), "the 30 at offset 0 lies before the log start");
        assert_eq!(found(&mut store, 1, 4, AtLeast(30)), Some((3, 30)));
        assert_eq!(found(&mut store, 1, 3, AtLeast(30)), None);
    }

    #[test]
    fn what_is_not_yet_visible_is_not_found() {
        let mut store = store(vec![batch(0, &[10, 20], 1)]);
        assert_eq!(found(&mut store, 0, 1, AtLeast(15)), None);
        assert_eq!(found(&mut store, 0, 0, AtLeast(5)), None);
    }

    #[test]
    fn the_greatest_is_the_first_of_its_kind() {
        let mut rows = store(vec![batch(0, &[10, 50, 50], 1), batch(3, &[50], 1), batch(4, &[20], 1)]);
        assert_eq!(found(&mut rows, 0, 5, Greatest), Some((1, 50)));
        assert_eq!(found(&mut rows, 2, 5, Greatest), Some((2, 50)));
        assert_eq!(found(&mut store(vec![]), 0, 5, Greatest), None);
    }

    #[test]
    fn the_greatest_before_the_log_start_does_not_count() {
        let mut store = store(vec![batch(0, &[90, 10], 1), batch(2, &[20], 1), batch(3, &[15], 1)]);
        assert_eq!(found(&mut store, 1, 4, Greatest), Some((2, 20)));
        assert_eq!(found(&mut store, 1, 2, Greatest), Some((1, 10)));
    }

    #[test]
    fn control_records_are_passed_over() {
        let control = BatchRow { flags: CONTROL_BIT, ..batch(0, &[50], 1) };
        let mut store = store(vec![control, batch(1, &[20], 1)]);
        assert_eq!(found(&mut store, 0, 2, AtLeast(5)), Some((1, 20)));
        assert_eq!(found(&mut store, 0, 2, Greatest), Some((1, 20)));
    }

    #[test]
    fn faults_are_told_for_their_partition() {
        let mut damaged = store(vec![damage(batch(0, &[10], 1))]);
        assert_eq!(ask(&mut damaged, 0, 1, AtLeast(5)).error_code, ErrorCode::CORRUPT_MESSAGE);
        let mut broken = Broken(StoreError::Fatal("gone".to_owned()));
        let told = ask(&mut broken, 0, 1, Greatest);
        assert_eq!((told.error_code, told.offset), (ErrorCode::KAFKA_STORAGE_ERROR, -1));
    }
}
