//! ListConfigResources (key 74): what has settings of its own (KIP-1142).
//! Versions: 0 lists sets of client metrics only; 1 any kind.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for the names of what has settings.
    pub struct ListConfigResourcesRequest {
        /// The kinds that are asked for; empty for all.
        resource_types: Vec<i8> => 1..;
    }

    /// What has settings.
    pub struct ListConfigResourcesResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// One entry for each.
        config_resources: Vec<ConfigResource> => 0..;
    }

    /// Something that has settings.
    pub struct ConfigResource {
        /// The name of the resource.
        resource_name: Text => 0..;
        /// The kind of resource (16: client metrics).
        resource_type: i8 => 1.., default 16;
    }
}
