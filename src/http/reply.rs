//! Answers of the routes: JSON or a page, and errors as `{"error","code"}` with the status that fits Kafka's code.

use super::copied::Copied;
use super::share::Held;
use super::text::put_string;
use crate::wire::error_code::ErrorCode;
use serde_json::Value;

/// What a request is answered with.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The methods of this path, where the answer says so.
    pub allow: Option<&'static str>,
    /// Whether it asks for a token.
    pub challenges: bool,
    /// What the body is.
    pub content_type: &'static str,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// A file that is the body.
    pub file: Option<Copied>,
    /// What pays for a large body.
    pub held: Option<Box<Held>>,
}

/// JSON, as its media type.
pub const JSON: &str = "application/json";

impl Reply {
    /// Only a status.
    pub fn empty(status: u16) -> Reply {
        Reply { status, allow: None, challenges: false, content_type: JSON, body: Vec::new(), file: None, held: None }
    }

    /// A small JSON body.
    pub fn json(status: u16, body: &Value) -> Reply {
        Reply { body: format!("{body}\n").into_bytes(), ..Reply::empty(status) }
    }

    /// An error that Kafka has a code for.
    pub fn kafka(code: ErrorCode, what: impl Into<String>) -> Reply {
        Reply::error(status_of(code), code.name(), what)
    }

    /// A request that makes no sense.
    pub fn bad(what: impl Into<String>) -> Reply {
        Reply::kafka(ErrorCode::INVALID_REQUEST, what)
    }

    /// An error with a status of its own.
    pub fn error(status: u16, code: &str, what: impl Into<String>) -> Reply {
        let mut body = b"{\"error\":".to_vec();
        put_string(&mut body, &what.into());
        body.extend_from_slice(b",\"code\":");
        put_string(&mut body, code);
        body.extend_from_slice(b"}\n");
        Reply { body, ..Reply::empty(status) }
    }
}

/// The status that says to curl what the code says to a Kafka client.
fn status_of(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID | ErrorCode::GROUP_ID_NOT_FOUND => 404,
        ErrorCode::TOPIC_ALREADY_EXISTS
        | ErrorCode::NON_EMPTY_GROUP
        | ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::REBALANCE_IN_PROGRESS => 409,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => 413,
        ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::THROTTLING_QUOTA_EXCEEDED => 503,
        ErrorCode::UNKNOWN_SERVER_ERROR | ErrorCode::CORRUPT_MESSAGE => 500,
        _ => 400,
    }
}
