//! A small blocking Kafka client over one plain connection, for the command line and for tests: typed calls, pipelining, raw
//! bytes. It neither retries nor looks for other brokers.

use crate::base::ids::Uuid;
use crate::base::limits::REQUEST_BYTES_MAX;
use crate::base::text::Text;
use crate::wire::api_key::ApiKey;
use crate::wire::batch::{BatchHeader, batch_crc};
use crate::wire::error_code::ErrorCode;
use crate::wire::frame::{decode_response, encode_request};
use crate::wire::header::RequestHeader;
use crate::wire::message::{self, Request, Response};
use crate::wire::primitive::DecodeError;
use crate::wire::record::RecordError;
use crate::wire::records::Records;
use crate::wire::stored::{batches, inflate_records, records};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A connection to a broker. Every wait on the socket ends after the time-out given at [`Client::connect`].
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    client_id: Option<Text>,
    versions: BTreeMap<ApiKey, i16>,
    next_correlation_id: i32,
    in_flight: VecDeque<(i32, ApiKey, i16)>,
}

/// A topic as both old and new versions of the APIs name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Text,
    /// Its id.
    pub id: Uuid,
}

/// A record as it came from the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedRecord {
    /// Its offset in the partition.
    pub offset: i64,
    /// Its timestamp, ms since 1970, -1 for none.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Makes one typed call of each API.
macro_rules! calls {
    ($($method:ident: $api:ident, $module:ident::$request:ident -> $response:ident;)*) => {
        /// The typed calls: send one request, wait for its response. Errors inside the response are the caller's to read.
        impl Client {
            $(
                #[doc = concat!("Calls ", stringify!($api), ".")]
                pub fn $method(&mut self, request: message::$module::$request) -> Result<message::$module::$response, ClientError> {
                    match self.call(&Request::$api(request))? {
                        Response::$api(response) => Ok(response),
                        other => Err(ClientError::OtherApi(other.api())),
                    }
                }
            )*
        }
    };
}

calls! {
    produce: Produce, produce::ProduceRequest -> ProduceResponse;
    fetch: Fetch, fetch::FetchRequest -> FetchResponse;
    list_offsets: ListOffsets, list_offsets::ListOffsetsRequest -> ListOffsetsResponse;
    metadata: Metadata, metadata::MetadataRequest -> MetadataResponse;
    offset_commit: OffsetCommit, offset_commit::OffsetCommitRequest -> OffsetCommitResponse;
    offset_fetch: OffsetFetch, offset_fetch::OffsetFetchRequest -> OffsetFetchResponse;
    find_coordinator: FindCoordinator, find_coordinator::FindCoordinatorRequest -> FindCoordinatorResponse;
    join_group: JoinGroup, join_group::JoinGroupRequest -> JoinGroupResponse;
    heartbeat: Heartbeat, heartbeat::HeartbeatRequest -> HeartbeatResponse;
    leave_group: LeaveGroup, leave_group::LeaveGroupRequest -> LeaveGroupResponse;
    sync_group: SyncGroup, sync_group::SyncGroupRequest -> SyncGroupResponse;
    describe_groups: DescribeGroups, describe_groups::DescribeGroupsRequest -> DescribeGroupsResponse;
    list_groups: ListGroups, list_groups::ListGroupsRequest -> ListGroupsResponse;
    api_versions: ApiVersions, api_versions::ApiVersionsRequest -> ApiVersionsResponse;
    create_topics: CreateTopics, create_topics::CreateTopicsRequest -> CreateTopicsResponse;
    delete_topics: DeleteTopics, delete_topics::DeleteTopicsRequest -> DeleteTopicsResponse;
    delete_records: DeleteRecords, delete_records::DeleteRecordsRequest -> DeleteRecordsResponse;
    init_producer_id: InitProducerId, init_producer_id::InitProducerIdRequest -> InitProducerIdResponse;
    offset_for_leader_epoch: OffsetForLeaderEpoch, offset_for_leader_epoch::OffsetForLeaderEpochRequest -> OffsetForLeaderEpochResponse;
    describe_acls: DescribeAcls, describe_acls::DescribeAclsRequest -> DescribeAclsResponse;
    create_acls: CreateAcls, create_acls::CreateAclsRequest -> CreateAclsResponse;
    delete_acls: DeleteAcls, delete_acls::DeleteAclsRequest -> DeleteAclsResponse;
    describe_configs: DescribeConfigs, describe_configs::DescribeConfigsRequest -> DescribeConfigsResponse;
    alter_configs: AlterConfigs, alter_configs::AlterConfigsRequest -> AlterConfigsResponse;
    alter_replica_log_dirs: AlterReplicaLogDirs, alter_replica_log_dirs::AlterReplicaLogDirsRequest -> AlterReplicaLogDirsResponse;
    describe_log_dirs: DescribeLogDirs, describe_log_dirs::DescribeLogDirsRequest -> DescribeLogDirsResponse;
    create_partitions: CreatePartitions, create_partitions::CreatePartitionsRequest -> CreatePartitionsResponse;
    delete_groups: DeleteGroups, delete_groups::DeleteGroupsRequest -> DeleteGroupsResponse;
    elect_leaders: ElectLeaders, elect_leaders::ElectLeadersRequest -> ElectLeadersResponse;
    incremental_alter_configs: IncrementalAlterConfigs, incremental_alter_configs::IncrementalAlterConfigsRequest -> IncrementalAlterConfigsResponse;
    alter_partition_reassignments: AlterPartitionReassignments, alter_partition_reassignments::AlterPartitionReassignmentsRequest -> AlterPartitionReassignmentsResponse;
    list_partition_reassignments: ListPartitionReassignments, list_partition_reassignments::ListPartitionReassignmentsRequest -> ListPartitionReassignmentsResponse;
    offset_delete: OffsetDelete, offset_delete::OffsetDeleteRequest -> OffsetDeleteResponse;
    describe_client_quotas: DescribeClientQuotas, describe_client_quotas::DescribeClientQuotasRequest -> DescribeClientQuotasResponse;
    describe_user_scram_credentials: DescribeUserScramCredentials, describe_user_scram_credentials::DescribeUserScramCredentialsRequest -> DescribeUserScramCredentialsResponse;
    describe_quorum: DescribeQuorum, describe_quorum::DescribeQuorumRequest -> DescribeQuorumResponse;
    update_features: UpdateFeatures, update_features::UpdateFeaturesRequest -> UpdateFeaturesResponse;
    describe_cluster: DescribeCluster, describe_cluster::DescribeClusterRequest -> DescribeClusterResponse;
    describe_producers: DescribeProducers, describe_producers::DescribeProducersRequest -> DescribeProducersResponse;
    list_config_resources: ListConfigResources, list_config_resources::ListConfigResourcesRequest -> ListConfigResourcesResponse;
    describe_topic_partitions: DescribeTopicPartitions, describe_topic_partitions::DescribeTopicPartitionsRequest -> DescribeTopicPartitionsResponse;
}

impl Client {
    /// Connects to the first address that answers within `timeout`, which also bounds every later wait.
    pub fn connect(address: impl ToSocketAddrs, timeout: Duration) -> Result<Client, ClientError> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(timeout))?;
                    stream.set_write_timeout(Some(timeout))?;
                    let client_id = Some(Text::from_static("monolog"));
                    let (versions, in_flight) = Default::default();
                    return Ok(Client { stream, client_id, versions, next_correlation_id: 1, in_flight });
                }
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }

    /// Names itself thus from now on.
    pub fn set_client_id(&mut self, client_id: Option<&str>) {
        self.client_id = client_id.map(Text::from);
    }

    /// Uses this version of an API from now on, instead of the newest one known.
    pub fn pin(&mut self, api: ApiKey, version: i16) {
        self.versions.insert(api, version);
    }

    /// Asks the broker for its versions and uses the newest of each API that both sides know.
    pub fn negotiate(&mut self) -> Result<(), ClientError> {
        let answer = self.api_versions(message::api_versions::ApiVersionsRequest {
            client_software_name: Text::from_static("monolog"),
            client_software_version: Text::from_static(env!("CARGO_PKG_VERSION")),
        })?;
        refused(answer.error_code, None)?;
        for row in answer.api_keys {
            if let Some(api) = ApiKey::from_i16(row.api_key) {
                self.pin(api, row.max_version.min(api.row().max));
            }
        }
        Ok(())
    }

    /// Sends a request without waiting, and gives its correlation id. Its response is taken by [`Client::receive`], in the order
    /// of sending; a Produce with acks=0 has none.
    pub fn send(&mut self, request: &Request) -> Result<i32, ClientError> {
        let api = request.api();
        let version = self.versions.get(&api).copied().unwrap_or(api.row().max);
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1);
        let header = RequestHeader { api, version, correlation_id, client_id: self.client_id.clone() };
        self.send_raw(&encode_request(&header, request).to_vec())?;
        if !matches!(request, Request::Produce(produce) if produce.acks == 0) {
            self.in_flight.push_back((correlation_id, api, version));
        }
        Ok(correlation_id)
    }

    /// Waits for the response to the oldest request that was sent and not yet answered.
    pub fn receive(&mut self) -> Result<Response, ClientError> {
        let (expected, api, version) = self.in_flight.pop_front().ok_or(ClientError::NothingSent)?;
        let frame = self.receive_frame()?;
        let (found, response) = decode_response(frame, api, version).map_err(|error| ClientError::Undecodable(api, error))?;
        if found == expected { Ok(response) } else { Err(ClientError::Correlation { expected, found }) }
    }

    /// Sends a request and waits for its response. Everything sent before must have been received.
    pub fn call(&mut self, request: &Request) -> Result<Response, ClientError> {
        self.send(request)?;
        self.receive()
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Waits for one whole frame, and gives it without its length.
    pub fn receive_frame(&mut self) -> Result<Bytes, ClientError> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = i32::from_be_bytes(length);
        let size = usize::try_from(length).ok().filter(|&size| size <= REQUEST_BYTES_MAX).ok_or(ClientError::FrameLength(length))?;
        let mut frame = Vec::new();
        // Grows with what arrives, not with what the length claims.
        (&mut self.stream).take(size as u64).read_to_end(&mut frame)?;
        if frame.len() < size { Err(ClientError::Closed) } else { Ok(frame.into()) }
    }

    /// Ends the sending half of the connection; what the broker still has to say can be received.
    pub fn finish_sending(&mut self) -> Result<(), ClientError> {
        Ok(self.stream.shutdown(Shutdown::Write)?)
    }

    /// Makes a topic with these configs (name, value).
    pub fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<Topic, ClientError> {
        use message::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
        let config = |&(name, value): &(&str, &str)| CreatableTopicConfig { name: name.into(), value: Some(value.into()) };
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: -1,
            configs: configs.iter().map(config).collect(),
            ..CreatableTopic::default()
        };
        let answer = self.create_topics(CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() })?;
        let topic = only(answer.topics, "a topic")?;
        refused(topic.error_code, topic.error_message)?;
        Ok(Topic { name: topic.name, id: topic.topic_id })
    }

    /// Finds a topic by name; `auto_create` lets the broker make it.
    pub fn find_topic(&mut self, name: &str, auto_create: bool) -> Result<Topic, ClientError> {
        use message::metadata::{MetadataRequest, MetadataRequestTopic};
        let topic = MetadataRequestTopic { name: Some(name.into()), ..MetadataRequestTopic::default() };
        let topics = Some(vec![topic]);
        let answer = self.metadata(MetadataRequest { topics, allow_auto_topic_creation: auto_create, ..MetadataRequest::default() })?;
        let topic = only(answer.topics, "a topic")?;
        refused(topic.error_code, None)?;
        Ok(Topic { name: name.into(), id: topic.topic_id })
    }

    /// Sends a batch to one partition with acks=all.
    pub fn append(
        &mut self,
        topic: &Topic,
        partition: i32,
        batch: Bytes,
    ) -> Result<message::produce::PartitionProduceResponse, ClientError> {
        let answer = self.produce(append_request(topic, partition, batch, -1))?;
        only(only(answer.responses, "a topic")?.partition_responses, "a partition")
    }

    /// Fetches from one partition without a session, and waits at most `max_wait_ms` for a first byte.
    pub fn read(
        &mut self,
        topic: &Topic,
        partition: i32,
        offset: i64,
        max_wait_ms: i32,
    ) -> Result<message::fetch::PartitionData, ClientError> {
        use message::fetch::{FetchPartition, FetchRequest, FetchTopic};
        let partition = FetchPartition { partition, fetch_offset: offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
        let topics = vec![FetchTopic { topic: topic.name.clone(), topic_id: topic.id, partitions: vec![partition] }];
        let answer = self.fetch(FetchRequest { max_wait_ms, min_bytes: 1, topics, ..FetchRequest::default() })?;
        refused(answer.error_code, None)?;
        only(only(answer.responses, "a topic")?.partitions, "a partition")
    }

    /// The offset for a timestamp (ms since 1970), or -1 for the latest, -2 for the earliest, -3 for the greatest timestamp.
    pub fn offset_for(
        &mut self,
        topic: &Topic,
        partition: i32,
        timestamp: i64,
    ) -> Result<message::list_offsets::ListOffsetsPartitionResponse, ClientError> {
        use message::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
        let partition = ListOffsetsPartition { partition_index: partition, timestamp, ..ListOffsetsPartition::default() };
        let topics = vec![ListOffsetsTopic { name: topic.name.clone(), partitions: vec![partition] }];
        let answer = self.list_offsets(ListOffsetsRequest { replica_id: -1, topics, ..ListOffsetsRequest::default() })?;
        only(only(answer.topics, "a topic")?.partitions, "a partition")
    }

    /// Commits an offset of a group without members.
    pub fn commit(&mut self, group: &str, topic: &Topic, partition: i32, offset: i64) -> Result<(), ClientError> {
        use message::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
        let partition = OffsetCommitRequestPartition {
            partition_index: partition,
            committed_offset: offset,
            ..OffsetCommitRequestPartition::default()
        };
        let topics = vec![OffsetCommitRequestTopic { name: topic.name.clone(), topic_id: topic.id, partitions: vec![partition] }];
        let answer = self.offset_commit(OffsetCommitRequest { group_id: group.into(), topics, ..OffsetCommitRequest::default() })?;
        refused(only(only(answer.topics, "a topic")?.partitions, "a partition")?.error_code, None)
    }

    /// The offset a group has committed, -1 for none. Needs OffsetFetch 8 or newer.
    pub fn committed(&mut self, group: &str, topic: &Topic, partition: i32) -> Result<i64, ClientError> {
        use message::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
        let topic = OffsetFetchRequestTopics { name: topic.name.clone(), topic_id: topic.id, partition_indexes: vec![partition] };
        let group = OffsetFetchRequestGroup { group_id: group.into(), topics: Some(vec![topic]), ..OffsetFetchRequestGroup::default() };
        let answer = self.offset_fetch(OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() })?;
        let group = only(answer.groups, "a group")?;
        refused(group.error_code, None)?;
        let partition = only(only(group.topics, "a topic")?.partitions, "a partition")?;
        refused(partition.error_code, None)?;
        Ok(partition.committed_offset)
    }
}

/// The request by which [`Client::append`] sends a batch, for callers that pipeline or want other `acks`.
pub fn append_request(topic: &Topic, partition: i32, batch: Bytes, acks: i16) -> message::produce::ProduceRequest {
    use message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
    let partition_data = vec![PartitionProduceData { index: partition, records: Some(batch) }];
    let topic_data = vec![TopicProduceData { name: topic.name.clone(), topic_id: topic.id, partition_data }];
    ProduceRequest { acks, timeout_ms: 30_000, topic_data, ..ProduceRequest::default() }
}

/// The records of a fetch answer from offset `from` on (a batch may begin before it), control records left out. Every batch's
/// CRC is checked.
pub fn fetched_records(answer: &Records, from: i64) -> Result<Vec<FetchedRecord>, ClientError> {
    let mut found = Vec::new();
    for (base_offset, batch) in batches(answer.to_bytes()) {
        let header = BatchHeader::read(&batch).ok_or(RecordError::EndsEarly)?;
        if batch.get(17..21) != Some(&batch_crc(&batch).to_be_bytes()[..]) {
            return Err(ClientError::Crc { base_offset });
        }
        if header.is_control() {
            continue;
        }
        let section = inflate_records(&batch)?;
        for record in records(&header, &section) {
            let record = record?;
            let offset = base_offset + i64::from(record.offset_delta);
            if offset >= from {
                found.push(FetchedRecord {
                    offset,
                    timestamp: record.timestamp,
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    headers: record.headers().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect(),
                });
            }
        }
    }
    Ok(found)
}

fn only<T>(list: Vec<T>, what: &'static str) -> Result<T, ClientError> {
    list.into_iter().next().ok_or(ClientError::Incomplete(what))
}

fn refused(code: ErrorCode, message: Option<Text>) -> Result<(), ClientError> {
    if code == ErrorCode::NONE { Ok(()) } else { Err(ClientError::Refused(code, message)) }
}

/// Why a call did not succeed.
#[derive(Debug)]
pub enum ClientError {
    /// The broker closed the connection.
    Closed,
    /// The broker did not answer, or did not read, within the time-out.
    TimedOut,
    /// The connection failed otherwise, or was not made.
    Io(io::Error),
    /// A frame length, in bytes, that is negative or above Kafka's bound.
    FrameLength(i32),
    /// A response that cannot be read.
    Undecodable(ApiKey, DecodeError),
    /// The response to another request.
    Correlation {
        /// The id of the oldest request in flight.
        expected: i32,
        /// The id that came.
        found: i32,
    },
    /// The response of another API.
    OtherApi(ApiKey),
    /// `receive` without a request in flight.
    NothingSent,
    /// A response that lacks what was asked for.
    Incomplete(&'static str),
    /// The broker said no, perhaps with a message.
    Refused(ErrorCode, Option<Text>),
    /// A fetched batch with a wrong CRC.
    Crc {
        /// The batch.
        base_offset: i64,
    },
    /// Fetched records that cannot be read.
    Records(RecordError),
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> ClientError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => ClientError::Closed,
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::TimedOut,
            _ => ClientError::Io(error),
        }
    }
}

impl From<RecordError> for ClientError {
    fn from(error: RecordError) -> ClientError {
        ClientError::Records(error)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Closed => f.write_str("the broker closed the connection"),
            ClientError::TimedOut => f.write_str("the broker did not answer in time"),
            ClientError::Io(error) => write!(f, "{error}"),
            ClientError::FrameLength(length) => write!(f, "the broker announced a frame of {length} bytes"),
            ClientError::Undecodable(api, error) => write!(f, "undecodable {api} response: {error}"),
            ClientError::Correlation { expected, found } => write!(f, "the response has correlation id {found}, not {expected}"),
            ClientError::OtherApi(api) => write!(f, "the response is of {api}"),
            ClientError::NothingSent => f.write_str("no request is in flight"),
            ClientError::Incomplete(what) => write!(f, "the response lacks {what} that was asked for"),
            ClientError::Refused(code, None) => write!(f, "{code}"),
            ClientError::Refused(code, Some(message)) => write!(f, "{code}: {message}"),
            ClientError::Crc { base_offset } => write!(f, "the batch at offset {base_offset} has a wrong CRC"),
            ClientError::Records(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ClientError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch::stored_prefix;
    use crate::wire::batch_builder::BatchBuilder;
    use crate::wire::compress::Codec;
    use crate::wire::frame::{decode_request, encode_response};
    use crate::wire::message::heartbeat::{HeartbeatRequest, HeartbeatResponse};
    use std::net::TcpListener;
    use std::thread::{JoinHandle, spawn};

    /// A broker for one connection: `answer` gets each request and says what is sent back for it.
    fn broker(mut answer: impl FnMut(RequestHeader, Request) -> Vec<u8> + Send + 'static) -> (Client, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::connect(listener.local_addr().unwrap(), Duration::from_secs(10)).unwrap();
        let serve = move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 4];
            while stream.read_exact(&mut length).is_ok() {
                let mut frame = vec![0; u32::from_be_bytes(length) as usize];
                stream.read_exact(&mut frame).unwrap();
                let (header, request) = decode_request(frame.into()).unwrap();
                let bytes = answer(header, request);
                if bytes.is_empty() {
                    return;
                }
                stream.write_all(&bytes).unwrap();
            }
        };
        (client, spawn(serve))
    }

    fn heartbeat(generation_id: i32) -> Request {
        Request::Heartbeat(HeartbeatRequest { generation_id, ..HeartbeatRequest::default() })
    }

    /// Tells the generation back as the throttle time.
    fn echo(header: &RequestHeader, request: &Request) -> Vec<u8> {
        let Request::Heartbeat(request) = request else { panic!("{request:?}") };
        let response = HeartbeatResponse { throttle_time_ms: request.generation_id, ..HeartbeatResponse::default() };
        encode_response(header.correlation_id, header.version, &Response::Heartbeat(response)).to_vec()
    }

    #[test]
    fn requests_are_pipelined_and_answers_taken_in_order() {
        let (mut client, broker) = broker(|header, request| {
            assert_eq!((header.version, header.client_id.as_deref()), (3, Some("tester")));
            echo(&header, &request)
        });
        client.pin(ApiKey::Heartbeat, 3);
        client.set_client_id(Some("tester"));
        for generation in 0..10 {
            client.send(&heartbeat(generation)).unwrap();
        }
        for generation in 0..10 {
            let Response::Heartbeat(response) = client.receive().unwrap() else { panic!("another API") };
            assert_eq!(response.throttle_time_ms, generation);
        }
        assert!(matches!(client.receive(), Err(ClientError::NothingSent)));
        client.finish_sending().unwrap();
        broker.join().unwrap();
    }

    #[test]
    fn a_produce_without_acks_awaits_no_answer() {
        let mut produced = 0;
        let (mut client, _broker) = broker(move |header, request| match request {
            // The answer to the heartbeat that follows says how many came before it.
            Request::Heartbeat(_) => echo(&header, &heartbeat(produced)),
            _ => {
                produced += 1;
                b"\0\0\0\0".to_vec()
            }
        });
        let topic = Topic { name: "t".into(), id: Uuid::ZERO };
        client.send(&Request::Produce(append_request(&topic, 0, Bytes::from_static(b"x"), 0))).unwrap();
        assert!(matches!(client.receive(), Err(ClientError::NothingSent)));
        assert_eq!(client.receive_frame().unwrap(), "", "the test's broker says when it has read it");
        assert_eq!(client.heartbeat(HeartbeatRequest::default()).unwrap().throttle_time_ms, 1);
    }

    #[test]
    fn a_broker_that_misbehaves_is_told_apart() {
        let (mut client, _broker) = broker(|_, _| Vec::new());
        assert!(matches!(client.call(&heartbeat(1)), Err(ClientError::Closed)));
        let (mut client, _broker) = broker(|mut header, request| {
            header.correlation_id += 1;
            echo(&header, &request)
        });
        assert!(matches!(client.call(&heartbeat(1)), Err(ClientError::Correlation { expected: 1, found: 2 })));
        let (mut client, _broker) = broker(|_, _| (-5i32).to_be_bytes().to_vec());
        assert!(matches!(client.call(&heartbeat(1)), Err(ClientError::FrameLength(-5))));
        let (mut client, _broker) = broker(|_, _| vec![0, 0, 0, 5, 0, 0, 0, 1, 7]);
        assert!(matches!(client.call(&heartbeat(1)), Err(ClientError::Undecodable(ApiKey::Heartbeat, _))));

        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = Client::connect(silent.local_addr().unwrap(), Duration::from_millis(10)).unwrap();
        assert!(matches!(client.call(&heartbeat(1)), Err(ClientError::TimedOut)));
    }

    #[test]
    fn fetched_records_begin_where_asked_and_are_verified() {
        let mut builder = BatchBuilder::new(Codec::Gzip);
        for value in [&b"a"[..], b"b", b"c"] {
            builder.push(5, None, Some(value), &[(b"h", None)]);
        }
        let batch = builder.build().unwrap();
        let mut answer = Records::default();
        answer.push_batch(stored_prefix(40, batch.len(), 1), batch.slice(16..));
        answer.push_batch(stored_prefix(43, batch.len(), 1), batch.slice(16..));
        answer.push(batch.slice(..50));
        let found = fetched_records(&answer, 42).unwrap();
        assert_eq!(found.iter().map(|record| record.offset).collect::<Vec<_>>(), [42, 43, 44, 45]);
        assert_eq!(found[0].value.as_deref(), Some(&b"c"[..]));
        assert_eq!(found[0].headers, [(b"h".to_vec(), None)]);
        let mut bad = batch.to_vec();
        bad[60] ^= 1;
        assert!(matches!(fetched_records(&Records::from(Bytes::from(bad)), 0), Err(ClientError::Crc { base_offset: 0 })));
    }
}
