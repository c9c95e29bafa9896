//! DescribeGroups 0-6: what state groups are in and who is in them. From version 6 a group that is not there is an error
//! (KIP-1043), before that it is "Dead". Version 3 tells what the caller may do, 4 knows static members.

use super::{AnswerRoom, Call, operations};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::group::classic::{Group, GroupState};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember};

/// Answers when all that it shows is stored.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: DescribeGroupsRequest) {
    let mut after = state.groups.removed_in();
    let mut room = AnswerRoom::new(state);
    let describe_one = |group_id: &Text| {
        let group = state.groups.get(group_id);
        after = after.max(group.map(Group::changed_in).unwrap_or_default());
        let mut described = group.map_or_else(|| missing(group_id, call.api_version), describe);
        if request.include_authorized_operations && described.error_code == ErrorCode::NONE {
            described.authorized_operations = operations::GROUP;
        }
        if room.take(&described) {
            return described;
        }
        DescribedGroup {
            error_code: ErrorCode::INVALID_REQUEST,
            error_message: Some(AnswerRoom::REFUSED),
            group_id: group_id.clone(),
            ..DescribedGroup::default()
        }
    };
    let groups = request.groups.iter().map(describe_one).collect();
    fx.reply_after(call.to, after, Response::DescribeGroups(DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() }));
}

fn missing(group_id: &Text, api_version: i16) -> DescribedGroup {
    let described = DescribedGroup { group_id: group_id.clone(), group_state: Text::from_static("Dead"), ..DescribedGroup::default() };
    if api_version < 6 {
        return described;
    }
    DescribedGroup {
        error_code: ErrorCode::GROUP_ID_NOT_FOUND,
        error_message: Some(Text::from(format!("Group {group_id} not found."))),
        ..described
    }
}

/// What members said about themselves is told in Stable only (`ClassicGroupMember.describeNoMetadata`).
fn describe(group: &Group) -> DescribedGroup {
    let stable = group.state() == GroupState::Stable;
    let members = group.members().map(|member| DescribedGroupMember {
        member_id: member.id.clone(),
        group_instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        member_metadata: if stable { member.metadata(&group.protocol()) } else { Default::default() },
        member_assignment: member.assignment.clone(),
    });
    DescribedGroup {
        group_id: group.id().clone(),
        group_state: Text::from_static(group.state().name()),
        protocol_type: group.protocol_type(),
        protocol_data: if stable { group.protocol() } else { Text::default() },
        members: members.collect(),
        ..DescribedGroup::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, answer, call};
    use super::*;
    use crate::api::{join_group, leave_group, list_groups, sync_group};
    use crate::state::timers::Timer;
    use crate::wire::message::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
    use crate::wire::message::leave_group::LeaveGroupRequest;
    use crate::wire::message::list_groups::ListGroupsRequest;
    use crate::wire::message::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

    fn describe_g(world: &mut World, version: i16) -> DescribedGroup {
        let request = DescribeGroupsRequest { groups: vec![Text::from("g")], include_authorized_operations: true };
        handle(&mut world.state, &mut world.fx, world.now, call(version), request);
        answer!(world, DescribeGroups).groups.remove(0)
    }

    /// One member joins "g"; gives back its id.
    fn join(world: &mut World) -> Text {
        let protocol = JoinGroupRequestProtocol { name: Text::from("range"), metadata: "meta".into() };
        let request = JoinGroupRequest {
            group_id: Text::from("g"),
            session_timeout_ms: 10_000,
            protocol_type: Text::from("consumer"),
            protocols: vec![protocol],
            ..JoinGroupRequest::default()
        };
        join_group::handle(&mut world.state, &mut world.fx, world.now, call(3), request);
        world.state.due(Timer::Join(Text::from("g")), &mut world.fx, world.now);
        answer!(world, JoinGroup).member_id
    }

    fn sync(world: &mut World, member_id: &Text) {
        let assignment = SyncGroupRequestAssignment { member_id: member_id.clone(), assignment: "mine".into() };
        let request = SyncGroupRequest {
            group_id: Text::from("g"),
            generation_id: 1,
            member_id: member_id.clone(),
            assignments: vec![assignment],
            ..SyncGroupRequest::default()
        };
        sync_group::handle(&mut world.state, &mut world.fx, world.now, call(3), request);
    }

    fn list(world: &mut World, states: &[&str], types: &[&str]) -> Vec<(Text, Text)> {
        let texts = |names: &[&str]| names.iter().map(|name| Text::from(*name)).collect();
        let request = ListGroupsRequest { states_filter: texts(states), types_filter: texts(types) };
        list_groups::handle(&mut world.state, &mut world.fx, world.now, call(5), request);
        let response = answer!(world, ListGroups);
        assert!(response.groups.iter().all(|group| group.group_type == "classic" && group.protocol_type == "consumer"));
        response.groups.into_iter().map(|group| (group.group_id, group.group_state)).collect()
    }

    #[test]
    fn a_missing_group_is_dead_and_from_version_6_an_error() {
        let mut world = World::new();
        let dead = describe_g(&mut world, 5);
        assert_eq!((dead.error_code, &*dead.group_state, dead.authorized_operations), (ErrorCode::NONE, "Dead", operations::GROUP));
        let missing = describe_g(&mut world, 6);
        assert_eq!((missing.error_code, &*missing.group_state), (ErrorCode::GROUP_ID_NOT_FOUND, "Dead"));
        assert_eq!(missing.error_message.as_deref(), Some("Group g not found."));
        assert_eq!(missing.authorized_operations, i32::MIN);
    }

    #[test]
    fn members_say_most_in_a_stable_group() {
        let mut world = World::new();
        let member_id = join(&mut world);
        let group = describe_g(&mut world, 6);
        assert_eq!((&*group.group_state, &*group.protocol_type, &*group.protocol_data), ("CompletingRebalance", "consumer", ""));
        assert!(group.members[0].member_metadata.is_empty());
        sync(&mut world, &member_id);
        let request = DescribeGroupsRequest { groups: vec![Text::from("g")], include_authorized_operations: false };
        handle(&mut world.state, &mut world.fx, world.now, call(6), request);
        assert!(world.answered().is_none(), "what is not stored is not shown");
        world.commit();
        world.fx.take_outputs();
        let group = describe_g(&mut world, 6);
        assert_eq!((&*group.group_state, &*group.protocol_data), ("Stable", "range"));
        let member = &group.members[0];
        assert_eq!((&member.member_id, &*member.client_id, &*member.client_host), (&member_id, "test", "/127.0.0.1"));
        assert_eq!((&member.member_metadata[..], &member.member_assignment[..]), (&b"meta"[..], &b"mine"[..]));
    }

    #[test]
    fn groups_are_listed_by_state_and_type() {
        let mut world = World::new();
        assert!(list(&mut world, &[], &[]).is_empty());
        let member_id = join(&mut world);
        sync(&mut world, &member_id);
        world.commit();
        world.fx.take_outputs();
        let stable = [(Text::from("g"), Text::from("Stable"))];
        assert_eq!(list(&mut world, &[], &[]), stable);
        assert_eq!(list(&mut world, &["empty", " sTABLE "], &["Classic"]), stable);
        for (states, types) in [(&["Empty"][..], &[][..]), (&["no"], &[]), (&[], &["consumer"]), (&[], &["no"])] {
            assert!(list(&mut world, states, types).is_empty());
        }
    }

    #[test]
    fn old_versions_leave_one_by_one_with_one_error() {
        let mut world = World::new();
        let member_id = join(&mut world);
        let mut leave = |version, member_id: &Text, group: &str| {
            let request = LeaveGroupRequest { group_id: Text::from(group), member_id: member_id.clone(), members: Vec::new() };
            leave_group::handle(&mut world.state, &mut world.fx, world.now, call(version), request);
            answer!(world, LeaveGroup)
        };
        assert_eq!(leave(2, &Text::from("x"), "g").error_code, ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(leave(2, &member_id, "").error_code, ErrorCode::INVALID_GROUP_ID);
        let left = leave(2, &member_id, "g");
        assert_eq!((left.error_code, left.members.len()), (ErrorCode::NONE, 0));
        assert_eq!(leave(0, &member_id, "g").error_code, ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(&*describe_g(&mut world, 0).group_state, "Empty");
    }

    #[test]
    fn a_group_cannot_be_named_until_the_answer_is_beyond_all_memory() {
        let mut world = World::cramped(8 << 10);
        join(&mut world);
        let request = DescribeGroupsRequest { groups: vec![Text::from("g"); 50], include_authorized_operations: true };
        handle(&mut world.state, &mut world.fx, world.now, call(6), request);
        let groups = answer!(world, DescribeGroups).groups;
        let fitting = groups.iter().take_while(|group| group.members.len() == 1).count();
        assert!((1..50).contains(&fitting), "{fitting}");
        assert!(groups[fitting..].iter().all(|group| group.error_code == ErrorCode::INVALID_REQUEST && group.members.is_empty()));
    }
}
