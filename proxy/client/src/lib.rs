//! A small MCP client, for the command line and for the agent.
//!
//! Enters: the URL of a gateway, a token, a tool and its arguments. Leaves: the result as the
//! bytes that came, or a typed reason why there is none. Never: a repetition of what may have been
//! carried out, a redirect, or a token in anything that is printed.

mod admin;
mod answer;
mod bearer;
mod failure;
mod listen;
mod oauth;
mod older;
pub mod request;
pub mod runfile;
pub mod sse;
#[cfg(test)]
mod tests;
pub mod transport;
pub mod trust;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use http::request::Builder;
use http::{Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::capture_connection;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::admin::admin;
pub use self::answer::{Answer, Head, Progress};
pub use self::bearer::{Bearer, Claims};
pub use self::failure::{Failure, Refused};
pub use self::listen::Changes;
pub use self::oauth::{ClientCredentials, Token, TokenError, token_endpoint};
pub use self::request::{Along, Ask};
pub use self::trust::Trust;

use self::older::{Lifecycle, Older, SESSION_ID};
use self::request::Wording;
use self::transport::Transport;

/// How many pages of `tools/list` are read.
const MOST_PAGES: usize = 100;

/// The name of the command line, as the other side hears it.
pub(crate) const NAME: &str = "toolgate-cli";

/// The user agent of the command line.
const AGENT: &str = concat!("toolgate-cli/", env!("CARGO_PKG_VERSION"));

/// What is done with a progress notification (`basic/utilities/progress`).
pub type OnProgress<'a> = &'a mut (dyn FnMut(&Progress) + Send);

/// A client of one gateway: of the revision 2026-07-28, and, if it is told to look, of the ones
/// before it.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    url: Uri,
    token: Option<Bearer>,
    patience: Duration,
    name: &'static str,
    lifecycle: Option<Lifecycle>,
}

/// A tool as `tools/list` names it.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its description; empty when there is none.
    pub description: String,
    /// The whole entry, as it came.
    pub raw: Box<RawValue>,
}

#[derive(Deserialize)]
struct ToolName {
    name: String,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    tools: Vec<Box<RawValue>>,
    #[serde(default, rename = "nextCursor")]
    next_cursor: Option<String>,
    #[serde(default, rename = "_meta")]
    meta: Option<Box<RawValue>>,
}

/// One request in all its parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) ask: &'a Ask,
    pub(crate) along: &'a Along,
    pub(crate) token: Option<&'a Bearer>,
    /// What was agreed on with a server of an older revision.
    pub(crate) older: Option<&'a Older>,
}

// === impl Client ===

impl Client {
    /// A client for that endpoint. Nothing is sent yet. `patience` bounds each request whole.
    ///
    /// # Errors
    /// [`Failure::Url`]: not an absolute `http` or `https` URL.
    pub fn new(url: &str, token: Option<Bearer>, patience: Duration) -> Result<Self, Failure> {
        let url = transport::absolute(url)?;
        let transport = Transport::default();
        Ok(Self { transport, url, token, patience, name: NAME, lifecycle: None })
    }

    /// The same, which trusts others, or shows a certificate.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self { transport: Transport::trusting(trust), ..self }
    }

    /// The same for a program that goes on: connections are kept, the other side hears that name,
    /// and is asked once which lifecycle it has (2026-07-28, "Backward compatibility").
    #[must_use]
    pub fn keeping(self, name: &'static str) -> Self {
        let transport = self.transport.keeping();
        Self { transport, name, lifecycle: Some(Lifecycle::default()), ..self }
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// Every [`Failure`]; [`Failure::Tool`] when the tool itself said `isError`.
    pub async fn call(
        &self,
        tool: &str,
        arguments: &RawValue,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, Failure> {
        let ask = Ask::call(tool, arguments);
        let along = Along::within(self.patience);
        let answer = self.send(&ask, &along, self.token.as_ref(), on_progress).await?;
        if answer.is_error() { Err(Failure::Tool(Box::new(answer))) } else { Ok(answer) }
    }

    /// Every tool there is, page by page, up to 100 pages.
    ///
    /// # Errors
    /// Every [`Failure`] but [`Failure::Tool`].
    pub async fn tools(&self) -> Result<Vec<Tool>, Failure> {
        self.tools_of(&Along::default(), self.token.as_ref()).await.map(|listed| listed.0)
    }

    /// The same, of whoever that token is; and what came with the last page.
    ///
    /// # Errors
    /// Every [`Failure`] but [`Failure::Tool`].
    pub async fn tools_of(
        &self,
        along: &Along,
        token: Option<&Bearer>,
    ) -> Result<(Vec<Tool>, Option<Box<RawValue>>), Failure> {
        let (mut tools, mut cursor, mut meta) = (Vec::new(), None, None);
        for _ in 0..MOST_PAGES {
            let ask = Ask::list(cursor.as_deref());
            let answer = self.send(&ask, along, token, &mut |_: &Progress| {}).await?;
            let page: Page = serde_json::from_str(answer.result.get())
                .map_err(|error| not_a_list(&answer, &error))?;
            for raw in page.tools {
                tools.push(Tool::read(raw).map_err(|error| not_a_list(&answer, &error))?);
            }
            (cursor, meta) = (page.next_cursor, page.meta);
            if cursor.is_none() {
                break;
            }
        }
        Ok((tools, meta))
    }

    /// One request, with what goes along with it, as whoever that token is. A tool that said no has
    /// answered.
    ///
    /// # Errors
    /// Every [`Failure`] but [`Failure::Tool`].
    pub async fn send(
        &self,
        ask: &Ask,
        along: &Along,
        token: Option<&Bearer>,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, Failure> {
        match &self.lifecycle {
            None => self.exchange(&Sent { ask, along, token, older: None }, on_progress).await,
            Some(lifecycle) => {
                Box::pin(lifecycle.send(
                    self,
                    &Sent { ask, along, token, older: None },
                    on_progress,
                ))
                .await
            }
        }
    }

    pub(crate) async fn exchange(
        &self,
        sent: &Sent<'_>,
        on_progress: OnProgress<'_>,
    ) -> Result<Answer, Failure> {
        let started = Instant::now();
        let mut request = self.request(sent)?;
        let captured = capture_connection(&mut request);
        let whole = Box::pin(async {
            let response = self.transport.send(request).await?;
            answer::read(response, started, on_progress).await
        });
        tokio::time::timeout(self.patience, whole).await.unwrap_or_else(|_| {
            let was_sent = captured.connection_metadata().is_some();
            Err(Failure::TimedOut { after: self.patience, was_sent })
        })
    }

    /// Sends what has no answer; any 2xx is one.
    pub(crate) async fn tell(&self, sent: &Sent<'_>) -> Result<(), Failure> {
        let whole = Box::pin(self.transport.send(self.request(sent)?));
        let late = Failure::TimedOut { after: self.patience, was_sent: true };
        let response = tokio::time::timeout(self.patience, whole).await.unwrap_or(Err(late))?;
        if response.status().is_success() {
            return Ok(());
        }
        let detail = format!("`{}` was not taken", sent.ask.method);
        let head = answer::Head::of(response.status(), response.headers().clone());
        Err(Failure::NotMcp { head: Box::new(head), detail })
    }

    fn request(&self, sent: &Sent<'_>) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::post(self.url.clone());
        for (name, value) in sent.ask.headers_of(sent.wording()) {
            request = request.header(name, &*value);
        }
        let body = sent.ask.worded(sent.wording(), self.name, sent.along);
        self.addressed(request, sent, body)
    }

    /// What every request carries, whatever it asks.
    fn addressed(
        &self,
        mut request: Builder,
        sent: &Sent<'_>,
        body: String,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let session = sent.older.and_then(|older| older.session.as_ref());
        if let Some(session) = session {
            request = request.header(SESSION_ID, session);
        }
        if let Some(token) = sent.token {
            request = request.header(AUTHORIZATION, token.header());
        }
        if let Some(id) = &sent.along.request_id {
            request = request.header("x-request-id", id);
        }
        if let Some(traceparent) = &sent.along.traceparent {
            request = request.header("traceparent", traceparent);
        }
        request
            .header(USER_AGENT, self.agent())
            .body(Full::from(body))
            .map_err(|error| Failure::Url { url: self.url.to_string(), problem: error.to_string() })
    }

    fn agent(&self) -> HeaderValue {
        let agent = format!("{}/{}", self.name, env!("CARGO_PKG_VERSION"));
        HeaderValue::try_from(agent).unwrap_or(HeaderValue::from_static(AGENT))
    }
}

// === impl Sent ===

impl Sent<'_> {
    fn wording(&self) -> Wording<'_> {
        self.older.map_or(Wording::Stateless, |older| Wording::Agreed(&older.version))
    }
}

// === impl Tool ===

impl Tool {
    fn read(raw: Box<RawValue>) -> serde_json::Result<Self> {
        let ToolName { name, description } = serde_json::from_str(raw.get())?;
        Ok(Self { name, description: description.unwrap_or_default(), raw })
    }
}

fn not_a_list(answer: &Answer, error: &serde_json::Error) -> Failure {
    let detail = format!("the answer to tools/list is not a list of tools: {error}");
    Failure::NotMcp { head: Box::new(answer.head.clone()), detail }
}
