//! A reply becomes a response.
//!
//! Enters: a `Reply` and the id of the request. Leaves: one JSON object when there is just an
//! answer, an event stream when messages come first. Never: a re-serialised result.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use toolgate_call::{
    Answer, Era, Guards, Lifecycle, Method, Outcome, Phase, Phases, RawJson, Refusal, Reply,
};

use crate::decode::SESSION_ID;
use crate::exchange::{Ending, Exchange};
use crate::sse::SseBody;
use crate::{Body, observe, refuse};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// MCP's `MissingRequiredClientCapability`, and JSON-RPC's "method not found".
const MISSING_CAPABILITY: i64 = -32021;
const METHOD_NOT_FOUND: i64 = -32601;
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What an answer needs to know of its request.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) id: Option<RawJson>,
    pub(crate) era: Era,
    pub(crate) accepts_json: bool,
    pub(crate) accepts_sse: bool,
    pub(crate) observer: bool,
    pub(crate) keep_alive: Duration,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) exchange: Arc<Exchange>,
}

// === impl Context ===

impl Context {
    pub(crate) fn method(&self) -> Option<Method> {
        self.exchange.request.get().map(|asked| asked.method)
    }

    /// Whether it is a stream that lives until somebody ends it.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self.method(), Some(Method::OpenStream | Method::Listen))
    }

    /// The answer with the ledger in it, for a caller who may see that.
    pub(crate) fn observed(&self, answer: &Answer) -> Option<Answer> {
        let ledger = &self.exchange.ledger;
        let phases = self.observer.then(|| ledger.phases_at(Instant::now()))?;
        observe::annotate(answer, &phases, ledger)
    }
}

/// Writes a reply.
pub(crate) async fn encode(cx: Context, reply: Reply) -> Response<Body> {
    let Reply { body, guards, session, .. } = reply;
    let mut response = match body {
        toolgate_call::Body::Accepted => accepted(&cx),
        toolgate_call::Body::One(answer) if cx.accepts_json => whole(&cx, &answer, guards),
        toolgate_call::Body::One(answer) => stream(&cx, SseBody::once(cx.clone(), answer, guards)),
        toolgate_call::Body::Stream(events) => {
            let body = SseBody::new(cx.clone(), events, guards);
            if cx.accepts_sse { stream(&cx, body) } else { Box::pin(body.last(&cx)).await }
        }
    };
    if let Some(value) = session.and_then(|id| HeaderValue::from_str(&id).ok()) {
        response.headers_mut().insert(SESSION_ID, value);
    }
    response
}

/// `{"jsonrpc":"2.0","id":…,"result":…}`.
pub(crate) fn message(id: Option<&RawJson>, answer: &Answer) -> Bytes {
    match answer {
        Answer::Result { raw, .. } => assemble(id, br#""result":"#, raw),
        Answer::Error { raw, .. } => error_message(id, raw),
    }
}

/// `{"jsonrpc":"2.0","id":…,"error":…}`; without `id` when it could not be read.
pub(crate) fn error_message(id: Option<&RawJson>, error: &RawJson) -> Bytes {
    assemble(id, br#""error":"#, error)
}

/// One answer, as one JSON object. The guards are let go once it is handed over whole.
pub(crate) fn whole(cx: &Context, answer: &Answer, guards: Guards) -> Response<Body> {
    let ledger = &cx.exchange.ledger;
    let phases = ledger.phases_at(Instant::now());
    ledger.enter(Phase::Write);
    let observed = cx.observer.then(|| observe::annotate(answer, &phases, ledger)).flatten();
    let bytes = message(cx.id.as_ref(), observed.as_ref().unwrap_or(answer));
    drop(guards);
    let status = status(cx, answer);
    cx.exchange.end(Ending {
        outcome: Outcome::of(Ok(answer)),
        detail: None,
        status: status.as_u16(),
        streamed: false,
        denied_by: None,
    });
    let mut response = Response::new(Body::whole(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.extend(server_timing(&phases).map(|value| (SERVER_TIMING, value)));
    response
}

/// The status of an answer that is not the gateway's own: a modern caller must see from it that a
/// capability is missing which the target needs (MCP 2026-07-28, `basic/versioning`), or that the
/// target has no such method (`basic/transports/streamable-http`).
fn status(cx: &Context, answer: &Answer) -> StatusCode {
    match (cx.era, answer) {
        (Era::Modern, Answer::Error { code: MISSING_CAPABILITY, .. }) => StatusCode::BAD_REQUEST,
        (Era::Modern, Answer::Error { code: METHOD_NOT_FOUND, .. }) => StatusCode::NOT_FOUND,
        (Era::Modern | Era::Legacy, Answer::Error { .. } | Answer::Result { .. }) => StatusCode::OK,
    }
}

/// A refusal after the call was decoded.
pub(crate) fn refused(
    cx: &Context,
    refusal: &Refusal,
    challenge: Option<HeaderValue>,
) -> Response<Body> {
    let phases = cx.exchange.ledger.phases_at(Instant::now());
    let mut response =
        refuse::respond(refusal, cx.id.as_ref(), cx.era, Some(&cx.exchange), challenge);
    cx.exchange.ledger.enter(Phase::Write);
    response.headers_mut().extend(server_timing(&phases).map(|value| (SERVER_TIMING, value)));
    response
}

fn accepted(cx: &Context) -> Response<Body> {
    cx.exchange.ledger.enter(Phase::Write);
    // DELETE has done what it was asked; a notification was taken note of.
    let ended = cx.method() == Some(Method::EndSession);
    let status = if ended { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED };
    cx.exchange.end(Ending {
        outcome: Outcome::OK,
        detail: None,
        status: status.as_u16(),
        streamed: false,
        denied_by: None,
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn stream(cx: &Context, body: SseBody) -> Response<Body> {
    cx.exchange.streamed.store(true, Relaxed);
    if cx.is_endless() {
        // Nobody waits for its end: whoever brings it about, it ended well.
        cx.exchange.ledger.enter(Phase::Write);
        cx.exchange.end(Ending {
            outcome: Outcome::OK,
            detail: None,
            status: 200,
            streamed: true,
            denied_by: None,
        });
    }
    let phases = cx.exchange.ledger.phases_at(Instant::now());
    let mut response = events(Body::sse(body));
    let headers = response.headers_mut();
    headers.extend(server_timing(&phases).map(|value| (SERVER_TIMING, value)));
    response
}

/// A response that comes event by event.
pub(crate) fn events(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

fn assemble(id: Option<&RawJson>, member: &[u8], value: &RawJson) -> Bytes {
    let id = id.map_or([&b""[..], b"", b""], |id| [br#""id":"#, id.as_bytes(), b","]);
    let [key, id, comma] = id;
    let pieces = [&br#"{"jsonrpc":"2.0","#[..], key, id, comma, member, value.as_bytes(), b"}"];
    // In one piece of just the right size.
    pieces.concat().into()
}

/// `Server-Timing` (W3C): the phases that took at least a microsecond, in milliseconds.
fn server_timing(phases: &Phases) -> Option<HeaderValue> {
    let mut text: Vec<u8> = Vec::with_capacity(512);
    let mut total = 0;
    for (phase, micros) in phases.micros().filter(|(_, micros)| *micros > 0) {
        push_timing(&mut text, phase.as_str(), micros);
        text.extend_from_slice(b", ");
        total += micros;
    }
    push_timing(&mut text, "total", total);
    HeaderValue::from_bytes(&text).ok()
}

/// `name;dur=1.234`.
fn push_timing(text: &mut Vec<u8>, name: &str, micros: u64) {
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b";dur=");
    let mut digits = itoa::Buffer::new();
    text.extend_from_slice(digits.format(micros / 1000).as_bytes());
    text.push(b'.');
    // A leading 1 keeps the zeros behind the point.
    let thousandths = digits.format(1000 + micros % 1000).as_bytes();
    text.extend_from_slice(thousandths.get(1..).unwrap_or_default());
}
