//! The fold: takes entries that are only in batch rows so far into the index, the partitions' summaries and the producers,
//! inside a transaction of the writer. Sorted by partition, so that each page is met once. Called by `writer`.

use super::codec;
use super::recent::Entry;
use crate::base::ids::PartId;
use crate::store::plan::ProducerRow;
use crate::store::seam::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::collections::btree_map;

/// Folds these entries, oldest first, each partition's in order of offsets, and moves `folded_id` behind the last of them.
pub(super) fn fold(db: &Connection, mut entries: Vec<Entry>) -> Result<(), StoreError> {
    let Some(last_id) = entries.iter().map(|entry| entry.id).max() else { return Ok(()) };
    // Stable: offsets stay in order.
    entries.sort_by_key(|entry| entry.part);
    for of_part in entries.chunk_by(|a, b| a.part == b.part) {
        fold_partition(db, of_part)?;
        fold_producers(db, of_part)?;
    }
    db.prepare_cached("UPDATE meta SET folded_id = ?1")?.execute([last_id])?;
    Ok(())
}

fn fold_partition(db: &Connection, entries: &[Entry]) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
    let summary: Option<(i64, i64)> =
        db.prepare_cached("SELECT max_ts, cum FROM part WHERE part = ?1")?.query_row([first.part.0], |row| row.try_into()).optional()?;
    let (mut run_ts, mut cum) = summary.unwrap_or((-1, 0));
    let mut insert = db.prepare_cached("INSERT INTO bindex(part, base, id, run_ts, lag, cum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for entry in entries {
        run_ts = run_ts.max(entry.max_ts);
        cum = cum.saturating_add(i64::from(entry.size));
        insert.execute(params![entry.part.0, entry.base, entry.id, run_ts, run_ts.wrapping_sub(entry.max_ts), cum])?;
    }
    if summary.is_some() {
        db.prepare_cached("UPDATE part SET next_offset = ?2, max_ts = ?3, cum = ?4 WHERE part = ?1")?.execute(params![
            first.part.0,
            last.last + 1,
            run_ts,
            cum
        ])?;
    } else {
        // A partition nobody knows: nobody will ask for its batches either.
        db.prepare_cached("INSERT OR REPLACE INTO trim(part, until) VALUES (?1, ?2)")?.execute([first.part.0, i64::MAX])?;
    }
    Ok(())
}

fn fold_producers(db: &Connection, entries: &[Entry]) -> Result<(), StoreError> {
    let mut producers: BTreeMap<i64, ProducerRow> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.pid >= 0) {
        let producer = match producers.entry(entry.pid) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(place) => place.insert(stored_producer(db, entry)?),
        };
        producer.apply(&entry.to_row());
    }
    let mut replace = db.prepare_cached("INSERT OR REPLACE INTO producer(part, pid, epoch, batches) VALUES (?1, ?2, ?3, ?4)")?;
    for ProducerRow { part, pid, epoch, batches } in producers.values() {
        replace.execute(params![part.0, pid, epoch, codec::encode_producer_batches(batches)])?;
    }
    Ok(())
}

fn stored_producer(db: &Connection, entry: &Entry) -> Result<ProducerRow, StoreError> {
    let Entry { part: PartId(part), pid, epoch, .. } = *entry;
    let mut select = db.prepare_cached("SELECT epoch, batches FROM producer WHERE part = ?1 AND pid = ?2")?;
    let mut rows = select.query([part, pid])?;
    match rows.next()? {
        None => Ok(ProducerRow::new(entry.part, pid, epoch)),
        Some(row) => Ok(ProducerRow {
            part: entry.part,
            pid,
            epoch: row.get(0)?,
            batches: codec::decode_producer_batches(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?,
        }),
    }
}
