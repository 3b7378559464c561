//! One call, and how it is spoken of.
//!
//! Enters: its record. Leaves: a sentence with the time, where it went, why it failed and whose fault
//! that is; the same as data. Never: a guess; what the record does not say is left out.

use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Serialize;

use crate::when;

/// A call that has ended.
#[derive(Clone, Debug)]
pub struct Call {
    /// When it ended.
    pub ended: SystemTime,
    /// The id that the caller was given.
    pub request_id: String,
    /// Its trace.
    pub trace_id: Option<String>,
    /// Whether its spans were kept.
    pub traced: bool,
    /// The method, such as `tools/call`.
    pub method: &'static str,
    /// The full name of the tool or prompt, once that was known.
    pub name: Option<String>,
    /// The configured target, once that was known.
    pub target: Option<String>,
    /// The server of the gateway that was called; `None`: the gateway as a whole.
    pub server: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Why it failed, and whom that counts against; `None`: it did not.
    pub failure: Option<(&'static str, &'static str)>,
    /// Whether repeating it cannot do it twice.
    pub retry_safe: bool,
    /// How many attempts at the target there were.
    pub attempts: u32,
    /// The phases that took time, in the order of the ledger.
    pub phases: Vec<(&'static str, Duration)>,
    /// The phases in the order in which they were entered, each with when.
    pub course: Vec<(&'static str, Duration)>,
    /// The first attempts.
    pub tries: Vec<Attempt>,
    /// Bytes of body read from, and written to, the caller.
    pub bytes: (u64, u64),
    /// The revision of the protocol that the caller spoke.
    pub version: Option<&'static str>,
    /// Who called, once that was known.
    pub caller: Option<Caller>,
    /// What only the operator may read of a failure, without tokens.
    pub detail: Option<String>,
}

/// One attempt at the target.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Why it failed; `None`: it was answered.
    pub reason: Option<&'static str>,
    /// When it began, after the call's own beginning.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// What only the operator may read of it, without tokens.
    pub detail: Option<String>,
}

/// Who called.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Caller {
    /// The configured name of the issuer.
    pub issuer: String,
    /// The hash of the subject, as the access log has it.
    pub hash: String,
    /// The client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// A call in a list.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Line {
    /// The id that its caller was given; `explain` takes it.
    request_id: String,
    /// Its trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// Whether the trace was kept.
    traced: bool,
    /// When it ended, in UTC.
    ended: String,
    /// The full name of the tool or prompt; else the method.
    name: String,
    /// The target.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Why it failed; absent: it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Whose fault that was: caller, gateway, network, target or tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    blame: Option<&'static str>,
    /// How long it took, in milliseconds.
    duration_ms: f64,
    /// The phase that took longest.
    longest_phase: &'static str,
    /// How long that phase took, in milliseconds.
    longest_phase_ms: f64,
    /// How many attempts at the target there were.
    attempts: u32,
    /// The hash of who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    /// The same in words.
    summary: String,
}

/// A phase that took this share of a call, or more, is all that is said of its time.
const NEARLY_ALL: f64 = 0.999;

// === impl Call ===

impl Call {
    /// How long it took: the sum of its phases.
    pub(super) fn total(&self) -> Duration {
        self.phases.iter().map(|(_, spent)| *spent).sum()
    }

    /// What it is called: the tool, else the method.
    pub(super) fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(self.method)
    }

    /// Whether it is a stream that a caller keeps open to hear of changes: how long it took says
    /// nothing of anybody's speed.
    pub(super) fn is_kept_open(&self) -> bool {
        matches!(self.method, "subscriptions/listen" | "stream/open")
    }

    /// The phase that took longest.
    pub(super) fn longest(&self) -> (&'static str, Duration) {
        self.phases.iter().copied().rev().max_by_key(|(_, spent)| *spent).unwrap_or_default()
    }

    pub(super) fn blame(&self) -> Option<&'static str> {
        self.failure.map(|(_, blame)| blame)
    }

    /// `sick___read: 32.1 s, 31.9 s waiting for the target's first byte; timeout_first_byte; blame
    /// target`.
    pub(super) fn sentence(&self) -> String {
        let (total, (phase, spent)) = (self.total(), self.longest());
        let mut said = format!("{}: {}, ", self.called(), length(total));
        let all = spent.as_secs_f64() >= NEARLY_ALL * total.as_secs_f64();
        match (phase.is_empty(), all) {
            (true, _) => said.push_str("no time measured"),
            (false, true) => said.push_str(&format!("all of it {}", doing(phase))),
            (false, false) => said.push_str(&format!("{} {}", length(spent), doing(phase))),
        }
        if self.attempts > 1 {
            said.push_str(&format!(", {} attempts", self.attempts));
        }
        match self.failure {
            Some((reason, blame)) => said.push_str(&format!("; {reason}; blame {blame}")),
            None => said.push_str("; ok"),
        }
        said
    }

    pub(super) fn line(&self) -> Line {
        let (phase, spent) = self.longest();
        Line {
            request_id: self.request_id.clone(),
            trace_id: self.trace_id.clone(),
            traced: self.traced,
            ended: when::utc(self.ended),
            name: self.called().to_owned(),
            target: self.target.clone(),
            reason: self.failure.map(|(reason, _)| reason),
            blame: self.blame(),
            duration_ms: ms(self.total()),
            longest_phase: phase,
            longest_phase_ms: ms(spent),
            attempts: self.attempts,
            caller: self.caller.as_ref().map(|caller| caller.hash.clone()),
            summary: self.sentence(),
        }
    }
}

// === impl Line ===

impl Line {
    /// The sentence, and how to ask for more.
    pub(super) fn brief(&self) -> String {
        format!("{} ({}, request {})", self.summary, self.ended, self.request_id)
    }

    /// Its trace, in words.
    pub(super) fn trace(&self) -> Option<String> {
        let kept = if self.traced { "kept" } else { "not kept" };
        self.trace_id.as_ref().map(|trace| format!("Trace {trace} ({kept})"))
    }
}

/// What is done in a phase, after a length of time.
pub(super) fn doing(phase: &str) -> &str {
    match phase {
        "read" => "reading the request",
        "authenticate" => "authenticating the caller",
        "authorize" => "deciding whether it may",
        "queue" => "in the gateway's queue",
        "backoff" => "pausing between attempts",
        "connect" => "connecting to the target",
        "send" => "sending to the target",
        "wait" => "waiting for the target's first byte",
        "receive" => "receiving the target's answer",
        "write" => "writing the answer to the caller",
        other => other,
    }
}

/// On whose side the time of a phase passes.
pub(super) fn whose(phase: &str) -> &'static str {
    match phase {
        "read" | "write" => "caller",
        "authenticate" | "authorize" | "queue" | "backoff" => "gateway",
        "connect" | "send" | "receive" => "network",
        _ => "target",
    }
}

/// Milliseconds to the microsecond.
pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// A length of time for people.
pub(super) fn length(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        short if short < 0.000_95 => format!("{:.0} µs", short * 1e6),
        some if some < 0.999_95 => format!("{:.1} ms", some * 1e3),
        some => format!("{some:.1} s"),
    }
}
