//! Tools, as the turn sees them: what there is, and what comes of calling one.
//!
//! Enters: a name and arguments. Leaves: text for the model and facts for everybody else. Never:
//! the way to a tool; that is the gateway's business.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

/// What comes of asking the gateway.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A tool of the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name at the gateway (`target___tool`).
    pub name: String,
    /// What people call it; its name if nothing was said.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// JSON Schema of its arguments.
    pub schema: Value,
    /// Whether it changes nothing (`readOnlyHint`, false unless said).
    pub read_only: bool,
}

/// The tools that there are, in the order in which models are offered them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// The tools.
    pub tools: Vec<Tool>,
    /// Targets that did not list theirs.
    pub missing: Vec<String>,
    /// Whether no request was needed.
    pub cached: bool,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The tool's name at the gateway.
    pub tool: &'a str,
    /// The arguments.
    pub arguments: &'a Map<String, Value>,
    /// How long it may take.
    pub patience: Duration,
    /// The trace that the call belongs to (W3C Trace Context), for headers and `_meta`.
    pub traceparent: Option<&'a str>,
    /// The id of the turn, sent as the request id.
    pub request_id: &'a str,
}

/// What a tool answered. A tool that says no has answered, too.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Answer {
    /// The text of its content; structured content as JSON where there is no text.
    pub text: String,
    /// The tool said no (`isError`).
    pub failed: bool,
    /// Where the time went, as the gateway tells it (`toolgate/ledger`).
    pub ledger: Option<Value>,
    /// The id under which the gateway's operators find the call.
    pub call_id: Option<String>,
}

/// Why a tool did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The gateway's word (`upstream_5xx`, `forbidden`, …), or one of the way to it.
    pub reason: String,
    /// Whom it counts against: caller, gateway, network, target or tool.
    pub blame: String,
    /// Whether the same call may be made again.
    pub retry_safe: bool,
    /// Whether nobody knows if it was carried out.
    pub unknown: bool,
    /// A sentence.
    pub message: String,
    /// The id under which the gateway's operators find the call.
    pub call_id: Option<String>,
}

/// Hears of a call while it goes on: how far it is, and a word.
pub type OnProgress<'a> = &'a mut (dyn FnMut(f64, Option<&str>) + Send);

/// The gateway.
pub trait Tools: fmt::Debug + Send + Sync {
    /// The tools. A warm list costs no request.
    ///
    /// # Errors
    /// Why there is none, not even an old one.
    fn list(&self) -> Asking<'_, Result<Arc<Listed>, Failure>>;

    /// Calls a tool. Dropping it cancels the call at the gateway.
    ///
    /// # Errors
    /// Why it did not answer.
    fn call<'a>(
        &'a self,
        call: Call<'a>,
        on_progress: OnProgress<'a>,
    ) -> Asking<'a, Result<Answer, Failure>>;
}

// === impl Tool ===

impl Tool {
    /// A tool with nothing but a name, for tests.
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            description: String::new(),
            schema: serde_json::json!({ "type": "object" }),
            read_only: true,
        }
    }
}
