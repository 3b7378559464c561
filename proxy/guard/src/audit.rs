//! What was decided is written down, before it is acted upon.
//!
//! Enters: a `Call` on its way in, a `Permitted` on its way on, a refusal on its way back. Leaves: the
//! same, with one record each call in the audit log; a refusal instead where a record must be, and
//! cannot be had. Never: a decision of its own about who may do what.
//!
//! The layer stands twice: around all that can refuse, for what is refused, and behind it, for what
//! is let through.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use toolgate_call::{Call, Case, Explanation, Permitted, Plan, Reason, Refusal, Reply, Ruling};
use toolgate_telemetry::audit::{AuditDecision, AuditDenial};
use toolgate_telemetry::{AuditLoss, Telemetry, Word as _};
use tower::{Layer, Service};

use crate::Replying;

/// Says why a decision came out as it did, for the record. It is asked about each call that was let
/// through, too: it must be quick.
pub trait Explain: Send + Sync + fmt::Debug {
    /// The name of the rule that decided. `plan` is what the call is for, once that was found; `denied`
    /// is `None` when it was let through.
    fn rule(&self, call: &Call, plan: Option<&Plan>, denied: Option<&Refusal>)
    -> Cow<'static, str>;

    /// How the rules came to a refusal: a JSON object on one line, at most 16 KiB. No secrets, and no
    /// arguments.
    fn explanation(&self, _: &Call, _: Option<&Plan>, _: &Refusal) -> Option<String> {
        None
    }
}

/// Names the kind of rule, or the policies; what a refusal has with it explains it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plainly;

/// Makes [`Audit`], both around the gate and behind it.
#[derive(Clone, Debug)]
pub struct AuditLayer {
    telemetry: Arc<Telemetry>,
    explain: Arc<dyn Explain>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Audit<S> {
    inner: S,
    layer: AuditLayer,
}

// === impl AuditLayer ===

impl AuditLayer {
    /// Writes to the audit log of that telemetry, if it has one.
    #[must_use]
    pub fn new(telemetry: Arc<Telemetry>, explain: Arc<dyn Explain>) -> Self {
        Self { telemetry, explain }
    }

    /// A refusal, on record.
    async fn refused(&self, call: &Call, refusal: Refusal) -> Refusal {
        let Some(audit) = self.telemetry.audit() else { return refusal };
        if call.ledger.ruling().is_some() {
            return refusal;
        }
        let plan = call.ledger.plan().map(|plan| &**plan);
        let rule = self.explain.rule(call, plan, Some(&refusal));
        let explanation = self.explain.explanation(call, plan, &refusal);
        let denied = AuditDenial {
            reason: refusal.reason(),
            words: refusal.operator_detail().unwrap_or(refusal.message()),
            explanation: explanation.as_deref(),
        };
        let decision = AuditDecision { denied: Some(denied), ..decision(call, plan, &rule) };
        call.ledger.rule(Ruling::Denied);
        // It is refused in any case; the loss was counted.
        let _lost = audit.decided(&decision).settled().await;
        refusal
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audit<S>;

    fn layer(&self, inner: S) -> Audit<S> {
        Audit { inner, layer: self.clone() }
    }
}

// === impl Audit ===

impl<S> Service<Call> for Audit<S>
where
    S: Service<Call, Response = Reply, Error = Refusal, Future = Replying>,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Replying;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Replying {
        if self.layer.telemetry.audit().is_none() {
            return self.inner.call(call);
        }
        let (layer, asked) = (self.layer.clone(), call.clone());
        let replying = self.inner.call(call);
        Box::pin(async move {
            match replying.await {
                Ok(reply) => Ok(reply),
                Err(refusal) => Err(layer.refused(&asked, refusal).await),
            }
        })
    }
}

impl<S> Service<Permitted> for Audit<S>
where
    S: Service<Permitted, Response = Reply, Error = Refusal, Future = Replying>
        + Clone
        + Send
        + 'static,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Replying;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, permitted: Permitted) -> Replying {
        let Some(audit) = self.layer.telemetry.audit() else { return self.inner.call(permitted) };
        let (call, plan) = (permitted.call(), permitted.plan().map(|plan| &**plan));
        let rule = self.layer.explain.rule(call, plan, None);
        let recording = audit.decided(&decision(call, plan, &rule));
        let required = audit.is_required();
        let mut inner = self.inner.clone();
        Box::pin(async move {
            let ledger = &permitted.call().ledger;
            match recording.settled().await {
                Err(loss) if required => {
                    // Nothing more is said of it: there is nowhere to say it.
                    ledger.rule(Ruling::Denied);
                    Err(unrecorded(loss))
                }
                Ok(()) | Err(_) => {
                    ledger.rule(Ruling::Allowed);
                    inner.call(permitted).await
                }
            }
        })
    }
}

// === impl Plainly ===

impl Explain for Plainly {
    fn rule(&self, _: &Call, _: Option<&Plan>, denied: Option<&Refusal>) -> Cow<'static, str> {
        let explained = denied.and_then(Refusal::explanation);
        // What a policy keeps from a caller is unknown to it, and not to the record.
        if let Some(policy) = explained.and_then(by_policy) {
            return Cow::Owned(policy.to_owned());
        }
        Cow::Borrowed(match denied.map(Refusal::case) {
            None | Some(Case::ScopeMissing) => "scopes",
            Some(Case::Target(Reason::Quarantined)) => "pins",
            Some(Case::RateLimited | Case::RatesUnavailable) => "rates",
            Some(Case::Looping) => "loops",
            Some(Case::Overloaded) => "concurrency",
            Some(_) => "request",
        })
    }

    fn explanation(&self, _: &Call, _: Option<&Plan>, denied: &Refusal) -> Option<String> {
        denied.explanation().and_then(|explanation| serde_json::to_string(explanation).ok())
    }
}

fn by_policy(explanation: &Explanation) -> Option<&str> {
    explanation.refused_by.as_deref().filter(|rule| rule.starts_with("policy:"))
}

fn decision<'a>(call: &'a Call, plan: Option<&'a Plan>, rule: &'a str) -> AuditDecision<'a> {
    AuditDecision {
        denied: None,
        rule,
        principal: Some(&call.principal),
        peer: call.peer,
        server: call.server.as_deref().map(|server| &*server.name),
        method: call.method.label(),
        name: call.name.as_deref(),
        plan,
        request_id: &call.request_id,
        trace: Some(call.trace.own.trace),
    }
}

fn unrecorded(loss: AuditLoss) -> Refusal {
    let message = "every call must be recorded in the audit log, and this one cannot be; nothing \
                   was sent, try again";
    Refusal::new(Case::AuditUnavailable, message)
        .detail(format!("the audit log takes no record: {}", loss.word()))
        .retry_after(Duration::from_secs(1))
        .safe_to_retry(true)
}
