//! The committed offsets of a group: what is kept of each, and when it may expire. Written by `commit`, read by
//! `api/offset_fetch` and by the HTTP pages.

use super::classic::{Group, GroupState, Stored};
use super::expiry::{CHECK_INTERVAL_MS, OFFSETS_RETENTION_MS};
use crate::base::ids::{PartId, PlanNo};
use crate::base::text::Text;
use crate::state::topics::Topics;
use crate::store::plan::OffsetRow;

/// What an offset costs in memory beside its metadata, roughly.
const OFFSET_OVERHEAD_BYTES: usize = 128;

/// A committed offset (`OffsetAndMetadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The next offset the group will read.
    pub offset: i64,
    /// Leader epoch the client gave, -1 for none.
    pub leader_epoch: i32,
    /// Free text of the client.
    pub metadata: Text,
    /// When it was committed, ms since 1970.
    pub commit_ms: i64,
    /// When it expires, ms since 1970; -1: by the broker's retention.
    pub expire_ms: i64,
    /// The plan that wrote it: until that is committed an answer that shows it waits.
    pub written_in: PlanNo,
}

impl Offset {
    /// An offset as it was stored.
    pub(super) fn from_row(row: &OffsetRow) -> Offset {
        Offset {
            offset: row.offset,
            leader_epoch: row.leader_epoch,
            metadata: row.metadata.clone(),
            commit_ms: row.commit_ms,
            expire_ms: row.expire_ms,
            written_in: PlanNo::COMMITTED,
        }
    }

    /// The offset as it is stored.
    pub(super) fn to_row(&self, group: &Text, part: PartId) -> OffsetRow {
        OffsetRow {
            group: group.clone(),
            part,
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            metadata: self.metadata.clone(),
            commit_ms: self.commit_ms,
            expire_ms: self.expire_ms,
        }
    }

    /// Its share of the bound on what groups keep in memory.
    pub(super) fn bytes(&self) -> usize {
        OFFSET_OVERHEAD_BYTES + self.metadata.len()
    }
}

impl Group {
    /// The committed offset of a partition, and the plan that showing it, or saying that there is none, rests on.
    pub fn offset(&self, part: PartId) -> (Option<&Offset>, PlanNo) {
        let offset = self.offsets.get(&part);
        (offset, offset.map_or(self.changed_in, |offset| offset.written_in))
    }

    pub(super) fn put_offset(&mut self, part: PartId, offset: Offset) {
        self.bytes += offset.bytes();
        if let Some(old) = self.offsets.insert(part, offset) {
            self.bytes -= old.bytes();
        }
    }

    pub(super) fn remove_offset(&mut self, part: PartId) {
        if let Some(old) = self.offsets.remove(&part) {
            self.bytes -= old.bytes();
        }
    }

    /// When an offset expires as things stand, ms since 1970 (`ClassicGroup.offsetExpirationCondition`): in a group without members
    /// counted from when it lost them, in one that never had any from the commit, and while consumers are at work only if
    /// none of them subscribes to its topic.
    pub(super) fn expiry_ms(&self, part: PartId, offset: &Offset, topics: &Topics) -> Option<i64> {
        let since_ms = match (&self.protocol_type, self.state) {
            (None, _) => offset.commit_ms,
            (Some(_), GroupState::Empty) => self.state_ms,
            (Some(_), GroupState::Stable) => {
                let (topic, _) = topics.owner(part)?;
                let subscribed = self.subscribed.as_ref()?.contains(topic.name.as_str());
                if subscribed {
                    return None;
                }
                offset.commit_ms
            }
            (Some(_), _) => return None,
        };
        Some(if offset.expire_ms >= 0 { offset.expire_ms } else { since_ms.saturating_add(OFFSETS_RETENTION_MS) })
    }

    /// When anything of the group may expire next; the group itself once it has neither members nor offsets.
    pub(super) fn next_expiry_ms(&self, topics: &Topics) -> Option<i64> {
        if self.offsets.is_empty() {
            let is_left = self.state == GroupState::Empty && self.stored != Stored::Nothing;
            return is_left.then(|| self.state_ms.saturating_add(CHECK_INTERVAL_MS));
        }
        self.offsets.iter().filter_map(|(part, offset)| self.expiry_ms(*part, offset, topics)).min()
    }
}
