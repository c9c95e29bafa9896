//! LeaveGroup (key 13): members leave a classic group.
//! Versions: 1 adds the throttle time; 3 several members at once (KIP-345); 4 is flexible; 5 adds the reason (KIP-800).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Members leave.
    pub struct LeaveGroupRequest {
        /// The name of the group.
        group_id: Text => 0..;
        /// Up to version 2: the member that leaves.
        member_id: Text => 0..=2;
        /// From version 3: the members that leave.
        members: Vec<MemberIdentity> => 3..;
    }

    /// A member that leaves.
    pub struct MemberIdentity {
        /// The id the coordinator gave the member.
        member_id: Text => 3..;
        /// Set for static members (KIP-345).
        group_instance_id: Option<Text> => 3..;
        /// Why, in words of the client (KIP-800).
        reason: Option<Text> => 5..;
    }

    /// Who has left.
    pub struct LeaveGroupResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// From version 3: one answer for each member.
        members: Vec<MemberResponse> => 3..;
    }

    /// The answer for one member.
    pub struct MemberResponse {
        /// The id the coordinator gave the member.
        member_id: Text => 3..;
        /// Set for static members (KIP-345).
        group_instance_id: Option<Text> => 3.., default Some(Text::default());
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 3..;
    }
}
