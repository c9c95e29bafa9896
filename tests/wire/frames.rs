//! Whole frames: which are refused and how, what is shared and not copied, and what the headers look like.

use crate::messages;
use bytes::Bytes;
use monolog::base::rng::Rng;
use monolog::base::text::Text;
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::frame::{RequestError, decode_request, decode_response, encode_request, encode_response};
use monolog::wire::header::{RequestHeader, RequestStart};
use monolog::wire::message::api_versions::ApiVersionsResponse;
use monolog::wire::message::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use monolog::wire::message::metadata::MetadataResponse;
use monolog::wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use monolog::wire::message::{Request, Response};
use monolog::wire::primitive::Fault;
use monolog::wire::records::Records;

fn header(api: ApiKey, version: i16) -> RequestHeader {
    RequestHeader { api, version, correlation_id: 11, client_id: None }
}

/// A frame without its length.
fn frame_of(version: i16, request: &Request) -> Bytes {
    Bytes::from(encode_request(&header(request.api(), version), request).to_vec()).slice(4..)
}

#[test]
fn exactly_the_versions_of_the_table_are_served() {
    for &api in ApiKey::ALL {
        let row = api.row();
        assert_eq!((row.key, ApiKey::from_i16(row.key)), (api.number(), Some(api)));
        assert!(row.min <= row.min_decodable && row.min_decodable <= row.max, "{api}");
        for version in -2..=row.max + 3 {
            // The body is right for the nearest version that is served, so that only the version can be at fault.
            let request = messages::request(api, &mut Rng::new(1));
            let nearest = version.clamp(row.min_decodable, row.max);
            let mut frame = frame_of(nearest, &request).to_vec();
            frame[2..4].copy_from_slice(&version.to_be_bytes());
            let start = RequestStart { api_key: row.key, api_version: version, correlation_id: 11 };
            match decode_request(Bytes::from(frame)) {
                Ok((read, request)) => {
                    assert!((row.min_decodable..=row.max).contains(&version), "{api} {version} was read");
                    assert_eq!((read, request.api()), (header(api, version), api));
                }
                Err(error) => {
                    assert!(!(row.min_decodable..=row.max).contains(&version), "{api} {version}: {error}");
                    assert_eq!(error, RequestError::UnsupportedVersion(api, start));
                }
            }
        }
    }
}

#[test]
fn unknown_keys_are_named() {
    for key in (-300..300).filter(|&key| ApiKey::from_i16(key).is_none()) {
        let frame = [key.to_be_bytes().as_slice(), &[0, 3, 0, 0, 0, 9, 0xff, 0xff]].concat();
        let start = RequestStart { api_key: key, api_version: 3, correlation_id: 9 };
        assert_eq!(decode_request(Bytes::from(frame)), Err(RequestError::UnknownApiKey(start)));
    }
}

#[test]
fn api_versions_from_the_future_needs_eight_bytes_only() {
    // Whatever a later header looks like: key 18, version 5, correlation id 9.
    let frame = Bytes::from_static(&[0, 18, 0, 5, 0, 0, 0, 9]);
    let start = RequestStart { api_key: 18, api_version: 5, correlation_id: 9 };
    assert_eq!(decode_request(frame), Err(RequestError::UnsupportedVersion(ApiKey::ApiVersions, start)));
}

#[test]
fn api_versions_answers_have_no_tagged_fields_in_their_header() {
    let response = ApiVersionsResponse { error_code: ErrorCode::UNSUPPORTED_VERSION, ..Default::default() };
    let response = Response::ApiVersions(response);
    // Version 3: correlation id, error, an empty compact array, throttle time, no tagged fields.
    assert_eq!(encode_response(1, 3, &response).to_vec(), [0, 0, 0, 12, 0, 0, 0, 1, 0, 35, 1, 0, 0, 0, 0, 0]);
    // Version 0, the answer to a version that is not served.
    assert_eq!(encode_response(1, 0, &response).to_vec(), [0, 0, 0, 10, 0, 0, 0, 1, 0, 35, 0, 0, 0, 0]);
    // Other flexible responses have them.
    let metadata = Response::Metadata(MetadataResponse::default());
    assert_eq!(encode_response(1, 9, &metadata).to_vec()[4..9], [0, 0, 0, 1, 0]);
}

#[test]
fn the_client_id_is_never_compact_and_header_tags_are_skipped() {
    let frame = [
        &[0, 18, 0, 3, 0, 0, 0, 9, 0, 2, b'm', b'e'][..],
        &[1, 77, 2, 0xaa, 0xbb], // one tagged field, number 77, of two bytes
        &[4, b'l', b'i', b'b', 2, b'1', 0],
    ]
    .concat();
    let (header, request) = decode_request(Bytes::from(frame)).unwrap();
    assert_eq!(header.client_id, Some(Text::from("me")));
    let Request::ApiVersions(body) = request else { panic!("{request:?}") };
    assert_eq!((body.client_software_name, body.client_software_version), (Text::from("lib"), Text::from("1")));
}

#[test]
fn errors_name_the_field() {
    let mut request = ProduceRequest::default();
    request.topic_data.push(TopicProduceData { name: Text::from("orders"), ..Default::default() });
    let mut frame = frame_of(3, &Request::Produce(request)).to_vec();
    let at = frame.windows(6).position(|bytes| bytes == b"orders").unwrap();
    frame[at] = 0xff;
    match decode_request(Bytes::from(frame)) {
        Err(RequestError::Body(_, error)) => {
            assert_eq!((error.fault, error.field, error.at), (Fault::NotUtf8, "TopicProduceData.name", at + 6));
            assert!(error.to_string().contains("TopicProduceData.name"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    let error = decode_request(Bytes::from_static(&[0, 18, 0, 0, 0, 0, 0, 1, 0, 9])).unwrap_err();
    assert!(error.to_string().contains("RequestHeader.client_id"), "{error}");
}

#[test]
fn nulls_where_a_version_has_none_are_refused() {
    // Metadata version 0: topics are not nullable yet. Version 1: null means all.
    let frame = |version: u8| Bytes::from(vec![0, 3, 0, version, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let Err(RequestError::Body(_, error)) = decode_request(frame(0)) else { panic!("read") };
    assert_eq!((error.fault, error.field), (Fault::NullNotAllowed, "MetadataRequest.topics"));
    let Ok((_, Request::Metadata(request))) = decode_request(frame(1)) else { panic!("not read") };
    assert_eq!(request.topics, None);
}

#[test]
fn bytes_after_the_body_are_ignored() {
    let frame = frame_of(4, &Request::Heartbeat(Default::default()));
    let longer = Bytes::from([&frame[..], b"more"].concat());
    assert_eq!(decode_request(longer), decode_request(frame));
}

#[test]
fn produced_batches_and_names_are_slices_of_the_frame() {
    for version in 3..=13 {
        let partition = PartitionProduceData { index: 0, records: Some(Bytes::from(vec![7; 5000])) };
        let topic = TopicProduceData { name: Text::from("orders"), partition_data: vec![partition], ..Default::default() };
        let frame = frame_of(version, &Request::Produce(ProduceRequest { topic_data: vec![topic], ..Default::default() }));
        let Ok((_, Request::Produce(mut request))) = decode_request(frame.clone()) else { panic!("not read") };
        let mut topic = request.topic_data.remove(0);
        let within = |part: &[u8]| part.is_empty() || frame.as_ptr_range().contains(&part.as_ptr());
        assert!(within(topic.name.as_bytes()), "version {version} copies the name");
        assert!(within(&topic.partition_data.remove(0).records.unwrap()), "version {version} copies records");
    }
}

#[test]
fn fetched_batches_are_sent_as_they_lie() {
    for version in 4..=18 {
        let batches = [Bytes::from(vec![7; 5000]), Bytes::from(vec![8; 6000])];
        let mut records = Records::default();
        for batch in &batches {
            records.push_batch([9; 16], batch.clone());
        }
        let partition = PartitionData { records: records.clone(), ..Default::default() };
        let topic = FetchableTopicResponse { partitions: vec![partition], ..Default::default() };
        let response = Response::Fetch(FetchResponse { responses: vec![topic], ..Default::default() });
        let frame = encode_response(1, version, &response);
        for batch in &batches {
            assert!(frame.chunks.iter().any(|chunk| chunk.as_ptr() == batch.as_ptr()), "version {version} copies");
        }
        assert_eq!(frame.len, frame.chunks.iter().map(Bytes::len).sum::<usize>());
        let bytes = Bytes::from(frame.to_vec());
        assert_eq!(bytes[..4], (frame.len as i32 - 4).to_be_bytes());
        let (_, read) = decode_response(bytes.slice(4..), ApiKey::Fetch, version).unwrap();
        let Response::Fetch(read) = read else { panic!("{read:?}") };
        assert_eq!(read.responses[0].partitions[0].records, records);
    }
}

#[test]
fn fetched_records_are_never_null_and_null_is_read_as_empty() {
    for version in 4..=18 {
        let topic = FetchableTopicResponse { partitions: vec![PartitionData::default()], ..Default::default() };
        let response = Response::Fetch(FetchResponse { responses: vec![topic], ..Default::default() });
        let mut frame = encode_response(1, version, &response).to_vec();
        // Empty records end the partition: a length of 0, or compact 1 and no tagged fields of partition, topic and response.
        let (empty, null) = if version < 12 { ([0; 4], [0xff; 4]) } else { ([1, 0, 0, 0], [0; 4]) };
        let written = Bytes::from(frame.clone()).slice(4..);
        let records = frame.last_chunk_mut::<4>().unwrap();
        assert_eq!(*records, empty, "version {version}");
        *records = null;
        let read = |frame| decode_response(frame, ApiKey::Fetch, version);
        assert_eq!(read(Bytes::from(frame).slice(4..)), read(written));
    }
}

#[test]
fn a_message_of_ours_that_is_too_long_is_cut_between_characters() {
    let long = "€".repeat(20_000);
    let response = MetadataResponse { cluster_id: Some(Text::from(long.as_str())), ..Default::default() };
    for version in [2, 13] {
        let frame = Bytes::from(encode_response(1, version, &Response::Metadata(response.clone())).to_vec());
        let (_, Response::Metadata(read)) = decode_response(frame.slice(4..), ApiKey::Metadata, version).unwrap() else { panic!() };
        assert_eq!(read.cluster_id.as_deref(), Some(&long[..32_766]));
    }
}
