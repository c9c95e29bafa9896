//! ApiVersions, and what is true of every API: bodies that cannot be read, versions and APIs that are not there.

use super::{Scenario, alone, of};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![of("api-versions", ApiKey::ApiVersions, versions), Scenario { versions: 0..=0, ..alone("bodies", ApiKey::Metadata, bodies) }]
}

fn versions(run: &mut Run, version: i16) {
    let api = ApiKey::ApiVersions;
    run.ask(api, version, "plain", "{client_software_name: apache-kafka-java, client_software_version: 4.3.1}");
    run.ask(api, version, "one letter", "{client_software_name: a, client_software_version: 1}");
    if version >= 3 {
        run.ask(api, version, "no name", "{client_software_name: '', client_software_version: 4.3.1}");
        run.ask(api, version, "a blank in the name", "{client_software_name: 'a b', client_software_version: 4.3.1}");
        run.ask(api, version, "a dash at the end", "{client_software_name: a-, client_software_version: 4.3.1}");
        run.ask(api, version, "no version", "{client_software_name: a, client_software_version: ''}");
        run.ask(api, version, "an odd version", "{client_software_name: a, client_software_version: '4_3'}");
        run.ask(api, version, "a null", "{client_software_name: null, client_software_version: '1'}");
    }
}

/// One body of each API and version, cut short and made longer.
fn bodies(run: &mut Run, _: i16) {
    for &api in ApiKey::ALL {
        for version in api.row().min_decodable..=api.row().max {
            run.on("cut");
            run.ask_altered(api, version, "nothing in it", "{}", &|body| body.clear());
        }
    }
    for (version, name) in [(5, "next version"), (99, "far version"), (-1, "negative version")] {
        run.ask_altered(ApiKey::ApiVersions, version, name, "{}", &|_| {});
    }
    for &api in ApiKey::ALL.iter().filter(|api| **api != ApiKey::ApiVersions) {
        let row = api.row();
        run.ask_altered(api, row.max + 2, "a version from the future", "{}", &|body| body.clear());
        if row.min_decodable > 0 {
            run.ask_altered(api, row.min_decodable - 1, "a version of old", "{}", &|body| body.clear());
        }
    }
}
