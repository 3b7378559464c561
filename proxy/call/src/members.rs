//! The members of an object, to be written anew with some of them changed.
//!
//! Enters: a JSON object. Leaves: its members in order, their values as the bytes they came in.
//! Never: on the way of a plain call: frames and results are spliced, not rebuilt.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::RawJson;

/// The members of an object, in order, also those that are there twice.
#[derive(Debug, Default)]
pub struct Members<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct ObjectVisitor;

// === impl Members ===

impl<'a> Members<'a> {
    /// Those of a value; none if it is no object.
    #[must_use]
    pub fn of(text: &'a [u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The object without those members.
    #[must_use]
    pub fn without(&self, keys: &[&str]) -> String {
        let kept = self.0.iter().filter(|(key, _)| !keys.contains(&&**key));
        object(kept.map(|(key, value)| member(key, value.get())))
    }
}

/// `"key":value`, the value as it is.
#[must_use]
pub fn member(key: &str, value: &str) -> String {
    format!("{}:{value}", String::from_utf8_lossy(RawJson::string(key).as_bytes()))
}

/// The object of these members.
#[must_use]
pub fn object(members: impl IntoIterator<Item = String>) -> String {
    format!("{{{}}}", members.into_iter().collect::<Vec<_>>().join(","))
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

impl<'de> Visitor<'de> for ObjectVisitor {
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

    use super::Members;

    #[test]
    fn values_and_their_order_stay_as_they_came() {
        let members = Members::of(br#"{"b":1.0,"a":{ "c":[]},"d\"":null}"#);
        assert_eq!(members.without(&["x"]), r#"{"b":1.0,"a":{ "c":[]},"d\"":null}"#);
        assert_eq!(members.without(&["b", "d\""]), r#"{"a":{ "c":[]}}"#);
        assert_eq!(members.get("b").unwrap().get(), "1.0");
        assert_eq!(Members::of(b"[1]").without(&[]), "{}");
    }
}
