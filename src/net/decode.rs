//! One frame to one piece of mail for the engine: decodes the request, and checks the batches of a Produce on this thread, so
//! that the engine only decides. Called by `conn`.

use super::frame::Frame;
use crate::base::budget::Budget;
use crate::base::limits::{DECODED_BYTES_MAX, DECODED_BYTES_MIN};
use crate::base::text::Text;
use crate::wire::api_key::ApiKey;
use crate::wire::batch::{BatchError, CheckedBatch};
use crate::wire::error_code::ErrorCode;
use crate::wire::frame::{RequestError, decode_and_measure};
use crate::wire::header::RequestHeader;
use crate::wire::message::api_versions::{ApiVersion, ApiVersionsResponse};
use crate::wire::message::{Request, Response};

/// What a frame turned out to be.
pub enum Decoded {
    /// For the engine. Of a Produce the records are taken out and checked, in the order of the request. With what its lists take in
    /// memory, in bytes.
    Request(RequestHeader, Request, Vec<Result<CheckedBatch, BatchError>>, usize),
    /// ApiVersions of a version from the future: answered here, with version 0.
    AskLower(i32, Response),
    /// Nothing that is served: the connection closes, as with Kafka.
    Fault(RequestError),
}

/// Decodes a frame.
pub fn decode(frame: &Frame, budget: &Budget) -> Decoded {
    // What is in a lane must not stay in the tail cache.
    let shares_max = if frame.is_in_lane { usize::MAX } else { frame.bytes.len() };
    let lists_bytes_max = (budget.limit_bytes() / 8).clamp(DECODED_BYTES_MIN, DECODED_BYTES_MAX);
    match decode_and_measure(frame.bytes.clone(), lists_bytes_max) {
        Ok((header, mut request, lists_bytes)) => {
            let mut batches = check_batches(&mut request, header.version);
            mark_small(&mut batches, shares_max, budget);
            let lists_bytes = lists_bytes + batches.capacity() * size_of::<Result<CheckedBatch, BatchError>>();
            Decoded::Request(header, request, batches, lists_bytes)
        }
        Err(RequestError::UnsupportedVersion(ApiKey::ApiVersions, start)) => Decoded::AskLower(start.correlation_id, ask_lower()),
        Err(error) => Decoded::Fault(error),
    }
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

/// Batches may stay in the tail cache for long, where each is charged for its own size. So those that are less than a quarter of
/// their frame get bytes of their own when they are decided, and all of them do when the rest is less than three quarters of it: what is shared is
/// then charged for nearly everything that it keeps in memory.
fn mark_small(batches: &mut [Result<CheckedBatch, BatchError>], frame_bytes: usize, budget: &Budget) {
    let quarter = frame_bytes / 4;
    let shared: usize = batches.iter().flatten().map(CheckedBatch::size).filter(|size| *size >= quarter).sum();
    let bound = if shared >= frame_bytes - quarter { quarter } else { usize::MAX };
    batches.iter_mut().flatten().filter(|batch| batch.size() < bound).for_each(|batch| batch.leave_frame(budget));
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
    use crate::wire::batch_builder::BatchBuilder;
    use crate::wire::compress::Codec;
    use bytes::Bytes;

    fn of(bytes: Bytes) -> Frame {
        Frame { bytes, is_in_lane: false }
    }

    fn frame(key: i16, version: i16, rest: &[u8]) -> Frame {
        of(Bytes::from([&key.to_be_bytes()[..], &version.to_be_bytes(), &7_i32.to_be_bytes(), rest].concat()))
    }

    #[test]
    fn api_versions_from_the_future_are_asked_to_come_back_lower() {
        for version in [5, i16::MAX, -1] {
            let Decoded::AskLower(7, Response::ApiVersions(response)) = decode(&frame(18, version, &[0xff; 9]), &Budget::new(0)) else {
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
            of(Bytes::new()),
            of(Bytes::from_static(b"GET / HTTP/1.1")),
        ] {
            assert!(matches!(decode(&bad, &Budget::new(0)), Decoded::Fault(_)));
        }
    }

    #[test]
    fn batches_that_are_a_small_part_of_a_frame_leave_it() {
        let batch = |size: usize| {
            let mut builder = BatchBuilder::new(Codec::None);
            builder.push(0, None, Some(&vec![0; size]), &[]);
            CheckedBatch::check(Some(builder.build().unwrap()), 9)
        };
        // Which of the batches have moved, in a frame with so many bytes beside them.
        let moved = |sizes: &[usize], others: usize| {
            let mut batches: Vec<_> = sizes.iter().map(|size| batch(*size)).collect();
            let frame_bytes = others + batches.iter().flatten().map(CheckedBatch::size).sum::<usize>();
            mark_small(&mut batches, frame_bytes, &Budget::new(0));
            let is_copied = |batch: CheckedBatch| batch.bytes().as_ptr() != batch.clone().into_bytes().as_ptr();
            batches.into_iter().flatten().map(is_copied).collect::<Vec<_>>()
        };
        assert_eq!(moved(&[500], 60), [false]);
        let mut in_lane = [batch(500)];
        mark_small(&mut in_lane, usize::MAX, &Budget::new(0));
        let in_lane = in_lane.into_iter().flatten().next().unwrap();
        assert_ne!(in_lane.bytes().as_ptr(), in_lane.clone().into_bytes().as_ptr(), "the lane must be free for the next");
        assert_eq!(moved(&[500], 1_000_000), [true], "whatever else is in the frame");
        assert_eq!(moved(&[5_000; 4], 0), [false; 4]);
        assert_eq!(moved(&[5_000; 5], 60), [true; 5]);
        assert_eq!(moved(&[50_000, 100], 60), [false, true]);
        assert_eq!(moved(&[5_000, 1_000, 1_000, 1_000, 1_000, 1_000], 0), [true; 6], "half a frame must not keep the other half");
    }

    #[test]
    fn hosts_are_printed_as_java_does() {
        assert_eq!(java_host("127.0.0.1".parse().unwrap()), "/127.0.0.1");
        assert_eq!(java_host("::ffff:10.0.0.1".parse().unwrap()), "/10.0.0.1");
        assert_eq!(java_host("fe80::1".parse().unwrap()), "/fe80:0:0:0:0:0:0:1");
    }
}
