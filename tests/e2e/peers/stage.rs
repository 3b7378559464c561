//! One gateway in front of every server there is.
//!
//! In: nothing. Out: the gateway, a token it takes, and what its list must be. Every test has its
//! own servers and ports; all end with it.

use anyhow::{Context, Result, ensure};
use tokio::net::TcpStream;
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::{Process, Scratch};
use toolgate_tests::upstream::{Upstream, stdio_command};
use toolgate_tests::wait::until;

use super::driver::{Driver, Era, Peer, installed, script_command, script_yaml};

pub(crate) const EVERYTHING_STDIO: &str = "everything-stdio";
pub(crate) const EVERYTHING_HTTP: &str = "everything-http";
pub(crate) const HTTP_MODERN: &str = "http-modern";
pub(crate) const HTTP_LEGACY: &str = "http-legacy";
pub(crate) const STDIO_MODERN: &str = "stdio-modern";
pub(crate) const STDIO_LEGACY: &str = "stdio-legacy";
pub(crate) const CLOCK: &str = "clock";

/// The rmcp fixture in each of its guises.
pub(crate) const FIXTURES: [&str; 4] = [HTTP_MODERN, HTTP_LEGACY, STDIO_MODERN, STDIO_LEGACY];
/// The reference server, which speaks the older era only.
pub(crate) const EVERYTHING: [&str; 2] = [EVERYTHING_STDIO, EVERYTHING_HTTP];
/// What speaks the older era.
pub(crate) const OF_LEGACY: [&str; 4] =
    [EVERYTHING_STDIO, EVERYTHING_HTTP, HTTP_LEGACY, STDIO_LEGACY];

const SCOPE: &str = "gateway/invoke";
const CLOCK_TOOLS: [&str; 2] = ["now", "sleep"];
/// What the reference server has for clients that can be asked something. A child is told that its
/// callers can; over HTTP the gateway's own session, whose list this is, declares nothing.
const ASKING: [&str; 4] = [
    "get-roots-list",
    "trigger-elicitation-request",
    "trigger-url-elicitation",
    "trigger-sampling-request",
];
const LAST_BEFORE_ASKING: &str = "trigger-long-running-operation";

/// All that a test needs; dropping it ends everything.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) token: String,
    everything: Everything,
    modern: Upstream,
    legacy: Upstream,
    _issuer: Issuer,
}

/// The reference server over HTTP, or another one.
#[derive(Debug)]
pub(crate) struct Everything {
    url: String,
    _process: Process,
    _scratch: Scratch,
}

impl Stage {
    /// Starts servers, issuer and gateway.
    pub(crate) async fn start() -> Result<Self> {
        Box::pin(Self::with_first(EVERYTHING_STDIO)).await
    }

    /// The same with that target as the first, whose resources hide others of the same URIs.
    pub(crate) async fn with_first(first: &str) -> Result<Self> {
        installed()?;
        let issuer = Issuer::start().await?;
        let (everything, modern, legacy) = tokio::try_join!(
            Everything::start(),
            Upstream::start("modern"),
            Upstream::start("legacy")
        )?;
        let (stdio, http) = (script_yaml("everything-stdio"), &everything.url);
        let child = |era| anyhow::Ok(format!("stdio: {{ command: {} }}", stdio_command(era)?));
        let server = |url: &str| format!("mcp: {{ url: \"{url}\" }}");
        let mut targets = [
            (EVERYTHING_STDIO, format!("stdio: {{ command: {stdio} }}")),
            (EVERYTHING_HTTP, server(http)),
            (HTTP_MODERN, server(modern.url())),
            (HTTP_LEGACY, server(legacy.url())),
            (STDIO_MODERN, child("modern")?),
            (STDIO_LEGACY, child("legacy")?),
            (CLOCK, "builtin: clock".to_owned()),
        ];
        targets.sort_by_key(|(name, _)| *name != first);
        let targets = targets.map(|(name, how)| format!("  {name}: {{ {how} }}\n")).concat();
        let config = format!(
            "auth:
  issuers:
    - {{ name: pool, profile: cognito, issuer: \"{issuer}\", clients: [{CLIENT_ID}] }}
  scopes: [{SCOPE}]
prefix: always
targets:
{targets}",
            issuer = issuer.url(),
        );
        let gateway = Gateway::start(&config).await?;
        let token = issuer.token(&[SCOPE]);
        Ok(Self { gateway, token, everything, modern, legacy, _issuer: issuer })
    }

    /// The list of the gateway as it must be: in the order of the configuration, what each server
    /// says when it is asked without a gateway.
    pub(crate) async fn catalog(&self) -> Result<Vec<String>> {
        let everything = direct(&self.everything.url, Era::Legacy).await?;
        let modern = direct(self.modern.url(), Era::Modern).await?;
        let legacy = direct(self.legacy.url(), Era::Legacy).await?;
        ensure!(modern == legacy, "one fixture, two lists: {modern:?}, {legacy:?}");
        let clock = CLOCK_TOOLS.map(str::to_owned).to_vec();
        let mut asking = everything.clone();
        let at = asking.iter().position(|tool| tool == LAST_BEFORE_ASKING);
        let at = at.context("another reference server")? + 1;
        asking.splice(at..at, ASKING.map(str::to_owned));
        let of = |target: &str| match target {
            EVERYTHING_STDIO => &asking,
            EVERYTHING_HTTP => &everything,
            CLOCK => &clock,
            _ => &modern,
        };
        let targets = EVERYTHING.into_iter().chain(FIXTURES).chain([CLOCK]);
        let prefixed = |target| of(target).iter().map(move |tool| format!("{target}___{tool}"));
        Ok(targets.flat_map(prefixed).collect())
    }
}

impl Everything {
    /// The reference server.
    pub(crate) async fn start() -> Result<Self> {
        Self::run(&["everything-http"]).await
    }

    /// The server of the Python SDK.
    pub(crate) async fn python() -> Result<Self> {
        Self::run(&["python_server", "http"]).await
    }

    /// The same with events that are kept for older callers who come back.
    pub(crate) async fn polled() -> Result<Self> {
        Self::run(&["python_server", "polled"]).await
    }

    /// Its endpoint.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A server of `run.sh`, on a port that is its last argument.
    async fn run(args: &[&str]) -> Result<Self> {
        let scratch = Scratch::new()?;
        let address = free_address()?;
        let mut command = script_command();
        command.args(args).arg(address.port().to_string());
        let mut process = Process::start("server", &mut command, &scratch)?;
        until("the server listens", async || {
            process.check()?;
            Ok(TcpStream::connect(address).await.is_ok().then_some(()))
        })
        .await?;
        Ok(Self { url: format!("http://{address}/mcp"), _process: process, _scratch: scratch })
    }
}

async fn direct(url: &str, era: Era) -> Result<Vec<String>> {
    let driver = Driver::new(Peer::Rmcp, era, url.to_owned());
    let report = driver.report(&["--tools".to_owned()]).await;
    Ok(report.with_context(|| format!("asking {url} without a gateway"))?.tools)
}
