//! The partitions that producers, members and readers work with, by number.

/// A place in [`LANES`].
pub type Lane = usize;

/// Topic and index.
pub const LANES: [(&str, i32); 5] = [("orders", 0), ("orders", 1), ("orders", 2), ("events", 0), ("events", 1)];

/// The lane of a partition; none for what admins play with.
pub fn lane(topic: &str, index: i32) -> Option<Lane> {
    LANES.iter().position(|lane| *lane == (topic, index))
}
