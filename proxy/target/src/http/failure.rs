//! What can go wrong on the way to a target over HTTP.
//!
//! Enters: what the socket, hyper or the target did. Leaves: a `Refusal` whose sentence names the
//! target and nothing of its address, status or text; those go to the operator's detail. Never:
//! decides whether to try again.

use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{Answer, Case, Reason, Refusal};

use crate::credentials::Denied;

/// One failed exchange.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection; nothing was sent.
    Connect(Reason, String),
    /// No way to the target's address; nothing was sent.
    Unreachable(String),
    /// The gateway has no socket or memory left for a connection; nothing was sent.
    Exhausted(String),
    /// What comes before the request (era, session) failed, so that the request was not sent.
    Unready(Box<Failure>),
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
    /// The answer is not what the target's document lets one expect.
    Unreadable(String),
    /// A status that says no; and when to come back.
    Status(u16, Option<Duration>),
    /// The session is gone at the target; the request was not looked at.
    SessionLost(String),
    /// The target may not speak the era that it was taken for, and has not looked at the request.
    /// Within: what it is if the target does speak it.
    WrongEra(Box<Failure>),
    /// It cannot be sent to a target of that era, and was not; or its caller lacks what it needs.
    Refused(Box<Refusal>),
    /// A modern target takes the headers of the request for wrong, and has not looked at it.
    Mismatch(Answer),
    /// There is nothing to show the target; the request was not sent, or only to be told that what
    /// was shown holds no more.
    Credentials(Denied),
    /// The gateway's own fault.
    Internal(String),
}

// === impl Failure ===

impl Failure {
    /// The same of something that comes before the request.
    pub(super) fn before_request(self) -> Self {
        if let Self::WrongEra(why) = self {
            return Self::WrongEra(Box::new(why.before_request()));
        }
        Self::Unready(Box::new(self))
    }

    /// What the caller is told.
    pub(crate) fn refuse(self, target: &Arc<str>) -> Refusal {
        let refuse =
            |reason, what: &str| Refusal::target(reason, target, format!("`{target}` {what}"));
        match self {
            Self::Connect(reason, detail) => refuse(reason, connecting(reason)).detail(detail),
            Self::Unreachable(detail) => {
                refuse(Reason::ConnectRefused, "cannot be reached over the network").detail(detail)
            }
            Self::Exhausted(detail) => {
                let message = "the gateway has no more connections to give; try again in a moment";
                Refusal::new(Case::Overloaded, message).detail(detail).before_send()
            }
            Self::Unready(why) => why.refuse(target).before_send(),
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
            Self::WrongEra(why) => why.refuse(target),
            Self::Protocol(detail) => {
                refuse(Reason::UpstreamProtocol, "gave an answer that is not MCP")
                    .detail(detail)
                    .after_send()
            }
            Self::Unreadable(detail) => {
                refuse(Reason::UpstreamProtocol, "gave an answer that cannot be read")
                    .detail(detail)
                    .after_send()
            }
            Self::Mismatch(_) => {
                refuse(Reason::UpstreamProtocol, "does not take the gateway's headers")
                    .before_send()
            }
            Self::SessionLost(detail) => {
                refuse(Reason::Upstream4xx, "does not keep the session it gave").detail(detail)
            }
            Self::Status(status, wait) => Self::status(target, status, wait),
            Self::Refused(refusal) => *refusal,
            Self::Credentials(denied) => without(target, denied),
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

/// Nothing was carried out: the target was not asked, or has answered 401.
fn without(target: &Arc<str>, denied: Denied) -> Refusal {
    let (why, again) = match denied {
        Denied::NoSubject => {
            let message = format!(
                "`{target}` is called on behalf of its caller, for which the gateway needs their token \
                 from an issuer; an API key is none"
            );
            return Refusal::new(Case::SubjectMissing, message).before_send();
        }
        Denied::NoGrant { page } => {
            let message = format!(
                "`{target}` is called with its user's own account, and this user has not connected one yet"
            );
            return Refusal::new(Case::GrantMissing, message).open_first(page).before_send();
        }
        Denied::Unavailable { why, again } => (why, again),
    };
    let advice = if again.is_some() {
        "try again in a moment"
    } else {
        "its operator has to do something about it"
    };
    let message = format!("the gateway has no credentials to show `{target}`; {advice}");
    let refusal = Refusal::target(Reason::Credentials, target, message).detail(why).before_send();
    match again {
        Some(again) => refusal.retry_after(again),
        None => refusal,
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

#[cfg(test)]
mod tests {
    //! What is said of a call that never left.

    use std::sync::Arc;

    use toolgate_call::{Case, Reason};

    use super::Failure;

    #[test]
    fn what_befalls_the_handshake_has_not_befallen_the_call() {
        let target = Arc::from("t");
        for failure in [
            Failure::Broken("x".into()),
            Failure::Protocol("x".into()),
            Failure::Status(503, None),
            Failure::WrongEra(Box::new(Failure::Status(404, None))),
        ] {
            let refusal = failure.before_request().refuse(&target);
            assert!(!refusal.was_sent() && refusal.is_retry_safe(), "{refusal:?}");
            assert!(refusal.was_held_back());
        }
        assert!(Failure::Status(503, None).refuse(&target).was_sent());
    }

    #[test]
    fn a_gateway_without_sockets_is_not_the_targets_fault() {
        let target = Arc::from("t");
        let exhausted = Failure::Exhausted("EMFILE".into()).refuse(&target);
        assert_eq!(exhausted.case(), Case::Overloaded);
        assert!(exhausted.is_retry_safe() && exhausted.operator_detail() == Some("EMFILE"));
        let unreachable = Failure::Unreachable("no route".into()).refuse(&target);
        assert_eq!(unreachable.reason(), Reason::ConnectRefused);
        assert!(!unreachable.message().contains("is it running"), "{unreachable}");
    }
}
