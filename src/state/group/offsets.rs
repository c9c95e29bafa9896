//! A committed offset: what is kept of it, and how it is stored. Written by `commit`, read by `api/offset_fetch` and by the
//! HTTP pages.

use crate::base::ids::{PartId, PlanNo};
use crate::base::text::Text;
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
