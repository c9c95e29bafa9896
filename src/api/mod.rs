//! What each Kafka key does: one thin handler file per key. A handler resolves names, calls one rule of `state`, and fills the
//! answer. Called by the engine only.

pub mod refusal;

use crate::base::text::Text;
use crate::mail::input::{Peer, ReplyTo};
use std::sync::Arc;

/// What a handler knows of the request beside its body.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where the answer goes.
    pub to: ReplyTo,
    /// Version of the request.
    pub api_version: i16,
    /// `client_id` of the header.
    pub client_id: Option<Text>,
    /// The connection it came by.
    pub peer: Arc<Peer>,
}
