//! What is asked: one JSON-RPC request of the revision 2026-07-28, and its headers.
//!
//! Enters: a tool and raw arguments, or a cursor. Leaves: a body and the headers that confirm it
//! (streamable HTTP, "Request Headers"). Never: arguments that were taken apart and put together
//! again, so that a long number stays as it was typed.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use toolgate_call::Version;

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    method: &'static str,
    name: Option<String>,
    body: String,
}

#[derive(Serialize)]
struct Rpc<'a> {
    jsonrpc: &'static str,
    id: u64,
    method: &'static str,
    params: Params<'a>,
}

#[derive(Serialize)]
struct Params<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
    _meta: Value,
}

/// The id of the only request there is on a connection; not 0, which some take for none.
pub(super) const ID: u64 = 1;

/// The newest revision, which is the one this client speaks.
const VERSION: Version = Version::V2026_07_28;

// === impl Ask ===

impl Ask {
    /// `tools/call`. Asks for progress too.
    #[must_use]
    pub fn call(tool: &str, arguments: &RawValue) -> Self {
        let mut meta = meta();
        if let Some(meta) = meta.as_object_mut() {
            meta.insert("progressToken".to_owned(), ID.into());
        }
        let params =
            Params { name: Some(tool), arguments: Some(arguments), cursor: None, _meta: meta };
        Self { name: Some(tool.to_owned()), ..Self::new("tools/call", params) }
    }

    /// `tools/list`, from a cursor on or from the start.
    #[must_use]
    pub fn list(cursor: Option<&str>) -> Self {
        Self::new("tools/list", Params { name: None, arguments: None, cursor, _meta: meta() })
    }

    fn new(method: &'static str, params: Params<'_>) -> Self {
        let rpc = Rpc { jsonrpc: "2.0", id: ID, method, params };
        // Text and JSON that was read before: writing it again cannot fail.
        Self { method, name: None, body: serde_json::to_string(&rpc).unwrap_or_default() }
    }

    /// The JSON-RPC message.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The headers that go with it, `Authorization` excepted.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut headers = vec![
            ("Content-Type", "application/json".into()),
            ("Accept", "application/json, text/event-stream".into()),
            ("MCP-Protocol-Version", VERSION.as_str().into()),
            ("Mcp-Method", self.method.into()),
        ];
        headers.extend(self.name.as_deref().map(|name| ("Mcp-Name", header_value(name))));
        headers
    }
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": VERSION.as_str(),
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {
            "name": "toolgate-cli",
            "version": env!("CARGO_PKG_VERSION"),
        },
    })
}

/// A value as a header can carry it: as it is, or within the Base64 sentinel.
pub(crate) fn header_value(text: &str) -> Cow<'_, str> {
    let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let is_trimmed = text.trim_matches(' ').len() == text.len();
    let is_sentinel = text.starts_with("=?base64?") && text.ends_with("?=");
    if is_plain && is_trimmed && !is_sentinel {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("=?base64?{}?=", STANDARD.encode(text)))
}
