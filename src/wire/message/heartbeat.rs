//! Heartbeat (key 12): a classic member says that it is alive.
//! Versions: 1 adds the throttle time; 3 static members; 4 is flexible.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// A member says that it is alive.
    pub struct HeartbeatRequest {
        /// The name of the group.
        group_id: Text => 0..;
        /// The generation of the group.
        generation_id: i32 => 0..;
        /// The id the coordinator gave the member.
        member_id: Text => 0..;
        /// Set for static members (KIP-345).
        group_instance_id: Option<Text> => 3..;
    }

    /// Whether the group goes on as it is.
    pub struct HeartbeatResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
    }
}
