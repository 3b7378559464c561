//! Which successes get a line.
//!
//! Enters: a share, and calls that have ended. Leaves: how many calls a line stands for, or that
//! there is none. Never: a failed, denied or slow call without a line.
//!
//! The trace id decides, by the same digits as the sampling of traces: with a share that is not
//! smaller than that of traces, every trace that was chosen by its share has its line. A caller may
//! choose its trace id and with it whether its successes are logged, so this is no audit log.

use std::time::Duration;

use crate::CallRecord;
use crate::trace::position;

/// What a line stands for that is there in any case.
const ITSELF: &str = "1";

/// A share of the successes.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    share: f64,
    /// Of a line that was chosen: one over the share, as JSON.
    weight: Box<str>,
    slow: Duration,
}

// === impl Sample ===

impl Sample {
    /// Of a share from 0 to 1; `None` when every call has a line. Calls that take longer than `slow`
    /// have one in any case.
    pub(crate) fn new(share: f64, slow: Duration) -> Option<Self> {
        let weight = format!("{}", (1e6 / share).round() / 1e6).into();
        (share < 1.0).then_some(Self { share, weight, slow })
    }

    /// How many calls the line of this one stands for; `None` when it gets none.
    pub(super) fn stands_for(&self, record: &CallRecord<'_>, unusual: bool) -> Option<&str> {
        if record.outcome.reason.is_some() || unusual || record.phases.total() > self.slow {
            return Some(ITSELF);
        }
        let chosen = match record.trace {
            Some(trace) => position(trace.own.trace) < self.share,
            None => fastrand::f64() < self.share,
        };
        chosen.then_some(&*self.weight)
    }
}
