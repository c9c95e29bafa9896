//! How each write operation of a plan is carried out, inside the writer's transaction. Called by `writer`.

use super::codec;
use crate::base::ids::{PartId, Uuid};
use crate::base::text::Text;
use crate::store::plan::{Counter, GroupRow, OffsetRow, Op, PartitionRow, TopicRow};
use crate::store::seam::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// Whether an operation reads or removes what the fold writes: all batches before it must be folded first.
pub(super) fn rests_on_fold(op: &Op) -> bool {
    matches!(op, Op::DeleteTopic(_) | Op::SetLogStart { .. } | Op::DeleteProducer { .. })
}

/// Carries one out. The partitions that are deleted with a topic are added to `deleted`.
pub(super) fn carry_out(db: &Connection, op: &Op, deleted: &mut BTreeSet<PartId>) -> Result<(), StoreError> {
    match op {
        Op::PutTopic(row) => put_topic(db, row),
        Op::AddPartition(row) => add_partition(db, row),
        Op::DeleteTopic(id) => delete_topic(db, *id, deleted),
        Op::SetLogStart { part, log_start } => set_log_start(db, *part, *log_start),
        Op::DeleteProducer { part, pid } => execute(db, "DELETE FROM producer WHERE part = ?1 AND pid = ?2", params![part.0, pid]),
        Op::PutGroup(row) => put_group(db, row),
        Op::DeleteGroup(id) => delete_group(db, id),
        Op::PutOffset(row) => put_offset(db, row),
        Op::DeleteOffset { group, part } => {
            execute(db, "DELETE FROM group_offset WHERE group_id = ?1 AND part = ?2", params![group.as_str(), part.0])
        }
        Op::SetCounter(Counter::Part, value) => execute(db, "UPDATE meta SET next_part = ?1", [value]),
        Op::SetCounter(Counter::ProducerId, value) => execute(db, "UPDATE meta SET next_producer_id = ?1", [value]),
    }
}

fn execute(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<(), StoreError> {
    db.prepare_cached(sql)?.execute(params)?;
    Ok(())
}

fn put_topic(db: &Connection, row: &TopicRow) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO topic(id, name, created_ms, configs) VALUES (?1, ?2, ?3, ?4) ON CONFLICT(id) DO UPDATE SET configs = excluded.configs",
        params![row.id.0, row.name.as_str(), row.created_ms, codec::encode_configs(&row.configs)],
    )
}

fn add_partition(db: &Connection, row: &PartitionRow) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT INTO part(part, topic, idx, log_start, next_offset, cum, cum_gone, max_ts, leader_epoch) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)",
        params![row.part.0, row.topic.0, row.index, row.log_start, row.next_offset, row.bytes, row.max_ts, row.leader_epoch],
    )
}

fn delete_topic(db: &Connection, id: Uuid, deleted: &mut BTreeSet<PartId>) -> Result<(), StoreError> {
    let mut select = db.prepare_cached("SELECT part FROM part WHERE topic = ?1")?;
    let parts: Vec<i64> = select.query_map([id.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for part in parts {
        execute(db, "DELETE FROM group_offset WHERE part = ?1", [part])?;
        execute(db, "DELETE FROM producer WHERE part = ?1", [part])?;
        execute(db, "DELETE FROM part WHERE part = ?1", [part])?;
        execute(db, "INSERT OR REPLACE INTO trim(part, until) VALUES (?1, ?2)", [part, i64::MAX])?;
        deleted.insert(PartId(part));
    }
    execute(db, "DELETE FROM topic WHERE id = ?1", [id.0])
}

fn set_log_start(db: &Connection, part: PartId, log_start: i64) -> Result<(), StoreError> {
    // The last batch that begins below, and what the partition counted up to its end.
    let below: Option<(i64, i64, i64)> = db
        .prepare_cached(
            "SELECT cum, last, size FROM bindex JOIN batch USING (id) WHERE bindex.part = ?1 AND bindex.base < ?2 ORDER BY bindex.base DESC LIMIT 1",
        )?
        .query_row([part.0, log_start], |row| row.try_into())
        .optional()?;
    let cum_gone = below.map_or(0, |(cum, last, size)| if last < log_start { cum } else { cum - size });
    let known = db
        .prepare_cached("UPDATE part SET log_start = ?2, cum_gone = max(cum_gone, ?3) WHERE part = ?1")?
        .execute([part.0, log_start, cum_gone])?;
    if known > 0 {
        execute(db, "INSERT OR REPLACE INTO trim(part, until) VALUES (?1, ?2)", [part.0, log_start])?;
    }
    Ok(())
}

fn put_group(db: &Connection, row: &GroupRow) -> Result<(), StoreError> {
    execute(
        db,
        "INSERT OR REPLACE INTO consumer_group(id, protocol_type, generation, protocol, leader, state_ms, members) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            row.id.as_str(),
            row.protocol_type.as_str(),
            row.generation,
            row.protocol.as_ref().map(Text::as_str),
            row.leader.as_ref().map(Text::as_str),
            row.state_ms,
            codec::encode_members(&row.members)
        ],
    )
}

fn delete_group(db: &Connection, id: &Text) -> Result<(), StoreError> {
    execute(db, "DELETE FROM group_offset WHERE group_id = ?1", [id.as_str()])?;
    execute(db, "DELETE FROM consumer_group WHERE id = ?1", [id.as_str()])
}

fn put_offset(db: &Connection, row: &OffsetRow) -> Result<(), StoreError> {
    // An update leaves the index by partition alone, which INSERT OR REPLACE would not.
    execute(
        db,
        "INSERT INTO group_offset(group_id, part, offset, leader_epoch, metadata, commit_ms, expire_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT(group_id, part) DO UPDATE SET offset = excluded.offset, leader_epoch = excluded.leader_epoch,
         metadata = excluded.metadata, commit_ms = excluded.commit_ms, expire_ms = excluded.expire_ms",
        params![row.group.as_str(), row.part.0, row.offset, row.leader_epoch, row.metadata.as_str(), row.commit_ms, row.expire_ms],
    )
}
