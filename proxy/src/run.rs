//! A gateway that runs, and how it stops.
//!
//! Enters: a resolved configuration. Leaves: bound addresses, then a drained gateway. Never: a call
//! cut off before its time; never a log line lost on the way out.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use toolgate_accept::{AcceptConfig, Drain, Lanes, Patience};
use toolgate_admit::authn::Authenticator;
use toolgate_target::StdioTarget;
use toolgate_telemetry::{Admin, Checks, Telemetry};

use crate::assembly::{self, Assembly, Backend};
use crate::config::Config;
use crate::facts::Facts;
use crate::stack::stack;

/// How long a caller may take over what is its to do. Idle connections stay for longer than an AWS
/// load balancer keeps them (60 s), so that none is closed under a request that is on its way.
const PATIENCE: Patience = Patience {
    head: Duration::from_secs(15),
    idle: Duration::from_secs(75),
    write: Duration::from_secs(20),
};
/// How large the head of a request may be. A token of 8 KiB fits in, and
/// one of 20 kB as well, so that it is refused with a reason.
const HEADER_BYTES: usize = 64 * 1024;

/// A gateway that runs.
#[derive(Debug)]
pub struct Gateway {
    /// Where MCP is served.
    pub mcp: SocketAddr,
    /// Where metrics and health are served, if they are.
    pub admin: Option<SocketAddr>,
    /// What it knows of itself.
    pub facts: Arc<Facts>,
    /// Metrics and logs.
    pub telemetry: Arc<Telemetry>,
    drain: Drain,
    lanes: Arc<Lanes>,
    children: Vec<StdioTarget>,
    stop_admin: oneshot::Sender<()>,
    admin_task: JoinHandle<()>,
    background: JoinSet<()>,
    grace: Duration,
}

/// What a gateway is given by its process.
#[derive(Debug)]
pub struct Surroundings {
    /// For MCP.
    pub mcp: TcpListener,
    /// For metrics and health.
    pub admin: Option<TcpListener>,
    /// What children may see of the gateway's environment.
    pub inherited: Vec<(String, String)>,
}

// === impl Gateway ===

impl Gateway {
    /// Starts a gateway. It serves at once; keys and lists are fetched meanwhile.
    ///
    /// # Errors
    /// What the configuration asks for and the system does not give.
    pub async fn start(config: &Config, given: Surroundings) -> anyhow::Result<Self> {
        let mcp = given.mcp.local_addr()?;
        let admin = given.admin.as_ref().map(TcpListener::local_addr).transpose()?;
        let telemetry = assembly::telemetry(config).context("the access log cannot be opened")?;
        let Assembly { parts, backends, facts } =
            assembly::assemble(config, mcp, &telemetry, given.inherited)?;
        let background = background(&parts, &backends);
        let (stop_admin, stopped) = oneshot::channel();
        let checks = checks(&facts, &parts.auth);
        let page = Admin::new(Arc::clone(&telemetry), checks).hosts(config.hosts.clone());
        let admin_task = tokio::spawn(serve_admin(given.admin, page, stopped));
        // Keys first: a gateway that answers 503 to its first caller has started too early.
        parts.auth.start().await;
        let (drain, drained) = toolgate_accept::drain(Arc::clone(&parts.lifecycle));
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let lanes = Arc::new(Lanes::start(cores).context("no threads for connections")?);
        let accept = AcceptConfig {
            connections: config.limits.connections,
            patience: PATIENCE,
            header_bytes: HEADER_BYTES,
        };
        let telemetry_of_accept = Arc::clone(&telemetry);
        let stack = stack(parts);
        tokio::spawn(toolgate_accept::serve(
            given.mcp,
            accept,
            stack,
            telemetry_of_accept,
            (Arc::clone(&lanes), drained),
        ));
        Ok(Self {
            mcp,
            admin,
            facts,
            telemetry,
            drain,
            lanes,
            children: backends.into_iter().filter_map(|backend| backend.child).collect(),
            stop_admin,
            admin_task,
            background,
            grace: config.shutdown.grace,
        })
    }

    /// Stops: no new connections, calls in flight finish within the grace period, children end,
    /// logs are written. Gives back whether everything finished in time.
    pub async fn stop(mut self) -> bool {
        self.facts.drain();
        let finished = self.drain.end(self.grace).await;
        self.background.abort_all();
        // What is left on the lanes ends here, and with it the last records are written.
        let lanes = self.lanes;
        let _ended = tokio::task::spawn_blocking(move || drop(lanes)).await;
        let mut ending = JoinSet::new();
        for child in self.children {
            ending.spawn(async move { child.shutdown().await });
        }
        while ending.join_next().await.is_some() {}
        // The admin server goes last, so that a drain can be watched.
        let _stopped = self.stop_admin.send(());
        let _ended = self.admin_task.await;
        self.telemetry.flush();
        finished
    }
}

/// What runs beside the calls: lists, refreshed keys, changes that targets announce.
fn background(parts: &crate::stack::Parts, backends: &[Backend]) -> JoinSet<()> {
    let mut tasks = parts.auth.spawn_refresh();
    let registry = Arc::clone(&parts.registry);
    tasks.spawn(async move { registry.load().await });
    for backend in backends {
        let (registry, changed) = (Arc::clone(&parts.registry), Arc::clone(&backend.changed));
        let name = Arc::clone(&backend.spec.name);
        tasks.spawn(async move {
            loop {
                changed.notified().await;
                registry.changed(&name).await;
            }
        });
    }
    tasks
}

fn checks(facts: &Arc<Facts>, auth: &Arc<Authenticator>) -> Checks {
    let (facts, auth) = (Arc::clone(facts), Arc::clone(auth));
    Arc::new(move || facts.checks(&auth))
}

async fn serve_admin(listener: Option<TcpListener>, page: Admin, stopped: oneshot::Receiver<()>) {
    let stopped = async {
        // An error means that the gateway is gone, which is a reason to stop as well.
        let _stopped = stopped.await;
    };
    match listener {
        Some(listener) => toolgate_telemetry::serve(listener, page, stopped).await,
        None => stopped.await,
    }
}
