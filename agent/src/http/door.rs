//! Who gets as far as a handler.
//!
//! In: the head of a request. Out: the same request, or a refusal. Never: a page elsewhere that
//! acts for a user (CSRF), nor one that got here under its own name (DNS rebinding).

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CACHE_CONTROL,
    CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN, VARY,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use toolgate_agent_memory::Actor;

use super::problem::Problem;
use super::{Served, Shared, runtime, session};
use crate::ids;

/// Names by which the agent may be called, and origins that may call it.
#[derive(Clone, Debug)]
pub struct Allowed {
    hosts: Vec<String>,
    origins: Vec<String>,
    port: u16,
}

// === impl Allowed ===

impl Allowed {
    /// `localhost`, any address, and the names that are said.
    #[must_use]
    pub fn new(at: SocketAddr, hosts: &[String], origins: &[String]) -> Self {
        Self { hosts: hosts.to_vec(), origins: origins.to_vec(), port: at.port() }
    }

    /// Whether a `Host` is one of ours; its port does not matter behind a proxy. An address is no
    /// name that somebody could have made lead here, and it is what probes call by.
    fn host(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let is_address = inner.unwrap_or(name).parse::<IpAddr>().is_ok();
        let mut known = self.hosts.iter().map(String::as_str).chain(["localhost"]);
        is_address || known.any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether an `Origin` may call: our own page's, or one that is said.
    fn origin(&self, origin: &str, host: &str) -> bool {
        let same = origin.split_once("://").is_some_and(|(_, rest)| rest == host);
        same || self.is_said(origin) || origin == format!("http://localhost:{}", self.port)
    }

    /// Whether it is the origin of a page elsewhere that may call.
    fn is_said(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known == origin)
    }
}

/// Headers of every answer.
const ALWAYS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// What a page elsewhere that may call is told besides (Fetch, "CORS protocol"). It has a token of its
/// own: cookies are none of its business.
const ELSEWHERE: [(HeaderName, &str); 4] = [
    (ACCESS_CONTROL_EXPOSE_HEADERS, "x-request-id, x-amzn-bedrock-agentcore-runtime-session-id"),
    (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, DELETE"),
    (
        ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, content-type, last-event-id, traceparent, x-request-id, \
         x-amzn-bedrock-agentcore-runtime-session-id",
    ),
    (ACCESS_CONTROL_MAX_AGE, "600"),
];

pub(super) async fn check(State(shared): State<Served>, request: Request, next: Next) -> Response {
    let given = runtime::given_id(request.headers()).map(str::to_owned);
    let elsewhere = elsewhere(&shared.allowed, request.headers());
    let mut response = match wrong(&shared, request.method(), request.headers()) {
        Some(problem) => problem.into_response(),
        None if elsewhere.is_some() && request.method() == Method::OPTIONS => {
            StatusCode::NO_CONTENT.into_response()
        }
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(origin) = elsewhere {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("origin"));
        headers.extend(ELSEWHERE.map(|(name, value)| (name, HeaderValue::from_static(value))));
    }
    // A turn has named its own.
    if !headers.contains_key(runtime::REQUEST_ID)
        && let Ok(id) = HeaderValue::try_from(given.unwrap_or_else(ids::id))
    {
        headers.insert(runtime::REQUEST_ID, id);
    }
    response
}

/// The origin of the page elsewhere that calls, and may.
fn elsewhere(allowed: &Allowed, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    origin.to_str().is_ok_and(|origin| allowed.is_said(origin)).then(|| origin.clone())
}

fn wrong(shared: &Shared, method: &Method, headers: &HeaderMap) -> Option<Problem> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(HOST).unwrap_or_default();
    if !shared.allowed.host(host) {
        let says = "the agent is not called by this name; `server/hosts` lists its names";
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, says));
    }
    if text(ORIGIN).is_some_and(|origin| !shared.allowed.origin(origin, host)) {
        let says = "a page of another origin may not call the agent; `server/origins` lists those that may";
        return Some(Problem::new(StatusCode::FORBIDDEN, says));
    }
    // What a form of a foreign page can send has no such type.
    let kind = text(CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let has_body = [Method::POST, Method::PATCH].contains(method);
    if has_body && !kind.eq_ignore_ascii_case("application/json") {
        let says = "the body has to be JSON (`Content-Type: application/json`)";
        return Some(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, says));
    }
    None
}

/// Who asks: anybody where the agent is open, by a token, or by having signed in. A token that is
/// shown counts more than a cookie that came along.
pub(super) async fn actor(shared: &Shared, headers: &HeaderMap) -> Result<Actor, Problem> {
    if let Some(actor) = shared.host.open() {
        return Ok(actor);
    }
    if !headers.contains_key(AUTHORIZATION)
        && let Some(actor) = session::actor(&shared.sessions, headers)
    {
        return Ok(actor);
    }
    Ok(shared.host.authenticate(headers).await?)
}
