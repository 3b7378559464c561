//! What Lambda answers becomes the result of a tool.
//!
//! Enters: status, headers and payload of `Invoke`. Leaves: a result; or that the function broke, or that it was
//! never reached. Never: a function that crashed taken for a tool that says no.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The most of a function's own words that is passed on, in characters.
const MOST_WORDS: usize = 4000;

/// The type of the error when Lambda itself ended the function (Lambda, "timeouts").
const TIMED_OUT: &str = "Sandbox.Timedout";

/// An answer, whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered<'a> {
    pub(super) status: u16,
    /// `X-Amz-Function-Error`.
    pub(super) function_error: Option<&'a str>,
    /// `x-amzn-errortype`, or what stands for it.
    pub(super) error_type: Option<&'a str>,
    pub(super) payload: &'a [u8],
}

/// What it comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// The result of `tools/call`, and whether it is an error.
    Result(Value, bool),
    /// The function ran and broke; how, for the operator.
    Crashed(String),
    /// Lambda ended the function, which had taken all its time; how, for the operator.
    TimedOut(String),
    /// The function was not reached: Lambda had no room for the call.
    Throttled(String),
    /// Lambda itself says no or fails; the function may or may not have run.
    Failed(u16, String),
    /// The payload cannot be read; why, for the operator.
    Garbled(String),
}

/// What a function that broke leaves behind (Lambda, "error handling").
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Crash {
    error_type: String,
    error_message: String,
}

/// Reads an answer. `Invoke` is 200 for a function that broke, too: the header is looked at first.
pub(super) fn told(answered: Answered<'_>) -> Told {
    let kind = answered.error_type.unwrap_or_default();
    match answered.status {
        200..=299 => {}
        429 => return Told::Throttled(kind.to_owned()),
        status => return Told::Failed(status, kind.to_owned()),
    }
    if let Some(how) = answered.function_error {
        let crash: Crash = serde_json::from_slice(answered.payload).unwrap_or_default();
        let Crash { error_type, error_message } = crash;
        let words: String = error_message.chars().take(MOST_WORDS).collect();
        let said = format!("{how}: {error_type} {words}");
        return if error_type == TIMED_OUT { Told::TimedOut(said) } else { Told::Crashed(said) };
    }
    match serde_json::from_slice::<Value>(answered.payload) {
        Ok(value) => returned(value),
        Err(error) => Told::Garbled(format!("the function returned what is no JSON: {error}")),
    }
}

/// What a function returned: a result of MCP, an answer in the shape of API Gateway, or plain data.
fn returned(value: Value) -> Told {
    let Value::Object(members) = value else { return data(value) };
    if members.get("content").is_some_and(is_content) {
        return result(members);
    }
    let status = members.get("statusCode").and_then(Value::as_u64);
    match (status, members.get("body")) {
        (Some(status), Some(body)) => wrapped(status, body),
        _ => data(Value::Object(members)),
    }
}

/// Whether it is a list of content blocks.
fn is_content(value: &Value) -> bool {
    let is_block = |block: &Value| block.get("type").is_some_and(Value::is_string);
    value.as_array().is_some_and(|blocks| blocks.iter().all(is_block))
}

fn result(mut members: Map<String, Value>) -> Told {
    let is_error = members.get("isError") == Some(&Value::Bool(true));
    members.insert("isError".to_owned(), is_error.into());
    members.insert("resultType".to_owned(), "complete".into());
    Told::Result(Value::Object(members), is_error)
}

/// `{ statusCode, body }`, where the body is text, as a rule JSON.
fn wrapped(status: u64, body: &Value) -> Told {
    let inner = body.as_str().and_then(|text| serde_json::from_str(text).ok());
    let inner = inner.unwrap_or_else(|| body.clone());
    if status < 400 {
        return data(inner);
    }
    let words: String = text_of(&inner).chars().take(MOST_WORDS).collect();
    let text = json!([{ "type": "text", "text": format!("{status}: {words}") }]);
    Told::Result(json!({ "resultType": "complete", "content": text, "isError": true }), true)
}

fn data(value: Value) -> Told {
    let text = json!([{ "type": "text", "text": text_of(&value) }]);
    let mut result = json!({ "resultType": "complete", "content": text, "isError": false });
    let structured = match value {
        Value::Object(_) => Some(value),
        // Older clients know objects only; a plain text is no data.
        Value::String(_) | Value::Null => None,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => Some(json!({ "result": value })),
    };
    if let (Some(structured), Some(members)) = (structured, result.as_object_mut()) {
        members.insert("structuredContent".to_owned(), structured);
    }
    Told::Result(result, false)
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
