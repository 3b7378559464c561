//! Lambda's Runtime API (Lambda, "Using the Lambda runtime API for custom runtimes").
//!
//! Enters: where it is. Leaves: one event at a time, and what was made of it. Never: an end of the process
//! because of what a caller has sent.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// Where the Runtime API is, `HOST:PORT`; it is set in functions, and nowhere else.
pub const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// The version of the API.
const VERSION: &str = "2018-06-01/runtime";
/// The largest event of a call that is waited for (Lambda quotas), and some room.
const MOST_BYTES: usize = 6 * 1024 * 1024 + 64 * 1024;
/// How an error is told apart by Lambda.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// The Runtime API.
#[derive(Debug)]
pub(super) struct Runtime {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

/// One call of the function.
#[derive(Debug)]
pub(super) struct Event {
    /// Lambda's own id of it.
    pub(super) request_id: String,
    /// When Lambda ends the function, after the epoch.
    pub(super) deadline: Duration,
    /// What the caller has said beside the payload; `Null` when it is nothing that can be read.
    pub(super) client_context: Value,
    /// The event.
    pub(super) payload: Bytes,
}

// === impl Runtime ===

impl Runtime {
    /// # Errors
    /// That is no address.
    pub(super) fn at(api: &str) -> anyhow::Result<Self> {
        let base = format!("http://{api}/{VERSION}");
        let _uri: http::Uri = base.parse().with_context(|| format!("{RUNTIME_API} is {api}"))?;
        // A frozen function wakes up long after: what was open then is not trusted for long.
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { client, base })
    }

    /// Waits for the next event, for as long as it takes.
    ///
    /// # Errors
    /// The API is gone, or it is another one.
    pub(super) async fn next(&self) -> anyhow::Result<Event> {
        let request = Request::get(format!("{}/invocation/next", self.base));
        let answer = self.client.request(request.body(Full::default())?).await?;
        let (head, body) = answer.into_parts();
        ensure!(head.status.is_success(), "the next event: HTTP {}", head.status);
        let body = Limited::new(body, MOST_BYTES).collect().await;
        let Ok(body) = body else { bail!("an event that breaks off, or is too large") };
        Event::read(&head.headers, body.to_bytes())
    }

    /// What the function has made of an event.
    ///
    /// # Errors
    /// The API is gone.
    pub(super) async fn answer(&self, event: &Event, result: Value) -> anyhow::Result<()> {
        let path = format!("/invocation/{}/response", event.request_id);
        let status = self.say(&path, None, result).await?;
        if status.is_success() {
            return Ok(());
        }
        // Too large, or too late: the caller learns that there is no answer.
        let path = format!("/invocation/{}/error", event.request_id);
        let kind = "Runtime.ResponseRefused";
        let why = format!("Lambda does not take the answer: HTTP {}", status.as_u16());
        self.say(&path, Some(kind), crash(kind, &why)).await?;
        Ok(())
    }

    /// The function cannot serve anything.
    ///
    /// # Errors
    /// The API is gone.
    pub(super) async fn unable(&self, why: &str) -> anyhow::Result<()> {
        let kind = "Runtime.BadConfiguration";
        self.say("/init/error", Some(kind), crash(kind, why)).await?;
        Ok(())
    }

    async fn say(
        &self,
        path: &str,
        kind: Option<&str>,
        body: Value,
    ) -> anyhow::Result<http::StatusCode> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(kind) = kind {
            request = request.header(ERROR_TYPE, kind);
        }
        let answer = self.client.request(request.body(Full::from(body.to_string()))?).await?;
        let status = answer.status();
        // A body that was read lets the connection live.
        let _read = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
        Ok(status)
    }
}

fn crash(kind: &str, why: &str) -> Value {
    json!({ "errorType": kind, "errorMessage": why, "stackTrace": [] })
}

// === impl Event ===

impl Event {
    pub(super) fn read(headers: &HeaderMap, payload: Bytes) -> anyhow::Result<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = text("lambda-runtime-aws-request-id").context("an event without an id")?;
        let deadline = text("lambda-runtime-deadline-ms").and_then(|text| text.parse().ok());
        let deadline = Duration::from_millis(deadline.context("an event without a deadline")?);
        let said = headers.get("lambda-runtime-client-context");
        let said = said.and_then(|said| serde_json::from_slice(said.as_bytes()).ok());
        Ok(Self {
            request_id: request_id.to_owned(),
            deadline,
            client_context: said.unwrap_or_default(),
            payload,
        })
    }

    /// A text under `custom` of the client context.
    pub(super) fn custom(&self, key: &str) -> Option<&str> {
        self.client_context.get("custom")?.get(key)?.as_str().filter(|text| !text.is_empty())
    }
}
