//! The record of a call becomes spans.
//!
//! Enters: a record, its place in a trace and the time at which it ended. Leaves: one SERVER span
//! with an event for each phase, and one CLIENT span for each attempt that is noted. Never: an
//! argument, a result or a token; a name that a caller chose and no list confirmed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Event, Link, SpanContext as OtelContext, SpanId as OtelSpanId, SpanKind, Status, TraceFlags,
    TraceId as OtelTraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use toolgate_call::{
    AttemptNote, Blame, Kind, Method, Phase, Principal, Reason, SpanContext, SpanId, Trace,
};
use toolgate_telemetry_catalog::{Kept, Word as _, spans as name};

use crate::CallRecord;
use crate::access::redact;

/// The longest description of a failure, in bytes.
const DESCRIPTION: usize = 256;
/// The longest part of a name that is not ours.
const NAME: usize = 128;
/// Who made the spans.
const SCOPE: &str = "toolgate";

/// All that the spans of one call have in common.
struct Facts<'a> {
    record: &'a CallRecord<'a>,
    trace: &'a Trace,
    why: Kept,
    /// When the call began.
    began: SystemTime,
    ended: SystemTime,
}

/// The spans of a call that ended at that time and is kept for that reason, the call's own first.
pub(super) fn spans(
    record: &CallRecord<'_>,
    trace: &Trace,
    (why, ended): (Kept, SystemTime),
) -> Vec<SpanData> {
    let began = ended.checked_sub(record.phases.total()).unwrap_or(ended);
    let facts = Facts { record, trace, why, began, ended };
    let notes = record.ledger.notes();
    let mut spans = Vec::with_capacity(1 + notes.len());
    spans.push(facts.call());
    let mut before = None;
    for (nth, note) in notes.iter().enumerate() {
        let Some(span) = note.span else { continue };
        spans.push(facts.attempt(note, span, (nth, before)));
        before = Some(span);
    }
    spans
}

// === impl Facts ===

impl Facts<'_> {
    /// The call as its caller sees it.
    fn call(&self) -> SpanData {
        let (record, trace) = (self.record, self.trace);
        let reason = record.outcome.reason;
        let mut links = SpanLinks::default();
        links.links.extend(trace.link.map(|other| Link::with_context(context(other, None))));
        let mut events = SpanEvents::default();
        events.events = self.phases();
        SpanData {
            parent_span_id: trace.parent.map_or(OtelSpanId::INVALID, span_id),
            parent_span_is_remote: trace.parent.is_some(),
            attributes: self.attributes(),
            events,
            links,
            // A mistake of the caller is no failure of the server (semantic conventions).
            status: status(reason.filter(|why| why.blame() != Blame::Caller), record.detail),
            ..self.span(trace.own, SpanKind::Server, (self.began, self.ended))
        }
    }

    /// One attempt at the target.
    fn attempt(
        &self,
        note: &AttemptNote,
        span: SpanId,
        (nth, before): (usize, Option<SpanId>),
    ) -> SpanData {
        let own = self.trace.own.child(span);
        let began = self.began + note.began;
        let mut attributes = self.subject();
        if nth > 0 {
            attributes.push(number(name::RESEND, nth as u64));
        }
        if let Some(reason) = note.reason {
            attributes.push(word(name::ERROR_TYPE, reason.as_str()));
            attributes.push(word(name::BLAME, reason.blame().as_str()));
        }
        let mut links = SpanLinks::default();
        let earlier = before.map(|span| self.trace.own.child(span));
        links.links.extend(earlier.map(|span| Link::with_context(context(span, None))));
        SpanData {
            parent_span_id: span_id(self.trace.own.span),
            attributes,
            links,
            status: status(note.reason, note.detail.as_deref()),
            ..self.span(own, SpanKind::Client, (began, began + note.took))
        }
    }

    fn span(
        &self,
        own: SpanContext,
        span_kind: SpanKind,
        (start_time, end_time): (SystemTime, SystemTime),
    ) -> SpanData {
        SpanData {
            span_context: context(own, self.trace.state.as_deref()),
            parent_span_id: OtelSpanId::INVALID,
            parent_span_is_remote: false,
            span_kind,
            name: self.name(),
            start_time,
            end_time,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder(SCOPE)
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }

    /// `tools/call get_pods`: the name only if a target lists it (X-Ray drops spans with odd letters).
    fn name(&self) -> Cow<'static, str> {
        let method = self.record.method.label();
        let named = self.record.ledger.plan().filter(|plan| plan.renamed().is_some());
        let Some(plan) = named else { return Cow::Borrowed(method) };
        let name = plain(plan.tool().unwrap_or(&plan.name));
        Cow::Owned(format!("{method} {name}"))
    }

    /// What was asked of whom: of the call and of its attempts alike.
    fn subject(&self) -> Vec<KeyValue> {
        let record = self.record;
        let mut all = Vec::with_capacity(24);
        all.push(word(name::METHOD, record.method.label()));
        if record.method == Method::ToolsCall {
            all.push(word(name::OPERATION, "execute_tool"));
        }
        if let Some(plan) = record.ledger.plan() {
            match plan.kind {
                Kind::Tool => all.push(shared(name::TOOL, &plan.name)),
                // Its own name is the target's id of it, with which anybody could ask for it there.
                Kind::Task => all.extend(plan.tool().map(|tool| text(name::TOOL, tool))),
                Kind::Prompt => all.push(shared(name::PROMPT, &plan.name)),
                // Its URI is the caller's own.
                Kind::Resources => {}
            }
            all.push(shared(name::TARGET, &plan.target));
        }
        all
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let record = self.record;
        let mut all = self.subject();
        all.extend(record.version.map(|version| word(name::PROTOCOL_VERSION, version.as_str())));
        all.extend(record.id.map(|id| text(name::RPC_ID, &redact(&String::from_utf8_lossy(id)))));
        if let Some(reason) = record.outcome.reason {
            all.push(word(name::ERROR_TYPE, reason.as_str()));
            all.push(word(name::BLAME, reason.blame().as_str()));
            all.push(KeyValue::new(name::RETRY_SAFE, record.outcome.retry_safe));
        }
        all.extend(record.server.map(|server| shared(name::SERVER, server)));
        all.push(text(name::REQUEST_ID, record.request_id));
        all.push(number(name::ATTEMPTS, u64::from(record.ledger.attempts())));
        all.push(KeyValue::new(name::OVERHEAD_MS, millis(self.overhead())));
        all.push(word(name::SAMPLING, self.why.word()));
        all.extend(record.principal.into_iter().flat_map(caller));
        all.push(KeyValue::new(name::SESSION, record.session));
        all.push(KeyValue::new(name::STREAMED, record.streamed));
        all.push(word(name::HTTP_METHOD, http_method(record.method)));
        all.push(number(name::HTTP_STATUS, u64::from(record.status)));
        all.push(match record.server {
            None => word(name::URL_PATH, "/mcp"),
            Some(server) => text(name::URL_PATH, &format!("/mcp/{server}")),
        });
        let (read, written) = record.ledger.bytes();
        all.push(number(name::REQUEST_SIZE, read));
        all.push(number(name::RESPONSE_SIZE, written));
        all.extend(record.peer.map(|peer| text(name::CLIENT_ADDRESS, &peer.to_string())));
        all
    }

    fn overhead(&self) -> Duration {
        let phases = self.record.phases.iter();
        phases.filter(|(phase, _)| phase.is_overhead()).map(|(_, spent)| spent).sum()
    }

    /// An event where each phase begins, which says how long it lasted.
    fn phases(&self) -> Vec<Event> {
        let course: Vec<(Phase, Duration)> = self.record.ledger.course().collect();
        let total = self.record.phases.total();
        let ends = course.iter().skip(1).map(|(_, at)| *at).chain([total]);
        let event = |((phase, at), end): (&(Phase, Duration), Duration)| {
            let lasted = KeyValue::new(name::PHASE_MS, millis(end.saturating_sub(*at)));
            Event::new(phase.as_str(), self.began + *at, vec![lasted], 0)
        };
        course.iter().zip(ends).map(event).collect()
    }
}

// === helpers ===

/// A name in characters that every backend takes, not longer than a name should be.
pub(crate) fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "_.:/%&#=+-@ ".contains(c) { c } else { '_' };
    name.chars().take(NAME).map(plain).collect()
}

fn caller(principal: &Principal) -> Vec<KeyValue> {
    let client = principal.client.as_ref().map(|client| text(name::CLIENT, &redact(client)));
    std::iter::once(shared(name::ISSUER, &principal.issuer)).chain(client).collect()
}

fn status(reason: Option<Reason>, detail: Option<&str>) -> Status {
    let Some(reason) = reason else { return Status::Unset };
    let detail = redact(detail.unwrap_or(reason.as_str()));
    let end = (0..=detail.len().min(DESCRIPTION)).rev().find(|end| detail.is_char_boundary(*end));
    let short = detail.get(..end.unwrap_or_default()).unwrap_or_default();
    Status::error(short.to_owned())
}

pub(crate) fn context(of: SpanContext, state: Option<&str>) -> OtelContext {
    let state = state.and_then(|text| text.parse::<TraceState>().ok()).unwrap_or_default();
    let (trace, span) = (OtelTraceId::from(of.trace.bits()), span_id(of.span));
    // Whatever is sent to a backend is recorded, also what nobody had asked for.
    OtelContext::new(trace, span, TraceFlags::SAMPLED, false, state)
}

pub(crate) fn span_id(id: SpanId) -> OtelSpanId {
    OtelSpanId::from(id.bits())
}

fn http_method(method: Method) -> &'static str {
    if method == Method::OpenStream {
        "GET"
    } else if method == Method::EndSession {
        "DELETE"
    } else {
        "POST"
    }
}

pub(crate) fn word(key: &'static str, value: &'static str) -> KeyValue {
    KeyValue::new(key, value)
}

fn shared(key: &'static str, value: &Arc<str>) -> KeyValue {
    KeyValue::new(key, Value::String(StringValue::from(Arc::clone(value))))
}

pub(crate) fn text(key: &'static str, value: &str) -> KeyValue {
    KeyValue::new(key, value.to_owned())
}

pub(crate) fn number(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
