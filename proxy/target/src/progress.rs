//! Which notices of a target reach a caller, and under which progress token.
//!
//! Enters: the caller's request and what the target says before its answer. Leaves: the notices
//! that the caller asked for, under its own token. Never: progress of somebody else's, and nothing
//! that was not asked for.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{Call, Era, LogLevel, Op, Permitted, RawJson, Span};

use crate::TargetNotice;

/// Where a message keeps its progress token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// `params._meta.progressToken`: a request.
    Meta,
    /// `params.progressToken`: a progress notification.
    Params,
}

/// What a caller wants to hear before the answer.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// `None`: what the gateway itself asks, and nobody listens.
    caller: Option<Arc<Permitted>>,
    /// The token under which the target reports, where callers share a connection; else the
    /// caller's own.
    ours: Option<u64>,
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

#[derive(Deserialize)]
struct Updated {
    params: UpdatedParams,
}

#[derive(Deserialize)]
struct UpdatedParams {
    uri: Arc<str>,
}

#[derive(Deserialize)]
struct TaskMessage {
    params: TaskParams,
}

#[derive(Deserialize)]
struct TaskParams {
    #[serde(rename = "taskId")]
    task_id: Arc<str>,
}

#[derive(Deserialize)]
struct Logged<'a> {
    #[serde(borrow)]
    params: LoggedParams<'a>,
}

#[derive(Deserialize)]
struct LoggedParams<'a> {
    #[serde(borrow)]
    level: Cow<'a, str>,
}

/// Notices for the gateway itself.
const LISTS_CHANGED: [&str; 3] = [
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
];
const PROGRESS: &str = "notifications/progress";
const MESSAGE: &str = "notifications/message";
const UPDATED: &str = "notifications/resources/updated";
const TASK: &str = "notifications/tasks";
/// The longest URI that is listened to, in bytes.
const LONGEST_URI: usize = 4096;

// === impl Wanted ===

impl Wanted {
    /// What the caller behind that operation wants; `ours` as in [`own_token`].
    pub(crate) fn of(op: &Op, ours: Option<u64>) -> Self {
        let caller = match op {
            Op::Call(permitted) => Some(Arc::clone(permitted)),
            Op::List { .. } | Op::Describe | Op::Probe => None,
        };
        Self { caller, ours }
    }

    /// A log message, if the caller wants it.
    pub(crate) fn message(&self, raw: RawJson) -> Option<RawJson> {
        self.pass(MESSAGE, raw, None)
    }

    /// The notice as the caller is to see it, if it is one that it asked for.
    pub(crate) fn pass(
        &self,
        method: &str,
        raw: RawJson,
        token: Option<&RawJson>,
    ) -> Option<RawJson> {
        let call = self.caller.as_ref()?.call();
        match method {
            PROGRESS => {
                let theirs = call.meta.progress_token.as_ref()?;
                match self.ours {
                    Some(ours) if id_number(token?.as_bytes()) == Some(ours) => {
                        reported(&raw, theirs)
                    }
                    None if is_same(token?, theirs) => Some(raw),
                    Some(_) | None => None,
                }
            }
            MESSAGE => wants_message(self.caller.as_ref()?, &raw).then_some(raw),
            _ => None,
        }
    }
}

/// What a notice says to the gateway itself: that a list or a resource of the target has changed.
pub(crate) fn news(method: &str, raw: &RawJson) -> Option<TargetNotice> {
    if LISTS_CHANGED.contains(&method) {
        return Some(TargetNotice::ListsChanged);
    }
    if method == TASK {
        let id = raw.parse::<TaskMessage>().ok()?.params.task_id;
        return Some(TargetNotice::Task(id, raw.clone()));
    }
    if method != UPDATED {
        return None;
    }
    let uri = raw.parse::<Updated>().ok()?.params.uri;
    (uri.len() <= LONGEST_URI).then_some(TargetNotice::Updated(uri))
}

/// Whether a notice is a log message.
pub(crate) fn is_message(method: &str) -> bool {
    method == MESSAGE
}

/// A progress notification under the caller's own token.
pub(crate) fn reported(notice: &RawJson, theirs: &RawJson) -> Option<RawJson> {
    with_token(notice.bytes(), Place::Params, theirs.as_bytes()).map(RawJson::built)
}

/// The request under our token, so that callers who share a connection are told apart; as it is,
/// if it asks for no progress. `None` if the token cannot be found again, which would mix up two
/// callers' progress.
pub(crate) fn under_own_token(call: &Call, body: Bytes, id: u64) -> Option<Bytes> {
    match &call.meta.progress_token {
        None => Some(body),
        Some(theirs) => with_token(&body, Place::Meta, &own_token(theirs, id)),
    }
}

/// The same message with another progress token; `None` if it has none in that place.
pub(crate) fn with_token(message: &Bytes, place: Place, token: &[u8]) -> Option<Bytes> {
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

/// The number an id or a token stands for. Some targets give a number back as a string.
pub(crate) fn id_number(raw: &[u8]) -> Option<u64> {
    let digits = raw.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(raw);
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Our token for a request, of the same JSON type as the caller's.
fn own_token(theirs: &RawJson, id: u64) -> Vec<u8> {
    let quoted = theirs.as_bytes().starts_with(b"\"");
    if quoted { format!("\"{id}\"").into() } else { id.to_string().into() }
}

/// Whether two tokens are one, however they are spelled.
fn is_same(one: &RawJson, other: &RawJson) -> bool {
    let value = |raw: &RawJson| raw.parse::<serde_json::Value>().ok();
    one.as_bytes() == other.as_bytes() || value(one) == value(other)
}

/// Whether a caller wants a log message. A modern one says so in each request; an older one that has
/// said nothing is sent what is not for debugging. A message that names no level is passed on.
pub(crate) fn wants_message(permitted: &Permitted, raw: &RawJson) -> bool {
    let is_legacy = permitted.call().version.era() == Era::Legacy;
    let unsaid = is_legacy.then_some(LogLevel::Info);
    let Some(from) = permitted.log_level().or(unsaid) else { return false };
    let logged = raw.parse::<Logged<'_>>().ok();
    let level = logged.and_then(|logged| LogLevel::parse(&logged.params.level));
    level.is_none_or(|level| level >= from)
}
