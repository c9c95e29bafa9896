//! JoinGroup 0-9: a member joins its group, or joins again. Version 1 has a rebalance time-out of its own, 4 asks new members to
//! come back with the id they were given (KIP-394), 5 knows static members (KIP-345), 7 tells the protocol type, 8 has a reason
//! (KIP-800), 9 lets a static leader skip the assignment (KIP-814).

use super::Call;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::message::join_group::JoinGroupRequest;

/// Answers now, or when the join phase ends.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: JoinGroupRequest) {
    let (groups, mut turn) = state.group_turn(fx, now);
    groups.join(&mut turn, &call.group_caller(), &request);
}
