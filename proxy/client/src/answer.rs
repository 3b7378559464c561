//! The answer of a gateway: one JSON object, or an event stream that ends in one.
//!
//! Enters: a response. Leaves: the result as it came, with status and headers; progress on the
//! way. Never: more than 64 MiB; the message of another request.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::OnProgress;
use super::failure::{Failure, Refused};
use super::request::ID;
use super::sse::EventReader;
use super::transport::causes;

/// The largest answer that is read, in bytes.
pub(super) const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How much of a body that is not MCP is shown, in characters.
const EXCERPT: usize = 120;

/// Status, headers and size of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// The HTTP status.
    pub status: u16,
    /// The HTTP headers.
    pub headers: HeaderMap,
    /// Whether it was an event stream.
    pub streamed: bool,
    /// The size of the body, in bytes.
    pub bytes: usize,
    /// From before the connection to the last byte.
    pub elapsed: Duration,
}

/// A result.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The `result` member as it came.
    pub result: Box<RawValue>,
    /// What came with it.
    pub head: Head,
}

/// `notifications/progress`.
#[derive(Clone, Debug, Deserialize)]
pub struct Progress {
    /// How far it is.
    pub progress: f64,
    /// How far it goes, if the tool knows.
    #[serde(default)]
    pub total: Option<f64>,
    /// What the tool says about it.
    #[serde(default)]
    pub message: Option<String>,
}

/// One JSON-RPC message that came.
#[derive(Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    pub(super) method: Option<String>,
    #[serde(default)]
    pub(super) params: Option<Box<RawValue>>,
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct ToolResult {
    #[serde(default, rename = "isError")]
    is_error: bool,
}

// === impl Head ===

impl Head {
    /// A head without a body.
    pub(crate) fn of(status: StatusCode, headers: HeaderMap) -> Self {
        let (status, elapsed) = (status.as_u16(), Duration::ZERO);
        Self { status, headers, streamed: false, bytes: 0, elapsed }
    }

    /// A header that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The id under which the gateway logged the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.header("x-request-id")
    }

    /// The scopes that a challenge asks for (RFC 6750 section 3).
    #[must_use]
    pub fn needed_scopes(&self) -> Option<&str> {
        let challenge = self.header(WWW_AUTHENTICATE.as_str())?;
        let (_, rest) = challenge.split_once("scope=\"")?;
        rest.split_once('"').map(|(scopes, _)| scopes)
    }
}

// === impl Answer ===

impl Answer {
    /// Whether the tool said that it failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        serde_json::from_str::<ToolResult>(self.result.get()).is_ok_and(|result| result.is_error)
    }
}

/// Whether a stream of events follows.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/event-stream")
}

/// Reads a response to its end.
pub(super) async fn read(
    response: Response<Incoming>,
    started: Instant,
    on_progress: OnProgress<'_>,
) -> Result<Answer, Failure> {
    let (parts, body) = response.into_parts();
    let streamed = is_stream(&parts.headers);
    let mut head = Head {
        status: parts.status.as_u16(),
        streamed,
        bytes: 0,
        elapsed: Duration::ZERO,
        headers: parts.headers,
    };
    if streamed {
        return read_events(body, head, started, on_progress).await;
    }
    let body = match Limited::new(body, MOST_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Failure::TooLarge { limit: MOST_BYTES });
        }
        Err(error) => return Err(Failure::Lost { cause: causes(&*error) }),
    };
    head.bytes = body.len();
    head.elapsed = started.elapsed();
    match serde_json::from_slice::<Message>(&body) {
        Ok(message) if message.is_answer() => message.into_answer(head),
        Ok(_) | Err(_) => Err(not_mcp(head, &body)),
    }
}

async fn read_events(
    mut body: Incoming,
    mut head: Head,
    started: Instant,
    on_progress: OnProgress<'_>,
) -> Result<Answer, Failure> {
    let mut events = EventReader::new(MOST_BYTES);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Lost { cause: causes(&error) })?;
        let Ok(bytes) = frame.into_data() else { continue };
        head.bytes = head.bytes.saturating_add(bytes.len());
        let whole = events.push(&bytes).map_err(|_| Failure::TooLarge { limit: MOST_BYTES })?;
        for event in whole {
            let Ok(message) = serde_json::from_slice::<Message>(&event) else {
                return Err(not_mcp(head, &Bytes::from(event)));
            };
            if message.is_answer() {
                head.elapsed = started.elapsed();
                return message.into_answer(head);
            }
            if let Some(progress) = message.progress() {
                on_progress(&progress);
            }
        }
    }
    Err(Failure::Lost { cause: "the event stream ended without an answer".to_owned() })
}

// === impl Message ===

impl Message {
    /// Whether it answers our request; an error may come without an id.
    pub(super) fn is_answer(&self) -> bool {
        let is_ours = self.id.as_u64() == Some(ID);
        (is_ours && self.result.is_some())
            || (self.error.is_some() && (is_ours || self.id.is_null()))
    }

    pub(super) fn into_answer(self, head: Head) -> Result<Answer, Failure> {
        if let Some(RpcError { code, message, data }) = self.error {
            return Err(Failure::Refused(Box::new(Refused { head, code, message, data })));
        }
        match self.result {
            Some(result) => Ok(Answer { result, head }),
            None => Err(not_mcp(head, &Bytes::new())),
        }
    }

    fn progress(&self) -> Option<Progress> {
        let params = self.params.as_ref()?;
        let is_progress = self.method.as_deref() == Some("notifications/progress");
        is_progress.then(|| serde_json::from_str(params.get()).ok()).flatten()
    }
}

/// What came instead of MCP, in a few words.
fn not_mcp(head: Head, body: &Bytes) -> Failure {
    let status = StatusCode::from_u16(head.status).unwrap_or_default();
    let detail = if status.is_redirection() {
        let place = head.header(LOCATION.as_str()).unwrap_or("nowhere");
        format!("redirected to {place}; redirects are not followed")
    } else if body.is_empty() {
        "an empty answer, not JSON-RPC".to_owned()
    } else {
        let start = body.get(..body.len().min(EXCERPT * 4)).unwrap_or_default();
        let text = String::from_utf8_lossy(start);
        let words: Vec<&str> = text.split_whitespace().collect();
        let shown: String = words.join(" ").chars().take(EXCERPT).collect();
        format!("not a JSON-RPC answer: {shown}")
    };
    Failure::NotMcp { head: Box::new(head), detail }
}
