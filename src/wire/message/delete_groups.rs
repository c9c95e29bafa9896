//! DeleteGroups (key 42): delete groups with their offsets.
//! Versions: 2 is flexible.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Groups to delete.
    pub struct DeleteGroupsRequest {
        /// The ids of the groups.
        groups_names: Vec<Text> => 0..;
    }

    /// Which groups were deleted.
    pub struct DeleteGroupsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each of what was asked for.
        results: Vec<DeletableGroupResult> => 0..;
    }

    /// The answer for one group.
    pub struct DeletableGroupResult {
        /// The id of the group.
        group_id: Text => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
    }
}
