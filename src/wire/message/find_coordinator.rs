//! FindCoordinator (key 10): which broker coordinates a group or a transactional id.
//! Versions: 1 adds the kind of key; 3 is flexible; 4 asks for several keys at once (KIP-699); 5 is about transactions (KIP-890); 6
//! adds share groups (KIP-932).

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks who coordinates groups or transactions.
    pub struct FindCoordinatorRequest {
        /// Up to version 3: the id asked for.
        key: Text => 0..=3;
        /// 0: group, 1: transaction, 2: share.
        key_type: i8 => 1..;
        /// From version 4: the ids asked for.
        coordinator_keys: Vec<Text> => 4..;
    }

    /// Who coordinates.
    pub struct FindCoordinatorResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// Up to version 3: what went wrong, or `NONE`.
        error_code: ErrorCode => 0..=3;
        /// Up to version 3: what went wrong, in words.
        error_message: Option<Text> => 1..=3, default Some(Text::default());
        /// Up to version 3: the id of the broker.
        node_id: i32 => 0..=3;
        /// Up to version 3: the host to connect to.
        host: Text => 0..=3;
        /// Up to version 3: the port to connect to.
        port: i32 => 0..=3;
        /// From version 4: one answer for each key.
        coordinators: Vec<Coordinator> => 4..;
    }

    /// The coordinator of one key.
    pub struct Coordinator {
        /// The group, transactional or share id.
        key: Text => 4..;
        /// The id of the broker.
        node_id: i32 => 4..;
        /// The host to connect to.
        host: Text => 4..;
        /// The port to connect to.
        port: i32 => 4..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 4..;
        /// What went wrong, in words.
        error_message: Option<Text> => 4.., default Some(Text::default());
    }
}
