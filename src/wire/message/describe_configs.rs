//! DescribeConfigs (key 32): settings of topics and brokers.
//! Versions: 1 adds sources and synonyms; 3 kinds and documentation (KIP-569); 4 is flexible.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;
use std::sync::Arc;

fields! {
    /// Asks for settings.
    pub struct DescribeConfigsRequest {
        /// What to describe.
        resources: Vec<DescribeConfigsResource> => 0..;
        /// Whether to list what each value would fall back to.
        include_synonyms: bool => 1..;
        /// Whether to fill in what each setting does.
        include_documentation: bool => 3..;
    }

    /// A topic or broker whose settings are asked for.
    pub struct DescribeConfigsResource {
        /// The kind of resource (2: topic, 4: broker).
        resource_type: i8 => 0..;
        /// The name of the resource.
        resource_name: Text => 0..;
        /// The settings asked for; null means all.
        configuration_keys: Option<Vec<Text>> => 0.., default Some(Vec::new());
    }

    /// The settings.
    pub struct DescribeConfigsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// One answer for each resource.
        results: Vec<DescribeConfigsResult> => 0..;
    }

    /// The settings of one resource.
    pub struct DescribeConfigsResult {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// The kind of resource (2: topic, 4: broker).
        resource_type: i8 => 0..;
        /// The name of the resource.
        resource_name: Text => 0..;
        /// The settings found; most topics have the same.
        configs: Arc<Vec<DescribeConfigsResourceResult>> => 0..;
    }

    /// A setting.
    pub struct DescribeConfigsResourceResult {
        /// The name of the setting.
        name: Text => 0..;
        /// The value of the setting.
        value: Option<Text> => 0.., default Some(Text::default());
        /// Whether the setting cannot be changed.
        read_only: bool => 0..;
        /// Where the value comes from (`ConfigSource` of the Java client).
        config_source: i8 => 1.., default -1;
        /// Whether the value is a secret; then it is null.
        is_sensitive: bool => 0..;
        /// What the value falls back to, nearest first.
        synonyms: Vec<DescribeConfigsSynonym> => 1..;
        /// The kind of value (`ConfigType` of the Java client).
        config_type: i8 => 3..;
        /// What the setting does.
        documentation: Option<Text> => 3.., default Some(Text::default());
    }

    /// A value a setting falls back to.
    pub struct DescribeConfigsSynonym {
        /// The name of the setting.
        name: Text => 1..;
        /// The value of the setting.
        value: Option<Text> => 1.., default Some(Text::default());
        /// Where the value comes from (`ConfigSource` of the Java client).
        source: i8 => 1..;
    }
}
