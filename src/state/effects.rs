//! The sheet on which a decision writes what is to happen: rows for the plan being filled, answers and when they may leave,
//! cold reads. The engine owns one, seals its rows into plans and carries the rest out.

use crate::base::budget::{Budget, Charge};
use crate::base::ids::{ConnId, PlanNo};
use crate::base::limits::{ANSWER_FREE_BYTES, PLAN_BATCHES_MAX, PLAN_BYTES_MAX, PLAN_OPS_MAX};
use crate::base::planted::{self, Bug};
use crate::mail::cold::{ColdJob, ColdLookup, ColdRange};
use crate::mail::input::ReplyTo;
use crate::mail::output::Output;
use crate::mail::view::View;
use crate::store::plan::{BatchRow, Op, Plan};
use crate::wire::field::Field;
use crate::wire::message::Response;
use std::collections::BTreeMap;

/// An answer that waits for a plan.
#[derive(Debug)]
pub struct Held {
    /// Where it goes.
    pub to: ReplyTo,
    /// What it says if the plan is committed; `None` for a Produce with acks=0.
    pub response: Option<Response>,
    /// Of a Produce: the plan that each partition's entry was written by, in the order of the answer. Empty: all in the last.
    pub entry_plans: Vec<PlanNo>,
    /// What pays for the answer, where it is long; filled in by [`Effects::hold`].
    pub charge: Option<Charge>,
}

/// What decisions write on.
#[derive(Debug)]
pub struct Effects {
    /// Pays for long answers.
    memory: Budget,
    committed: PlanNo,
    filling: Plan,
    filling_bytes: usize,
    held: BTreeMap<PlanNo, Vec<Held>>,
    held_views: BTreeMap<PlanNo, Vec<(ReplyTo, View, Option<Charge>)>>,
    outputs: Vec<Output>,
}

impl Default for Effects {
    fn default() -> Effects {
        Effects::new(Budget::new(usize::MAX))
    }
}

impl Effects {
    /// A blank sheet; the first plan has number 1. Long answers are charged to `memory`.
    pub fn new(memory: Budget) -> Effects {
        Effects {
            memory,
            committed: PlanNo::COMMITTED,
            filling: Plan::new(PlanNo(1)),
            filling_bytes: 0,
            held: BTreeMap::new(),
            held_views: BTreeMap::new(),
            outputs: Vec::new(),
        }
    }

    /// The plan that rows written now will be part of: an entity that a decision changes durably remembers this number.
    pub fn plan(&self) -> PlanNo {
        self.filling.no
    }

    /// The last plan that is committed. What an entity with a greater number holds may not be shown yet.
    pub fn committed(&self) -> PlanNo {
        self.committed
    }

    /// Whether an entity last written by `plan` is on disk.
    pub fn is_committed(&self, plan: PlanNo) -> bool {
        plan <= self.committed
    }

    /// Whether the plan being filled takes another batch. Decisions other than Produce need not ask.
    pub fn has_room(&self) -> bool {
        self.filling_bytes < PLAN_BYTES_MAX && self.filling.batches.len() < PLAN_BATCHES_MAX
    }

    /// Whether the plan being filled takes the operations of another request with long lists.
    pub fn has_room_for_ops(&self) -> bool {
        self.filling.ops.len() < PLAN_OPS_MAX
    }

    /// Writes an operation.
    pub fn row(&mut self, op: Op) {
        self.filling.ops.push(op);
    }

    /// Writes a batch.
    pub fn append(&mut self, batch: BatchRow) {
        self.filling_bytes += batch.data.len();
        self.filling.batches.push(batch);
    }

    /// Answers with what rests on committed or volatile state only: leaves at once.
    pub fn reply(&mut self, to: ReplyTo, response: Response) {
        let charge = self.charge(&response);
        self.outputs.push(Output::Answer { to, response: Some(response), charge });
    }

    /// Answers when `after`, the newest plan that the answer read or wrote, is committed; at once when it already is.
    pub fn reply_after(&mut self, to: ReplyTo, after: PlanNo, response: Response) {
        self.hold(after, Held { to, response: Some(response), entry_plans: Vec::new(), charge: None });
    }

    /// Holds an answer in the general form.
    pub fn hold(&mut self, after: PlanNo, mut held: Held) {
        held.charge = held.response.as_ref().and_then(|response| self.charge(response));
        if self.is_committed(after) || planted::is(Bug::AckBeforeCommit) {
            self.send(held);
        } else {
            debug_assert!(after <= self.filling.no, "an answer cannot wait for a plan that nobody fills");
            self.held.entry(after).or_default().push(held);
        }
    }

    /// Sends an answer that need not wait for a plan any more. One that tells of log directories goes by way of the cold readers, who
    /// know the size of the volume: to ask the system for it may take as long as the disk does.
    pub fn send(&mut self, held: Held) {
        self.outputs.push(match held.response {
            Some(Response::DescribeLogDirs(response)) => Output::Cold(ColdJob::Volume(held.to, Box::new(response), held.charge)),
            response => Output::Answer { to: held.to, response, charge: held.charge },
        });
    }

    /// Answers a question when `after`, the newest plan that wrote what the answer shows, is committed; at once when it already is.
    pub fn show_after(&mut self, to: ReplyTo, after: PlanNo, view: View) {
        let charge = self.charge_bytes(view.heap_bytes());
        if self.is_committed(after) {
            self.outputs.push(Output::View { to, view, charge });
        } else {
            self.held_views.entry(after).or_default().push((to, view, charge));
        }
    }

    /// Closes a connection.
    pub fn close(&mut self, conn: ConnId) {
        self.outputs.push(Output::Close(conn));
    }

    /// Hands a job to the cold readers.
    pub fn cold(&mut self, mut job: ColdJob) {
        match &mut job {
            ColdJob::Fetch(job) => {
                job.charge = self.charge_bytes(job.response.heap_bytes() + job.ranges.capacity() * size_of::<ColdRange>())
            }
            ColdJob::Offsets(job) => {
                job.charge = self.charge_bytes(job.response.heap_bytes() + job.lookups.capacity() * size_of::<ColdLookup>());
            }
            ColdJob::Volume(..) | ColdJob::Retention { .. } => {}
        }
        self.outputs.push(Output::Cold(job));
    }

    fn charge(&self, response: &Response) -> Option<Charge> {
        self.charge_bytes(response.heap_bytes())
    }

    fn charge_bytes(&self, bytes: usize) -> Option<Charge> {
        (bytes > ANSWER_FREE_BYTES).then(|| self.memory.charge_answer(bytes))
    }

    /// Anything else for the shell; the engine's own.
    pub fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// Whether the plan being filled holds anything.
    pub fn has_rows(&self) -> bool {
        !self.filling.is_empty()
    }

    /// Whether any answer waits for a plan.
    pub fn has_held(&self) -> bool {
        !(self.held.is_empty() && self.held_views.is_empty())
    }

    /// Takes the filled plan and starts the next one.
    pub fn seal(&mut self) -> Plan {
        let next = Plan::new(PlanNo(self.filling.no.0 + 1));
        self.filling_bytes = 0;
        std::mem::replace(&mut self.filling, next)
    }

    /// Notes that everything up to `plan` is on disk, and gives back the answers that waited for it, in the order in which they were held.
    pub fn release(&mut self, plan: PlanNo) -> Vec<Held> {
        debug_assert!(plan > self.committed);
        self.committed = plan;
        let ahead = if planted::is(Bug::WrongPlan) { 2 } else { 1 };
        let later_views = self.held_views.split_off(&PlanNo(plan.0 + 1));
        let views = std::mem::replace(&mut self.held_views, later_views).into_values().flatten();
        self.outputs.extend(views.map(|(to, view, charge)| Output::View { to, view, charge }));
        let later = self.held.split_off(&PlanNo(plan.0 + ahead));
        std::mem::replace(&mut self.held, later).into_values().flatten().collect()
    }

    /// After a refusal: drops the plan being filled and gives it back together with every answer that waited. Numbers go on; what
    /// was refused counts as settled, since state is rebuilt from what is on disk.
    pub fn refuse(&mut self) -> (Plan, Vec<Held>) {
        let refused = self.seal();
        self.committed = refused.no;
        let views = std::mem::take(&mut self.held_views).into_values().flatten();
        self.outputs.extend(views.map(|(to, ..)| Output::View { to, view: View::Refused, charge: None }));
        (refused, std::mem::take(&mut self.held).into_values().flatten().collect())
    }

    /// Takes what the shell has to do, in order.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }
}
