//! DeleteAcls (key 31): delete rules of access.
//! Versions: 2 is flexible; 3 adds users of resources (KIP-373).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Rules of access to delete.
    pub struct DeleteAclsRequest {
        /// Which rules to delete.
        filters: Vec<DeleteAclsFilter> => 0..;
    }

    /// Which rules to delete.
    pub struct DeleteAclsFilter {
        /// The kind of resource; 1 matches any.
        resource_type_filter: i8 => 0..;
        /// The name of the resource; null matches any.
        resource_name_filter: Option<Text> => 0.., default Some(Text::default());
        /// How the name is meant (1: any, 2: match, 3: literally, 4: as a prefix).
        pattern_type_filter: i8 => 1.., default 3;
        /// The user; null matches any.
        principal_filter: Option<Text> => 0.., default Some(Text::default());
        /// The host; null matches any.
        host_filter: Option<Text> => 0.., default Some(Text::default());
        /// The operation (`AclOperation` of the Java client).
        operation: i8 => 0..;
        /// What the rule says (1: any, 2: deny, 3: allow).
        permission_type: i8 => 0..;
    }

    /// Which rules were deleted.
    pub struct DeleteAclsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each filter.
        filter_results: Vec<DeleteAclsFilterResult> => 0..;
    }

    /// The answer for one filter.
    pub struct DeleteAclsFilterResult {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// The rules it met.
        matching_acls: Vec<DeleteAclsMatchingAcl> => 0..;
    }

    /// A rule that a filter met.
    pub struct DeleteAclsMatchingAcl {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// The kind of resource.
        resource_type: i8 => 0..;
        /// The name of the resource.
        resource_name: Text => 0..;
        /// How the name is meant (3: literally, 4: as a prefix).
        pattern_type: i8 => 1.., default 3;
        /// Who.
        principal: Text => 0..;
        /// From which host.
        host: Text => 0..;
        /// The operation (`AclOperation` of the Java client).
        operation: i8 => 0..;
        /// What the rule says (1: any, 2: deny, 3: allow).
        permission_type: i8 => 0..;
    }
}
