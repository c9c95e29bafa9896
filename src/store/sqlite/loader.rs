//! Builds the image of everything committed: the stored summaries, with what is not folded yet folded in. Its cost does not
//! depend on the size of the data. Called by `writer`, at boot and after a full disk alike.

use super::codec;
use super::recent::{Entry, Recent};
use crate::base::ids::{PartId, Uuid};
use crate::base::text::Text;
use crate::store::plan::{GroupRow, Image, OffsetRow, PartitionRow, ProducerRow, TopicRow};
use crate::store::seam::StoreError;
use rusqlite::{Connection, Row};
use std::collections::BTreeMap;

/// What every later row id must be above, and the entries of the rows that are not folded, sorted by partition.
pub(super) fn load_recent(db: &Connection) -> Result<(i64, Vec<Entry>), StoreError> {
    let folded_id: i64 = db.query_row("SELECT folded_id FROM meta", [], |row| row.get(0))?;
    let mut entries = entries(db, folded_id, i64::MAX)?;
    let last_id = entries.last().map_or(folded_id, |entry| entry.id);
    entries.sort_by_key(|entry| entry.part);
    Ok((last_id, entries))
}

/// The entries of the rows behind `after`, up to `until`, in order of ids.
pub(super) fn entries(db: &Connection, after: i64, until: i64) -> Result<Vec<Entry>, StoreError> {
    let mut select =
        db.prepare("SELECT id, part, base, last, max_ts, pid, seq, size, epoch FROM batch WHERE id > ?1 AND id <= ?2 ORDER BY id")?;
    let entries: Vec<Entry> = select
        .query_map([after, until], |row| {
            Ok(Entry {
                id: row.get(0)?,
                part: PartId(row.get(1)?),
                base: row.get(2)?,
                last: row.get(3)?,
                max_ts: row.get(4)?,
                pid: row.get(5)?,
                seq: row.get(6)?,
                size: row.get(7)?,
                epoch: row.get(8)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    if let Some(odd) = entries.iter().find(|entry| entry.base < 0 || entry.last < entry.base || entry.last == i64::MAX || entry.seq < -1) {
        return Err(StoreError::Corrupt(format!("impossible batch row {odd:?}")));
    }
    Ok(entries)
}

/// The image, inside a read transaction of the writer's connection.
pub(super) fn load(db: &Connection, recent: &Recent) -> Result<Image, StoreError> {
    let (cluster_id, next_part, next_producer_id) =
        db.query_row("SELECT cluster_id, next_part, next_producer_id FROM meta", [], |row| {
            Ok((Uuid(row.get(0)?), row.get(1)?, row.get(2)?))
        })?;
    let mut partitions = load_partitions(db)?;
    let mut producers = load_producers(db)?;
    for entries in recent.commits() {
        for entry in entries.iter() {
            let Ok(at) = partitions.binary_search_by_key(&entry.part, |row| row.part) else { continue };
            let row = &mut partitions[at];
            row.next_offset = entry.last + 1;
            row.bytes = row.bytes.saturating_add(i64::from(entry.size));
            row.max_ts = row.max_ts.max(entry.max_ts);
            if entry.pid >= 0 {
                let new = || ProducerRow::new(entry.part, entry.pid, entry.epoch);
                producers.entry((entry.part, entry.pid)).or_insert_with(new).apply(&entry.to_row());
            }
        }
    }
    Ok(Image {
        cluster_id,
        topics: load_topics(db)?,
        partitions,
        producers: producers.into_values().collect(),
        groups: load_groups(db)?,
        offsets: load_offsets(db)?,
        next_part,
        next_producer_id,
    })
}

fn load_topics(db: &Connection) -> Result<Vec<TopicRow>, StoreError> {
    all(db, "SELECT id, name, created_ms, configs FROM topic ORDER BY id", |row| {
        Ok(TopicRow { id: Uuid(row.get(0)?), name: text(row, 1)?, created_ms: row.get(2)?, configs: codec::decode_configs(blob(row, 3)?)? })
    })
}

fn load_partitions(db: &Connection) -> Result<Vec<PartitionRow>, StoreError> {
    let sql = "SELECT part, topic, idx, log_start, next_offset, cum - cum_gone, max_ts, leader_epoch FROM part ORDER BY part";
    all(db, sql, |row| {
        Ok(PartitionRow {
            part: PartId(row.get(0)?),
            topic: Uuid(row.get(1)?),
            index: row.get(2)?,
            log_start: row.get(3)?,
            next_offset: row.get(4)?,
            bytes: row.get(5)?,
            max_ts: row.get(6)?,
            leader_epoch: row.get(7)?,
        })
    })
}

fn load_producers(db: &Connection) -> Result<BTreeMap<(PartId, i64), ProducerRow>, StoreError> {
    let rows = all(db, "SELECT part, pid, epoch, batches FROM producer ORDER BY part, pid", |row| {
        let (part, pid) = (PartId(row.get(0)?), row.get(1)?);
        let batches = codec::decode_producer_batches(blob(row, 3)?)?;
        Ok(((part, pid), ProducerRow { part, pid, epoch: row.get(2)?, batches }))
    })?;
    Ok(rows.into_iter().collect())
}

fn load_groups(db: &Connection) -> Result<Vec<GroupRow>, StoreError> {
    let sql = "SELECT id, protocol_type, generation, protocol, leader, state_ms, members FROM consumer_group ORDER BY id";
    all(db, sql, |row| {
        Ok(GroupRow {
            id: text(row, 0)?,
            protocol_type: text(row, 1)?,
            generation: row.get(2)?,
            protocol: optional_text(row, 3)?,
            leader: optional_text(row, 4)?,
            state_ms: row.get(5)?,
            members: codec::decode_members(blob(row, 6)?)?,
        })
    })
}

fn load_offsets(db: &Connection) -> Result<Vec<OffsetRow>, StoreError> {
    let sql = "SELECT group_id, part, offset, leader_epoch, metadata, commit_ms, expire_ms FROM group_offset ORDER BY group_id, part";
    all(db, sql, |row| {
        Ok(OffsetRow {
            group: text(row, 0)?,
            part: PartId(row.get(1)?),
            offset: row.get(2)?,
            leader_epoch: row.get(3)?,
            metadata: text(row, 4)?,
            commit_ms: row.get(5)?,
            expire_ms: row.get(6)?,
        })
    })
}

fn all<T>(db: &Connection, sql: &str, read: impl Fn(&Row<'_>) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
    let mut select = db.prepare(sql)?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn text(row: &Row<'_>, column: usize) -> Result<Text, StoreError> {
    Ok(Text::from(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?))
}

fn optional_text(row: &Row<'_>, column: usize) -> Result<Option<Text>, StoreError> {
    Ok(row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)?.map(Text::from))
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], StoreError> {
    Ok(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?)
}
