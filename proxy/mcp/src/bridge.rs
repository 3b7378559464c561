//! A result of one era for a caller of the other.
//!
//! Enters: an answer, the era it is written in and the era it is for. Leaves: the same answer with
//! `resultType` added or taken out, without what the caller's era has no words for, and nothing
//! else touched. Never: a re-serialised result.

mod fault;

pub(crate) use fault::checked;

use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{
    Abilities, Answer, Body, Case, Era, Method, RawJson, Reason, Refusal, Reply, Span,
};

use crate::ask::pages;
use crate::member::member_around;

const MEMBER: &str = "resultType";
const COMPLETE: &str = r#""complete""#;
const STRUCTURED: &str = "structuredContent";
const TTL: &str = "ttlMs";
const SCOPE: &str = "cacheScope";

/// What the older era says of a resource that is not there; 2026-07-28 has no such code.
const RESOURCE_NOT_FOUND: i64 = -32002;
const INVALID_PARAMS: i64 = -32602;
/// Of 2025-11-25 only: the user has to open a page first.
const URL_ELICITATION_REQUIRED: i64 = -32042;

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow, rename = "resultType")]
    result_type: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "structuredContent", deserialize_with = "present")]
    structured: Option<&'a RawValue>,
    #[serde(borrow, rename = "ttlMs")]
    ttl_ms: Option<&'a RawValue>,
    #[serde(borrow, rename = "cacheScope")]
    cache_scope: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorCode<'a> {
    #[serde(borrow)]
    code: &'a RawValue,
}

/// From which era an answer goes to which, and what it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) from: Era,
    pub(crate) to: Era,
    pub(crate) method: Method,
    /// What a caller of the modern era can do for the target.
    pub(crate) abilities: Abilities,
}

/// Writes a reply for the caller's era.
///
/// # Errors
/// A result that the caller's era has no words for.
pub(crate) fn bridge(reply: Reply, way: Way) -> Result<Reply, Refusal> {
    if way.from == way.to {
        return Ok(reply);
    }
    let Reply { body, guards, session, .. } = reply;
    let body = match body {
        Body::One(answer) => Body::One(answer_for(answer, way)?),
        Body::Stream(events) => Body::Stream(Box::pin(stream::Bridged { events, way })),
        Body::Accepted => Body::Accepted,
    };
    Ok(Reply { body, era: way.to, guards, session })
}

pub(crate) fn answer_for(answer: Answer, way: Way) -> Result<Answer, Refusal> {
    let Way { from, to, method, abilities } = way;
    let cached = method == Method::ResourcesRead;
    let raw = match (&answer, from, to) {
        (Answer::Result { raw, .. }, Era::Legacy, Era::Modern) => completed(raw, cached),
        (Answer::Result { raw, .. }, Era::Modern, Era::Legacy) => {
            let raw = plain(raw)?;
            if cached { unhinted(&raw) } else { raw }
        }
        (Answer::Error { raw, code }, Era::Legacy, Era::Modern) => {
            return modern_error(raw, *code, abilities);
        }
        (Answer::Error { raw, code }, Era::Modern, Era::Legacy) => {
            return fault::for_older(raw.clone(), *code);
        }
        (_, Era::Modern, Era::Modern) | (_, Era::Legacy, Era::Legacy) => return Ok(answer),
    };
    let is_error = matches!(answer, Answer::Result { is_error: true, .. });
    Ok(Answer::Result { raw, is_error })
}

/// An error of the older era in the words of 2026-07-28, which has other codes for two of them.
fn modern_error(raw: &RawJson, code: i64, abilities: Abilities) -> Result<Answer, Refusal> {
    if code == URL_ELICITATION_REQUIRED {
        return open_pages(raw, abilities);
    }
    let code_at = raw.parse::<ErrorCode<'_>>().ok();
    let at = code_at.and_then(|error| Span::within(raw.as_bytes(), error.code.get()));
    let Some(at) = at.filter(|_| code == RESOURCE_NOT_FOUND) else {
        return Ok(Answer::Error { raw: raw.clone(), code });
    };
    let bytes = raw.as_bytes();
    let (before, after) = (bytes.get(..at.start), bytes.get(at.end..));
    let code = INVALID_PARAMS.to_string();
    let pieces = [before.unwrap_or_default(), code.as_bytes(), after.unwrap_or_default()];
    Ok(Answer::Error { raw: RawJson::built(pieces.concat().into()), code: INVALID_PARAMS })
}

/// The target wants its user to open pages, and to be called again then.
fn open_pages(raw: &RawJson, abilities: Abilities) -> Result<Answer, Refusal> {
    if !abilities.has(Abilities::URL) {
        let message = "the tool needs its user to open a page, and the client has not declared \
                       that it can be asked for that";
        let refusal = Refusal::new(Case::CapabilityMissing, message).lacking(Abilities::URL);
        return Err(refusal.after_send().safe_to_retry(true));
    }
    let asking = pages(raw).ok_or_else(|| {
        let message = "the tool asks its user to open a page and does not say which";
        Refusal::new(Case::Target(Reason::UpstreamProtocol), message).after_send()
    })?;
    Ok(Answer::result(asking))
}

/// Adds `"resultType":"complete"` as the first member; and, to a result of the kind that is cached,
/// that this one is not to be (`utilities/caching`): the older era says nothing of that.
pub(crate) fn completed(raw: &RawJson, cached: bool) -> RawJson {
    let bytes = raw.as_bytes();
    if find_type(bytes).is_some() {
        return raw.clone();
    }
    let Some(open) = bytes.iter().position(|byte| *byte == b'{') else { return raw.clone() };
    let rest = bytes.get(open + 1..).unwrap_or_default();
    let alone = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
    let mut out = BytesMut::with_capacity(bytes.len() + 72);
    out.put_slice(br#"{"resultType":"complete""#);
    if cached && !says(raw, |top| top.ttl_ms) {
        out.put_slice(br#","ttlMs":0"#);
    }
    if cached && !says(raw, |top| top.cache_scope) {
        out.put_slice(br#","cacheScope":"private""#);
    }
    out.put_slice(if alone { b"" } else { b"," });
    out.put_slice(rest);
    RawJson::built(out.freeze())
}

/// Takes out what the older era does not know: `"resultType":"complete"`, and a
/// `structuredContent` that is not an object (its text stays).
fn plain(raw: &RawJson) -> Result<RawJson, Refusal> {
    let raw = match find_type(raw.as_bytes()) {
        None => raw.clone(),
        Some((_, COMPLETE)) => without(raw, MEMBER, |top| top.result_type),
        Some((_, value)) => {
            let message = "the tool answers in a way that this client's protocol does not have";
            return Err(Refusal::new(Case::Target(Reason::UpstreamProtocol), message)
                .detail(format!("resultType {value} for a client of the older era"))
                .after_send());
        }
    };
    Ok(without(&raw, STRUCTURED, |top| top.structured.filter(|value| !is_object(value))))
}

/// Without the hints on caching.
fn unhinted(raw: &RawJson) -> RawJson {
    let raw = without(raw, TTL, |top| top.ttl_ms);
    without(&raw, SCOPE, |top| top.cache_scope)
}

/// Whether an object has that member at its top level.
fn says<'a>(raw: &'a RawJson, pick: impl FnOnce(Top<'a>) -> Option<&'a RawValue>) -> bool {
    serde_json::from_slice::<Top<'a>>(raw.as_bytes()).is_ok_and(|top| pick(top).is_some())
}

/// The same object without a member, if it has it at its top level.
fn without<'a>(
    raw: &'a RawJson,
    key: &str,
    pick: impl FnOnce(Top<'a>) -> Option<&'a RawValue>,
) -> RawJson {
    let bytes = raw.as_bytes();
    // Almost every result lacks the word: then there is nothing to parse.
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.contains(key));
    let cut = text.and_then(|_| {
        let value = pick(serde_json::from_slice::<Top<'_>>(bytes).ok()?)?;
        let member = member_around(bytes, Span::within(bytes, value.get())?, key)?;
        Some([bytes.get(..member.start)?, bytes.get(member.end..)?].concat())
    });
    cut.map_or_else(|| raw.clone(), |bytes| RawJson::built(bytes.into()))
}

/// Where the value of the top-level `resultType` is, and the value.
fn find_type(bytes: &[u8]) -> Option<(Span, &str)> {
    let text = std::str::from_utf8(bytes).ok()?;
    // Almost every result of the older era lacks the word: then there is nothing to parse.
    if !text.contains(MEMBER) {
        return None;
    }
    let value = serde_json::from_str::<Top<'_>>(text).ok()?.result_type?;
    Some((Span::within(bytes, value.get())?, value.get()))
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// Tells a member that is `null`, which is a value here, from one that is not there.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

mod stream {
    //! The same for the answer at the end of a stream.

    use std::pin::Pin;
    use std::task::{Context, Poll};

    use toolgate_call::{Event, Events};

    use super::Way;

    pub(super) struct Bridged {
        pub(super) events: Pin<Box<dyn Events>>,
        pub(super) way: Way,
    }

    impl Events for Bridged {
        fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
            let way = self.way;
            self.events.as_mut().poll_event(cx).map(|event| match event {
                Some(Event::Done(Ok(answer))) => Some(Event::Done(super::answer_for(answer, way))),
                other => other,
            })
        }
    }
}
