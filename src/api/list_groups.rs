//! ListGroups 0-5: which groups there are, those included that only commit offsets. Version 4 asks by state (KIP-518), 5 by type
//! (KIP-848); names are compared without regard to case, unknown ones match nothing.

use super::Call;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::group::classic::Group;
use crate::wire::message::Response;
use crate::wire::message::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

const CLASSIC: &str = "classic";

/// Answers when all that it shows is stored.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: ListGroupsRequest) {
    let (states, types) = (&request.states_filter, &request.types_filter);
    let is_type_asked = types.is_empty() || types.iter().any(|asked| asked.eq_ignore_ascii_case(CLASSIC));
    // Only names of states are trimmed, as in Kafka.
    let is_state_asked = |name: &str| states.is_empty() || states.iter().any(|asked| asked.trim().eq_ignore_ascii_case(name));
    let asked = state.groups.iter().filter(|group| is_type_asked && is_state_asked(group.state().name()));
    let response = ListGroupsResponse { groups: asked.map(list).collect(), ..ListGroupsResponse::default() };
    fx.reply_after(call.to, state.groups.listing(), Response::ListGroups(response));
}

fn list(group: &Group) -> ListedGroup {
    ListedGroup {
        group_id: group.id().clone(),
        protocol_type: group.protocol_type(),
        group_state: Text::from_static(group.state().name()),
        group_type: Text::from_static(CLASSIC),
    }
}
