//! UpdateFeatures: the one feature, metadata.version, stays at the level of the release that the broker is like.
//! Versions: 0 and 1 name each feature when all is well; one that cannot be refuses all of them, in every version.

use super::Call;
use super::api_versions::{METADATA_VERSION, METADATA_VERSION_LEVEL};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::update_features::{FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse};

/// The lowest level that Kafka of this release knows.
const LEVEL_MIN: i16 = 7;
/// `FeatureUpdate.UpgradeType`: this one, and the two that may lower a level.
const UPGRADE: i8 = 1;
const UPGRADE_TYPES: std::ops::RangeInclusive<i8> = UPGRADE..=3;

/// Answers at once: nothing changes.
pub fn handle(_state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: UpdateFeaturesRequest) {
    let mut response = UpdateFeaturesResponse { error_message: None, ..UpdateFeaturesResponse::default() };
    for update in &request.feature_updates {
        if let Err(message) = check(update) {
            let message = format!("The update failed for all features since the following feature had an error: {message}");
            (response.error_code, response.error_message) = (ErrorCode::INVALID_UPDATE_VERSION, Some(Text::from(message)));
            response.results.clear();
            break;
        }
        if call.api_version < 2 {
            response.results.push(UpdatableFeatureResult {
                feature: update.feature.clone(),
                // As in Kafka, which has no message of no error.
                error_message: Some(Text::from_static("NONE")),
                ..UpdatableFeatureResult::default()
            });
        }
    }
    fx.reply(call.to, Response::UpdateFeatures(response));
}

fn check(update: &FeatureUpdateKey) -> Result<(), String> {
    let FeatureUpdateKey { feature, max_version_level: level, .. } = update;
    if *feature == METADATA_VERSION && *level == METADATA_VERSION_LEVEL {
        return Ok(());
    }
    let why = if *level < 0 {
        "A feature version cannot be less than 0.".to_owned()
    } else if !UPGRADE_TYPES.contains(&update.upgrade_type) {
        "The controller does not support the given upgrade type.".to_owned()
    } else if *feature == METADATA_VERSION && (LEVEL_MIN..METADATA_VERSION_LEVEL).contains(level) && update.upgrade_type == UPGRADE {
        "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.".to_owned()
    } else if *feature == METADATA_VERSION {
        format!("Local controller {NODE_ID} only supports versions {LEVEL_MIN}-{METADATA_VERSION_LEVEL}")
    } else {
        format!("Local controller {NODE_ID} does not support this feature.")
    };
    Err(format!("Invalid update version {level} for feature {feature}. {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call};

    fn ask(version: i16, updates: &[(&str, i16)]) -> UpdateFeaturesResponse {
        let mut world = World::new();
        let update = |(feature, max_version_level): &(&str, i16)| FeatureUpdateKey {
            feature: (*feature).into(),
            max_version_level: *max_version_level,
            ..FeatureUpdateKey::default()
        };
        let request = UpdateFeaturesRequest { feature_updates: updates.iter().map(update).collect(), ..UpdateFeaturesRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(version), request);
        answer!(world, UpdateFeatures)
    }

    #[test]
    fn the_level_stays() {
        assert_eq!(ask(2, &[("metadata.version", METADATA_VERSION_LEVEL)]).error_code, ErrorCode::NONE);
        let refused = ask(2, &[("metadata.version", METADATA_VERSION_LEVEL), ("group.version", 1)]);
        assert_eq!((refused.error_code, refused.results.len()), (ErrorCode::INVALID_UPDATE_VERSION, 0));
        assert!(refused.error_message.unwrap().contains("Invalid update version 1 for feature group.version."));
        let refused = ask(1, &[("metadata.version", METADATA_VERSION_LEVEL), ("metadata.version", 999)]);
        assert_eq!((refused.error_code, refused.results.len()), (ErrorCode::INVALID_UPDATE_VERSION, 0));
        assert!(refused.error_message.unwrap().ends_with("Local controller 1 only supports versions 7-30"));
        assert!(ask(1, &[("metadata.version", 7)]).error_message.unwrap().contains("Can't downgrade"));
        assert!(ask(1, &[("metadata.version", -5)]).error_message.unwrap().contains("cannot be less than 0"));
        let taken = ask(1, &[("metadata.version", METADATA_VERSION_LEVEL)]).results.remove(0);
        assert_eq!(
            (taken.feature.as_str(), taken.error_code, taken.error_message.as_deref()),
            ("metadata.version", ErrorCode::NONE, Some("NONE"))
        );
    }
}
