//! The answers of the admin server.
//!
//! Enters: one request. Leaves: one response with a body of known length. Never: reads a body.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HOST, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::{Admin, Ends, calls, host, level};

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";
/// The text exposition format of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";
/// OpenMetrics, which has exemplars.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The pages that every program has.
const COMMON: &str = "\
/metrics  metrics for Prometheus
/healthz  200 while the process serves
/readyz   200 while it can do its work, else 503; JSON says what is missing
/debug/log  how much the log says; PUT ?level=info,toolgate_reach=debug&for=10m changes it for a while
";
/// Those of a flight recorder.
const RECORDER: &str = "\
/debug/calls  the last calls, newest first, as JSON; ?tool= ?target= ?reason= ?blame= ?slower_ms= ?limit=
/debug/calls/<request_id>  one of them
";

pub(super) type Answer = Response<Full<Bytes>>;

pub(super) async fn answer<B>(admin: &Admin, request: &Request<B>, ends: Ends) -> Answer {
    if !came_under_our_name(admin, request, ends.local) {
        let advice = "This name is not served here. Use localhost or the address itself, or add \
                      the name to `hosts` in the configuration.\n";
        return respond(StatusCode::FORBIDDEN, TEXT, advice);
    }
    if request.uri().path() == "/debug/log" {
        return level::answer(admin, request.method(), request.uri().query(), ends.peer);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused =
            respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "Only GET and HEAD are served here.\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/" => respond(StatusCode::OK, TEXT, index(admin)),
        "/healthz" => respond(StatusCode::OK, TEXT, "ok\n"),
        "/readyz" => ready(admin),
        "/metrics" => metrics(admin, request.headers()).await,
        path => match path.strip_prefix("/debug/calls") {
            Some(rest) => calls::answer(admin, rest, request.uri().query()).await,
            None => no_such_page(admin),
        },
    }
}

fn index(admin: &Admin) -> String {
    let recorder = if admin.shown.recorder().is_some() { RECORDER } else { "" };
    format!("{COMMON}{recorder}")
}

pub(super) fn no_such_page(admin: &Admin) -> Answer {
    let text = format!("There is no such page. There are:\n{}", index(admin));
    respond(StatusCode::NOT_FOUND, TEXT, text)
}

fn came_under_our_name<B>(admin: &Admin, request: &Request<B>, local: Option<IpAddr>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(named), None) = (hosts.next(), hosts.next()) else { return false };
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let ours = |name: &str| host::is_ours(name, local, &admin.hosts);
    named.to_str().is_ok_and(ours) && authority.is_none_or(ours)
}

fn ready(admin: &Admin) -> Answer {
    let checks = (admin.checks)();
    let ready = checks.iter().all(|check| check.ok || !check.required);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    respond(status, JSON, format!("{}\n", json!({ "ready": ready, "checks": checks })))
}

/// Rendering takes up to a tenth of a second with many series, so it does not run on a worker
/// that serves calls.
async fn metrics(admin: &Admin, headers: &HeaderMap) -> Answer {
    let open = wants(headers, ACCEPT, "application/openmetrics-text");
    let small = wants(headers, ACCEPT_ENCODING, "gzip");
    let turn = Arc::clone(&admin.rendering).acquire_owned().await;
    let shown = Arc::clone(&admin.shown);
    let rendering = tokio::task::spawn_blocking(move || {
        let text = if open { shown.openmetrics() } else { shown.text() };
        let body = if small { gzip(&text) } else { Ok(text.into_bytes()) };
        drop(turn);
        body
    });
    let problem = match rendering.await {
        Ok(Ok(body)) => {
            let mut page =
                respond(StatusCode::OK, if open { OPENMETRICS } else { EXPOSITION }, body);
            page.headers_mut().insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
            if small {
                page.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            return page;
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(error = problem, "the metrics could not be rendered");
    let advice = "The metrics could not be rendered; the log says why.\n";
    respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, advice)
}

/// Whether a list header names the value and does not weigh it with 0.
fn wants(headers: &HeaderMap, name: HeaderName, value: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|part| part.eq_ignore_ascii_case(value));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// The fastest level: the text shrinks to a thirtieth anyway.
fn gzip(text: &str) -> io::Result<Vec<u8>> {
    let room = Vec::with_capacity(text.len() / 16);
    let mut encoder = GzEncoder::new(room, Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

pub(super) fn respond(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
