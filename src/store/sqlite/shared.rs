//! What the connections of one store have in common. Made by `open`, held by the writer and by every reader.

use super::data_dir::DataDir;
use super::gate::Gate;
use super::recent::Recent;
use super::trim::Cuts;

/// What all connections of a store share. It holds the process lock until the last of them is gone.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) gate: Gate,
    pub(super) recent: Recent,
    pub(super) cuts: Cuts,
    pub(super) dir: DataDir,
}
