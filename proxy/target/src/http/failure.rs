//! What can go wrong on the way to a target over HTTP.
//!
//! Enters: what the socket, hyper or the target did. Leaves: a `Refusal` whose sentence names the
//! target and nothing of its address, status or text; those go to the operator's detail. Never:
//! decides whether to try again.

use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{Reason, Refusal};

/// One failed exchange.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection; nothing was sent.
    Connect(Reason, String),
    /// The connection broke off before the request was on it.
    Unsent(String),
    /// The connection broke off after the request was sent.
    Broken(String),
    /// The answer stood still.
    Idle(Duration),
    /// The answer is larger than the limit.
    TooLarge(usize),
    /// The answer is not MCP.
    Protocol(String),
    /// A status that says no; and when to come back.
    Status(u16, Option<Duration>),
    /// The session is gone at the target; the request was not looked at.
    SessionLost(String),
    /// The target does not speak the era that it was taken for.
    WrongEra(String),
    /// The gateway's own fault.
    Internal(String),
}

// === impl Failure ===

impl Failure {
    /// What the caller is told.
    pub(super) fn refuse(self, target: &Arc<str>) -> Refusal {
        let refuse =
            |reason, what: &str| Refusal::target(reason, target, format!("`{target}` {what}"));
        match self {
            Self::Connect(reason, detail) => refuse(reason, connecting(reason)).detail(detail),
            Self::Unsent(detail) => {
                refuse(Reason::Reset, "closed the connection before anything was sent")
                    .detail(detail)
            }
            Self::Broken(detail) => {
                refuse(Reason::Reset, "closed the connection before its answer was complete")
                    .detail(detail)
                    .after_send()
            }
            Self::Idle(limit) => {
                let what =
                    format!("began to answer and then said nothing for {} s", limit.as_secs());
                refuse(Reason::TimeoutIdle, &what).after_send()
            }
            Self::TooLarge(limit) => {
                let what = format!("gave an answer of more than {limit} bytes");
                refuse(Reason::UpstreamProtocol, &what).after_send()
            }
            Self::Protocol(detail) | Self::WrongEra(detail) => {
                refuse(Reason::UpstreamProtocol, "gave an answer that is not MCP")
                    .detail(detail)
                    .after_send()
            }
            Self::SessionLost(detail) => {
                refuse(Reason::Upstream4xx, "does not keep the session it gave").detail(detail)
            }
            Self::Status(status, wait) => Self::status(target, status, wait),
            Self::Internal(detail) => Refusal::internal(detail),
        }
    }

    fn status(target: &Arc<str>, status: u16, wait: Option<Duration>) -> Refusal {
        let (reason, what) = match status {
            401 | 403 => (Reason::Upstream4xx, "does not accept the gateway's credentials"),
            429 => (Reason::Upstream429, "is asked too often"),
            300..=399 => (Reason::UpstreamProtocol, "redirects, which is not followed"),
            400..=499 => (Reason::Upstream4xx, "does not accept the gateway's request"),
            _ => (Reason::Upstream5xx, "failed"),
        };
        let refusal = Refusal::target(reason, target, format!("`{target}` {what}"))
            .detail(format!("HTTP {status}"))
            .after_send();
        match wait {
            Some(wait) => refusal.retry_after(wait),
            None => refusal,
        }
    }
}

fn connecting(reason: Reason) -> &'static str {
    if reason == Reason::Dns {
        "has a name that does not resolve"
    } else if reason == Reason::Tls {
        "could not agree on TLS"
    } else if reason == Reason::TimeoutConnect {
        "could not be connected to in time"
    } else if reason == Reason::ConnectRefused {
        "refused the connection; is it running?"
    } else {
        "could not be connected to"
    }
}
