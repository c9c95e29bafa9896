//! For the tests of this room: groups with everything around them, scripted clients, and a store that keeps what was committed.
//! Plans are committed or refused by hand, time passes by hand.

use super::Groups;
use super::commit::NewOffset;
use super::turn::{Caller, Turn};
use crate::base::ids::{ConnId, PartId, PlanNo, Uuid};
use crate::base::rng::Rng;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::mail::input::ReplyTo;
use crate::mail::output::Output;
use crate::state::effects::Effects;
use crate::state::timers::{Timer, Timers};
use crate::state::topics::{Topics, tests::broker};
use crate::store::plan::{Image, Op, PartitionRow, Plan, TopicRow};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::heartbeat::HeartbeatRequest;
use crate::wire::message::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use crate::wire::message::leave_group::{MemberIdentity, MemberResponse};
use crate::wire::message::offset_commit::OffsetCommitRequest;
use crate::wire::message::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use bytes::Bytes;
use std::collections::BTreeMap;

/// A client, and what it believes to be.
#[derive(Clone, Debug)]
pub struct Client {
    pub conn: ConnId,
    pub group: Text,
    pub version: i16,
    pub member_id: Text,
    pub instance_id: Option<Text>,
    pub generation: i32,
    pub protocol_type: Text,
    pub protocols: Vec<(&'static str, &'static str)>,
    pub session_ms: i32,
    pub rebalance_ms: i32,
}

/// A dynamic member of "g", not yet joined, on a connection of its own.
pub fn client(number: u32) -> Client {
    Client {
        conn: ConnId { reactor: 0, slot: number, generation: 1 },
        group: Text::from("g"),
        version: 9,
        member_id: Text::default(),
        instance_id: None,
        generation: -1,
        protocol_type: Text::from("consumer"),
        protocols: vec![("range", "a"), ("roundrobin", "b")],
        session_ms: 10_000,
        rebalance_ms: 60_000,
    }
}

/// A static member likewise.
pub fn static_client(number: u32) -> Client {
    Client { instance_id: Some(Text::from(format!("i{number}"))), ..client(number) }
}

pub struct World {
    pub groups: Groups,
    pub fx: Effects,
    pub timers: Timers,
    pub rng: Rng,
    pub topics: Topics,
    pub now: Now,
    pub delay_ms: u64,
    pub read_only: bool,
    pub image: Image,
    flying: Vec<Plan>,
    answers: BTreeMap<ReplyTo, Response>,
    seq: u64,
}

impl World {
    /// Two topics: "t" with partitions 1 and 2, "u" with partition 3.
    pub fn new() -> World {
        let topic = |id: u8, name: &str| TopicRow { id: Uuid([id; 16]), name: Text::from(name), created_ms: 0, configs: Vec::new() };
        let partition = |part: i64, id: u8, index: i32| PartitionRow {
            part: PartId(part),
            topic: Uuid([id; 16]),
            index,
            log_start: 0,
            next_offset: 0,
            bytes: 0,
            max_ts: -1,
            leader_epoch: 0,
        };
        let image = Image {
            topics: vec![topic(1, "t"), topic(2, "u")],
            partitions: vec![partition(1, 1, 0), partition(2, 1, 1), partition(3, 2, 0)],
            ..Image::default()
        };
        World {
            groups: Groups::new(&broker().memory),
            fx: Effects::default(),
            timers: Timers::default(),
            rng: Rng::new(1),
            topics: Topics::load(&image, &broker()),
            now: Now { wall_ms: 1_700_000_000_000, mono_ms: 5_000 },
            delay_ms: 0,
            read_only: false,
            image,
            flying: Vec::new(),
            answers: BTreeMap::new(),
            seq: 0,
        }
    }

    pub fn turn(&mut self) -> (&mut Groups, Turn<'_>) {
        let turn = Turn {
            fx: &mut self.fx,
            timers: &mut self.timers,
            rng: &mut self.rng,
            topics: &self.topics,
            now: self.now,
            initial_rebalance_delay_ms: self.delay_ms,
            read_only: self.read_only,
        };
        (&mut self.groups, turn)
    }

    fn caller(&mut self, client: &Client) -> Caller {
        self.seq += 1;
        let to = ReplyTo { conn: client.conn, seq: self.seq };
        Caller { to, api_version: client.version, client_id: Text::from("app"), client_host: Text::from("/127.0.0.1") }
    }

    // The store.

    /// Commits what was written; answers that waited leave.
    pub fn commit(&mut self) {
        self.seal();
        for plan in std::mem::take(&mut self.flying) {
            self.image.apply_ops(&plan);
            for held in self.fx.release(plan.no) {
                self.answers.insert(held.to, held.response.unwrap());
            }
        }
    }

    /// Sends what was written to the store, which takes its time.
    pub fn seal(&mut self) {
        let plan = self.fx.seal();
        self.flying.push(plan);
    }

    /// The disk is full: refuses everything that is not committed, and gives back whose answers turn into errors.
    pub fn refuse(&mut self) -> Vec<ReplyTo> {
        let (filling, held) = self.fx.refuse();
        let mut refused = std::mem::take(&mut self.flying);
        refused.push(filling);
        let image = self.image.clone();
        let refused: Vec<&Plan> = refused.iter().collect();
        let (groups, mut turn) = self.turn();
        groups.reload(&image, &refused, &mut turn);
        held.into_iter().map(|held| held.to).collect()
    }

    /// kill -9, and start again from what is on disk. Nobody is connected.
    pub fn restart(&mut self) {
        (self.fx, self.timers, self.flying) = (Effects::default(), Timers::default(), Vec::new());
        self.answers.clear();
        self.now.mono_ms = 0;
        self.groups = Groups::load(&self.image, &broker().memory, &mut self.timers, self.now);
    }

    /// Lets time pass, with everything that is due on the way.
    pub fn pass(&mut self, ms: u64) {
        let end_ms = self.now.mono_ms + ms;
        while let Some(at_ms) = self.timers.next_ms().filter(|at_ms| *at_ms <= end_ms) {
            let at_ms = at_ms.max(self.now.mono_ms);
            self.now.wall_ms += (at_ms - self.now.mono_ms) as i64;
            self.now.mono_ms = at_ms;
            while let Some(timer) = self.timers.pop_due(at_ms) {
                let (groups, mut turn) = self.turn();
                match timer {
                    Timer::Expiry => groups.expire(&mut turn),
                    timer => groups.due(&timer, &mut turn),
                }
            }
        }
        self.now.wall_ms += (end_ms - self.now.mono_ms) as i64;
        self.now.mono_ms = end_ms;
    }

    // Requests.

    /// Sends a JoinGroup.
    pub fn join(&mut self, client: &Client) -> ReplyTo {
        let protocol = |(name, metadata): &(&'static str, &'static str)| JoinGroupRequestProtocol {
            name: Text::from(*name),
            metadata: Bytes::from_static(metadata.as_bytes()),
        };
        let request = JoinGroupRequest {
            group_id: client.group.clone(),
            session_timeout_ms: client.session_ms,
            rebalance_timeout_ms: client.rebalance_ms,
            member_id: client.member_id.clone(),
            group_instance_id: client.instance_id.clone(),
            protocol_type: client.protocol_type.clone(),
            protocols: client.protocols.iter().map(protocol).collect(),
            reason: None,
        };
        let caller = self.caller(client);
        let (groups, mut turn) = self.turn();
        groups.join(&mut turn, &caller, &request);
        caller.to
    }

    /// Joins for the first time, with the detour over MEMBER_ID_REQUIRED where there is one.
    pub fn enter(&mut self, client: &mut Client) -> ReplyTo {
        if client.version >= 4 && client.instance_id.is_none() {
            let to = self.join(client);
            let answer = self.join_answer(to);
            assert_eq!(answer.error_code, ErrorCode::MEMBER_ID_REQUIRED);
            client.member_id = answer.member_id;
        }
        self.join(client)
    }

    /// Sends a SyncGroup, with assignments if it is the leader's.
    pub fn sync(&mut self, client: &Client, assignments: &[(&Client, &'static str)]) -> ReplyTo {
        let assignment = |(client, assignment): &(&Client, &'static str)| SyncGroupRequestAssignment {
            member_id: client.member_id.clone(),
            assignment: Bytes::from_static(assignment.as_bytes()),
        };
        let request = SyncGroupRequest {
            group_id: client.group.clone(),
            generation_id: client.generation,
            member_id: client.member_id.clone(),
            group_instance_id: client.instance_id.clone(),
            protocol_type: Some(client.protocol_type.clone()),
            protocol_name: Some(Text::from(client.protocols[0].0)),
            assignments: assignments.iter().map(assignment).collect(),
        };
        let caller = self.caller(client);
        let (groups, mut turn) = self.turn();
        groups.sync(&mut turn, &caller, &request);
        caller.to
    }

    pub fn heartbeat(&mut self, client: &Client) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: client.group.clone(),
            generation_id: client.generation,
            member_id: client.member_id.clone(),
            group_instance_id: client.instance_id.clone(),
        };
        let caller = self.caller(client);
        let (groups, mut turn) = self.turn();
        groups.heartbeat(&mut turn, &caller, &request)
    }

    /// Leaves by member id and instance id; gives back the error and the plan to wait for.
    pub fn leave(&mut self, client: &Client) -> (Vec<MemberResponse>, PlanNo) {
        let member = MemberIdentity { member_id: client.member_id.clone(), group_instance_id: client.instance_id.clone(), reason: None };
        let (groups, mut turn) = self.turn();
        groups.leave(&mut turn, &client.group, &[member]).unwrap()
    }

    /// Commits `offset` of one partition; the error of the request or of that partition.
    pub fn offset_commit(&mut self, client: &Client, part: i64, offset: i64) -> ErrorCode {
        self.offset_commit_of(client, -1, &[NewOffset { part: PartId(part), offset, leader_epoch: 4, metadata: Text::from("m") }])[0]
    }

    pub fn offset_commit_of(&mut self, client: &Client, retention_time_ms: i64, offsets: &[NewOffset]) -> Vec<ErrorCode> {
        let request = OffsetCommitRequest {
            group_id: client.group.clone(),
            generation_id_or_member_epoch: client.generation,
            member_id: client.member_id.clone(),
            group_instance_id: client.instance_id.clone(),
            retention_time_ms,
            topics: Vec::new(),
        };
        let caller = self.caller(client);
        let (groups, mut turn) = self.turn();
        groups.commit(&mut turn, &caller, &request, offsets).unwrap_or_else(|error| vec![error; offsets.len()])
    }

    /// The committed offset of a partition of "g".
    pub fn offset(&self, part: i64) -> Option<i64> {
        self.groups.get("g").and_then(|group| group.offset(PartId(part)).0).map(|offset| offset.offset)
    }

    // Answers.

    /// The answer, if it has left.
    pub fn answer(&mut self, to: ReplyTo) -> Option<Response> {
        for output in self.fx.take_outputs() {
            let Output::Answer { to, response, .. } = output else { panic!("groups say nothing else: {output:?}") };
            let twice = self.answers.insert(to, response.unwrap());
            assert!(twice.is_none(), "answered twice: {to:?}");
        }
        self.answers.get(&to).cloned()
    }

    pub fn waits(&mut self, to: ReplyTo) -> bool {
        self.answer(to).is_none()
    }

    pub fn join_answer(&mut self, to: ReplyTo) -> JoinGroupResponse {
        match self.answer(to) {
            Some(Response::JoinGroup(answer)) => answer,
            other => panic!("no answer of a JoinGroup: {other:?}"),
        }
    }

    pub fn sync_answer(&mut self, to: ReplyTo) -> SyncGroupResponse {
        match self.answer(to) {
            Some(Response::SyncGroup(answer)) => answer,
            other => panic!("no answer of a SyncGroup: {other:?}"),
        }
    }

    /// Takes in a JoinGroup's good answer.
    pub fn joined(&mut self, client: &mut Client, to: ReplyTo) -> JoinGroupResponse {
        let answer = self.join_answer(to);
        assert_eq!(answer.error_code, ErrorCode::NONE);
        (client.member_id, client.generation) = (answer.member_id.clone(), answer.generation_id);
        answer
    }

    /// Whether the answer of a SyncGroup has left and gives this.
    pub fn is_assigned(&mut self, to: ReplyTo, assignment: &str) -> bool {
        let answer = self.sync_answer(to);
        answer.error_code == ErrorCode::NONE && answer.assignment == assignment
    }

    // Whole rounds.

    /// All of them enter an empty group at once and get assignments "0", "1", ...; the first one is the leader.
    pub fn form(&mut self, clients: &mut [Client]) {
        // Nobody's join phase ends before all are there.
        let delay_ms = std::mem::replace(&mut self.delay_ms, 1_000);
        let tickets: Vec<ReplyTo> = clients.iter_mut().map(|client| self.enter(client)).collect();
        self.pass(2_000);
        self.delay_ms = delay_ms;
        for (client, to) in clients.iter_mut().zip(tickets) {
            self.joined(client, to);
        }
        self.assign(clients);
    }

    /// All sync, and the plan is committed.
    pub fn assign(&mut self, clients: &[Client]) {
        const NAMES: [&str; 4] = ["0", "1", "2", "3"];
        let leader = self.leader();
        let assignments: Vec<(&Client, &'static str)> = clients.iter().zip(NAMES).collect();
        let tickets: Vec<ReplyTo> =
            clients.iter().map(|client| self.sync(client, if client.member_id == leader { &assignments } else { &[] })).collect();
        self.commit();
        for (to, name) in tickets.into_iter().zip(NAMES) {
            assert!(self.is_assigned(to, name));
        }
    }

    pub fn leader(&self) -> Text {
        self.groups.get("g").unwrap().leader.clone().unwrap()
    }

    pub fn state(&self) -> &'static str {
        self.groups.get("g").map_or("Dead", |group| group.state().name())
    }

    pub fn generation(&self) -> i32 {
        self.groups.get("g").unwrap().generation()
    }
}

impl Image {
    fn apply_ops(&mut self, plan: &Plan) {
        for op in &plan.ops {
            match op.clone() {
                Op::PutGroup(row) => {
                    self.groups.retain(|group| group.id != row.id);
                    self.groups.push(row);
                }
                Op::DeleteGroup(id) => {
                    self.groups.retain(|group| group.id != id);
                    self.offsets.retain(|offset| offset.group != id);
                }
                Op::PutOffset(row) => {
                    self.offsets.retain(|offset| offset.group != row.group || offset.part != row.part);
                    self.offsets.push(row);
                }
                Op::DeleteOffset { group, part } => self.offsets.retain(|offset| offset.group != group || offset.part != part),
                other => panic!("groups do not write {other:?}"),
            }
        }
    }
}
