//! The answers of the admin server.
//!
//! Enters: one request. Leaves: one response with a body of known length. Never: reads a body.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::{Admin, host};
use crate::Telemetry;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// The text exposition format of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

const INDEX: &str = "\
/metrics  metrics for Prometheus
/healthz  200 while the process serves
/readyz   200 while it can do its work, else 503; JSON says what is missing
";

type Answer = Response<Full<Bytes>>;

pub(super) async fn answer<B>(
    admin: &Admin,
    request: &Request<B>,
    local: Option<IpAddr>,
) -> Answer {
    if !came_under_our_name(admin, request, local) {
        let advice = "This name is not served here. Use localhost or the address itself, or add \
                      the name to `hosts` in the configuration.\n";
        return respond(StatusCode::FORBIDDEN, TEXT, advice);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused =
            respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "Only GET and HEAD are served here.\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/" => respond(StatusCode::OK, TEXT, INDEX),
        "/healthz" => respond(StatusCode::OK, TEXT, "ok\n"),
        "/readyz" => ready(admin),
        "/metrics" => metrics(admin).await,
        _ => respond(
            StatusCode::NOT_FOUND,
            TEXT,
            format!("There is no such page. There are:\n{INDEX}"),
        ),
    }
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
async fn metrics(admin: &Admin) -> Answer {
    let turn = Arc::clone(&admin.rendering).acquire_owned().await;
    let telemetry = Arc::clone(&admin.telemetry);
    let rendering = tokio::task::spawn_blocking(move || {
        let text = Telemetry::render(&telemetry);
        drop(turn);
        text
    });
    match rendering.await {
        Ok(text) => respond(StatusCode::OK, EXPOSITION, text),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be rendered");
            let advice = "The metrics could not be rendered; the log says why.\n";
            respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, advice)
        }
    }
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
