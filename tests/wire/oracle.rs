//! Against the crate `kafka-protocol`, wherever it has the version: what we write it reads, and writes the same bytes again.

use crate::messages;
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use monolog::base::rng::Rng;
use monolog::base::text::Text;
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::frame::{decode_request, decode_response, encode_request, encode_response};
use monolog::wire::header::RequestHeader;

/// Random messages for each API, direction and version.
const SEEDS: u64 = 25;

/// Reads with their decoder to the end and writes with their encoder.
fn through_theirs<T: Decodable + Encodable>(bytes: &[u8], version: i16) -> Result<Vec<u8>, String> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let message = T::decode(&mut rest, version).map_err(|e| format!("they cannot read it: {e:#}"))?;
    if !rest.is_empty() {
        return Err(format!("they leave {} bytes", rest.len()));
    }
    let mut again = BytesMut::new();
    message.encode(&mut again, version).map_err(|e| format!("they cannot write it: {e:#}"))?;
    Ok(again.to_vec())
}

type Through = fn(&[u8], i16) -> Result<Vec<u8>, String>;

/// Their codec of an API: versions and the way through, for requests and responses.
fn their_codec(api: ApiKey) -> [(i16, i16, Through); 2] {
    macro_rules! codec {
        ($($api:ident: $request:ident, $response:ident;)*) => {
            match api {
                $(ApiKey::$api => [
                    (theirs::$request::VERSIONS.min, theirs::$request::VERSIONS.max, through_theirs::<theirs::$request>),
                    (theirs::$response::VERSIONS.min, theirs::$response::VERSIONS.max, through_theirs::<theirs::$response>),
                ],)*
            }
        };
    }
    codec! {
        Produce: ProduceRequest, ProduceResponse;
        Fetch: FetchRequest, FetchResponse;
        ListOffsets: ListOffsetsRequest, ListOffsetsResponse;
        Metadata: MetadataRequest, MetadataResponse;
        OffsetCommit: OffsetCommitRequest, OffsetCommitResponse;
        OffsetFetch: OffsetFetchRequest, OffsetFetchResponse;
        FindCoordinator: FindCoordinatorRequest, FindCoordinatorResponse;
        JoinGroup: JoinGroupRequest, JoinGroupResponse;
        Heartbeat: HeartbeatRequest, HeartbeatResponse;
        LeaveGroup: LeaveGroupRequest, LeaveGroupResponse;
        SyncGroup: SyncGroupRequest, SyncGroupResponse;
        DescribeGroups: DescribeGroupsRequest, DescribeGroupsResponse;
        ListGroups: ListGroupsRequest, ListGroupsResponse;
        ApiVersions: ApiVersionsRequest, ApiVersionsResponse;
        CreateTopics: CreateTopicsRequest, CreateTopicsResponse;
        DeleteTopics: DeleteTopicsRequest, DeleteTopicsResponse;
        DeleteRecords: DeleteRecordsRequest, DeleteRecordsResponse;
        InitProducerId: InitProducerIdRequest, InitProducerIdResponse;
        OffsetForLeaderEpoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
        DescribeAcls: DescribeAclsRequest, DescribeAclsResponse;
        CreateAcls: CreateAclsRequest, CreateAclsResponse;
        DeleteAcls: DeleteAclsRequest, DeleteAclsResponse;
        DescribeConfigs: DescribeConfigsRequest, DescribeConfigsResponse;
        AlterConfigs: AlterConfigsRequest, AlterConfigsResponse;
        AlterReplicaLogDirs: AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse;
        DescribeLogDirs: DescribeLogDirsRequest, DescribeLogDirsResponse;
        CreatePartitions: CreatePartitionsRequest, CreatePartitionsResponse;
        DeleteGroups: DeleteGroupsRequest, DeleteGroupsResponse;
        ElectLeaders: ElectLeadersRequest, ElectLeadersResponse;
        IncrementalAlterConfigs: IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
        AlterPartitionReassignments: AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
        ListPartitionReassignments: ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
        OffsetDelete: OffsetDeleteRequest, OffsetDeleteResponse;
        DescribeClientQuotas: DescribeClientQuotasRequest, DescribeClientQuotasResponse;
        DescribeUserScramCredentials: DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
        DescribeQuorum: DescribeQuorumRequest, DescribeQuorumResponse;
        UpdateFeatures: UpdateFeaturesRequest, UpdateFeaturesResponse;
        DescribeCluster: DescribeClusterRequest, DescribeClusterResponse;
        DescribeProducers: DescribeProducersRequest, DescribeProducersResponse;
        ListConfigResources: ListConfigResourcesRequest, ListConfigResourcesResponse;
        DescribeTopicPartitions: DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
    }
}

fn their_key(api: ApiKey) -> theirs::ApiKey {
    theirs::ApiKey::try_from(api.number()).expect("the crate has every API we serve")
}

/// The versions that both have.
fn common(api: ApiKey, (min, max, _): (i16, i16, Through)) -> std::ops::RangeInclusive<i16> {
    api.row().min_decodable.max(min)..=api.row().max.min(max)
}

#[test]
fn requests_pass_through_the_crate_unchanged() {
    for &api in ApiKey::ALL {
        let [codec, _] = their_codec(api);
        for version in common(api, codec) {
            for seed in 0..SEEDS {
                let rng = &mut Rng::new(seed);
                let header = RequestHeader { api, version, correlation_id: 7, client_id: Some(Text::from("me")) };
                let frame = encode_request(&header, &messages::request(api, rng)).to_vec();
                // Read back by us first: fields that this version lacks fall to their defaults.
                let (header_read, request) = decode_request(Bytes::from(frame).slice(4..)).expect("ours reads ours");
                assert_eq!(header_read, header);
                let frame = encode_request(&header, &request).to_vec();

                let header_version = their_key(api).request_header_version(version);
                let mut rest = Bytes::from(frame.clone()).slice(4..);
                let their_header = theirs::RequestHeader::decode(&mut rest, header_version).expect("their header");
                assert_eq!(their_header.request_api_key, api.number());
                assert_eq!(their_header.request_api_version, version);
                assert_eq!(their_header.correlation_id, 7);
                assert_eq!(their_header.client_id.as_deref(), Some("me"));
                match codec.2(&rest, version) {
                    Ok(again) => assert!(again == rest, "{api} request {version}, seed {seed}: other bytes for {request:?}"),
                    Err(why) => panic!("{api} request {version}, seed {seed}: {why}: {request:?}"),
                }
            }
        }
    }
}

#[test]
fn responses_pass_through_the_crate_unchanged() {
    for &api in ApiKey::ALL {
        let [_, codec] = their_codec(api);
        for version in common(api, codec) {
            for seed in 0..SEEDS {
                let rng = &mut Rng::new(seed);
                let frame = encode_response(7, version, &messages::response(api, rng)).to_vec();
                let (correlation_id, response) = decode_response(Bytes::from(frame).slice(4..), api, version).expect("ours reads ours");
                assert_eq!(correlation_id, 7);
                let frame = encode_response(7, version, &response).to_vec();

                let header_version = their_key(api).response_header_version(version);
                let mut rest = Bytes::from(frame.clone()).slice(4..);
                let their_header = theirs::ResponseHeader::decode(&mut rest, header_version).expect("their header");
                assert_eq!(their_header.correlation_id, 7);
                match codec.2(&rest, version) {
                    Ok(again) => assert!(again == rest, "{api} response {version}, seed {seed}: other bytes for {response:?}"),
                    Err(why) => panic!("{api} response {version}, seed {seed}: {why}: {response:?}"),
                }
            }
        }
    }
}

#[test]
fn the_crate_has_all_but_the_newest_versions() {
    // What it lacks is held by the schemas of Kafka's jar alone; this names it, so that a gap does not grow unseen.
    let mut lacking = Vec::new();
    for &api in ApiKey::ALL {
        for (codec, kind) in their_codec(api).into_iter().zip(["request", "response"]) {
            for version in api.row().min_decodable..=api.row().max {
                if !common(api, codec).contains(&version) {
                    lacking.push(format!("{api} {kind} {version}"));
                }
            }
        }
    }
    let expected = [
        "ListOffsets request 11",
        "ListOffsets response 11",
        "OffsetCommit request 10",
        "OffsetFetch request 10",
        "DescribeLogDirs request 5",
        "DescribeLogDirs response 5",
    ];
    assert_eq!(lacking, expected);
}

#[test]
fn error_codes_have_kafkas_names() {
    let snake = |camel: &str| {
        camel.chars().fold(String::new(), |mut name, c| {
            if c.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(c.to_ascii_uppercase());
            name
        })
    };
    let mut seen = 0;
    for &code in ErrorCode::ALL.iter().filter(|code| code.is_error()) {
        let Some(theirs) = kafka_protocol::ResponseError::try_from_code(code.0) else { continue };
        if matches!(theirs, kafka_protocol::ResponseError::Unknown(_)) {
            continue;
        }
        assert_eq!(code.name(), snake(&format!("{theirs:?}")));
        seen += 1;
    }
    assert!(seen >= 119, "the crate knows only {seen} codes");
}
