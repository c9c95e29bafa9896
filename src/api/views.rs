//! Answers the questions of the HTTP side: what there is, as it is committed. An answer that shows what a plan wrote waits for
//! that plan. Called by the engine.

use crate::base::ids::{PartId, PlanNo};
use crate::base::limits::PENDING_SHOWN_MAX;
use crate::base::time::Now;
use crate::mail::input::ReplyTo;
use crate::mail::view::{GroupView, MemberView, OffsetView, PartitionView, PendingView, Question, TopicView, Totals, View};
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::group::classic::Group;
use crate::state::timers::Timer;
use crate::state::topics::Topic;

/// Answers, once what the answer shows is on disk.
pub fn handle(state: &State, fx: &mut Effects, now: Now, to: ReplyTo, question: Question) {
    let mut after = PlanNo::COMMITTED;
    let view = match question {
        Question::Topics => {
            after = state.topics.listing();
            View::Topics(state.topics.iter().map(|topic| topic_view(state, topic)).collect())
        }
        Question::Topic(name) => {
            let topic = state.topics.by_name(&name);
            after = topic.map_or_else(|| state.topics.missing_name(&name), |topic| topic.changed_in);
            View::Topics(topic.map(|topic| TopicView { configs: topic.configs.clone(), ..topic_view(state, topic) }).into_iter().collect())
        }
        Question::Groups => {
            after = state.groups.removed_in();
            View::Groups(state.groups.iter().map(|group| group_view(state, group, &mut after)).collect())
        }
        Question::Group(id) => {
            let group = state.groups.get(&id);
            after = group.map_or(state.groups.removed_in(), Group::changed_in);
            View::Groups(group.map(|group| detailed(state, group, &mut after)).into_iter().collect())
        }
        Question::Pending => View::Pending(pending(state, now)),
        Question::Totals => View::Totals(totals(state)),
    };
    fx.show_after(to, after, view);
}

fn partition_view(state: &State, part: PartId) -> PartitionView {
    state.log.partition(part).map_or(PartitionView { log_start: 0, high_watermark: 0, bytes: 0 }, |partition| PartitionView {
        log_start: partition.log_start(),
        high_watermark: partition.high_watermark(),
        bytes: partition.bytes(),
    })
}

fn topic_view(state: &State, topic: &Topic) -> TopicView {
    TopicView {
        name: topic.name.clone(),
        created_ms: topic.created_ms,
        partitions: topic.partitions.iter().map(|part| partition_view(state, *part)).collect(),
        configs: Vec::new(),
    }
}

/// `after` rises to the plan that the figures rest on.
fn group_view(state: &State, group: &Group, after: &mut PlanNo) -> GroupView {
    *after = (*after).max(group.changed_in());
    let mut lag: i64 = 0;
    for (part, offset) in group.offsets() {
        *after = (*after).max(offset.written_in);
        let end_offset = partition_view(state, part).high_watermark;
        lag = lag.saturating_add(end_offset.saturating_sub(offset.offset).max(0));
    }
    GroupView {
        id: group.id().clone(),
        state: group.state().name(),
        generation: group.generation(),
        protocol: group.protocol(),
        member_count: group.members().count(),
        lag,
        members: Vec::new(),
        offsets: Vec::new(),
    }
}

fn detailed(state: &State, group: &Group, after: &mut PlanNo) -> GroupView {
    let members = group.members().map(|member| MemberView {
        id: member.id.clone(),
        client_id: member.client_id.clone(),
        host: member.client_host.clone(),
        assignment: member.assignment.clone(),
    });
    let offsets = group.offsets().filter_map(|(part, offset)| {
        let (topic, partition) = state.topics.owner(part)?;
        Some(OffsetView {
            topic: topic.name.clone(),
            partition,
            offset: offset.offset,
            end_offset: partition_view(state, part).high_watermark,
            metadata: offset.metadata.clone(),
        })
    });
    let mut offsets: Vec<OffsetView> = offsets.collect();
    offsets.sort_by(|one, other| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
    GroupView { members: members.collect(), offsets, ..group_view(state, group, after) }
}

fn pending(state: &State, now: Now) -> Vec<PendingView> {
    let rows = state.log.waiters().flat_map(|(id, waiter)| {
        let due_ms = state.timers.get(&Timer::Fetch(id)).unwrap_or(now.mono_ms);
        let wait_ms = i64::try_from(due_ms.saturating_sub(now.mono_ms)).unwrap_or(i64::MAX);
        waiter.targets.iter().map(move |target| PendingView {
            topic: target.part().and_then(|part| state.topics.owner(part)).map_or(&target.topic.name, |(topic, _)| &topic.name).clone(),
            partition: target.index,
            offset: target.fetch_offset,
            deadline_ms: now.wall_ms.saturating_add(wait_ms),
            correlation_id: waiter.params.correlation_id,
            client_id: waiter.params.client_id.clone(),
        })
    });
    rows.take(PENDING_SHOWN_MAX).collect()
}

fn totals(state: &State) -> Totals {
    let mut totals = Totals { topics: state.topics.len(), groups: state.groups.len(), pending: state.log.parked(), ..Totals::default() };
    for (_, partition) in state.log.partitions() {
        totals.partitions += 1;
        totals.messages += partition.high_watermark() - partition.log_start();
        totals.bytes += partition.bytes();
    }
    totals
}
