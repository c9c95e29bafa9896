//! OffsetCommit (`OffsetMetadataManager.commitOffset`): who may commit, and what is kept. Called by `api/offset_commit` with
//! topics and partitions resolved.

use super::Groups;
use super::classic::{Group, GroupState, Stored};
use super::offsets::Offset;
use super::turn::{Caller, Turn};
use crate::base::ids::PartId;
use crate::base::limits::OFFSET_METADATA_BYTES_MAX;
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
        let room_bytes = self.room_bytes();
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
        if self.offsets.is_empty() && self.stored == Stored::Nothing {
            // From here on there is something to list.
            self.changed_in = turn.fx.plan();
        }
        turn.fx.row(Op::PutOffset(offset.to_row(&self.id, new.part)));
        let expiry_ms = self.expiry_ms(new.part, &offset, turn.topics);
        self.put_offset(new.part, offset);
        self.check_ms = [self.check_ms, expiry_ms].into_iter().flatten().min();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, World, client, static_client};
    use super::*;

    fn offset(part: i64, metadata: &str) -> NewOffset {
        NewOffset { part: PartId(part), offset: 7, leader_epoch: -1, metadata: Text::from(metadata) }
    }

    #[test]
    fn an_offset_is_kept_as_it_was_given() {
        let mut world = World::new();
        assert_eq!(world.offset_commit(&client(1), 1, 5), ErrorCode::NONE);
        let kept = Offset {
            offset: 5,
            leader_epoch: 4,
            metadata: Text::from("m"),
            commit_ms: world.now.wall_ms,
            expire_ms: -1,
            written_in: world.fx.plan(),
        };
        assert_eq!(world.groups.get("g").unwrap().offset(PartId(1)), (Some(&kept), world.fx.plan()));
        world.commit();
        assert_eq!(world.image.offsets, [kept.to_row(&Text::from("g"), PartId(1))]);
        world.offset_commit(&client(1), 1, 3);
        assert_eq!(world.offset(1), Some(3), "offsets may go back");
    }

    #[test]
    fn anyone_commits_to_a_group_without_members() {
        let mut world = World::new();
        assert_eq!(world.offset_commit(&client(1), 1, 5), ErrorCode::NONE);
        let group = world.groups.get("g").unwrap();
        assert_eq!((group.state().name(), group.protocol_type(), group.generation()), ("Empty", Text::default(), 0));
        let mut members = [client(1)];
        world.form(&mut members);
        world.leave(&members[0]);
        assert_eq!(world.offset_commit(&client(2), 1, 6), ErrorCode::NONE, "a reset by an admin");
        assert_eq!(world.offset_commit(&members[0], 1, 7), ErrorCode::UNKNOWN_MEMBER_ID, "who was a member is one no more");
    }

    #[test]
    fn a_generation_without_its_group_is_an_error_by_version() {
        let mut world = World::new();
        for (version, error) in [(8, ErrorCode::ILLEGAL_GENERATION), (9, ErrorCode::GROUP_ID_NOT_FOUND)] {
            let late = Client { version, generation: 3, member_id: Text::from("x"), ..client(1) };
            assert_eq!(world.offset_commit(&late, 1, 5), error);
        }
        assert!(world.groups.is_empty());
    }

    #[test]
    fn members_commit_by_id_and_generation() {
        let mut world = World::new();
        let mut members = [client(1), static_client(2)];
        world.form(&mut members);
        let [a, b] = members;
        let mut refused = |client: Client| world.offset_commit(&client, 1, 5);
        assert_eq!(refused(client(9)), ErrorCode::UNKNOWN_MEMBER_ID, "an outsider");
        assert_eq!(refused(Client { member_id: Text::from("x"), ..a.clone() }), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(refused(Client { member_id: Text::default(), ..a.clone() }), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(refused(Client { member_id: a.member_id.clone(), ..b.clone() }), ErrorCode::FENCED_INSTANCE_ID);
        assert_eq!(refused(Client { generation: 0, ..a.clone() }), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(refused(Client { generation: -1, ..a.clone() }), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(world.offset(1), None);
        assert_eq!(world.offset_commit(&a, 1, 5), ErrorCode::NONE);
    }

    #[test]
    fn commits_go_on_while_partitions_are_given_up_and_stop_with_the_new_generation() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        let [mut a] = members;
        let mut b = client(2);
        let new = world.enter(&mut b);
        assert_eq!(world.state(), "PreparingRebalance");
        assert_eq!(world.offset_commit(&a, 1, 5), ErrorCode::NONE);
        let old = a.clone();
        let to = world.join(&a);
        world.joined(&mut a, to);
        world.joined(&mut b, new);
        assert_eq!(world.offset_commit(&old, 1, 6), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(world.offset_commit(&a, 1, 6), ErrorCode::REBALANCE_IN_PROGRESS);
        assert_eq!(world.offset(1), Some(5));
    }

    #[test]
    fn a_commit_keeps_the_session() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        for _ in 0..3 {
            world.pass(9_000);
            assert_eq!(world.offset_commit(&members[0], 1, 5), ErrorCode::NONE);
            world.commit();
        }
        assert_eq!(world.state(), "Stable");
    }

    #[test]
    fn long_metadata_fails_its_own_partition_only() {
        let mut world = World::new();
        // 4,096 characters in 8,192 bytes are as long as Kafka allows.
        let offsets = [offset(1, &"é".repeat(4_096)), offset(2, &"x".repeat(4_097)), offset(3, "")];
        let errors = world.offset_commit_of(&client(1), -1, &offsets);
        assert_eq!(errors, [ErrorCode::NONE, ErrorCode::OFFSET_METADATA_TOO_LARGE, ErrorCode::NONE]);
        assert_eq!((world.offset(1), world.offset(2), world.offset(3)), (Some(7), None, Some(7)));
    }

    #[test]
    fn without_room_on_the_disk_nothing_is_kept() {
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        world.read_only = true;
        assert_eq!(world.offset_commit(&members[0], 1, 5), ErrorCode::COORDINATOR_NOT_AVAILABLE);
        assert_eq!(world.offset_commit(&Client { group: Text::from("h"), ..client(2) }, 1, 5), ErrorCode::COORDINATOR_NOT_AVAILABLE);
        assert!(!world.fx.has_rows() && !world.groups.contains("h"));
        assert_eq!(world.offset(1), None);
    }

    #[test]
    fn what_groups_keep_is_bounded() {
        let mut world = World::new();
        world.offset_commit(&client(1), 1, 5);
        world.groups.bytes_max = world.groups.bytes;
        assert_eq!(world.offset_commit(&client(1), 2, 5), ErrorCode::INVALID_COMMIT_OFFSET_SIZE);
        assert_eq!(world.offset_commit(&client(1), 1, 6), ErrorCode::NONE, "in place of what is there");
        assert_eq!((world.groups.bytes, world.groups.charge.bytes()), (world.groups.bytes_max, world.groups.bytes_max));
        assert_eq!(world.offset_commit(&Client { group: Text::from("h"), ..client(2) }, 2, 5), ErrorCode::INVALID_COMMIT_OFFSET_SIZE);
    }
}
