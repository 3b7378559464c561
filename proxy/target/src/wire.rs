//! One JSON-RPC message from a target.
//!
//! Enters: the bytes of one message (an HTTP body, the data of one SSE event, one line of a
//! child). Leaves: an answer, a notification or a request, its values as the bytes they came in.
//! Never: a re-serialised value, a batch, or a message whose shape is only guessed.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use memchr::memmem;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use toolgate_call::{Answer, RawJson};

/// What a target said.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    /// The end of a request.
    Answer {
        /// The id of the request; `null` for an error that names none.
        id: RawJson,
        /// `result` or `error`.
        answer: Answer,
    },
    /// A notification.
    Notice {
        /// Its method.
        method: String,
        /// The whole message.
        raw: RawJson,
        /// `params.progressToken` of `notifications/progress`: a string or a number.
        progress_token: Option<RawJson>,
    },
    /// A question to the gateway (older era only).
    Request {
        /// The target's id of it.
        id: RawJson,
        /// Its method.
        method: String,
        /// The whole message.
        raw: RawJson,
    },
}

/// Why bytes are not a message. The texts quote nothing of what the target sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    /// Not UTF-8.
    Encoding,
    /// Not JSON; or a known member twice, or of a wrong type.
    Syntax {
        /// Whether the text as such is JSON.
        json: bool,
        /// Where the reader stopped; lines count from 1.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// Not one object (an array would be a batch).
    NotObject,
    /// `jsonrpc` is not `"2.0"`.
    Version,
    /// An `id` that is neither a string nor a number, or none where one must be.
    Id,
    /// Not exactly one of `method`, `result` and `error`.
    Kind,
    /// `result` is not an object.
    Result,
    /// `error` is not an object with an integer `code`.
    Error,
}

/// The members of a message that the gateway knows.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ProgressParams<'a> {
    #[serde(borrow, rename = "progressToken", default, deserialize_with = "present")]
    token: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ToolResult<'a> {
    #[serde(borrow, rename = "isError", default, deserialize_with = "present")]
    is_error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i64,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";
const IS_ERROR: &[u8] = br#""isError""#;

/// Reads one message (JSON-RPC 2.0; MCP `basic/index`, "Messages").
///
/// # Errors
/// [`WireError`] when the bytes are not exactly one well-formed message.
pub(crate) fn read_message(bytes: Bytes) -> Result<Incoming, WireError> {
    let bytes = if bytes.starts_with(BOM) { bytes.slice(BOM.len()..) } else { bytes };
    let text = std::str::from_utf8(&bytes).map_err(|_| WireError::Encoding)?;
    // serde would take an array for a struct, member by member.
    if !is_object(text.trim_start()) {
        return Err(serde_json::from_str::<&RawValue>(text)
            .map_or_else(|error| WireError::syntax(&error), |_| WireError::NotObject));
    }
    let envelope: Envelope<'_> =
        serde_json::from_str(text).map_err(|error| WireError::syntax(&error))?;
    if envelope.jsonrpc != "2.0" {
        return Err(WireError::Version);
    }
    envelope.sort(&bytes)
}

// === impl Envelope ===

impl Envelope<'_> {
    fn sort(&self, bytes: &Bytes) -> Result<Incoming, WireError> {
        match (self.method, self.result, self.error) {
            (Some(method), None, None) => self.spoken(bytes, method),
            (None, Some(result), None) => {
                let id = self.known_id(bytes)?.ok_or(WireError::Id)?;
                Ok(Incoming::Answer { id, answer: read_result(bytes, result)? })
            }
            (None, None, Some(error)) => {
                let id = match self.id.map(RawValue::get) {
                    None | Some("null") => RawJson::literal("null"),
                    Some(_) => self.known_id(bytes)?.ok_or(WireError::Id)?,
                };
                Ok(Incoming::Answer { id, answer: read_error(bytes, error)? })
            }
            _ => Err(WireError::Kind),
        }
    }

    /// What the target says of its own accord: a notification or a request.
    fn spoken(&self, bytes: &Bytes, method: &RawValue) -> Result<Incoming, WireError> {
        let method: String = serde_json::from_str(method.get()).map_err(|_| WireError::Kind)?;
        let raw = RawJson::built(bytes.slice_ref(bytes.trim_ascii()));
        if let Some(id) = self.known_id(bytes)? {
            return Ok(Incoming::Request { id, method, raw });
        }
        let progress_token =
            if method == "notifications/progress" { self.progress_token(bytes) } else { None };
        Ok(Incoming::Notice { method, raw, progress_token })
    }

    /// The id, if there is one; it must be a string or a number.
    fn known_id(&self, bytes: &Bytes) -> Result<Option<RawJson>, WireError> {
        match self.id {
            None => Ok(None),
            Some(id) if is_name(id) => Ok(Some(RawJson::borrowed(bytes, id))),
            Some(_) => Err(WireError::Id),
        }
    }

    fn progress_token(&self, bytes: &Bytes) -> Option<RawJson> {
        let params = self.params.filter(|params| is_object(params.get()))?;
        let params: ProgressParams<'_> = serde_json::from_str(params.get()).ok()?;
        params.token.filter(|token| is_name(token)).map(|token| RawJson::borrowed(bytes, token))
    }
}

// === impl WireError ===

impl WireError {
    /// Keeps the place and drops the text: serde's own may quote a value.
    fn syntax(error: &serde_json::Error) -> Self {
        Self::Syntax { json: error.is_data(), line: error.line(), column: error.column() }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding => f.write_str("the message is not UTF-8"),
            Self::Syntax { json: false, line, column } => {
                write!(f, "the message is not JSON (line {line}, column {column})")
            }
            Self::Syntax { json: true, line, column } => write!(
                f,
                "a member of the message is there twice or has a wrong type \
                 (line {line}, column {column})"
            ),
            Self::NotObject => f.write_str("the message is not one JSON object"),
            Self::Version => f.write_str("the message does not say \"jsonrpc\":\"2.0\""),
            Self::Id => f.write_str("the message has no id that is a string or a number"),
            Self::Kind => f.write_str(
                "the message does not have exactly one of a method, a result and an error",
            ),
            Self::Result => f.write_str("the result is not an object, or says isError twice"),
            Self::Error => f.write_str("the error is not an object with an integer code"),
        }
    }
}

impl std::error::Error for WireError {}

/// Tells a member that is `null` from one that is not there.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

fn read_result(bytes: &Bytes, result: &RawValue) -> Result<Answer, WireError> {
    if !is_object(result.get()) {
        return Err(WireError::Result);
    }
    let is_error = says_error(result.get())?;
    Ok(Answer::Result { raw: RawJson::borrowed(bytes, result), is_error })
}

fn read_error(bytes: &Bytes, error: &RawValue) -> Result<Answer, WireError> {
    if !is_object(error.get()) {
        return Err(WireError::Error);
    }
    let ErrorObject { code } = serde_json::from_str(error.get()).map_err(|_| WireError::Error)?;
    Ok(Answer::Error { raw: RawJson::borrowed(bytes, error), code })
}

/// Whether the result says `isError: true` at its top level (`server/tools`, "Error Handling").
///
/// Most results say `false` or nothing; only one that has the words `"isError": true` somewhere is
/// read a second time, to see where. A key spelled with escapes is not recognised.
fn says_error(result: &str) -> Result<bool, WireError> {
    let text = result.as_bytes();
    let said = memmem::find_iter(text, IS_ERROR).any(|at| is_true(text.get(at..)));
    if !said {
        return Ok(false);
    }
    let top: ToolResult<'_> = serde_json::from_str(result).map_err(|_| WireError::Result)?;
    Ok(top.is_error.is_some_and(|value| value.get() == "true"))
}

/// Whether the key at the start of `text` is followed by `true`.
fn is_true(text: Option<&[u8]>) -> bool {
    let value = text.and_then(|text| text.get(IS_ERROR.len()..)).unwrap_or_default();
    let value = value.trim_ascii_start().strip_prefix(b":").unwrap_or_default();
    value.trim_ascii_start().starts_with(b"true")
}

fn is_object(text: &str) -> bool {
    text.starts_with('{')
}

/// A string or a number: what may name a request or its progress.
fn is_name(raw: &RawValue) -> bool {
    raw.get().starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

#[cfg(test)]
mod tests;
