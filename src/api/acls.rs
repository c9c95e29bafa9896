//! DescribeAcls, CreateAcls, DeleteAcls: there is no authorizer, so each is answered SECURITY_DISABLED, as Kafka does without one.
//! Versions: 1 to 3 differ on the wire only.

use super::Call;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::create_acls::{AclCreationResult, CreateAclsRequest, CreateAclsResponse};
use crate::wire::message::delete_acls::{DeleteAclsFilterResult, DeleteAclsRequest, DeleteAclsResponse};
use crate::wire::message::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};

const DISABLED: ErrorCode = ErrorCode::SECURITY_DISABLED;
const MESSAGE: Text = Text::from_static("No Authorizer is configured on the broker");
// Kafka says it in two ways.
const REFUSAL: Text = Text::from_static("No Authorizer is configured.");

/// Answers at once.
pub fn describe(_state: &mut State, fx: &mut Effects, _now: Now, call: Call, _request: DescribeAclsRequest) {
    let response = DescribeAclsResponse { error_code: DISABLED, error_message: Some(MESSAGE), ..DescribeAclsResponse::default() };
    fx.reply(call.to, Response::DescribeAcls(response));
}

/// Answers at once.
pub fn create(_state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: CreateAclsRequest) {
    let refused = AclCreationResult { error_code: DISABLED, error_message: Some(REFUSAL) };
    let results = vec![refused; request.creations.len()];
    fx.reply(call.to, Response::CreateAcls(CreateAclsResponse { results, ..CreateAclsResponse::default() }));
}

/// Answers at once.
pub fn delete(_state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: DeleteAclsRequest) {
    let refused = DeleteAclsFilterResult { error_code: DISABLED, error_message: Some(REFUSAL), matching_acls: Vec::new() };
    let filter_results = vec![refused; request.filters.len()];
    fx.reply(call.to, Response::DeleteAcls(DeleteAclsResponse { filter_results, ..DeleteAclsResponse::default() }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call};

    #[test]
    fn everything_is_refused_one_by_one() {
        let mut world = World::new();
        describe(&mut world.state, &mut world.fx, world.now, call(3), DescribeAclsRequest::default());
        assert_eq!(answer!(world, DescribeAcls).error_code, DISABLED);
        let creations = vec![Default::default(); 2];
        create(&mut world.state, &mut world.fx, world.now, call(3), CreateAclsRequest { creations });
        assert_eq!(answer!(world, CreateAcls).results.iter().map(|one| one.error_code).collect::<Vec<_>>(), [DISABLED; 2]);
        let filters = vec![Default::default(); 3];
        delete(&mut world.state, &mut world.fx, world.now, call(3), DeleteAclsRequest { filters });
        assert_eq!(answer!(world, DeleteAcls).filter_results.iter().map(|one| one.error_code).collect::<Vec<_>>(), [DISABLED; 3]);
    }
}
