//! UpdateFeatures (key 57): change the levels of features (KIP-584).
//! Versions: 1 adds kinds of changes and dry runs; 2 answers for all features at once.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Levels that features shall have.
    pub struct UpdateFeaturesRequest {
        /// How long the broker may take.
        timeout_ms: i32 => 0.., default 60_000;
        /// One entry for each feature.
        feature_updates: Vec<FeatureUpdateKey> => 0..;
        /// Check, and change nothing.
        validate_only: bool => 1..;
    }

    /// A feature and the level it shall have.
    pub struct FeatureUpdateKey {
        /// The name of the feature.
        feature: Text => 0..;
        /// The level it shall have.
        max_version_level: i16 => 0..;
        /// Whether it may become less.
        allow_downgrade: bool => 0..=0;
        /// What may be done (1: raise, 2: lower without loss, 3: lower even with loss).
        upgrade_type: i8 => 1.., default 1;
    }

    /// Which levels were changed.
    pub struct UpdateFeaturesResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// One entry for each of what was asked for.
        results: Vec<UpdatableFeatureResult> => 0..=1;
    }

    /// The answer for one feature.
    pub struct UpdatableFeatureResult {
        /// The name of the feature.
        feature: Text => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
    }
}
