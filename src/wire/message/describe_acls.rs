//! DescribeAcls (key 29): which rules of access there are.
//! Versions: 2 is flexible; 3 adds users of resources (KIP-373).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for rules of access.
    pub struct DescribeAclsRequest {
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

    /// The rules of access.
    pub struct DescribeAclsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// One entry for each resource.
        resources: Vec<DescribeAclsResource> => 0..;
    }

    /// The rules of one resource.
    pub struct DescribeAclsResource {
        /// The kind of resource.
        resource_type: i8 => 0..;
        /// The name of the resource.
        resource_name: Text => 0..;
        /// How the name is meant (3: literally, 4: as a prefix).
        pattern_type: i8 => 1.., default 3;
        /// Its rules.
        acls: Vec<AclDescription> => 0..;
    }

    /// A rule of access.
    pub struct AclDescription {
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
