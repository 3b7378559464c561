//! A caller that sends exactly what it is told to.
//!
//! In: HTTP requests, well formed or not in their MCP part. Out: status, headers and body as they
//! came. It never repeats a request, never follows a redirect and never corrects a message.

mod answer;
mod kept;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use answer::Answer;
use answer::events;
pub use kept::Kept;

use crate::canary;
use crate::wait::until;

/// The revision of modern requests.
pub const MODERN: &str = "2026-07-28";
/// The revision of legacy requests.
pub const LEGACY: &str = "2025-11-25";

/// Where MCP is.
const MCP: &str = "/mcp";

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Someone who calls one address, with one token or none. Every request has its own connection,
/// unless it is [`Client::kept`].
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    bearer: Option<String>,
    path: String,
}

/// A request that can be changed before it is sent.
#[derive(Clone, Debug)]
pub struct Ask {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// An answer that is still coming; dropping it closes the connection.
#[derive(Debug)]
pub struct Opened {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    unread: String,
    driver: JoinHandle<()>,
}

/// A session of the older era.
#[derive(Clone, Debug)]
pub struct Session {
    /// `Mcp-Session-Id`.
    pub id: String,
    client: Client,
}

// === impl Client ===

impl Client {
    /// A caller without a token.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, bearer: None, path: MCP.to_owned() }
    }

    /// The same with a token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        let token = token.into();
        canary::plant(&token);
        Self { bearer: Some(token), ..self.clone() }
    }

    /// The same of a server of the gateway: what would go to `/mcp` goes to that path.
    #[must_use]
    pub fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// The same over one connection for all requests.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept::new(self.clone())
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// When there is no HTTP answer in time.
    pub async fn send(&self, ask: Ask) -> Result<Answer> {
        let whole = async { self.open(ask).await?.finish().await };
        timeout(PATIENCE, Box::pin(whole)).await.context("no answer in time")?
    }

    /// Sends a request and reads the head of its answer.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn open(&self, ask: Ask) -> Result<Opened> {
        let request = self.request(ask)?;
        let opening = async {
            let stream = TcpStream::connect(self.address).await.context("connecting")?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            let mut driver = Driver(Some(tokio::spawn(async move { drop(connection.await) })));
            let response = sender.send_request(request).await.context("waiting for a head")?;
            let (head, body) = response.into_parts();
            let driver = driver.0.take().context("a driver is there until now")?;
            let (status, headers) = (head.status.as_u16(), head.headers);
            anyhow::Ok(Opened { status, headers, body, unread: String::new(), driver })
        };
        timeout(PATIENCE, Box::pin(opening)).await.context("no head of an answer in time")?
    }

    /// Sends bytes that need not be HTTP, and reads all that comes back until the other side
    /// closes the connection, which it may do before it has read everything.
    ///
    /// # Errors
    /// When it does not close the connection in time.
    pub async fn raw(&self, bytes: &[u8]) -> Result<String> {
        let exchange = async {
            let stream = TcpStream::connect(self.address).await.context("connecting")?;
            let (mut reader, mut writer) = stream.into_split();
            let mut all = Vec::new();
            let (_written, _read) =
                tokio::join!(writer.write_all(bytes), reader.read_to_end(&mut all));
            anyhow::Ok(String::from_utf8_lossy(&all).into_owned())
        };
        timeout(PATIENCE, exchange).await.context("the connection stays open")?
    }

    /// A modern request.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn modern(&self, method: &str, params: Value) -> Result<Answer> {
        self.send(Ask::modern(method, params)).await
    }

    /// A modern `tools/call`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn tool(&self, name: &str, arguments: Value) -> Result<Answer> {
        self.send(Ask::tool(name, arguments)).await
    }

    /// Names of the tools in a modern `tools/list`.
    ///
    /// # Errors
    /// When the answer is not a list.
    pub async fn tools(&self) -> Result<Vec<String>> {
        self.modern("tools/list", json!({})).await?.tool_names()
    }

    /// Waits until it lists these tools and no others.
    ///
    /// # Errors
    /// When it does not come to that.
    pub async fn until_listed(&self, tools: &[&str]) -> Result<()> {
        until(format!("just {tools:?} are listed"), async || {
            Ok((self.tools().await? == tools).then_some(()))
        })
        .await
    }

    /// Opens a session of the older era.
    ///
    /// # Errors
    /// When the handshake fails.
    pub async fn session(&self) -> Result<Session> {
        self.able_session(&json!({})).await
    }

    /// The same with these capabilities.
    ///
    /// # Errors
    /// When the handshake fails.
    pub async fn able_session(&self, capabilities: &Value) -> Result<Session> {
        let params = json!({
            "protocolVersion": LEGACY,
            "capabilities": capabilities,
            "clientInfo": { "name": "e2e", "version": "1" },
        });
        let body = message("1", "initialize", &params.to_string());
        let answer = self.send(Ask::post(body)).await?;
        ensure!(answer.status == 200, "initialize: {} {}", answer.status, answer.text());
        let id = answer.header("mcp-session-id").context("no Mcp-Session-Id")?;
        let session = Session { id, client: self.clone() };
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let told = session.send(notification).await?;
        ensure!(told.status == 202, "initialized: {} {}", told.status, told.text());
        Ok(session)
    }

    /// A session that was opened elsewhere.
    #[must_use]
    pub fn resumed(&self, id: &str) -> Session {
        Session { id: id.to_owned(), client: self.clone() }
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>> {
        let path = if ask.path == MCP { &self.path } else { &ask.path };
        let mut request = Request::builder().method(ask.method).uri(path);
        let headers = request.headers_mut().context("a method and a path")?;
        headers.insert("host", HeaderValue::from_str(&self.address.to_string())?);
        if let Some(token) = &self.bearer {
            headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {token}"))?);
        }
        for (name, value) in &ask.headers {
            let name: HeaderName = name.parse()?;
            let value = HeaderValue::from_str(value)?;
            if name == "host" {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
        Ok(request.body(Full::new(ask.body))?)
    }
}

/// Aborts a connection whose answer nobody waits for any more.
struct Driver(Option<JoinHandle<()>>);

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

// === impl Ask ===

impl Ask {
    /// A POST of that body to `/mcp` with the headers of JSON.
    #[must_use]
    pub fn post(body: impl Into<Bytes>) -> Self {
        let ask = Self::of(Method::POST, MCP).header("content-type", "application/json");
        let mut ask = ask.header("accept", "application/json, text/event-stream");
        ask.body = body.into();
        ask
    }

    /// A GET.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::of(Method::GET, path)
    }

    /// Any method.
    #[must_use]
    pub fn of(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    /// A modern request with every header and `_meta` as they must be; id 1.
    #[must_use]
    pub fn modern(method: &str, params: Value) -> Self {
        Self::modern_raw("1", method, &with_meta(params))
    }

    /// A modern `tools/call`.
    #[must_use]
    pub fn tool(name: &str, arguments: Value) -> Self {
        let mut params = Map::new();
        params.insert("name".to_owned(), name.into());
        params.insert("arguments".to_owned(), arguments);
        Self::modern("tools/call", Value::Object(params)).header("mcp-name", name)
    }

    /// The same by a caller that asks for log messages on the way.
    #[must_use]
    pub fn verbose_tool(name: &str) -> Self {
        let meta = json!({ "io.modelcontextprotocol/logLevel": "debug" });
        let params = json!({ "name": name, "arguments": {}, "_meta": meta });
        Self::modern("tools/call", params).header("mcp-name", name)
    }

    /// A modern request whose id and params are text that is sent as it is.
    #[must_use]
    pub fn modern_raw(id: &str, method: &str, params: &str) -> Self {
        Self::post(message(id, method, params))
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", method)
    }

    /// A message on a session of the older era.
    #[must_use]
    pub fn on_session(session: &str, body: impl Into<Bytes>) -> Self {
        Self::post(body).header("mcp-protocol-version", LEGACY).header("mcp-session-id", session)
    }

    /// Sends it to another path.
    #[must_use]
    pub fn to(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Adds a header, also one that is there already.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        canary::plant_header(name, value);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a header out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(have, _)| have != name);
        self
    }

    /// Puts a header in the place of whatever it said.
    #[must_use]
    pub fn instead(self, name: &str, value: &str) -> Self {
        self.without(name).header(name, value)
    }
}

/// `params` with the `_meta` that every modern request carries.
#[must_use]
pub fn with_meta(params: Value) -> String {
    let mut params = params;
    let own = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    if let Some(object) = params.as_object_mut() {
        let meta = object.entry("_meta").or_insert_with(|| json!({}));
        if let (Some(meta), Value::Object(own)) = (meta.as_object_mut(), own) {
            meta.extend(own);
        }
    }
    params.to_string()
}

/// A JSON-RPC request of these pieces, not looked at.
#[must_use]
pub fn message(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

// === impl Opened ===

impl Opened {
    /// The rest of it.
    ///
    /// # Errors
    /// When the connection breaks off.
    pub async fn finish(mut self) -> Result<Answer> {
        let body = (&mut self.body).collect().await.context("reading the body")?.to_bytes();
        let (status, headers) = (self.status, std::mem::take(&mut self.headers));
        if status >= 400 {
            canary::watch("an error", &format!("{headers:?}{}", String::from_utf8_lossy(&body)));
        }
        Ok(Answer { status, headers, body })
    }

    /// The next message of an event stream.
    ///
    /// # Errors
    /// When the stream ends first, or the message does not come in time.
    pub async fn next_message(&mut self) -> Result<Value> {
        timeout(PATIENCE, self.next()).await.context("no message in time")?
    }

    async fn next(&mut self) -> Result<Value> {
        loop {
            if let Some(end) = self.unread.find("\n\n") {
                let event: String = self.unread.drain(..end + 2).collect();
                if let Some(message) = events(&event)?.pop() {
                    return Ok(message);
                }
                continue;
            }
            let Some(frame) = self.body.frame().await else { bail!("the stream has ended") };
            if let Ok(data) = frame?.into_data() {
                self.unread.push_str(&String::from_utf8_lossy(&data).replace("\r\n", "\n"));
            }
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

// === impl Session ===

impl Session {
    /// Sends any message on the session.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send(&self, body: impl Into<Bytes>) -> Result<Answer> {
        self.client.send(Ask::on_session(&self.id, body)).await
    }

    /// Sends a request with id 7 on the session.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn request(&self, method: &str, params: Value) -> Result<Answer> {
        self.send(message("7", method, &params.to_string())).await
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn tool(&self, name: &str, arguments: Value) -> Result<Answer> {
        self.request("tools/call", json!({ "name": name, "arguments": arguments })).await
    }

    /// Sends any message on the session, and reads the head of its answer.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub async fn open(&self, body: impl Into<Bytes>) -> Result<Opened> {
        self.client.open(Ask::on_session(&self.id, body)).await
    }

    /// Opens the stream of unsolicited messages (GET).
    ///
    /// # Errors
    /// As [`Client::open`].
    pub async fn stream(&self) -> Result<Opened> {
        self.client.open(self.bodiless(Method::GET)).await
    }

    /// Ends the session (DELETE).
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn end(&self) -> Result<Answer> {
        self.client.send(self.bodiless(Method::DELETE)).await
    }

    fn bodiless(&self, method: Method) -> Ask {
        Ask::of(method, MCP)
            .header("accept", "text/event-stream")
            .header("mcp-protocol-version", LEGACY)
            .header("mcp-session-id", &self.id)
    }
}
