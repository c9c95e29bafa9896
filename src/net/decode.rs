//! One frame to one piece of mail for the engine: decodes the request, and checks the batches of a Produce on this thread, so
//! that the engine only decides. Called by `conn`.

use crate::base::text::Text;
use crate::wire::api_key::ApiKey;
use crate::wire::batch::{BatchError, CheckedBatch};
use crate::wire::error_code::ErrorCode;
use crate::wire::frame::{RequestError, decode_request};
use crate::wire::header::RequestHeader;
use crate::wire::message::api_versions::{ApiVersion, ApiVersionsResponse};
use crate::wire::message::{Request, Response};
use bytes::Bytes;

/// What a frame turned out to be.
pub enum Decoded {
    /// For the engine. Of a Produce the records are taken out and checked, in the order of the request.
    Request(RequestHeader, Request, Vec<Result<CheckedBatch, BatchError>>),
    /// ApiVersions of a version from the future: answered here, with version 0.
    AskLower(i32, Response),
    /// Nothing that is served: the connection closes, as with Kafka.
    Fault(RequestError),
}

/// Decodes a frame.
pub fn decode(frame: Bytes) -> Decoded {
    match decode_request(frame) {
        Ok((header, mut request)) => {
            let batches = check_batches(&mut request, header.version);
            Decoded::Request(header, request, batches)
        }
        Err(RequestError::UnsupportedVersion(ApiKey::ApiVersions, start)) => Decoded::AskLower(start.correlation_id, ask_lower()),
        Err(error) => Decoded::Fault(error),
    }
}

/// Whether a frame is a Produce, by its first two bytes.
pub fn is_produce(frame: &[u8]) -> bool {
    frame.first_chunk().is_some_and(|key| i16::from_be_bytes(*key) == ApiKey::Produce.number())
}

/// What a frame's length or first bytes look like to somebody who came to the wrong port.
pub fn guess(length: i32) -> &'static str {
    match length.to_be_bytes() {
        [0x16, 0x03, ..] => " (TLS on a plaintext port?)",
        [b'G', b'E', b'T', b' '] | [b'P', b'O', b'S', b'T'] | [b'H', b'E', b'A', b'D'] | [b'P', b'U', b'T', b' '] => {
            " (HTTP on the Kafka port?)"
        }
        _ => "",
    }
}

fn check_batches(request: &mut Request, version: i16) -> Vec<Result<CheckedBatch, BatchError>> {
    let Request::Produce(produce) = request else { return Vec::new() };
    let partitions = produce.topic_data.iter_mut().flat_map(|topic| &mut topic.partition_data);
    partitions.map(|partition| CheckedBatch::check(partition.records.take(), version)).collect()
}

/// KIP-511: the client learns from the one row which version to ask with (`ApiVersionsRequest.getErrorResponse`).
fn ask_lower() -> Response {
    let row = ApiKey::ApiVersions.row();
    Response::ApiVersions(ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: vec![ApiVersion { api_key: row.key, min_version: row.min, max_version: row.max }],
        ..ApiVersionsResponse::default()
    })
}

/// An address as Java prints it in group descriptions: IPv6 in eight groups without shortening.
pub fn java_host(ip: std::net::IpAddr) -> Text {
    match ip.to_canonical() {
        std::net::IpAddr::V4(v4) => Text::from(format!("/{v4}")),
        std::net::IpAddr::V6(v6) => Text::from(format!("/{}", v6.segments().map(|group| format!("{group:x}")).join(":"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(key: i16, version: i16, rest: &[u8]) -> Bytes {
        Bytes::from([&key.to_be_bytes()[..], &version.to_be_bytes(), &7_i32.to_be_bytes(), rest].concat())
    }

    #[test]
    fn api_versions_from_the_future_are_asked_to_come_back_lower() {
        for version in [5, i16::MAX, -1] {
            let Decoded::AskLower(7, Response::ApiVersions(response)) = decode(frame(18, version, &[0xff; 9])) else {
                panic!("version {version}")
            };
            assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
            assert_eq!(response.api_keys, [ApiVersion { api_key: 18, min_version: 0, max_version: 4 }]);
        }
    }

    #[test]
    fn what_is_not_served_is_a_fault() {
        for bad in [
            frame(999, 0, &[]),
            frame(0, 2, &[]),
            frame(1, 99, &[]),
            frame(3, 9, &[0xff; 4]),
            Bytes::new(),
            Bytes::from_static(b"GET / HTTP/1.1"),
        ] {
            assert!(matches!(decode(bad), Decoded::Fault(_)));
        }
    }

    #[test]
    fn hosts_are_printed_as_java_does() {
        assert_eq!(java_host("127.0.0.1".parse().unwrap()), "/127.0.0.1");
        assert_eq!(java_host("::ffff:10.0.0.1".parse().unwrap()), "/10.0.0.1");
        assert_eq!(java_host("fe80::1".parse().unwrap()), "/fe80:0:0:0:0:0:0:1");
    }
}
