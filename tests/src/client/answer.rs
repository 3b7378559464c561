//! A whole answer and what can be read out of it.
//!
//! In: status, headers, body. Out: JSON-RPC messages and their parts. It never fills in what is
//! not there.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

// === impl Answer ===

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// The messages: one of a JSON body, all of an event stream.
    ///
    /// # Errors
    /// When the body is neither.
    pub fn messages(&self) -> Result<Vec<Value>> {
        let kind = self.header("content-type").unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            return events(&self.text());
        }
        let one = serde_json::from_slice(&self.body)
            .with_context(|| format!("{} {kind}: {}", self.status, self.text()))?;
        Ok(vec![one])
    }

    /// The last message: the one that answers.
    ///
    /// # Errors
    /// When there is none.
    pub fn message(&self) -> Result<Value> {
        self.messages()?.pop().context("no message")
    }

    /// The result.
    ///
    /// # Errors
    /// When it is not one.
    pub fn result(&self) -> Result<Value> {
        let message = self.message()?;
        let result = message.get("result").with_context(|| format!("no result: {message}"))?;
        Ok(result.clone())
    }

    /// The text of the first content of a tool's result.
    ///
    /// # Errors
    /// When there is none.
    pub fn content(&self) -> Result<String> {
        let result = self.result()?;
        let text = result.pointer("/content/0/text").and_then(Value::as_str);
        Ok(text.with_context(|| format!("no text in {result}"))?.to_owned())
    }

    /// The names in a list of tools.
    ///
    /// # Errors
    /// When it is not one.
    pub fn tool_names(&self) -> Result<Vec<String>> {
        let result = self.result()?;
        let tools = result.get("tools").and_then(Value::as_array).context("no tools")?;
        let name = |tool: &Value| tool.get("name").and_then(Value::as_str).map(str::to_owned);
        tools.iter().map(|tool| name(tool).context("a tool without a name")).collect()
    }
}

/// The messages of an event stream (WHATWG HTML, "Server-sent events").
pub(super) fn events(text: &str) -> Result<Vec<Value>> {
    let text = text.replace("\r\n", "\n");
    let data = text.split("\n\n").filter_map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let data: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        // Empty data only carry an id to resume by.
        data.iter().any(|data| !data.is_empty()).then(|| data.join("\n"))
    });
    let parse = |data: String| serde_json::from_str(&data).with_context(|| format!("{data:?}"));
    data.map(parse).collect()
}
