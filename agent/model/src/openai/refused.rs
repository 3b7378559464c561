//! Answers that are refusals.
//!
//! In: a status, headers, the beginning of a body. Out: a [`ModelError`]. Never: more of the body
//! than the server's own sentence, cut; the key, should the server repeat it.

use std::time::Duration;

use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::timeout;

use super::Key;
use crate::{Fault, ModelError};

/// Bytes of a refusal that are read.
const BODY: usize = 64 * 1024;
/// How long it may take to read them.
const PATIENCE: Duration = Duration::from_secs(5);
/// Characters of the server's sentence that are kept.
const SENTENCE: usize = 300;
/// Characters of an id of a request.
const ID: usize = 128;
/// The longest pause that is believed.
const PAUSE: f64 = 86_400.0;

/// What servers say when a conversation is too long.
const TOO_LONG: [&str; 8] = [
    "context_length",
    "context length",
    "context size",
    "context window",
    "maximum context",
    "prompt is too long",
    "too many tokens",
    "reduce the length",
];

/// Reads a refusal.
pub(super) async fn refused(response: Response<Incoming>, key: Option<&Key>) -> ModelError {
    let (head, body) = response.into_parts();
    let read = timeout(PATIENCE, Limited::new(body, BODY).collect()).await;
    let bytes = read.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let said = sentence(&body, key);
    let status = head.status.as_u16();
    let fault = fault(status, &said);
    let says = match said.is_empty() {
        true => format!("the model server answered {status}"),
        false => format!("the model server answered {status}: {said}"),
    };
    ModelError {
        retry_after: pause(&head.headers),
        request_id: request_id(&head.headers),
        ..ModelError::new(fault, says)
    }
}

/// A refusal in the middle of a stream, where there is no status any more.
pub(super) fn broken_off(error: &Value, key: Option<&Key>) -> ModelError {
    let code = ["code", "status"].iter().find_map(|name| error.get(*name)?.as_u64());
    let status = code.and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
    let said = sentence(error, key);
    let says = format!("the model server broke off: {said}");
    ModelError::new(fault(status, &said), says)
}

/// The provider's id of a request.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    Some(id.chars().take(ID).collect())
}

fn fault(status: u16, said: &str) -> Fault {
    let said = said.to_lowercase();
    let too_long = TOO_LONG.iter().any(|words| said.contains(words));
    match status {
        401 | 403 => Fault::Denied,
        404 => Fault::NotFound,
        408 | 504 => Fault::TimedOut,
        413 => Fault::TooLong,
        429 => Fault::Throttled,
        400 | 422 | 500 if too_long => Fault::TooLong,
        400..=499 => Fault::Rejected,
        500..=599 => Fault::Unavailable,
        _ => Fault::Protocol,
    }
}

/// The server's own sentence: OpenAI's form, Ollama's, and that of Python's frameworks.
fn sentence(body: &Value, key: Option<&Key>) -> String {
    let error = body.get("error").unwrap_or(body);
    let said = error
        .as_str()
        .or_else(|| error.get("message")?.as_str())
        .or_else(|| body.get("detail")?.as_str())
        .unwrap_or_default();
    let said = key.map_or_else(|| said.to_owned(), |key| key.out_of(said));
    let printable = said.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    printable.take(SENTENCE).collect::<String>().trim().to_owned()
}

fn pause(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let millis = number("retry-after-ms").map(|millis| millis / 1e3);
    let seconds = millis.or_else(|| number("retry-after"))?;
    let sane = (0.0..=PAUSE).contains(&seconds);
    sane.then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}
