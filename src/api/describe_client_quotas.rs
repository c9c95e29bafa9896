//! DescribeClientQuotas: there are none (KIP-546); what is asked for is checked as in Kafka.
//! Versions: 0 and 1 differ on the wire only.

use super::Call;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::describe_client_quotas::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use std::collections::BTreeSet;

/// The parts that an entity may have.
const ENTITY_TYPES: [&str; 3] = ["user", "client-id", "ip"];

/// Answers at once.
pub fn handle(_state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: DescribeClientQuotasRequest) {
    let response = match check(&request) {
        Ok(()) => DescribeClientQuotasResponse::default(),
        Err((error_code, message)) => DescribeClientQuotasResponse {
            error_code,
            error_message: Some(Text::from(message)),
            entries: None,
            ..DescribeClientQuotasResponse::default()
        },
    };
    fx.reply(call.to, Response::DescribeClientQuotas(response));
}

fn check(request: &DescribeClientQuotasRequest) -> Result<(), (ErrorCode, String)> {
    let mut seen = BTreeSet::new();
    for component in &request.components {
        let entity_type = component.entity_type.as_str();
        let wrong = match component.match_type {
            _ if entity_type.is_empty() => "Invalid empty entity type.".to_owned(),
            _ if !seen.insert(entity_type) => format!("Entity type {entity_type} cannot appear more than once in the filter."),
            _ if !ENTITY_TYPES.contains(&entity_type) => {
                return Err((ErrorCode::UNSUPPORTED_VERSION, format!("Unsupported entity type {entity_type}")));
            }
            0 if component.r#match.is_none() => "Request specified MATCH_TYPE_EXACT, but set match string to null.".to_owned(),
            1 if component.r#match.is_some() => "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.".to_owned(),
            2 if component.r#match.is_some() => "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.".to_owned(),
            0..=2 => continue,
            other => format!("Unknown match type {other}"),
        };
        return Err((ErrorCode::INVALID_REQUEST, wrong));
    }
    if seen.contains("ip") && seen.len() > 1 {
        return Err((
            ErrorCode::INVALID_REQUEST,
            "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component."
                .to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call};
    use crate::wire::message::describe_client_quotas::ComponentData;

    fn ask(components: &[(&str, i8, Option<&str>)]) -> (i16, Option<usize>) {
        let mut world = World::new();
        let component = |(entity_type, match_type, name): &(&str, i8, Option<&str>)| ComponentData {
            entity_type: (*entity_type).into(),
            match_type: *match_type,
            r#match: name.map(Text::from),
        };
        let request = DescribeClientQuotasRequest { components: components.iter().map(component).collect(), strict: false };
        handle(&mut world.state, &mut world.fx, world.now, call(1), request);
        let response = answer!(world, DescribeClientQuotas);
        (response.error_code.0, response.entries.map(|entries| entries.len()))
    }

    #[test]
    fn there_are_none() {
        assert_eq!(ask(&[]), (0, Some(0)));
        assert_eq!(ask(&[("user", 2, None), ("client-id", 0, Some("c"))]), (0, Some(0)));
        assert_eq!(ask(&[("user", 2, None), ("user", 1, None)]), (42, None));
        assert_eq!(ask(&[("", 2, None)]), (42, None));
        assert_eq!(ask(&[("planet", 2, None)]), (35, None));
        assert_eq!(ask(&[("user", 3, None)]), (42, None));
        assert_eq!(ask(&[("user", 0, None)]), (42, None));
        assert_eq!(ask(&[("ip", 1, None), ("user", 1, None)]), (42, None));
    }
}
