//! OffsetCommit (`OffsetMetadataManager.commitOffset`): who may commit, and what is kept. Called by `api/offset_commit` with
//! topics and partitions resolved.

use super::classic::{Group, GroupState};
use super::offsets::Offset;
use super::{Caller, Groups, Turn};
use crate::base::ids::PartId;
use crate::base::limits::{GROUP_BYTES_MAX, OFFSET_METADATA_BYTES_MAX};
use crate::base::text::Text;
use crate::store::plan::Op;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::offset_commit::OffsetCommitRequest;

/// One offset to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOffset {
    /// The partition.
    pub part: PartId,
    /// The next offset the group will read; not checked against the log.
    pub offset: i64,
    /// Leader epoch, -1 for none.
    pub leader_epoch: i32,
    /// Free text of the client.
    pub metadata: Text,
}

impl Groups {
    /// Commits offsets. Gives back what became of each, in order; what was kept is in the plan being filled. An error of the whole
    /// request: GROUP_ID_NOT_FOUND or ILLEGAL_GENERATION (no such group), UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION,
    /// REBALANCE_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE (no room on the disk), GROUP_MAX_SIZE_REACHED (too many groups).
    pub fn commit(
        &mut self,
        turn: &mut Turn,
        caller: &Caller,
        request: &OffsetCommitRequest,
        offsets: &[NewOffset],
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        if !self.contains(&request.group_id) && request.generation_id_or_member_epoch >= 0 {
            let is_new = caller.api_version >= 9;
            return Err(if is_new { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::ILLEGAL_GENERATION });
        }
        let room_bytes = GROUP_BYTES_MAX.saturating_sub(self.bytes);
        let decided = self.with_new(&request.group_id, turn, |group, turn| group.commit(turn, caller, request, offsets, room_bytes));
        decided.unwrap_or(Err(ErrorCode::GROUP_MAX_SIZE_REACHED))
    }
}

impl Group {
    fn commit(
        &mut self,
        turn: &mut Turn,
        caller: &Caller,
        request: &OffsetCommitRequest,
        offsets: &[NewOffset],
        room_bytes: usize,
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        self.check_commit(request)?;
        let member_id = &request.member_id;
        self.note_conn(member_id, caller.to.conn);
        if matches!(self.state, GroupState::Stable | GroupState::PreparingRebalance) {
            self.refresh_session(turn, member_id);
        }
        if turn.read_only {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        self.note_wait(member_id, turn.fx.plan());
        let bytes_max = self.bytes + room_bytes;
        let expire_ms =
            if request.retention_time_ms == -1 { -1 } else { turn.now.wall_ms.saturating_add(request.retention_time_ms).max(0) };
        Ok(offsets.iter().map(|new| self.commit_one(turn, new, expire_ms, bytes_max).err().unwrap_or(ErrorCode::NONE)).collect())
    }

    /// Whether this member, or someone outside of all groups, may commit now (`ClassicGroup.validateOffsetCommit`).
    fn check_commit(&self, request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
        let (generation, member_id) = (request.generation_id_or_member_epoch, &request.member_id);
        if generation < 0 && self.state == GroupState::Empty {
            // An admin, or a consumer that assigns partitions to itself.
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && request.group_instance_id.is_none() {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.check_member(member_id, request.group_instance_id.as_ref())?;
        self.check_generation(member_id, generation)?;
        // Consumers commit while they give partitions up, that is, in PreparingRebalance; after that they know of a new generation.
        if self.state == GroupState::CompletingRebalance { Err(ErrorCode::REBALANCE_IN_PROGRESS) } else { Ok(()) }
    }

    fn commit_one(&mut self, turn: &mut Turn, new: &NewOffset, expire_ms: i64, bytes_max: usize) -> Result<(), ErrorCode> {
        // Kafka counts the characters of a Java string.
        if new.metadata.len() > OFFSET_METADATA_BYTES_MAX && new.metadata.encode_utf16().count() > OFFSET_METADATA_BYTES_MAX {
            return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
        }
        let offset = Offset {
            offset: new.offset,
            leader_epoch: new.leader_epoch,
            metadata: new.metadata.detach(),
            commit_ms: turn.now.wall_ms,
            expire_ms,
            written_in: turn.fx.plan(),
        };
        let before = self.offsets.get(&new.part).map_or(0, Offset::bytes);
        if self.bytes - before + offset.bytes() > bytes_max.max(self.bytes) {
            return Err(ErrorCode::INVALID_COMMIT_OFFSET_SIZE);
        }
        turn.fx.row(Op::PutOffset(offset.to_row(&self.id, new.part)));
        let expiry_ms = self.expiry_ms(new.part, &offset, turn.topics);
        self.put_offset(new.part, offset);
        self.check_ms = [self.check_ms, expiry_ms].into_iter().flatten().min();
        Ok(())
    }
}
