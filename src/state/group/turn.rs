//! What rules of groups are given: who asks, and what they work with beside the groups.

use crate::base::rng::Rng;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::mail::input::ReplyTo;
use crate::state::effects::Effects;
use crate::state::timers::Timers;
use crate::state::topics::Topics;

/// What rules of groups work with beside the groups.
pub struct Turn<'a> {
    /// The sheet to write on.
    pub fx: &'a mut Effects,
    /// The timer table.
    pub timers: &'a mut Timers,
    /// Member ids come from here.
    pub rng: &'a mut Rng,
    /// The topics whose offsets are committed.
    pub topics: &'a Topics,
    /// The time.
    pub now: Now,
    /// Kafka's `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: u64,
    /// The disk is full: what would write is refused with COORDINATOR_NOT_AVAILABLE, or left unwritten where nobody asked for it.
    pub read_only: bool,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Where the answer goes.
    pub to: ReplyTo,
    /// The version of the request.
    pub api_version: i16,
    /// `client_id` of the request header; "" for none.
    pub client_id: Text,
    /// Where it comes from ("/127.0.0.1").
    pub client_host: Text,
}
