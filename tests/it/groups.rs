//! Classic groups of dynamic members: joining, rebalances, assignments, time-outs, what is refused, what is listed.

use crate::member::{Member, pair, settle, subscription};
use crate::target::{Target, cases, one, until};
use bytes::Bytes;
use monolog::base::text::Text;
use monolog::wire::api_key::ApiKey;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::describe_groups::{DescribeGroupsRequest, DescribedGroup};
use monolog::wire::message::find_coordinator::FindCoordinatorRequest;
use monolog::wire::message::leave_group::LeaveGroupRequest;
use monolog::wire::message::list_groups::ListGroupsRequest;

cases! {
    kafka: a_silent_member_is_removed, a_member_that_does_not_rejoin_is_removed, a_member_that_does_not_sync_is_removed,
        a_newcomer_gets_its_id_first, old_versions_join_at_once, two_members_share, a_leave_rebalances, a_follower_waits_for_its_leader,
        who_is_left_out_gets_nothing, an_unchanged_follower_stays, a_rejoining_leader_rebalances, changed_metadata_rebalances,
        the_protocol_is_voted_for, any_type_of_group, joins_that_are_refused, strangers_and_old_generations, syncs_that_do_not_fit,
        cooperative_members_hand_over, groups_are_listed, groups_are_described, coordinators_are_found, a_group_ends_empty_and_begins_again,
        a_lost_connection_is_no_leave;
    ours:
}

fn a_newcomer_gets_its_id_first(target: &Target) {
    for version in 4..=9 {
        let mut member = Member::new(target, &target.name("group"));
        member.client.pin(ApiKey::JoinGroup, version);
        member.client.set_client_id(Some("me"));
        let answer = member.try_join();
        assert_eq!((answer.error_code, answer.generation_id), (ErrorCode::MEMBER_ID_REQUIRED, -1));
        assert!(answer.member_id.starts_with("me-") && answer.leader.is_empty() && answer.members.is_empty(), "{answer:?}");
        member.id = answer.member_id;
        let answer = member.join();
        assert_eq!((answer.generation_id, &answer.leader, &answer.member_id), (1, &member.id, &member.id));
        assert_eq!(answer.protocol_name.as_deref(), Some("range"));
        assert_eq!(answer.protocol_type.as_deref(), if version >= 7 { Some("consumer") } else { None });
        let listed = one(answer.members);
        assert_eq!((listed.member_id, &listed.metadata[..]), (member.id.clone(), &subscription("metadata")[..]));
    }
}

fn old_versions_join_at_once(target: &Target) {
    for version in 0..=3 {
        let mut member = Member::new(target, &target.name("group"));
        member.client.pin(ApiKey::JoinGroup, version);
        let answer = member.try_join();
        assert_eq!((answer.error_code, answer.generation_id), (ErrorCode::NONE, 1), "version {version}");
        (member.id, member.generation) = (answer.member_id, answer.generation_id);
        for (api, version) in [(ApiKey::SyncGroup, 0), (ApiKey::Heartbeat, 0), (ApiKey::LeaveGroup, 0)] {
            member.client.pin(api, version);
        }
        settle(&mut [&mut member]);
        assert_eq!(member.heartbeat(), ErrorCode::NONE);
        let leave = LeaveGroupRequest { group_id: member.group.clone(), member_id: member.id.clone(), ..LeaveGroupRequest::default() };
        assert_eq!(member.client.leave_group(leave).unwrap().error_code, ErrorCode::NONE);
        assert_eq!(member.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
    }
}

fn two_members_share(target: &Target) {
    let group = target.name("group");
    let (mut first, mut second) = (Member::new(target, &group), Member::new(target, &group));
    first.join();
    settle(&mut [&mut first]);
    assert_eq!(first.heartbeat(), ErrorCode::NONE);
    second.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    let led = first.join();
    let followed = second.joined();
    assert_eq!((led.generation_id, followed.generation_id), (2, 2));
    assert_eq!((&led.leader, &followed.leader), (&first.id, &first.id));
    let mut ids: Vec<_> = led.members.into_iter().map(|it| it.member_id).collect();
    ids.sort();
    let mut expected = vec![first.id.clone(), second.id.clone()];
    expected.sort();
    assert_eq!(ids, expected);
    assert!(followed.members.is_empty(), "only the leader is told who is there");
    settle(&mut [&mut first, &mut second]);
    assert_eq!((first.heartbeat(), second.heartbeat()), (ErrorCode::NONE, ErrorCode::NONE));
}

fn a_leave_rebalances(target: &Target) {
    let (mut first, mut second) = pair(target, &target.name("group"));
    assert_eq!(first.leave(), ErrorCode::NONE);
    second.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    let answer = second.join();
    assert_eq!((answer.generation_id, &answer.leader, answer.members.len()), (3, &second.id, 1), "the follower leads now");
    settle(&mut [&mut second]);
    assert_eq!(first.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(first.leave(), ErrorCode::UNKNOWN_MEMBER_ID);
}

fn a_follower_waits_for_its_leader(target: &Target) {
    let (mut first, mut second) = pair(target, &target.name("group"));
    first.send_join();
    second.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    second.join();
    first.joined();
    second.send_sync();
    let ids = (first.id.clone(), second.id.clone());
    let own = first.sync(&[(&ids.0, b"one"), (&ids.1, b"two"), (&"nobody".into(), b"three")]);
    assert_eq!((own.error_code, &own.assignment[..]), (ErrorCode::NONE, &b"one"[..]));
    let answer = second.synced();
    assert_eq!((answer.error_code, &answer.assignment[..]), (ErrorCode::NONE, &b"two"[..]));
    assert_eq!((answer.protocol_type.as_deref(), answer.protocol_name.as_deref()), (Some("consumer"), Some("range")));
    let again = second.sync(&[]);
    assert_eq!(&again.assignment[..], b"two", "a settled group tells it again");
}

fn who_is_left_out_gets_nothing(target: &Target) {
    let (mut first, mut second) = pair(target, &target.name("group"));
    first.send_join();
    second.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    second.join();
    first.joined();
    let id = first.id.clone();
    first.sync(&[(&id, b"all")]);
    let answer = second.sync(&[]);
    assert_eq!((answer.error_code, answer.assignment.len()), (ErrorCode::NONE, 0));
}

fn an_unchanged_follower_stays(target: &Target) {
    let (mut first, mut second) = pair(target, &target.name("group"));
    let answer = second.join();
    assert_eq!((answer.generation_id, &answer.leader, answer.members.len()), (2, &first.id, 0));
    assert_eq!(first.heartbeat(), ErrorCode::NONE);
}

fn a_rejoining_leader_rebalances(target: &Target) {
    let (mut first, mut second) = pair(target, &target.name("group"));
    first.send_join();
    second.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    second.join();
    assert_eq!(first.joined().generation_id, 3);
    settle(&mut [&mut first, &mut second]);
}

fn changed_metadata_rebalances(target: &Target) {
    let (mut first, mut second) = pair(target, &target.name("group"));
    second.protocols = vec![("range", subscription("other"))];
    second.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    let told = first.join();
    second.joined();
    let changed = told.members.iter().find(|it| it.member_id == second.id).unwrap();
    assert_eq!((told.generation_id, &changed.metadata), (3, &subscription("other")));
}

fn the_protocol_is_voted_for(target: &Target) {
    let group = target.name("group");
    let offering = |names: [&'static str; 3]| {
        let protocols = names.iter().map(|&name| (name, subscription(name))).collect();
        Member { protocols, ..Member::new(target, &group) }
    };
    let (mut first, mut second, mut third) = (offering(["a", "b", "c"]), offering(["b", "c", "a"]), offering(["b", "a", "x"]));
    assert_eq!(first.join().protocol_name.as_deref(), Some("a"));
    let id = first.id.clone();
    first.sync(&[(&id, b"")]);
    second.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    first.join();
    second.joined();
    // A third while the group awaits its assignment: another rebalance.
    third.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    first.send_join();
    second.send_join();
    // c and x are not everybody's; b has two votes.
    let led = first.joined();
    assert_eq!((led.protocol_name.as_deref(), led.members.len()), (Some("b"), 3));
    assert!(led.members.iter().all(|it| it.metadata == subscription("b")));
    assert_eq!(second.joined().protocol_name.as_deref(), Some("b"));
    assert_eq!(third.joined().protocol_name.as_deref(), Some("b"));
}

fn any_type_of_group(target: &Target) {
    let group = target.name("group");
    let mut worker = Member { protocol_type: "connect".into(), ..Member::new(target, &group) };
    worker.protocols = vec![("compatible", Bytes::from_static(&[0xff, 0, 0xfe]))];
    let answer = worker.join();
    assert_eq!((answer.protocol_type.as_deref(), &one(answer.members).metadata[..]), (Some("connect"), &[0xff, 0, 0xfe][..]));
    settle(&mut [&mut worker]);
    assert_eq!(worker.heartbeat(), ErrorCode::NONE);
    let mut consumer = Member { protocols: worker.protocols.clone(), ..Member::new(target, &group) };
    assert_eq!(consumer.try_join().error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

fn joins_that_are_refused(target: &Target) {
    let group = target.name("group");
    let refusal = |change: &dyn Fn(&mut Member)| {
        let mut member = Member::new(target, &group);
        change(&mut member);
        let answer = member.try_join();
        assert_eq!((answer.generation_id, answer.leader.as_str(), &answer.member_id), (-1, "", &member.id), "{answer:?}");
        answer.error_code
    };
    assert_eq!(refusal(&|it| it.group = Text::default()), ErrorCode::INVALID_GROUP_ID);
    assert_eq!(refusal(&|it| it.session_timeout_ms = 5_999), ErrorCode::INVALID_SESSION_TIMEOUT);
    assert_eq!(refusal(&|it| it.session_timeout_ms = 1_800_001), ErrorCode::INVALID_SESSION_TIMEOUT);
    assert_eq!(refusal(&|it| it.id = "nobody".into()), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(refusal(&|it| it.protocols = Vec::new()), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(refusal(&|it| it.protocol_type = Text::default()), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let mut first = Member::new(target, &group);
    first.join();
    settle(&mut [&mut first]);
    assert_eq!(refusal(&|it| it.protocols[0].0 = "roundrobin"), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(refusal(&|it| it.id = "nobody".into()), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(first.heartbeat(), ErrorCode::NONE, "a refused join disturbs nobody");
}

fn strangers_and_old_generations(target: &Target) {
    let mut stranger = Member { id: "nobody".into(), generation: 1, ..Member::new(target, &target.name("group")) };
    assert_eq!(stranger.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID, "there is no such group");
    assert_eq!(stranger.sync(&[]).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(stranger.leave(), ErrorCode::UNKNOWN_MEMBER_ID);
    let (mut first, mut second) = pair(target, &target.name("group"));
    stranger.group = first.group.clone();
    assert_eq!(stranger.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(stranger.sync(&[]).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(stranger.leave(), ErrorCode::UNKNOWN_MEMBER_ID);
    for wrong in [1, 3] {
        second.generation = wrong;
        assert_eq!(second.heartbeat(), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(second.sync(&[]).error_code, ErrorCode::ILLEGAL_GENERATION);
    }
    assert_eq!(first.heartbeat(), ErrorCode::NONE);
}

fn syncs_that_do_not_fit(target: &Target) {
    let (mut first, mut second) = pair(target, &target.name("group"));
    second.protocol_type = "connect".into();
    assert_eq!(second.sync(&[]).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    second.protocol_type = "consumer".into();
    second.protocols[0].0 = "other";
    assert_eq!(second.sync(&[]).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    second.protocols[0].0 = "range";
    first.send_join();
    second.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(second.sync(&[]).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}

/// KIP-429: the second generation takes away, the third gives.
fn cooperative_members_hand_over(target: &Target) {
    let group = target.name("group");
    let owning = |what| vec![("cooperative-sticky", subscription(what))];
    let mut old = Member { protocols: owning("owns nothing"), ..Member::new(target, &group) };
    let mut new = Member { protocols: owning("owns nothing"), ..Member::new(target, &group) };
    old.join();
    let id = old.id.clone();
    assert_eq!(&old.sync(&[(&id, b"0,1")]).assignment[..], b"0,1");
    new.send_join();
    old.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    // It goes on with what it owns and says so.
    old.protocols = owning("owns 0,1");
    let told = old.join();
    new.joined();
    assert!(told.members.iter().any(|it| it.member_id == old.id && it.metadata == subscription("owns 0,1")));
    let ids = (old.id.clone(), new.id.clone());
    assert_eq!(&old.sync(&[(&ids.0, b"0"), (&ids.1, b"")]).assignment[..], b"0");
    assert!(new.sync(&[]).assignment.is_empty());
    // It has given up partition 1 and asks for the generation in which that goes to the newcomer.
    old.protocols = owning("owns 0");
    old.send_join();
    new.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    new.join();
    assert_eq!(old.joined().generation_id, 3);
    assert_eq!(&old.sync(&[(&ids.0, b"0"), (&ids.1, b"1")]).assignment[..], b"0");
    assert_eq!(&new.sync(&[]).assignment[..], b"1");
}

/// Kafka's shortest session is six seconds; the other member goes on without the silent one.
fn a_silent_member_is_removed(target: &Target) {
    let group = target.name("group");
    let (mut first, mut second) = (Member::new(target, &group), Member::new(target, &group));
    second.session_timeout_ms = 6_000;
    crate::member::pair_up(&mut first, &mut second);
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    let answer = first.join();
    assert_eq!((answer.generation_id, answer.members.len()), (3, 1));
    settle(&mut [&mut first]);
    assert_eq!(second.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
}

fn a_member_that_does_not_rejoin_is_removed(target: &Target) {
    let group = target.name("group");
    let (mut first, mut second, mut third) = (Member::new(target, &group), Member::new(target, &group), Member::new(target, &group));
    for member in [&mut first, &mut second, &mut third] {
        member.rebalance_timeout_ms = 1_000;
    }
    crate::member::pair_up(&mut first, &mut second);
    third.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    // The second neither rejoins nor goes away.
    let led = first.join();
    third.joined();
    assert_eq!((led.generation_id, led.members.len()), (3, 2));
    assert!(led.members.iter().all(|it| it.member_id != second.id));
    settle(&mut [&mut first, &mut third]);
    assert_eq!(second.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
}

fn a_member_that_does_not_sync_is_removed(target: &Target) {
    let group = target.name("group");
    let (mut first, mut second) = (Member::new(target, &group), Member::new(target, &group));
    (first.rebalance_timeout_ms, second.rebalance_timeout_ms) = (1_000, 1_000);
    first.join();
    settle(&mut [&mut first]);
    second.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    first.join();
    second.joined();
    let id = first.id.clone();
    first.sync(&[(&id, b"all")]);
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    let answer = first.join();
    assert_eq!((answer.generation_id, answer.members.len()), (3, 1));
    assert_eq!(second.heartbeat(), ErrorCode::UNKNOWN_MEMBER_ID);
}

fn a_group_ends_empty_and_begins_again(target: &Target) {
    let group = target.name("group");
    let mut member = Member::new(target, &group);
    member.join();
    settle(&mut [&mut member]);
    assert_eq!(member.leave(), ErrorCode::NONE);
    assert_eq!(describe(&mut member, 5).group_state.as_str(), "Empty");
    let mut next = Member { protocol_type: "other".into(), ..Member::new(target, &group) };
    let answer = next.join();
    // The leave made a generation of its own.
    assert_eq!((answer.generation_id, answer.leader), (3, next.id.clone()));
}

fn a_lost_connection_is_no_leave(target: &Target) {
    let (mut first, mut second) = pair(target, &target.name("group"));
    second.client = target.client();
    assert_eq!(second.heartbeat(), ErrorCode::NONE);
    // Not even while its join waits.
    second.protocols = vec![("range", subscription("other"))];
    second.send_join();
    first.heartbeat_until(ErrorCode::REBALANCE_IN_PROGRESS);
    second.client = target.client();
    second.send_join();
    first.join();
    let answer = second.joined();
    assert_eq!((answer.generation_id, &answer.leader), (3, &first.id));
    settle(&mut [&mut first, &mut second]);
}

/// What one is told of this member's group.
pub fn describe(member: &mut Member, version: i16) -> DescribedGroup {
    member.client.pin(ApiKey::DescribeGroups, version);
    let request = DescribeGroupsRequest { groups: vec![member.group.clone()], include_authorized_operations: false };
    one(member.client.describe_groups(request).unwrap().groups)
}

fn groups_are_described(target: &Target) {
    let mut stranger = Member::new(target, &target.name("group"));
    for version in 0..=6 {
        let missing = describe(&mut stranger, version);
        let error = if version >= 6 { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE };
        assert_eq!((missing.error_code, missing.group_state.as_str(), missing.members.len()), (error, "Dead", 0));
        assert_eq!(missing.error_message.is_some(), version >= 6);
    }
    let (mut first, second) = pair(target, &target.name("group"));
    for version in 0..=6 {
        let group = describe(&mut first, version);
        assert_eq!((group.error_code, &group.group_id, group.group_state.as_str()), (ErrorCode::NONE, &first.group, "Stable"));
        assert_eq!((group.protocol_type.as_str(), group.protocol_data.as_str()), ("consumer", "range"));
        assert_eq!(group.members.len(), 2);
        let member = group.members.iter().find(|it| it.member_id == second.id).unwrap();
        assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("monolog", "/127.0.0.1"));
        assert_eq!((&member.member_metadata[..], &member.member_assignment[..]), (&subscription("metadata")[..], second.id.as_bytes()));
        assert_eq!(member.group_instance_id, None);
    }
    first.send_join();
    let mut onlooker = Member::new(target, &first.group);
    until("the rebalance is seen", || describe(&mut onlooker, 6).group_state.as_str() == "PreparingRebalance");
    let group = describe(&mut onlooker, 6);
    assert_eq!(group.protocol_data.as_str(), "");
    assert!(group.members.iter().all(|it| it.member_metadata.is_empty() && !it.member_assignment.is_empty()), "{group:?}");
}

fn groups_are_listed(target: &Target) {
    let (mut first, _second) = pair(target, &target.name("group"));
    let group = first.group.clone();
    let mut list = |version: i16, states: &[&str], types: &[&str]| {
        first.client.pin(ApiKey::ListGroups, version);
        let words = |list: &[&str]| list.iter().map(|&it| it.into()).collect::<Vec<Text>>();
        let answer = first.client.list_groups(ListGroupsRequest { states_filter: words(states), types_filter: words(types) }).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        answer.groups.into_iter().find(|it| it.group_id == group)
    };
    for version in 0..=5 {
        let listed = list(version, &[], &[]).unwrap();
        assert_eq!(listed.protocol_type.as_str(), "consumer");
        assert_eq!(listed.group_state.as_str(), if version >= 4 { "Stable" } else { "" });
        assert!(listed.group_type.eq_ignore_ascii_case(if version >= 5 { "classic" } else { "" }));
    }
    for (states, types, found) in [
        (&["Stable"][..], &[][..], true),
        (&["stable", "Empty"], &[], true),
        (&["Empty"], &[], false),
        (&["NoSuchState"], &[], false),
        (&[], &["classic"], true),
        (&[], &["Consumer"], false),
        (&["Stable"], &["classic"], true),
    ] {
        assert_eq!(list(5, states, types).is_some(), found, "{states:?} {types:?}");
    }
}

fn coordinators_are_found(target: &Target) {
    let mut client = target.client();
    let node = client.metadata(Default::default()).unwrap().brokers[0].clone();
    for version in 0..=6 {
        client.pin(ApiKey::FindCoordinator, version);
        let keys: Vec<Text> = vec!["one".into(), "two".into()];
        if version < 4 {
            let answer =
                client.find_coordinator(FindCoordinatorRequest { key: keys[0].clone(), ..FindCoordinatorRequest::default() }).unwrap();
            assert_eq!((answer.error_code, answer.node_id, answer.port), (ErrorCode::NONE, node.node_id, node.port));
            assert_eq!(answer.host, node.host);
        } else {
            let request = FindCoordinatorRequest { coordinator_keys: keys.clone(), ..FindCoordinatorRequest::default() };
            let found = client.find_coordinator(request).unwrap().coordinators;
            assert_eq!(found.iter().map(|it| &it.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
            for it in found {
                assert_eq!((it.error_code, it.node_id, it.port, it.host), (ErrorCode::NONE, node.node_id, node.port, node.host.clone()));
            }
        }
    }
}
