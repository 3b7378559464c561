//! The lines that go to a child.
//!
//! Enters: a caller's request, or what the gateway itself has to say. Leaves: one JSON-RPC message
//! without a line break. Never: an id or a progress token of a caller, since callers share the pipe.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;
use serde::Deserialize;
use toolgate_call::{
    Abilities, Era, Listed, LogLevel, Outbound, Permitted, RawJson, Rewrite, Watched,
};

use crate::meta::{self, MetaChange};
use crate::progress::under_own_token;
use crate::retry;
use crate::session::wished;

#[derive(Deserialize)]
struct Cancelled {
    params: CancelledParams,
}

#[derive(Deserialize)]
struct CancelledParams {
    #[serde(rename = "requestId")]
    id: u64,
}

/// A caller's request under our id and, if it wants progress, our token.
///
/// `None` if the token cannot be found again, which would mix up two callers' progress.
pub(super) fn call(outbound: &Outbound, permitted: &Permitted, id: u64, era: Era) -> Option<Bytes> {
    let call = permitted.call();
    let name = permitted.plan().and_then(|plan| plan.renamed());
    let change = MetaChange::of((permitted, outbound.abilities), era, outbound.trace);
    let (id_text, more) = (id.to_string(), outbound.more.as_deref());
    let body = call.frame.rewrite(&Rewrite { more, ..change.rewrite(&id_text, name) });
    let body = if era == Era::Legacy { retry::without(call, body) } else { body };
    under_own_token(call, body, id).map(on_one_line)
}

/// One page of a list.
pub(super) fn list(id: u64, what: Listed, (cursor, era): (Option<&RawJson>, Era)) -> Bytes {
    let mut params = BytesMut::new();
    if let Some(cursor) = cursor {
        params.put_slice(br#""cursor":"#);
        params.put_slice(cursor.as_bytes());
    }
    if era == Era::Modern {
        params.put_slice(if params.is_empty() { b"" } else { b"," });
        params.put_slice(meta::own().as_bytes());
    }
    let method = what.method().label();
    let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"#);
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
    let meta = meta::own();
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"server/discover","params":{{{meta}}}}}"#)
        .into()
}

/// `subscriptions/listen` for changes of the lists, if they are announced, and of resources
/// (2026-07-28).
pub(super) fn listen(id: u64, lists: bool, uris: &Watched) -> Bytes {
    let (filter, meta) = (wished(lists, uris), meta::own_listening(uris));
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"subscriptions/listen","params":{{"notifications":{filter},{meta}}}}}"#
    )
    .into()
}

/// `resources/subscribe` or `resources/unsubscribe` (older era).
pub(super) fn watch(id: u64, method: &str, uri: &str) -> Bytes {
    let uri = RawJson::string(uri);
    let uri = String::from_utf8_lossy(uri.as_bytes());
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"uri":{uri}}}}}"#).into()
}

/// `logging/setLevel` (older era).
pub(super) fn set_level(id: u64, level: LogLevel) -> Bytes {
    let level = level.as_str();
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"logging/setLevel","params":{{"level":"{level}"}}}}"#
    )
    .into()
}

/// What a child may ask, for there is one session for all callers: what it asks of a caller who
/// cannot do it is refused when it is asked.
const ABLE: Abilities =
    Abilities::FORM.and(Abilities::URL).and(Abilities::SAMPLING).and(Abilities::ROOTS);

/// `initialize` (older era).
pub(super) fn initialize(id: u64) -> Bytes {
    meta::initialize(id, ABLE).into()
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

/// By which a modern child ends a subscription of its own accord.
pub(super) const CANCELLED: &str = "notifications/cancelled";

/// The request that such a message is about.
pub(super) fn cancelled_id(raw: &RawJson) -> Option<u64> {
    Some(raw.parse::<Cancelled>().ok()?.params.id)
}

/// The answer to a child's `ping` (older era).
pub(super) fn pong(id: &RawJson) -> Bytes {
    let rest: &[u8] = br#","result":{}}"#;
    on_one_line([br#"{"jsonrpc":"2.0","id":"#, id.as_bytes(), rest].concat().into())
}

/// A line break can only be white space here: within a JSON string it would be escaped.
pub(super) fn on_one_line(message: Bytes) -> Bytes {
    if memchr2(b'\n', b'\r', &message).is_none() {
        return message;
    }
    let flat = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
    message.iter().map(flat).collect()
}
