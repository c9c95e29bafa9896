//! What the engine can say: answers, plans to commit, ranges to read. Sent on by the engine thread, or by the simulator.

use super::cold::ColdJob;
use super::input::ReplyTo;
use super::view::View;
use crate::base::budget::Charge;
use crate::base::ids::ConnId;
use crate::store::plan::Plan;
use crate::wire::message::Response;

/// The closed list of what the engine asks of the shell.
#[derive(Debug)]
pub enum Output {
    /// The answer to a request. `None`: the request is done and gets no bytes (Produce with acks=0).
    Answer {
        /// The request.
        to: ReplyTo,
        /// Its answer.
        response: Option<Response>,
        /// What pays for it, where it is long.
        charge: Option<Charge>,
    },
    /// The answer to a question.
    View {
        /// Who asked.
        to: ReplyTo,
        /// The answer.
        view: View,
        /// What pays for it, where it is long.
        charge: Option<Charge>,
    },
    /// Close a connection, as Kafka does when an acks=0 Produce fails.
    Close(ConnId),
    /// Commit this plan; at most one is under way.
    Commit(Plan),
    /// Try whether the disk has room again.
    Probe,
    /// Read old data.
    Cold(ColdJob),
    /// The broker can no longer promise durability (a fatal store error): flush answers and exit.
    Halt,
    /// After `Input::Stop`: everything is answered and committed.
    Stopped,
}
