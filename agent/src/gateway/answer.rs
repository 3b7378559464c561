//! What came from the gateway, as a turn sees it.
//!
//! In: an answer or a failure of the client. Out: text for the model, or a reason with whose fault
//! it is. Never: a guess that a lost call was not carried out.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use toolgate_client::{Answer as Came, Failure as Broken, Head, Refused};

use crate::tools::{Answer, Failure};

#[derive(Deserialize)]
struct Called {
    #[serde(default)]
    content: Vec<Part>,
    #[serde(default, rename = "structuredContent")]
    structured: Option<Value>,
    #[serde(default, rename = "isError")]
    is_error: bool,
    #[serde(default, rename = "_meta")]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default, rename = "toolgate/ledger")]
    ledger: Option<Value>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text {
        text: String,
    },
    #[serde(untagged)]
    Other(Value),
}

/// What a tool answered.
pub(super) fn answered(came: &Came) -> Answer {
    let call_id = came.head.request_id().map(str::to_owned);
    let Ok(called) = serde_json::from_str::<Called>(came.result.get()) else {
        return Answer { text: came.result.get().to_owned(), call_id, ..Answer::default() };
    };
    let parts: Vec<String> = called.content.iter().map(Part::shown).collect();
    let structured = called.structured.map(|value| value.to_string());
    let text = if parts.is_empty() { structured.unwrap_or_default() } else { parts.join("\n") };
    let ledger = called.meta.and_then(|meta| meta.ledger);
    Answer { text, failed: called.is_error, ledger, call_id }
}

// === impl Part ===

impl Part {
    /// Text as it is; of anything else, what it is.
    fn shown(&self) -> String {
        match self {
            Self::Text { text } => text.clone(),
            Self::Other(value) => {
                let kind = value.get("type").and_then(Value::as_str).unwrap_or("content");
                format!("[{kind} that is not text]")
            }
        }
    }
}

/// Why nothing came.
pub(super) fn failed(failure: &Broken, is_call: bool) -> Failure {
    let call_id = failure.head().and_then(Head::request_id).map(str::to_owned);
    let made = match failure {
        Broken::Refused(refused) => of_refused(refused),
        Broken::Url { .. } => caller("invalid_request", failure.to_string()),
        Broken::Unreachable { .. } | Broken::TimedOut { was_sent: false, .. } => {
            unsent("connect_refused", failure)
        }
        Broken::Tls { .. } => unsent("tls", failure),
        Broken::TimedOut { was_sent: true, .. } => lost("timeout_total", is_call, failure),
        Broken::Lost { .. } | Broken::TooLarge { .. } => lost("reset", is_call, failure),
        Broken::NotMcp { head, .. } => not_mcp(head.status, is_call, failure),
        Broken::Tool(_) | Broken::Interrupted => caller("client_cancelled", failure.to_string()),
    };
    Failure { call_id: call_id.or(made.call_id), ..made }
}

/// No answer in time; the call was cancelled.
pub(super) fn late(after: Duration, is_call: bool) -> Failure {
    let failure = Broken::TimedOut { after, was_sent: true };
    lost("timeout_total", is_call, &failure)
}

/// The caller is wrong.
pub(super) fn caller(reason: &str, message: String) -> Failure {
    made(reason, "caller", false, message)
}

fn of_refused(refused: &Refused) -> Failure {
    let reason = refused.text("reason").unwrap_or("upstream_jsonrpc").to_owned();
    let blame = refused.text("blame").unwrap_or("target").to_owned();
    let unknown = refused.is_outcome_unknown();
    Failure {
        reason,
        blame,
        retry_safe: refused.is_retry_safe().unwrap_or(false),
        unknown,
        message: refused.message.clone(),
        call_id: None,
    }
}

fn unsent(reason: &str, failure: &Broken) -> Failure {
    made(reason, "network", true, failure.to_string())
}

fn lost(reason: &str, is_call: bool, failure: &Broken) -> Failure {
    let message = failure.to_string();
    Failure { unknown: is_call, ..made(reason, "network", !is_call, message) }
}

fn not_mcp(status: u16, is_call: bool, failure: &Broken) -> Failure {
    match status {
        401 => made(
            "unauthenticated",
            "caller",
            true,
            "the gateway does not take the agent's token".to_owned(),
        ),
        403 => made("forbidden", "caller", false, "the gateway does not allow it".to_owned()),
        429 => made("rate_limited", "caller", true, failure.to_string()),
        400..=499 => made("upstream_protocol", "gateway", true, failure.to_string()),
        _ => Failure { blame: "gateway".to_owned(), ..lost("upstream_protocol", is_call, failure) },
    }
}

fn made(reason: &str, blame: &str, retry_safe: bool, message: String) -> Failure {
    Failure {
        reason: reason.to_owned(),
        blame: blame.to_owned(),
        retry_safe,
        unknown: false,
        message,
        call_id: None,
    }
}
