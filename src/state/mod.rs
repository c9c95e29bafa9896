//! All broker state and its rules, without I/O: no socket, clock, thread or random source. Handlers in `api` call one rule
//! each; the engine calls the hooks below when a plan comes back and when a timer is due.

pub mod broker;
pub mod timers;
pub mod topics;
