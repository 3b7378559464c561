//! The requests that go to a target, in its era.
//!
//! Enters: `Outbound`, and what the gateway itself has to say. Leaves: headers and a body. Never: a
//! header of the caller's; the body is the caller's, with id, name and `_meta` as they must be.

use std::sync::Arc;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;
use toolgate_call::{
    Abilities, Era, Listed, LogLevel, Method, Mirrored, Op, Outbound, RawJson, Rewrite, Version,
    Watched,
};

use super::Inner;
use super::failure::Failure;
use super::session::Session;
use super::site::Site;
use crate::credentials::{Subject, Whose};
use crate::meta::{self, MetaChange};
use crate::progress::under_own_token;
use crate::retry;
use crate::session::wished;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) whose: Whose,
}

/// A request whose answer is awaited under that id.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) outgoing: Outgoing,
    pub(super) id: u64,
}

/// The headers that go with every request.
pub(super) fn base_headers(site: &Site) -> HeaderMap {
    let mut headers = site.headers("application/json, text/event-stream");
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

/// A request to a target of the modern era.
pub(super) fn modern(target: &Inner, outbound: &Outbound) -> Result<Asked, Failure> {
    let id = target.next_id();
    let (method, name, body) = match &outbound.op {
        Op::Call(permitted) => {
            let plan = permitted.plan().ok_or_else(no_plan)?;
            let call = permitted.call();
            let about = (&**permitted, outbound.abilities);
            let change = MetaChange::of(about, Era::Modern, outbound.trace);
            let mut digits = itoa::Buffer::new();
            let own = change.rewrite(digits.format(id), plan.renamed());
            let body = call.frame.rewrite(&Rewrite { more: outbound.more.as_deref(), ..own });
            let name = plan.renamed().or(call.name.as_deref());
            (call.method, name.filter(|_| call.method.needs_name_header()), body)
        }
        Op::List { what, cursor } => {
            (what.method(), None, list(id, *what, (cursor.as_ref(), Era::Modern)))
        }
        Op::Describe | Op::Probe => {
            (Method::Discover, None, bare(id, Method::Discover, Era::Modern))
        }
    };
    let mut headers = modern_headers(target, method, name);
    if let Op::Call(permitted) = &outbound.op {
        add_mirrored(&mut headers, permitted.mirrored());
    }
    add_context(&mut headers, outbound);
    let whose = whose(outbound);
    Ok(Asked { outgoing: Outgoing { headers, body, whose }, id })
}

/// A request to a target of the older era.
pub(super) fn legacy(
    target: &Inner,
    outbound: &Outbound,
    session: &Session,
) -> Result<Asked, Failure> {
    let id = target.next_id();
    let body = match &outbound.op {
        Op::Call(permitted) => {
            let plan = permitted.plan().ok_or_else(no_plan)?;
            let call = permitted.call();
            retry::check(call).map_err(|refusal| Failure::Refused(Box::new(refusal)))?;
            let about = (&**permitted, Abilities::NONE);
            let change = MetaChange::of(about, Era::Legacy, outbound.trace);
            let mut digits = itoa::Buffer::new();
            let own = change.rewrite(digits.format(id), plan.renamed());
            let body = call.frame.rewrite(&Rewrite { more: outbound.more.as_deref(), ..own });
            let body = retry::without(call, body);
            // Callers share the session, and so the room for tokens.
            under_own_token(call, body, id).ok_or_else(no_token)?
        }
        Op::List { what, cursor } => list(id, *what, (cursor.as_ref(), Era::Legacy)),
        Op::Describe | Op::Probe => bare(id, Method::Ping, Era::Legacy),
    };
    let mut headers = legacy_headers(target, session);
    add_context(&mut headers, outbound);
    let whose = whose(outbound);
    Ok(Asked { outgoing: Outgoing { headers, body, whose }, id })
}

/// `server/discover`, which shows a target's era.
pub(super) fn discover(target: &Inner) -> Asked {
    let id = target.next_id();
    let headers = modern_headers(target, Method::Discover, None);
    let body = bare(id, Method::Discover, Era::Modern);
    Asked { outgoing: Outgoing { headers, body, whose: Whose::Gateway }, id }
}

/// `subscriptions/listen` for changes of the lists, if they are announced, and of resources
/// (2026-07-28).
pub(super) fn listen(target: &Inner, lists: bool, uris: &Watched) -> Asked {
    let id = target.next_id();
    let params =
        format!(r#"{{"notifications":{},{}}}"#, wished(lists, uris), meta::own_listening(uris));
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"subscriptions/listen","params":{params}}}"#
    );
    let headers = modern_headers(target, Method::Listen, None);
    Asked { outgoing: Outgoing { headers, body: body.into(), whose: Whose::Gateway }, id }
}

/// GET: the stream on which a session hears what nobody has asked for (2025-11-25).
pub(super) fn open(target: &Inner, session: &Session) -> Outgoing {
    let mut headers = legacy_headers(target, session);
    headers.remove(header::CONTENT_TYPE);
    headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    Outgoing { headers, body: Bytes::new(), whose: Whose::Gateway }
}

/// GET: a stream taken up behind an event (2025-11-25 `basic/transports`, "Resumability").
pub(super) fn resume(target: &Inner, session: &Session, after: &[u8]) -> Option<Outgoing> {
    let mut outgoing = open(target, session);
    outgoing.headers.insert(LAST_EVENT_ID, HeaderValue::from_bytes(after).ok()?);
    Some(outgoing)
}

/// DELETE: the end of a session.
pub(super) fn close(target: &Inner, session: &Session) -> Outgoing {
    let mut headers = legacy_headers(target, session);
    headers.remove(header::CONTENT_TYPE);
    Outgoing { headers, body: Bytes::new(), whose: Whose::Gateway }
}

/// `initialize`.
pub(super) fn initialize(target: &Inner, abilities: Abilities) -> Asked {
    let id = target.next_id();
    let body = meta::initialize(id, abilities).into();
    let outgoing = Outgoing { headers: target.base.clone(), body, whose: Whose::Gateway };
    Asked { outgoing, id }
}

/// `logging/setLevel` (older era).
pub(super) fn set_level(target: &Inner, session: &Session, level: LogLevel) -> Outgoing {
    let (id, level) = (target.next_id(), level.as_str());
    let params = json!({ "level": level });
    let message =
        json!({ "jsonrpc": "2.0", "id": id, "method": "logging/setLevel", "params": params });
    on_session(target, session, &message)
}

/// A message of the gateway's own, or an answer to a target's own question, on a session.
pub(super) fn on_session(
    target: &Inner,
    session: &Session,
    message: &serde_json::Value,
) -> Outgoing {
    said_on(target, session, message.to_string().into())
}

/// The same of a message that is bytes already.
pub(super) fn said_on(target: &Inner, session: &Session, body: Bytes) -> Outgoing {
    Outgoing { headers: legacy_headers(target, session), body, whose: Whose::Gateway }
}

fn modern_headers(target: &Inner, method: Method, name: Option<&str>) -> HeaderMap {
    let mut headers = target.base.clone();
    let version = HeaderValue::from_static(Version::LATEST.as_str());
    headers.insert(PROTOCOL_VERSION, version);
    headers.insert(METHOD, HeaderValue::from_static(method.label()));
    if let Some(value) = name.and_then(|name| HeaderValue::from_str(&header_text(name)).ok()) {
        headers.insert(NAME, value);
    }
    headers
}

fn legacy_headers(target: &Inner, session: &Session) -> HeaderMap {
    let mut headers = target.base.clone();
    headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(session.version.as_str()));
    if let Some(id) = &session.id {
        headers.insert(SESSION_ID, id.clone());
    }
    headers
}

/// Arguments that the tool wants to find in headers as well.
fn add_mirrored(headers: &mut HeaderMap, mirrored: &[Mirrored]) {
    for Mirrored { name, value } in mirrored {
        let name = HeaderName::try_from(format!("mcp-param-{name}"));
        let value = value.as_deref().map(|value| HeaderValue::from_str(&header_text(value)));
        if let (Ok(name), Some(Ok(value))) = (name, value) {
            headers.append(name, value);
        }
    }
}

/// What ties the target's record to ours: the id of the request, and the span of the attempt.
pub(crate) fn add_context(headers: &mut HeaderMap, outbound: &Outbound) {
    if let Ok(value) = HeaderValue::from_str(&outbound.request_id) {
        headers.insert(REQUEST_ID, value);
    }
    let Some(trace) = outbound.trace else { return };
    if let Ok(value) = HeaderValue::from_bytes(&trace.traceparent()) {
        headers.insert(TRACEPARENT, value);
    }
    if let Some(Ok(value)) = outbound.trace_state().map(|state| HeaderValue::from_str(state)) {
        headers.insert(TRACESTATE, value);
    }
}

/// For whom it is: only a caller's own request is on their behalf.
pub(crate) fn whose(outbound: &Outbound) -> Whose {
    let Some(permitted) = outbound.permitted() else { return Whose::Gateway };
    let call = permitted.call();
    let subject = call
        .subject
        .as_ref()
        .map(|token| Subject { token: token.clone(), ends: call.principal.expires });
    Whose::Caller(Arc::clone(&call.principal), subject)
}

fn list(id: u64, what: Listed, (cursor, era): (Option<&RawJson>, Era)) -> Bytes {
    let cursor = cursor.map(|cursor| format!(r#""cursor":{}"#, text(cursor)));
    let meta = (era == Era::Modern).then(meta::own);
    let params: Vec<String> = cursor.into_iter().chain(meta).collect();
    let (params, method) = (params.join(","), what.method().label());
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}}}}}"#).into()
}

fn bare(id: u64, method: Method, era: Era) -> Bytes {
    let params = match era {
        Era::Modern => format!(r#","params":{{{}}}"#, meta::own()),
        Era::Legacy => String::new(),
    };
    let method = method.label();
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"{params}}}"#).into()
}

/// A name as a header value: as it is, or in the Base64 sentinel when it could not stand there.
fn header_text(name: &str) -> Cow<'_, str> {
    let edge = |c: Option<char>| matches!(c, Some(' ' | '\t'));
    let odd = name.chars().any(|c| !c.is_ascii() || c.is_ascii_control());
    let padded = edge(name.chars().next()) || edge(name.chars().next_back());
    let looks_encoded = name.starts_with("=?base64?") && name.ends_with("?=");
    if odd || padded || looks_encoded {
        return Cow::Owned(format!("=?base64?{}?=", STANDARD.encode(name)));
    }
    Cow::Borrowed(name)
}

fn text(raw: &RawJson) -> Cow<'_, str> {
    String::from_utf8_lossy(raw.as_bytes())
}

fn no_token() -> Failure {
    Failure::Internal("the progress token of a request was not found again".to_owned())
}

fn no_plan() -> Failure {
    Failure::Internal("a call of nothing that the target offers".to_owned())
}
