//! SyncGroup 0-5: the leader brings the assignment, every member takes its own. Version 3 knows static members, 5 names the
//! protocol, and has to.

use super::Call;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::message::sync_group::SyncGroupRequest;

/// Answers when the leader's assignment is stored; at once when there is nothing to wait for.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: SyncGroupRequest) {
    let (groups, mut turn) = state.group_turn(fx, now);
    groups.sync(&mut turn, &call.group_caller(), &request);
}
