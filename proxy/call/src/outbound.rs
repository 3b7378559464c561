//! What goes out to one target.
//!
//! Enters: a permitted call, or something the gateway itself asks. Leaves: the unit that timeout,
//! retry and breaker handle. Never: HTTP.

use std::sync::Arc;
use std::time::Duration;

use crate::{Deadline, Ledger, Permitted, RawJson, RetryPlan, SpanContext, ToolPlan};

/// One operation on one target.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// What is asked.
    pub op: Op,
    /// When an answer is of no use any more.
    pub deadline: Deadline,
    /// Where the time goes.
    pub ledger: Arc<Ledger>,
    /// The gateway's id of the request behind it.
    pub request_id: Arc<str>,
    /// The span that the target is to take as its parent: the call's, then that of the attempt.
    /// `None` for what the gateway itself asks.
    pub trace: Option<SpanContext>,
}

/// What is asked of a target.
#[derive(Clone, Debug)]
pub enum Op {
    /// A caller's `tools/call`.
    Call(Arc<Permitted>),
    /// One page of `tools/list`, for the gateway's own list.
    List {
        /// The target's cursor, as it gave it.
        cursor: Option<RawJson>,
    },
    /// A cheap question that shows whether the target is alive.
    Probe,
}

// === impl Outbound ===

impl Outbound {
    /// The tool it is for, if it is a call.
    #[must_use]
    pub fn tool(&self) -> Option<&Arc<ToolPlan>> {
        match &self.op {
            Op::Call(permitted) => permitted.tool(),
            Op::List { .. } | Op::Probe => None,
        }
    }

    /// What is sent as `tracestate` beside the trace.
    #[must_use]
    pub fn trace_state(&self) -> Option<&Arc<str>> {
        match &self.op {
            Op::Call(permitted) => permitted.call().trace.state.as_ref(),
            Op::List { .. } | Op::Probe => None,
        }
    }

    /// Whether it may be repeated even if it may have been carried out.
    #[must_use]
    pub fn repeatable(&self) -> bool {
        match &self.op {
            Op::Call(permitted) => permitted.tool().is_some_and(|tool| tool.repeatable()),
            Op::List { .. } | Op::Probe => true,
        }
    }

    /// The limits of the tool, or those of the target for what the gateway itself asks.
    #[must_use]
    pub fn limits(&self, timeout: Duration, retry: RetryPlan) -> (Duration, RetryPlan) {
        self.tool().map_or((timeout, retry), |tool| (tool.timeout, tool.retry))
    }
}
