//! `_meta` for a target of another era.
//!
//! Enters: a caller's request and the target's era. Leaves: what must change in `params._meta`.
//! Never: touches a member that belongs to neither era's core (progress tokens, trace context and
//! whatever the gateway does not know travel on).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use toolgate_call::{Call, Era, MetaEdit, RawJson};

/// What every 2026-07-28 request carries; the gateway itself can do nothing for a server.
pub(crate) const OWN: &str = concat!(
    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{}"#
);

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
            (Era::Legacy, Era::Modern) => Self::Own,
            (Era::Modern, Era::Legacy) => {
                let left = call.frame.meta().and_then(without_reserved);
                left.map_or(Self::Keep, Self::Replace)
            }
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

    use super::without_reserved;

    #[test]
    fn only_the_reserved_members_go() {
        let meta = br#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken": 1.0,"io.modelcontextprotocol/clientInfo":{"name":"x"},"a\u0062":[ 1 ],"io.example/x":null}"#;
        let kept = without_reserved(meta).unwrap();
        assert_eq!(kept, r#"{"progressToken":1.0,"ab":[ 1 ],"io.example/x":null}"#);
        assert_eq!(without_reserved(b"{}").unwrap(), "{}");
        assert_eq!(without_reserved(b"[]"), None);
    }
}
