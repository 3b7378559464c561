//! MCP servers over Streamable HTTP, of either era.
//!
//! Enters: `Outbound`. Leaves: a `Reply` in the target's era, or why there is none. Never: a
//! caller's token, header or session; never a second try of a call that may have been carried out.

mod conn;
mod connect;
mod exchange;
mod pool;
mod site;

mod aside;
mod calls;
mod era;
mod request;
mod resume;
mod session;
mod show;

mod reply;
mod sse;
mod stream;

mod listen;

mod failure;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::Uri;
use tokio::sync::{Semaphore, watch};
use toolgate_call::{Answer, Era, Ledger, Op, Outbound, Phase, Refusal, Reply, Version, Watched};
use toolgate_telemetry::{Direction, TargetMetrics, Telemetry};
use tower::{Service, service_fn};

use crate::{Credentials, EraChoice, NoticeSink};
use aside::Ear;
pub use connect::UrlError;
use era::{EraMemory, Known};
pub(crate) use failure::Failure;
use listen::Listener;
pub(crate) use request::{Outgoing, add_context, whose};
use session::{AbleSessions, Session, SessionSlot};
pub(crate) use site::{Bounds, Site};
#[cfg(fuzzing)]
pub(crate) use sse::fuzzed_events;

/// How a target is reached.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Its configured name.
    pub target: Arc<str>,
    /// Its endpoint.
    pub url: Uri,
    /// Its era, if the operator knows it.
    pub era: EraChoice,
    /// How long DNS, TCP and TLS may take together.
    pub connect_timeout: Duration,
    /// How long an answer that has begun may stand still.
    pub idle_timeout: Duration,
    /// The largest answer, and the largest event, in bytes.
    pub max_response: usize,
    /// What the target is shown.
    pub credentials: Credentials,
    /// Of which of its resources it is to tell when they change.
    pub watched: watch::Receiver<Watched>,
}

/// A target over HTTP.
#[derive(Clone, Debug)]
pub struct HttpTarget(Arc<Inner>);

struct Inner {
    config: HttpConfig,
    site: Site,
    base: http::HeaderMap,
    ids: AtomicU64,
    era: EraMemory,
    /// That of callers who can do nothing for the target, and of the gateway itself.
    session: SessionSlot,
    able: AbleSessions,
    notices: NoticeSink,
    listener: Listener,
    metrics: Arc<TargetMetrics>,
    telemetry: Arc<Telemetry>,
    /// Messages that nobody waits for: cancellations, and answers to a target's own questions.
    aside: Arc<Semaphore>,
}

/// Dropped when a target has been told something.
type Told = tokio::sync::watch::Sender<()>;
/// Ends when it was dropped.
type AfterThat = tokio::sync::watch::Receiver<()>;

/// How many messages may be on their way aside at once, and bodies be read to their end.
const ASIDE: usize = 32;
/// How long a call waits until a target has taken note of a log level.
const LEVEL_LIMIT: Duration = Duration::from_secs(2);
/// How long the end of a session may take when the gateway stops; and how long what comes after a
/// cancellation waits for it.
const STOP_LIMIT: Duration = Duration::from_secs(2);

// === impl HttpTarget ===

impl HttpTarget {
    /// A target at that endpoint. Nothing is connected yet.
    ///
    /// # Errors
    /// When the URL is not one that can be connected to, or the system has no root certificates
    /// and the URL is `https`.
    pub fn new(
        config: HttpConfig,
        telemetry: Arc<Telemetry>,
        notices: NoticeSink,
    ) -> Result<Self, UrlError> {
        let metrics = telemetry.target(&config.target);
        let site = Site::new(
            &config.url,
            config.connect_timeout,
            config.credentials.clone(),
            Arc::clone(&metrics),
        )?;
        let base = request::base_headers(&site);
        Ok(Self(Arc::new(Inner {
            site,
            base,
            ids: AtomicU64::new(1),
            era: EraMemory::new(config.era),
            session: SessionSlot::default(),
            able: AbleSessions::default(),
            config,
            notices,
            listener: Listener::new(),
            metrics,
            telemetry,
            aside: Arc::new(Semaphore::new(ASIDE)),
        })))
    }

    /// The target as a service. Its future is not boxed here: whoever boxes the service does that.
    pub fn service(
        self,
    ) -> impl Service<Outbound, Response = Reply, Error = Refusal, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static {
        service_fn(move |outbound: Outbound| {
            let inner = Arc::clone(&self.0);
            async move {
                let served = Inner::serve(&inner, &outbound).await;
                if served.is_ok() {
                    Listener::start(&inner);
                }
                served.map_err(|failure| failure.refuse(&inner.config.target))
            }
        })
    }

    /// The target's era, once it is known.
    #[must_use]
    pub fn era(&self) -> Option<Era> {
        self.0.era.known().map(|known| known.era)
    }

    /// Ends the session at a target of the older era, if there is one: as far as that goes within
    /// a moment.
    pub async fn shutdown(&self) {
        let _in_time = tokio::time::timeout(STOP_LIMIT, self.0.close()).await;
    }
}

// === impl Inner ===

impl Inner {
    async fn serve(this: &Arc<Self>, outbound: &Outbound) -> Result<Reply, Failure> {
        // What happens once, or rarely, is boxed: this future is made for every call.
        let known = match this.era.known() {
            Some(known) => known,
            None => Box::pin(this.settle(&outbound.ledger)).await?,
        };
        let served = match Self::serve_in(this, known.era, outbound).await {
            Err(Failure::WrongEra(why)) => {
                Box::pin(Self::reconsider(this, known, *why, outbound)).await
            }
            served => served,
        };
        match served {
            // Whoever made the headers knows what to do about it.
            Err(Failure::Mismatch(answer)) if matches!(outbound.op, Op::Call(_)) => {
                Ok(Reply::one(Era::Modern, answer))
            }
            served => served,
        }
    }

    /// A request in that era.
    async fn serve_in(this: &Arc<Self>, era: Era, outbound: &Outbound) -> Result<Reply, Failure> {
        match era {
            Era::Modern => {
                this.telemetry.gateway.protocol(Version::LATEST, Direction::Target);
                let request = request::modern(this, outbound)?;
                reply::answered(this, request, outbound, None).await
            }
            Era::Legacy => Box::pin(Self::serve_legacy(this, outbound)).await,
        }
    }

    /// The target may have become one of another era. It is asked, and if so the request is sent
    /// once more: the target has looked at nothing so far.
    async fn reconsider(
        this: &Arc<Self>,
        known: Known,
        why: Failure,
        outbound: &Outbound,
    ) -> Result<Reply, Failure> {
        this.era.forget(known);
        match this.settle(&outbound.ledger).await {
            Ok(now) if now.era != known.era => {
                this.session.clear();
                this.able.clear();
                match Self::serve_in(this, now.era, outbound).await {
                    Err(Failure::WrongEra(why)) => Err(*why),
                    served => served,
                }
            }
            // What it said first tells more than that it could not be asked again.
            Ok(_) | Err(_) => Err(why),
        }
    }

    /// A request of the older era; a session that the target has lost is made again once. The
    /// target has refused the request without looking at it then, so that it is not sent twice.
    async fn serve_legacy(this: &Arc<Self>, outbound: &Outbound) -> Result<Reply, Failure> {
        let session = this.session(outbound).await?;
        if matches!(outbound.op, Op::Describe) {
            // It has said that when the session was made.
            return Ok(Reply::one(Era::Legacy, Answer::result(session.about.clone())));
        }
        this.raise_level(outbound, &session).await;
        let request = request::legacy(this, outbound, &session)?;
        let answered = reply::answered(this, request, outbound, Some(&session)).await;
        if !matches!(answered, Err(Failure::SessionLost(_))) {
            return answered;
        }
        this.slot(outbound).forget(&session);
        this.metrics.reestablished();
        let session = this.session(outbound).await?;
        this.raise_level(outbound, &session).await;
        let request = request::legacy(this, outbound, &session)?;
        reply::answered(this, request, outbound, Some(&session)).await
    }

    /// Tells a target of the older era that somebody wants more of its log messages, before it is
    /// asked for what they are about. If that fails, the call goes on without them.
    async fn raise_level(&self, outbound: &Outbound, session: &Session) {
        let Op::Call(permitted) = &outbound.op else { return };
        let Some(level) = permitted.log_level() else { return };
        let Some(raised) = session.logs.raise(level) else { return };
        // Nothing of the call itself is on its way.
        outbound.ledger.enter(Phase::Connect);
        let (request, ledger) =
            (request::set_level(self, session, level), Ledger::new(std::time::Instant::now()));
        let said = async {
            let answer = exchange::send(self, request, &ledger).await?;
            let is_set = answer.status.is_success();
            answer.body.read_all(exchange::ERROR_BODY, LEVEL_LIMIT).await.map(|_| is_set)
        };
        if let Ok(Ok(true)) = tokio::time::timeout(LEVEL_LIMIT, Box::pin(said)).await {
            raised.told();
        }
    }

    async fn session(self: &Arc<Self>, outbound: &Outbound) -> Result<Arc<Session>, Failure> {
        let session = self.slot(outbound).settle(self, &outbound.ledger).await;
        let session = session.map_err(Failure::before_request)?;
        let able = !session.abilities.is_none() && session.id.is_some();
        if able && session.ear.get().is_none() {
            outbound.ledger.enter(Phase::Connect);
            session.ear.get_or_init(|| Box::pin(Ear::of(self, &session))).await;
        }
        self.telemetry.gateway.protocol(session.version, Direction::Target);
        Ok(session)
    }

    /// Where the session for that operation is.
    fn slot(&self, outbound: &Outbound) -> &SessionSlot {
        let able = (!outbound.abilities.is_none()).then(|| self.able.slot(outbound.abilities));
        able.flatten().unwrap_or(&self.session)
    }

    async fn settle(&self, ledger: &Ledger) -> Result<Known, Failure> {
        self.era.settle(self, ledger).await.map_err(Failure::before_request)
    }

    /// Tells the target that its sessions are not needed any more, if it has given any.
    async fn close(&self) {
        let all = self.able.clear().into_iter().chain(self.session.clear());
        for session in all.filter(|session| session.id.is_some()) {
            let ledger = Ledger::new(std::time::Instant::now());
            let (delete, request) = (http::Method::DELETE, request::close(self, &session));
            if let Ok(answer) = show::sent(delete, self, request, &ledger).await {
                tracing::debug!(target = %self.config.target, status = %answer.status, "session ended");
            }
        }
    }

    fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Relaxed)
    }

    /// Sends a message whose answer does not matter, if there is room for it.
    fn send_aside(this: &Arc<Self>, request: request::Outgoing, told: Option<Told>) {
        let Ok(permit) = Arc::clone(&this.aside).try_acquire_owned() else {
            tracing::debug!(target = %this.config.target, "too many messages aside; one is dropped");
            return;
        };
        let this = Arc::clone(this);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            this.say(request).await;
            drop((permit, told));
        });
    }

    /// Sends the answer to a question of the target's, which waits for it: when there is room. There
    /// are no more of them than calls have open questions.
    /// `after`: not before the target was told that.
    fn send_answer(this: &Arc<Self>, request: request::Outgoing, after: Option<AfterThat>) {
        let (this, room) = (Arc::clone(this), Arc::clone(&this.aside));
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Some(mut after) = after {
                let _told = tokio::time::timeout(STOP_LIMIT, after.changed()).await;
            }
            let Ok(_permit) = room.acquire().await else { return };
            this.say(request).await;
        });
    }

    /// Sends a message; what comes back does not matter.
    async fn say(&self, request: request::Outgoing) {
        let ledger = Ledger::new(std::time::Instant::now());
        let sent = exchange::send(self, request, &ledger);
        let limit = self.config.connect_timeout + self.config.idle_timeout;
        if let Ok(Ok(answer)) = tokio::time::timeout(limit, sent).await {
            // A body that was read lets the connection live.
            let _read = answer.body.read_all(exchange::ERROR_BODY, limit).await;
        }
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpTarget").field("target", &self.config.target).finish_non_exhaustive()
    }
}
