//! DescribeGroups 0-6: what state groups are in and who is in them. From version 6 a group that is not there is an error
//! (KIP-1043), before that it is "Dead". Version 3 tells what the caller may do, 4 knows static members.

use super::{Call, operations};
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
    let describe_one = |group_id: &Text| {
        let group = state.groups.get(group_id);
        after = after.max(group.map(Group::changed_in).unwrap_or_default());
        let mut described = group.map_or_else(|| missing(group_id, call.api_version), describe);
        if request.include_authorized_operations && described.error_code == ErrorCode::NONE {
            described.authorized_operations = operations::GROUP;
        }
        described
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
