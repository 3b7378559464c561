//! The agent over HTTP: AgentCore Runtime's contract, and the chat page with its own interface.
//!
//! Enters: requests. Leaves: JSON, events, the page. Never: an answer to a request that a foreign page
//! sent, or that got here under a foreign name; an actor that nobody verified; HTML that is made of
//! words of a model or a tool.

mod api;
mod assets;
mod door;
mod kept;
mod problem;
mod runtime;
mod session;
mod stream;
mod ws;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::host::Host;
use crate::turns::Turns;

pub use door::Allowed;
use session::Sessions;

/// How long connections may stay open once no turn goes on any more.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How the agent is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Host names by which it may be called besides its own address and those of loopback.
    pub hosts: Vec<String>,
    /// Origins of pages elsewhere that may call it.
    pub origins: Vec<String>,
    /// Turns at the same time.
    pub most_turns: usize,
    /// Bytes of a request's body.
    pub most_bytes: usize,
    /// How long turns may go on once it is told to stop.
    pub drain: Duration,
}

/// What handlers share.
#[derive(Debug)]
struct Shared {
    host: Arc<dyn Host>,
    turns: Arc<Turns>,
    allowed: Allowed,
    sessions: Sessions,
    began: SystemTime,
    status: std::sync::Mutex<(bool, SystemTime)>,
    draining: std::sync::atomic::AtomicBool,
}

type Served = Arc<Shared>;

// === impl Options ===

impl Default for Options {
    /// 64 turns, bodies of a megabyte, half a minute to end.
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            origins: Vec::new(),
            most_turns: 64,
            most_bytes: 1 << 20,
            drain: Duration::from_secs(30),
        }
    }
}

// === impl Shared ===

impl Shared {
    fn new(host: Arc<dyn Host>, options: &Options, at: SocketAddr) -> Self {
        let now = SystemTime::now();
        Self {
            host,
            turns: Turns::new(options.most_turns),
            allowed: Allowed::new(at, &options.hosts, &options.origins),
            sessions: Sessions::default(),
            began: now,
            status: std::sync::Mutex::new((false, now)),
            draining: std::sync::atomic::AtomicBool::new(false),
        }
    }

    fn is_draining(&self) -> bool {
        self.draining.load(std::sync::atomic::Ordering::Acquire)
    }
}

/// Serves until `stop` is ready; then turns that go on have a while to end, and are stopped after it.
///
/// # Errors
/// The listener's address cannot be told.
pub async fn serve(
    listener: TcpListener,
    host: Arc<dyn Host>,
    options: Options,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let shared = Arc::new(Shared::new(host, &options, listener.local_addr()?));
    let router = router(&shared, &options);
    let turns = Arc::clone(&shared.turns);
    let (draining, mut drained) = tokio::sync::watch::channel(false);
    let drain = async move {
        stop.await;
        shared.draining.store(true, std::sync::atomic::Ordering::Release);
        let mut going = shared.turns.watch();
        if timeout(options.drain, going.wait_for(|going| *going == 0)).await.is_err() {
            shared.turns.stop_all();
        }
        draining.send_replace(true);
    };
    let served = axum::serve(listener, router).with_graceful_shutdown(drain);
    // A connection that stays open must not keep the process.
    let last = async move {
        drop(drained.wait_for(|drained| *drained).await);
        sleep(LAST_WORDS).await;
    };
    let served = tokio::select! {
        served = served.into_future() => served,
        () = last => Ok(()),
    };
    let _late = timeout(LAST_WORDS, turns.kept()).await;
    served
}

fn router(shared: &Served, options: &Options) -> Router {
    let api = Router::new()
        .route("/whoami", get(api::whoami))
        .route("/models", get(api::models))
        .route("/tools", get(api::tools))
        .route("/sessions", get(kept::sessions))
        .route("/sessions/{id}", patch(kept::rename).delete(kept::forget_session))
        .route("/sessions/{id}/events", get(kept::events))
        .route("/memory", get(kept::records).delete(kept::forget_everything))
        .route("/memory/{id}", delete(kept::forget_record))
        .route("/turns", post(api::begin))
        .route("/turns/{id}/events", get(api::turn_events))
        .route("/turns/{id}/stop", post(api::stop))
        .route("/turns/{id}/approve", post(api::approve))
        .route("/sign-in", post(session::sign_in))
        .route("/sign-out", post(session::sign_out));
    Router::new()
        .route("/invocations", post(runtime::invocations))
        .route("/ping", get(runtime::ping))
        .route("/ready", get(runtime::ready))
        .route("/livez", get(runtime::alive))
        .route("/ws", get(ws::upgrade))
        .nest("/api", api)
        .route("/", get(assets::page))
        .route("/assets/{name}", get(assets::asset))
        .fallback(problem::nothing_here)
        .method_not_allowed_fallback(problem::not_so)
        .layer(DefaultBodyLimit::max(options.most_bytes))
        .layer(from_fn_with_state(Arc::clone(shared), door::check))
        .with_state(Arc::clone(shared))
}
