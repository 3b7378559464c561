//! What a turn was, for whoever counts and keeps.
//!
//! In: the steps of a turn. Out: plain data with times that sum to the whole. Never: the
//! words of the user or of a tool, but for the answer that memory keeps.

use std::any::Any;
use std::fmt;
use std::time::{Duration, SystemTime};

use toolgate_agent_model::{Fault, Provider, Stop, Usage};

use super::Request;
use crate::event::{Outcome, StepKind, Times, TurnEnd};
use crate::tools::Tool;

/// A turn that has ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked.
    pub request: Request,
    /// Its place in a trace.
    pub place: Place,
    /// When it began.
    pub at: SystemTime,
    /// Who serves the model.
    pub provider: Provider,
    /// What the provider was asked for.
    pub temperature: f32,
    /// The answer, as far as it came.
    pub answer: String,
    /// How it ended.
    pub end: TurnEnd,
    /// Its parts, in the order in which they began.
    pub steps: Vec<Step>,
    /// Records that memory had for it.
    pub recalled: usize,
    /// The time to the first word of the answer.
    pub first_word: Option<Duration>,
}

/// A part of a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Counts from 1.
    pub step: u32,
    /// What kind.
    pub kind: StepKind,
    /// The tool's name, the model's id, `recall`.
    pub name: String,
    /// Its span, 16 hexadecimal digits.
    pub span: String,
    /// When it began, after the turn did.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// A closed word, unless it went well.
    pub reason: Option<String>,
    /// Whom it counts against.
    pub blame: Option<String>,
    /// Of a model's reply.
    pub reply: Option<Reply>,
    /// Of a tool: the id of the call at the gateway.
    pub call_id: Option<String>,
}

/// What a model's reply was.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Why it ended.
    pub stop: Option<Stop>,
    /// Why there is none.
    pub fault: Option<Fault>,
    /// Tokens.
    pub usage: Usage,
    /// The time to its first piece.
    pub first: Option<Duration>,
    /// Why the request was sent again, each time that it was.
    pub again: Vec<Fault>,
}

/// The place of a turn in a trace (W3C Trace Context).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// 32 hexadecimal digits.
    pub trace: String,
    /// The turn's own span, 16 hexadecimal digits.
    pub span: String,
    /// The caller's span.
    pub parent: Option<String>,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// Something goes on until this is dropped.
pub type Active = Box<dyn Any + Send + Sync>;

/// Whoever counts turns.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// The place of a turn that begins now.
    fn begin(&self, traceparent: Option<&str>) -> Place;

    /// A turn goes on for as long as what is returned lives.
    fn active(&self) -> Active;

    /// The tools that turns may choose from are these from now on.
    fn listed(&self, tools: &[Tool]);

    /// A part of a running turn has ended.
    fn step(&self, step: &Step);

    /// A turn has ended.
    fn ended(&self, report: &Report);

    /// The turn at that place was written to memory after its reply, or was not, for that reason.
    fn remembered(&self, place: &Place, took: Duration, reason: Option<&str>);

    /// A turn will not be remembered.
    fn lost(&self);
}

// === impl Place ===

impl Place {
    /// A new span of the trace, and what is sent along with what it stands for.
    #[must_use]
    pub fn child(&self) -> (String, String) {
        let span = format!("{:016x}", fastrand::u64(1..));
        let flags = u8::from(self.sampled);
        let parent = format!("00-{}-{span}-{flags:02x}", self.trace);
        (span, parent)
    }
}

/// The times of a turn that took so long with these steps; `asked` is what the user took to say
/// whether a tool may run.
pub(super) fn times(steps: &[Step], asked: Duration, total: Duration) -> Times {
    let of = |kind| ms(covered(steps.iter().filter(|step| step.kind == kind)));
    let (memory, model, tool) = (of(StepKind::Memory), of(StepKind::Model), of(StepKind::Tool));
    let (asked, total) = (ms(asked), ms(total));
    Times {
        memory_retrieval_ms: memory,
        llm_inference_ms: model,
        tool_execution_ms: tool,
        approval_ms: asked,
        overhead_ms: thousandth((total - memory - model - tool - asked).max(0.0)),
        total_ms: total,
    }
}

/// The time in which at least one of the steps went on.
fn covered<'a>(steps: impl Iterator<Item = &'a Step>) -> Duration {
    let mut spans: Vec<_> = steps.map(|step| (step.began, step.began + step.took)).collect();
    spans.sort_unstable();
    let mut until = Duration::ZERO;
    let mut sum = Duration::ZERO;
    for (began, ended) in spans {
        sum += ended.saturating_sub(began.max(until));
        until = until.max(ended);
    }
    sum
}

/// Milliseconds, to the microsecond.
pub(super) fn ms(time: Duration) -> f64 {
    thousandth(time.as_secs_f64() * 1e3)
}

fn thousandth(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}
