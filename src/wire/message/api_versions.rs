//! ApiVersions (key 18): which APIs and versions the broker serves.
//! Versions: 1 adds the throttle time; 3 is flexible in the body only (the response header never has tagged fields, so that a client
//! can read it before it knows anything) and names the client (KIP-511); 4 has the fields of 3 (KAFKA-17011).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks what the broker can do, and says who asks.
    pub struct ApiVersionsRequest {
        /// The name of the client library.
        client_software_name: Text => 3..;
        /// The version of the client library.
        client_software_version: Text => 3..;
    }

    /// What the broker can do.
    pub struct ApiVersionsResponse {
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// Every API served, with its versions.
        api_keys: Vec<ApiVersion> => 0..;
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// The features that are known.
        supported_features: Vec<SupportedFeatureKey> => 3.., tag 0;
        /// Grows with every change of the finalized features; -1 when not known.
        finalized_features_epoch: i64 => 3.., tag 1, default -1;
        /// The features that are switched on.
        finalized_features: Vec<FinalizedFeatureKey> => 3.., tag 2;
        /// Never true here: about moving from ZooKeeper.
        zk_migration_ready: bool => 3.., tag 3;
    }

    /// The versions of one API.
    pub struct ApiVersion {
        /// The key of the API.
        api_key: i16 => 0..;
        /// The lowest version served.
        min_version: i16 => 0..;
        /// The highest version served.
        max_version: i16 => 0..;
    }

    /// The versions of one feature.
    pub struct SupportedFeatureKey {
        /// The name of the feature.
        name: Text => 3..;
        /// The lowest version.
        min_version: i16 => 3..;
        /// The highest version.
        max_version: i16 => 3..;
    }

    /// The level of one feature that is switched on.
    pub struct FinalizedFeatureKey {
        /// The name of the feature.
        name: Text => 3..;
        /// The highest version level.
        max_version_level: i16 => 3..;
        /// The lowest version level.
        min_version_level: i16 => 3..;
    }
}
