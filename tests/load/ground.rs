//! What every subject stands on: the stub behind it, the issuer beside it, the same token.
//!
//! In: options. Out: running subjects, ready to be called, and what the stub has counted. All of
//! it ends with its handle.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::{interval, timeout};
pub(crate) use toolgate_tests::gateway::free_address;
use toolgate_tests::issuer::Issuer;

use crate::child::{Child, Scratch};
use crate::cli::{Era, Kind, Options};
use crate::mcp::{Door, TOOL};
use crate::{envoy, mcp_proxy, proc, toolgate, wire};

/// The scope every token carries and every subject that can asks for.
pub(crate) const SCOPE: &str = "gateway/invoke";

/// How long a subject may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time between two looks at a subject that is starting.
const LOOK: Duration = Duration::from_millis(2);

/// The common ground of one run.
#[derive(Debug)]
pub(crate) struct Ground {
    /// Files of this run.
    pub(crate) scratch: Scratch,
    /// Signs the tokens.
    pub(crate) issuer: Issuer,
    /// Where the stub listens.
    pub(crate) stub: SocketAddr,
    /// The token sent to every subject.
    pub(crate) bearer: String,
    /// The era everyone speaks.
    pub(crate) era: Era,
    /// Calls that must be possible at once.
    pub(crate) width: usize,
    /// What takes spans, and where.
    collector: (Child, SocketAddr),
    _stub: Child,
}

/// Something that calls can be sent through.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Which one.
    pub(crate) kind: Kind,
    /// The way in.
    pub(crate) door: Door,
    /// From start to the first complete tool list.
    pub(crate) ready: Duration,
    /// Resident memory before the first call, MiB.
    pub(crate) idle_rss: Option<f64>,
    pub(crate) child: Option<Child>,
}

impl Ground {
    /// Starts stub and issuer for up to `width` calls at once, which the stub keeps if `hold`.
    pub(crate) async fn prepare(era: Era, width: usize, hold: bool) -> Result<Self> {
        let arguments: &[&str] = if hold { &["stub", "--hold"] } else { &["stub"] };
        Self::before(arguments, era, width).await
    }

    /// The same with a stub that is told something else.
    pub(crate) async fn before(stub: &[&str], era: Era, width: usize) -> Result<Self> {
        let scratch = Scratch::new()?;
        let (child, stub) = Child::start_role("stub", stub, &scratch).await?;
        let collector = Child::start_role("collector", &["collector"], &scratch).await?;
        let issuer = Issuer::start().await?;
        let bearer = issuer.token(&[SCOPE]);
        Ok(Self { scratch, issuer, stub, bearer, era, width, collector, _stub: child })
    }

    /// Starts a subject and waits until it is ready.
    pub(crate) async fn subject(&self, kind: Kind, options: &Options) -> Result<Subject> {
        let start = Instant::now();
        let (mut child, door) = match kind {
            Kind::Direct => (None, self.door(self.stub)),
            Kind::Relay => {
                let target = self.stub.to_string();
                let arguments = ["relay", &target];
                let (child, address) =
                    Child::start_role("relay", &arguments, &self.scratch).await?;
                (Some(child), self.door(address))
            }
            Kind::Toolgate | Kind::Quiet | Kind::Traced => {
                let gateway = toolgate::start(self, kind, options)?;
                (Some(gateway.child), gateway.door)
            }
            Kind::Envoy => envoy::start(self, options)?,
            Kind::McpProxy => mcp_proxy::start(self, options)?,
        };
        wait_listed(kind.name(), &door, child.as_mut()).await?;
        let ready = start.elapsed();
        if kind.checks_tokens() {
            let strict = door.refuses_forgery().await?;
            ensure!(strict, "{} takes a forged token: it would be measured unfairly", kind.name());
        }
        let mut subject = Subject { kind, door, ready, idle_rss: None, child };
        subject.idle_rss = subject.rss()?;
        Ok(subject)
    }

    /// A door to a subject that publishes the stub's tool under its own name.
    pub(crate) fn door(&self, address: SocketAddr) -> Door {
        let bearer = self.bearer.clone();
        Door { address, path: "/mcp", tool: TOOL, bearer, era: self.era, traced: false }
    }

    /// What takes spans.
    pub(crate) fn collector(&self) -> SocketAddr {
        self.collector.1
    }

    /// The tool calls that have reached the stub.
    pub(crate) async fn stub_calls(&self) -> Result<u64> {
        let answer = wire::get(self.stub, "/calls").await?;
        let text = std::str::from_utf8(&answer.body)?;
        text.parse().context("the stub's count")
    }

    /// Waits until the stub holds `calls` calls.
    pub(crate) async fn wait_held(&self, calls: usize) -> Result<()> {
        let path = format!("/held/{calls}");
        match timeout(PATIENCE, wire::get(self.stub, &path)).await {
            Ok(answer) => answer.map(drop),
            Err(_) => bail!("fewer than {calls} calls reached the stub within {PATIENCE:?}"),
        }
    }

    /// Lets the stub answer what it holds.
    pub(crate) async fn release(&self) -> Result<()> {
        let answer = wire::request(self.stub, "POST", "/release").await?;
        ensure!(answer.status == 200, "the stub did not release its calls");
        Ok(())
    }
}

impl Subject {
    /// Processor time so far; the direct way has none.
    pub(crate) fn cpu(&self) -> Result<Option<Duration>> {
        self.child.as_ref().map(|child| proc::cpu(child.pid())).transpose()
    }

    /// Resident memory, MiB; the direct way has none.
    pub(crate) fn rss(&self) -> Result<Option<f64>> {
        self.child.as_ref().map(|child| proc::rss(child.pid())).transpose()
    }

    /// Ends it; an error says what it said when it died before.
    pub(crate) async fn stop(self) -> Result<()> {
        let Some(mut child) = self.child else { return Ok(()) };
        child.check()?;
        child.stop().await.map(drop)
    }
}

/// Waits until a subject lists the tool; an error carries its last words.
pub(crate) async fn wait_listed(
    name: &str,
    door: &Door,
    mut child: Option<&mut Child>,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut tick = interval(LOOK);
    loop {
        tick.tick().await;
        let problem = match door.lists_tool().await {
            Ok(true) => return Ok(()),
            Ok(false) => format!("it does not list {}", door.tool),
            Err(error) => format!("{error:#}"),
        };
        if let Some(child) = child.as_deref_mut() {
            child.check()?;
        }
        if Instant::now() >= deadline {
            let words = child.map(|child| child.last_words()).unwrap_or_default();
            bail!("{name} is not ready after {PATIENCE:?}: {problem}\nits output: {words}");
        }
    }
}

/// The path of a peer's binary, or an error that says how to install it.
pub(crate) fn installed(binary: &Path, flag: &str, install: &str) -> Result<PathBuf> {
    if binary.components().count() > 1 {
        ensure!(
            binary.is_file(),
            "nothing at {}; say {flag} PATH after {install}",
            binary.display()
        );
        return Ok(binary.to_owned());
    }
    let places = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&places)
        .map(|place| place.join(binary))
        .find(|path| path.is_file())
        .with_context(|| {
            format!("{} is not in PATH; say {flag} PATH after {install}", binary.display())
        })
}
