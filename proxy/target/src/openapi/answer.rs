//! What an API answers becomes the result of a tool.
//!
//! Enters: status, type and body. Leaves: a result, marked as an error where the API says no; or that the API
//! has failed. Never: a failure that looks like a success; an answer that is not what it says it is.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The most of an API's own words about a refusal, in characters.
const MOST_WORDS: usize = 4000;

/// An answer, whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered<'a> {
    pub(super) status: u16,
    /// `Content-Type`.
    pub(super) kind: &'a str,
    /// How long to wait, if it says so.
    pub(super) wait: Option<Duration>,
    pub(super) body: &'a [u8],
}

/// What it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The result of `tools/call`, and whether it is an error.
    Result(Value, bool),
    /// The API failed: the status that it said so with.
    Failed(u16, Option<Duration>),
    /// The answer cannot be read; why, for the operator.
    Garbled(String),
}

/// Reads an answer.
pub(super) fn told(answered: Answered<'_>) -> Told {
    match answered.status {
        200..=299 => good(answered),
        // Its credentials are the gateway's; rates and failures are the API's. A redirect is not followed.
        401 | 407 | 408 | 429 | 500.. | 0..=199 | 300..=399 => {
            Told::Failed(answered.status, answered.wait)
        }
        status => {
            let said = words(answered.body);
            let text = if said.is_empty() {
                format!("HTTP {status}")
            } else {
                format!("HTTP {status}: {said}")
            };
            let result = json!({
                "resultType": "complete",
                "content": [{ "type": "text", "text": text }],
                "isError": true,
            });
            Told::Result(result, true)
        }
    }
}

fn good(answered: Answered<'_>) -> Told {
    let kind = answered.kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if answered.body.is_empty() {
        return done(
            &json!([{ "type": "text", "text": format!("HTTP {}", answered.status) }]),
            None,
        );
    }
    if kind == "application/json" || kind.ends_with("+json") {
        return match serde_json::from_slice::<Value>(answered.body) {
            Ok(value) => {
                let text = json!([{ "type": "text", "text": value.to_string() }]);
                // Older clients know objects only.
                let value = if value.is_object() { value } else { json!({ "result": value }) };
                done(&text, Some(value))
            }
            Err(error) => Told::Garbled(format!("it says that it is JSON, and is not: {error}")),
        };
    }
    if kind.starts_with("image/") || kind.starts_with("audio/") {
        let part = kind.split('/').next().unwrap_or_default();
        let data = STANDARD.encode(answered.body);
        return done(&json!([{ "type": part, "data": data, "mimeType": kind }]), None);
    }
    match std::str::from_utf8(answered.body) {
        Ok(text) => done(&json!([{ "type": "text", "text": text }]), None),
        Err(_) => {
            Told::Garbled(format!("{} bytes of `{kind}`, which is no text", answered.body.len()))
        }
    }
}

fn done(content: &Value, structured: Option<Value>) -> Told {
    let mut result = json!({ "resultType": "complete", "content": content, "isError": false });
    if let (Some(structured), Some(members)) = (structured, result.as_object_mut()) {
        members.insert("structuredContent".to_owned(), structured);
    }
    Told::Result(result, false)
}

/// An API's own words, bounded; a page for people says nothing to a model.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') {
        return String::new();
    }
    let plain = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    plain.take(MOST_WORDS).collect()
}
