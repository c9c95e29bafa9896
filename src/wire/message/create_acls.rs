//! CreateAcls (key 30): make rules of access.
//! Versions: 2 is flexible; 3 adds users of resources (KIP-373).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Rules of access to make.
    pub struct CreateAclsRequest {
        /// One entry for each rule.
        creations: Vec<AclCreation> => 0..;
    }

    /// A rule to make.
    pub struct AclCreation {
        /// The kind of resource.
        resource_type: i8 => 0..;
        /// The name of the resource.
        resource_name: Text => 0..;
        /// How the name is meant (3: literally, 4: as a prefix).
        resource_pattern_type: i8 => 1.., default 3;
        /// Who.
        principal: Text => 0..;
        /// From which host.
        host: Text => 0..;
        /// The operation (`AclOperation` of the Java client).
        operation: i8 => 0..;
        /// What the rule says (1: any, 2: deny, 3: allow).
        permission_type: i8 => 0..;
    }

    /// Which rules were made.
    pub struct CreateAclsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each of what was asked for.
        results: Vec<AclCreationResult> => 0..;
    }

    /// The answer for one rule.
    pub struct AclCreationResult {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
    }
}
