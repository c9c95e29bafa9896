//! Log lines about peers: one for each fault, but no more in a second than somebody reads.

use log::info;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Lines in one window; what comes beyond is counted.
const LINES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// Writes the lines of one reactor.
#[derive(Default)]
pub struct Faults {
    window: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl Faults {
    /// Says that a connection was closed, and why.
    pub fn closed(&mut self, peer: &dyn Display, why: &dyn Display, now: Instant) {
        if self.admit(now) {
            let suppressed = std::mem::take(&mut self.suppressed);
            if suppressed > 0 {
                info!("closed {peer}: {why} ({suppressed} more such lines left out)");
            } else {
                info!("closed {peer}: {why}");
            }
        }
    }

    fn admit(&mut self, now: Instant) -> bool {
        if self.window.is_none_or(|start| now.saturating_duration_since(start) >= WINDOW) {
            self.window = Some(now);
            self.lines = 0;
        }
        self.lines += 1;
        if self.lines > LINES_MAX {
            self.suppressed += 1;
        }
        self.lines <= LINES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_few_lines_a_second() {
        let mut faults = Faults::default();
        let start = Instant::now();
        assert_eq!((0..1_000).filter(|_| faults.admit(start)).count(), LINES_MAX as usize);
        assert_eq!(faults.suppressed, 990);
        assert!(faults.admit(start + WINDOW));
    }
}
