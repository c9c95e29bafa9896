//! What admins do to groups: delete them (DeleteGroups), or single offsets of theirs (OffsetDelete, KIP-496). Called by
//! `api/delete_groups` and `api/offset_delete`.

use super::Groups;
use super::classic::{Group, GroupState, Stored};
use super::turn::Turn;
use crate::base::ids::{PartId, PlanNo};
use crate::base::text::Text;
use crate::store::plan::Op;
use crate::wire::error_code::ErrorCode;

/// Kafka's name for the type of groups whose members' subscriptions a broker can read.
const CONSUMER: &str = "consumer";

impl Groups {
    /// Deletes a group without members, with its offsets; gives back the plan to wait for. Or why not, and the plan that this rests
    /// on: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, COORDINATOR_NOT_AVAILABLE (no room on the disk).
    pub fn delete(&mut self, turn: &mut Turn, group_id: &str) -> Result<PlanNo, (ErrorCode, PlanNo)> {
        let deleted = self.with(group_id, turn, |group, turn| group.delete(turn));
        deleted.unwrap_or(Err((ErrorCode::GROUP_ID_NOT_FOUND, self.removed_in)))
    }

    /// Deletes the offsets of these partitions: what became of each, and the plan to wait for. An error of the whole request:
    /// INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, COORDINATOR_NOT_AVAILABLE (no room on the disk).
    pub fn delete_offsets(
        &mut self,
        turn: &mut Turn,
        group_id: &Text,
        parts: &[PartId],
    ) -> Result<(Vec<ErrorCode>, PlanNo), (ErrorCode, PlanNo)> {
        if group_id.is_empty() {
            return Err((ErrorCode::INVALID_GROUP_ID, PlanNo::COMMITTED));
        }
        let deleted = self.with(group_id, turn, |group, turn| group.delete_offsets(turn, parts));
        deleted.unwrap_or(Err((ErrorCode::GROUP_ID_NOT_FOUND, self.removed_in)))
    }
}

impl Group {
    fn delete(&mut self, turn: &mut Turn) -> Result<PlanNo, (ErrorCode, PlanNo)> {
        if self.state != GroupState::Empty {
            return Err((ErrorCode::NON_EMPTY_GROUP, PlanNo::COMMITTED));
        }
        if turn.read_only {
            return Err((ErrorCode::COORDINATOR_NOT_AVAILABLE, PlanNo::COMMITTED));
        }
        for member_id in self.pending.clone() {
            self.remove_pending(turn, &member_id);
        }
        let parts: Vec<PartId> = self.offsets.keys().copied().collect();
        parts.into_iter().for_each(|part| self.remove_offset(part));
        turn.fx.row(Op::DeleteGroup(self.id.clone()));
        self.stored = Stored::Nothing;
        self.changed_in = turn.fx.plan();
        self.recheck = true;
        log::info!("group {:?} was deleted", self.id);
        Ok(self.changed_in)
    }

    fn delete_offsets(&mut self, turn: &mut Turn, parts: &[PartId]) -> Result<(Vec<ErrorCode>, PlanNo), (ErrorCode, PlanNo)> {
        let is_of_consumers = self.protocol_type.as_deref() == Some(CONSUMER);
        if self.state != GroupState::Empty && !is_of_consumers {
            return Err((ErrorCode::NON_EMPTY_GROUP, PlanNo::COMMITTED));
        }
        if turn.read_only {
            return Err((ErrorCode::COORDINATOR_NOT_AVAILABLE, PlanNo::COMMITTED));
        }
        let mut errors = Vec::with_capacity(parts.len());
        for part in parts {
            if self.state != GroupState::Empty && self.may_subscribe_to(turn, *part) {
                errors.push(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC);
                continue;
            }
            errors.push(ErrorCode::NONE);
            if self.offsets.contains_key(part) {
                self.remove_offset(*part);
                turn.fx.row(Op::DeleteOffset { group: self.id.clone(), part: *part });
                self.changed_in = turn.fx.plan();
                self.recheck = true;
            }
        }
        Ok((errors, self.changed_in))
    }

    /// Whether members subscribe to the topic of this partition; where that cannot be read, they may.
    fn may_subscribe_to(&self, turn: &Turn, part: PartId) -> bool {
        let Some((topic, _)) = turn.topics.owner(part) else { return false };
        self.subscribed.as_ref().is_none_or(|subscribed| subscribed.contains(topic.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, World, client};
    use super::*;

    // Subscription to "t", in version 0.
    const WANTS_T: &str = "\0\0\0\0\0\x01\0\x01t\0\0\0\0";

    fn delete(world: &mut World) -> Result<PlanNo, ErrorCode> {
        let (groups, mut turn) = world.turn();
        groups.delete(&mut turn, "g").map_err(|(error, _)| error)
    }

    fn delete_offsets(world: &mut World, parts: &[i64]) -> Result<Vec<ErrorCode>, ErrorCode> {
        let parts: Vec<PartId> = parts.iter().map(|part| PartId(*part)).collect();
        let (groups, mut turn) = world.turn();
        groups.delete_offsets(&mut turn, &Text::from("g"), &parts).map(|(errors, _)| errors).map_err(|(error, _)| error)
    }

    #[test]
    fn a_group_goes_with_its_offsets_once_nobody_is_in_it() {
        let mut world = World::new();
        assert_eq!(delete(&mut world), Err(ErrorCode::GROUP_ID_NOT_FOUND));
        let mut members = [client(1)];
        world.form(&mut members);
        world.offset_commit(&members[0], 1, 5);
        world.commit();
        assert_eq!(delete(&mut world), Err(ErrorCode::NON_EMPTY_GROUP));
        world.leave(&members[0]);
        world.commit();
        // An id that was given out and not used does not hold it.
        world.join(&client(2));
        world.read_only = true;
        assert_eq!(delete(&mut world), Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        world.read_only = false;
        let plan = world.fx.plan();
        assert_eq!(delete(&mut world), Ok(plan));
        assert!(world.groups.is_empty());
        assert_eq!(world.groups.next_expiry_ms(), None);
        let (groups, mut turn) = world.turn();
        assert_eq!(groups.delete(&mut turn, "g"), Err((ErrorCode::GROUP_ID_NOT_FOUND, plan)), "this rests on the deletion");
        world.commit();
        assert!(world.image.groups.is_empty() && world.image.offsets.is_empty());
        assert_eq!(world.groups.bytes, 0);
        world.pass(60_000_000);
        assert!(world.groups.is_empty() && !world.fx.has_rows(), "nothing of it comes due");
    }

    #[test]
    fn a_refused_deletion_leaves_everything() {
        let mut world = World::new();
        world.offset_commit(&client(1), 1, 5);
        world.commit();
        assert!(delete(&mut world).is_ok());
        world.refuse();
        assert_eq!(world.offset(1), Some(5));
    }

    #[test]
    fn single_offsets_go_where_nobody_reads() {
        let mut world = World::new();
        assert_eq!(delete_offsets(&mut world, &[1]), Err(ErrorCode::GROUP_ID_NOT_FOUND));
        let mut members = [Client { protocols: vec![("range", WANTS_T)], ..client(1) }];
        world.form(&mut members);
        world.offset_commit(&members[0], 1, 5);
        world.offset_commit(&members[0], 3, 5);
        world.commit();
        let errors = delete_offsets(&mut world, &[1, 3]).unwrap();
        assert_eq!(errors, [ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode::NONE]);
        world.commit();
        assert_eq!((world.offset(1), world.offset(3), world.image.offsets.len()), (Some(5), None, 1));
        world.leave(&members[0]);
        assert_eq!(delete_offsets(&mut world, &[1, 2]), Ok(vec![ErrorCode::NONE, ErrorCode::NONE]));
        world.commit();
        assert_eq!((world.offset(1), world.image.offsets.len()), (None, 0));
    }

    #[test]
    fn other_groups_with_members_keep_theirs() {
        let mut world = World::new();
        let mut members = [Client { protocol_type: Text::from("connect"), ..client(1) }];
        world.form(&mut members);
        world.offset_commit(&members[0], 1, 5);
        world.commit();
        assert_eq!(delete_offsets(&mut world, &[1]), Err(ErrorCode::NON_EMPTY_GROUP));
        let mut world = World::new();
        let mut members = [client(1)];
        world.form(&mut members);
        world.offset_commit(&members[0], 1, 5);
        world.commit();
        let unreadable = delete_offsets(&mut world, &[1]);
        assert_eq!(unreadable, Ok(vec![ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC]), "who knows what it reads");
        world.read_only = true;
        assert_eq!(delete_offsets(&mut world, &[1]), Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    }
}
