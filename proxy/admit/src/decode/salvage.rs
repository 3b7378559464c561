//! What can still be told of a request that is refused.
//!
//! Enters: the text of a body that is JSON, but not a good request. Leaves: its id, method and trace
//! as far as they are there, once each, so that the answer and the record can name them. Never: a
//! reason to let a request through.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members that are looked for, on all levels.
const WANTED: [&str; 6] = ["id", "method", "params", "_meta", VERSION, "traceparent"];
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// How many of them are kept: repeated ones are of no use.
const MOST: usize = 16;

/// The wanted members of one object.
#[derive(Default)]
struct Members<'a>(Vec<(&'static str, &'a RawValue)>);

/// What was found.
#[derive(Default)]
pub(super) struct Salvage<'a> {
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: Option<String>,
    pub(super) version: Option<String>,
    pub(super) traceparent: Option<String>,
}

// === impl Salvage ===

impl<'a> Salvage<'a> {
    /// Looks through a body.
    pub(super) fn of(text: &'a str) -> Self {
        let top = Members::of(text);
        let params = top.one("params").map(Members::of_raw).unwrap_or_default();
        let meta = params.one("_meta").map(Members::of_raw).unwrap_or_default();
        let is_id =
            |id: &&RawValue| id.get().starts_with(['"', '-']) || id.get().starts_with(digit);
        Self {
            id: top.one("id").filter(is_id),
            method: top.text("method"),
            version: meta.text(VERSION),
            traceparent: meta.text("traceparent"),
        }
    }
}

// === impl Members ===

impl<'a> Members<'a> {
    fn of(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    fn of_raw(raw: &'a RawValue) -> Self {
        Self::of(raw.get())
    }

    /// A member that comes just once.
    fn one(&self, name: &str) -> Option<&'a RawValue> {
        let mut found = self.0.iter().filter(|(key, _)| *key == name);
        let first = found.next().map(|(_, value)| *value);
        if found.next().is_some() { None } else { first }
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.one(name)?.get()).ok()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut out = Members::default();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            match WANTED.iter().find(|wanted| **wanted == key).filter(|_| out.0.len() < MOST) {
                Some(wanted) => out.0.push((wanted, map.next_value()?)),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(out)
    }
}

const fn digit(letter: char) -> bool {
    letter.is_ascii_digit()
}
