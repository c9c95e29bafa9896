//! Bytes that mean harm: nothing panics, nothing is read beyond the frame, and no frame makes us hold much more than it has.

use crate::allocations::peak_of;
use crate::messages;
use bytes::Bytes;
use monolog::base::limits::DECODED_BYTES_MAX;
use monolog::base::rng::Rng;
use monolog::wire::api_key::ApiKey;
use monolog::wire::frame::{RequestError, decode_request, decode_response, encode_request, encode_response};
use monolog::wire::header::RequestHeader;
use monolog::wire::primitive::{DecodeError, Fault};
use proptest::prelude::*;

/// What decoding may hold: 64 KiB and 16 bytes for each byte of the frame, and for requests 16 MiB at most. Beside the arrays
/// there is the one counter by which slices share the frame.
fn allocation_max(frame: usize) -> usize {
    64 * 1024 + 16 * frame + 256
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Request,
    Response,
}

const KINDS: [Kind; 2] = [Kind::Request, Kind::Response];

/// Each API, version and kind that is served.
fn all() -> impl Iterator<Item = (ApiKey, i16, Kind)> {
    let versions = |&api: &ApiKey| (api.row().min_decodable..=api.row().max).map(move |version| (api, version));
    ApiKey::ALL.iter().flat_map(versions).flat_map(|(api, version)| KINDS.map(|kind| (api, version, kind)))
}

/// A frame, without its length, with everything in it that the version has.
fn frame(api: ApiKey, version: i16, kind: Kind, seed: u64) -> Vec<u8> {
    let rng = &mut Rng::new(seed);
    let encoded = match kind {
        Kind::Request => {
            let header = RequestHeader { api, version, correlation_id: 1, client_id: None };
            encode_request(&header, &messages::request(api, rng))
        }
        Kind::Response => encode_response(1, version, &messages::response(api, rng)),
    };
    encoded.to_vec().split_off(4)
}

/// Where the body of a frame begins.
fn body_at(api: ApiKey, version: i16, kind: Kind) -> usize {
    let flexible = usize::from(api.is_flexible(version));
    match kind {
        Kind::Request => 10 + flexible,
        Kind::Response if api == ApiKey::ApiVersions => 4,
        Kind::Response => 4 + flexible,
    }
}

/// Decodes, and checks what was held meanwhile.
fn decode(api: ApiKey, version: i16, kind: Kind, bytes: Vec<u8>) -> Result<(), DecodeError> {
    let len = bytes.len();
    let frame = Bytes::from(bytes);
    let (result, peak) = peak_of(|| match kind {
        Kind::Request => match decode_request(frame.clone()) {
            Err(RequestError::Body(_, error) | RequestError::Header(error)) => Err(error),
            // A mutated key or version.
            Err(RequestError::UnknownApiKey(_) | RequestError::UnsupportedVersion(..)) | Ok(_) => Ok(()),
        },
        Kind::Response => decode_response(frame.clone(), api, version).map(drop),
    });
    assert!(peak <= allocation_max(len), "{api} {kind:?} {version}: {len} bytes made us hold {peak}");
    if let Err(error) = result {
        assert!(error.at <= len);
        assert_ne!(error.field, "", "a fault without a place");
    }
    result
}

#[test]
fn no_frame_is_read_before_its_last_byte_is_there() {
    for (api, version, kind) in all() {
        for seed in 0..3 {
            let whole = frame(api, version, kind, seed);
            assert_eq!(decode(api, version, kind, whole.clone()), Ok(()), "{api} {kind:?} {version}");
            // The long ones are cut at steps, and at each of their last bytes.
            let step = 1 + whole.len() / 600;
            for len in (0..whole.len()).filter(|len| len % step == 0 || whole.len() - len < 40) {
                let cut = decode(api, version, kind, whole[..len].to_vec());
                let fault = cut.expect_err("a part was read as the whole").fault;
                let fitting = [Fault::Truncated, Fault::CountBeyondFrame];
                assert!(fitting.contains(&fault), "{api} {kind:?} {version} cut at {len}: {fault:?}");
            }
        }
    }
}

#[test]
fn mutated_frames_do_no_harm() {
    // Lengths and counts at the edges, plain and compact.
    let edges: [&[u8]; 10] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xff],
        &[0x80, 0, 0, 0],
        &[0xff, 0xff, 0xff, 0xfe],
        &[0x7f, 0xff],
        &[0x80, 0],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x80, 0x80, 0x80, 0x80, 0x08],
        &[0],
    ];
    for (api, version, kind) in all() {
        for seed in 0..80 {
            let rng = &mut Rng::new(seed);
            let mut bytes = frame(api, version, kind, seed % 5);
            let first = body_at(api, version, kind);
            for _ in 0..=rng.below(3) {
                let at = first + rng.below((bytes.len() - first).max(1) as u64) as usize;
                let edge = edges[rng.below(10) as usize];
                match rng.below(4) {
                    0 => bytes.splice(at.min(bytes.len()).., []).for_each(drop),
                    1 => bytes.splice(at.min(bytes.len())..at.min(bytes.len()), edge.iter().copied()).for_each(drop),
                    2 => bytes.splice(at.min(bytes.len())..(at + edge.len()).min(bytes.len()), edge.iter().copied()).for_each(drop),
                    _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.next_u64() as u8),
                }
                if bytes.len() <= first {
                    break;
                }
            }
            // Whatever comes of it, `decode` has checked.
            let _ = decode(api, version, kind, bytes);
        }
    }
}

#[test]
fn bodies_of_one_byte_repeated_do_no_harm() {
    for (api, version, kind) in all() {
        for byte in [0x00, 0x01, 0x02, 0x03, 0x7f, 0x80, 0xff] {
            for len in [1, 4, 5, 1000, 100_000] {
                let mut bytes = frame(api, version, kind, 0);
                bytes.truncate(body_at(api, version, kind));
                bytes.resize(bytes.len() + len, byte);
                let _ = decode(api, version, kind, bytes);
            }
        }
    }
}

/// The start of a request frame: key, version, correlation id, no client id, and no header tags when flexible.
fn start(api: ApiKey, version: i16) -> Vec<u8> {
    let mut bytes = frame(api, version, Kind::Request, 0);
    bytes.truncate(body_at(api, version, Kind::Request));
    bytes
}

#[test]
fn four_bytes_cannot_claim_two_billion_elements() {
    let plain = [start(ApiKey::Metadata, 4), vec![0x7f, 0xff, 0xff, 0xff]].concat();
    let error = decode(ApiKey::Metadata, 4, Kind::Request, plain).unwrap_err();
    assert_eq!((error.fault, error.field), (Fault::CountBeyondFrame, "MetadataRequest.topics"));
    let compact = [start(ApiKey::Metadata, 9), vec![0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    let error = decode(ApiKey::Metadata, 9, Kind::Request, compact).unwrap_err();
    assert_eq!((error.fault, error.field), (Fault::CountBeyondFrame, "MetadataRequest.topics"));
}

#[test]
fn lengths_below_null_and_too_long_varints_are_named() {
    let negative = [start(ApiKey::Metadata, 4), vec![0xff, 0xff, 0xff, 0xfe]].concat();
    assert_eq!(decode(ApiKey::Metadata, 4, Kind::Request, negative).unwrap_err().fault, Fault::NegativeLength);
    let negative = [start(ApiKey::Heartbeat, 0), vec![0x80, 0]].concat();
    assert_eq!(decode(ApiKey::Heartbeat, 0, Kind::Request, negative).unwrap_err().fault, Fault::NegativeLength);
    let long = [start(ApiKey::Metadata, 9), vec![0xff, 0xff, 0xff, 0xff, 0x1f]].concat();
    assert_eq!(decode(ApiKey::Metadata, 9, Kind::Request, long).unwrap_err().fault, Fault::VarintTooLong);
    let long = [start(ApiKey::Heartbeat, 4), vec![0x81, 0x80, 0x02], vec![b'x'; 32_768]].concat();
    assert_eq!(decode(ApiKey::Heartbeat, 4, Kind::Request, long).unwrap_err().fault, Fault::TextTooLong);
}

#[test]
fn many_empty_elements_in_a_large_frame_are_refused() {
    // A hundred thousand empty names, a byte each: they would take 32 times as much.
    let count: u32 = 100_000;
    let claim = [(count + 1) as u8 | 0x80, ((count + 1) >> 7) as u8 | 0x80, ((count + 1) >> 14) as u8];
    let bytes = [start(ApiKey::DescribeGroups, 5), claim.to_vec(), vec![1; count as usize + 2]].concat();
    let error = decode(ApiKey::DescribeGroups, 5, Kind::Request, bytes).unwrap_err();
    assert_eq!((error.fault, error.field), (Fault::TooManyElements, "DescribeGroupsRequest.groups"));
}

#[test]
fn a_huge_request_of_small_elements_stays_below_the_cap() {
    // Three megabytes would have an allowance of 48; requests never get more than the cap.
    let count: u32 = 3 << 20;
    let bytes = [start(ApiKey::ListOffsets, 1), vec![0xff; 4], count.to_be_bytes().to_vec(), vec![0; 6 * count as usize]].concat();
    let (result, peak) = peak_of(|| decode_request(Bytes::from(bytes)).map(drop));
    assert!(matches!(result, Err(RequestError::Body(_, error)) if error.fault == Fault::TooManyElements), "{result:?}");
    assert!(peak <= DECODED_BYTES_MAX, "{peak}");
}

#[test]
fn what_honest_clients_send_is_within_the_allowance() {
    // Short names in bulk, the worst ratio there is in practice: 20,000 groups of six letters.
    let groups = (0..20_000).map(|i| format!("g{i:05}").into()).collect();
    let request = monolog::wire::message::describe_groups::DescribeGroupsRequest { groups, ..Default::default() };
    let header = RequestHeader { api: ApiKey::DescribeGroups, version: 6, correlation_id: 1, client_id: None };
    let bytes = encode_request(&header, &monolog::wire::message::Request::DescribeGroups(request)).to_vec().split_off(4);
    assert_eq!(decode(ApiKey::DescribeGroups, 6, Kind::Request, bytes), Ok(()));
}

#[test]
fn tagged_fields_cannot_lead_astray() {
    let body = [start(ApiKey::Fetch, 12), vec![0; 25], vec![1, 1, 1]].concat();
    let read = |tags: &[u8]| decode(ApiKey::Fetch, 12, Kind::Request, [&body, tags].concat());
    assert_eq!(read(&[0]), Ok(()));
    // Tag 0, the cluster id: 3 bytes with a string of 2.
    assert_eq!(read(&[1, 0, 3, 3, b'i', b'd']), Ok(()));
    // The string ends before the tagged field does, and the other way round.
    assert_eq!(read(&[1, 0, 4, 3, b'i', b'd', 0]).unwrap_err().fault, Fault::TagSize);
    assert_eq!(read(&[1, 0, 2, 3, b'i', b'd']).unwrap_err().fault, Fault::Truncated);
    // An unknown tag that claims more than there is, and more tags than there are bytes.
    assert_eq!(read(&[1, 99, 0xff, 0xff, 0xff, 0xff, 0x0f]).unwrap_err().fault, Fault::Truncated);
    assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x0f, 99, 0]).unwrap_err().fault, Fault::Truncated);
    // Unknown tags within unknown tags are only bytes.
    assert_eq!(read(&[1, 99, 5, 1, 98, 2, 1, 97]), Ok(()));
    // Before version 15 tag 1 is unknown.
    assert_eq!(read(&[1, 1, 1, 0xff]), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn arbitrary_frames_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = decode(ApiKey::ApiVersions, 0, Kind::Request, bytes);
    }

    #[test]
    fn arbitrary_bodies_do_no_harm(which in any::<prop::sample::Index>(), body in proptest::collection::vec(any::<u8>(), 0..600)) {
        let all: Vec<_> = all().collect();
        let (api, version, kind) = all[which.index(all.len())];
        let mut bytes = frame(api, version, kind, 0);
        bytes.truncate(body_at(api, version, kind));
        bytes.extend(body);
        let _ = decode(api, version, kind, bytes);
    }
}
