//! Heartbeat 0-4: a member is alive, and learns whether to join again. Version 3 knows static members. Never waits for the disk.

use super::Call;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::message::Response;
use crate::wire::message::heartbeat::{HeartbeatRequest, HeartbeatResponse};

/// Answers at once.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: HeartbeatRequest) {
    let (groups, mut turn) = state.group_turn(fx, now);
    let error_code = groups.heartbeat(&mut turn, &call.group_caller(), &request);
    fx.reply(call.to, Response::Heartbeat(HeartbeatResponse { error_code, ..HeartbeatResponse::default() }));
}
