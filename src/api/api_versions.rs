//! ApiVersions: what the broker can do, computed from the one table of APIs. A version that is not served never comes here: the
//! reactor answers it (KIP-511). Versions: from 3 on clients name their software, which must look like a name, and features are told.

use super::Call;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::api_key::ApiKey;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey};

/// The one feature: tools print it as the release that the broker is like. 30 is 4.3-IV0, 7 the lowest that Kafka 4.3 supports.
/// Others (`group.version`, `transaction.version`, ...) would promise APIs that are not served.
pub(super) const METADATA_VERSION: Text = Text::from_static("metadata.version");
pub(super) const METADATA_VERSION_LEVEL: i16 = 30;
const METADATA_VERSION_MIN: i16 = 7;

/// Answers at once.
pub fn handle(_state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: ApiVersionsRequest) {
    let named = is_software_name(&request.client_software_name) && is_software_name(&request.client_software_version);
    let response = if call.api_version < 3 || named {
        all()
    } else {
        ApiVersionsResponse { error_code: ErrorCode::INVALID_REQUEST, ..ApiVersionsResponse::default() }
    };
    fx.reply(call.to, Response::ApiVersions(response));
}

fn all() -> ApiVersionsResponse {
    let range = |api: &ApiKey| ApiVersion { api_key: api.number(), min_version: api.row().min, max_version: api.row().max };
    ApiVersionsResponse {
        api_keys: ApiKey::ALL.iter().map(range).collect(),
        supported_features: vec![SupportedFeatureKey {
            name: METADATA_VERSION,
            min_version: METADATA_VERSION_MIN,
            max_version: METADATA_VERSION_LEVEL,
        }],
        // Clients ignore finalized features while this is negative.
        finalized_features_epoch: 0,
        finalized_features: vec![FinalizedFeatureKey {
            name: METADATA_VERSION,
            max_version_level: METADATA_VERSION_LEVEL,
            min_version_level: METADATA_VERSION_LEVEL,
        }],
        ..ApiVersionsResponse::default()
    }
}

/// Letters, digits, and within them '-' and '.' (`ApiVersionsRequest.isValid`).
fn is_software_name(name: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call};

    fn ask(version: i16, name: &str, software_version: &str) -> ApiVersionsResponse {
        let mut world = World::new();
        let request = ApiVersionsRequest { client_software_name: name.into(), client_software_version: software_version.into() };
        handle(&mut world.state, &mut world.fx, world.now, call(version), request);
        answer!(world, ApiVersions)
    }

    #[test]
    fn every_api_is_advertised_with_its_range() {
        let response = ask(4, "apache-kafka-java", "4.3.1");
        assert_eq!(response.error_code, ErrorCode::NONE);
        assert_eq!(response.api_keys.len(), ApiKey::ALL.len());
        let range = |key| response.api_keys.iter().find(|api| api.api_key == key).map(|api| (api.min_version, api.max_version));
        assert_eq!(range(0), Some((0, 13)), "librdkafka stops compressing without Produce 0");
        assert_eq!(range(75), Some((0, 0)));
        assert_eq!(range(68), None);
        assert_eq!(response.finalized_features_epoch, 0);
    }

    #[test]
    fn software_names_must_look_like_names() {
        for name in ["a", "a.b", "a-b", "9"] {
            assert_eq!(ask(3, name, "1").error_code, ErrorCode::NONE, "{name}");
        }
        for name in ["", "a b", "-a", "a-", "a_b", "\u{e9}"] {
            assert_eq!(ask(3, name, "1").error_code, ErrorCode::INVALID_REQUEST, "{name}");
        }
        let refused = ask(3, "a", "-");
        assert_eq!((refused.error_code, refused.api_keys.len()), (ErrorCode::INVALID_REQUEST, 0));
        assert_eq!(ask(2, "", "").error_code, ErrorCode::NONE, "before version 3 there is no name");
    }
}
