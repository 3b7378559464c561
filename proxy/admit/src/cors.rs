//! What browsers must be told before a page may use the gateway (Fetch, "CORS protocol").
//!
//! Enters: requests from an origin that is ours. Leaves: the answer to a preflight, and the headers
//! that let a page read an answer. Never: `*`, and never credentials: a page sends its token itself.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Request, Response, StatusCode};

use crate::Body;

/// What a page may send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
/// Headers that a page may send, beside every `Mcp-*`.
const SENT: [&str; 10] = [
    "accept",
    "authorization",
    "baggage",
    "content-type",
    "last-event-id",
    "traceparent",
    "tracestate",
    "x-amzn-trace-id",
    "x-request-id",
    "cache-control",
];
/// Headers that a page may read.
const READ: HeaderValue = HeaderValue::from_static(
    "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, X-Request-Id, Server-Timing, \
     Retry-After",
);
/// For how many seconds a preflight holds: the longest that browsers take.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
/// The longest list of headers that a preflight may ask for.
const LONGEST: usize = 2048;

/// The origin of a request that has one. It was checked before.
pub(crate) fn origin<B>(request: &Request<B>) -> Option<HeaderValue> {
    request.headers().get(ORIGIN).cloned()
}

/// Whether a browser asks if a page may send something.
pub(crate) fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    *request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that.
pub(crate) fn preflight(asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    if let Some(allowed) = allowed_headers(asked) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

/// Lets a page from `origin` read an answer.
pub(crate) fn allow(response: &mut Response<Body>, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, READ);
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

/// Those of the headers that are asked for which a page may send.
fn allowed_headers(asked: &HeaderMap) -> Option<HeaderValue> {
    let asked = asked.get(ACCESS_CONTROL_REQUEST_HEADERS)?.to_str().ok()?;
    if asked.len() > LONGEST {
        return None;
    }
    let names = asked.split(',').map(|name| name.trim().to_ascii_lowercase());
    let allowed: Vec<String> =
        names.filter(|name| name.starts_with("mcp-") || SENT.contains(&name.as_str())).collect();
    HeaderValue::from_str(&allowed.join(", ")).ok()
}
