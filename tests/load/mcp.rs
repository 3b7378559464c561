//! What the generator says and what it accepts as an answer.
//!
//! In: where to call, which tool, which era. Out: ready-made requests whose ids are patched in
//! place, and a verdict on every answer. It never accepts an answer it has not checked.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::Era;
use crate::wire::{Answer, Connection};

/// Ids start here so that all have ten digits and every request the same length.
pub(crate) const FIRST_ID: u64 = 1_000_000_000;
/// Length of the text sent and echoed, bytes.
pub(crate) const TEXT: usize = 256;
/// The tool of the stub.
pub(crate) const TOOL: &str = "echo";

/// A way to a subject, with all it takes to call its tool.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The path of its MCP endpoint.
    pub(crate) path: &'static str,
    /// The tool's name as the subject publishes it.
    pub(crate) tool: &'static str,
    /// The bearer token.
    pub(crate) bearer: String,
    /// How MCP is spoken.
    pub(crate) era: Era,
    /// Whether the caller wants its calls to be recorded, all of them in one trace.
    pub(crate) traced: bool,
}

/// An open connection that is ready to call.
#[derive(Debug)]
pub(crate) struct Client {
    connection: Connection,
    call: Template,
}

/// One request, with the places where the id stands.
#[derive(Debug)]
struct Template {
    request: Vec<u8>,
    /// In the request: JSON-RPC id, start of the text.
    places: [usize; 2],
    text: Vec<u8>,
}

#[derive(Deserialize)]
struct Reply<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    result: Option<ToolResult<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult<'a> {
    #[serde(borrow)]
    result_type: Option<Cow<'a, str>>,
    #[serde(default)]
    is_error: bool,
    content: Vec<Content<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

/// Of a caller whose calls are recorded.
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

impl Door {
    /// Connects and, in the legacy era, opens a session.
    pub(crate) async fn enter(&self) -> Result<Client> {
        let (connection, session) = self.connect().await?;
        Ok(Client { connection, call: Template::new(self, session.as_deref())? })
    }

    /// Whether the subject lists the tool, that is, whether it is ready.
    pub(crate) async fn lists_tool(&self) -> Result<bool> {
        let (mut connection, request) = self.about_to_list().await?;
        let answer = listed(&mut connection, &request).await?;
        let quoted = format!("\"{}\"", self.tool);
        Ok(memmem::find(&answer.body, quoted.as_bytes()).is_some())
    }

    /// How long a page of the list takes over a connection that is open, so many times, and how many
    /// tools are on it.
    pub(crate) async fn times_list(&self, times: usize) -> Result<(Vec<Duration>, usize)> {
        let (mut connection, request) = self.about_to_list().await?;
        let (mut took, mut tools) = (Vec::with_capacity(times), 0);
        for _ in 0..times {
            let start = Instant::now();
            let answer = listed(&mut connection, &request).await?;
            took.push(start.elapsed());
            tools = memmem::find_iter(&answer.body, b"\"inputSchema\"").count();
        }
        Ok((took, tools))
    }

    /// A connection, with what asks for the first page of the list on it.
    async fn about_to_list(&self) -> Result<(Connection, Vec<u8>)> {
        let (connection, session) = self.connect().await?;
        let body = self.message("tools/list", Some(FIRST_ID), json!({}));
        Ok((connection, self.post("tools/list", None, session.as_deref(), &body)))
    }

    /// A connection and, in the legacy era, a session.
    async fn connect(&self) -> Result<(Connection, Option<String>)> {
        let mut connection = Connection::open(self.address).await?;
        let session = match self.era {
            Era::Modern => None,
            Era::Legacy => self.handshake(&mut connection).await?,
        };
        Ok((connection, session))
    }

    /// Whether the subject answers 401 to a token whose signature is wrong.
    pub(crate) async fn refuses_forgery(&self) -> Result<bool> {
        let (signed, signature) = self.bearer.rsplit_once('.').context("the token is a JWT")?;
        let forged: String = signature.chars().rev().collect();
        let stranger = Self { bearer: format!("{signed}.{forged}"), ..self.clone() };
        let body = stranger.message("tools/list", Some(FIRST_ID), json!({}));
        let request = stranger.post("tools/list", None, None, &body);
        let answer = Connection::open(self.address).await?.exchange(&request).await?;
        Ok(answer.status == 401)
    }

    async fn handshake(&self, connection: &mut Connection) -> Result<Option<String>> {
        let params = json!({
            "protocolVersion": self.era.revision(),
            "capabilities": {},
            "clientInfo": { "name": "load", "version": env!("CARGO_PKG_VERSION") },
        });
        let body = self.message("initialize", Some(FIRST_ID), params);
        let answer = connection.exchange(&self.post("initialize", None, None, &body)).await?;
        ensure!(answer.status == 200, "initialize: {}", describe(&answer));
        let session = answer.header("mcp-session-id").map(str::to_owned);
        let body = self.message("notifications/initialized", None, json!({}));
        let request = self.post("notifications/initialized", None, session.as_deref(), &body);
        let answer = connection.exchange(&request).await?;
        ensure!(answer.status == 202, "notifications/initialized: {}", describe(&answer));
        Ok(session)
    }

    fn message(&self, method: &str, id: Option<u64>, mut params: Value) -> String {
        if let (Era::Modern, Some(params)) = (self.era, params.as_object_mut()) {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": self.era.revision(),
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {
                    "name": "load",
                    "version": env!("CARGO_PKG_VERSION"),
                },
            });
            params.insert("_meta".to_owned(), meta);
        }
        match id {
            Some(id) => json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }),
            None => json!({ "jsonrpc": "2.0", "method": method, "params": params }),
        }
        .to_string()
    }

    fn post(&self, method: &str, name: Option<&str>, session: Option<&str>, body: &str) -> Vec<u8> {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n",
            self.path, self.address, self.bearer,
        );
        let mut line = |key: &str, value: &str| head.push_str(&format!("{key}: {value}\r\n"));
        if method != "initialize" {
            line("MCP-Protocol-Version", self.era.revision());
        }
        if self.era == Era::Modern {
            line("Mcp-Method", method);
        }
        if let (Era::Modern, Some(name)) = (self.era, name) {
            line("Mcp-Name", name);
        }
        if let Some(session) = session {
            line("Mcp-Session-Id", session);
        }
        if self.traced {
            line("traceparent", TRACEPARENT);
        }
        line("Content-Length", &body.len().to_string());
        format!("{head}\r\n{body}").into_bytes()
    }
}

impl Client {
    /// Calls the tool once and checks the answer.
    pub(crate) async fn call(&mut self, id: u64) -> Result<()> {
        self.call.set_id(id)?;
        let answer = self.connection.exchange(&self.call.request).await?;
        check(&answer, id, &self.call.text)
    }
}

impl Template {
    fn new(door: &Door, session: Option<&str>) -> Result<Self> {
        let text = format!("{FIRST_ID}{:.>width$}", "", width = TEXT - digits(FIRST_ID).len());
        let params = json!({ "name": door.tool, "arguments": { "text": text } });
        let body = door.message("tools/call", Some(FIRST_ID), params);
        let request = door.post("tools/call", Some(door.tool), session, &body);
        let head = request.len() - body.len();
        let marks: Vec<usize> = memmem::find_iter(body.as_bytes(), &digits(FIRST_ID))
            .map(|place| head + place)
            .collect();
        let Ok(places) = marks.try_into() else { bail!("the id must stand twice in a call") };
        Ok(Self { request, places, text: text.into_bytes() })
    }

    fn set_id(&mut self, id: u64) -> Result<()> {
        let digits = digits(id);
        for place in self.places {
            overwrite(&mut self.request, place, &digits)?;
        }
        overwrite(&mut self.text, 0, &digits)
    }
}

async fn listed(connection: &mut Connection, request: &[u8]) -> Result<Answer> {
    let answer = connection.exchange(request).await?;
    ensure!(answer.status == 200, "tools/list: {}", describe(&answer));
    Ok(answer)
}

fn overwrite(bytes: &mut [u8], place: usize, digits: &[u8]) -> Result<()> {
    let target = bytes.get_mut(place..place + digits.len()).context("an id that is too long")?;
    target.copy_from_slice(digits);
    Ok(())
}

fn digits(id: u64) -> Vec<u8> {
    id.to_string().into_bytes()
}

/// Accepts a complete success with this id and exactly this text, and nothing else.
fn check(answer: &Answer, id: u64, text: &[u8]) -> Result<()> {
    ensure!(answer.status == 200, "{}", describe(answer));
    let json = message(answer).with_context(|| describe(answer))?;
    let reply: Reply<'_> = serde_json::from_slice(json).with_context(|| describe(answer))?;
    ensure!(reply.id == Some(id), "an answer to {:?} instead of {id}", reply.id);
    let Some(result) = reply.result else { bail!("no result: {}", describe(answer)) };
    ensure!(!result.is_error, "a tool error: {}", describe(answer));
    let complete = result.result_type.is_none_or(|kind| kind == "complete");
    ensure!(complete, "an unfinished result: {}", describe(answer));
    let echoed = result.content.first().and_then(|content| content.text.as_deref());
    ensure!(echoed.map(str::as_bytes) == Some(text), "another text: {}", describe(answer));
    Ok(())
}

/// The JSON-RPC message in a body: all of it, or the last event of a stream.
fn message(answer: &Answer) -> Result<&[u8]> {
    if !answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
        return Ok(&answer.body);
    }
    let text = std::str::from_utf8(&answer.body).context("a stream that is not text")?;
    let last = text.lines().rev().find_map(|line| line.strip_prefix("data:"));
    Ok(last.context("a stream without an event")?.trim_start().as_bytes())
}

fn describe(answer: &Answer) -> String {
    let start = answer.body.get(..answer.body.len().min(300)).unwrap_or_default();
    format!("status {}, body {}", answer.status, String::from_utf8_lossy(start))
}
