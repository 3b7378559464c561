//! An HTTP answer becomes a reply.
//!
//! Enters: status, headers and body of the answer to one request. Leaves: the one answer with our
//! id, or a stream that ends in it. Never: a guess; what is not MCP is a failure of the target's.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use memchr::memmem;
use toolgate_call::{Answer, Body, Era, Event, Ledger, Outbound, Phase, RawJson, Reply};

use super::Inner;
use super::exchange::{self, AnswerBody, Answered, ERROR_BODY};
use super::failure::Failure;
use super::request::Asked;
use super::session::Session;
use super::sse::SseDecoder;
use super::stream::{Cancel, TargetStream};
use crate::era::{HEADER_MISMATCH, UNSUPPORTED_VERSION};
use crate::wire::{Incoming, read_message};

/// The codes that servers of the older era give for a session they do not know.
const NO_SESSION: i64 = -32000;
pub(super) const SESSION_UNKNOWN: i64 = -32001;
const INVALID_PARAMS: i64 = -32602;
/// How long the text of a refusal may take, whose status is known already.
const REFUSAL: Duration = Duration::from_secs(2);

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
    let mut cancel = Cancel::new(target, session, asked.id, outbound);
    let answered = exchange::send(target, asked.outgoing, ledger).await;
    let answered = answered.inspect_err(|failure| {
        if !matches!(failure, Failure::Broken(_) | Failure::Protocol(_)) {
            cancel.disarm();
        }
    })?;
    if !answered.status.is_success() {
        cancel.disarm();
        ledger.enter(Phase::Receive);
        let answer = Box::pin(refused(target, answered, asked.id, session)).await?;
        return Ok(Reply::one(era, answer));
    }
    // From here on the target is at work: whatever else than an answer comes, it is told that
    // nobody waits.
    match Kind::of(&answered.headers) {
        Kind::Json => {
            ledger.enter(Phase::Receive);
            let answer = read_json(target, answered.body, asked.id).await?;
            cancel.disarm();
            Ok(Reply::one(era, answer))
        }
        Kind::Sse => {
            let stream = TargetStream::new(target, answered.body, asked.id, cancel, outbound);
            Box::pin(lazily(era, stream)).await
        }
        Kind::Other => {
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
        Some(Ok(event @ (Event::Notice(_) | Event::Ask(_)))) => {
            stream.as_mut().put_back(event);
            let reply = Reply::stream(era, stream);
            debug_assert!(matches!(reply.body, Body::Stream(_)));
            Ok(reply)
        }
        Some(Ok(Event::Done(Ok(answer)))) => Ok(Reply::one(era, answer)),
        Some(Ok(Event::Done(Err(refusal)))) => Err(Failure::Refused(Box::new(refusal))),
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
    session: Option<&Arc<Session>>,
) -> Result<Answer, Failure> {
    let status = answered.status.as_u16();
    let failed = Failure::Status(status, retry_after(&answered.headers));
    if !matches!(status, 400..=499) || matches!(status, 401 | 403 | 429) {
        wind_up(target, answered.body).await;
        return Err(failed);
    }
    let is_json = Kind::of(&answered.headers) == Kind::Json;
    let patience = target.config.idle_timeout.min(REFUSAL);
    let read = tokio::time::timeout(patience, answered.body.read_all(ERROR_BODY, patience)).await;
    let read = read.ok().and_then(Result::ok).filter(|_| is_json);
    let message = read.and_then(|bytes| read_message(bytes).ok());
    let on_session = session.is_some_and(|session| session.id.is_some());
    if let Some(Incoming::Answer { id: theirs, answer: Answer::Error { raw, code } }) = message {
        let nameless = theirs.as_bytes() == b"null";
        let unknown = status == 404 && code == SESSION_UNKNOWN;
        if on_session && (unknown || (status == 400 && nameless && code == NO_SESSION)) {
            return Err(Failure::SessionLost(format!("HTTP {status}, error {code}")));
        }
        if code == HEADER_MISMATCH && session.is_none() {
            let why = Failure::Mismatch(Answer::Error { raw, code });
            return Err(Failure::WrongEra(Box::new(why)));
        }
        if matches!(code, HEADER_MISMATCH | UNSUPPORTED_VERSION) {
            let why = Failure::Protocol(format!("HTTP {status}, error {code}"));
            return Err(Failure::WrongEra(Box::new(why)));
        }
        if session.is_some() && code == INVALID_PARAMS && misses_meta(&raw) {
            return Err(Failure::WrongEra(Box::new(failed)));
        }
        let answer = Answer::Error { raw, code };
        if is_ours(&theirs, id, &answer) && !nameless {
            return Ok(answer);
        }
    }
    if on_session && status == 404 {
        return Err(Failure::SessionLost("HTTP 404".to_owned()));
    }
    // Without an answer of the target's own, it has looked at nothing: so a server of the other era
    // would say, and so would one that is not there at all.
    let other_era = matches!(status, 400 | 404 | 405 | 422);
    Err(if other_era { Failure::WrongEra(Box::new(failed)) } else { failed })
}

/// Whether an error is about what only requests of the modern era carry.
fn misses_meta(error: &RawJson) -> bool {
    memmem::find(error.as_bytes(), b"_meta").is_some()
}

/// Reads what is left beside the call, so that the connection can be used again.
async fn wind_up(target: &Inner, body: AnswerBody) {
    let mut body = Some(body);
    poll_fn(|cx| {
        if let Some(body) = body.take() {
            body.wind_up(target, cx);
        }
        Poll::Ready(())
    })
    .await;
}

/// The first answer on a stream, as bytes: for handshakes, where nothing else matters.
pub(super) async fn last_event(mut body: AnswerBody, target: &Inner) -> Result<Bytes, Failure> {
    let mut decoder = SseDecoder::new(target.config.max_response);
    let patience = target.config.idle_timeout;
    while let Some(data) = poll_fn(|cx| body.poll_data(cx, patience)).await {
        decoder.push(&data?);
        while let Some(event) = decoder.next().map_err(Failure::TooLarge)? {
            if matches!(read_message(event.clone()), Ok(Incoming::Answer { .. })) {
                wind_up(target, body).await;
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
