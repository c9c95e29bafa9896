//! DescribeUserScramCredentials: there are none (KIP-554).
//! Versions: there is one.

use super::Call;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::describe_user_scram_credentials::{
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse, DescribeUserScramCredentialsResult,
};
use std::collections::BTreeMap;

/// Answers at once. Whoever is named is not there.
pub fn handle(_state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: DescribeUserScramCredentialsRequest) {
    let mut times: BTreeMap<Text, usize> = BTreeMap::new();
    for user in request.users.into_iter().flatten() {
        *times.entry(user.name).or_default() += 1;
    }
    let result = |(user, count): (Text, usize)| {
        let (error_code, message) = if count > 1 {
            let message = format!("Cannot describe SCRAM credentials for the same user twice in a single request: {user}");
            (ErrorCode::DUPLICATE_RESOURCE, message)
        } else {
            (ErrorCode::RESOURCE_NOT_FOUND, format!("Attempt to describe a user credential that does not exist: {user}"))
        };
        DescribeUserScramCredentialsResult { user, error_code, error_message: Some(Text::from(message)), ..Default::default() }
    };
    let response = DescribeUserScramCredentialsResponse {
        results: times.into_iter().map(result).collect(),
        ..DescribeUserScramCredentialsResponse::default()
    };
    fx.reply(call.to, Response::DescribeUserScramCredentials(response));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call};
    use crate::wire::message::describe_user_scram_credentials::UserName;

    fn ask(users: Option<&[&str]>) -> Vec<(String, i16)> {
        let mut world = World::new();
        let users = users.map(|users| users.iter().map(|name| UserName { name: (*name).into() }).collect());
        handle(&mut world.state, &mut world.fx, world.now, call(0), DescribeUserScramCredentialsRequest { users });
        let response = answer!(world, DescribeUserScramCredentials);
        assert_eq!(response.error_code, ErrorCode::NONE);
        response.results.iter().map(|one| (one.user.to_string(), one.error_code.0)).collect()
    }

    #[test]
    fn nobody_has_any() {
        assert_eq!(ask(None), []);
        assert_eq!(ask(Some(&[])), []);
        assert_eq!(ask(Some(&["b", "a", "b"])), [("a".to_owned(), 91), ("b".to_owned(), 92)]);
    }
}
