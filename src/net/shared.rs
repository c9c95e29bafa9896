//! What all reactors share: where mail goes, the memory budget, the oversize lane and the count of connections.

use crate::base::budget::Budget;
use crate::base::text::Text;
use crate::mail::mailbox::EngineSender;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};

/// Made by `server`, shared by all reactors.
pub struct Shared {
    /// Where requests go.
    pub engine: EngineSender,
    /// Where frames and answers are charged.
    pub budget: Budget,
    /// The lane of the one frame above an eighth of the budget.
    pub oversize: Lane,
    /// The lanes of frames that have begun and cannot go on at the bound.
    pub rescue: Rescue,
    /// What clients are told to connect to; `None`: the address on which each reached us.
    pub advertised: Option<(Text, i32)>,
    /// Connections now, of all reactors.
    pub connections: AtomicUsize,
    /// Connections at most.
    pub connections_max: usize,
    /// The largest frame (`limits.max_request_size`), bytes.
    pub request_bytes_max: usize,
    /// Whether reactor 0 has stopped accepting and wants to hear of every connection that ends.
    pub accept_paused: AtomicBool,
}

impl Shared {
    /// For a broker that has no connection yet.
    pub fn new(
        engine: EngineSender,
        budget: Budget,
        advertised: Option<(Text, i32)>,
        connections_max: usize,
        request_bytes_max: usize,
    ) -> Shared {
        Shared {
            engine,
            budget,
            oversize: Lane::default(),
            rescue: Rescue::default(),
            advertised,
            connections: AtomicUsize::new(0),
            connections_max,
            request_bytes_max,
            accept_paused: AtomicBool::new(false),
        }
    }
}

/// Where a frame goes on that has begun and cannot at the bound: were all the memory held by frames that are half read, nothing else would
/// move.
#[derive(Default)]
pub struct Rescue {
    /// For one Produce.
    pub produce: Lane,
    /// For one frame of any other API.
    pub others: Lane,
}

/// A way around the memory budget for one frame at a time.
#[derive(Clone, Default)]
pub struct Lane(Arc<AtomicBool>);

/// The right to be in the lane, until dropped.
pub struct Permit(Lane);

impl Lane {
    /// Enters, unless somebody else is in there.
    pub fn try_enter(&self) -> Option<Permit> {
        self.0.compare_exchange(false, true, AcqRel, Acquire).ok().map(|_| Permit(self.clone()))
    }
}

impl Permit {
    /// Ties the permit to the frame that was read with it: the lane is free when the last slice of the frame goes.
    pub fn attach(self, buffer: Vec<u8>) -> Bytes {
        struct InLane(Vec<u8>, #[expect(dead_code, reason = "held for its Drop")] Permit);
        impl AsRef<[u8]> for InLane {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Bytes::from_owner(InLane(buffer, self))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.store(false, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lane_is_free_when_the_frame_is_gone() {
        let lane = Lane::default();
        let frame = lane.try_enter().unwrap().attach(vec![1, 2, 3]);
        assert!(lane.try_enter().is_none());
        let slice = frame.slice(1..);
        drop(frame);
        assert!(lane.try_enter().is_none());
        drop(slice);
        assert!(lane.try_enter().is_some());
    }
}
