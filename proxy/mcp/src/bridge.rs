//! A result of one era for a caller of the other.
//!
//! Enters: an answer, the era it is written in and the era it is for. Leaves: the same answer with
//! `resultType` added or taken out, and nothing else touched. Never: a re-serialised result.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{Answer, Body, Case, Era, RawJson, Reason, Refusal, Reply, Span};

const MEMBER: &str = "resultType";
const COMPLETE: &str = r#""complete""#;

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow, rename = "resultType")]
    result_type: Option<&'a RawValue>,
}

/// Writes a reply for the caller's era.
///
/// # Errors
/// A result that the caller's era has no words for.
pub(crate) fn bridge(reply: Reply, to: Era) -> Result<Reply, Refusal> {
    if reply.era == to {
        return Ok(reply);
    }
    let Reply { body, era, guards, session } = reply;
    let body = match body {
        Body::One(answer) => Body::One(answer_for(answer, era, to)?),
        Body::Stream(events) => Body::Stream(Box::pin(stream::Bridged { events, from: era, to })),
        Body::Accepted => Body::Accepted,
    };
    Ok(Reply { body, era: to, guards, session })
}

pub(crate) fn answer_for(answer: Answer, from: Era, to: Era) -> Result<Answer, Refusal> {
    let Answer::Result { raw, is_error } = answer else { return Ok(answer) };
    let raw = match (from, to) {
        (Era::Legacy, Era::Modern) => completed(&raw),
        (Era::Modern, Era::Legacy) => plain(&raw)?,
        (Era::Modern, Era::Modern) | (Era::Legacy, Era::Legacy) => raw,
    };
    Ok(Answer::Result { raw, is_error })
}

/// Adds `"resultType":"complete"` as the first member.
fn completed(raw: &RawJson) -> RawJson {
    let bytes = raw.as_bytes();
    if find_type(bytes).is_some() {
        return raw.clone();
    }
    let Some(open) = bytes.iter().position(|byte| *byte == b'{') else { return raw.clone() };
    let rest = bytes.get(open + 1..).unwrap_or_default();
    let alone = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
    let mut out = BytesMut::with_capacity(bytes.len() + 28);
    out.put_slice(br#"{"resultType":"complete""#);
    out.put_slice(if alone { b"" } else { b"," });
    out.put_slice(rest);
    RawJson::built(out.freeze())
}

/// Takes `"resultType":"complete"` out.
fn plain(raw: &RawJson) -> Result<RawJson, Refusal> {
    let bytes = raw.as_bytes();
    let Some((span, value)) = find_type(bytes) else { return Ok(raw.clone()) };
    if value != COMPLETE {
        let message = "the tool asks for input in a way that this client's protocol does not have";
        return Err(Refusal::new(Case::Target(Reason::UpstreamProtocol), message)
            .detail(format!("resultType {value} for a client of the older era"))
            .after_send());
    }
    Ok(cut(raw.bytes(), span).map_or_else(|| raw.clone(), RawJson::built))
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

/// Removes the member whose value is at `value`, with one of the commas beside it.
fn cut(bytes: &Bytes, value: Span) -> Option<Bytes> {
    let before = bytes.get(..value.start)?.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let before = before.strip_suffix(br#""resultType""#)?.trim_ascii_end();
    let after = bytes.get(value.end..)?.trim_ascii_start();
    let (before, after) = match (after.strip_prefix(b","), before.strip_suffix(b",")) {
        (Some(after), _) => (before, after),
        (None, Some(before)) => (before, after),
        (None, None) => (before, after),
    };
    Some([before, after].concat().into())
}

mod stream {
    //! The same for the answer at the end of a stream.

    use std::pin::Pin;
    use std::task::{Context, Poll};

    use toolgate_call::{Era, Event, Events};

    pub(super) struct Bridged {
        pub(super) events: Pin<Box<dyn Events>>,
        pub(super) from: Era,
        pub(super) to: Era,
    }

    impl Events for Bridged {
        fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
            let (from, to) = (self.from, self.to);
            self.events.as_mut().poll_event(cx).map(|event| match event {
                Some(Event::Done(Ok(answer))) => {
                    Some(Event::Done(super::answer_for(answer, from, to)))
                }
                other => other,
            })
        }
    }
}
