//! THE PAGE: every layer that a request passes, in the order in which it passes them.
//!
//! Enters: the parts, each made by its own stage. Leaves: one service. Never: a decision.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use toolgate_admit::authn::Authenticator;
use toolgate_admit::{
    Body, FrontLayer, IdentifyLayer, Negotiated, OriginConfig, Pages, RecordLayer, RpcConfig,
    RpcLayer, Servers,
};
use toolgate_call::{Lifecycle, Policy};
use toolgate_guard::{
    AuditLayer, Buckets, ConcurrencyLayer, Explain, LoopLayer, LoopRule, MeantLayer, RateLayer,
    RateRule, ScopeLayer,
};
use toolgate_mcp::{Registry, Router};
use toolgate_telemetry::Telemetry;
use tower::{Service, ServiceBuilder};

/// Calls and callers of which it is remembered how often the answer was the same, 100 bytes each.
const REPEATED: usize = 100_000;

/// What the layers are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Metrics and logs.
    pub telemetry: Arc<Telemetry>,
    /// Hosts and origins that are ours.
    pub origin: Arc<OriginConfig>,
    /// The servers below `/mcp`.
    pub servers: Servers,
    /// Pages for browsers, if there are any.
    pub pages: Option<Arc<dyn Pages>>,
    /// Verifies tokens.
    pub auth: Arc<Authenticator>,
    /// Limits of a request.
    pub rpc: RpcConfig,
    /// Who may do what.
    pub policy: Arc<Policy>,
    /// Says for the audit log why the rules decided as they did.
    pub explain: Arc<dyn Explain>,
    /// All targets and their tools.
    pub registry: Arc<Registry>,
    /// Calls at once.
    pub concurrency: usize,
    /// Streams of sessions at once.
    pub streams: usize,
    /// How often.
    pub rates: Vec<RateRule>,
    /// Where tokens are kept for that.
    pub buckets: Arc<dyn Buckets>,
    /// When a caller is taken to go round in circles.
    pub loops: Option<LoopRule>,
    /// Chooses the way.
    pub router: Router,
    /// How far the gateway has got in stopping.
    pub lifecycle: Arc<Lifecycle>,
}

/// The way of a request.
pub fn stack(
    parts: Parts,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ Sync
+ 'static {
    let Parts { telemetry, origin, auth, rpc, policy, router, lifecycle, .. } = parts;
    let Parts { concurrency, streams, servers, pages, explain, rates, buckets, loops, .. } = parts;
    let (sessions, directory) = (router.clone(), Arc::new(router.clone()));
    let negotiated = Negotiated::new(move |id, caller| sessions.negotiated(id, caller));
    let audit = AuditLayer::new(Arc::clone(&telemetry), explain);
    ServiceBuilder::new()
        // Names the request, starts its ledger; writes its record when the last byte is out.
        .layer(RecordLayer { telemetry: Arc::clone(&telemetry), lifecycle: Arc::clone(&lifecycle) })
        // Only /mcp and the servers below it, only from a Host and an Origin that are ours; serves
        // the RFC 9728 documents, and the pages on which users connect their accounts.
        .layer(FrontLayer { origin, auth: Arc::clone(&auth), servers, pages })
        // The bearer token becomes a principal, and goes no further.
        .layer(IdentifyLayer(Arc::clone(&auth)))
        // The line: Request → Call on the way in, Reply or Refusal → Response on the way out.
        .layer(RpcLayer {
            config: rpc,
            auth,
            telemetry: Arc::clone(&telemetry),
            lifecycle,
            negotiated,
        })
        // A call that only names another, as those do who found it by a search, becomes that other.
        .layer(MeantLayer(Arc::clone(&directory) as _))
        // What is refused from here on is written down.
        .layer(audit.clone())
        // May this principal use the gateway, and this tool? Call → Permitted.
        .layer(ScopeLayer::new(policy, directory, Arc::clone(&telemetry)))
        // Not too often? One token out of each bucket that is about the call.
        .layer(RateLayer::new(rates, buckets, Arc::clone(&telemetry)))
        // Not the same again and again? The answers are looked at for that.
        .layer(LoopLayer::new(loops, REPEATED, Arc::clone(&telemetry)))
        // Is there room? The permit is held until the last byte.
        .layer(ConcurrencyLayer::new(concurrency, streams, telemetry))
        // What is let through is written down before it goes on.
        .layer(audit)
        // To one target, to all, or answered here. Behind each target: `reach`, then `target`.
        .service(router)
}
