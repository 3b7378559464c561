//! The gateway as a subject: its release binary with all telemetry on.
//!
//! In: the common ground. Out: a running gateway, its counters and its access log. It touches
//! nothing of the gateway's inside.

#[cfg(test)]
mod tests;

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use toolgate_telemetry_catalog::{fields, gateway};
use toolgate_tests::issuer::CLIENT_ID;

use crate::child::Child;
use crate::cli::{Kind, Options};
use crate::ground::{Ground, SCOPE, free_address};
use crate::mcp::Door;
use crate::wire;

/// The stub's tool behind the target's name.
const FEDERATED: &str = "stub___echo";
/// The label and value that pick tool calls from the counter of requests.
const CALLS: &str = "mcp_method_name=\"tools/call\"";

/// A started gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// Its process.
    pub(crate) child: Child,
    /// The way in.
    pub(crate) door: Door,
    /// Where its metrics are.
    pub(crate) admin: SocketAddr,
    /// Where it writes a line per request.
    pub(crate) access_log: PathBuf,
}

/// Starts the gateway; it may not be ready yet.
pub(crate) fn start(ground: &Ground, kind: Kind, options: &Options) -> Result<Gateway> {
    let name = kind.name();
    let traces = if kind == Kind::Traced {
        format!("traces: {{ otlp: {{ endpoint: \"http://{}\" }} }}\n", ground.collector())
    } else {
        String::new()
    };
    let access_log = ground.scratch.path().join(format!("{name}-access.log"));
    let quiet = kind == Kind::Quiet;
    let setup = Setup { name, access_log, traces, quiet, targets: one_target(ground) };
    setup.start(ground, options)
}

/// What one gateway has that another has not.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Its name, and that of its files.
    pub(crate) name: &'static str,
    /// Where it writes a line per request.
    pub(crate) access_log: PathBuf,
    /// The part of the configuration that is about traces.
    pub(crate) traces: String,
    /// Whether it has neither access log nor admin server.
    pub(crate) quiet: bool,
    /// Its targets, as YAML.
    pub(crate) targets: String,
}

/// The stub as the only target, in the era that everyone speaks.
pub(crate) fn one_target(ground: &Ground) -> String {
    let (stub, era) = (ground.stub, ground.era.name());
    format!("  stub: {{ mcp: {{ url: \"http://{stub}/mcp\", era: {era} }} }}\n")
}

impl Setup {
    /// Starts it; it may not be ready yet.
    pub(crate) fn start(self, ground: &Ground, options: &Options) -> Result<Gateway> {
        let binary = binary(options.toolgate.as_deref())?;
        let (listen, admin) = (free_address()?, free_address()?);
        let Self { name, access_log, traces, quiet, targets } = self;
        let seen = if quiet {
            "admin: off\nlog: { access: off, level: error }\n".to_owned()
        } else {
            let log = access_log.display();
            format!("admin: {admin}\nlog: {{ access: \"file:{log}\", level: info }}\n")
        };
        let config = config(ground, listen) + &targets + &seen + &traces;
        let config = ground.scratch.write(&format!("{name}.yaml"), &config)?;
        let mut command = Command::new(&binary);
        command.arg("serve").arg("--config").arg(&config);
        let child = Child::start(name, &mut command, &ground.scratch)?;
        let door = Door { tool: FEDERATED, ..ground.door(listen) };
        Ok(Gateway { child, door, admin, access_log })
    }
}

impl Gateway {
    /// Tool calls counted by its metrics so far.
    pub(crate) async fn counted(&self) -> Result<u64> {
        sum(&metrics(self.admin).await?)
    }
}

/// What a gateway says of itself.
pub(crate) async fn metrics(admin: SocketAddr) -> Result<String> {
    let answer = wire::get(admin, "/metrics").await.context("reading /metrics")?;
    ensure!(answer.status == 200, "/metrics answered {}", answer.status);
    Ok(std::str::from_utf8(&answer.body)?.to_owned())
}

/// Tool calls in an access log.
pub(crate) fn logged(path: &Path) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut calls = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).with_context(|| format!("line {line:?}"))?;
        if line.get(fields::METHOD).and_then(Value::as_str) == Some("tools/call") {
            calls += 1;
        }
    }
    Ok(calls)
}

/// The sum over all series of the request counter that are tool calls.
fn sum(metrics: &str) -> Result<u64> {
    let mut sum = 0;
    for line in metrics.lines() {
        let Some(series) = line.strip_prefix(gateway::REQUESTS.name) else { continue };
        if !series.starts_with('{') || !series.contains(CALLS) {
            continue;
        }
        let value = series.rsplit(' ').next().unwrap_or_default();
        sum += value.parse::<u64>().with_context(|| format!("the value in {line:?}"))?;
    }
    Ok(sum)
}

fn config(ground: &Ground, listen: SocketAddr) -> String {
    let issuer = ground.issuer.url();
    // Room for a level's connections, those of the level before, and the looks in between.
    let room = ground.width * 2 + 64;
    // The lists outlast the run: none is fetched while calls are measured.
    format!(
        "listen: {listen}
auth:
  issuers:
    - {{ name: load, profile: cognito, issuer: \"{issuer}\", clients: [\"{CLIENT_ID}\"] }}
  scopes: [{SCOPE}]
limits: {{ connections: {room}, concurrency: {room} }}
defaults: {{ timeout: 60s, concurrency: {room}, list_ttl: 1h }}
targets:
"
    )
}

/// The binary told, or the release build beside this one.
fn binary(told: Option<&Path>) -> Result<PathBuf> {
    let path = match told {
        Some(path) => path.to_owned(),
        None => {
            let exe = env::current_exe().context("finding this binary")?;
            let target = exe.parent().and_then(Path::parent).context("no target directory")?;
            target.join("release").join("toolgate")
        }
    };
    ensure!(
        path.is_file(),
        "no gateway at {}: run `cargo build --release -p toolgate`, or say --toolgate PATH, \
         or leave it out with --subjects direct,relay",
        path.display()
    );
    Ok(path)
}
