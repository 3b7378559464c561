//! One run of a client that someone else wrote.
//!
//! In: which client, in which era, where to, with which token. Out: its report, or what it says
//! when it is refused. It never outlives its test.

use std::env;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;
use toolgate_tests::client::{LEGACY, MODERN};
use toolgate_tests::process::binary;

/// A client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Peer {
    PythonSdk,
    FastMcp,
    TsSdk,
    /// Version 1 of it, which knows the older era only.
    TsSdkV1,
    Inspector,
    Rmcp,
    /// An agent; it finds the era by itself.
    Strands,
}

/// An era, as the drivers call it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Era {
    Modern,
    Legacy,
}

/// A client that is ready to be started, as often as is needed.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    pub(crate) peer: Peer,
    pub(crate) era: Era,
    server: Server,
    token: Option<String>,
}

/// Where a server is.
#[derive(Clone, Debug)]
enum Server {
    Url(String),
    /// A child process of the client: a program and its arguments.
    Command(Vec<String>),
}

/// What a client reports.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    protocol_version: Option<String>,
    /// The tools that it listed.
    pub(crate) tools: Vec<String>,
    /// The calls, in order.
    pub(crate) calls: Vec<Called>,
    /// The tools after the list had changed, if it waited for that.
    pub(crate) changed: Option<Vec<String>>,
    /// The resources that have changed, if it waited for that.
    pub(crate) updated: Option<Vec<String>>,
    /// The scopes of each token that it got, if it got them by itself.
    pub(crate) granted: Option<Vec<Vec<String>>>,
}

/// What became of one call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Called {
    pub(crate) name: String,
    pub(crate) is_error: bool,
    pub(crate) text: String,
    pub(crate) structured: Option<Value>,
    /// How many notifications of progress came, if they were counted.
    pub(crate) progress: Option<u64>,
    /// What the task was called that it became.
    task: Option<String>,
}

/// More than the minute that the drivers grant themselves.
const PATIENCE: Duration = Duration::from_secs(75);
const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/run.sh");

// === impl Era ===

impl Era {
    pub(crate) const BOTH: [Self; 2] = [Self::Modern, Self::Legacy];

    /// The revision that is spoken in it.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::Modern => MODERN,
            Self::Legacy => LEGACY,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy => "legacy",
        }
    }
}

// === impl Peer ===

impl Peer {
    fn command(self) -> Result<Command> {
        let script = match self {
            Self::PythonSdk => "python_sdk",
            Self::FastMcp => "fastmcp_client",
            Self::TsSdk => "ts_sdk",
            Self::TsSdkV1 => "ts_sdk_v1",
            Self::Inspector => "inspector",
            Self::Strands => "strands_client",
            Self::Rmcp => {
                return Ok(Command::new(binary("fixture-rmcp-client", "toolgate-tests")?));
            }
        };
        let mut command = script_command();
        command.arg(script);
        Ok(command)
    }

    /// Whether it sends a call of a tool that is not in the list.
    pub(crate) fn calls_unlisted_tools(self) -> bool {
        self != Self::Inspector
    }
}

// === impl Driver ===

impl Driver {
    /// Without a token.
    pub(crate) fn new(peer: Peer, era: Era, url: String) -> Self {
        Self { peer, era, server: Server::Url(url), token: None }
    }

    /// The client starts the server itself, and speaks to it over standard input and output.
    pub(crate) fn of_child(peer: Peer, era: Era, command: Vec<String>) -> Self {
        Self { peer, era, server: Server::Command(command), token: None }
    }

    /// The same with a token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Runs it; it must succeed.
    pub(crate) async fn report(&self, args: &[String]) -> Result<Report> {
        let Output { status, stdout, stderr } = self.run(args).await?;
        let (said, told) = (String::from_utf8(stdout)?, String::from_utf8_lossy(&stderr));
        ensure!(status.success(), "it failed ({status}): {told}");
        serde_json::from_str(&said).with_context(|| format!("not a report: {said:?}"))
    }

    /// Runs it; it must fail with status 1 and report nothing. Returns its standard error.
    pub(crate) async fn refused(&self, args: &[String]) -> Result<String> {
        let Output { status, stdout, stderr } = self.run(args).await?;
        let (said, told) =
            (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr).into_owned());
        ensure!(
            status.code() == Some(1) && said.is_empty(),
            "it was to be refused, but: {status}, {said}{told}"
        );
        Ok(told)
    }

    async fn run(&self, args: &[String]) -> Result<Output> {
        let mut command = self.peer.command()?;
        match &self.server {
            Server::Url(url) => command.args(["--url", url]),
            Server::Command(words) => command.args(["--command", &json!(words).to_string()]),
        };
        command.args(["--era", self.era.as_str()]);
        if let Some(token) = &self.token {
            command.args(["--token", token]);
        }
        command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        let ended = timeout(PATIENCE, command.output()).await;
        ended
            .with_context(|| format!("{:?} did not end within {PATIENCE:?}", self.peer))?
            .with_context(|| format!("starting {:?}", self.peer))
    }
}

// === impl Called ===

impl Called {
    /// Whether it became a task.
    pub(crate) const fn is_task(&self) -> bool {
        self.task.is_some()
    }
}

// === impl Report ===

impl Report {
    /// Whether the client spoke the revision it was told to. The Inspector does not say.
    pub(crate) fn is_of(&self, peer: Peer, era: Era) -> bool {
        match self.protocol_version.as_deref() {
            None => peer == Peer::Inspector,
            Some(version) => version == era.version(),
        }
    }
}

/// `tests/peers/run.sh`, which takes the name of a peer.
pub(crate) fn script_command() -> Command {
    Command::new(RUN)
}

/// The command of a peer of `run.sh`, as a YAML list.
pub(crate) fn script_yaml(peer: &str) -> String {
    format!("[{RUN:?}, {peer}]")
}

/// Whether `setup.sh` has been run.
///
/// # Errors
/// When it has not; says how.
pub(crate) fn installed() -> Result<()> {
    let folder = env::var_os("TOOLGATE_PEERS_DIR").map_or_else(
        || Path::new(&env::var_os("HOME").unwrap_or_default()).join(".cache/toolgate-peers"),
        Into::into,
    );
    let there = folder.join("stamp").is_file();
    ensure!(there, "{} has no peers: run `tests/peers/setup.sh` first", folder.display());
    Ok(())
}
