//! ApiVersions: the table, every version, the fallback for newer clients, features.

use crate::target::{Target, cases};
use monolog::client::{Client, ClientError};
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::frame::decode_response;
use monolog::wire::message::Response;
use monolog::wire::message::api_versions::{ApiVersionsRequest, ApiVersionsResponse};

cases! {
    kafka: every_version_tells_the_table, a_newer_version_is_answered_in_version_zero, a_nameless_client_is_refused, features_below_version_four_have_a_minimum,
        it_comes_first_or_not_at_all;
    ours: nothing_else_is_advertised
}

fn ask(client: &mut Client, version: i16) -> ApiVersionsResponse {
    client.pin(ApiKey::ApiVersions, version);
    client.api_versions(named("it", "1.0")).unwrap()
}

fn named(name: &str, version: &str) -> ApiVersionsRequest {
    ApiVersionsRequest { client_software_name: name.into(), client_software_version: version.into() }
}

fn every_version_tells_the_table(target: &Target) {
    let mut client = target.client();
    for version in 0..=4 {
        let answer = ask(&mut client, version);
        assert_eq!((answer.error_code, answer.throttle_time_ms), (ErrorCode::NONE, 0));
        for api in ApiKey::ALL {
            let row = api.row();
            let told = answer.api_keys.iter().find(|it| it.api_key == row.key).unwrap_or_else(|| panic!("no {api}"));
            assert_eq!((told.min_version, told.max_version), (row.min, row.max), "{api} in version {version}");
        }
    }
}

fn nothing_else_is_advertised(target: &Target) {
    let answer = ask(&mut target.client(), 4);
    assert_eq!(answer.api_keys.len(), ApiKey::ALL.len());
}

/// KIP-511. Java 4.4 does it on every connection.
fn a_newer_version_is_answered_in_version_zero(target: &Target) {
    for version in [5, 99, i16::MAX] {
        let mut client = target.client();
        let mut frame = vec![0, 18];
        frame.extend(version.to_be_bytes());
        frame.extend([0, 0, 0, 77, 0, 2, b'i', b't', 0, 3, b'i', b't', 2, b'1', 0]);
        client.send_raw(&[&(frame.len() as i32).to_be_bytes(), &frame[..]].concat()).unwrap();
        let (id, answer) = decode_response(client.receive_frame().unwrap(), ApiKey::ApiVersions, 0).unwrap();
        let Response::ApiVersions(answer) = answer else { panic!("{answer:?}") };
        assert_eq!((id, answer.error_code), (77, ErrorCode::UNSUPPORTED_VERSION));
        let own = answer.api_keys.iter().find(|it| it.api_key == 18).unwrap();
        assert_eq!((own.min_version, own.max_version), (0, 4));
        // The client tries again on the same connection.
        assert_eq!(ask(&mut client, own.max_version).error_code, ErrorCode::NONE);
    }
}

fn a_nameless_client_is_refused(target: &Target) {
    let mut client = target.client();
    for (name, version) in [("", "1"), ("it", ""), ("-it", "1"), ("i t", "1"), ("it", "1-")] {
        let answer = client.api_versions(named(name, version)).unwrap();
        assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST, "{name:?} {version:?}");
    }
    assert_eq!(client.api_versions(named("a.b-c", "1.0-rc1")).unwrap().error_code, ErrorCode::NONE);
}

/// KAFKA-17492: Java clients before 3.9 refuse a minimum of 0.
fn features_below_version_four_have_a_minimum(target: &Target) {
    let mut client = target.client();
    let answer = ask(&mut client, 3);
    assert!(answer.supported_features.iter().all(|feature| feature.min_version > 0), "{:?}", answer.supported_features);
    let answer = ask(&mut client, 4);
    assert!(answer.finalized_features.is_empty() || answer.finalized_features_epoch >= 0);
}

fn it_comes_first_or_not_at_all(target: &Target) {
    let mut client = target.client();
    client.find_topic(&target.name("none"), false).expect_err("not created");
    assert_eq!(ask(&mut client, 4).error_code, ErrorCode::NONE);
    assert!(matches!(client.receive(), Err(ClientError::NothingSent)));
}
