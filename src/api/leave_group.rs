//! LeaveGroup 0-5: members go. Up to version 2 one member with one error; from 3 a list, each with its own (also by instance id
//! alone, an admin's way); 5 has a reason (KIP-800).

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::message::Response;
use crate::wire::message::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};

/// Answers at once, or, when the group is now empty, when that is stored.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: LeaveGroupRequest) {
    let is_list = call.api_version >= 3;
    let members =
        if is_list { request.members } else { vec![MemberIdentity { member_id: request.member_id, ..MemberIdentity::default() }] };
    let (groups, mut turn) = state.group_turn(fx, now);
    let (response, after) = match groups.leave(&mut turn, &request.group_id, &members) {
        Err(error_code) => (LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }, PlanNo::COMMITTED),
        Ok((members, after)) if is_list => (LeaveGroupResponse { members, ..LeaveGroupResponse::default() }, after),
        Ok((members, after)) => {
            let error_code = members.first().map(|member| member.error_code).unwrap_or_default();
            (LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }, after)
        }
    };
    fx.reply_after(call.to, after, Response::LeaveGroup(response));
}
