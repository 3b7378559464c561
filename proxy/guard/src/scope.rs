//! May they?
//!
//! Enters: a `Call`. Leaves: `Permitted`, with what it is for resolved, or 403. Never: a rule of its own:
//! it asks `call::Policy`, which lists ask too.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Semaphore;
use toolgate_call::{
    Call, Case, Directory, Kind, Method, Permitted, Phase, Plan, Policy, Reason, Refusal, Reply,
};
use toolgate_telemetry::{Shed, Telemetry};
use tower::{Layer, Service};

use crate::Replying;

/// Calls at once that wait for the list of a target, to know whether what they ask for exists. They have
/// no permit of the gateway yet.
const RESOLVING: usize = 256;

/// Makes [`Scope`].
#[derive(Clone, Debug)]
pub struct ScopeLayer {
    policy: Arc<Policy>,
    directory: Arc<dyn Directory>,
    telemetry: Arc<Telemetry>,
    resolving: Arc<Semaphore>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Scope<S> {
    inner: S,
    layer: Arc<ScopeLayer>,
}

// === impl ScopeLayer ===

impl ScopeLayer {
    /// These rules for what that directory has. Decisions are counted.
    #[must_use]
    pub fn new(
        policy: Arc<Policy>,
        directory: Arc<dyn Directory>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self { policy, directory, telemetry, resolving: Arc::new(Semaphore::new(RESOLVING)) }
    }
}

impl<S> Layer<S> for ScopeLayer {
    type Service = Scope<S>;

    fn layer(&self, inner: S) -> Scope<S> {
        Scope { inner, layer: Arc::new(self.clone()) }
    }
}

// === impl Scope ===

impl<S> Service<Call> for Scope<S>
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

    fn call(&mut self, call: Call) -> Replying {
        if let Err(refusal) = self.layer.enter(&call) {
            return refused(refusal);
        }
        // What is not wanted any more may be gone.
        let sought = call.kind.filter(|_| call.method != Method::Unsubscribe);
        let Some(kind) = sought else {
            return match self.layer.permit(call, None) {
                Ok(permitted) => self.inner.call(permitted),
                Err(refusal) => refused(refusal),
            };
        };
        let directory = &self.layer.directory;
        let server = call.server.as_deref();
        let known = match kind {
            Kind::Task => match directory.task(&call) {
                Ok(plan) => Some(plan),
                Err(refusal) => return refused(refusal),
            },
            Kind::Tool | Kind::Prompt | Kind::Resources => {
                call.name.as_deref().and_then(|name| directory.lookup(server, kind, name))
            }
        };
        if let Some(plan) = known {
            return match self.layer.permit(call, Some(plan)) {
                Ok(permitted) => self.inner.call(permitted),
                Err(refusal) => refused(refusal),
            };
        }
        let (layer, mut inner) = (Arc::clone(&self.layer), self.inner.clone());
        Box::pin(async move {
            let permitted = layer.resolve(call, kind).await?;
            inner.call(permitted).await
        })
    }
}

impl ScopeLayer {
    /// Asks for the scopes of gateway and server before a name is even looked at.
    fn enter(&self, call: &Call) -> Result<(), Refusal> {
        let decided = self.policy.enter(call);
        if decided.is_err() {
            self.telemetry.auth.decision("", false);
        }
        decided
    }

    async fn resolve(&self, call: Call, kind: Kind) -> Result<Permitted, Refusal> {
        let Some(name) = call.name.as_deref() else { return Err(nameless(call.method, kind)) };
        let Ok(_place) = self.resolving.try_acquire() else { return Err(self.crowded()) };
        // It is a target that is waited for.
        call.ledger.enter(Phase::Wait);
        let resolved = self.directory.resolve(call.server.as_deref(), kind, name).await;
        call.ledger.enter(Phase::Authorize);
        self.permit(call, Some(resolved?))
    }

    fn crowded(&self) -> Refusal {
        self.telemetry.gateway.shed(Shed::Gateway);
        let message = "too many calls wait for the tools of a target; nothing was sent, try again";
        Refusal::new(Case::Overloaded, message)
            .retry_after(Duration::from_secs(1))
            .safe_to_retry(true)
    }

    fn permit(&self, call: Call, plan: Option<Arc<Plan>>) -> Result<Permitted, Refusal> {
        if let Some(plan) = &plan {
            call.ledger.set_plan(plan);
        }
        let ledger = Arc::clone(&call.ledger);
        let decided = self.policy.permit(call, plan);
        let target = ledger.plan().map_or("", |plan| &*plan.target);
        // A tool that is held back from everybody says nothing about who calls.
        let denied = |refusal: &Refusal| refusal.reason() != Reason::Quarantined;
        self.telemetry.auth.decision(target, !decided.as_ref().is_err_and(denied));
        decided
    }
}

fn nameless(method: Method, kind: Kind) -> Refusal {
    let message = match (method, kind) {
        (Method::Complete, Kind::Resources) => "`params.ref.uri` is missing",
        (Method::Complete, _) => "`params.ref.name` is missing",
        (_, Kind::Resources) => "`params.uri` is missing",
        _ => "`params.name` is missing",
    };
    Refusal::new(Case::ParamsInvalid, message)
}

fn refused(refusal: Refusal) -> Replying {
    Box::pin(std::future::ready(Err(refusal)))
}
