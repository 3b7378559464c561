//! What a request says about itself: the known members of `_meta`.
//!
//! Enters: the text of `_meta`. Leaves: its known members, borrowed. Never: a known member that comes
//! twice; a trace context that is not well formed.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use toolgate_call::trace::{self, Remote, Said};
use toolgate_call::{Case, Members, ROUTED, Refusal};

use super::envelope::{Text, describe, once};

/// How many milliseconds the caller waits for the answer.
const TIMEOUT: &str = "toolgate/timeout_ms";

/// The known members of `_meta`.
#[derive(Debug, Default)]
pub(super) struct MetaView<'a> {
    pub(super) protocol_version: Option<Cow<'a, str>>,
    pub(super) capabilities: Option<&'a RawValue>,
    pub(super) client_info: Option<&'a RawValue>,
    pub(super) log_level: Option<Cow<'a, str>>,
    pub(super) progress_token: Option<&'a RawValue>,
    pub(super) traceparent: Option<&'a RawValue>,
    pub(super) tracestate: Option<&'a RawValue>,
    pub(super) baggage: bool,
    /// How long the caller waits.
    pub(super) waits: Option<Duration>,
}

// === impl MetaView ===

impl MetaView<'_> {
    /// The caller's context, if it is well formed, and its state. One that is not never fails a
    /// call (W3C Trace Context, 4.3).
    pub(super) fn said(&self) -> Option<Said> {
        let remote = Remote::from_traceparent(&plain(self.traceparent)?)?;
        Some((remote, plain(self.tracestate).and_then(|text| trace::state(&text))))
    }

    /// Whether the caller declares other extensions than those that are routed.
    pub(super) fn has_stray_extensions(&self) -> bool {
        let declared = self.capabilities.map(RawValue::get).unwrap_or_default();
        // Most callers declare none: then there is nothing to parse.
        if !declared.contains("extensions") {
            return false;
        }
        let all = Members::of(declared.as_bytes()).get("extensions").map(RawValue::get);
        let Members(all) = Members::of(all.unwrap_or_default().as_bytes());
        all.iter().any(|(name, _)| !ROUTED.contains(&&**name))
    }

    /// Whether there are members about a trace that must not travel on.
    pub(super) fn is_trace_astray(&self) -> bool {
        let state = || self.said().is_some_and(|(_, state)| state.is_some());
        self.baggage || (self.tracestate.is_some() && !state())
    }
}

impl<'a> MetaView<'a> {
    pub(super) fn parse(raw: &'a RawValue) -> Result<Self, Refusal> {
        serde_json::from_str(raw.get()).map_err(|error| {
            let why = describe(&error);
            Refusal::new(Case::ParamsInvalid, format!("`params._meta` is wrong: {why}"))
        })
    }
}

impl<'de> Deserialize<'de> for MetaView<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetaVisitor)
    }
}

struct MetaVisitor;

impl<'de> Visitor<'de> for MetaVisitor {
    type Value = MetaView<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetaView<'de>, A::Error> {
        let mut out = MetaView::default();
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            match &*key {
                "io.modelcontextprotocol/protocolVersion" => {
                    let Text(text) = map.next_value()?;
                    once(&mut out.protocol_version, text, &key)?;
                }
                "io.modelcontextprotocol/clientCapabilities" => {
                    let raw: &RawValue = map.next_value()?;
                    if !raw.get().starts_with('{') {
                        return Err(A::Error::custom("clientCapabilities must be an object"));
                    }
                    once(&mut out.capabilities, raw, &key)?;
                }
                "io.modelcontextprotocol/clientInfo" => {
                    once(&mut out.client_info, map.next_value()?, &key)?;
                }
                "io.modelcontextprotocol/logLevel" => {
                    let Text(text) = map.next_value()?;
                    once(&mut out.log_level, text, &key)?;
                }
                "progressToken" => once(&mut out.progress_token, map.next_value()?, &key)?,
                "traceparent" => once(&mut out.traceparent, map.next_value()?, &key)?,
                "tracestate" => once(&mut out.tracestate, map.next_value()?, &key)?,
                TIMEOUT => once(&mut out.waits, waits(map.next_value()?)?, &key)?,
                "baggage" => {
                    map.next_value::<IgnoredAny>()?;
                    out.baggage = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(out)
    }
}

/// The text of a string; nothing of anything else.
fn plain(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw?.get()).ok().map(|Text(text)| text)
}

/// Milliseconds, as a caller gives them.
fn waits<E: Error>(raw: &RawValue) -> Result<Duration, E> {
    match raw.get().parse() {
        Ok(ms @ 1..) => Ok(Duration::from_millis(ms)),
        Ok(0) | Err(_) => {
            let wanted = "must be a whole number of milliseconds, 1 or more";
            Err(E::custom(format_args!("`{TIMEOUT}` {wanted}")))
        }
    }
}
