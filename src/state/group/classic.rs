//! A classic group: its states, members, protocols and leader, and the checks that every request passes (`ClassicGroup`). The
//! requests themselves are rules of `join`, `sync`, `membership` and `commit`.

use super::member::{Member, Parked};
use super::offsets::Offset;
use super::turn::Turn;
use crate::base::ids::{PartId, PlanNo};
use crate::base::text::Text;
use crate::state::timers::Timer;
use crate::store::plan::{GroupRow, OffsetRow, Op};
use crate::wire::error_code::ErrorCode;
use bytes::Bytes;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Where a group stands (`ClassicGroupState`). Kafka's Dead is a group that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// No members.
    Empty,
    /// The join phase: members are expected to join again.
    PreparingRebalance,
    /// All have joined; the leader's assignment is awaited.
    CompletingRebalance,
    /// The members have their assignments.
    Stable,
}

impl GroupState {
    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::PreparingRebalance => "PreparingRebalance",
            GroupState::CompletingRebalance => "CompletingRebalance",
            GroupState::Stable => "Stable",
        }
    }
}

/// A group with its members and offsets.
#[derive(Debug)]
pub struct Group {
    pub(super) id: Text,
    pub(super) state: GroupState,
    /// When it entered that state, ms since 1970.
    pub(super) state_ms: i64,
    /// Never falls while the group exists.
    pub(super) generation: i32,
    /// `None` until the first member joins: a group that only commits offsets.
    pub(super) protocol_type: Option<Text>,
    /// What the members of this generation settled on.
    pub(super) protocol: Option<Text>,
    pub(super) leader: Option<Text>,
    pub(super) members: BTreeMap<Text, Member>,
    /// Instance id to member id of the static members.
    pub(super) statics: BTreeMap<Text, Text>,
    /// Ids that were given out (KIP-394) and have not joined yet.
    pub(super) pending: BTreeSet<Text>,
    /// Members of this generation that have not synced yet.
    pub(super) unsynced: BTreeSet<Text>,
    /// How many members have a JoinGroup parked.
    pub(super) joined: usize,
    /// How many members offer each protocol.
    offered: BTreeMap<Text, usize>,
    /// Topics that the members subscribe to; `None` when that is not known (another type, or unreadable metadata).
    pub(super) subscribed: Option<BTreeSet<Text>>,
    /// The initial rebalance that is under way, if one is.
    pub(super) initial: Option<InitialRebalance>,
    /// Committed offsets.
    pub(super) offsets: BTreeMap<PartId, Offset>,
    /// The last plan that wrote its row, or took offsets away.
    pub(super) changed_in: PlanNo,
    /// What the store will hold of it.
    pub(super) stored: Stored,
    /// Its share of the bound on what groups keep in memory.
    pub(super) bytes: usize,
    /// When something of it may expire, ms since 1970: never later than it does.
    pub(super) check_ms: Option<i64>,
    /// It has changed its state since that was worked out.
    pub(super) recheck: bool,
}

/// What the store holds of a group, with all plans committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// No row.
    Nothing,
    /// A row of an earlier state.
    Old,
    /// A row of the group as it is.
    Current,
}

/// A join phase that began without members: it lasts longer than need be, so that more of them arrive in time (KIP-134).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InitialRebalance {
    /// The delay that is running, ms.
    pub delay_ms: u64,
    /// How much longer it may be put off, ms.
    pub left_ms: u64,
    /// Someone has joined since the delay began.
    pub newcomer: bool,
}

/// What a group costs in memory beside its members and offsets, roughly.
const GROUP_OVERHEAD_BYTES: usize = 512;
/// What an id that nobody has joined with yet costs beside itself: its entry, and its timer's.
const PENDING_OVERHEAD_BYTES: usize = 256;

impl Group {
    /// An empty group of no type.
    pub(super) fn new(id: Text, state_ms: i64) -> Group {
        let bytes = GROUP_OVERHEAD_BYTES + id.len();
        Group {
            id,
            state: GroupState::Empty,
            state_ms,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeSet::new(),
            unsynced: BTreeSet::new(),
            joined: 0,
            offered: BTreeMap::new(),
            subscribed: None,
            initial: None,
            offsets: BTreeMap::new(),
            changed_in: PlanNo::COMMITTED,
            stored: Stored::Nothing,
            bytes,
            check_ms: None,
            recheck: true,
        }
    }

    /// Its id.
    pub fn id(&self) -> &Text {
        &self.id
    }

    /// Where it stands.
    pub fn state(&self) -> GroupState {
        self.state
    }

    /// Its generation; 0 before the first.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// "consumer", "connect", ...; "" for a group that only ever committed offsets.
    pub fn protocol_type(&self) -> Text {
        self.protocol_type.clone().unwrap_or_default()
    }

    /// The protocol that this generation settled on; "" when there is none.
    pub fn protocol(&self) -> Text {
        self.protocol.clone().unwrap_or_default()
    }

    /// Its members, sorted by id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Its committed offsets.
    pub fn offsets(&self) -> impl Iterator<Item = (PartId, &Offset)> {
        self.offsets.iter().map(|(part, offset)| (*part, offset))
    }

    /// The plan that an answer which shows this group rests on.
    pub fn changed_in(&self) -> PlanNo {
        self.changed_in
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_ref().is_some_and(|leader| *leader == *member_id)
    }

    /// Whether forgetting it would lose nothing: no member, nobody expected, nothing stored.
    pub(super) fn is_vacant(&self) -> bool {
        self.state == GroupState::Empty && self.pending.is_empty() && self.offsets.is_empty() && self.stored == Stored::Nothing
    }

    pub(super) fn set_state(&mut self, state: GroupState, wall_ms: i64) {
        self.state = state;
        self.state_ms = wall_ms;
        self.row_is_old();
        self.recheck = true;
    }

    // Members.

    /// Takes in a member whose id nobody else has.
    pub(super) fn add_member(&mut self, member: Member, protocol_type: &Text) {
        debug_assert!(!self.members.contains_key(member.id.as_str()));
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.clone());
        }
        if let Some(instance_id) = &member.instance_id {
            self.statics.insert(instance_id.clone(), member.id.clone());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.bytes += member.bytes();
        self.joined += usize::from(member.join.is_some());
        self.offer(&member.protocols);
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member out without electing another leader, and with its timers.
    pub(super) fn take_member(&mut self, turn: &mut Turn, member_id: &str) -> Option<Member> {
        let member = self.members.remove(member_id)?;
        if let Some(instance_id) = &member.instance_id {
            self.statics.remove(instance_id.as_str());
        }
        self.unsynced.remove(member_id);
        self.bytes -= member.bytes();
        self.joined -= usize::from(member.join.is_some());
        self.withdraw(&member.protocols);
        turn.timers.cancel(&Timer::Session(self.id.clone(), member.id.clone()));
        turn.timers.cancel(&Timer::NewMember(self.id.clone(), member.id.clone()));
        Some(member)
    }

    /// Gives out a member id that must join with it.
    pub(super) fn add_pending(&mut self, member_id: Text) {
        self.bytes += PENDING_OVERHEAD_BYTES + member_id.len();
        self.pending.insert(member_id);
    }

    /// Takes back such an id, if there is one like it.
    pub(super) fn remove_pending(&mut self, turn: &mut Turn, member_id: &str) -> bool {
        let Some(id) = self.pending.take(member_id) else { return false };
        self.bytes -= PENDING_OVERHEAD_BYTES + id.len();
        turn.timers.cancel(&Timer::Session(self.id.clone(), id));
        true
    }

    /// Replaces what a member offers.
    pub(super) fn set_protocols(&mut self, member_id: &str, protocols: Vec<(Text, Bytes)>) {
        let Some(mut member) = self.members.remove(member_id) else { return };
        self.bytes -= member.bytes();
        self.withdraw(&member.protocols);
        self.offer(&protocols);
        member.protocols = protocols;
        self.bytes += member.bytes();
        self.members.insert(member.id.clone(), member);
    }

    /// Gives a member its assignment.
    pub(super) fn set_assignment(&mut self, member_id: &str, assignment: Bytes) {
        if let Some(member) = self.members.get_mut(member_id) {
            self.bytes = self.bytes - member.assignment.len() + assignment.len();
            member.assignment = assignment;
        }
    }

    /// Notes that a member waits for the end of the join phase, and gives back the request that it waited with before.
    pub(super) fn park_join(&mut self, member_id: &str, parked: Parked) -> Option<Parked> {
        let earlier = self.members.get_mut(member_id)?.join.replace(parked);
        self.joined += usize::from(earlier.is_none());
        earlier
    }

    /// Takes a member's parked JoinGroup.
    pub(super) fn unpark_join(&mut self, member_id: &str) -> Option<Parked> {
        let parked = self.members.get_mut(member_id)?.join.take();
        self.joined -= usize::from(parked.is_some());
        parked
    }

    /// Whether the join phase need wait for nobody.
    pub(super) fn all_joined(&self) -> bool {
        self.joined == self.members.len() && self.pending.is_empty()
    }

    /// The longest time that any member may take to rejoin, ms.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        self.members.values().map(|member| u64::try_from(member.rebalance_timeout_ms).unwrap_or(0)).max().unwrap_or(0)
    }

    /// Makes a member that has joined the leader, unless the leader has. False: nobody has joined.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader.as_str()));
        if leader.is_some_and(|leader| leader.join.is_some()) {
            return true;
        }
        let joined = self.members.values().find(|member| member.join.is_some()).map(|member| member.id.clone());
        let elected = joined.is_some();
        if elected {
            self.leader = joined;
        }
        elected
    }

    // Offsets.

    /// The committed offset of a partition, and the plan that showing it, or saying that there is none, rests on.
    pub fn offset(&self, part: PartId) -> (Option<&Offset>, PlanNo) {
        let offset = self.offsets.get(&part);
        (offset, offset.map_or(self.changed_in, |offset| offset.written_in))
    }

    pub(super) fn put_offset(&mut self, part: PartId, offset: Offset) {
        self.bytes += offset.bytes();
        if let Some(old) = self.offsets.insert(part, offset) {
            self.bytes -= old.bytes();
        }
    }

    pub(super) fn remove_offset(&mut self, part: PartId) {
        if let Some(old) = self.offsets.remove(&part) {
            self.bytes -= old.bytes();
        }
    }

    // Protocols.

    fn offer(&mut self, protocols: &[(Text, Bytes)]) {
        for (name, _) in protocols {
            *self.offered.entry(name.clone()).or_default() += 1;
        }
    }

    fn withdraw(&mut self, protocols: &[(Text, Bytes)]) {
        for (name, _) in protocols {
            if let Some(count) = self.offered.get_mut(name.as_str()) {
                *count -= 1;
                if *count == 0 {
                    self.offered.remove(name.as_str());
                }
            }
        }
    }

    /// Whether a member of this type and with these protocols has anything in common with all the others.
    pub(super) fn supports(&self, protocol_type: &Text, protocols: &[(Text, Bytes)]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let count = self.members.len();
        let in_common = |name: &Text| self.offered.get(name.as_str()).copied().unwrap_or(0) == count;
        self.protocol_type.as_ref() == Some(protocol_type) && protocols.iter().any(|(name, _)| in_common(name))
    }

    /// Counts the votes: every member for the first of its protocols that all offer. Of equals the first by name wins.
    pub(super) fn select_protocol(&self) -> Option<Text> {
        let count = self.members.len();
        let candidates: BTreeSet<&str> = self.offered.iter().filter(|(_, n)| **n == count).map(|(name, _)| name.as_str()).collect();
        let mut votes: BTreeMap<&Text, usize> = BTreeMap::new();
        for vote in self.members.values().filter_map(|member| member.vote(&candidates)) {
            *votes.entry(vote).or_default() += 1;
        }
        votes.into_iter().max_by_key(|(name, count)| (*count, Reverse(*name))).map(|(name, _)| name.clone())
    }

    // Checks.

    /// Who says to be `member_id` must be (`ClassicGroup.validateMember`): UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID when its
    /// instance id has gone to a later incarnation.
    pub(super) fn check_member(&self, member_id: &str, instance_id: Option<&Text>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            let holder = self.statics.get(instance_id.as_str()).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            if *holder != *member_id {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    /// A member must speak of the present generation, and must have been told of it: ILLEGAL_GENERATION.
    ///
    /// The second half matters after a restart only. A generation is stored when its leader syncs, so one whose join phase
    /// ended but whose leader did not sync in time is forgotten, and its number is given again. Nobody had an assignment in the
    /// lost one, but members remember its number. Dynamic ones are either gone from the group or have rejoined and moved on; a
    /// static one may be a member of the second generation of that number without having heard of it, and if it speaks of it, it
    /// means the lost one.
    pub(super) fn check_generation(&self, member_id: &str, generation: i32) -> Result<(), ErrorCode> {
        let told = self.members.get(member_id).map(|member| member.generation);
        if generation == self.generation && told == Some(generation) { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    // The row.

    /// The row that the store holds once everything decided is committed, if that is of the group as it is: not in the middle of a
    /// round, nor when there was no room for it.
    pub fn row(&self) -> Option<GroupRow> {
        (self.stored == Stored::Current).then(|| self.to_row())
    }

    /// The group as it is stored.
    pub(super) fn to_row(&self) -> GroupRow {
        GroupRow {
            id: self.id.clone(),
            protocol_type: self.protocol_type(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_ms: self.state_ms,
            members: self.members.values().map(Member::to_row).collect(),
        }
    }

    /// Its committed offsets as they are stored.
    pub fn offset_rows(&self) -> Vec<OffsetRow> {
        self.offsets.iter().map(|(part, offset)| offset.to_row(&self.id, *part)).collect()
    }

    /// Stores generation, members and assignments.
    pub(super) fn write_row(&mut self, turn: &mut Turn) {
        turn.fx.row(Op::PutGroup(self.to_row()));
        self.changed_in = turn.fx.plan();
        self.stored = Stored::Current;
    }

    /// The group is no longer what its row says.
    pub(super) fn row_is_old(&mut self) {
        if self.stored == Stored::Current {
            self.stored = Stored::Old;
        }
    }

    // Sessions.

    /// A member has shown that it is alive.
    pub(super) fn refresh_session(&self, turn: &mut Turn, member_id: &str) {
        if let Some(member) = self.members.get(member_id) {
            let timeout_ms = u64::try_from(member.session_timeout_ms).unwrap_or(0);
            turn.timers.set(Timer::Session(self.id.clone(), member.id.clone()), turn.now.mono_ms + timeout_ms);
        }
    }

    /// An answer to a member waits for the plan being filled.
    pub(super) fn note_wait(&mut self, member_id: &str, plan: PlanNo) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.waits_for = member.waits_for.max(plan);
        }
    }
}
