//! Groups: the classic protocol, and committed offsets.

use crate::base::ids::ConnId;
use crate::base::time::Now;
use crate::state::effects::Effects;
use crate::state::timers::{Timer, Timers};
use crate::state::topics::Topics;
use crate::store::plan::Image;

/// All groups.
#[derive(Debug, Default)]
pub struct Groups {}

#[allow(missing_docs, unused_variables)]
impl Groups {
    pub fn load(image: &Image, timers: &mut Timers, now: Now) -> Groups {
        Groups {}
    }
    pub fn reload(&mut self, image: &Image, fx: &mut Effects, timers: &mut Timers, now: Now) {}
    pub fn due(&mut self, timer: Timer, fx: &mut Effects, timers: &mut Timers, now: Now) {}
    pub fn expire(&mut self, topics: &Topics, fx: &mut Effects, timers: &mut Timers, now: Now) {}
    pub fn disconnected(&mut self, conn: ConnId) {}
    pub fn answer_all_parked(&mut self, fx: &mut Effects) {}
}
