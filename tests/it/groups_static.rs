//! Static members of classic groups (KIP-345): restarts without a rebalance, fencing, removal by name.

use crate::member::{Member, pair_up, settle, subscription};
use crate::target::{Target, cases, one};
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::leave_group::{LeaveGroupRequest, MemberIdentity};

cases! {
    kafka: a_static_member_is_not_sent_back, a_restarted_follower_causes_no_rebalance, a_restarted_leader_skips_the_assignment,
        an_old_leader_version_is_not_led, the_displaced_member_is_fenced, names_must_fit_ids, an_administrator_removes_by_name,
        a_static_member_without_a_sign_of_life_goes;
    ours:
}

fn static_pair(target: &Target) -> (Member, Member) {
    let group = target.name("group");
    let (mut first, mut second) = (Member::fixed(target, &group, "one"), Member::fixed(target, &group, "two"));
    pair_up(&mut first, &mut second);
    (first, second)
}

/// The same member after its process was started again.
fn restarted(target: &Target, member: &Member) -> Member {
    Member::fixed(target, &member.group, member.instance.as_deref().unwrap())
}

fn a_static_member_is_not_sent_back(target: &Target) {
    for version in 5..=9 {
        let mut member = Member::fixed(target, &target.name("group"), "name");
        member.client.pin(ApiKey::JoinGroup, version);
        let answer = member.join();
        assert_eq!(answer.generation_id, 1);
        assert!(answer.member_id.starts_with("name-"), "{answer:?}");
        let listed = one(answer.members);
        assert_eq!((listed.member_id, listed.group_instance_id.as_deref()), (member.id.clone(), Some("name")));
    }
}

fn a_restarted_follower_causes_no_rebalance(target: &Target) {
    let (mut first, old) = static_pair(target);
    let mut new = restarted(target, &old);
    let answer = new.join();
    assert_eq!((answer.generation_id, &answer.leader, answer.members.len()), (2, &first.id, 0));
    assert_ne!(new.id, old.id);
    let kept = new.sync(&[]);
    assert_eq!((kept.error_code, &kept.assignment[..]), (ErrorCode::NONE, old.id.as_bytes()), "its assignment is as it was");
    assert_eq!((first.heartbeat(), new.heartbeat()), (ErrorCode::NONE, ErrorCode::NONE));
}

fn a_restarted_leader_skips_the_assignment(target: &Target) {
    let (old, mut second) = static_pair(target);
    let mut new = restarted(target, &old);
    let answer = new.join();
    assert_eq!((answer.generation_id, &answer.leader, answer.skip_assignment), (2, &new.id, true));
    assert_eq!(answer.members.len(), 2, "it goes on watching over them (KIP-814)");
    let kept = new.sync(&[]);
    assert_eq!((kept.error_code, &kept.assignment[..]), (ErrorCode::NONE, old.id.as_bytes()));
    assert_eq!((second.heartbeat(), new.heartbeat()), (ErrorCode::NONE, ErrorCode::NONE));
}

fn an_old_leader_version_is_not_led(target: &Target) {
    let (old, mut second) = static_pair(target);
    let mut new = restarted(target, &old);
    new.client.pin(ApiKey::JoinGroup, 8);
    let answer = new.join();
    assert_eq!((answer.generation_id, &answer.leader, answer.members.len()), (2, &old.id, 0), "so that it does not assign");
    assert_eq!(&new.sync(&[]).assignment[..], old.id.as_bytes());
    assert_eq!(second.heartbeat(), ErrorCode::NONE);
}

fn the_displaced_member_is_fenced(target: &Target) {
    let (mut first, mut old) = static_pair(target);
    restarted(target, &old).join();
    assert_eq!(old.heartbeat(), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(old.sync(&[]).error_code, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(old.try_join().error_code, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(first.heartbeat(), ErrorCode::NONE);
    // One that waits in a join is told as well.
    let (mut first, mut old) = static_pair(target);
    old.protocols = vec![("range", subscription("other"))];
    old.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    let mut new = restarted(target, &old);
    new.send_join();
    let monolog::wire::message::Response::JoinGroup(fenced) = old.client.receive().unwrap() else { panic!("not a join answer") };
    assert_eq!(fenced.error_code, ErrorCode::FENCED_INSTANCE_ID);
    first.join();
    assert_eq!(new.joined().generation_id, 3);
    settle(&mut [&mut first, &mut new]);
}

fn names_must_fit_ids(target: &Target) {
    let (mut first, mut second) = static_pair(target);
    second.instance = Some("one".into());
    assert_eq!(second.heartbeat(), ErrorCode::FENCED_INSTANCE_ID);
    second.instance = Some("nobody".into());
    assert_eq!(second.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(first.heartbeat(), ErrorCode::NONE);
}

fn an_administrator_removes_by_name(target: &Target) {
    let (mut first, mut second) = static_pair(target);
    let by_name = |name: &str| MemberIdentity { group_instance_id: Some(name.into()), ..MemberIdentity::default() };
    let request = LeaveGroupRequest {
        group_id: first.group.clone(),
        members: vec![by_name("two"), by_name("nobody")],
        ..LeaveGroupRequest::default()
    };
    let answer = target.client().leave_group(request).unwrap();
    assert_eq!(answer.error_code, ErrorCode::NONE);
    let told: Vec<_> = answer.members.iter().map(|it| (it.group_instance_id.as_deref().unwrap(), it.error_code)).collect();
    assert_eq!(told, [("two", ErrorCode::NONE), ("nobody", ErrorCode::UNKNOWN_MEMBER_ID)]);
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(first.join().members.len(), 1);
    settle(&mut [&mut first]);
    assert_eq!(second.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
}

fn a_static_member_without_a_sign_of_life_goes(target: &Target) {
    let group = target.name("group");
    let (mut first, mut second) = (Member::fixed(target, &group, "one"), Member::fixed(target, &group, "two"));
    second.session_timeout_ms = 6_000;
    pair_up(&mut first, &mut second);
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(first.join().members.len(), 1);
}
