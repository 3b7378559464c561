//! A small MCP client, for the command line.
//!
//! Enters: the URL of a gateway, a token, a tool and its arguments. Leaves: the result as the
//! bytes that came, or a typed reason why there is none. Never: a session, a retry, a redirect, or
//! a token in anything that is printed.

mod admin;
mod answer;
mod bearer;
mod failure;
mod oauth;
pub(crate) mod request;
pub(crate) mod sse;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod transport;
pub(crate) mod trust;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::capture_connection;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::admin::admin;
pub use self::answer::{Answer, Head, Progress};
pub use self::bearer::{Bearer, Claims};
pub use self::failure::{Failure, Refused};
pub use self::oauth::{ClientCredentials, Token, TokenError, token_endpoint};
pub use self::request::Ask;
pub use self::trust::Trust;

use self::transport::Transport;

/// How many pages of `tools/list` are read.
const MOST_PAGES: usize = 100;

/// The user agent of the command line.
const AGENT: &str = concat!("toolgate-cli/", env!("CARGO_PKG_VERSION"));

/// What is done with a progress notification (`basic/utilities/progress`).
pub type OnProgress<'a> = &'a mut dyn FnMut(&Progress);

/// A client of one gateway, of the revision 2026-07-28.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    url: Uri,
    token: Option<Bearer>,
    patience: Duration,
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
}

// === impl Client ===

impl Client {
    /// A client for that endpoint. Nothing is sent yet. `patience` bounds each request whole.
    ///
    /// # Errors
    /// [`Failure::Url`]: not an absolute `http` or `https` URL.
    pub fn new(url: &str, token: Option<Bearer>, patience: Duration) -> Result<Self, Failure> {
        let url = transport::absolute(url)?;
        Ok(Self { transport: Transport::default(), url, token, patience })
    }

    /// The same, which trusts others, or shows a certificate.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self { transport: Transport::trusting(trust), ..self }
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
        let answer = self.exchange(&Ask::call(tool, arguments), on_progress).await?;
        if answer.is_error() { Err(Failure::Tool(Box::new(answer))) } else { Ok(answer) }
    }

    /// Every tool there is, page by page, up to 100 pages.
    ///
    /// # Errors
    /// Every [`Failure`] but [`Failure::Tool`].
    pub async fn tools(&self) -> Result<Vec<Tool>, Failure> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let ask = Ask::list(cursor.as_deref());
            let answer = self.exchange(&ask, &mut |_: &Progress| {}).await?;
            let page: Page = serde_json::from_str(answer.result.get())
                .map_err(|error| not_a_list(&answer, &error))?;
            for raw in page.tools {
                tools.push(Tool::read(raw).map_err(|error| not_a_list(&answer, &error))?);
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(tools)
    }

    async fn exchange(&self, ask: &Ask, on_progress: OnProgress<'_>) -> Result<Answer, Failure> {
        let started = Instant::now();
        let mut request = self.request(ask)?;
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

    fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::post(self.url.clone());
        for (name, value) in ask.headers() {
            request = request.header(name, &*value);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.header());
        }
        request
            .header(USER_AGENT, HeaderValue::from_static(AGENT))
            .body(Full::from(ask.body().to_owned()))
            .map_err(|error| Failure::Url { url: self.url.to_string(), problem: error.to_string() })
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
