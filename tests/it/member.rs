//! A member of a classic group, as a client library plays it: used by the cases about groups and offsets.

use crate::target::{Target, one, until};
use bytes::Bytes;
use monolog::base::text::Text;
use monolog::client::Client;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::heartbeat::HeartbeatRequest;
use monolog::wire::message::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use monolog::wire::message::leave_group::{LeaveGroupRequest, MemberIdentity};
use monolog::wire::message::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use monolog::wire::message::{Request, Response};

/// A member with a connection of its own. Its fields may be changed between calls.
pub struct Member {
    /// Its connection.
    pub client: Client,
    /// Its group.
    pub group: Text,
    /// Its id, empty before the group gave it one.
    pub id: Text,
    /// Its static name.
    pub instance: Option<Text>,
    /// The generation it was last told.
    pub generation: i32,
    /// What the group calls the kind of its members.
    pub protocol_type: Text,
    /// What it offers, best first, with its metadata.
    pub protocols: Vec<(&'static str, Bytes)>,
    /// How long the broker waits for a sign of life.
    pub session_timeout_ms: i32,
    /// How long the broker waits for it in a rebalance.
    pub rebalance_timeout_ms: i32,
}

impl Member {
    /// A member that has not joined.
    pub fn new(target: &Target, group: &str) -> Member {
        Member {
            client: target.client(),
            group: group.into(),
            id: Text::default(),
            instance: None,
            generation: -1,
            protocol_type: "consumer".into(),
            protocols: vec![("range", subscription("metadata"))],
            session_timeout_ms: 30_000,
            rebalance_timeout_ms: 60_000,
        }
    }

    /// A static member that has not joined.
    pub fn fixed(target: &Target, group: &str, instance: &str) -> Member {
        Member { instance: Some(instance.into()), ..Member::new(target, group) }
    }

    fn join_request(&self) -> JoinGroupRequest {
        JoinGroupRequest {
            group_id: self.group.clone(),
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: self.protocol_type.clone(),
            protocols: self
                .protocols
                .iter()
                .map(|(name, data)| JoinGroupRequestProtocol { name: (*name).into(), metadata: data.clone() })
                .collect(),
            reason: None,
        }
    }

    /// One JoinGroup as it is, whatever it is answered.
    pub fn try_join(&mut self) -> JoinGroupResponse {
        let request = self.join_request();
        self.client.join_group(request).unwrap()
    }

    /// Asks to join without waiting. A newcomer fetches its id first.
    pub fn send_join(&mut self) {
        if self.id.is_empty() && self.instance.is_none() {
            let answer = self.try_join();
            assert_eq!(answer.error_code, ErrorCode::MEMBER_ID_REQUIRED);
            self.id = answer.member_id;
        }
        let request = self.join_request();
        self.client.send(&Request::JoinGroup(request)).unwrap();
    }

    /// Waits for the answer to `send_join`, which must be a generation.
    pub fn joined(&mut self) -> JoinGroupResponse {
        let Response::JoinGroup(answer) = self.client.receive().unwrap() else { panic!("not a join answer") };
        assert_eq!(answer.error_code, ErrorCode::NONE);
        self.id = answer.member_id.clone();
        self.generation = answer.generation_id;
        answer
    }

    /// Joins, which must end in a generation.
    pub fn join(&mut self) -> JoinGroupResponse {
        self.send_join();
        self.joined()
    }

    fn sync_request(&self, assignments: &[(&Text, &[u8])]) -> SyncGroupRequest {
        SyncGroupRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: Some(self.protocol_type.clone()),
            protocol_name: Some(self.protocols[0].0.into()),
            assignments: assignments
                .iter()
                .map(|(id, data)| SyncGroupRequestAssignment { member_id: (*id).clone(), assignment: Bytes::copy_from_slice(data) })
                .collect(),
        }
    }

    /// One SyncGroup, whatever it is answered; a leader gives assignments.
    pub fn sync(&mut self, assignments: &[(&Text, &[u8])]) -> SyncGroupResponse {
        let request = self.sync_request(assignments);
        self.client.sync_group(request).unwrap()
    }

    /// Asks for the assignment without waiting.
    pub fn send_sync(&mut self) {
        let request = self.sync_request(&[]);
        self.client.send(&Request::SyncGroup(request)).unwrap();
    }

    /// Waits for the answer to `send_sync`.
    pub fn synced(&mut self) -> SyncGroupResponse {
        let Response::SyncGroup(answer) = self.client.receive().unwrap() else { panic!("not a sync answer") };
        answer
    }

    /// One sign of life.
    pub fn heartbeat(&mut self) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
        };
        self.client.heartbeat(request).unwrap().error_code
    }

    /// Signs of life until one is answered thus.
    pub fn heartbeat_until(&mut self, wanted: ErrorCode) {
        until("the heartbeat is answered otherwise", || {
            let found = self.heartbeat();
            assert!([wanted, ErrorCode::NONE].contains(&found), "{found}, not {wanted}");
            found == wanted
        });
    }

    /// Leaves the group.
    pub fn leave(&mut self) -> ErrorCode {
        let member = MemberIdentity { member_id: self.id.clone(), ..MemberIdentity::default() };
        let request = LeaveGroupRequest { group_id: self.group.clone(), members: vec![member], ..LeaveGroupRequest::default() };
        let answer = self.client.leave_group(request).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        one(answer.members).error_code
    }
}

/// The metadata of a consumer that wants this topic, as all client libraries write it: Kafka reads it.
pub fn subscription(topic: &str) -> Bytes {
    let length = topic.len() as u8;
    [&[0, 0, 0, 0, 0, 1, 0, length][..], topic.as_bytes(), &[255, 255, 255, 255]].concat().into()
}

/// Lets the leader of `members` (the first) assign its own name to each; all of them must have joined.
pub fn settle(members: &mut [&mut Member]) {
    let names: Vec<(Text, Vec<u8>)> = members.iter().map(|it| (it.id.clone(), it.id.as_bytes().to_vec())).collect();
    let assignments: Vec<(&Text, &[u8])> = names.iter().map(|(id, data)| (id, &data[..])).collect();
    let [leader, followers @ ..] = members else { panic!("no members") };
    let answer = leader.sync(&assignments);
    assert_eq!((answer.error_code, &answer.assignment[..]), (ErrorCode::NONE, leader.id.as_bytes()));
    for follower in followers {
        let answer = follower.sync(&[]);
        assert_eq!((answer.error_code, &answer.assignment[..]), (ErrorCode::NONE, follower.id.as_bytes()));
    }
}

/// Two members in generation 2, settled; the first leads.
pub fn pair(target: &Target, group: &str) -> (Member, Member) {
    let (mut first, mut second) = (Member::new(target, group), Member::new(target, group));
    pair_up(&mut first, &mut second);
    (first, second)
}

/// Makes these two the members of a new group, settled; the first leads.
pub fn pair_up(first: &mut Member, second: &mut Member) {
    first.join();
    settle(&mut [first]);
    second.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    first.join();
    second.joined();
    settle(&mut [first, second]);
}
