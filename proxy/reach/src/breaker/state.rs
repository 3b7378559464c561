//! The circuit of a target as a pure state machine.
//!
//! Enters: wishes to pass, how the passes ended, and the time. Leaves: a pass or how long to wait,
//! and the state that was changed to. Never: a clock, a lock or a metric.

use std::time::{Duration, Instant};

use toolgate_telemetry::Circuit as Shown;

/// By how much the open time may grow, as a power of two: eightfold.
const MOST_DOUBLINGS: u32 = 3;

/// For how long it opens the first time for a target that cannot be connected to: to try that costs
/// next to nothing, and a restart is over soon.
const AWAY: Duration = Duration::from_millis(250);

/// How long a caller waits while somebody else's trial is under way; nobody knows for how long.
const TRIAL: Duration = Duration::from_secs(1);

/// The machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Consecutive failures that open it; 0: nothing does.
    threshold: u32,
    /// For how long it opens the first time.
    open: Duration,
    state: State,
    /// Trials in a row that have failed.
    failed_trials: u32,
    /// Since when the target breaks connections off or takes none, if that is all that is wrong.
    gone_since: Option<Instant>,
    /// Changes of state so far. A pass from before a change says nothing about what is now.
    epoch: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { trying: bool },
}

/// The right to one attempt. Must be given back through [`Machine::settle`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    epoch: u64,
}

/// What an attempt said about the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It is well.
    Well,
    /// It is not.
    Failing,
    /// Its connection broke off, or there was none to be had.
    Away,
    /// Nothing.
    Silent,
}

// === impl Machine ===

impl Machine {
    pub(crate) const fn new(threshold: u32, open: Duration) -> Self {
        let state = State::Closed { failures: 0 };
        Self { threshold, open, state, failed_trials: 0, gone_since: None, epoch: 0 }
    }

    /// A pass, or how long to wait for one.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Pass, Duration> {
        match self.state {
            State::Closed { .. } => {}
            State::Open { until } if now < until => return Err(until - now),
            State::Open { .. } => self.change(State::HalfOpen { trying: true }),
            State::HalfOpen { trying: false } => self.state = State::HalfOpen { trying: true },
            State::HalfOpen { trying: true } => return Err(TRIAL),
        }
        Ok(Pass { epoch: self.epoch })
    }

    /// Takes a pass back with what it showed.
    pub(crate) fn settle(&mut self, pass: &Pass, signal: Signal, now: Instant) {
        if pass.epoch != self.epoch {
            return;
        }
        // What trials have shown of a target that was away says nothing of one that is ill.
        let was_away = self.gone_since.is_some();
        self.gone_since = match signal {
            Signal::Well | Signal::Failing => None,
            Signal::Away => self.gone_since.or(Some(now)),
            Signal::Silent => self.gone_since,
        };
        match (self.state, signal) {
            (State::Closed { .. }, Signal::Well) => self.state = State::Closed { failures: 0 },
            (State::Closed { failures }, Signal::Failing | Signal::Away) => {
                self.count(failures + 1, now);
            }
            (State::HalfOpen { .. }, Signal::Well) => self.close(),
            (State::HalfOpen { .. }, Signal::Failing) if was_away => {
                self.failed_trials = 0;
                self.open_at(now);
            }
            (State::HalfOpen { .. }, Signal::Failing | Signal::Away) => {
                self.failed_trials += 1;
                self.open_at(now);
            }
            (State::HalfOpen { .. }, Signal::Silent) => {
                self.state = State::HalfOpen { trying: false };
            }
            (State::Closed { .. }, Signal::Silent) | (State::Open { .. }, _) => {}
        }
    }

    /// Whether the pass is that of the trial under way.
    pub(crate) fn is_trial(&self, pass: &Pass) -> bool {
        pass.epoch == self.epoch && matches!(self.state, State::HalfOpen { .. })
    }

    /// The pass that everybody gets while it is closed and nothing has failed; taken back with
    /// anything but a failure, it changes nothing.
    pub(crate) const fn calm(&self) -> Option<Pass> {
        match self.state {
            State::Closed { failures: 0 } => Some(Pass { epoch: self.epoch }),
            State::Closed { .. } | State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// The state, as it is shown.
    pub(crate) const fn shown(&self) -> Shown {
        match self.state {
            State::Closed { .. } => Shown::Closed,
            State::Open { .. } => Shown::Open,
            State::HalfOpen { .. } => Shown::HalfOpen,
        }
    }

    /// Since when the target cannot be reached, if that is all that is wrong with it.
    pub(crate) const fn gone_since(&self) -> Option<Instant> {
        self.gone_since
    }

    /// How long it stays open; `None` when it is not open.
    pub(crate) fn opens_again_in(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Open { until } => Some(until.saturating_duration_since(now)),
            State::Closed { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// For how long calls are held back until one may pass on trial; `None`: they are not.
    pub(crate) fn shut_for(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Closed { .. } => None,
            State::Open { until } => Some(until.saturating_duration_since(now)),
            State::HalfOpen { trying: true } => Some(TRIAL),
            State::HalfOpen { trying: false } => Some(Duration::ZERO),
        }
    }

    fn count(&mut self, failures: u32, now: Instant) {
        self.state = State::Closed { failures };
        if self.threshold > 0 && failures >= self.threshold {
            self.open_at(now);
        }
    }

    fn open_at(&mut self, now: Instant) {
        let factor = |most: u32| 1 << self.failed_trials.min(most);
        let length = match self.gone_since {
            None => self.open.saturating_mul(factor(MOST_DOUBLINGS)),
            Some(_) => AWAY.saturating_mul(factor(16)).min(self.open),
        };
        self.change(State::Open { until: now.checked_add(length).unwrap_or(now) });
    }

    fn close(&mut self) {
        self.failed_trials = 0;
        self.change(State::Closed { failures: 0 });
    }

    const fn change(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }
}

// === impl Pass ===

impl Pass {
    /// The pass of that epoch.
    pub(crate) const fn of(epoch: u64) -> Self {
        Self { epoch }
    }

    /// Between which changes of state it was given.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }
}

#[cfg(test)]
mod tests;
