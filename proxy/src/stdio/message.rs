//! What a message is about, as far as its way depends on it.
//!
//! Enters: one line. Leaves: its id, what kind of message it is, and what its headers must say.
//! Never: a judgement: what is not understood here is the gateway's to refuse.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// What a message is, for its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Begins a session of the older era.
    Initialize,
    /// A request of 2026-07-28, which stands by itself.
    Modern,
    /// A request within the session.
    Legacy,
    /// Says that a request is not waited for any more.
    Cancelled,
    /// Any other notification, or an answer: nothing comes back.
    OneWay,
    /// Not a message, a batch, or one with a fault. The gateway says which.
    Unclear,
}

/// A message, seen from outside.
#[derive(Debug)]
pub(super) struct Glance<'a> {
    pub(super) kind: Kind,
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: Option<Cow<'a, str>>,
    /// The revision that a message of 2026-07-28 names.
    pub(super) version: Option<Cow<'a, str>>,
    /// What `Mcp-Name` must say.
    pub(super) name: Option<Cow<'a, str>>,
    /// Of a cancellation: the request that it is about.
    pub(super) about: Option<&'a RawValue>,
}

/// An answer of the gateway, seen from outside.
#[derive(Debug, Default)]
pub(super) struct Reply<'a> {
    pub(super) id: Option<&'a RawValue>,
    pub(super) error: Option<&'a RawValue>,
    pub(super) result: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    uri: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "taskId")]
    task_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "requestId")]
    request_id: Option<&'a RawValue>,
    #[serde(default, rename = "protocolVersion")]
    protocol_version: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, default, rename = "io.modelcontextprotocol/protocolVersion")]
    protocol_version: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Initialized<'a> {
    #[serde(borrow, rename = "protocolVersion")]
    protocol_version: Cow<'a, str>,
}

// === impl Glance ===

impl<'a> Glance<'a> {
    /// Looks at a line.
    pub(super) fn of(line: &'a [u8]) -> Self {
        let Some(envelope) = object::<Envelope<'a>>(line) else { return Self::unclear() };
        let params = envelope.params.and_then(within::<Params<'a>>).unwrap_or_default();
        let meta = params.meta.and_then(within::<Meta<'a>>).unwrap_or_default();
        let version = meta.protocol_version.and_then(text);
        let name = envelope.method.as_deref().and_then(|method| params.named(method));
        Self {
            kind: kind(&envelope, &params, version.is_some()),
            id: envelope.id,
            method: envelope.method,
            version,
            name,
            about: params.request_id,
        }
    }

    const fn unclear() -> Self {
        let kind = Kind::Unclear;
        Self { kind, id: None, method: None, version: None, name: None, about: None }
    }
}

impl<'a> Params<'a> {
    fn named(&self, method: &str) -> Option<Cow<'a, str>> {
        match method {
            "tools/call" | "prompts/get" => self.name.and_then(text),
            "resources/read" => self.uri.and_then(text),
            "tasks/get" | "tasks/update" | "tasks/cancel" => self.task_id.and_then(text),
            _ => None,
        }
    }
}

// === impl Reply ===

impl<'a> Reply<'a> {
    /// Looks at a message; `None` if it is no answer.
    pub(super) fn of(message: &'a [u8]) -> Option<Self> {
        let Envelope { id, method, result, error, .. } = object(message)?;
        let answers = method.is_none() && (result.is_some() || error.is_some());
        answers.then_some(Self { id, error, result })
    }

    /// The revision that an answer to `initialize` settles on.
    pub(super) fn version(&self) -> Option<Cow<'a, str>> {
        within::<Initialized<'a>>(self.result?).map(|result| result.protocol_version)
    }
}

fn kind(envelope: &Envelope<'_>, params: &Params<'_>, names_version: bool) -> Kind {
    let method = envelope.method.as_deref();
    match (method, envelope.id) {
        (None, _) if envelope.result.is_some() || envelope.error.is_some() => Kind::OneWay,
        (None, _) => Kind::Unclear,
        (Some("notifications/cancelled"), None) => Kind::Cancelled,
        (Some(_), None) => Kind::OneWay,
        (Some("initialize"), Some(_)) if params.protocol_version.is_some() => Kind::Initialize,
        (Some("initialize" | "server/discover"), Some(_)) => Kind::Modern,
        (Some(_), Some(_)) if names_version => Kind::Modern,
        (Some(_), Some(_)) => Kind::Legacy,
    }
}

/// Whether both are the same id: numbers as they are written, strings as they are read.
pub(super) fn same(one: &str, other: &str) -> bool {
    let read = |raw: &str| serde_json::from_str::<String>(raw).ok();
    one == other || read(one).is_some_and(|one| Some(one) == read(other))
}

/// An object; serde would also take its members in order, as an array.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(json).ok()).flatten()
}

fn within<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    object(raw.get().as_bytes())
}

fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str(raw.get()).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    //! Which way each message goes.

    use super::{Glance, Kind, Reply, same};

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;

    fn kind(line: &str) -> Kind {
        Glance::of(line.as_bytes()).kind
    }

    #[test]
    fn the_era_is_that_of_each_message() {
        let modern = format!(r#"{{"id":1,"method":"tools/call","params":{{"name":"a",{META}}}}}"#);
        let glance = Glance::of(modern.as_bytes());
        assert_eq!((glance.kind, glance.name.as_deref()), (Kind::Modern, Some("a")));
        assert_eq!(glance.version.as_deref(), Some("2026-07-28"));
        let initialize = r#"{"id":1,"method":"initialize","params":{"protocolVersion":"x"}}"#;
        for (line, expected) in [
            (initialize, Kind::Initialize),
            (r#"{"id":1,"method":"initialize","params":{}}"#, Kind::Modern),
            (r#"{"id":1,"method":"server/discover"}"#, Kind::Modern),
            (r#"{"id":1,"method":"tools/list"}"#, Kind::Legacy),
            (r#"{"method":"notifications/cancelled","params":{"requestId":1}}"#, Kind::Cancelled),
            (r#"{"method":"notifications/initialized"}"#, Kind::OneWay),
            (r#"{"id":1,"result":{}}"#, Kind::OneWay),
            (r#"{"id":1}"#, Kind::Unclear),
            (r#"[{"id":1,"method":"ping"}]"#, Kind::Unclear),
            (r#"{"id":1,"id":2,"method":"ping"}"#, Kind::Unclear),
            (r#"{"id":1,"method":"pi"#, Kind::Unclear),
            (r#"[1,"ping"]"#, Kind::Unclear),
        ] {
            assert_eq!(kind(line), expected, "{line}");
        }
    }

    #[test]
    fn ids_are_compared_as_what_they_are() {
        assert!(same("1", "1") && same(r#""a""#, r#""\u0061""#));
        assert!(!same("1", r#""1""#) && !same("1", "2") && !same(r#""a""#, r#""b""#));
    }

    #[test]
    fn an_answer_is_told_from_what_a_server_says_on_its_own() {
        assert!(Reply::of(br#"{"id":1,"result":{}}"#).is_some());
        assert!(Reply::of(br#"{"error":{}}"#).is_some_and(|reply| reply.id.is_none()));
        assert!(Reply::of(br#"{"id":1,"method":"ping"}"#).is_none());
        assert!(Reply::of(br#"{"method":"notifications/progress"}"#).is_none());
        let settled = br#"{"id":1,"result":{"protocolVersion":"2025-06-18"}}"#;
        assert_eq!(Reply::of(settled).unwrap().version().as_deref(), Some("2025-06-18"));
    }
}
