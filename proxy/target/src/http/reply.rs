//! An HTTP answer becomes a reply.
//!
//! Enters: status, headers and body of the answer to one request. Leaves: the one answer with our
//! id, or a stream that ends in it. Never: a guess; what is not MCP is a failure of the target's.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use toolgate_call::{Answer, Body, Era, Event, Ledger, Outbound, Phase, RawJson, Reply};

use super::Inner;
use super::exchange::{self, AnswerBody, Answered, ERROR_BODY};
use super::failure::Failure;
use super::request::Asked;
use super::session::Session;
use super::sse::SseDecoder;
use super::stream::{Cancel, TargetStream};
use crate::wire::{Incoming, read_message};

/// Codes that concern the gateway's own headers: never the caller's business.
const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;
/// The code that servers of the older era give for a session they do not know.
const NO_SESSION: i64 = -32000;

/// What kind of body is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Sse,
    Other,
}

/// Sends a request and reads its answer.
pub(super) async fn answered(
    target: &Arc<Inner>,
    asked: Asked,
    outbound: &Outbound,
    session: Option<&Arc<Session>>,
) -> Result<Reply, Failure> {
    let ledger = &outbound.ledger;
    let era = if session.is_some() { Era::Legacy } else { Era::Modern };
    let mut cancel = Cancel::new(target, session, asked.id);
    let answered = exchange::send(target, asked.outgoing, ledger).await;
    let answered = answered.inspect_err(|_| cancel.disarm())?;
    if !answered.status.is_success() {
        cancel.disarm();
        let answer = Box::pin(refused(target, answered, asked.id, session.is_some())).await?;
        return Ok(Reply::one(era, answer));
    }
    match Kind::of(&answered.headers) {
        Kind::Json => {
            ledger.enter(Phase::Receive);
            let answer = read_json(target, answered.body, asked.id).await;
            cancel.disarm();
            Ok(Reply::one(era, answer?))
        }
        Kind::Sse => {
            let stream =
                TargetStream::new(target, answered.body, asked.id, cancel, Arc::clone(ledger));
            Box::pin(lazily(era, stream)).await
        }
        Kind::Other => {
            cancel.disarm();
            let kind = answered.headers.get(header::CONTENT_TYPE);
            Err(Failure::Protocol(format!("HTTP {} with content type {kind:?}", answered.status)))
        }
    }
}

/// The first thing on a stream decides: an answer at once is no stream.
async fn lazily(era: Era, stream: TargetStream) -> Result<Reply, Failure> {
    let mut stream = Box::pin(stream);
    let first = poll_fn(|cx| stream.as_mut().poll_message(cx)).await;
    match first {
        Some(Ok(Event::Notice(raw))) => {
            stream.as_mut().put_back(Event::Notice(raw));
            let reply = Reply::stream(era, stream);
            debug_assert!(matches!(reply.body, Body::Stream(_)));
            Ok(reply)
        }
        Some(Ok(Event::Done(Ok(answer)))) => Ok(Reply::one(era, answer)),
        Some(Ok(Event::Done(Err(refusal)))) => Err(Failure::Internal(refusal.to_string())),
        Some(Err(failure)) => Err(failure),
        None => Err(Failure::Broken("the event stream ended without an answer".to_owned())),
    }
}

async fn read_json(target: &Inner, body: AnswerBody, id: u64) -> Result<Answer, Failure> {
    let (limit, patience) = (target.config.max_response, target.config.idle_timeout);
    let bytes = body.read_all(limit, patience).await?;
    match read_message(bytes).map_err(|error| Failure::Protocol(error.to_string()))? {
        Incoming::Answer { id: theirs, answer } if is_ours(&theirs, id, &answer) => Ok(answer),
        Incoming::Answer { .. } => {
            Err(Failure::Protocol("the answer has the id of another request".to_owned()))
        }
        Incoming::Notice { .. } | Incoming::Request { .. } => {
            Err(Failure::Protocol("the answer is a message of another kind".to_owned()))
        }
    }
}

/// Whether an answer is the one to our request: ids that were turned into strings count, and so
/// does an error without an id, since this exchange carried only one request.
pub(super) fn is_ours(theirs: &RawJson, ours: u64, answer: &Answer) -> bool {
    let text = theirs.as_bytes();
    let mut digits = itoa::Buffer::new();
    let bare = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let anonymous = text == b"null" && matches!(answer, Answer::Error { .. });
    bare.unwrap_or(text) == digits.format(ours).as_bytes() || anonymous
}

/// An answer with a status that says no. A JSON-RPC error in it is the target's answer, unless it
/// concerns what the gateway itself has sent.
async fn refused(
    target: &Inner,
    answered: Answered,
    id: u64,
    on_session: bool,
) -> Result<Answer, Failure> {
    let status = answered.status.as_u16();
    let wait = retry_after(&answered.headers);
    if on_session && status == 404 {
        drain(target, answered.body).await;
        return Err(Failure::SessionLost("HTTP 404".to_owned()));
    }
    if !matches!(status, 400..=499) || matches!(status, 401 | 403 | 429) {
        drain(target, answered.body).await;
        return Err(Failure::Status(status, wait));
    }
    let is_json = Kind::of(&answered.headers) == Kind::Json;
    let read = answered.body.read_all(ERROR_BODY, target.config.idle_timeout).await;
    let message = read.ok().filter(|_| is_json).and_then(|bytes| read_message(bytes).ok());
    match message {
        Some(Incoming::Answer { id: theirs, answer: answer @ Answer::Error { code, .. } }) => {
            let nameless = theirs.as_bytes() == b"null";
            if on_session && status == 400 && nameless && code == NO_SESSION {
                return Err(Failure::SessionLost(format!("HTTP 400, error {code}")));
            }
            if matches!(code, HEADER_MISMATCH | UNSUPPORTED_VERSION) {
                return Err(Failure::WrongEra(format!("HTTP {status}, error {code}")));
            }
            if is_ours(&theirs, id, &answer) && !nameless {
                return Ok(answer);
            }
            Err(Failure::Status(status, wait))
        }
        _ => Err(Failure::Status(status, wait)),
    }
}

/// Reads what is left, so that the connection can be used again.
async fn drain(target: &Inner, body: AnswerBody) {
    let _read = body.read_all(ERROR_BODY, target.config.idle_timeout).await;
}

/// The first answer on a stream, as bytes: for handshakes, where nothing else matters.
pub(super) async fn last_event(mut body: AnswerBody, target: &Inner) -> Result<Bytes, Failure> {
    let mut decoder = SseDecoder::new(target.config.max_response);
    let patience = target.config.idle_timeout;
    while let Some(data) = poll_fn(|cx| body.poll_data(cx, patience)).await {
        decoder.push(&data?);
        while let Some(event) = decoder.next().map_err(Failure::TooLarge)? {
            if matches!(read_message(event.clone()), Ok(Incoming::Answer { .. })) {
                return Ok(event);
            }
        }
    }
    Err(Failure::Broken("the event stream ended without an answer".to_owned()))
}

/// `Retry-After` in seconds; dates are not understood.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

// === impl Kind ===

impl Kind {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let bare = value.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        if bare.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else if bare.eq_ignore_ascii_case("text/event-stream") {
            Self::Sse
        } else {
            Self::Other
        }
    }
}

/// The ledger's phase once a message has come.
pub(super) fn receiving(ledger: &Ledger) {
    if ledger.phase() != Phase::Receive {
        ledger.enter(Phase::Receive);
    }
}
