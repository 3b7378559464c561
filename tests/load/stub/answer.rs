//! The stub's answers: pure, from one JSON-RPC message to another.
//!
//! In: a parsed request. Out: the bytes of its answer. It never does input or output.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cli::Era;
use crate::mcp::{TEXT, TOOL};

/// A request or notification, as far as the stub looks.
#[derive(Debug, Deserialize)]
pub(super) struct Ask<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    /// The JSON-RPC method.
    #[serde(borrow)]
    pub(super) method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arguments: Option<Arguments<'a>>,
    #[serde(borrow, rename = "protocolVersion")]
    protocol_version: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Debug, Deserialize)]
struct Arguments<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<Cow<'a, str>>,
}

/// What goes back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// 202 without a body.
    Accepted,
    /// 200 with this message.
    Json(Bytes),
    /// 404 with this error, as the modern era wants for unknown methods.
    NotFound(Bytes),
}

#[derive(Serialize)]
struct Success<'a, R> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: R,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Echo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    content: [Text<'a>; 1],
    is_error: bool,
}

#[derive(Serialize)]
struct Text<'a> {
    r#type: &'static str,
    text: Cow<'a, str>,
}

impl Ask<'_> {
    /// The answer to this message of a stub that lists so many tools.
    pub(super) fn reply(&self, tools: u16) -> Reply {
        let Some(id) = self.id else { return Reply::Accepted };
        match &*self.method {
            "tools/call" => self.call(id),
            "tools/list" => self.success(id, list(tools)),
            "server/discover" => self.success(id, discovery()),
            "initialize" => self.success(id, self.welcome()),
            "ping" => self.success(id, json!({})),
            _ => self.error(id, -32601, "the stub knows no such method"),
        }
    }

    fn call(&self, id: &RawValue) -> Reply {
        let params = self.params.as_ref();
        let tool = params.and_then(|params| params.name.as_deref());
        let arguments = params.and_then(|params| params.arguments.as_ref());
        let text = arguments.and_then(|arguments| arguments.text.as_deref());
        match (tool, text) {
            (Some(TOOL), Some(text)) => {
                let content = [Text { r#type: "text", text: exactly(text) }];
                let result_type = (self.era() == Era::Modern).then_some("complete");
                encode(&Success {
                    jsonrpc: "2.0",
                    id,
                    result: Echo { result_type, content, is_error: false },
                })
            }
            _ => self.error(id, -32602, "the stub has one tool, echo, which takes a text"),
        }
    }

    fn success(&self, id: &RawValue, mut result: Value) -> Reply {
        if let (Era::Modern, Some(result)) = (self.era(), result.as_object_mut()) {
            result.insert("resultType".to_owned(), json!("complete"));
        }
        encode(&Success { jsonrpc: "2.0", id, result })
    }

    fn error(&self, id: &RawValue, code: i32, message: &str) -> Reply {
        let error = json!({ "code": code, "message": message });
        let json = json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string();
        match self.era() {
            Era::Modern => Reply::NotFound(json.into()),
            Era::Legacy => Reply::Json(json.into()),
        }
    }

    fn welcome(&self) -> Value {
        let asked = self.params.as_ref().and_then(|params| params.protocol_version.as_deref());
        json!({
            "protocolVersion": asked.unwrap_or(Era::Legacy.revision()),
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "stub", "version": "1" },
        })
    }

    /// Modern requests carry their version with them; discovery is modern by itself.
    fn era(&self) -> Era {
        let meta = self.params.as_ref().and_then(|params| params.meta.as_ref());
        let modern = meta.is_some_and(|meta| meta.version.is_some());
        if modern || self.method == "server/discover" { Era::Modern } else { Era::Legacy }
    }
}

/// For how long its lists are good, in milliseconds: longer than any run, so that none is fetched while
/// calls are measured.
const TTL: u64 = 3_600_000;

fn list(tools: u16) -> Value {
    let tool = |name: &str| {
        json!({
            "name": name,
            "description": "Gives back the first 256 bytes of a text.",
            "inputSchema": {
                "type": "object",
                "properties": { "text": { "type": "string" } },
                "required": ["text"],
            },
            "annotations": { "readOnlyHint": true },
        })
    };
    let others = (1..tools).map(|number| tool(&format!("listed_{number}")));
    let tools: Vec<Value> = std::iter::once(tool(TOOL)).chain(others).collect();
    json!({ "tools": tools, "ttlMs": TTL, "cacheScope": "public" })
}

fn discovery() -> Value {
    json!({
        "supportedVersions": [Era::Modern.revision()],
        "capabilities": { "tools": {} },
        "ttlMs": TTL,
        "cacheScope": "public",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "stub", "version": "1" } },
    })
}

/// `text` cut or filled to the agreed length, so that every answer weighs the same.
fn exactly(text: &str) -> Cow<'_, str> {
    match text.get(..TEXT) {
        Some(start) => Cow::Borrowed(start),
        None => Cow::Owned(format!("{text:.<TEXT$}")),
    }
}

fn encode<R: Serialize>(success: &Success<'_, R>) -> Reply {
    match serde_json::to_vec(success) {
        Ok(json) => Reply::Json(json.into()),
        // Strings and numbers always encode; an empty body would be refused by the generator.
        Err(_) => Reply::Json(Bytes::new()),
    }
}
