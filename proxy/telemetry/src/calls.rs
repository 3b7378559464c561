//! What became of each call: the one place where calls are counted.
//!
//! Enters: one record a call, when its last byte is out or its caller is gone. Leaves: the
//! counters and histograms of the front door. Never: a target or tool that the lists do not have
//! as a label value; what is not known there is `_OTHER`, and nothing is the empty string.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use toolgate_call::{
    Ledger, Method, Outcome, Phase, Phases, Plan, Principal, Reason, Trace, Version,
};
use toolgate_telemetry_catalog::{Metric, OTHER, OverheadPhase, gateway as family};

use crate::cells::{Exemplar, Histogram};
use crate::handles::{ByReason, Histograms, Outcomes, Slots, Table};
use crate::registry::Registry;

/// How many targets have rows of their own.
const TARGETS: usize = 256;
/// How many tools have counters of their own.
const TOOLS: usize = 10_000;

/// All that is known of a call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct CallRecord<'a> {
    /// What was asked.
    pub method: Method,
    /// The protocol revision that the caller spoke.
    pub version: Option<Version>,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The call's ledger: tool, attempts and bytes are read from it.
    pub ledger: &'a Ledger,
    /// Where the time went, up to the end.
    pub phases: Phases,
    /// Who called, once that was known.
    pub principal: Option<&'a Principal>,
    /// The server that was called, by name; `None`: the gateway as a whole.
    pub server: Option<&'a Arc<str>>,
    /// The id that the caller was given.
    pub request_id: &'a str,
    /// Its place in a trace.
    pub trace: Option<&'a Trace>,
    /// Whether its spans are kept; [`crate::Telemetry::finish`] fills it in.
    pub kept: bool,
    /// The JSON-RPC id, as sent.
    pub id: Option<&'a [u8]>,
    /// What only the operator may read of a failure.
    pub detail: Option<&'a str>,
    /// Whether a session of the older era was used.
    pub session: bool,
    /// Whether the answer was an event stream.
    pub streamed: bool,
    /// Where the call came from.
    pub peer: Option<IpAddr>,
}

/// Metrics of calls.
#[derive(Debug)]
pub struct CallMetrics {
    registry: Arc<Registry>,
    /// What the gateway answers itself.
    local: Arc<Row>,
    /// Tool calls that named no tool that exists.
    unknown: Arc<Row>,
    unknown_calls: Outcomes,
    targets: Table<Row>,
    tools: Table<ToolRow>,
    overhead: Histograms<OverheadPhase>,
}

/// The handles of one value of the label `target`.
struct Row {
    target: Box<str>,
    requests: Slots<Outcomes>,
    durations: Slots<ByReason>,
    first_byte: OnceLock<Histogram>,
    request_body: OnceLock<Histogram>,
    response_body: OnceLock<Histogram>,
}

/// The handles of one tool, or of all those past the limit.
struct ToolRow {
    /// Whether it is that of all those.
    folded: bool,
    calls: Outcomes,
    durations: ByReason,
    /// Nanoseconds that nearly all calls stay below, as of the last look.
    usual: AtomicU64,
    /// The endings that were seen: a bit a reason, the highest for success.
    seen: AtomicU64,
}

/// What sets a call apart from the others of its tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// None of its tool has ended so before.
    pub(crate) first: bool,
    /// It took longer than nearly all.
    pub(crate) unusual: bool,
}

const _: () = assert!(Reason::ALL.len() < 63, "every reason has a bit below that of success");

// === impl CallMetrics ===

impl CallMetrics {
    pub(crate) fn new(registry: &Arc<Registry>) -> Self {
        Self::with_room(registry, TOOLS)
    }

    /// With counters for so many tools.
    pub(crate) fn with_room(registry: &Arc<Registry>, tools: usize) -> Self {
        let local = Row::new("");
        for method in Method::labels().map(Method::parse) {
            local.requests(registry, method);
        }
        let unknown = Row::new(OTHER);
        unknown.requests(registry, Method::ToolsCall);
        Self {
            registry: Arc::clone(registry),
            local: Arc::new(local),
            unknown: Arc::new(unknown),
            unknown_calls: Outcomes::new(registry, &family::TOOL_CALLS, &[OTHER, OTHER]),
            targets: Table::new(TARGETS),
            tools: Table::new(tools),
            overhead: Histograms::new(registry, &family::OVERHEAD_DURATION, &[]),
        }
    }

    /// Makes the counters of a configured target, so that its first call shows as an increase.
    pub fn configured(&self, target: &str) {
        self.target(target).requests(&self.registry, Method::ToolsCall);
    }

    /// Makes the counters of a tool that a target lists, so that its first call shows as an
    /// increase.
    pub fn listed(&self, tool: &Plan) {
        if self.tool(tool).folded {
            self.registry.folded();
        }
    }

    pub(crate) fn record(&self, record: &CallRecord<'_>) -> Mark {
        let plan = record.ledger.plan().filter(|plan| plan.is_tool());
        let row = match record.ledger.plan() {
            Some(plan) => self.target(&plan.target),
            None if record.method == Method::ToolsCall => Arc::clone(&self.unknown),
            None => Arc::clone(&self.local),
        };
        if let Some(requests) = row.requests(&self.registry, record.method) {
            requests.add(record.outcome);
        }
        let mark = match plan {
            Some(tool) => self.record_tool(tool, &row, record),
            None => {
                if record.method == Method::ToolsCall {
                    self.unknown_calls.add(record.outcome);
                }
                row.record_duration(&self.registry, record);
                Mark::default()
            }
        };
        row.record_bodies(&self.registry, record.ledger.bytes());
        self.record_overhead(&record.phases);
        mark
    }

    fn record_tool(&self, tool: &Plan, row: &Row, record: &CallRecord<'_>) -> Mark {
        let handles = self.tool(tool);
        handles.calls.add(record.outcome);
        row.record_first_byte(&self.registry, record);
        if handles.folded {
            // Its durations would be those of whichever tool came first.
            row.record_duration(&self.registry, record);
            return Mark::default();
        }
        let seconds = record.phases.total().as_secs_f64();
        let histogram = handles.durations.get(record.outcome.reason, |error| {
            let labels = [record.method.label(), &*row.target, &*tool.name, error];
            self.registry
                .histogram_in_budget(&family::OPERATION_DURATION, &labels)
                .or_else(|| row.shared(&self.registry, record).cloned())
                .unwrap_or_else(Histogram::noop)
        });
        if let Some(histogram) = histogram {
            histogram.record_with(seconds, exemplar(record));
        }
        handles.mark(record)
    }

    /// Whether the call took longer than nearly all others of its tool.
    pub(crate) fn is_unusual(&self, record: &CallRecord<'_>) -> bool {
        let tool = record.ledger.plan().filter(|plan| plan.is_tool());
        tool.is_some_and(|tool| self.tool(tool).is_unusual(record))
    }

    /// Looks again at how long calls of each tool usually take.
    pub(crate) fn learn(&self) {
        self.tools.each(|row| row.usual.store(row.durations.usual(), Relaxed));
    }

    fn record_overhead(&self, phases: &Phases) {
        let parts = [
            (OverheadPhase::Authenticate, Phase::Authenticate),
            (OverheadPhase::Authorize, Phase::Authorize),
            (OverheadPhase::Queue, Phase::Queue),
        ];
        let mut total = 0.0;
        for (word, phase) in parts {
            let seconds = phases.get(phase).as_secs_f64();
            self.overhead.record(word, seconds);
            total += seconds;
        }
        self.overhead.record(OverheadPhase::Total, total);
    }

    fn target(&self, name: &str) -> Arc<Row> {
        self.targets.get(name, Row::new)
    }

    fn tool(&self, tool: &Plan) -> Arc<ToolRow> {
        self.tools.get(&tool.full, |full| {
            let labels = if full == OTHER { [OTHER, OTHER] } else { [&*tool.target, &*tool.name] };
            ToolRow {
                folded: full == OTHER,
                calls: Outcomes::new(&self.registry, &family::TOOL_CALLS, &labels),
                durations: ByReason::default(),
                usual: AtomicU64::new(u64::MAX),
                seen: AtomicU64::new(0),
            }
        })
    }
}

// === impl Row ===

impl Row {
    fn new(target: &str) -> Self {
        let methods = Method::labels().count();
        Self {
            target: target.into(),
            requests: Slots::new(methods),
            durations: Slots::new(methods),
            first_byte: OnceLock::new(),
            request_body: OnceLock::new(),
            response_body: OnceLock::new(),
        }
    }

    fn requests(&self, registry: &Registry, method: Method) -> Option<&Outcomes> {
        self.requests.get(method as usize, || {
            Outcomes::new(registry, &family::REQUESTS, &[method.label(), &*self.target])
        })
    }

    fn record_duration(&self, registry: &Registry, record: &CallRecord<'_>) {
        if let Some(histogram) = self.shared(registry, record) {
            histogram.record_with(record.phases.total().as_secs_f64(), exemplar(record));
        }
    }

    /// A call that was answered, by the tool or by what it said no with, had a first byte.
    fn record_first_byte(&self, registry: &Registry, record: &CallRecord<'_>) {
        if record.outcome.reason.is_some_and(|reason| reason != Reason::ToolError) {
            return;
        }
        let phases = &record.phases;
        let after = phases.get(Phase::Receive) + phases.get(Phase::Write);
        let make = || registry.histogram(&family::FIRST_BYTE_DURATION, &[&*self.target]);
        let first_byte = phases.total().saturating_sub(after).as_secs_f64();
        self.first_byte.get_or_init(make).record(first_byte);
    }

    /// The histogram of calls whose tool is not named.
    fn shared(&self, registry: &Registry, record: &CallRecord<'_>) -> Option<&Histogram> {
        let (method, reason) = (record.method, record.outcome.reason);
        self.durations.get(method as usize, ByReason::default)?.get(reason, |error| {
            let tool = if method == Method::ToolsCall { OTHER } else { "" };
            let labels = [method.label(), &*self.target, tool, error];
            registry.histogram(&family::OPERATION_DURATION, &labels)
        })
    }

    fn record_bodies(&self, registry: &Registry, (read, written): (u64, u64)) {
        let make = |metric: &Metric| registry.histogram(metric, &[&*self.target]);
        let request = self.request_body.get_or_init(|| make(&family::REQUEST_BODY));
        request.record(bytes(read));
        let response = self.response_body.get_or_init(|| make(&family::RESPONSE_BODY));
        response.record(bytes(written));
    }
}

// === impl ToolRow ===

impl ToolRow {
    fn is_unusual(&self, record: &CallRecord<'_>) -> bool {
        record.phases.total().as_nanos() > u128::from(self.usual.load(Relaxed))
    }

    fn mark(&self, record: &CallRecord<'_>) -> Mark {
        let bit = 1 << record.outcome.reason.map_or(63, |reason| reason as u32);
        // A look first: nearly no call is the first, and a look keeps the cache line shared.
        let first =
            self.seen.load(Relaxed) & bit == 0 && self.seen.fetch_or(bit, Relaxed) & bit == 0;
        Mark { first, unusual: self.is_unusual(record) }
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row({})", self.target)
    }
}

/// The trace of the call, if its spans are kept.
fn exemplar(record: &CallRecord<'_>) -> Option<Exemplar> {
    let trace = record.trace.filter(|_| record.kept)?;
    Some(Exemplar { trace: trace.own.trace, span: trace.own.span, at: SystemTime::now() })
}

/// A size as a histogram's number; past 2^52 the last digits do not matter.
#[expect(clippy::cast_precision_loss, reason = "no body comes near 2^52 bytes")]
fn bytes(size: u64) -> f64 {
    size as f64
}
