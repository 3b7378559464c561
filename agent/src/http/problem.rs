//! What a request is refused with (RFC 9457, `application/problem+json`).
//!
//! In: a status and a sentence. Out: a response. Never: words of a token, a prompt or a memory.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use toolgate_agent_memory::{MemoryError, Why};

use crate::host::Denied;
use crate::turns::Busy;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    says: String,
    challenge: Option<String>,
    retry_after: Option<u32>,
}

// === impl Problem ===

impl Problem {
    pub(super) fn new(status: StatusCode, says: impl Into<String>) -> Self {
        Self { status, says: says.into(), challenge: None, retry_after: None }
    }

    pub(super) fn bad(says: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, says)
    }

    pub(super) fn not_found(says: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, says)
    }

    /// The sentence.
    pub(super) fn says(self) -> String {
        self.says
    }

    /// It is stopping: somebody else may answer.
    pub(super) fn draining() -> Self {
        let says = "the agent is stopping; ask again, another one may answer";
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, says) }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let status = StatusCode::from_u16(denied.status).unwrap_or(StatusCode::UNAUTHORIZED);
        Self { challenge: denied.challenge, ..Self::new(status, denied.says) }
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self { retry_after: Some(1), ..Self::new(status, busy.to_string()) }
    }
}

impl From<MemoryError> for Problem {
    fn from(error: MemoryError) -> Self {
        // There is no such place in a list, or no such thing to forget.
        let is_asked_wrong = error.why == Why::NotSupported;
        let status = match is_asked_wrong {
            true => StatusCode::BAD_REQUEST,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("refused"),
            "status": self.status.as_u16(),
            "detail": self.says,
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = self.challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

pub(super) async fn nothing_here(request: Request) -> Problem {
    std::future::ready(Problem::not_found(format!("there is no {}", request.uri().path()))).await
}

pub(super) async fn not_so(request: Request) -> Problem {
    let says = format!("{} cannot be asked by {}", request.uri().path(), request.method());
    std::future::ready(Problem::new(StatusCode::METHOD_NOT_ALLOWED, says)).await
}
