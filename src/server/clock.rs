//! The clocks, read here for everybody who is not allowed to.

use crate::base::time::Now;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Both clocks of this process.
#[derive(Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Monotonic time counts from here.
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Both, now.
    pub fn now(&self) -> Now {
        // A machine whose clock stands before 1970 has other troubles; its records are then stamped 0.
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        Now { wall_ms, mono_ms: self.mono_ms() }
    }

    /// Milliseconds since the process began.
    pub fn mono_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}
