//! ListGroups (key 16): which groups there are.
//! Versions: 1 adds the throttle time; 3 is flexible; 4 adds states (KIP-518); 5 types (KIP-848).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks which groups there are.
    pub struct ListGroupsRequest {
        /// Only groups in these states; empty for all.
        states_filter: Vec<Text> => 4..;
        /// Only groups of these types; empty for all.
        types_filter: Vec<Text> => 5..;
    }

    /// The groups there are.
    pub struct ListGroupsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The groups.
        groups: Vec<ListedGroup> => 0..;
    }

    /// A group.
    pub struct ListedGroup {
        /// The name of the group.
        group_id: Text => 0..;
        /// The kind of protocol, `consumer` for consumers.
        protocol_type: Text => 0..;
        /// The name of the state of the group.
        group_state: Text => 4..;
        /// `classic`, `consumer`, `share` or `streams`.
        group_type: Text => 5..;
    }
}
