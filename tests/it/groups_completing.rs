//! A group between its join phase and its leader's assignment (CompletingRebalance): what everybody is answered in that state, and
//! which requests end it.

use crate::groups::describe;
use crate::member::{Member, pair, settle, subscription};
use crate::offsets::commit_as;
use crate::target::{Target, cases, one};
use monolog::client::Topic;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::delete_groups::DeleteGroupsRequest;
use monolog::wire::message::offset_delete::{OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};

cases! {
    kafka: it_goes_on_whatever_is_asked, offsets_cannot_be_committed_nor_deleted, a_newcomer_ends_it, changed_metadata_ends_it, a_leave_ends_it,
        a_restarted_static_member_ends_it, its_assignment_is_given_once;
    ours:
}

/// Two members in generation 3 that nobody has assigned anything in; the first leads.
fn completing(target: &Target) -> (Member, Member) {
    let (mut leader, mut follower) = pair(target, &target.name("group"));
    leader.send_join();
    follower.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    follower.join();
    assert_eq!(leader.joined().generation_id, 3);
    (leader, follower)
}

/// The follower's SyncGroup waits, until a rebalance begins.
fn ended(leader: &mut Member, follower: &mut Member, by: impl FnOnce(&mut Member)) {
    follower.send_sync();
    by(leader);
    let answer = follower.synced();
    assert_eq!((answer.error_code, answer.assignment.len()), (ErrorCode::REBALANCE_IN_PROGRESS, 0));
}

fn it_goes_on_whatever_is_asked(target: &Target) {
    let (mut leader, mut follower) = completing(target);
    for member in [&mut leader, &mut follower] {
        assert_eq!(member.heartbeat(), ErrorCode::NONE);
        for wrong in [-1, 2, 4] {
            member.generation = wrong;
            assert_eq!(member.heartbeat(), ErrorCode::ILLEGAL_GENERATION);
            assert_eq!(member.sync(&[]).error_code, ErrorCode::ILLEGAL_GENERATION);
        }
        member.generation = 3;
        let id = std::mem::replace(&mut member.id, "nobody".into());
        let sync = member.sync(&[]).error_code;
        assert_eq!(
            (member.heartbeat(), sync, member.try_join().error_code),
            (ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::UNKNOWN_MEMBER_ID)
        );
        member.id = id;
        for other in ["other", ""] {
            member.protocol_type = other.into();
            assert_eq!(member.try_join().error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL, "{other:?}");
        }
        member.protocol_type = "other".into();
        assert_eq!(member.sync(&[]).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        member.protocol_type = "consumer".into();
    }
    // Whoever asks again with the same metadata may have missed the answer: it is given once more.
    let again = follower.join();
    assert_eq!((again.generation_id, &again.leader, again.members.len(), again.skip_assignment), (3, &leader.id, 0, false));
    let again = leader.join();
    assert_eq!((again.generation_id, &again.leader, again.members.len(), again.skip_assignment), (3, &leader.id, 2, false));
    // A newcomer that has not come back with its id is nobody yet.
    assert_eq!(Member::new(target, &leader.group).try_join().error_code, ErrorCode::MEMBER_ID_REQUIRED);
    let group = describe(&mut follower, 6);
    assert_eq!(
        (group.group_state.as_str(), group.protocol_type.as_str(), group.protocol_data.as_str()),
        ("CompletingRebalance", "consumer", "")
    );
    // What they were assigned in the generation before is theirs as far as one can see.
    assert!(
        group.members.len() == 2
            && group.members.iter().all(|it| it.member_metadata.is_empty() && it.member_assignment == it.member_id.as_bytes())
    );
    let delete = DeleteGroupsRequest { groups_names: vec![leader.group.clone()] };
    assert_eq!(one(leader.client.delete_groups(delete).unwrap().results).error_code, ErrorCode::NON_EMPTY_GROUP);
    assert_eq!((leader.heartbeat(), follower.heartbeat()), (ErrorCode::NONE, ErrorCode::NONE));
    settle(&mut [&mut leader, &mut follower]);
    assert_eq!(describe(&mut follower, 6).group_state.as_str(), "Stable");
}

fn offsets_cannot_be_committed_nor_deleted(target: &Target) {
    let (read, unread) = (target.topic(1), target.topic(1));
    let group = target.name("group");
    let mut member = Member::new(target, &group);
    member.protocols = vec![("range", subscription(&read.name))];
    member.client.commit(&group, &read, 0, 5).unwrap();
    member.client.commit(&group, &unread, 0, 6).unwrap();
    member.join();
    let delete = |member: &mut Member, topic: &Topic| {
        let topics = vec![OffsetDeleteRequestTopic {
            name: topic.name.clone(),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        }];
        let answer = member.client.offset_delete(OffsetDeleteRequest { group_id: member.group.clone(), topics }).unwrap();
        answer.topics.first().map_or(answer.error_code, |topic| topic.partitions[0].error_code)
    };
    let (id, generation) = (member.id.clone(), member.generation);
    for (id, generation, error) in [
        (id.clone(), generation, ErrorCode::REBALANCE_IN_PROGRESS),
        (id.clone(), generation - 1, ErrorCode::ILLEGAL_GENERATION),
        (id.clone(), -1, ErrorCode::ILLEGAL_GENERATION),
        ("".into(), -1, ErrorCode::UNKNOWN_MEMBER_ID),
        ("nobody".into(), generation, ErrorCode::UNKNOWN_MEMBER_ID),
        ("nobody".into(), -1, ErrorCode::UNKNOWN_MEMBER_ID),
    ] {
        (member.id, member.generation) = (id, generation);
        assert_eq!(commit_as(&mut member, &read, 9), error, "{} in {generation}", member.id);
    }
    (member.id, member.generation) = (id, generation);
    assert_eq!(delete(&mut member, &read), ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC);
    assert_eq!(delete(&mut member, &unread), ErrorCode::NONE);
    assert_eq!((member.client.committed(&group, &read, 0).unwrap(), member.client.committed(&group, &unread, 0).unwrap()), (5, -1));
    settle(&mut [&mut member]);
    assert_eq!(commit_as(&mut member, &read, 9), ErrorCode::NONE);
}

fn a_newcomer_ends_it(target: &Target) {
    let (mut leader, mut follower) = completing(target);
    let mut newcomer = Member::new(target, &leader.group);
    ended(&mut leader, &mut follower, |_| newcomer.send_join());
    assert_eq!((leader.heartbeat(), follower.heartbeat()), (ErrorCode::REBALANCE_IN_PROGRESS, ErrorCode::REBALANCE_IN_PROGRESS));
    let group = describe(&mut follower, 6);
    assert_eq!(group.group_state.as_str(), "PreparingRebalance");
    assert!(group.members.iter().all(|it| it.member_assignment.is_empty()), "what was assigned before is void: {group:?}");
    leader.send_join();
    follower.send_join();
    assert_eq!([leader.joined(), follower.joined(), newcomer.joined()].map(|answer| answer.generation_id), [4, 4, 4]);
    settle(&mut [&mut leader, &mut follower, &mut newcomer]);
}

fn changed_metadata_ends_it(target: &Target) {
    let (mut leader, mut follower) = completing(target);
    ended(&mut leader, &mut follower, |leader| {
        leader.protocols = vec![("range", subscription("other"))];
        leader.send_join();
    });
    follower.join();
    assert_eq!(leader.joined().generation_id, 4);
    settle(&mut [&mut leader, &mut follower]);
}

fn a_leave_ends_it(target: &Target) {
    let (mut leader, mut follower) = completing(target);
    ended(&mut leader, &mut follower, |leader| assert_eq!(leader.leave(), ErrorCode::NONE));
    assert_eq!(follower.heartbeat(), ErrorCode::REBALANCE_IN_PROGRESS);
    let answer = follower.join();
    assert_eq!((answer.generation_id, &answer.leader, answer.members.len()), (4, &follower.id, 1));
    settle(&mut [&mut follower]);
}

fn a_restarted_static_member_ends_it(target: &Target) {
    let group = target.name("group");
    let (mut first, mut fixed) = (Member::new(target, &group), Member::fixed(target, &group, "fixed"));
    fixed.join();
    settle(&mut [&mut fixed]);
    first.send_join();
    fixed.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    fixed.join();
    first.joined();
    let mut again = Member::fixed(target, &group, "fixed");
    ended(&mut fixed, &mut first, |_| again.send_join());
    let fenced = (fixed.heartbeat(), fixed.sync(&[]).error_code);
    assert_eq!(fenced, (ErrorCode::FENCED_INSTANCE_ID, ErrorCode::FENCED_INSTANCE_ID));
    assert_eq!((first.join().generation_id, again.joined().generation_id), (3, 3));
    settle(&mut [&mut again, &mut first]);
}

fn its_assignment_is_given_once(target: &Target) {
    let (mut leader, mut follower) = completing(target);
    let (ours, theirs) = (leader.id.clone(), follower.id.clone());
    follower.send_sync();
    let answer = leader.sync(&[(&ours, b"ours"), (&theirs, b"theirs"), (&"nobody".into(), b"lost")]);
    assert_eq!((answer.error_code, &answer.assignment[..]), (ErrorCode::NONE, &b"ours"[..]));
    assert_eq!(&follower.synced().assignment[..], b"theirs");
    assert_eq!(&leader.sync(&[(&ours, b"later")]).assignment[..], b"ours", "the generation has its assignment");
}
