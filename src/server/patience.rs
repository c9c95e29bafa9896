//! Whether the storage thread rests after a commit until those whom it answered have sent their next requests. A producer with five
//! requests on the way sends one for each answer. Where these come slower than the disk commits, the first of them would be a commit
//! of its own, and the others wait for it; where they come faster, half of them are there when the other half is done, and a rest would
//! leave the disk idle. Which it is depends on producers, disk and processors, so both are tried, and what commits more batches a second
//! is kept for a while. Used by `storage`.

use std::time::{Duration, Instant};

/// One way and the other are tried in turns of so many commits,
const PERIOD_COMMITS: u32 = 32;
/// ... so many periods in all.
const TRIAL_PERIODS: u32 = 8;
/// What was found holds for so many periods,
const KEPT_PERIODS_MIN: u32 = 32;
/// ... and for twice as many each time that it is found again, up to this.
const KEPT_PERIODS_MAX: u32 = 128;
/// Rests must bring so much more to be worth it, as a factor.
const GAIN_MIN: f64 = 1.15;
/// Where commits take a smaller part of the time than this one, nobody waits for them: no rests, and no trials.
const BUSY_PART: u32 = 4;
/// The longest rest. It is to see the next requests of who was answered and has more to send, on this machine or near it.
const REST_MAX: Duration = Duration::from_millis(1);

/// What was learned of the last commits.
#[derive(Debug)]
pub(super) struct Patience {
    /// What was found to be better.
    rests: bool,
    /// Without rests, and with them: what a trial has seen. `None`: it is over, or has not begun.
    trial: Option<[Stretch; 2]>,
    /// Periods until the trial is over, or the next one begins.
    periods_left: u32,
    kept_periods: u32,
    commits: u32,
    stretch: Stretch,
    began: Instant,
}

/// Batches that were committed, and how long that took.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    batches: usize,
    busy: Duration,
    elapsed: Duration,
}

impl Stretch {
    fn rate(&self) -> f64 {
        self.batches as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

impl Patience {
    /// Of a storage thread that has committed nothing yet.
    pub(super) fn new(now: Instant) -> Patience {
        Patience {
            rests: false,
            trial: None,
            periods_left: 1,
            kept_periods: KEPT_PERIODS_MIN,
            commits: 0,
            stretch: Stretch::default(),
            began: now,
        }
    }

    /// Notes a commit that took so long and is done now. How long to rest at most, if at all: what is longer than two commits costs
    /// more than it can bring.
    pub(super) fn rest_after(&mut self, batches: usize, took: Duration, now: Instant) -> Option<Duration> {
        self.commits += 1;
        self.stretch.batches += batches;
        self.stretch.busy += took;
        if self.commits >= PERIOD_COMMITS {
            self.stretch.elapsed = now.saturating_duration_since(std::mem::replace(&mut self.began, now));
            self.commits = 0;
            let stretch = std::mem::take(&mut self.stretch);
            self.learn(stretch);
        }
        self.is_resting().then(|| (2 * took).min(REST_MAX))
    }

    fn is_resting(&self) -> bool {
        if self.trial.is_some() { self.periods_left % 2 == 1 } else { self.rests }
    }

    fn learn(&mut self, stretch: Stretch) {
        if stretch.busy * BUSY_PART < stretch.elapsed {
            *self = Patience::new(self.began);
            return;
        }
        let is_resting = self.is_resting();
        self.periods_left -= 1;
        if let Some(seen) = &mut self.trial {
            let seen = &mut seen[usize::from(is_resting)];
            seen.batches += stretch.batches;
            seen.elapsed += stretch.elapsed;
        }
        if self.periods_left > 0 {
            return;
        }
        match self.trial.take() {
            Some([without, with]) => self.judge(with.rate() > without.rate() * GAIN_MIN),
            None => (self.trial, self.periods_left) = (Some(Default::default()), TRIAL_PERIODS),
        }
    }

    fn judge(&mut self, rests: bool) {
        let is_found_again = self.rests == rests;
        self.kept_periods = if is_found_again { (self.kept_periods * 2).min(KEPT_PERIODS_MAX) } else { KEPT_PERIODS_MIN };
        (self.rests, self.periods_left) = (rests, self.kept_periods);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a commit brings: batches, microseconds of the commit, and until it begins.
    type Way = (usize, u64, u64);

    /// A storage thread whose commits are such without rests, and such with them.
    struct World {
        patience: Patience,
        now: Instant,
    }

    impl World {
        fn new() -> World {
            let now = Instant::now();
            World { patience: Patience::new(now), now }
        }

        /// After how many of so many commits it rested.
        fn rests(&mut self, commits: u32, without: Way, with: Way) -> u32 {
            let mut rests = 0;
            let mut rested = false;
            for _ in 0..commits {
                let (batches, took_us, gap_us) = if rested { with } else { without };
                let took = Duration::from_micros(took_us);
                self.now += Duration::from_micros(gap_us) + took;
                rested = self.patience.rest_after(batches, took, self.now).is_some();
                rests += u32::from(rested);
            }
            rests
        }
    }

    const FEW: Way = (2, 400, 100);
    const ALL: Way = (5, 400, 400);

    #[test]
    fn it_rests_where_that_commits_more() {
        assert!(World::new().rests(10_000, FEW, ALL) > 9_000);
    }

    #[test]
    fn it_does_not_where_that_commits_less_or_hardly_more() {
        for slow in [(5, 400, 1_000), (5, 400, 750)] {
            let mut world = World::new();
            world.rests(20_000, FEW, slow);
            let rests = world.rests(100_000, FEW, slow);
            assert!((1..4_000).contains(&rests), "it tries now and then: {rests}");
        }
    }

    #[test]
    fn it_finds_out_when_things_change() {
        let mut world = World::new();
        world.rests(100_000, FEW, ALL);
        let late = (5, 400, 1_000);
        world.rests(KEPT_PERIODS_MAX * PERIOD_COMMITS + 1_000, FEW, late);
        assert!(world.rests(10_000, FEW, late) < 2_000);
        world.rests(KEPT_PERIODS_MAX * PERIOD_COMMITS + 1_000, FEW, ALL);
        assert!(world.rests(10_000, FEW, ALL) > 8_000);
    }

    #[test]
    fn it_never_does_where_nobody_waits_for_commits() {
        let mut world = World::new();
        assert_eq!(world.rests(10_000, (1, 300, 1_000), (9, 300, 1_000)), 0);
        assert!(world.rests(10_000, FEW, ALL) > 9_000);
        world.rests(1_000, (1, 300, 1_000), (9, 300, 1_000));
        assert_eq!(world.rests(10_000, (1, 300, 1_000), (9, 300, 1_000)), 0);
    }

    #[test]
    fn a_rest_is_as_long_as_two_commits_and_a_millisecond_at_most() {
        let now = Instant::now();
        let mut patience = Patience { rests: true, ..Patience::new(now) };
        let mut rest = |took_us| patience.rest_after(1, Duration::from_micros(took_us), now);
        assert_eq!([rest(100), rest(700)], [200, 1_000].map(|us| Some(Duration::from_micros(us))));
    }
}
