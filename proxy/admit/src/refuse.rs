//! A refusal becomes an answer.
//!
//! Enters: a refusal, the id it is for and the era of the caller. Leaves: an HTTP status and a
//! JSON-RPC error with what the caller may know. Never: operator detail; never another place that
//! maps a case to a status.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;
use toolgate_call::{Case, Era, RawJson, Reason, Refusal, Version};

use crate::Body;
use crate::encode;
use crate::exchange::{Ending, Exchange};
use crate::front::UNREAD;

/// JSON-RPC 2.0 and MCP codes (`mcp.md` 1.9). Codes of our own are positive: outside every range
/// that JSON-RPC or MCP reserves.
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const INTERNAL: i64 = -32603;
/// Of the older era only.
const RESOURCE_NOT_FOUND: i64 = -32002;
const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

/// A JSON-RPC error object.
#[derive(Serialize)]
struct ErrorObject<'a> {
    code: i64,
    message: &'a str,
    data: ErrorData<'a>,
}

/// What the caller may know beyond the sentence.
#[derive(Serialize)]
struct ErrorData<'a> {
    reason: &'static str,
    blame: &'static str,
    retry_safe: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(rename = "requiredCapabilities", skip_serializing_if = "Option::is_none")]
    required: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supported: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
}

/// The status and the code of a case. The only place that knows them.
pub(crate) fn wire(case: Case, era: Era) -> (StatusCode, i64) {
    match case {
        Case::BodyNotJson => (StatusCode::BAD_REQUEST, PARSE_ERROR),
        Case::BodyNotRequest | Case::Batch | Case::TooDeep | Case::BodyIncomplete => {
            (StatusCode::BAD_REQUEST, INVALID_REQUEST)
        }
        Case::BodyLate => (StatusCode::REQUEST_TIMEOUT, INVALID_REQUEST),
        Case::SessionMissing => (StatusCode::BAD_REQUEST, INVALID_REQUEST),
        Case::SessionUnknown | Case::Path => (StatusCode::NOT_FOUND, INVALID_REQUEST),
        Case::HttpMethod => (StatusCode::METHOD_NOT_ALLOWED, INVALID_REQUEST),
        Case::Host | Case::Origin => (StatusCode::FORBIDDEN, INVALID_REQUEST),
        Case::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_REQUEST),
        Case::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, INVALID_REQUEST),
        Case::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST),
        Case::HeaderMismatch => (StatusCode::BAD_REQUEST, HEADER_MISMATCH),
        Case::VersionUnsupported => (StatusCode::BAD_REQUEST, UNSUPPORTED_VERSION),
        Case::MetaMissing => (StatusCode::BAD_REQUEST, INVALID_PARAMS),
        Case::CapabilityMissing => match era {
            Era::Modern => (StatusCode::BAD_REQUEST, MISSING_CAPABILITY),
            Era::Legacy => (StatusCode::OK, INVALID_PARAMS),
        },
        Case::MethodUnknown => match era {
            Era::Modern => (StatusCode::NOT_FOUND, METHOD_NOT_FOUND),
            Era::Legacy => (StatusCode::OK, METHOD_NOT_FOUND),
        },
        Case::ParamsInvalid | Case::ToolUnknown | Case::PromptUnknown => {
            (StatusCode::OK, INVALID_PARAMS)
        }
        Case::ResourceUnknown => match era {
            Era::Modern => (StatusCode::OK, INVALID_PARAMS),
            Era::Legacy => (StatusCode::OK, RESOURCE_NOT_FOUND),
        },
        Case::TokenMissing | Case::TokenInvalid => (StatusCode::UNAUTHORIZED, 401),
        Case::ScopeMissing | Case::PolicyDenied | Case::SubjectMissing => {
            (StatusCode::FORBIDDEN, 403)
        }
        // 403 would make clients ask their issuer for more, which does not help.
        Case::GrantMissing => (StatusCode::OK, 403),
        Case::RateLimited | Case::Looping => (StatusCode::TOO_MANY_REQUESTS, 429),
        Case::Overloaded
        | Case::ShuttingDown
        | Case::KeysUnavailable
        | Case::RatesUnavailable
        | Case::AuditUnavailable => (StatusCode::SERVICE_UNAVAILABLE, 503),
        Case::Internal => (StatusCode::INTERNAL_SERVER_ERROR, INTERNAL),
        Case::Cancelled => match era {
            // Nobody is there to read it; the number is for the log (nginx's).
            Era::Modern => (StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST), INTERNAL),
            // It cancelled by a message, and may still read what became of the call.
            Era::Legacy => (StatusCode::OK, INTERNAL),
        },
        Case::Target(_) => (StatusCode::OK, INTERNAL),
    }
}

/// The `error` object of a refusal.
pub(crate) fn error_object(refusal: &Refusal, era: Era, exchange: Option<&Exchange>) -> RawJson {
    let (_, code) = wire(refusal.case(), era);
    let unsupported = refusal.case() == Case::VersionUnsupported;
    let unknown_resource = refusal.case() == Case::ResourceUnknown;
    let from_target = matches!(refusal.case(), Case::Target(_));
    let unknown = refusal.was_sent() && !refusal.is_retry_safe();
    let wait = refusal.wait().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let object = ErrorObject {
        code,
        message: refusal.message(),
        data: ErrorData {
            reason: refusal.reason().as_str(),
            blame: refusal.reason().blame().as_str(),
            retry_safe: refusal.is_retry_safe(),
            outcome: unknown.then_some("unknown"),
            retry_after_ms: wait,
            target: refusal.target_name().map(|name| &**name),
            phase: exchange
                .filter(|_| from_target)
                .map(|exchange| exchange.ledger.phase().as_str()),
            request_id: exchange.map(|exchange| &*exchange.request_id),
            required: refusal
                .missing_abilities()
                .and_then(|abilities| RawValue::from_string(abilities.json()).ok()),
            supported: unsupported.then(|| Version::ALL.map(Version::as_str).to_vec()),
            requested: refusal.what_was_requested().filter(|_| unsupported),
            uri: refusal.what_was_requested().filter(|_| unknown_resource),
        },
    };
    let fallback = RawJson::literal(r#"{"code":-32603,"message":"internal error"}"#);
    RawJson::of(&object).unwrap_or(fallback)
}

/// The whole message that a refusal is told in.
pub(crate) fn message(
    refusal: &Refusal,
    (id, era): (Option<&RawJson>, Era),
    exchange: Option<&Exchange>,
) -> Bytes {
    match refusal.instead() {
        Some(answer) => encode::message(id, answer),
        None => encode::error_message(id, &error_object(refusal, era, exchange)),
    }
}

/// The response of a refusal.
pub(crate) fn respond(
    refusal: &Refusal,
    id: Option<&RawJson>,
    era: Era,
    exchange: Option<&Exchange>,
    challenge: Option<HeaderValue>,
) -> Response<Body> {
    let (status, _) = wire(refusal.case(), era);
    let body = message(refusal, (id, era), exchange);
    if let Some(exchange) = exchange {
        exchange.end(Ending::refused(refusal, status.as_u16(), false));
    }
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(challenge) = challenge {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(wait) = refusal.wait() {
        // Whole seconds, and never too few of them.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if refusal.case() == Case::HttpMethod {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST, GET, DELETE"));
    }
    response
}

/// The response of a refusal before the body was read.
pub(crate) fn early(
    refusal: &Refusal,
    exchange: Option<&Exchange>,
    challenge: Option<HeaderValue>,
) -> Response<Body> {
    respond(refusal, None, UNREAD, exchange, challenge)
}

/// The whole table as Markdown, for the documentation: case, reason, blame, statuses, code.
#[must_use]
pub fn table() -> String {
    let mut out = String::from(
        "| case | reason | blame | HTTP 2026-07-28 | HTTP older | code |\n\
         |---|---|---|---|---|---|\n",
    );
    let targets = Reason::ALL.iter().copied().filter(|reason| is_target_reason(*reason));
    for case in CASES.iter().copied().chain(targets.map(Case::Target)) {
        let (modern, code) = wire(case, Era::Modern);
        let (legacy, _) = wire(case, Era::Legacy);
        let reason = case.reason();
        out.push_str(&format!(
            "| {case:?} | `{}` | {} | {} | {} | {code} |\n",
            reason.as_str(),
            reason.blame().as_str(),
            modern.as_u16(),
            legacy.as_u16(),
        ));
    }
    out
}

/// Every case that is not a target's.
const CASES: [Case; 39] = [
    Case::Path,
    Case::HttpMethod,
    Case::Host,
    Case::Origin,
    Case::ContentType,
    Case::NotAcceptable,
    Case::BodyTooLarge,
    Case::BodyIncomplete,
    Case::BodyLate,
    Case::BodyNotJson,
    Case::BodyNotRequest,
    Case::Batch,
    Case::TooDeep,
    Case::HeaderMismatch,
    Case::VersionUnsupported,
    Case::MetaMissing,
    Case::SessionMissing,
    Case::SessionUnknown,
    Case::MethodUnknown,
    Case::ParamsInvalid,
    Case::CapabilityMissing,
    Case::ToolUnknown,
    Case::PromptUnknown,
    Case::ResourceUnknown,
    Case::TokenMissing,
    Case::TokenInvalid,
    Case::ScopeMissing,
    Case::PolicyDenied,
    Case::SubjectMissing,
    Case::GrantMissing,
    Case::KeysUnavailable,
    Case::RateLimited,
    Case::RatesUnavailable,
    Case::Looping,
    Case::Cancelled,
    Case::Internal,
    Case::Overloaded,
    Case::ShuttingDown,
    Case::AuditUnavailable,
];

fn is_target_reason(reason: Reason) -> bool {
    use toolgate_call::Blame;
    matches!(reason.blame(), Blame::Network | Blame::Target)
        || matches!(reason, Reason::RetryBudget | Reason::Credentials)
}
