//! The ledger inside the answer, for callers that may see it.
//!
//! Enters: an answer and the phases so far. Leaves: the same answer with
//! `_meta["toolgate/ledger"]`. Never: for a caller without the scope; never a changed result.

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use toolgate_call::{Answer, Ledger, Phases, RawJson, Span};

/// The scope that shows a caller the ledger of its own calls.
pub(crate) const SCOPE: &str = "gateway/observe";

#[derive(Deserialize)]
struct Top<'a> {
    /// `null` is a `_meta` that is there.
    #[serde(borrow, default, rename = "_meta", deserialize_with = "present")]
    meta: Option<&'a RawValue>,
}

/// Adds the ledger to a result. `None` when there is nothing to add it to: to an error, or to a
/// `_meta` that is not an object.
pub(crate) fn annotate(answer: &Answer, phases: &Phases, ledger: &Ledger) -> Option<Answer> {
    let Answer::Result { raw, is_error } = answer else { return None };
    let note = format!(r#""toolgate/ledger":{}"#, note(phases, ledger));
    let bytes = raw.as_bytes();
    let text = std::str::from_utf8(bytes).ok()?;
    let meta = serde_json::from_str::<Top<'_>>(text).ok()?.meta;
    let inside = match meta {
        Some(meta) => Some(Span::within(bytes, meta.get())?),
        None => None,
    };
    let (at, open, close) = match inside {
        Some(span) if bytes.get(span.start) != Some(&b'{') => return None,
        Some(span) => (span.start + 1, "", ""),
        None => (text.find('{')? + 1, r#""_meta":{"#, "}"),
    };
    let rest = bytes.get(at..)?;
    let alone = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
    let mut out = BytesMut::with_capacity(bytes.len() + note.len() + 16);
    out.put_slice(bytes.get(..at)?);
    for piece in [open, &note, close, if alone { "" } else { "," }] {
        out.put_slice(piece.as_bytes());
    }
    out.put_slice(rest);
    Some(Answer::Result { raw: RawJson::built(out.freeze()), is_error: *is_error })
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Milliseconds by phase, and the attempts.
fn note(phases: &Phases, ledger: &Ledger) -> serde_json::Value {
    let ms = |micros: u64| micros as f64 / 1000.0;
    let spent: serde_json::Map<String, serde_json::Value> =
        phases.micros().map(|(phase, took)| (phase.as_str().to_owned(), ms(took).into())).collect();
    let attempts: Vec<serde_json::Value> = ledger
        .notes()
        .iter()
        .map(|note| {
            let reason = note.reason.map_or("ok", toolgate_call::Reason::as_str);
            serde_json::json!({ "reason": reason, "ms": note.took.as_micros() as f64 / 1000.0 })
        })
        .collect();
    serde_json::json!({
        "phases_ms": spent,
        "total_ms": ms(phases.micros().map(|(_, took)| took).sum()),
        "attempts": attempts,
        "target": ledger.plan().map(|tool| &*tool.target),
    })
}
