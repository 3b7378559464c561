//! Who gets as far as a handler.
//!
//! In: the head of a request. Out: the same request, or a refusal. Never: a page elsewhere that
//! acts for a user (CSRF), nor one that got here under its own name (DNS rebinding).

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use toolgate_agent_memory::Actor;

use super::problem::Problem;
use super::{Served, Shared, session};

/// Names by which the agent may be called, and origins that may call it.
#[derive(Clone, Debug)]
pub struct Allowed {
    hosts: Vec<String>,
    origins: Vec<String>,
    port: u16,
}

// === impl Allowed ===

impl Allowed {
    /// Its own address, the names of loopback if that is where it listens, and those that are said.
    #[must_use]
    pub fn new(at: SocketAddr, hosts: &[String], origins: &[String]) -> Self {
        let mut names = vec![at.ip().to_string(), format!("[{}]", at.ip())];
        if at.ip().is_loopback() {
            names.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
        }
        names.extend(hosts.iter().map(|host| host.to_lowercase()));
        Self { hosts: names, origins: origins.to_vec(), port: at.port() }
    }

    /// Whether a `Host` is one of ours; its port does not matter behind a proxy.
    fn host(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether an `Origin` may call: our own page's, or one that is said.
    fn origin(&self, origin: &str, host: &str) -> bool {
        let same = origin.split_once("://").is_some_and(|(_, rest)| rest == host);
        same || self.origins.iter().any(|known| known == origin)
            || origin == format!("http://localhost:{}", self.port)
    }
}

/// Headers of every answer.
const ALWAYS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

pub(super) async fn check(State(shared): State<Served>, request: Request, next: Next) -> Response {
    let mut response = match wrong(&shared, request.method(), request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in ALWAYS {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
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
    if method == Method::POST && !kind.eq_ignore_ascii_case("application/json") {
        let says = "the body has to be JSON (`Content-Type: application/json`)";
        return Some(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, says));
    }
    None
}

/// Who asks: by a token, by having signed in, or anybody where the agent is open.
pub(super) async fn actor(shared: &Shared, headers: &HeaderMap) -> Result<Actor, Problem> {
    if let Some(actor) = shared.host.open() {
        return Ok(actor);
    }
    if let Some(actor) = session::actor(&shared.sessions, headers) {
        return Ok(actor);
    }
    Ok(shared.host.authenticate(headers).await?)
}
