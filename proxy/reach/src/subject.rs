//! What an operation is called in a sentence, and what may be promised about it.
//!
//! Enters: an outbound operation. Leaves: its name, whether it may be repeated, its label, and a
//! spelling of durations. Never: a decision.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{Method, Op, Outbound};

use crate::stage::{Shared, keep};

/// The facts of an operation that a sentence about it needs.
pub(crate) struct Subject<'a> {
    /// The full name of what is called, or the target's for what the gateway itself asks.
    pub(crate) name: Shared<'a, str>,
    /// Whether doing it twice is the same as doing it once.
    pub(crate) repeatable: bool,
}

// === impl Subject ===

impl<'a> Subject<'a> {
    /// The facts of `outbound`, which goes to `target`.
    pub(crate) fn of(outbound: &'a Outbound, target: &'a Arc<str>) -> Self {
        let name = outbound.plan().map_or(target, |tool| &tool.full);
        Self { name: Cow::Borrowed(name), repeatable: outbound.repeatable() }
    }

    /// The same, which outlives the operation.
    pub(crate) fn keep(&self) -> Subject<'static> {
        Subject { name: keep(&self.name), repeatable: self.repeatable }
    }

    /// What the caller is advised to do after a failure of something that may have been sent.
    pub(crate) const fn advice(&self) -> &'static str {
        if self.repeatable {
            "it can be repeated safely"
        } else {
            "it may or may not have been carried out, so look before repeating it"
        }
    }
}

/// The method under which attempts are counted.
pub(crate) fn method(outbound: &Outbound) -> Method {
    match &outbound.op {
        Op::Call(permitted) => permitted.call().method,
        Op::List { what, .. } => what.method(),
        Op::Describe | Op::Probe => Method::Discover,
    }
}

/// A duration for a sentence: `30 s`, `1.5 s`, `250 ms`.
pub(crate) fn spell(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0..1000 => format!("{} ms", millis.max(1)),
        _ if millis.is_multiple_of(1000) => format!("{} s", millis / 1000),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// The whole seconds, rounded up, that a caller is told to wait: never none.
pub(crate) fn whole_seconds(wait: Duration) -> Duration {
    let more = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs().saturating_add(more).max(1))
}
