//! A record, for whoever reads it within this program.
//!
//! Enters: nothing. Leaves: what `/debug/calls` says of a call, typed. Never: a raw subject, or what
//! looks like a token; a record that is still written to.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use toolgate_call::{Outcome, Phase, Phases, Plan, Reason, TraceId};

use super::entry::Entry;
use crate::access::redact;

/// A call that has ended: a copy of its record.
#[derive(Clone, Debug)]
pub struct Recorded(pub(super) Entry);

/// One attempt at the target.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// Why it failed; `None` when it was answered.
    pub reason: Option<Reason>,
    /// When it began, after the call's own beginning.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    detail: Option<&'a str>,
}

// === impl Recorded ===

impl Recorded {
    /// When it ended.
    #[must_use]
    pub const fn ended(&self) -> SystemTime {
        self.0.ended
    }

    /// How it ended.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// Where the time went.
    #[must_use]
    pub const fn phases(&self) -> &Phases {
        &self.0.phases
    }

    /// The tool, prompt or resource, once that was known.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.0.plan.as_deref()
    }

    /// The id that the caller was given.
    #[must_use]
    pub fn request_id(&self) -> Cow<'_, str> {
        redact(&self.0.request_id)
    }

    /// Its trace, and whether that is kept.
    #[must_use]
    pub fn trace(&self) -> Option<(TraceId, bool)> {
        self.0.trace.map(|trace| (trace.trace, self.0.sampled))
    }

    /// What was asked: the label of the method.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.0.method.label()
    }

    /// The server that was called; `None`: the gateway as a whole.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.0.server.as_deref()
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.0.status
    }

    /// How many attempts at the target there were.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Bytes of body read from, and written to, the caller.
    #[must_use]
    pub const fn bytes(&self) -> (u64, u64) {
        self.0.bytes
    }

    /// The revision of the protocol that the caller spoke.
    #[must_use]
    pub fn version(&self) -> Option<&'static str> {
        self.0.version.map(toolgate_call::Version::as_str)
    }

    /// The issuer of who called, and the hash of the subject as the access log writes it.
    #[must_use]
    pub fn caller(&self) -> Option<(&str, u64)> {
        self.0.caller.as_ref().map(|caller| (&*caller.issuer, caller.hash()))
    }

    /// The client of who called.
    #[must_use]
    pub fn client(&self) -> Option<Cow<'_, str>> {
        self.0.caller.as_ref()?.client.as_deref().map(redact)
    }

    /// What only the operator may read of a failure.
    #[must_use]
    pub fn detail(&self) -> Option<Cow<'_, str>> {
        Some(&self.0.detail).filter(|detail| !detail.is_empty()).map(|detail| redact(detail))
    }

    /// The phases in the order in which they were entered, each with when.
    #[must_use]
    pub fn course(&self) -> &[(Phase, Duration)] {
        &self.0.course
    }

    /// The attempts, the first ten.
    pub fn tries(&self) -> impl Iterator<Item = Tried<'_>> {
        self.0.tries.iter().map(|tried| Tried {
            reason: tried.reason,
            began: tried.began,
            took: tried.took,
            detail: tried.detail.as_deref(),
        })
    }
}

// === impl Tried ===

impl<'a> Tried<'a> {
    /// What only the operator may read of it.
    #[must_use]
    pub fn detail(&self) -> Option<Cow<'a, str>> {
        self.detail.map(redact)
    }
}
