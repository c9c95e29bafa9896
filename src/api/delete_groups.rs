//! DeleteGroups: deletes groups without members, with their offsets.
//! Versions: 0 to 2 differ on the wire only.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};
use std::collections::BTreeSet;

/// Answers once everything that was deleted is gone from the disk.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: DeleteGroupsRequest) {
    let mut after = PlanNo::COMMITTED;
    // A group that is named twice is told once, as in Kafka.
    let mut decided = BTreeSet::new();
    let mut results = Vec::with_capacity(request.groups_names.len());
    for group_id in request.groups_names {
        if !decided.insert(group_id.clone()) {
            continue;
        }
        let (groups, mut turn) = state.group_turn(fx, now);
        let (error_code, plan) = match groups.delete(&mut turn, &group_id) {
            Ok(plan) => (ErrorCode::NONE, plan),
            Err(refused) => refused,
        };
        after = after.max(plan);
        results.push(DeletableGroupResult { group_id, error_code });
    }
    fx.reply_after(call.to, after, Response::DeleteGroups(DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::store::plan::Op;

    #[test]
    fn each_group_has_its_own_answer_and_one_though_it_is_named_twice() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        world.commit_offset("g", "t", 5);
        let groups_names = ["g", "none", "g"].map(Into::into).to_vec();
        handle(&mut world.state, &mut world.fx, world.now, call(2), DeleteGroupsRequest { groups_names });
        assert_eq!(world.answered(), None, "it waits for the disk");
        let ops = world.commit();
        assert!(matches!(&ops[..], [Op::DeleteGroup(group)] if *group == "g"), "{ops:?}");
        let results = answer!(world, DeleteGroups).results;
        assert_eq!(results.iter().map(|one| (one.group_id.as_str(), one.error_code.0)).collect::<Vec<_>>(), [("g", 0), ("none", 69)]);
        assert!(!world.state.groups.contains("g"));
    }
}
