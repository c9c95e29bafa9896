//! JoinGroup (key 11): enter a classic group, or rejoin it for the next generation.
//! Versions: 1 adds the rebalance timeout; 4 sends a newcomer back with its member id first (KIP-394); 5 adds static members
//! (KIP-345); 6 is flexible; 7 answers with the protocol type (KIP-559); 8 adds the reason (KIP-800); 9 lets the leader skip the
//! assignment (KIP-814).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;
use bytes::Bytes;

fields! {
    /// A member joins, or joins again.
    pub struct JoinGroupRequest {
        /// The name of the group.
        group_id: Text => 0..;
        /// How long the member may be silent.
        session_timeout_ms: i32 => 0..;
        /// How long members may take to rejoin; -1 in version 0, where the session timeout counts.
        rebalance_timeout_ms: i32 => 1.., default -1;
        /// The id the coordinator gave the member, empty at first.
        member_id: Text => 0..;
        /// Set for static members (KIP-345).
        group_instance_id: Option<Text> => 5..;
        /// The kind of protocol, `consumer` for consumers.
        protocol_type: Text => 0..;
        /// The protocols the member can do, best first.
        protocols: Vec<JoinGroupRequestProtocol> => 0..;
        /// Why, in words of the client (KIP-800).
        reason: Option<Text> => 8..;
    }

    /// A protocol the member can do.
    pub struct JoinGroupRequestProtocol {
        /// The name of the protocol.
        name: Text => 0..;
        /// What the member says about itself, opaque to the broker.
        metadata: Bytes => 0..;
    }

    /// The generation the member is in.
    pub struct JoinGroupResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 2..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The generation of the group.
        generation_id: i32 => 0.., default -1;
        /// The kind of protocol, `consumer` for consumers.
        protocol_type: Option<Text> => 7..;
        /// The protocol the group settled on.
        protocol_name: Option<Text> => 0.., nullable 7.., default Some(Text::default());
        /// The member id of the leader.
        leader: Text => 0..;
        /// Whether the leader shall leave the assignment as it is (KIP-814).
        skip_assignment: bool => 9..;
        /// The id the coordinator gave the member.
        member_id: Text => 0..;
        /// For the leader: all members; empty for the others.
        members: Vec<JoinGroupResponseMember> => 0..;
    }

    /// A member, as the leader sees it.
    pub struct JoinGroupResponseMember {
        /// The id the coordinator gave the member.
        member_id: Text => 0..;
        /// Set for static members (KIP-345).
        group_instance_id: Option<Text> => 5..;
        /// What the member said about itself under the chosen protocol.
        metadata: Bytes => 0..;
    }
}
