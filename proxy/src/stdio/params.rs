//! Arguments that the gateway wants to read in headers as well (`Mcp-Param-*`), which a client on
//! standard input has no way to send.
//!
//! Enters: a call of 2026-07-28 that the gateway takes the headers of for wrong. Leaves: the same call
//! with the headers that its tool's schema asks for, and again for every later call of that tool.
//! Never: a list that is fetched without need; a call that is sent a third time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;
use toolgate_mcp::HeaderParams;

use super::fault::Fault;
use super::message::Reply;
use super::wire::{Came, Wire};
use toolgate_client::Ask;
use toolgate_client::request::header_value;

/// A gateway's word that headers and body do not fit: it has looked at nothing.
const HEADER_MISMATCH: i64 = -32020;
/// The most pages of the list of tools, and how long they may take in all.
const PAGES: usize = 100;
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of tools, by name; only of those that want such headers.
#[derive(Debug, Default)]
pub(super) struct Params {
    known: Mutex<HashMap<String, Arc<HeaderParams>>>,
    /// Held by whoever asks for the list.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    tools: Vec<Tool<'a>>,
    #[serde(default, rename = "nextCursor")]
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    name: String,
    #[serde(borrow, default, rename = "inputSchema")]
    schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Code {
    code: i64,
}

// === impl Params ===

impl Params {
    /// What a call with that message says in headers, as far as its tool is known.
    fn of(&self, tool: &str, message: &Bytes) -> Vec<(String, String)> {
        let params = self.known().get(tool).map(Arc::clone);
        params.map(|params| params.of_call(message)).unwrap_or_default()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<HeaderParams>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire {
    /// Sends a call of a tool. If the gateway misses headers, its list says which; with them the call
    /// is sent once more.
    pub(super) async fn call(
        &self,
        tool: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Came, Fault> {
        let first = self.params.of(tool, &body);
        let came = self.post(with(&headers, &first), body.clone()).await?;
        if came.status() != StatusCode::BAD_REQUEST {
            return Ok(came);
        }
        let (came, read) = came.read().await?;
        if !is_mismatch(&read) {
            return Ok(came);
        }
        let learning = async {
            let _only = self.params.asking.lock().await;
            // Another call may have asked meanwhile.
            if self.params.of(tool, &body) == first {
                self.learn().await;
            }
        };
        if timeout(PATIENCE, learning).await.is_err() {
            tracing::warn!(tool, "the list of tools did not come in time");
        }
        let second = self.params.of(tool, &body);
        if second == first {
            return Ok(came);
        }
        self.post(with(&headers, &second), body).await
    }

    /// Looks which tools want which headers. What cannot be had changes nothing.
    async fn learn(&self) {
        let (mut found, mut cursor) = (HashMap::new(), None);
        for _ in 0..PAGES {
            let ask = Ask::list(cursor.as_deref());
            let mut headers = HeaderMap::new();
            for (name, value) in ask.headers() {
                let name = HeaderName::from_bytes(name.as_bytes()).ok();
                let pair = name.zip(HeaderValue::from_str(&value).ok());
                headers.extend(pair.map(|(name, value)| (Some(name), value)));
            }
            let body = Bytes::from(ask.body());
            let Ok(came) = self.post(headers, body).await else { return };
            let Ok((_, read)) = came.read().await else { return };
            let result = Reply::of(&read).and_then(|reply| reply.result);
            let page = result.and_then(|raw| serde_json::from_str::<Page<'_>>(raw.get()).ok());
            let Some(page) = page else { return };
            for Tool { name, schema } in page.tools {
                let params = schema.and_then(HeaderParams::of);
                found.extend(params.map(|params| (name, Arc::new(params))));
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                *self.params.known() = found;
                return;
            }
        }
    }
}

fn with(headers: &HeaderMap, params: &[(String, String)]) -> HeaderMap {
    let mut all = headers.clone();
    for (name, value) in params {
        let name = HeaderName::from_bytes(format!("mcp-param-{name}").as_bytes()).ok();
        if let Some((name, value)) = name.zip(HeaderValue::from_str(&header_value(value)).ok()) {
            all.insert(name, value);
        }
    }
    all
}

fn is_mismatch(read: &[u8]) -> bool {
    let error = Reply::of(read).and_then(|reply| reply.error);
    let code = error.and_then(|raw| serde_json::from_str::<Code>(raw.get()).ok());
    code.is_some_and(|error| error.code == HEADER_MISMATCH)
}
