//! Clients that others wrote, with `toolgate stdio` as their child process: each in both eras,
//! before servers of both eras, over HTTP and over standard input and output.
//!
//! Needs `tests/peers/setup.sh` once.

use anyhow::{Context, Result, ensure};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::upstream::{Upstream, stdio_command};

use super::child::configured;
use crate::expect::OPEN;
use crate::peers::driver::{Driver, Era, Peer, installed};
use crate::peers::plan::{self, Step, UNKNOWN_TOOL};
use crate::peers::stage::{CLOCK, EVERYTHING, FIXTURES};

/// The servers, and a front before them that clients start themselves.
struct Stage {
    command: Vec<String>,
    scratch: Scratch,
    _servers: [Upstream; 2],
}

impl Stage {
    async fn start() -> Result<Self> {
        installed()?;
        let modern = Upstream::start("modern").await?;
        let legacy = Upstream::start("legacy").await?;
        let [http_modern, http_legacy, stdio_modern, stdio_legacy] = FIXTURES;
        let config = format!(
            "{OPEN}prefix: always
targets:
  {http_modern}: {{ mcp: {{ url: \"{modern_url}\" }} }}
  {http_legacy}: {{ mcp: {{ url: \"{legacy_url}\" }} }}
  {stdio_modern}: {{ stdio: {{ command: {modern_child} }} }}
  {stdio_legacy}: {{ stdio: {{ command: {legacy_child} }} }}
  {CLOCK}: {{ builtin: clock }}
",
            modern_url = modern.url(),
            legacy_url = legacy.url(),
            modern_child = stdio_command("modern")?,
            legacy_child = stdio_command("legacy")?,
        );
        let scratch = Scratch::new()?;
        let (file, _) = configured(&scratch, &config)?;
        let toolgate = binary("toolgate", "toolgate")?.display().to_string();
        let file = file.display().to_string();
        // One child may still be on its way out when the next one starts.
        let words = [&toolgate, "stdio", "--no-admin", "--config", &file];
        let command = words.map(str::to_owned).to_vec();
        Ok(Self { command, scratch, _servers: [modern, legacy] })
    }

    fn driver(&self, peer: Peer, era: Era) -> Driver {
        Driver::of_child(peer, era, self.command.clone())
    }
}

/// The Inspector starts a child for each call: one call for each server must do.
fn steps(peer: Peer) -> Vec<Step> {
    let mut steps = plan::tour();
    steps.retain(|step| !EVERYTHING.contains(&step.target()));
    if peer == Peer::Inspector {
        steps.dedup_by_key(|step| step.target());
    }
    steps
}

async fn reaches_every_server(peer: Peer, era: Era) -> Result<()> {
    let stage = Stage::start().await?;
    tour(&stage.driver(peer, era)).await.with_context(|| format!("{peer:?}, {era:?}"))?;
    let log = std::fs::read_to_string(stage.scratch.path().join("access.log"))?;
    ensure!(log.lines().all(|line| line.contains(r#""issuer":"stdio""#)), "{log}");
    ensure!(log.contains(&format!(r#""protocol_version":"{}""#, era.version())), "{log}");
    Ok(())
}

async fn tour(driver: &Driver) -> Result<()> {
    let plan = steps(driver.peer);
    let mut args = vec!["--tools".to_owned()];
    args.extend(plan.iter().flat_map(Step::args));
    let report = driver.report(&args).await?;
    ensure!(report.is_of(driver.peer, driver.era), "{report:?}");
    for target in FIXTURES.into_iter().chain([CLOCK]) {
        let listed = report.tools.iter().any(|tool| tool.starts_with(&format!("{target}___")));
        ensure!(listed, "nothing of {target} is listed: {:?}", report.tools);
    }
    ensure!(report.calls.len() == plan.len(), "{} calls: {report:?}", report.calls.len());
    for (step, called) in plan.iter().zip(&report.calls) {
        step.check(called)?;
    }
    let said = driver.refused(&Step::unknown().args()).await?;
    ensure!(said.contains(UNKNOWN_TOOL), "the unknown tool is not named: {said}");
    Ok(())
}

#[tokio::test]
async fn the_python_sdk_reaches_every_server_in_the_modern_era() -> Result<()> {
    reaches_every_server(Peer::PythonSdk, Era::Modern).await
}

#[tokio::test]
async fn the_python_sdk_reaches_every_server_in_the_older_era() -> Result<()> {
    reaches_every_server(Peer::PythonSdk, Era::Legacy).await
}

#[tokio::test]
async fn the_mcp_inspector_reaches_every_server_in_the_modern_era() -> Result<()> {
    reaches_every_server(Peer::Inspector, Era::Modern).await
}

#[tokio::test]
async fn the_mcp_inspector_reaches_every_server_in_the_older_era() -> Result<()> {
    reaches_every_server(Peer::Inspector, Era::Legacy).await
}

#[tokio::test]
async fn the_rmcp_client_reaches_every_server_in_the_modern_era() -> Result<()> {
    reaches_every_server(Peer::Rmcp, Era::Modern).await
}

#[tokio::test]
async fn the_rmcp_client_reaches_every_server_in_the_older_era() -> Result<()> {
    reaches_every_server(Peer::Rmcp, Era::Legacy).await
}

#[tokio::test]
async fn progress_of_every_server_reaches_the_python_sdk_through_a_child() -> Result<()> {
    let stage = Stage::start().await?;
    for era in Era::BOTH {
        let mut args = vec!["--progress".to_owned()];
        args.extend(plan::slow().iter().flat_map(Step::args));
        let report = stage.driver(Peer::PythonSdk, era).report(&args).await?;
        for (step, called) in plan::slow().iter().zip(&report.calls) {
            step.check(called)?;
            ensure!(called.progress == Some(4), "{era:?}: {called:?}");
        }
    }
    Ok(())
}
