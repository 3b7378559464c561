//! `explain`: all that is known of one call.
//!
//! Enters: its request id. Leaves: the ledger, the attempts, what was decided and what to do. Never: a
//! call that only looks like it; of several with one id, all.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::{Caller, Line, length, ms, whose};
use super::{Call, Calls, Wanted, find};
use crate::context::Context;
use crate::error::{Code, ToolError, words};
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct Explain(pub(super) Arc<dyn Calls>);

/// Calls of one id that are explained.
const MOST: usize = 10;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The id of the call: the header `X-Request-Id` of its answer, or `request_id` of another tool.
    #[schemars(length(min = 1, max = 128))]
    request_id: String,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The calls with that id, newest first. A caller may choose its ids, so there may be several.
    calls: Vec<Explained>,
    /// Whether there are more of them.
    truncated: bool,
}

/// A call.
#[derive(Debug, JsonSchema, Serialize)]
struct Explained {
    /// What lists say of it.
    call: Line,
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<Caller>,
    /// The server of the gateway that was called; absent: the gateway as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// The HTTP status of the answer.
    status: u16,
    /// Whether the caller may repeat the call without doing it twice.
    retry_safe: bool,
    /// Bytes of body read from the caller.
    bytes_in: u64,
    /// Bytes of body written to the caller.
    bytes_out: u64,
    /// The revision of the protocol that the caller spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_version: Option<&'static str>,
    /// Where the time went, in the order of the ledger; the sum is the whole time.
    phases: Vec<Spent>,
    /// When each phase was entered, in order.
    course: Vec<Entered>,
    /// The first attempts at the target.
    attempts: Vec<Tried>,
    /// Whether the call was let through.
    decision: Decision,
    /// What the operator is told of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What to do now.
    advice: &'static str,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Spent {
    /// The phase.
    phase: &'static str,
    /// On whose side it passes: caller, gateway, network or target.
    whose: &'static str,
    /// How long, in milliseconds.
    ms: f64,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Entered {
    /// The phase.
    phase: &'static str,
    /// When, in milliseconds after the call began.
    at_ms: f64,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Tried {
    /// When it began, in milliseconds after the call began.
    at_ms: f64,
    /// How long it took, in milliseconds.
    took_ms: f64,
    /// Why it failed; absent: it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// What the operator is told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Decision {
    /// `let_through`, `refused`, or `not_reached` when it ended before.
    verdict: &'static str,
    /// Which rule refused it: authentication, policy, rates, pins, concurrency or audit.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
}

impl Tool for Explain {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "explain",
            title: "One call in full",
            description: "Explains one call through this gateway by its request id: where each \
                millisecond went by phase and side, every attempt at the target, whether it was \
                let through and by which rule not, whose fault a failure is, and what to do.",
            effect: Effect::Reads,
            limit: Duration::from_secs(5),
            aliases: &[("id", "request_id")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, _: &'a Context) -> Result<Output, ToolError> {
        let wanted = Wanted { request_id: Some(input.request_id), ..Wanted::default() };
        let found = find(&self.0, wanted).await?;
        if found.calls.is_empty() {
            let message = "there is no record of such a call, or not any more: newer calls push \
                           out older ones. Its line in the access log and its trace may be there; \
                           find_calls lists what is here";
            return Err(ToolError::new(Code::NotFound, message));
        }
        let truncated = found.calls.len() > MOST;
        Ok(Output { calls: found.calls.iter().take(MOST).map(explained).collect(), truncated })
    }
}

fn explained(call: &Call) -> Explained {
    let spent = |(phase, spent): &(&'static str, Duration)| Spent {
        phase,
        whose: whose(phase),
        ms: ms(*spent),
    };
    let entered = |(phase, at): &(&'static str, Duration)| Entered { phase, at_ms: ms(*at) };
    let tried = call.tries.iter().map(|tried| Tried {
        at_ms: ms(tried.began),
        took_ms: ms(tried.took),
        reason: tried.reason,
        detail: tried.detail.as_deref().map(words),
    });
    Explained {
        call: call.line(),
        caller: call.caller.clone(),
        server: call.server.clone(),
        status: call.status,
        retry_safe: call.retry_safe,
        bytes_in: call.bytes.0,
        bytes_out: call.bytes.1,
        protocol_version: call.version,
        phases: call.phases.iter().map(spent).collect(),
        course: call.course.iter().map(entered).collect(),
        attempts: tried.collect(),
        decision: decision(call),
        detail: call.detail.as_deref().map(words),
        advice: advice(call),
    }
}

/// What the reason says of it, once: a call that a target was asked for was let through.
fn decision(call: &Call) -> Decision {
    let rule = match call.failure.map(|(reason, _)| reason) {
        Some("unauthenticated") => Some("authentication"),
        Some("forbidden") => Some("policy"),
        Some("rate_limited") => Some("rates"),
        Some("quarantined") => Some("pins"),
        Some("overloaded") => Some("concurrency"),
        _ => None,
    };
    let verdict = match (rule, call.attempts, call.failure) {
        (_, 1.., _) | (None, _, None) => "let_through",
        (Some(_), ..) => "refused",
        (None, 0, Some(_)) => "not_reached",
    };
    Decision { verdict, rule: rule.filter(|_| verdict == "refused") }
}

fn advice(call: &Call) -> &'static str {
    match call.failure {
        None => "Nothing failed. If it was slow, the longest phase says on whose side.",
        Some(("unauthenticated", _)) => {
            "The caller needs another token; `detail` says what is wrong with this one."
        }
        Some(("forbidden", _)) => {
            "The caller may not do this; `toolgate explain` shows which rule would let it."
        }
        Some(("rate_limited" | "upstream_429", _)) => {
            "There are too many calls: make fewer, or raise the limit that `detail` names."
        }
        Some(("circuit_open", _)) => {
            "The target failed so often that it is left alone for a while: `errors` with this \
             target shows why."
        }
        Some(("outcome_unknown", _)) => {
            "The call was sent and never answered: look at the target whether it was done before \
             repeating it."
        }
        Some((_, "caller")) => "The call itself has to change; repeating it fails again.",
        Some((_, "network")) => {
            "The target could not be reached: `toolgate doctor` tries the way to it."
        }
        Some((_, "target")) => {
            "Whoever runs the target has to look: give them the request id, the trace and the time."
        }
        Some((_, "tool")) => {
            "The tool answered and said no: its text went to the caller, and is not recorded."
        }
        Some(_) => "The gateway's own fault or limit: its log has more under this request id.",
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let calls: Vec<String> = self.calls.iter().map(Explained::brief).collect();
        calls.join("\n\n")
    }
}

impl Explained {
    fn brief(&self) -> String {
        let mut lines = vec![self.call.brief()];
        if let Some(trace) = self.call.trace() {
            lines.push(trace);
        }
        let phases = self.phases.iter().map(|Spent { phase, whose, ms }| {
            format!("{phase} {} ({whose})", length(Duration::from_secs_f64(ms / 1e3)))
        });
        lines.push(format!("Time: {}", phases.collect::<Vec<_>>().join(", ")));
        for (at, tried) in self.attempts.iter().enumerate() {
            let detail = tried.detail.as_ref().map(|detail| format!(": {detail}"));
            lines.push(format!(
                "Attempt {}: {} after {}{}",
                at + 1,
                tried.reason.unwrap_or("answered"),
                length(Duration::from_secs_f64(tried.took_ms / 1e3)),
                detail.unwrap_or_default()
            ));
        }
        let by = self.decision.rule.map(|rule| format!(" by {rule}")).unwrap_or_default();
        lines.push(format!("Decision: {}{by}; HTTP {}", self.decision.verdict, self.status));
        lines.extend(self.detail.iter().map(|detail| format!("Detail: {detail}")));
        lines.push(self.advice.to_owned());
        lines.join("\n")
    }
}
