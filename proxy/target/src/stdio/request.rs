//! The lines that go to a child.
//!
//! Enters: a caller's request, or what the gateway itself has to say. Leaves: one JSON-RPC message
//! without a line break. Never: an id or a progress token of a caller, since callers share the pipe.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;
use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{Call, Era, RawJson, Span, SpanContext, ToolPlan, Version};

use crate::meta::{MetaChange, OWN};

/// Where a message keeps its progress token.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// `params._meta.progressToken`: a request.
    Meta,
    /// `params.progressToken`: a progress notification.
    Params,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
    #[serde(borrow, rename = "progressToken")]
    token: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "progressToken")]
    token: Option<&'a RawValue>,
}

/// What the gateway calls itself.
const NAME: &str = "toolgate";

/// A caller's request under our id and, if it wants progress, our token.
///
/// `None` if the token cannot be found again, which would mix up two callers' progress.
pub(super) fn call(
    call: &Call,
    tool: &ToolPlan,
    id: u64,
    (era, trace): (Era, Option<SpanContext>),
) -> Option<Bytes> {
    let change = MetaChange::of(call, era, trace);
    let body = call.frame.rewrite(&change.rewrite(&id.to_string(), &tool.name));
    let body = match &call.meta.progress_token {
        None => body,
        Some(theirs) => with_token(&body, Place::Meta, &token(theirs, id))?,
    };
    Some(on_one_line(body))
}

/// One page of the tools.
pub(super) fn list(id: u64, cursor: Option<&RawJson>, era: Era) -> Bytes {
    let mut params = BytesMut::new();
    if let Some(cursor) = cursor {
        params.put_slice(br#""cursor":"#);
        params.put_slice(cursor.as_bytes());
    }
    if era == Era::Modern {
        params.put_slice(if params.is_empty() { b"" } else { b"," });
        params.put_slice(own_meta().as_bytes());
    }
    let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list","params":{{"#);
    on_one_line([head.as_bytes(), &params, b"}}"].concat().into())
}

/// A cheap question.
pub(super) fn probe(id: u64, era: Era) -> Bytes {
    match era {
        Era::Modern => discover(id),
        Era::Legacy => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#).into(),
    }
}

/// `server/discover` (2026-07-28).
pub(super) fn discover(id: u64) -> Bytes {
    let meta = own_meta();
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"server/discover","params":{{{meta}}}}}"#)
        .into()
}

/// `subscriptions/listen` for changes of the list of tools (2026-07-28).
pub(super) fn listen(id: u64) -> Bytes {
    let meta = own_meta();
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"subscriptions/listen","params":{{"notifications":{{"toolsListChanged":true}},{meta}}}}}"#
    )
    .into()
}

/// `initialize` (older era), without any capability: the gateway answers no questions.
pub(super) fn initialize(id: u64) -> Bytes {
    let (version, us) = (Version::LATEST_LEGACY.as_str(), identity());
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}},"clientInfo":{us}}}}}"#
    )
    .into()
}

/// The end of the older era's handshake.
pub(super) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// `notifications/cancelled` for a request that nobody waits for any more.
pub(super) fn cancelled(id: u64) -> Bytes {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"nobody waits for the answer any more"}}}}"#
    )
    .into()
}

/// The answer to a child's question (older era): only `ping` is one that the gateway answers.
pub(super) fn answer(id: &RawJson, method: &str) -> Bytes {
    let rest: &[u8] = match method {
        "ping" => br#","result":{}}"#,
        _ => br#","error":{"code":-32601,"message":"the gateway does not offer this"}}"#,
    };
    on_one_line([br#"{"jsonrpc":"2.0","id":"#, id.as_bytes(), rest].concat().into())
}

/// The same message with another progress token; `None` if it has none in that place.
pub(super) fn with_token(message: &Bytes, place: Place, token: &[u8]) -> Option<Bytes> {
    let Message { params } = serde_json::from_slice(message).ok()?;
    let found = match place {
        Place::Meta => params.meta?.token?,
        Place::Params => params.token?,
    };
    let at = Span::within(message, found.get())?;
    let mut out = BytesMut::with_capacity(message.len() + token.len());
    out.put_slice(message.get(..at.start)?);
    out.put_slice(token);
    out.put_slice(message.get(at.end..)?);
    Some(out.freeze())
}

/// Our token for a request, of the same JSON type as the caller's.
fn token(theirs: &RawJson, id: u64) -> Vec<u8> {
    let quoted = theirs.as_bytes().starts_with(b"\"");
    if quoted { format!("\"{id}\"").into() } else { id.to_string().into() }
}

/// A line break can only be white space here: within a JSON string it would be escaped.
fn on_one_line(message: Bytes) -> Bytes {
    if memchr2(b'\n', b'\r', &message).is_none() {
        return message;
    }
    let flat = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
    message.iter().map(flat).collect()
}

/// `"_meta":{…}` of what the gateway itself asks of a modern server.
fn own_meta() -> String {
    let us = identity();
    format!(r#""_meta":{{{OWN},"io.modelcontextprotocol/clientInfo":{us}}}"#)
}

fn identity() -> String {
    format!(r#"{{"name":"{NAME}","version":"{}"}}"#, env!("CARGO_PKG_VERSION"))
}
