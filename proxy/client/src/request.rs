//! What is asked: one JSON-RPC request, worded for the revision that the other side speaks.
//!
//! Enters: a tool and raw arguments, or a cursor. Leaves: a body and the headers that confirm it
//! (streamable HTTP, "Request Headers"). Never: arguments that were taken apart and put together
//! again, so that a long number stays as it was typed.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub(crate) method: &'static str,
    name: Option<String>,
    params: Params,
}

/// What goes along with a request, whatever it asks.
#[derive(Clone, Debug, Default)]
pub struct Along {
    /// The id under which the gateway logs it (`X-Request-Id`).
    pub request_id: Option<String>,
    /// The trace it belongs to (W3C Trace Context): as a header, and in `_meta` (SEP-414).
    pub traceparent: Option<String>,
    /// How long whoever asks waits for the answer; a gateway of ours gives up then, and says where
    /// the time went.
    pub waits: Option<Duration>,
}

// === impl Along ===

impl Along {
    /// What to say of a request that is given up after so long: that it is waited for a little less,
    /// a tenth and at most a quarter of a second, so that the answer can still say why.
    #[must_use]
    pub fn within(patience: Duration) -> Self {
        let margin = (patience / 10).min(Duration::from_millis(250));
        Self { waits: Some(patience.saturating_sub(margin)), ..Self::default() }
    }
}

/// How a request is worded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wording<'a> {
    /// Of 2026-07-28: everything is in the request itself.
    Stateless,
    /// Of an older revision, which was agreed on in a session.
    Agreed(&'a str),
}

#[derive(Serialize)]
struct Rpc<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    method: &'static str,
    params: Worded<'a>,
}

#[derive(Clone, Debug, Default)]
struct Params {
    arguments: Option<Box<RawValue>>,
    cursor: Option<String>,
    /// Members of their own, of a handshake.
    others: Map<String, Value>,
    progress: bool,
    is_notice: bool,
}

#[derive(Serialize)]
struct Worded<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
    #[serde(flatten)]
    others: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "is_empty")]
    _meta: Value,
}

/// The id of the only request there is on a connection; not 0, which some take for none.
pub(crate) const ID: u64 = 1;

/// The newest revision, which is the one this client speaks first.
pub(crate) const VERSION: &str = "2026-07-28";
/// The newest one with sessions.
pub(crate) const OLDER: &str = "2025-11-25";

// === impl Ask ===

impl Ask {
    /// `tools/call`. Asks for progress too.
    #[must_use]
    pub fn call(tool: &str, arguments: &RawValue) -> Self {
        let params =
            Params { arguments: Some(arguments.to_owned()), progress: true, ..Params::default() };
        Self { method: "tools/call", name: Some(tool.to_owned()), params }
    }

    /// `tools/list`, from a cursor on or from the start.
    #[must_use]
    pub fn list(cursor: Option<&str>) -> Self {
        let params = Params { cursor: cursor.map(str::to_owned), ..Params::default() };
        Self { method: "tools/list", name: None, params }
    }

    /// `server/discover`, which no server of an older revision knows.
    pub(crate) fn discover() -> Self {
        Self { method: "server/discover", name: None, params: Params::default() }
    }

    /// `initialize` of an older revision.
    pub(crate) fn initialize(client: &str) -> Self {
        let mut others = Map::new();
        others.insert("protocolVersion".to_owned(), OLDER.into());
        others.insert("capabilities".to_owned(), json!({}));
        others.insert("clientInfo".to_owned(), info(client));
        Self { method: "initialize", name: None, params: Params { others, ..Params::default() } }
    }

    /// `notifications/initialized`, which has no answer.
    pub(crate) fn initialized() -> Self {
        let params = Params { is_notice: true, ..Params::default() };
        Self { method: "notifications/initialized", name: None, params }
    }

    /// `subscriptions/listen`, for changes of the list of tools.
    pub(crate) fn listen() -> Self {
        let mut others = Map::new();
        others.insert("notifications".to_owned(), json!({ "toolsListChanged": true }));
        let params = Params { others, ..Params::default() };
        Self { method: "subscriptions/listen", name: None, params }
    }

    /// The JSON-RPC message, as this command line words it.
    #[must_use]
    pub fn body(&self) -> String {
        self.worded(Wording::Stateless, crate::NAME, &Along::default())
    }

    /// The headers that go with it, `Authorization` excepted.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        self.headers_of(Wording::Stateless)
    }

    pub(crate) fn worded(&self, wording: Wording<'_>, client: &str, along: &Along) -> String {
        let params = Worded {
            name: self.name.as_deref(),
            arguments: self.params.arguments.as_deref(),
            cursor: self.params.cursor.as_deref(),
            others: &self.params.others,
            _meta: self.meta(wording, client, along),
        };
        let id = (!self.params.is_notice).then_some(ID);
        let rpc = Rpc { jsonrpc: "2.0", id, method: self.method, params };
        // Text and JSON that was read before: writing it again cannot fail.
        serde_json::to_string(&rpc).unwrap_or_default()
    }

    pub(crate) fn headers_of<'a>(
        &'a self,
        wording: Wording<'a>,
    ) -> Vec<(&'static str, Cow<'a, str>)> {
        let mut headers = vec![
            ("Content-Type", "application/json".into()),
            ("Accept", "application/json, text/event-stream".into()),
        ];
        match wording {
            // What is to be agreed on is in the body.
            Wording::Agreed(_) if self.method == "initialize" => {}
            Wording::Agreed(version) => headers.push(("MCP-Protocol-Version", version.into())),
            Wording::Stateless => {
                headers.push(("MCP-Protocol-Version", VERSION.into()));
                headers.push(("Mcp-Method", self.method.into()));
                let name = self.name.as_deref();
                headers.extend(name.map(|name| ("Mcp-Name", header_value(name))));
            }
        }
        headers
    }

    fn meta(&self, wording: Wording<'_>, client: &str, along: &Along) -> Value {
        let mut meta = match wording {
            Wording::Stateless => json!({
                "io.modelcontextprotocol/protocolVersion": VERSION,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": info(client),
            }),
            Wording::Agreed(_) => json!({}),
        };
        if let Some(members) = meta.as_object_mut() {
            if self.params.progress {
                members.insert("progressToken".to_owned(), ID.into());
            }
            if let Some(traceparent) = &along.traceparent {
                members.insert("traceparent".to_owned(), traceparent.as_str().into());
            }
            if let Some(waits) = along.waits {
                let ms = u64::try_from(waits.as_millis()).unwrap_or(u64::MAX);
                members.insert("toolgate/timeout_ms".to_owned(), ms.max(1).into());
            }
        }
        meta
    }
}

fn info(client: &str) -> Value {
    json!({ "name": client, "version": env!("CARGO_PKG_VERSION") })
}

fn is_empty(meta: &Value) -> bool {
    meta.as_object().is_none_or(Map::is_empty)
}

/// A value as a header can carry it: as it is, or within the Base64 sentinel.
#[must_use]
pub fn header_value(text: &str) -> Cow<'_, str> {
    let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let is_trimmed = text.trim_matches(' ').len() == text.len();
    let is_sentinel = text.starts_with("=?base64?") && text.ends_with("?=");
    if is_plain && is_trimmed && !is_sentinel {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("=?base64?{}?=", STANDARD.encode(text)))
}
