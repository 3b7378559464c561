//! What the front itself has to say: that a message did not get through, and whose fault that is.
//!
//! Enters: what happened. Leaves: a JSON-RPC error of the same form as the gateway's own. Never: a
//! second reading of what the gateway said.

use bytes::Bytes;
use serde::Serialize;
use toolgate_call::Reason;

/// JSON-RPC 2.0: the message is not a request, or too long.
const INVALID_REQUEST: i64 = -32600;
/// JSON-RPC 2.0: anything that went wrong inside.
const INTERNAL: i64 = -32603;

/// A message that was not answered.
#[derive(Debug)]
pub(super) struct Fault {
    reason: Reason,
    message: String,
    was_sent: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    code: i64,
    message: &'a str,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    reason: &'static str,
    blame: &'static str,
    retry_safe: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
}

// === impl Fault ===

impl Fault {
    /// Nothing was sent: it may be repeated.
    pub(super) fn unsent(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), was_sent: false }
    }

    /// It was sent, and what became of it is not known.
    pub(super) fn sent(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), was_sent: true }
    }

    /// For the operator.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The answer to the request of that id, or to one whose id is not known.
    pub(super) fn answer(&self, id: Option<&[u8]>) -> Bytes {
        let is_callers = self.reason == Reason::InvalidRequest;
        let body = Body {
            code: if is_callers { INVALID_REQUEST } else { INTERNAL },
            message: &self.message,
            data: Data {
                reason: self.reason.as_str(),
                blame: self.reason.blame().as_str(),
                retry_safe: !self.was_sent && !is_callers,
                outcome: self.was_sent.then_some("unknown"),
            },
        };
        // Numbers and text: writing them cannot fail.
        let error = serde_json::to_vec(&body).unwrap_or_default();
        with_error(id, &error)
    }
}

/// `{"jsonrpc":"2.0","id":…,"error":…}`; without `id` when it could not be read.
pub(super) fn with_error(id: Option<&[u8]>, error: &[u8]) -> Bytes {
    let [key, id, comma] = id.map_or([&b""[..]; 3], |id| [&br#""id":"#[..], id, b","]);
    [br#"{"jsonrpc":"2.0","#, key, id, comma, br#""error":"#, error, b"}"].concat().into()
}
