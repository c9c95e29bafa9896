//! SyncGroup (key 14): members of a classic group get their assignment from their leader.
//! Versions: 1 adds the throttle time; 3 static members; 4 is flexible; 5 the protocol's type and name (KIP-559).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;
use bytes::Bytes;

fields! {
    /// A member asks for its assignment; the leader brings them all.
    pub struct SyncGroupRequest {
        /// The name of the group.
        group_id: Text => 0..;
        /// The generation of the group.
        generation_id: i32 => 0..;
        /// The id the coordinator gave the member.
        member_id: Text => 0..;
        /// Set for static members (KIP-345).
        group_instance_id: Option<Text> => 3..;
        /// The kind of protocol, `consumer` for consumers.
        protocol_type: Option<Text> => 5..;
        /// The protocol the group settled on.
        protocol_name: Option<Text> => 5..;
        /// From the leader: one assignment for each member.
        assignments: Vec<SyncGroupRequestAssignment> => 0..;
    }

    /// What one member shall do.
    pub struct SyncGroupRequestAssignment {
        /// The id the coordinator gave the member.
        member_id: Text => 0..;
        /// What the member shall do, opaque to the broker.
        assignment: Bytes => 0..;
    }

    /// The assignment of the member.
    pub struct SyncGroupResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The kind of protocol, `consumer` for consumers.
        protocol_type: Option<Text> => 5..;
        /// The protocol the group settled on.
        protocol_name: Option<Text> => 5..;
        /// What the member shall do, as the leader wrote it.
        assignment: Bytes => 0..;
    }
}
