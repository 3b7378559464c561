//! `_meta` for a target of another era.
//!
//! Enters: a caller's request and the target's era. Leaves: what must change in `params._meta`.
//! Never: touches a member that belongs to neither era's core (progress tokens, trace context and
//! whatever the gateway does not know travel on).

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use toolgate_call::{Call, Era, MetaEdit, RawJson};

/// What every 2026-07-28 request carries; the gateway itself can do nothing for a server.
pub(crate) const OWN: &str = concat!(
    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{}"#
);

/// What the gateway calls itself.
pub(crate) const IDENTITY: &str =
    concat!(r#"{"name":"toolgate","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// `"_meta":{…}` of what the gateway itself asks of a modern server.
pub(crate) fn own() -> String {
    format!(r#""_meta":{{{OWN},"io.modelcontextprotocol/clientInfo":{IDENTITY}}}"#)
}

/// What 2026-07-28 keeps for itself. A server of the older era may take it for a claim to speak
/// that revision, and refuse.
const RESERVED: &str = "io.modelcontextprotocol/";

/// A change of `_meta`.
#[derive(Clone, Debug)]
pub(crate) enum MetaChange {
    /// None.
    Keep,
    /// The gateway's own members are added.
    Own,
    /// This object takes its place.
    Replace(String),
}

/// The members of an object, in order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

// === impl MetaChange ===

impl MetaChange {
    /// What a request needs for a target of that era.
    pub(crate) fn of(call: &Call, target: Era) -> Self {
        match (call.version.era(), target) {
            (Era::Modern, Era::Modern) | (Era::Legacy, Era::Legacy) => Self::Keep,
            (Era::Legacy, Era::Modern) => Self::own(call.frame.meta()),
            (Era::Modern, Era::Legacy) => {
                let left = call.frame.meta().and_then(without_reserved);
                left.map_or(Self::Keep, Self::Replace)
            }
        }
    }

    /// The gateway's own members, in place of those that the caller has put there by the same name.
    fn own(meta: Option<&[u8]>) -> Self {
        let claimed = meta.filter(|meta| memmem::find(meta, RESERVED.as_bytes()).is_some());
        match claimed.and_then(without_reserved) {
            None => Self::Own,
            Some(rest) if rest == "{}" => Self::Replace(format!("{{{OWN}}}")),
            Some(rest) => Self::Replace(format!("{{{OWN},{}", rest.trim_start_matches('{'))),
        }
    }

    pub(crate) fn edit(&self) -> MetaEdit<'_> {
        match self {
            Self::Keep => MetaEdit::Keep,
            Self::Own => MetaEdit::Prepend(OWN),
            Self::Replace(object) => MetaEdit::Replace(object),
        }
    }
}

fn without_reserved(meta: &[u8]) -> Option<String> {
    let Members(members) = serde_json::from_slice(meta).ok()?;
    let kept = members.iter().filter(|(key, _)| !key.starts_with(RESERVED));
    let text: Vec<String> = kept
        .map(|(key, value)| {
            let key = RawJson::string(key);
            format!("{}:{}", String::from_utf8_lossy(key.as_bytes()), value.get())
        })
        .collect();
    Some(format!("{{{}}}", text.join(",")))
}

// === impl Members ===

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            members.push((key, value));
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    //! What is kept.

    use super::{MetaChange, OWN, without_reserved};

    #[test]
    fn only_the_reserved_members_go() {
        let meta = br#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken": 1.0,"io.modelcontextprotocol/clientInfo":{"name":"x"},"a\u0062":[ 1 ],"io.example/x":null}"#;
        let kept = without_reserved(meta).unwrap();
        assert_eq!(kept, r#"{"progressToken":1.0,"ab":[ 1 ],"io.example/x":null}"#);
        assert_eq!(without_reserved(b"{}").unwrap(), "{}");
        assert_eq!(without_reserved(b"[]"), None);
    }

    #[test]
    fn no_member_is_there_twice() {
        assert!(matches!(MetaChange::own(None), MetaChange::Own));
        assert!(matches!(MetaChange::own(Some(br#"{"progressToken":1}"#)), MetaChange::Own));
        let replaced = |meta: &[u8]| {
            let MetaChange::Replace(text) = MetaChange::own(Some(meta)) else { panic!("kept") };
            text
        };
        let claim =
            br#"{"io.modelcontextprotocol/protocolVersion":"2025-06-18","progressToken":1}"#;
        assert_eq!(replaced(claim), format!(r#"{{{OWN},"progressToken":1}}"#));
        let only = br#"{"io.modelcontextprotocol/clientCapabilities":{"roots":{}}}"#;
        assert_eq!(replaced(only), format!("{{{OWN}}}"));
    }
}
