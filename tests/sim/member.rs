//! A member of a classic group: joins, syncs, heartbeats, reads what it owns and commits; leaves, goes silent, comes back.
//! Static members keep their instance id. The leader deals partitions out in turn.

use crate::lanes::{LANES, Lane, lane};
use crate::read::next_offset;
use crate::world::{Actor, Net};
use bytes::Bytes;
use monolog::base::text::Text;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use monolog::wire::message::heartbeat::HeartbeatRequest;
use monolog::wire::message::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use monolog::wire::message::leave_group::{LeaveGroupRequest, MemberIdentity};
use monolog::wire::message::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use monolog::wire::message::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use monolog::wire::message::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use monolog::wire::message::{Request, Response};

pub const GROUP: &str = "readers";
const SESSION_MS: i32 = 6_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Away,
    Joining,
    Syncing,
    Resuming,
    Reading,
}

pub struct Member {
    instance: Option<Text>,
    id: Text,
    generation: i32,
    leader: Text,
    stage: Stage,
    busy: bool,
    owned: Vec<(Lane, i64)>,
    committing: Vec<(Lane, i64)>,
    settled: bool,
}

impl Member {
    pub fn new(instance: Option<&'static str>) -> Member {
        Member {
            instance: instance.map(Text::from_static),
            id: Text::default(),
            generation: -1,
            leader: Text::default(),
            stage: Stage::Away,
            busy: false,
            owned: Vec::new(),
            committing: Vec::new(),
            settled: false,
        }
    }

    fn ask(&mut self, net: &mut Net<'_>, version: i16, request: Request) {
        self.busy = net.send(0, version, request);
    }

    fn join(&mut self, net: &mut Net<'_>) {
        self.stage = Stage::Joining;
        self.owned.clear();
        let request = JoinGroupRequest {
            group_id: Text::from_static(GROUP),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: 3_000,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: Text::from_static("consumer"),
            protocols: vec![JoinGroupRequestProtocol { name: Text::from_static("turns"), metadata: Bytes::from_static(b"all") }],
            ..Default::default()
        };
        self.ask(net, 9, Request::JoinGroup(request));
    }

    fn joined(&mut self, net: &mut Net<'_>, response: JoinGroupResponse) {
        match response.error_code {
            ErrorCode::NONE => {}
            ErrorCode::MEMBER_ID_REQUIRED => {
                self.id = response.member_id;
                return self.join(net);
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_INSTANCE_ID => self.id = Text::default(),
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::REBALANCE_IN_PROGRESS => {}
            other => net.checks().violation(format!("JoinGroup was answered with {other:?}")),
        }
        if response.error_code != ErrorCode::NONE {
            self.stage = Stage::Away;
            return;
        }
        net.world.seen.rebalances += 1;
        self.id = response.member_id;
        self.generation = response.generation_id;
        self.leader = response.leader.clone();
        let mut assignments = Vec::new();
        if response.leader == self.id && !response.skip_assignment {
            let count = response.members.len();
            for (at, member) in response.members.iter().enumerate() {
                let share = (0..LANES.len()).filter(|lane| lane % count == at).map(|lane| lane as u8);
                let assignment = Bytes::from(share.collect::<Vec<u8>>());
                let name = member.group_instance_id.as_ref().unwrap_or(&member.member_id);
                net.checks().planned(self.generation, name, &assignment);
                assignments.push(SyncGroupRequestAssignment { member_id: member.member_id.clone(), assignment });
            }
        }
        self.stage = Stage::Syncing;
        let request = SyncGroupRequest {
            group_id: Text::from_static(GROUP),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: Some(Text::from_static("consumer")),
            protocol_name: Some(Text::from_static("turns")),
            assignments,
        };
        self.ask(net, 5, Request::SyncGroup(request));
    }

    fn resume(&mut self, net: &mut Net<'_>, assignment: &Bytes) {
        net.checks().led(self.generation, &self.leader);
        net.checks().owns(self.generation, self.instance.as_ref().unwrap_or(&self.id), assignment);
        self.owned = assignment.iter().map(|lane| (*lane as Lane, 0)).collect();
        self.stage = Stage::Resuming;
        let topic = |(topic, index): (&'static str, i32)| OffsetFetchRequestTopics {
            name: Text::from_static(topic),
            partition_indexes: vec![index],
            ..Default::default()
        };
        let topics = self.owned.iter().map(|(lane, _)| topic(LANES[*lane])).collect();
        let group = OffsetFetchRequestGroup { group_id: Text::from_static(GROUP), topics: Some(topics), ..Default::default() };
        let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
        self.ask(net, 8, Request::OffsetFetch(request));
    }

    /// What it owns and is there.
    fn present(&self, net: &mut Net<'_>) -> Vec<(Lane, i64)> {
        self.owned.iter().copied().filter(|(lane, _)| net.checks().exists(*lane)).collect()
    }

    fn read(&mut self, net: &mut Net<'_>) {
        let wants = self.present(net);
        let topics = wants
            .iter()
            .map(|(lane, offset)| FetchTopic {
                topic: Text::from_static(LANES[*lane].0),
                partitions: vec![FetchPartition {
                    partition: LANES[*lane].1,
                    fetch_offset: *offset,
                    partition_max_bytes: 1_000,
                    current_leader_epoch: -1,
                    last_fetched_epoch: -1,
                    log_start_offset: -1,
                    ..Default::default()
                }],
                ..Default::default()
            })
            .collect();
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: net.rng().below(300) as i32,
            min_bytes: 1,
            max_bytes: 4_000,
            session_id: 0,
            session_epoch: -1,
            topics,
            ..Default::default()
        };
        self.busy = net.send_fetch(11, request, wants);
    }

    fn fetched(&mut self, net: &mut Net<'_>, response: FetchResponse) {
        for topic in &response.responses {
            for partition in &topic.partitions {
                let Some(lane) = lane(&topic.topic, partition.partition_index) else { continue };
                let Some(owned) = self.owned.iter_mut().find(|owned| owned.0 == lane) else { continue };
                match partition.error_code {
                    ErrorCode::NONE => owned.1 = next_offset(partition).unwrap_or(owned.1),
                    ErrorCode::OFFSET_OUT_OF_RANGE => owned.1 = net.out_of_range(lane, owned.1),
                    other => net.checks().violation(format!("a member's fetch of {:?} was answered with {other:?}", LANES[lane])),
                }
            }
        }
    }

    fn commit(&mut self, net: &mut Net<'_>) {
        self.committing = self.present(net);
        for (lane, offset) in &self.committing {
            net.checks().committing(GROUP, *lane, *offset);
        }
        let topics = self
            .committing
            .iter()
            .map(|(lane, offset)| OffsetCommitRequestTopic {
                name: Text::from_static(LANES[*lane].0),
                partitions: vec![OffsetCommitRequestPartition {
                    partition_index: LANES[*lane].1,
                    committed_offset: *offset,
                    committed_leader_epoch: -1,
                    committed_metadata: None,
                }],
                ..Default::default()
            })
            .collect();
        let request = OffsetCommitRequest {
            group_id: Text::from_static(GROUP),
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            topics,
            ..Default::default()
        };
        self.ask(net, 8, Request::OffsetCommit(request));
    }

    fn heartbeat(&mut self, net: &mut Net<'_>) {
        let request = HeartbeatRequest {
            group_id: Text::from_static(GROUP),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
        };
        self.ask(net, 4, Request::Heartbeat(request));
    }

    fn leave(&mut self, net: &mut Net<'_>) {
        let member = MemberIdentity { member_id: self.id.clone(), group_instance_id: self.instance.clone(), reason: None };
        let request = LeaveGroupRequest { group_id: Text::from_static(GROUP), members: vec![member], ..Default::default() };
        self.id = Text::default();
        self.stage = Stage::Away;
        self.ask(net, 5, Request::LeaveGroup(request));
    }

    /// What a group error means for a member in good standing.
    fn react(&mut self, net: &mut Net<'_>, error: ErrorCode) {
        match error {
            ErrorCode::NONE => {}
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION | ErrorCode::FENCED_INSTANCE_ID => {
                if error != ErrorCode::ILLEGAL_GENERATION {
                    self.id = Text::default();
                }
                self.stage = Stage::Away;
            }
            ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                if self.stage == Stage::Syncing || error == ErrorCode::REBALANCE_IN_PROGRESS {
                    self.stage = Stage::Away;
                }
            }
            other => net.checks().violation(format!("a member was answered with {other:?}")),
        }
    }
}

impl Actor for Member {
    fn wake(&mut self, net: &mut Net<'_>) {
        let mut pause = 10 + net.rng().below(150);
        if !self.busy {
            match (self.stage, net.rng().below(100)) {
                (Stage::Away, _) if self.settled => {}
                (Stage::Away, _) => self.join(net),
                (Stage::Reading, 0) if self.instance.is_none() => self.leave(net),
                // Silent for longer than its session, or a restart of a static member.
                (Stage::Reading, 1) if !self.settled => {
                    pause = 500 + net.rng().below(9_000);
                    net.hang_up();
                    if self.instance.is_some() {
                        self.id = Text::default();
                        self.stage = Stage::Away;
                    }
                }
                (Stage::Reading, 2..=30) => self.commit(net),
                (Stage::Reading, 31..=60) => self.heartbeat(net),
                (Stage::Reading, _) => self.read(net),
                // A question of these stages got lost: begin again.
                (Stage::Joining | Stage::Syncing | Stage::Resuming, _) => self.stage = Stage::Away,
            }
        }
        if !self.settled {
            net.wake_in(pause);
        }
    }

    fn answer(&mut self, net: &mut Net<'_>, _: u64, response: Response) {
        self.busy = false;
        match response {
            Response::JoinGroup(response) => self.joined(net, response),
            Response::SyncGroup(response) => {
                self.react(net, response.error_code);
                if response.error_code == ErrorCode::NONE {
                    self.resume(net, &response.assignment);
                }
            }
            Response::OffsetFetch(response) => {
                let group = &response.groups[0];
                if group.error_code != ErrorCode::NONE {
                    self.stage = Stage::Away;
                    return;
                }
                for topic in &group.topics {
                    for partition in topic.partitions.iter().filter(|partition| partition.error_code == ErrorCode::NONE) {
                        let Some(lane) = lane(&topic.name, partition.partition_index) else { continue };
                        net.checks().fetched_offset(GROUP, lane, partition.committed_offset);
                        for owned in self.owned.iter_mut().filter(|owned| owned.0 == lane) {
                            owned.1 = partition.committed_offset.max(0);
                        }
                    }
                }
                self.stage = Stage::Reading;
            }
            Response::Fetch(response) => self.fetched(net, response),
            Response::OffsetCommit(response) => {
                let mut error = ErrorCode::NONE;
                for topic in &response.topics {
                    for partition in &topic.partitions {
                        let sent = self.committing.iter().find(|sent| LANES[sent.0] == (topic.name.as_str(), partition.partition_index));
                        match (partition.error_code, sent) {
                            (ErrorCode::NONE, Some((lane, offset))) => {
                                net.world.seen.commits += 1;
                                net.world.checks.committed(GROUP, *lane, *offset);
                            }
                            (other, _) => error = other,
                        }
                    }
                }
                self.react(net, error);
            }
            Response::Heartbeat(response) => self.react(net, response.error_code),
            Response::LeaveGroup(_) => {}
            other => net.checks().violation(format!("a member was answered with {other:?}")),
        }
    }

    fn lost(&mut self, _: &mut Net<'_>) {
        self.busy = false;
    }

    fn settle(&mut self) {
        self.settled = true;
    }

    fn is_settled(&self) -> bool {
        !self.busy
    }
}
