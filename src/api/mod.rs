//! What each Kafka key does: one thin handler file per key. A handler resolves names, calls one rule of `state`, and fills the
//! answer. Called by the engine only.

pub mod api_versions;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_topic_partitions;
pub mod metadata;
mod operations;
pub mod refusal;
#[cfg(test)]
mod testing;

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
