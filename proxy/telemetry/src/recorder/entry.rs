//! One call as the recorder keeps it.
//!
//! Enters: the record of a call. Leaves: a JSON object with the fields of the access log, the
//! course of the call and its attempts. Never: a text longer than its limit, or, in what leaves, a
//! raw subject or what looks like a token.

use std::mem::size_of;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Number, Value};
use toolgate_call::{
    Kind, Method, Outcome, Phase, Phases, Plan, Principal, Reason, Run, SpanContext, SpanId,
    Version,
};
use toolgate_telemetry_catalog::{fields, records};

use super::Why;
use crate::CallRecord;
use crate::access::{push_time, redact, subject_hash};

/// The longest request id that is kept, in bytes.
const REQUEST_ID: usize = 128;
/// The longest detail of a call, and of an attempt.
const DETAIL: usize = 512;
const DETAIL_OF_TRY: usize = 256;

/// A call that has ended. Its buffers are used again for a later one.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) ended: SystemTime,
    pub(super) why: Option<Why>,
    pub(super) outcome: Outcome,
    pub(super) phases: Phases,
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) request_id: String,
    pub(super) method: Method,
    pub(super) version: Option<Version>,
    pub(super) status: u16,
    pub(super) attempts: u32,
    pub(super) bytes: (u64, u64),
    pub(super) run: Option<Run>,
    pub(super) trace: Option<SpanContext>,
    pub(super) sampled: bool,
    session: bool,
    streamed: bool,
    peer: Option<IpAddr>,
    pub(super) caller: Option<Caller>,
    pub(super) server: Option<Arc<str>>,
    pub(super) detail: String,
    pub(super) course: Vec<(Phase, Duration)>,
    pub(super) tries: Vec<Try>,
    /// Bytes, as of when it was filled.
    weight: usize,
}

/// Who called. The subject leaves as a hash, which is made for whoever reads the record.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) issuer: Arc<str>,
    subject: Arc<str>,
    pub(super) client: Option<Arc<str>>,
}

/// One attempt at the target.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub(super) reason: Option<Reason>,
    pub(super) began: Duration,
    pub(super) took: Duration,
    span: Option<SpanId>,
    pub(super) detail: Option<Box<str>>,
}

/// A JSON object being made.
struct Object(Map<String, Value>);

// === impl Entry ===

impl Default for Entry {
    fn default() -> Self {
        Self {
            ended: UNIX_EPOCH,
            why: None,
            outcome: Outcome::OK,
            phases: Phases::default(),
            plan: None,
            request_id: String::new(),
            method: Method::ToolsCall,
            version: None,
            status: 0,
            attempts: 0,
            bytes: (0, 0),
            run: None,
            trace: None,
            sampled: false,
            session: false,
            streamed: false,
            peer: None,
            caller: None,
            server: None,
            detail: String::new(),
            course: Vec::new(),
            tries: Vec::new(),
            weight: 0,
        }
    }
}

impl Entry {
    /// Becomes that call.
    pub(super) fn fill(&mut self, record: &CallRecord<'_>, why: Option<Why>, now: SystemTime) {
        let ledger = record.ledger;
        self.ended = now;
        self.why = why;
        self.outcome = record.outcome;
        self.phases = record.phases;
        share(&mut self.plan, ledger.plan());
        refill(&mut self.request_id, record.request_id, REQUEST_ID);
        self.method = record.method;
        self.version = record.version;
        self.status = record.status;
        self.attempts = ledger.attempts();
        self.bytes = ledger.bytes();
        self.run = ledger.run();
        self.trace = record.trace.map(|trace| trace.own);
        self.sampled = record.kept;
        self.session = record.session;
        self.streamed = record.streamed;
        self.peer = record.peer;
        Caller::update(&mut self.caller, record.principal);
        share(&mut self.server, record.server);
        refill(&mut self.detail, record.detail.unwrap_or_default(), DETAIL);
        self.course.clear();
        self.course.extend(ledger.course());
        self.tries.clear();
        ledger.each_note(|note| {
            self.tries.push(Try {
                reason: note.reason,
                began: note.began,
                took: note.took,
                span: note.span,
                detail: note.detail.as_deref().map(|text| clipped(text, DETAIL_OF_TRY).into()),
            });
        });
        self.weight = self.weighed();
    }

    /// The hash of who called, as the access log writes it.
    pub(super) fn caller_hash(&self) -> Option<u64> {
        self.caller.as_ref().map(Caller::hash)
    }

    /// How many bytes it takes, what it shares with others included.
    pub(super) const fn weight(&self) -> usize {
        self.weight
    }

    fn weighed(&self) -> usize {
        let details = self.tries.iter().filter_map(|attempt| attempt.detail.as_deref());
        size_of::<Self>()
            + self.request_id.capacity()
            + self.detail.capacity()
            + self.course.capacity() * size_of::<(Phase, Duration)>()
            + self.tries.capacity() * size_of::<Try>()
            + details.map(str::len).sum::<usize>()
            + self.caller.as_ref().map_or(0, Caller::weight)
    }

    pub(super) fn json(&self) -> Value {
        let mut object = Object(Map::new());
        self.head(&mut object);
        self.ending(&mut object);
        self.time(&mut object);
        object.put_some(fields::FUNCTION_MS, self.run.map(|run| millis(run.duration)));
        let init = self.run.and_then(|run| run.init);
        object.put_some(fields::FUNCTION_INIT_MS, init.map(millis));
        object.put(fields::BYTES_IN, self.bytes.0);
        object.put(fields::BYTES_OUT, self.bytes.1);
        if let Some(caller) = &self.caller {
            caller.write(&mut object);
        }
        object.put(fields::SESSION, self.session);
        object.put(fields::STREAMED, self.streamed);
        object.put_some(fields::PEER, self.peer.map(|peer| peer.to_string()));
        let detail = Some(&self.detail).filter(|detail| !detail.is_empty());
        object.put_some(fields::DETAIL, detail.map(|detail| redact(detail).into_owned()));
        Value::Object(object.0)
    }

    fn head(&self, object: &mut Object) {
        let mut ended = Vec::with_capacity(24);
        push_time(&mut ended, self.ended);
        object.put(fields::TS, String::from_utf8_lossy(&ended).into_owned());
        object.put_some(records::KEPT, self.why.map(Why::as_str));
        object.put(fields::REQUEST_ID, redact(&self.request_id).into_owned());
        if let Some(trace) = self.trace {
            object.put(fields::TRACE_ID, trace.trace.to_string());
            object.put(fields::SPAN_ID, trace.span.to_string());
            object.put(fields::SAMPLED, self.sampled);
        }
        object.put(fields::METHOD, self.method.label());
        object.put_some(fields::SERVER, self.server.as_deref());
        if let Some(plan) = &self.plan {
            object.put(fields::TARGET, &*plan.target);
            match plan.kind {
                Kind::Tool | Kind::Task => {
                    if let Some(tool) = plan.tool() {
                        object.put(fields::TOOL, tool);
                    }
                }
                Kind::Prompt => object.put(fields::PROMPT, &*plan.name),
                Kind::Resources => {}
            }
        }
        object.put_some(fields::PROTOCOL_VERSION, self.version.map(Version::as_str));
    }

    fn ending(&self, object: &mut Object) {
        object.put(fields::STATUS, self.status);
        object.put(fields::OUTCOME, self.outcome.label());
        if let Some(reason) = self.outcome.reason {
            object.put(fields::REASON, reason.as_str());
            object.put(fields::BLAME, reason.blame().as_str());
            object.put(fields::RETRY_SAFE, self.outcome.retry_safe);
        }
    }

    fn time(&self, object: &mut Object) {
        object.put(fields::ATTEMPTS, self.attempts);
        object.put(fields::DURATION_MS, millis(self.phases.total()));
        let mut phases = Map::new();
        for (phase, spent) in self.phases.micros().filter(|(_, spent)| *spent > 0) {
            let spent = millis(Duration::from_micros(spent));
            phases.insert(format!("{}_ms", phase.as_str()), spent);
        }
        object.put(fields::PHASES, phases);
        let course = self.course.iter().map(|(phase, at)| {
            let mut mark = Object(Map::new());
            mark.put(records::PHASE, phase.as_str());
            mark.put(records::AT_MS, millis(*at));
            Value::Object(mark.0)
        });
        object.put(records::COURSE, course.collect::<Vec<_>>());
        object.put(records::TRIES, self.tries.iter().map(Try::json).collect::<Vec<_>>());
    }
}

// === impl Caller ===

impl Caller {
    fn update(caller: &mut Option<Self>, principal: Option<&Principal>) {
        match (caller, principal) {
            (Some(caller), Some(principal)) => {
                share_text(&mut caller.issuer, &principal.issuer);
                share_text(&mut caller.subject, &principal.subject);
                share(&mut caller.client, principal.client.as_ref());
            }
            (caller, principal) => {
                *caller = principal.map(|principal| Self {
                    issuer: Arc::clone(&principal.issuer),
                    subject: Arc::clone(&principal.subject),
                    client: principal.client.clone(),
                });
            }
        }
    }

    pub(super) fn hash(&self) -> u64 {
        subject_hash(&self.issuer, &self.subject)
    }

    fn weight(&self) -> usize {
        self.subject.len() + self.client.as_ref().map_or(0, |client| client.len())
    }

    fn write(&self, object: &mut Object) {
        object.put(fields::ISSUER, &*self.issuer);
        let client = self.client.as_deref().map(|client| redact(client).into_owned());
        object.put_some(fields::CLIENT, client);
        object.put(fields::SUBJECT_HASH, format!("{:016x}", self.hash()));
    }
}

// === impl Try ===

impl Try {
    fn json(&self) -> Value {
        let mut object = Object(Map::new());
        object.put(records::AT_MS, millis(self.began));
        object.put(records::TOOK_MS, millis(self.took));
        object.put_some(fields::REASON, self.reason.map(Reason::as_str));
        object.put_some(fields::SPAN_ID, self.span.map(|span| span.to_string()));
        let detail = self.detail.as_deref().map(|detail| redact(detail).into_owned());
        object.put_some(fields::DETAIL, detail);
        Value::Object(object.0)
    }
}

// === impl Object ===

impl Object {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn put_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }
}

/// Points to the same as the other. Nearly always it does already, which costs a look.
fn share<T: ?Sized>(mine: &mut Option<Arc<T>>, other: Option<&Arc<T>>) {
    match (&mut *mine, other) {
        (Some(mine), Some(other)) if Arc::ptr_eq(mine, other) => {}
        (_, other) => *mine = other.cloned(),
    }
}

fn share_text(mine: &mut Arc<str>, other: &Arc<str>) {
    if !Arc::ptr_eq(mine, other) {
        *mine = Arc::clone(other);
    }
}

fn refill(buffer: &mut String, text: &str, longest: usize) {
    buffer.clear();
    buffer.push_str(clipped(text, longest));
}

/// The beginning of the text, in whole characters.
fn clipped(text: &str, longest: usize) -> &str {
    text.get(..text.floor_char_boundary(longest)).unwrap_or(text)
}

/// Milliseconds to the microsecond.
fn millis(time: Duration) -> Value {
    let micros = u32::try_from(time.as_micros()).map_or(time.as_secs_f64() * 1e6, f64::from);
    Number::from_f64(micros / 1000.0).map_or(Value::Null, Value::Number)
}
