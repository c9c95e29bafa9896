//! A member of a classic group: what it told us, what it was given, and which of its requests wait for an answer. Owned by
//! its `Group`; answered by `join`, `sync` and `membership`.

use crate::base::ids::{ConnId, PlanNo};
use crate::base::text::Text;
use crate::mail::input::ReplyTo;
use crate::store::plan::MemberRow;
use bytes::Bytes;
use std::collections::BTreeSet;

/// What a member costs in memory beside its texts and bytes: its entries in maps and timers, roughly.
const MEMBER_OVERHEAD_BYTES: usize = 512;

/// A JoinGroup or SyncGroup that waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parked {
    /// Where the answer goes; `None` once its connection is gone. The request itself still counts.
    pub to: Option<ReplyTo>,
    /// The version to answer in.
    pub api_version: i16,
}

/// A member (`ClassicGroupMember`).
#[derive(Clone, Debug)]
pub struct Member {
    /// Its id, given by us.
    pub id: Text,
    /// `group.instance.id` of a static member (KIP-345).
    pub instance_id: Option<Text>,
    /// Client id of the connection it first joined by.
    pub client_id: Text,
    /// Where it first joined from ("/127.0.0.1").
    pub client_host: Text,
    /// How long it may be silent, ms.
    pub session_timeout_ms: i32,
    /// How long it may take to rejoin, ms.
    pub rebalance_timeout_ms: i32,
    /// The protocols it offers, in its order of preference: (name, metadata).
    pub protocols: Vec<(Text, Bytes)>,
    /// What the leader gave it; empty before that.
    pub assignment: Bytes,
    /// The generation that it was last told. A static member may be kept without having rejoined, and then does not know the
    /// group's present one: see `Group::check_generation`.
    pub(super) generation: i32,
    /// Its JoinGroup, when it has rejoined and the join phase is not over.
    pub(super) join: Option<Parked>,
    /// Its SyncGroup, when the leader's is still to come.
    pub(super) sync: Option<Parked>,
    /// The connection it last spoke by.
    pub(super) conn: Option<ConnId>,
    /// The newest plan that an answer to it waits for. A connection's requests are taken one at a time, so until then its
    /// heartbeats cannot come through, and a slow disk must not end its session.
    pub(super) waits_for: PlanNo,
}

impl Member {
    /// A member as it was stored.
    pub(super) fn from_row(row: &MemberRow, generation: i32) -> Member {
        Member {
            id: row.id.clone(),
            instance_id: row.instance_id.clone(),
            client_id: row.client_id.clone(),
            client_host: row.client_host.clone(),
            session_timeout_ms: row.session_timeout_ms,
            rebalance_timeout_ms: row.rebalance_timeout_ms,
            protocols: row.protocols.clone(),
            assignment: row.assignment.clone(),
            generation,
            join: None,
            sync: None,
            conn: None,
            waits_for: PlanNo::COMMITTED,
        }
    }

    /// The member as it is stored.
    pub(super) fn to_row(&self) -> MemberRow {
        MemberRow {
            id: self.id.clone(),
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            protocols: self.protocols.clone(),
            assignment: self.assignment.clone(),
        }
    }

    /// What it said about itself under `protocol`; empty if it does not know that.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// The first of its protocols that is a candidate.
    pub(super) fn vote<'a>(&'a self, candidates: &BTreeSet<&str>) -> Option<&'a Text> {
        self.protocols.iter().map(|(name, _)| name).find(|name| candidates.contains(name.as_str()))
    }

    /// Whether someone still waits for the answer to its JoinGroup or SyncGroup: as long as that is so it is alive.
    pub(super) fn is_waiting(&self) -> bool {
        [self.join, self.sync].into_iter().flatten().any(|parked| parked.to.is_some())
    }

    /// Its share of the bound on what groups keep in memory.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.id.len() + self.instance_id.as_ref().map_or(0, |id| id.len()) + self.client_id.len() + self.client_host.len();
        MEMBER_OVERHEAD_BYTES + texts + protocol_bytes(&self.protocols) + self.assignment.len()
    }
}

/// What a list of protocols costs in memory.
pub(super) fn protocol_bytes(protocols: &[(Text, Bytes)]) -> usize {
    const ENTRY_BYTES: usize = 64;
    protocols.iter().map(|(name, metadata)| ENTRY_BYTES + name.len() + metadata.len()).sum()
}
