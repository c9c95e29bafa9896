//! The scenarios: for each API one or a few functions that ask everything of it in one version.

mod admin;
mod api_versions;
mod commits;
mod configs;
mod conversations;
mod fetch;
mod groups;
mod idempotence;
mod metadata;
mod odd;
mod odd_groups;
mod offsets;
mod produce;
mod retention;
mod topics;

use crate::run::Run;
use monolog::wire::api_key::ApiKey;
use std::ops::RangeInclusive;

/// Something to be asked in several versions.
pub struct Scenario {
    /// Its name, from which the names of its topics and groups are made.
    pub name: &'static str,
    /// The versions in which it is played, mostly those of one API.
    pub versions: RangeInclusive<i16>,
    /// It must not meet others: it looks at everything that is there.
    pub alone: bool,
    /// Plays it.
    pub play: fn(&mut Run, i16),
}

/// All scenarios; those that have to wait longest come first.
pub fn all() -> Vec<Scenario> {
    [
        conversations::scenarios(),
        retention::scenarios(),
        groups::scenarios(),
        fetch::scenarios(),
        commits::scenarios(),
        produce::scenarios(),
        idempotence::scenarios(),
        offsets::scenarios(),
        topics::scenarios(),
        metadata::scenarios(),
        configs::scenarios(),
        admin::scenarios(),
        odd::scenarios(),
        odd_groups::scenarios(),
        api_versions::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A scenario for all versions of an API.
fn of(name: &'static str, api: ApiKey, play: fn(&mut Run, i16)) -> Scenario {
    Scenario { name, versions: api.row().min_decodable..=api.row().max, alone: false, play }
}

/// The same, without others beside it.
fn alone(name: &'static str, api: ApiKey, play: fn(&mut Run, i16)) -> Scenario {
    Scenario { alone: true, ..of(name, api, play) }
}
