//! Bugs planted on purpose, to prove that the simulator finds their like (`tests/sim/planted.rs`). They exist only under the
//! cargo feature `planted`, and there only one at a time, chosen at run time per thread; in every other build [`is`] is `false`
//! and the compiler drops the branch.

/// The closed list of planted bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Answers leave when they are decided, not when their plan is on disk.
    AckBeforeCommit,
    /// The high watermark rises when a batch is decided.
    WatermarkBeforeCommit,
    /// A batch is acked at the offset of its second record.
    OffsetOffByOne,
    /// A commit forgets the fetches that wait for it.
    LostParkedFetch,
    /// A member gets the assignment of another one.
    TwoOwners,
    /// A batch sent again is stored again.
    DuplicateAfterRetry,
    /// An offset commit whose plan was refused is acked all the same.
    LostOffsetCommit,
    /// Answers of one connection overtake each other.
    RepliesOutOfOrder,
    /// After a refused plan the successor of a refused batch is accepted.
    NoFence,
    /// An answer leaves with the plan before its own.
    WrongPlan,
    /// A deleted topic comes back, or stays, when its plan is refused: state is not loaded again.
    NoReload,
    /// A partition in a fetch session is forgotten when it had nothing to say.
    LostSessionPartition,
    /// After a restart the generations of groups begin anew.
    GenerationFalls,
    /// Producer ids are handed out from a block that is not on disk.
    ProducerIdTwice,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 14] = [
        Bug::AckBeforeCommit,
        Bug::WatermarkBeforeCommit,
        Bug::OffsetOffByOne,
        Bug::LostParkedFetch,
        Bug::TwoOwners,
        Bug::DuplicateAfterRetry,
        Bug::LostOffsetCommit,
        Bug::RepliesOutOfOrder,
        Bug::NoFence,
        Bug::WrongPlan,
        Bug::NoReload,
        Bug::LostSessionPartition,
        Bug::GenerationFalls,
        Bug::ProducerIdTwice,
    ];
}

#[cfg(feature = "planted")]
mod chosen {
    use super::Bug;
    use std::cell::Cell;

    thread_local!(static BUG: Cell<Option<Bug>> = const { Cell::new(None) });

    /// Plants a bug in this thread, or pulls it out.
    pub fn plant(bug: Option<Bug>) {
        BUG.set(bug);
    }

    /// Whether this bug is planted in this thread.
    pub fn is(bug: Bug) -> bool {
        BUG.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use chosen::{is, plant};

/// Whether this bug is planted: never, in this build.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn is(_: Bug) -> bool {
    false
}
