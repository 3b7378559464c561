//! What an operator wants of claims beyond what the profile checks.
//!
//! Enters: rules, and the payload of a token whose signature holds. Leaves: whether it satisfies
//! them. Never: a claim that no rule names; a claim that is there twice.

use std::collections::HashMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use toolgate_telemetry::AuthResult;

use super::denial::{Denial, shown};
use super::jws;

/// Rules about claims. The default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimRules {
    /// Every one of these must hold.
    pub all: Vec<ClaimRule>,
    /// One of these must hold, if there are any.
    pub any: Vec<ClaimRule>,
}

/// A rule about one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRule {
    /// The claim: a member of the payload, by its exact name.
    pub name: String,
    /// What is asked of it.
    pub test: ClaimTest,
}

/// What is asked of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimTest {
    /// It is there, and not `null`.
    Present,
    /// It is this text; a number or a boolean is compared as JSON writes it.
    Equals(String),
    /// It is a list with this in it; text is the list of its words, as `scope` is (RFC 8693
    /// section 4.2).
    Contains(String),
    /// The same of one of these.
    ContainsAny(Vec<String>),
}

/// Picks the named claims out of a payload.
struct Named<'a>(&'a [&'a str]);

// === impl ClaimRules ===

impl ClaimRules {
    /// Checks the payload of a token.
    ///
    /// # Errors
    /// The first rule that does not hold, or a payload in which a claim is there twice.
    pub(super) fn check(&self, payload: &str) -> Result<(), Denial> {
        if self.all.is_empty() && self.any.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> =
            self.all.iter().chain(&self.any).map(|rule| rule.name.as_str()).collect();
        let claims = read(payload, &names).ok_or_else(|| {
            Denial::invalid(AuthResult::Malformed, "a claim of the rules is there twice")
        })?;
        if let Some(rule) = self.all.iter().find(|rule| !rule.holds(&claims)) {
            return Err(unmet(&rule.to_string(), claims.get(rule.name.as_str())));
        }
        if !self.any.is_empty() && !self.any.iter().any(|rule| rule.holds(&claims)) {
            let rules: Vec<String> = self.any.iter().map(ToString::to_string).collect();
            return Err(unmet(&format!("one of: {}", rules.join("; ")), None));
        }
        Ok(())
    }
}

// === impl ClaimRule ===

impl ClaimRule {
    fn holds(&self, claims: &HashMap<String, Value>) -> bool {
        let Some(claim) = claims.get(&self.name).filter(|claim| !claim.is_null()) else {
            return false;
        };
        match &self.test {
            ClaimTest::Present => true,
            ClaimTest::Equals(wanted) => is(claim, wanted),
            ClaimTest::Contains(wanted) => has(claim, wanted),
            ClaimTest::ContainsAny(wanted) => wanted.iter().any(|wanted| has(claim, wanted)),
        }
    }
}

impl fmt::Display for ClaimRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.test {
            ClaimTest::Present => write!(f, "claim `{name}` must be there"),
            ClaimTest::Equals(wanted) => write!(f, "claim `{name}` must be `{wanted}`"),
            ClaimTest::Contains(wanted) => write!(f, "claim `{name}` must contain `{wanted}`"),
            ClaimTest::ContainsAny(wanted) => {
                write!(f, "claim `{name}` must contain one of `{}`", wanted.join("`, `"))
            }
        }
    }
}

/// Whether a claim is that text.
fn is(claim: &Value, wanted: &str) -> bool {
    match claim {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Bool(flag) => flag.to_string() == wanted,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Whether a claim has that in it.
fn has(claim: &Value, wanted: &str) -> bool {
    match claim {
        Value::Array(items) => items.iter().any(|item| is(item, wanted)),
        Value::String(text) => text.split_ascii_whitespace().any(|word| word == wanted),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn unmet(rule: &str, found: Option<&Value>) -> Denial {
    let found = match found {
        Some(Value::String(text)) => format!("; it is `{}`", shown(text)),
        Some(_) => "; it is something else".to_owned(),
        None => String::new(),
    };
    Denial::invalid(AuthResult::BadClaim, format!("{rule}{found}"))
}

/// The named claims; `None` when the payload is no object, or one of them is there twice.
fn read(payload: &str, names: &[&str]) -> Option<HashMap<String, Value>> {
    let json = jws::decode(payload)?;
    let mut reader = serde_json::Deserializer::from_slice(&json);
    let claims = Named(names).deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| claims)
}

// === impl Named ===

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = HashMap<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Named<'_> {
    type Value = HashMap<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = HashMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if !self.0.contains(&name.as_str()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value()?;
            if claims.insert(name, value).is_some() {
                return Err(A::Error::custom("a claim is there twice"));
            }
        }
        Ok(claims)
    }
}
