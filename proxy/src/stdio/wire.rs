//! One message to the gateway, and what comes back as lines.
//!
//! Enters: a message with its headers. Leaves: the notifications of a request, then its answer, each
//! a line for the client. Never: a request without an answer, unless it was cancelled; an answer
//! without the id of its request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::timeout;
use toolgate_call::Reason;

use super::fault::{Fault, with_error};
use super::gate::Gate;
use super::message::Reply;
use super::params::Params;
use super::session::{Live, SESSION_ID, Session, in_session, plain};
use toolgate_client::sse::EventReader;

/// The largest message that is taken from the gateway, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;
/// How long a stream that broke off waits before it is opened again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How long it may take to open a session again.
const RENEWAL: Duration = Duration::from_secs(30);

/// What everything that is under way shares.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) gate: Gate,
    pub(super) session: Session,
    /// Arguments that the gateway reads in headers.
    pub(super) params: Params,
    /// Lines for the client, without their end.
    pub(super) out: mpsc::Sender<Bytes>,
}

/// Set when the client does not want the answer any more.
pub(super) type Mute = Arc<AtomicBool>;

// === impl Wire ===

impl Wire {
    /// A line for the client. It waits while the client does not read.
    pub(super) async fn say(&self, line: Bytes) {
        // An error means that the client is gone, which the front hears as well.
        let _gone = self.out.send(line).await;
    }

    /// Sends a message that stands by itself, or one that nobody understands.
    pub(super) async fn post(&self, headers: HeaderMap, body: Bytes) -> Result<Came, Fault> {
        Ok(Came::Arriving(self.gate.send(Method::POST, headers, body).await?))
    }

    /// Sends a message within the session. One that has run out is opened again, once: the gateway
    /// did nothing with what it refused for that.
    pub(super) async fn post_in_session(&self, body: Bytes) -> Result<Came, Fault> {
        let live = self.session.live();
        let response = self.gate.send(Method::POST, named(live.as_deref()), body.clone()).await?;
        let Some(lost) = live.filter(|live| live.has_id() && is_lost(&response)) else {
            return Ok(Came::Arriving(response));
        };
        if !self.renewed(&lost).await {
            return Ok(Came::Arriving(response));
        }
        let live = self.session.live();
        let response = self.gate.send(Method::POST, named(live.as_deref()), body).await?;
        Ok(Came::Arriving(response))
    }

    /// Begins the session. Gives back whether there is one now.
    pub(super) async fn initialize(&self, body: Bytes, id: &[u8]) -> Result<bool, Fault> {
        let came = self.post(plain(), body.clone()).await?;
        let session = came.session();
        let answer = self.relay(came, Some(id), &Mute::default()).await?;
        let version = answer.as_deref().and_then(settled);
        let begun = version.map(|version| self.session.begin(session, version, body));
        Ok(begun.is_some())
    }

    /// Opens another session in place of one that the gateway does not know any more. Gives back
    /// whether there is one now.
    async fn renewed(&self, lost: &Arc<Live>) -> bool {
        timeout(RENEWAL, self.renew(lost)).await.unwrap_or(false)
    }

    async fn renew(&self, lost: &Arc<Live>) -> bool {
        let _only = self.session.renewing.lock().await;
        if self.session.live().is_some_and(|live| !Arc::ptr_eq(&live, lost)) {
            return true;
        }
        let handshake = lost.handshake.clone();
        let Ok(came) = self.post(plain(), handshake.clone()).await else { return false };
        let session = came.session();
        let Ok((_, body)) = came.read().await else { return false };
        let Some(version) = settled(&body) else { return false };
        self.session.begin(session, version, handshake);
        let initialized = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let headers = named(self.session.live().as_deref());
        self.post(headers, Bytes::from_static(initialized)).await.is_ok()
    }

    /// Ends the session, so that the gateway need not wait for its time to run out.
    pub(super) async fn end_session(&self) {
        let Some(live) = self.session.live().filter(|live| live.has_id()) else { return };
        if let Err(fault) = self.gate.send(Method::DELETE, named(Some(&live)), Bytes::new()).await {
            tracing::debug!(fault = fault.message(), "the session could not be ended");
        }
    }

    /// Passes on what a request brings. Gives back its answer.
    pub(super) async fn relay(
        &self,
        came: Came,
        id: Option<&[u8]>,
        mute: &Mute,
    ) -> Result<Option<Bytes>, Fault> {
        let status = came.status();
        let body = match came {
            Came::Arriving(response) if is_stream(&response) => {
                let answer = self.pass_on(response.into_body(), mute).await;
                let broken = "the gateway broke off before its answer";
                return match answer {
                    Some(answer) => Ok(Some(answer)),
                    None if id.is_none() => Ok(None),
                    None => Err(Fault::sent(Reason::Reset, broken)),
                };
            }
            came @ (Came::Arriving(_) | Came::Whole(..)) => came.read().await?.1,
        };
        if body.is_empty() && id.is_none() {
            return Ok(None);
        }
        let line = fitted(&body, id).ok_or_else(|| not_mcp(status))?;
        if !mute.load(Relaxed) {
            self.say(line.clone()).await;
        }
        Ok(Some(line))
    }

    /// Passes on the events of a stream until it ends. Gives back the last answer among them.
    async fn pass_on(&self, mut body: Incoming, mute: &Mute) -> Option<Bytes> {
        let mut reader = EventReader::new(LARGEST);
        let mut answer = None;
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            let Ok(events) = reader.push(&data) else { return answer };
            for event in events {
                let line = one_line(Bytes::from(event));
                if Reply::of(&line).is_some() {
                    answer = Some(line.clone());
                }
                if !mute.load(Relaxed) {
                    self.say(line).await;
                }
            }
        }
        answer
    }

    /// A notification or an answer of the client. What the gateway says against it is for the
    /// operator: the client waits for nothing.
    pub(super) async fn one_way(&self, sent: Result<Came, Fault>) {
        let problem = match sent {
            Ok(came) if came.status().is_success() => return,
            Ok(came) => {
                let status = came.status();
                let body = came.read().await.map(|(_, body)| body).unwrap_or_default();
                let said = Reply::of(&body).and_then(|reply| reply.error).map(|raw| raw.get());
                format!("{status} {}", said.unwrap_or_default())
            }
            Err(fault) => fault.message().to_owned(),
        };
        tracing::warn!(%problem, "a notification or an answer of the client was not taken");
    }

    /// Passes on what the gateway says without being asked, for as long as there is a session.
    pub(super) async fn listen(self: Arc<Self>) {
        let mut pause = PAUSES.0;
        while let Some(live) = self.session.live() {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
            in_session(&mut headers, Some(&live));
            match self.gate.send(Method::GET, headers, Bytes::new()).await {
                Ok(response) if is_stream(&response) => {
                    pause = PAUSES.0;
                    let _nothing = self.pass_on(response.into_body(), &Mute::default()).await;
                }
                Ok(response) if live.has_id() && is_lost(&response) => {
                    if self.renewed(&live).await {
                        continue;
                    }
                }
                Ok(response) if response.status().is_client_error() => {
                    let status = response.status();
                    tracing::debug!(%status, "the gateway has no stream for this session");
                    return;
                }
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause = PAUSES.1.min(pause * 2);
        }
    }
}

/// A response of the gateway.
#[derive(Debug)]
pub(super) enum Came {
    /// Its body is still to be read.
    Arriving(Response<Incoming>),
    /// Its body was read.
    Whole(StatusCode, Bytes),
}

// === impl Came ===

impl Came {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Arriving(response) => response.status(),
            Self::Whole(status, _) => *status,
        }
    }

    /// The session that it begins.
    fn session(&self) -> Option<HeaderValue> {
        match self {
            Self::Arriving(response) => response.headers().get(SESSION_ID).cloned(),
            Self::Whole(..) => None,
        }
    }

    /// The same with its body.
    pub(super) async fn read(self) -> Result<(Self, Bytes), Fault> {
        let (status, body) = match self {
            Self::Arriving(response) => (response.status(), whole(response).await?),
            Self::Whole(status, body) => (status, body),
        };
        Ok((Self::Whole(status, body.clone()), body))
    }
}

fn named(live: Option<&Live>) -> HeaderMap {
    let mut headers = plain();
    in_session(&mut headers, live);
    headers
}

/// 404 is what becomes of a session that is not known (any more).
fn is_lost(response: &Response<Incoming>) -> bool {
    response.status() == StatusCode::NOT_FOUND
}

fn is_stream(response: &Response<Incoming>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    response.status().is_success() && kind.starts_with(b"text/event-stream")
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, Fault> {
    let collected = Limited::new(response.into_body(), LARGEST).collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| {
        Fault::sent(Reason::UpstreamProtocol, format!("the answer cannot be read: {error}"))
    })
}

/// The revision that an answer to `initialize` settles on.
fn settled(answer: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_str(&Reply::of(answer)?.version()?).ok()
}

/// What came as a line, with the id of the request if it has none; `None` if it is not JSON-RPC.
fn fitted(body: &Bytes, id: Option<&[u8]>) -> Option<Bytes> {
    let is_batch = body.trim_ascii_start().starts_with(b"[");
    if is_batch && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        return Some(one_line(body.clone()));
    }
    let reply = Reply::of(body)?;
    Some(match (reply.id, id, reply.error) {
        (None, Some(id), Some(error)) => one_line(with_error(Some(id), error.get().as_bytes())),
        _ => one_line(body.clone()),
    })
}

/// On one line: raw line breaks can only stand between tokens of JSON.
fn one_line(json: Bytes) -> Bytes {
    let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !json.iter().any(breaks) {
        return json;
    }
    json.iter().map(|byte| if breaks(byte) { b' ' } else { *byte }).collect()
}

fn not_mcp(status: StatusCode) -> Fault {
    let message = format!("what answered is not an MCP gateway: {status} without a message");
    if status.is_client_error() {
        Fault::unsent(Reason::Upstream4xx, message)
    } else if status.is_server_error() {
        Fault::sent(Reason::Upstream5xx, message)
    } else {
        Fault::sent(Reason::UpstreamProtocol, message)
    }
}
