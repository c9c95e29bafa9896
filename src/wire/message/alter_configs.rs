//! AlterConfigs (key 33): replace all settings of topics and brokers.
//! Versions: 1 changes nothing here; 2 is flexible.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Settings that replace all there were.
    pub struct AlterConfigsRequest {
        /// One entry for each resource.
        resources: Vec<AlterConfigsResource> => 0..;
        /// Check, and change nothing.
        validate_only: bool => 0..;
    }

    /// A topic or broker whose settings change.
    pub struct AlterConfigsResource {
        /// The kind of resource.
        resource_type: i8 => 0..;
        /// The name of the resource.
        resource_name: Text => 0..;
        /// Its settings.
        configs: Vec<AlterableConfig> => 0..;
    }

    /// A setting.
    pub struct AlterableConfig {
        /// The name of the setting.
        name: Text => 0..;
        /// The value.
        value: Option<Text> => 0.., default Some(Text::default());
    }

    /// Whose settings were replaced.
    pub struct AlterConfigsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One entry for each of what was asked for.
        responses: Vec<AlterConfigsResourceResponse> => 0..;
    }

    /// The answer for one resource.
    pub struct AlterConfigsResourceResponse {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// The kind of resource.
        resource_type: i8 => 0..;
        /// The name of the resource.
        resource_name: Text => 0..;
    }
}
