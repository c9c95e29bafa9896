//! The two clocks. Wall time stamps records and ages them; monotonic time judges every time-out. Both are inputs: only
//! the shell (server, net, http, cold, cli) reads a clock.

/// One reading of both clocks, taken together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Milliseconds since 1970, may jump.
    pub wall_ms: i64,
    /// Milliseconds since the process began, never goes back.
    pub mono_ms: u64,
}
