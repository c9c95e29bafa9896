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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, call, wanted};
    use crate::base::text::Text;
    use crate::mail::output::Output;
    use crate::wire::message::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};

    const TO: ReplyTo = ReplyTo { conn: crate::base::ids::ConnId { reactor: 9, slot: 0, generation: 1 }, seq: 3 };

    fn ask(world: &mut World, question: Question) -> Option<View> {
        handle(&world.state, &mut world.fx, world.now, TO, question);
        seen(world)
    }

    fn seen(world: &mut World) -> Option<View> {
        world.fx.take_outputs().into_iter().find_map(|output| match output {
            Output::View { to, view, .. } if to == TO => Some(view),
            _ => None,
        })
    }

    #[test]
    fn topics_are_seen_when_they_are_on_disk() {
        let mut world = World::new();
        world.create(&[wanted("b", 2, &[("retention.ms", "5")]), wanted("a", 1, &[])]);
        world.fill("b", 1, 3);
        let Some(View::Topics(topics)) = ask(&mut world, Question::Topics) else { panic!("no list") };
        assert_eq!(topics.iter().map(|topic| (topic.name.as_str(), topic.configs.len())).collect::<Vec<_>>(), [("a", 0), ("b", 0)]);
        let high: Vec<i64> = topics[1].partitions.iter().map(|partition| partition.high_watermark).collect();
        assert!(high == [0, 3] && topics[1].partitions[1].bytes > 61 && topics[1].created_ms == world.now.wall_ms);
        let Some(View::Topics(one)) = ask(&mut world, Question::Topic(Text::from("b"))) else { panic!("no topic") };
        assert_eq!(one[0].configs, [(Text::from("retention.ms"), Text::from("5"))]);
        assert_eq!(ask(&mut world, Question::Topic(Text::from("c"))), Some(View::Topics(vec![])));
        let plan = world.fx.plan();
        let gone = world.state.topics.remove("a", plan).unwrap();
        world.fx.row(crate::store::plan::Op::DeleteTopic(gone.id));
        assert_eq!(ask(&mut world, Question::Topic(Text::from("a"))), None, "that it is gone is said when it is");
        world.commit();
        assert_eq!(seen(&mut world), Some(View::Topics(vec![])));
        let Some(View::Totals(totals)) = ask(&mut world, Question::Totals) else { panic!("no totals") };
        assert_eq!((totals.topics, totals.messages, totals.groups, totals.pending), (1, 3, 0, 0));
    }

    #[test]
    fn offsets_are_seen_when_they_are_on_disk_and_refused_with_their_plan() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        world.fill("t", 0, 5);
        let commit = |world: &mut World, committed_offset: i64| {
            let partitions = vec![OffsetCommitRequestPartition { partition_index: 0, committed_offset, ..Default::default() }];
            let topics = vec![OffsetCommitRequestTopic { name: Text::from("t"), partitions, ..Default::default() }];
            let request = OffsetCommitRequest { group_id: Text::from("g"), topics, ..OffsetCommitRequest::default() };
            crate::api::offset_commit::handle(&mut world.state, &mut world.fx, world.now, call(9), request);
        };
        commit(&mut world, 2);
        assert_eq!(ask(&mut world, Question::Groups), None);
        world.commit();
        let Some(View::Groups(groups)) = seen(&mut world) else { panic!("no list") };
        assert_eq!((groups[0].id.as_str(), groups[0].lag, groups[0].offsets.len()), ("g", 3, 0));
        let Some(View::Groups(groups)) = ask(&mut world, Question::Group(Text::from("g"))) else { panic!("no group") };
        assert_eq!((groups[0].offsets[0].lag(), groups[0].offsets[0].topic.as_str()), (3, "t"));
        commit(&mut world, 4);
        assert_eq!(ask(&mut world, Question::Group(Text::from("g"))), None);
        world.fx.refuse();
        assert_eq!(seen(&mut world), Some(View::Refused));
    }
}
