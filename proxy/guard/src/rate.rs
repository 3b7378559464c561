//! How often.
//!
//! Enters: a `Permitted`. Leaves: the same, or a refusal that says when to come again (HTTP 429). Never:
//! a queue; a token for what costs nothing; the network: buckets that are shared between gateways are
//! handed in.

mod bucket;
mod local;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use toolgate_call::{Case, Method, Permitted, Refusal, Reply};
use toolgate_telemetry::{RateScope, Telemetry};
use tower::{Layer, Service};

use crate::Replying;
pub use bucket::Rate;
pub use local::LocalBuckets;

/// A rule.
#[derive(Clone, Debug)]
pub struct RateRule {
    /// Its name: that of its bucket, the same in all gateways.
    pub name: Arc<str>,
    /// What has a bucket of its own.
    pub per: RateScope,
    /// How often.
    pub rate: Rate,
    /// Only calls to this target; `None`: to all.
    pub target: Option<Arc<str>>,
    /// Only calls of this tool, by full name; `None`: of all.
    pub tool: Option<Arc<str>>,
}

/// A token that is wanted.
#[derive(Clone, Debug)]
pub struct Take {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Whose bucket of that rule.
    pub key: String,
    /// The rule's rate.
    pub rate: Rate,
}

/// How long until there is a token.
pub type Wait = Duration;

/// Whether there was a token in each bucket.
pub type Taken = Result<(), NoToken>;

/// Why no token was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoToken {
    /// This is the first bucket without one, and so long it takes until it has one.
    Empty(usize, Wait),
    /// Nobody knows what is in the buckets. It may be known after so long.
    Unknown(Wait),
}

/// Tokens being taken.
pub enum Taking {
    /// It is known.
    Now(Taken),
    /// Somebody else is asked.
    Later(Pin<Box<dyn Future<Output = Taken> + Send>>),
}

/// Where buckets are kept. Taking is all or nothing: where one bucket is empty, no token is taken.
pub trait Buckets: fmt::Debug + Send + Sync {
    /// Takes one token out of each.
    fn take(&self, wanted: Vec<Take>) -> Taking;
}

/// Makes [`RateLimit`].
#[derive(Clone, Debug)]
pub struct RateLayer {
    rules: Arc<[RateRule]>,
    buckets: Arc<dyn Buckets>,
    telemetry: Arc<Telemetry>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    layer: RateLayer,
}

// === impl RateLayer ===

impl RateLayer {
    /// Holds calls to all these rules that are about them.
    #[must_use]
    pub fn new(rules: Vec<RateRule>, buckets: Arc<dyn Buckets>, telemetry: Arc<Telemetry>) -> Self {
        Self { rules: rules.into(), buckets, telemetry }
    }

    /// The rules that are about a call, and its buckets.
    fn wanted(&self, permitted: &Permitted) -> (Vec<&RateRule>, Vec<Take>) {
        if is_free(permitted.call().method) {
            return (Vec::new(), Vec::new());
        }
        let about = |rule| Some((rule, take(rule, permitted)?));
        self.rules.iter().filter_map(about).unzip()
    }

    fn refused(&self, rules: &[&RateRule], none: NoToken) -> Refusal {
        let (nth, wait) = match none {
            NoToken::Empty(nth, wait) => (nth, wait),
            NoToken::Unknown(wait) => return unknown(wait),
        };
        let Some(rule) = rules.get(nth) else {
            return Refusal::internal("a bucket that nobody asked for is empty");
        };
        self.telemetry.gateway.rate_limited(rule.per);
        let whose = match rule.per {
            RateScope::Principal => "this caller's",
            RateScope::Tool => "this tool's",
            RateScope::Target => "this target's",
            RateScope::Server => "this server's",
            RateScope::Gateway => "the gateway's",
        };
        let Rate { calls, every, .. } = rule.rate;
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let message = format!(
            "{whose} limit of {calls} calls in {every:?} is used up; nothing was sent, call again in \
             {seconds} s"
        );
        Refusal::new(Case::RateLimited, message)
            .detail(format!("the rule `{}`", rule.name))
            .retry_after(wait)
            .safe_to_retry(true)
    }
}

impl<S> Layer<S> for RateLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit { inner, layer: self.clone() }
    }
}

// === impl RateLimit ===

impl<S> Service<Permitted> for RateLimit<S>
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
        let (rules, wanted) = self.layer.wanted(&permitted);
        if wanted.is_empty() {
            return self.inner.call(permitted);
        }
        match self.layer.buckets.take(wanted) {
            Taking::Now(Ok(())) => self.inner.call(permitted),
            Taking::Now(Err(none)) => {
                Box::pin(std::future::ready(Err(self.layer.refused(&rules, none))))
            }
            Taking::Later(taking) => {
                let rules: Vec<RateRule> = rules.into_iter().cloned().collect();
                let (layer, mut inner) = (self.layer.clone(), self.inner.clone());
                Box::pin(async move {
                    match taking.await {
                        Ok(()) => inner.call(permitted).await,
                        Err(none) => Err(layer.refused(&rules.iter().collect::<Vec<_>>(), none)),
                    }
                })
            }
        }
    }
}

impl fmt::Debug for Taking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(taken) => f.debug_tuple("Now").field(taken).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// The configuration wants no call of which nobody knows whether it is one too many.
fn unknown(wait: Wait) -> Refusal {
    let message = "whether a limit is used up cannot be found out at the moment; nothing was sent, \
                   call again shortly";
    Refusal::new(Case::RatesUnavailable, message).retry_after(wait).safe_to_retry(true)
}

/// What a rule wants of a call; `None`: it is not about it.
fn take(rule: &RateRule, permitted: &Permitted) -> Option<Take> {
    let (call, plan) = (permitted.call(), permitted.plan());
    let about = |only: &Option<Arc<str>>, name: Option<&Arc<str>>| {
        only.as_ref().is_none_or(|only| name == Some(only))
    };
    let fits = about(&rule.target, plan.map(|plan| &plan.target))
        && about(&rule.tool, plan.filter(|plan| plan.is_tool()).map(|plan| &plan.full));
    let key = match rule.per {
        RateScope::Principal => call.principal.key(),
        RateScope::Tool => plan.filter(|plan| plan.is_tool())?.full.to_string(),
        RateScope::Target => plan?.target.to_string(),
        RateScope::Server => call.server.as_ref()?.name.to_string(),
        RateScope::Gateway => String::new(),
    };
    fits.then(|| Take { rule: Arc::clone(&rule.name), key, rate: rule.rate })
}

/// What nobody can do without, or ends something.
const fn is_free(method: Method) -> bool {
    matches!(method, Method::EndSession | Method::Ping | Method::Response)
        || method.is_notification()
}

#[cfg(test)]
mod tests;
