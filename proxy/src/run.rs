//! A gateway that runs, and how it stops.
//!
//! Enters: a resolved configuration. Leaves: bound addresses, then a drained gateway. Never: a call
//! cut off before its time; a log line lost on the way out while the log takes any; a wait for ever.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use toolgate_accept::{AcceptConfig, Drain, Drained, Lanes, Listening, LocalStream, Patience};
use toolgate_admit::authn::Authenticator;
use toolgate_call::Principal;
use toolgate_telemetry::{Admin, Checks, Telemetry};

use crate::assembly::{self, Assembly, Backend, Callers, Far};
use crate::buckets::SharedBuckets;
use crate::cloud::Cloud;
use crate::config::Config;
use crate::facts::Facts;
use crate::grants::Keeping;
use crate::keys::Keyring;
use crate::pins::Pinning;
use crate::policies::Rulebook;
use crate::secrets::Keeper;
use crate::stack::{Parts, stack};
use crate::tls::Certificates;

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

/// How long the collector may take for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(3);
/// How long CloudWatch may take for the last numbers, at the same time.
const LAST_NUMBERS: Duration = Duration::from_secs(3);
/// How long a step of stopping may take that cannot be interrupted.
const STEP_LIMIT: Duration = Duration::from_secs(2);
/// How long stopping may take after the grace period, in all.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// A gateway that runs.
#[derive(Debug)]
pub struct Gateway {
    /// Where MCP is served; `None` for callers within the process only.
    pub mcp: Option<SocketAddr>,
    /// Where metrics and health are served, if they are.
    pub admin: Option<SocketAddr>,
    /// What it knows of itself.
    pub facts: Arc<Facts>,
    /// Metrics and logs.
    pub telemetry: Arc<Telemetry>,
    /// The pins file, if there is one.
    pub pins: Option<Arc<Pinning>>,
    /// The policies, if there are any.
    pub policies: Option<Arc<Rulebook>>,
    /// The key file, if there is one.
    pub keys: Option<Arc<Keyring>>,
    /// The files of TLS, if callers come over it.
    pub certificates: Option<Arc<Certificates>>,
    /// What goes to CloudWatch and what it may cost, in words; `None` when nothing does.
    pub cloudwatch: Option<String>,
    /// What users let the gateway do, if it is kept.
    keeping: Option<Arc<Keeping>>,
    drain: Drain,
    lanes: Arc<Lanes>,
    far: Vec<Far>,
    stop_admin: oneshot::Sender<()>,
    admin_task: JoinHandle<()>,
    background: JoinSet<()>,
    /// Sends spans until telemetry is closed.
    exporting: Option<JoinHandle<()>>,
    /// Sends numbers to CloudWatch until telemetry is closed.
    publishing: Option<JoinHandle<()>>,
    /// Sends copies of audit records until the audit log is closed.
    copying: Option<JoinHandle<()>>,
    grace: Duration,
}

/// What a gateway is given by its process.
#[derive(Debug)]
pub struct Surroundings {
    /// For MCP.
    pub mcp: Door,
    /// For metrics and health.
    pub admin: Option<TcpListener>,
    /// What children may see of the gateway's environment.
    pub inherited: Vec<(String, String)>,
}

/// How callers come in.
#[derive(Debug)]
pub enum Door {
    /// From the network, each by its token.
    Network(TcpListener),
    /// From within this process, all of them this one; nothing listens.
    Process(mpsc::Receiver<LocalStream>, Arc<Principal>),
}

// === impl Gateway ===

impl Gateway {
    /// Starts a gateway. It serves at once; keys and lists are fetched meanwhile.
    ///
    /// # Errors
    /// What the configuration asks for and the system does not give.
    pub async fn start(config: &Config, given: Surroundings) -> anyhow::Result<Self> {
        let (mcp, callers) = given.mcp.callers()?;
        let admin = given.admin.as_ref().map(TcpListener::local_addr).transpose()?;
        let cloud = Cloud::find(config).await?;
        let telemetry = assembly::telemetry(config, &cloud).context("a log cannot be opened")?;
        let known = (&telemetry, &cloud);
        let Assembly { parts, backends, facts, shared, rulebook, keeping, secrets } =
            assembly::assemble(config, &callers, known, given.inherited)?;
        let exporter = telemetry.exporter().map_err(anyhow::Error::msg)?;
        let exporting = exporter.map(|task| toolgate_telemetry::spawn("export", task));
        let (cloudwatch, publishing) = publish(config, &cloud, &telemetry)?.unzip();
        let copying = copy(config, &cloud, &telemetry)?;
        let mut background = background(&parts, &backends);
        let kept = Kept { secrets, shared, rulebook: rulebook.clone(), keeping: keeping.clone() };
        kept.start(config, &mut background);
        cloud.start(&telemetry, &mut background);
        let (stop_admin, stopped) = oneshot::channel();
        let checks = checks(&facts, &parts.auth);
        let page = Admin::new(Arc::clone(&telemetry), checks).hosts(&admin_hosts(config));
        let admin_task = tokio::spawn(serve_admin(given.admin, page, stopped));
        // Keys first: a gateway that answers 503 to its first caller has started too early.
        parts.auth.start().await;
        let pinned = |pins| Arc::new(Pinning::new(pins, &parts.registry, &telemetry));
        let pins = config.pins.as_ref().map(pinned);
        let keys = config.auth.keys.as_ref();
        let keys = keys.map(|keys| Arc::new(Keyring::new(&keys.file, &parts.auth, &telemetry)));
        if let Some(keys) = keys.clone().filter(|_| mcp.is_some()) {
            background.spawn(keys.watch());
        }
        let certificates = certificates(&given.mcp, config, &telemetry);
        if let Some(certificates) = certificates.clone() {
            background.spawn(certificates.watch());
        }
        let (drain, drained) = toolgate_accept::drain(Arc::clone(&parts.lifecycle));
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let lanes = Arc::new(Lanes::start(cores).context("no threads for connections")?);
        let entrance = Entrance { door: given.mcp, certificates: certificates.as_deref() };
        open(entrance, config, parts, (Arc::clone(&lanes), drained));
        Ok(Self {
            mcp,
            admin,
            facts,
            telemetry,
            pins,
            policies: rulebook,
            keeping,
            keys,
            certificates,
            cloudwatch,
            drain,
            lanes,
            far: backends.into_iter().filter_map(|backend| backend.far).collect(),
            stop_admin,
            admin_task,
            background,
            exporting,
            publishing,
            copying,
            grace: config.shutdown.grace,
        })
    }

    /// Stops: no new connections, calls in flight finish within the grace period, children and
    /// sessions at targets end, logs are written. Gives back whether everything finished in time. It
    /// ends by itself, whatever is stuck.
    pub async fn stop(self) -> bool {
        let grace = self.grace;
        self.stop_within(grace).await
    }

    /// Stops as [`Gateway::stop`] does, with another grace period.
    pub async fn stop_within(self, grace: Duration) -> bool {
        let limit = grace.saturating_add(STOP_LIMIT);
        tokio::time::timeout(limit, self.end(grace)).await.unwrap_or(false)
    }

    /// The grace period of the configuration.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.grace
    }

    async fn end(mut self, grace: Duration) -> bool {
        self.facts.drain();
        let finished = self.drain.end(grace).await;
        self.background.abort_all();
        // What is left on the lanes ends here, and with it the last records are written.
        let lanes = self.lanes;
        let ended = within("the lanes", move || drop(lanes)).await;
        if let Some(keeping) = self.keeping {
            within("the file of grants", move || {
                let _saved = keeping.save();
            })
            .await;
        }
        let mut ending = JoinSet::new();
        for far in self.far {
            ending.spawn(async move { far.shutdown().await });
        }
        while ending.join_next().await.is_some() {}
        self.telemetry.close();
        let telemetry = Arc::clone(&self.telemetry);
        let finished = within("the audit log", move || telemetry.close_audit()).await && finished;
        tokio::join!(
            last(self.exporting, LAST_SPANS, "the collector did not take the last spans in time"),
            last(self.publishing, LAST_NUMBERS, "CloudWatch did not take the last numbers in time"),
            last(self.copying, LAST_NUMBERS, "the last audit records were not copied in time"),
        );
        // The admin server goes last, so that a drain can be watched.
        let _stopped = self.stop_admin.send(());
        let _ended = self.admin_task.await;
        let telemetry = self.telemetry;
        within("the access log", move || telemetry.flush()).await && ended && finished
    }
}

/// Starts to publish to CloudWatch. Gives back what the operator is told of it.
fn publish(
    config: &Config,
    cloud: &Cloud,
    telemetry: &Telemetry,
) -> anyhow::Result<Option<(String, JoinHandle<()>)>> {
    let Some(sink) = assembly::cloudwatch::sink(config, cloud)? else { return Ok(None) };
    let Some(task) = telemetry.publisher(Arc::clone(&sink.sink)) else { return Ok(None) };
    // No list of tools has come yet.
    let line = sink.line(telemetry.cloud_estimate(config.targets.len(), None));
    tracing::info!("CloudWatch: {line}");
    Ok(Some((line, toolgate_telemetry::spawn("cloudwatch", task))))
}

/// Starts to copy the audit log.
fn copy(
    config: &Config,
    cloud: &Cloud,
    telemetry: &Telemetry,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let to = config.audit.as_ref().and_then(|audit| audit.copy.as_ref());
    let Some((to, audit)) = to.zip(telemetry.audit()) else { return Ok(None) };
    let task = audit.copier(cloud.audit_to(to)?);
    Ok(task.map(|task| toolgate_telemetry::spawn("audit", task)))
}

/// What is kept up to date as long as the gateway runs.
struct Kept {
    secrets: Vec<Arc<Keeper>>,
    shared: Option<SharedBuckets>,
    rulebook: Option<Arc<Rulebook>>,
    keeping: Option<Arc<Keeping>>,
}

// === impl Kept ===

impl Kept {
    fn start(self, config: &Config, background: &mut JoinSet<()>) {
        for keeper in self.secrets {
            background.spawn(keeper.watch(config.secrets_every));
        }
        if let Some(shared) = self.shared {
            background.spawn(shared.keep());
        }
        if let Some(rulebook) = self.rulebook {
            background.spawn(rulebook.watch());
        }
        if let Some(keeping) = self.keeping {
            background.spawn(keeping.keep());
        }
    }
}

/// Waits for the end of a task that sends, but no longer than so long.
async fn last(task: Option<JoinHandle<()>>, limit: Duration, otherwise: &str) {
    let Some(mut task) = task else { return };
    if tokio::time::timeout(limit, &mut task).await.is_err() {
        tracing::warn!("{otherwise}");
        task.abort();
        // It counts what it had not sent.
        let _aborted = task.await;
    }
}

// === impl Door ===

impl Door {
    fn callers(&self) -> std::io::Result<(Option<SocketAddr>, Callers)> {
        match self {
            Self::Network(listener) => {
                let bound = listener.local_addr()?;
                Ok((Some(bound), Callers::Network(bound)))
            }
            Self::Process(_, principal) => Ok((None, Callers::Process(Arc::clone(principal)))),
        }
    }
}

/// The certificates, if callers come from the network and over TLS.
fn certificates(
    door: &Door,
    config: &Config,
    telemetry: &Arc<Telemetry>,
) -> Option<Arc<Certificates>> {
    let tls = config.tls.as_ref().filter(|_| matches!(door, Door::Network(_)))?;
    Some(Arc::new(Certificates::new(tls, telemetry)))
}

/// A door, and what hands are shaken with there.
struct Entrance<'a> {
    door: Door,
    certificates: Option<&'a Certificates>,
}

/// Serves whoever comes in there.
fn open(entrance: Entrance<'_>, config: &Config, parts: Parts, on: (Arc<Lanes>, Drained)) {
    let accept = AcceptConfig {
        connections: config.limits.connections,
        patience: PATIENCE,
        header_bytes: HEADER_BYTES,
    };
    let (telemetry, stack) = (Arc::clone(&parts.telemetry), stack(parts));
    match entrance.door {
        Door::Network(socket) => {
            let tls = entrance.certificates.map(Certificates::serving);
            let listening = Listening { socket, tls };
            let serving = toolgate_accept::serve(listening, accept, stack, telemetry, on);
            tokio::spawn(serving);
        }
        Door::Process(streams, _) => {
            let serving = toolgate_accept::serve_local(streams, accept, stack, telemetry, on);
            tokio::spawn(serving);
        }
    }
}

/// Does what may be stuck on a thread that can be left behind. Gives back whether it ended.
async fn within(what: &'static str, work: impl FnOnce() + Send + 'static) -> bool {
    let ended = tokio::time::timeout(STEP_LIMIT, tokio::task::spawn_blocking(work)).await;
    if ended.is_err() {
        tracing::error!("{what} did not end within {STEP_LIMIT:?} and is left behind");
    }
    ended.is_ok()
}

/// What runs beside the calls: lists, refreshed keys, changes that targets announce.
fn background(parts: &crate::stack::Parts, backends: &[Backend]) -> JoinSet<()> {
    let mut tasks = parts.auth.spawn_refresh();
    let registry = Arc::clone(&parts.registry);
    let health: HashMap<_, _> = backends
        .iter()
        .map(|backend| (Arc::clone(&backend.spec.name), Arc::clone(&backend.health)))
        .collect();
    let shut = move |target: &str| health.get(target).and_then(|health| health.shut_for());
    tasks.spawn(registry.keep(shut));
    tasks.spawn(parts.router.clone().keep());
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

/// The names of this machine: those of the MCP endpoint, whatever their port.
fn admin_hosts(config: &Config) -> Vec<String> {
    let public = config.public_url.split_once("://").map(|(_, authority)| authority.to_owned());
    config.hosts.iter().cloned().chain(public).collect()
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
