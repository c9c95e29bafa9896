//! The ground floor: ids, times, text, seeded randomness, limits, the memory budget and the list of metrics.
//! Every other room may use it; it uses nothing but `std` and `bytes`.

pub mod budget;
pub mod ids;
pub mod limits;
pub mod metrics;
pub mod planted;
pub mod rng;
pub mod text;
pub mod time;
pub mod topic_name;
