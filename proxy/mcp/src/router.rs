//! Which way a permitted call goes: to one target, to all of them, or no further.
//!
//! Enters: `Permitted`. Leaves: a `Reply` in the caller's era. Never: a decision about who may.

mod directory;
mod listen;
mod mirror;
mod still;
mod wishes;

pub(crate) use mirror::is_mismatch;
pub(crate) use still::Still;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use toolgate_call::{
    Abilities, Answer, Call, Case, Era, Holder, Listed, Method, Permitted, Phase, Policy, Refusal,
    Reply, Server, Session, SessionRef, Version,
};
use toolgate_telemetry::{SessionEvent, Telemetry};
use tower::Service;

use crate::connect::Asker;
use crate::discover::Identity;
use crate::legacy::{self, Asks, Cancels, Sessions, Table};
use crate::local::ModernFields;
use crate::one::Client;
use crate::page::{self, Wanted};
use crate::park::Parked;
use crate::registry::Catalog;
use crate::selection::ServerSpec;
use crate::{Registry, Replying};

/// What the router is told.
#[derive(Clone, Debug)]
pub struct McpConfig {
    /// The gateway's name in `serverInfo`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What models are told about the gateway as a whole.
    pub instructions: Option<String>,
    /// Tools on one page of a list.
    pub page: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Router(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    identity: Identity,
    /// Those of the servers, in the order of their numbers.
    identities: Vec<Identity>,
    page: usize,
    pub(crate) registry: Arc<Registry>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) sessions: Sessions,
    cancels: Cancels,
    pub(crate) parked: Parked,
    pub(crate) asks: Asks,
    table: Table,
    pub(crate) telemetry: Arc<Telemetry>,
}

// === impl Router ===

impl Router {
    /// A router over these targets. `policy` is the guard's: lists are filtered by it.
    #[must_use]
    pub fn new(
        config: McpConfig,
        registry: Arc<Registry>,
        policy: Arc<Policy>,
        sessions: Sessions,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let server = |spec: &ServerSpec| {
            let name = format!("{}/{}", config.name, spec.server.name);
            Identity::new(&name, &config.version, spec.instructions.clone())
        };
        let identities = registry.servers().map(server).collect();
        let identity = Identity::new(&config.name, &config.version, config.instructions);
        let parked = Parked::new(Arc::clone(sessions.states()), Arc::clone(&telemetry));
        let table = Table::new(Arc::clone(registry.watches()));
        Self(Arc::new(Inner {
            identity,
            identities,
            page: config.page.max(1),
            registry,
            policy,
            sessions,
            cancels: Cancels::default(),
            parked,
            asks: Asks::new(),
            table,
            telemetry,
        }))
    }

    /// Forgets what sessions wished that have expired, as long as it is polled.
    pub async fn keep(self) {
        self.0.table.keep().await;
    }
}

impl Router {
    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The revision that a session of that caller has agreed on.
    ///
    /// # Errors
    /// [`Case::SessionUnknown`] for one that nobody made, that has ended, or that is another's.
    pub fn negotiated(&self, id: &str, caller: Holder<'_>) -> Result<Version, Refusal> {
        self.0.sessions.open(id, caller).map(|session| session.version)
    }
}

impl Service<Permitted> for Router {
    type Response = Reply;
    type Error = Refusal;
    type Future = Replying;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, permitted: Permitted) -> Replying {
        let inner = Arc::clone(&self.0);
        let call = permitted.call();
        // The common case has a future of its own: the others would make it several times as large,
        // and it is moved into its box as a whole.
        match call.version.era() {
            Era::Modern if call.method == Method::ToolsCall => {
                let asker = Asker::of(Client::Modern, call);
                Box::pin(async move {
                    let reply = inner.one(permitted, Client::Modern).await;
                    reply.map_err(|refusal| asker.asks(refusal))
                })
            }
            Era::Modern => Box::pin(async move { inner.modern(permitted).await }),
            Era::Legacy => Box::pin(async move { inner.legacy(permitted).await }),
        }
    }
}

// === impl Inner ===

impl Inner {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not served is not known here")]
    async fn modern(&self, permitted: Permitted) -> Result<Reply, Refusal> {
        let call = permitted.call();
        if call.method.is_notification() {
            return Ok(Reply::accepted(Era::Modern));
        }
        if let Some(what) = Listed::of(call.method) {
            return self.list(call, what).await;
        }
        match call.method {
            Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead | Method::Complete => {
                let asker = Asker::of(Client::Modern, call);
                self.one(permitted, Client::Modern).await.map_err(|refusal| asker.asks(refusal))
            }
            method if method.is_of_task() && permitted.plan().is_some() => {
                Box::pin(self.to_one(permitted, Client::Modern)).await
            }
            Method::Listen => Box::pin(self.listen(call)).await,
            Method::Discover => {
                let server = call.server.as_deref();
                let catalog = self.registry.introduced(server).await;
                let said = self.identity(server).discover(&catalog);
                Ok(Reply::one(Era::Modern, Answer::result(said)))
            }
            _ => Err(unknown_method(call)),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not served is not known here")]
    async fn legacy(&self, mut permitted: Permitted) -> Result<Reply, Refusal> {
        let call = permitted.call();
        let id = match &call.session {
            SessionRef::Wanted(version) => return self.initialize(call, *version).await,
            SessionRef::None => {
                let message = "a session is needed: initialize first, then send Mcp-Session-Id";
                return Err(Refusal::new(Case::SessionMissing, message));
            }
            SessionRef::Claimed(id) => id.clone(),
        };
        let session = self.open(&id, call)?;
        if let Some(what) = Listed::of(call.method) {
            return self.list(call, what).await;
        }
        match call.method {
            Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead | Method::Complete => {
                self.set_its_level(&mut permitted);
                let client = Client::Older { id: &id, session };
                Box::pin(self.cancellable(client, &id, permitted)).await
            }
            method if method.is_of_task() && permitted.plan().is_some() => {
                let client = Client::Older { id: &id, session };
                Box::pin(self.cancellable(client, &id, permitted)).await
            }
            Method::Ping => {
                let empty = toolgate_call::RawJson::literal("{}");
                Ok(Reply::one(Era::Legacy, Answer::result(empty)))
            }
            Method::Cancelled => {
                if let Some(request) = legacy::request_id(&call.frame) {
                    self.cancels.cancel(&id, request);
                }
                Ok(Reply::accepted(Era::Legacy))
            }
            Method::Response => {
                self.asks.answered(&id, &call.frame)?;
                Ok(Reply::accepted(Era::Legacy))
            }
            Method::Initialized | Method::Notification => Ok(Reply::accepted(Era::Legacy)),
            Method::OpenStream => Ok(Reply::stream(Era::Legacy, self.changes(&id, call, session))),
            Method::Subscribe => self.subscribe(&id, &permitted, session),
            Method::Unsubscribe => self.unsubscribe(&id, call),
            Method::SetLevel => self.set_level(&id, call, session),
            Method::EndSession => {
                self.sessions.end(&id, call.holder())?;
                self.table.end(&id);
                self.telemetry.gateway.session(SessionEvent::Closed);
                Ok(Reply::accepted(Era::Legacy))
            }
            _ => Err(unknown_method(call)),
        }
    }

    /// As whom the gateway introduces itself at that server.
    pub(crate) fn identity(&self, server: Option<&Server>) -> &Identity {
        let own = server.and_then(|server| self.identities.get(server.number));
        own.unwrap_or(&self.identity)
    }

    fn open(&self, id: &str, call: &Call) -> Result<Session, Refusal> {
        self.sessions
            .open(id, call.holder())
            .inspect_err(|_| self.telemetry.gateway.session(SessionEvent::Rejected))
    }

    async fn initialize(&self, call: &Call, version: Version) -> Result<Reply, Refusal> {
        let server = call.server.as_deref();
        let catalog = self.registry.introduced(server).await;
        let abilities = call.abilities.within(Abilities::known_to(version));
        let id = self.sessions.create(call.holder(), version, abilities)?;
        self.telemetry.gateway.session(SessionEvent::Created);
        let answer = Answer::result(self.identity(server).initialize(&catalog, version));
        let mut reply = Reply::one(Era::Legacy, answer);
        reply.session = Some(Arc::from(id));
        Ok(reply)
    }

    /// A call that its session can cancel by notification.
    async fn cancellable(
        &self,
        client: Client<'_>,
        session: &str,
        permitted: Permitted,
    ) -> Result<Reply, Refusal> {
        let id = permitted.call().id.clone();
        let Some(noted) = id.and_then(|id| self.cancels.note(session, &id)) else {
            return self.to_one(permitted, client).await;
        };
        tokio::select! {
            reply = self.to_one(permitted, client) => reply.map(|reply| noted.follow(reply)),
            () = noted.cancelled() => Err(legacy::cancelled()),
        }
    }

    /// To one target: something of it, or a task of its.
    async fn to_one(&self, permitted: Permitted, client: Client<'_>) -> Result<Reply, Refusal> {
        let asker = Asker::of(client, permitted.call());
        let reply = if permitted.call().method.is_of_task() {
            Box::pin(self.task(permitted, client)).await
        } else {
            self.one(permitted, client).await
        };
        reply.map_err(|refusal| asker.asks(refusal))
    }

    /// What all targets offer, as far as this caller may use it.
    async fn list(&self, call: &Call, what: Listed) -> Result<Reply, Refusal> {
        call.ledger.enter(Phase::Wait);
        let server = call.server.as_deref();
        let fresh = self.registry.fresh(server).await;
        call.ledger.enter(Phase::Authorize);
        let catalog = fresh?;
        let era = call.version.era();
        let wanted = Wanted {
            what,
            principal: &call.principal,
            cursor: call.cursor.as_deref(),
            era,
            size: self.page,
        };
        let fields = ModernFields {
            ttl_ms: Some(self.registry.ttl(server).min(Duration::from_secs(86_400)).as_millis()),
            server_info: self.identity(server).server_info.clone(),
            more_meta: self.notes(call, what, &catalog),
        };
        let raw = page::page(&catalog, &self.policy, &wanted, &fields)?;
        Ok(Reply::one(era, Answer::result(raw)))
    }

    /// What is said of a list, as members of its `_meta`.
    fn notes(&self, call: &Call, what: Listed, catalog: &Catalog) -> Option<String> {
        let missing = self.partial(call.server.as_deref());
        let heavy = if what == Listed::Tools { self.heavy(call, catalog) } else { None };
        match (missing, heavy) {
            (Some(missing), Some(heavy)) => Some(format!("{missing},{heavy}")),
            (missing, heavy) => missing.or(heavy),
        }
    }

    /// That the tools which this caller may see weigh more than they should. Those that it may not see
    /// do not count: not even a number tells of them.
    fn heavy(&self, call: &Call, catalog: &Catalog) -> Option<String> {
        let budget = self.registry.view(call.server.as_deref()).scale.budget?;
        // Nobody sees more than there is.
        if catalog.weight() <= budget {
            return None;
        }
        let tokens = catalog.weight_for(&self.policy, &call.principal);
        (tokens > budget)
            .then(|| format!(r#""toolgate/definitions":{{"tokens":{tokens},"budget":{budget}}}"#))
    }

    /// The targets that a list lacks, as a member of its `_meta`.
    fn partial(&self, server: Option<&Server>) -> Option<String> {
        let missing = self.registry.missing(server);
        if missing.is_empty() {
            return None;
        }
        let missing: Vec<_> = missing
            .iter()
            .map(|(name, why)| {
                serde_json::json!({ "target": &**name, "reason": why.reason().as_str() })
            })
            .collect();
        Some(format!(r#""toolgate/missing":{}"#, serde_json::Value::from(missing)))
    }
}

fn unknown_method(call: &Call) -> Refusal {
    let message = if call.method == Method::Other {
        "this method does not exist here".to_owned()
    } else {
        format!("`{}` is not served here", call.method.label())
    };
    Refusal::new(Case::MethodUnknown, message)
}
