//! DescribeGroups (key 15): look into classic groups.
//! Versions: 1 adds the throttle time; 3 authorized operations; 4 static members; 5 is flexible; 6 answers GROUP_ID_NOT_FOUND with
//! words (KIP-1043).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;
use bytes::Bytes;

fields! {
    /// Asks about groups.
    pub struct DescribeGroupsRequest {
        /// The names of the groups.
        groups: Vec<Text> => 0..;
        /// Whether to fill in authorized operations.
        include_authorized_operations: bool => 3..;
    }

    /// The groups described.
    pub struct DescribeGroupsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// The groups.
        groups: Vec<DescribedGroup> => 0..;
    }

    /// A group.
    pub struct DescribedGroup {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 6..;
        /// The name of the group.
        group_id: Text => 0..;
        /// The name of the state of the group.
        group_state: Text => 0..;
        /// The kind of protocol, `consumer` for consumers.
        protocol_type: Text => 0..;
        /// The name of the protocol the group settled on.
        protocol_data: Text => 0..;
        /// The members.
        members: Vec<DescribedGroupMember> => 0..;
        /// What the caller may do with it, as a bit field; the least i32 means "was not asked".
        authorized_operations: i32 => 3.., default i32::MIN;
    }

    /// A member of a group.
    pub struct DescribedGroupMember {
        /// The id the coordinator gave the member.
        member_id: Text => 0..;
        /// Set for static members (KIP-345).
        group_instance_id: Option<Text> => 4..;
        /// The client's own name for itself.
        client_id: Text => 0..;
        /// The address the member joined from.
        client_host: Text => 0..;
        /// What the member said about itself when it joined.
        member_metadata: Bytes => 0..;
        /// The assignment of the member, as its leader wrote it.
        member_assignment: Bytes => 0..;
    }
}
