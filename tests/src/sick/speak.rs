//! One connection of the sick target.
//!
//! In: requests. Out: what the next act says for a tool call, and a good answer to all else.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::act::{Act, Pace, Shape};
use super::http::{Received, Wire};
use super::polled::Kept;
use super::{Era, Seen, State, lock};

const JSON: &str = "Content-Type: application/json";
pub(super) const SSE: &str = "Content-Type: text/event-stream";
const DISCOVERED: &str = r#""supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private""#;

/// What matters of a message.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    id: Value,
    method: String,
    params: Params,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Params {
    name: String,
    _meta: Meta,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    #[serde(rename = "progressToken")]
    token: Value,
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<String>,
}

/// One exchange at a time.
pub(super) struct Talk {
    pub(super) wire: Wire,
    pub(super) state: Arc<State>,
}

/// Serves one connection to its end. What breaks it is the gateway's business.
pub(super) async fn connection(stream: TcpStream, state: Arc<State>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut talk = Talk { wire: Wire::new(stream), state };
    while let Ok(Some(received)) = talk.wire.receive().await {
        let message: Message = serde_json::from_slice(&received.body).unwrap_or_default();
        talk.state.note(&received, &message);
        let next = match &*message.method {
            "tools/call" if talk.state.is_foreign(&received, &message) => {
                talk.refuse(&message.id).await
            }
            "tools/call" => talk.call(&message).await,
            "" if received.verb == "GET" && received.after().is_some() => {
                talk.take_up(&received).await
            }
            _ => talk.other(&received.verb, &message).await,
        };
        match next {
            Ok(Next::On) => {}
            Ok(Next::Reset) => return drop(talk.wire.reset()),
            Ok(Next::Over) | Err(_) => return,
        }
    }
}

/// What happens to the connection after an act.
pub(super) enum Next {
    On,
    Over,
    Reset,
}

impl State {
    fn note(&self, received: &Received, message: &Message) {
        let method = message.method.clone();
        let is_call = method == "tools/call";
        lock(&self.seen).push(Seen {
            tool: if is_call { message.params.name.clone() } else { String::new() },
            method,
            headers: received.headers.clone(),
            body: received.body.clone(),
        });
    }

    /// Whether a call is one of the other era.
    fn is_foreign(&self, received: &Received, message: &Message) -> bool {
        match self.era() {
            Era::Modern => message.params._meta.version.is_none(),
            Era::Legacy => !received.headers.iter().any(|(name, _)| name == "mcp-session-id"),
        }
    }

    pub(super) fn good_result(&self) -> String {
        self.result(r#""content":[{"type":"text","text":"done"}]"#)
    }

    fn result(&self, members: &str) -> String {
        match self.era() {
            Era::Modern => format!(r#"{{{members},"resultType":"complete"}}"#),
            Era::Legacy => format!("{{{members}}}"),
        }
    }
}

impl Talk {
    /// Everything but tool calls is answered well.
    async fn other(&mut self, verb: &str, message: &Message) -> Result<Next> {
        let id = &message.id;
        match (verb, &*message.method, self.state.era()) {
            ("GET" | "DELETE", ..) => {
                self.wire.answer("405 Method Not Allowed", &["Allow: POST"], "").await?;
            }
            (_, "tools/list", _) => {
                let result = self.state.result(&self.state.tools());
                self.wire.json(&reply(id, "result", &result)).await?;
            }
            (_, "server/discover", Era::Modern) => {
                let result = self.state.result(DISCOVERED);
                self.wire.json(&reply(id, "result", &result)).await?;
            }
            (_, "initialize", Era::Legacy) => self.initialize(id).await?,
            (_, "ping", _) => self.wire.json(&reply(id, "result", "{}")).await?,
            (_, name, _) if name.starts_with("notifications/") => {
                self.wire.answer("202 Accepted", &[], "").await?;
            }
            _ => {
                let error = reply(id, "error", r#"{"code":-32601,"message":"no such method"}"#);
                self.wire.answer("400 Bad Request", &[JSON], &error).await?;
            }
        }
        Ok(Next::On)
    }

    async fn initialize(&mut self, id: &Value) -> Result<()> {
        let number = self.state.sessions.fetch_add(1, Ordering::SeqCst);
        let session = format!("Mcp-Session-Id: sick-{number}");
        let result = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sick","version":"1"}}"#;
        self.wire.answer("200 OK", &[JSON, &session], &reply(id, "result", result)).await
    }

    /// Refuses a call of the other era, as servers of either do.
    async fn refuse(&mut self, id: &Value) -> Result<Next> {
        let (id, error) = match self.state.era() {
            Era::Modern => (id, r#"{"code":-32602,"message":"params._meta is missing"}"#),
            Era::Legacy => (&Value::Null, r#"{"code":-32000,"message":"Server not initialized"}"#),
        };
        self.wire.answer("400 Bad Request", &[JSON], &reply(id, "error", error)).await?;
        Ok(Next::On)
    }

    async fn call(&mut self, message: &Message) -> Result<Next> {
        let id = &message.id;
        let act = lock(&self.state.acts).pop_front().unwrap_or(Act::Answer);
        match act {
            Act::Answer => self.good(id).await,
            Act::Result(result) => self.json(&reply(id, "result", &result)).await,
            Act::Error(error) => self.json(&reply(id, "error", &error)).await,
            Act::WrongId => {
                let result = self.state.good_result();
                self.json(&reply(&json!(987_654_321), "result", &result)).await
            }
            Act::Big(size) => {
                let content = json!([{ "type": "text", "text": "x".repeat(size) }]);
                let result = self.state.result(&format!(r#""content":{content}"#));
                self.json(&reply(id, "result", &result)).await
            }
            Act::Http(page) => {
                let headers: Vec<&str> = page.headers.iter().map(String::as_str).collect();
                self.wire.answer(page.status, &headers, &page.body).await?;
                Ok(Next::On)
            }
            Act::LoseSession => {
                self.wire.answer("404 Not Found", &[], "").await?;
                Ok(Next::On)
            }
            Act::Close => self.good(id).await.map(|_| Next::Over),
            Act::Reset => Ok(Next::Reset),
            Act::Hang => self.hang().await,
            Act::Hold => self.hold(id).await,
            Act::Slow(pace) => self.slowly(pace, id).await,
            Act::Stream(Shape::Whole) => self.whole_stream(id).await,
            Act::Stream(shape) => self.stream(shape, message).await,
        }
    }

    async fn good(&mut self, id: &Value) -> Result<Next> {
        let result = self.state.good_result();
        self.json(&reply(id, "result", &result)).await
    }

    async fn json(&mut self, body: &str) -> Result<Next> {
        self.wire.json(body).await?;
        Ok(Next::On)
    }

    async fn hang(&mut self) -> Result<Next> {
        self.wire.closed().await;
        self.state.hung_up.fetch_add(1, Ordering::SeqCst);
        Ok(Next::Over)
    }

    async fn hold(&mut self, id: &Value) -> Result<Next> {
        let state = Arc::clone(&self.state);
        tokio::select! {
            permit = state.release.acquire() => permit?.forget(),
            () = self.wire.closed() => {
                state.hung_up.fetch_add(1, Ordering::SeqCst);
                return Ok(Next::Over);
            }
        }
        self.good(id).await
    }

    /// An answer that comes in parts, or not to its end.
    async fn slowly(&mut self, pace: Pace, id: &Value) -> Result<Next> {
        let body = reply(id, "result", &self.state.good_result());
        let head = format!("HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: {}\r\n\r\n", body.len());
        self.wire.write(head.as_bytes()).await?;
        if let Pace::Drip(pause) = pace {
            self.wire.drip(body.as_bytes(), pause).await?;
            return Ok(Next::On);
        }
        let half = body.as_bytes().get(..body.len() / 2).unwrap_or_default();
        self.wire.write(half).await?;
        if matches!(pace, Pace::Stall) {
            return self.hang().await;
        }
        // Time for the half to be read: a reset throws away what the other side has not read yet.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(Next::Reset)
    }

    /// A stream in chunks, so that its end is not that of the connection.
    async fn whole_stream(&mut self, id: &Value) -> Result<Next> {
        let event = event(&reply(id, "result", &self.state.good_result()));
        let head = format!("HTTP/1.1 200 OK\r\n{SSE}\r\nTransfer-Encoding: chunked\r\n\r\n");
        self.wire.write(format!("{head}{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
        // The end comes in a segment of its own, behind the answer.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.wire.write(b"0\r\n\r\n").await?;
        Ok(Next::On)
    }

    async fn stream(&mut self, shape: Shape, message: &Message) -> Result<Next> {
        let id = &message.id;
        let head = format!("HTTP/1.1 200 OK\r\n{SSE}\r\nConnection: close\r\n\r\n");
        self.wire.write(head.as_bytes()).await?;
        let answer = reply(id, "result", &self.state.good_result());
        match shape {
            Shape::Notices(count) => {
                for number in 0..count {
                    self.wire.write(event(&notice(number)).as_bytes()).await?;
                }
                self.wire.write(event(&answer).as_bytes()).await?;
            }
            Shape::Hang => {
                self.wire.write(event(&notice(0)).as_bytes()).await?;
                return self.hang().await;
            }
            Shape::Progress => {
                let token = &message.params._meta.token;
                for token in [token, &json!("somebody else's"), token] {
                    self.wire.write(event(&progress(token)).as_bytes()).await?;
                }
                let odd = json!({ "jsonrpc": "2.0", "method": "notifications/made/up" });
                self.wire.write(event(&odd.to_string()).as_bytes()).await?;
                self.wire.write(event(&answer).as_bytes()).await?;
            }
            Shape::Whole => {}
            Shape::Polled { cuts, retry, kept } => {
                self.cut(Kept { id: id.clone(), cuts, retry, kept }).await?
            }
            Shape::Long(size) => {
                self.wire.write(b"data: ").await?;
                self.wire.write("x".repeat(size).as_bytes()).await?;
                return self.hang().await;
            }
            Shape::Cut => self.wire.write(event(&notice(0)).as_bytes()).await?,
            Shape::Other => {
                let other = reply(&json!(987_654_321), "result", &self.state.good_result());
                self.wire.write(event(&other).as_bytes()).await?;
                self.wire.write(event(&answer).as_bytes()).await?;
            }
            Shape::Odd => self.oddly(id).await?,
        }
        Ok(Next::Over)
    }

    async fn oddly(&mut self, id: &Value) -> Result<()> {
        let result = self.state.result(r#""content":[{"type":"text","text":"grün 🌱"}]"#);
        let answer = reply(id, "result", &result);
        let (first, second) = answer.split_once(',').unwrap_or((&answer, ""));
        let text = format!(
            "\u{feff}: a comment\r\n\r\nretry: 10\r\nid: 1\r\nunknown: field\r\n\
             event: message\r\ndata: {first},\r\ndata: {second}\r\n\r\n: the end\r\n\r\n"
        );
        let split = text.find('🌱').map_or(0, |at| at + 2);
        let (head, tail) = text.as_bytes().split_at(split);
        self.wire.write(head).await?;
        // The pieces must not meet in one segment.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.wire.write(tail).await
    }
}

impl State {
    fn tools(&self) -> String {
        let schema = json!({ "type": "object" });
        let mut tools = vec![
            json!({ "name": "read", "description": "Reads", "inputSchema": schema,
                    "annotations": { "readOnlyHint": true } }),
            json!({ "name": "write", "description": "Writes", "inputSchema": schema }),
        ];
        let more = 0..self.more.load(Ordering::SeqCst);
        tools.extend(more.map(|n| json!({ "name": format!("more_{n}"), "inputSchema": schema })));
        let tools = Value::Array(tools);
        match self.era() {
            Era::Modern => format!(r#""tools":{tools},"ttlMs":0,"cacheScope":"private""#),
            Era::Legacy => format!(r#""tools":{tools}"#),
        }
    }
}

pub(super) fn reply(id: &Value, member: &str, value: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"{member}":{value}}}"#)
}

pub(super) fn event(data: &str) -> String {
    format!("event: message\ndata: {data}\n\n")
}

fn progress(token: &Value) -> String {
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": { "progressToken": token, "progress": 1 },
    })
    .to_string()
}

fn notice(number: usize) -> String {
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/message",
        "params": { "level": "info", "data": { "number": number } },
    })
    .to_string()
}
