//! The admin server: metrics and health, on a port of its own.
//!
//! Enters: GET and HEAD from the operator's machines. Leaves: `/metrics`, `/healthz`, `/readyz`,
//! `/debug/log`, where there is a flight recorder `/debug/calls`, and a list of these. Never: a change of anything but the log's level,
//! and of that only from this machine; never an answer to a page in a browser that got here under a
//! foreign name (DNS rebinding).

mod calls;
mod host;
mod level;
mod page;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::agent::AgentTelemetry;
use crate::diagnostics::{Levels, levels};
use crate::{Recorder, Telemetry};

/// Connections that are served at once; more wait in the listener's backlog.
const CONNECTIONS: usize = 64;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be used, and how long it has then to finish: one that reads nothing
/// must not keep its place from whoever asks for `/healthz`.
const LIFETIME: Duration = Duration::from_secs(30);
const LAST_ANSWER: Duration = Duration::from_secs(5);
/// How long connections may take to finish after the shutdown.
const DRAIN: Duration = Duration::from_secs(2);
/// How long to wait when the system cannot accept (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One condition of readiness.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// Whether the program is ready only if it holds.
    pub required: bool,
    /// A sentence for the operator.
    pub detail: String,
}

/// Runs the checks. Called for every `/readyz`: it must not block.
pub type Checks = Arc<dyn Fn() -> Vec<Check> + Send + Sync>;

/// What an admin server has to show.
pub trait Exposed: fmt::Debug + Send + Sync {
    /// The metrics as text (exposition format 0.0.4).
    fn text(&self) -> String;

    /// The metrics as OpenMetrics 1.0.0.
    fn openmetrics(&self) -> String;

    /// What became of the last calls, if anybody keeps that.
    fn recorder(&self) -> Option<&Arc<Recorder>>;
}

/// What the admin server shows, and to whom.
#[derive(Clone)]
pub struct Admin {
    shown: Arc<dyn Exposed>,
    checks: Checks,
    hosts: Arc<[String]>,
    levels: Option<Arc<Levels>>,
    /// One scrape, or list of calls, is rendered at a time: several at once would only slow the calls down.
    rendering: Arc<Semaphore>,
}

/// The two ends of a connection, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    local: Option<IpAddr>,
    peer: Option<SocketAddr>,
}

// === impl Exposed ===

impl Exposed for Telemetry {
    fn text(&self) -> String {
        self.render()
    }

    fn openmetrics(&self) -> String {
        self.render_openmetrics()
    }

    fn recorder(&self) -> Option<&Arc<Recorder>> {
        Some(self.recorder())
    }
}

impl Exposed for AgentTelemetry {
    fn text(&self) -> String {
        self.render()
    }

    fn openmetrics(&self) -> String {
        self.render_openmetrics()
    }

    fn recorder(&self) -> Option<&Arc<Recorder>> {
        None
    }
}

// === impl Admin ===

impl Admin {
    /// A server for that telemetry and those checks, reachable under loopback names and under the
    /// address that a connection came in on.
    #[must_use]
    pub fn new(shown: Arc<impl Exposed + 'static>, checks: Checks) -> Self {
        let rendering = Arc::new(Semaphore::new(1));
        Self { shown, checks, hosts: Arc::new([]), levels: levels(), rendering }
    }

    /// Reachable under these names too; a port in them says nothing about this server's.
    #[must_use]
    pub fn hosts(mut self, names: &[String]) -> Self {
        let bare = |name: &String| Some(host::without_port(name)?.to_owned());
        self.hosts = names.iter().filter_map(bare).collect();
        self
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// Serves until `shutdown` is ready, then gives open connections two seconds.
pub async fn serve(listener: TcpListener, admin: Admin, shutdown: impl Future<Output = ()>) {
    let (stop, stopping) = watch::channel(());
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let serving = connection(stream, admin.clone(), stopping.clone());
        connections.spawn(async move {
            serving.await;
            drop(place);
        });
    }
    drop((stop, listener));
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, finished).await.is_err() {
        tracing::warn!("admin connections were cut off at shutdown");
    }
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            if error.kind() != io::ErrorKind::ConnectionAborted {
                tracing::warn!(%error, "the admin server cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

async fn connection(stream: TcpStream, admin: Admin, stopping: watch::Receiver<()>) {
    let local = stream.local_addr().ok().map(|address| address.ip());
    let ends = Ends { local, peer: stream.peer_addr().ok() };
    converse(stream, ends, admin, stopping).await;
}

/// Answers until the other side leaves, the server stops or the time is up.
async fn converse<S>(stream: S, ends: Ends, admin: Admin, mut stopping: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request| {
        let admin = admin.clone();
        async move { Ok::<_, Infallible>(page::answer(&admin, &request, ends).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => Ok(ended),
        _ = tokio::time::timeout(LIFETIME, stopping.changed()) => {
            serving.as_mut().graceful_shutdown();
            tokio::time::timeout(LAST_ANSWER, serving).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an admin connection broke off"),
        Err(_) => tracing::debug!("an admin connection was cut off: it did not read"),
    }
}

#[cfg(test)]
mod tests;
