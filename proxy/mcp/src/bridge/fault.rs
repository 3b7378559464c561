//! A modern target's errors that are not its caller's to read.
//!
//! Enters: an error of 2026-07-28. Leaves: for an older caller its own words; for any caller, of what
//! the gateway itself has got wrong towards the target, that it has. Never: a code that the caller's
//! era does not have; a target's text in the sentence beyond the name of a capability.

use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{Abilities, Answer, Body, Case, Era, Members, RawJson, Reason, Refusal, Reply};

/// Headers and body did not fit; the revision is not spoken. Both are written by the gateway.
const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;
const MISSING_CAPABILITY: i64 = -32021;

/// How many capabilities are named, and how much of each name is shown.
const NAMED: usize = 8;
const NAME: usize = 64;
/// How much of an error an operator is shown, in characters.
const SHOWN: usize = 512;

#[derive(Deserialize)]
struct View<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow)]
    required_capabilities: &'a RawValue,
}

/// An error of a modern target for a caller of the older era, which has no such codes.
///
/// # Errors
/// What it comes to there, if it is one of those.
pub(super) fn for_older(raw: RawJson, code: i64) -> Result<Answer, Refusal> {
    match code {
        MISSING_CAPABILITY => Err(lacking(&raw)),
        HEADER_MISMATCH | UNSUPPORTED_VERSION => Err(ours(&raw)),
        _ => Ok(Answer::Error { raw, code }),
    }
}

/// The same reply, unless a modern target says in it what only the gateway can have got wrong.
///
/// # Errors
/// That it did.
pub(crate) fn checked(reply: Reply) -> Result<Reply, Refusal> {
    match (&reply.body, reply.era) {
        (
            Body::One(Answer::Error { raw, code: HEADER_MISMATCH | UNSUPPORTED_VERSION }),
            Era::Modern,
        ) => Err(ours(raw)),
        _ => Ok(reply),
    }
}

fn lacking(raw: &RawJson) -> Refusal {
    let data = raw.parse::<View<'_>>().ok().and_then(|view| view.data);
    let data = data.and_then(|data| serde_json::from_str::<Data<'_>>(data.get()).ok());
    let required = data.map(|data| data.required_capabilities);
    let names = required.map(names).unwrap_or_default();
    let message = if names.is_empty() {
        "the target needs a client with a capability that this client has not declared".to_owned()
    } else {
        format!("the target needs a client with {names}, which this client has not declared")
    };
    let refusal = Refusal::new(Case::CapabilityMissing, message).detail(shown(raw));
    let known = required.map(|required| RawJson::built(required.get().to_owned().into()));
    let known = known.map(|raw| Abilities::declared(&raw)).filter(|known| !known.is_none());
    let refusal = refusal.after_send().safe_to_retry(true);
    match known {
        Some(known) => refusal.lacking(known),
        None => refusal,
    }
}

/// `elicitation.url`, `sampling`: what is required, as far as it has plain names.
fn names(required: &RawValue) -> String {
    let plain = |name: &str| {
        let fits = (1..=NAME).contains(&name.len());
        fits && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
    };
    let mut all = Vec::new();
    for (name, value) in Members::of(required.get().as_bytes()).0 {
        let Members(inner) = Members::of(value.get().as_bytes());
        if inner.is_empty() {
            all.push(name.into_owned());
        } else {
            all.extend(inner.into_iter().map(|(mode, _)| format!("{name}.{mode}")));
        }
    }
    let named = all.iter().filter(|name| plain(name)).take(NAMED);
    named.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn ours(raw: &RawJson) -> Refusal {
    let message = "the target does not take the headers or the revision that the gateway sent";
    let refusal = Refusal::new(Case::Target(Reason::UpstreamProtocol), message);
    refusal.detail(shown(raw)).after_send().safe_to_retry(true)
}

fn shown(raw: &RawJson) -> String {
    String::from_utf8_lossy(raw.as_bytes()).chars().take(SHOWN).collect()
}
