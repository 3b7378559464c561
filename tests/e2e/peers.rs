//! Clients and servers that others wrote, with the gateway between them: every client in both eras
//! against every server in both eras, over HTTP and over standard input and output.
//!
//! Needs `tests/peers/setup.sh` once.

mod books;
pub(crate) mod driver;
pub(crate) mod plan;
pub(crate) mod stage;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::herald::{self, Herald};
use toolgate_tests::wait::until;

use crate::expect::OPEN;

use books::Books;
use driver::{Driver, Era, Peer, installed, script_yaml};
use plan::{Step, UNKNOWN_TOOL};
use stage::{EVERYTHING, Everything, HTTP_LEGACY, HTTP_MODERN, STDIO_LEGACY, STDIO_MODERN, Stage};

/// A token that no issuer made.
const GARBAGE: &str = "garbage0garbage0garbage0garbage0";
/// A resource of the server of the Python SDK.
const COUNTER: &str = "peer://counter";
/// A resource of the reference server.
const RESOURCE: &str = "demo://resource/static/document/architecture.md";
/// How often the fixture's `slow` tells how far it is.
const PROGRESS_STEPS: u64 = 4;

#[tokio::test]
async fn the_python_sdk_reaches_every_server_in_both_eras() -> Result<()> {
    reaches_every_server_in_both_eras(Peer::PythonSdk).await
}

#[tokio::test]
async fn the_fastmcp_client_reaches_every_server_in_both_eras() -> Result<()> {
    reaches_every_server_in_both_eras(Peer::FastMcp).await
}

#[tokio::test]
async fn the_typescript_sdk_reaches_every_server_in_both_eras() -> Result<()> {
    reaches_every_server_in_both_eras(Peer::TsSdk).await
}

#[tokio::test]
async fn the_mcp_inspector_reaches_every_server_in_both_eras() -> Result<()> {
    reaches_every_server_in_both_eras(Peer::Inspector).await
}

#[tokio::test]
async fn the_rmcp_client_reaches_every_server_in_both_eras() -> Result<()> {
    reaches_every_server_in_both_eras(Peer::Rmcp).await
}

async fn reaches_every_server_in_both_eras(peer: Peer) -> Result<()> {
    let stage = Stage::start().await?;
    let catalog = stage.catalog().await?;
    for era in Era::BOTH {
        let tour = tour(&stage, &catalog, Driver::new(peer, era, stage.gateway.mcp_url()));
        tour.await.with_context(|| format!("{peer:?}, {era:?}"))?;
    }
    stage.gateway.books_agree().await?;
    let books = Books::open(&stage.gateway).await?;
    books.count_the_calls_of_a_tour_in_both_eras(peer)?;
    books.know_both_eras_on_both_sides()?;
    books.blame_nobody_without_cause()?;
    books.keep_the_secrets(&[&stage.token, GARBAGE])
}

/// What every client does in one era: list, call, and be told no.
async fn tour(stage: &Stage, catalog: &[String], driver: Driver) -> Result<()> {
    let good = driver.with_token(&stage.token);
    let plan = plan::tour();
    let mut args = vec!["--tools".to_owned()];
    args.extend(plan.iter().flat_map(Step::args));
    let report = good.report(&args).await?;
    ensure!(report.is_of(driver.peer, driver.era), "{report:?}");
    ensure!(report.tools == catalog, "listed {:#?}, not {catalog:#?}", report.tools);
    ensure!(report.calls.len() == plan.len(), "{} calls: {report:?}", report.calls.len());
    for (step, called) in plan.iter().zip(&report.calls) {
        step.check(called)?;
    }
    let unknown = Step::unknown().args();
    let said = good.refused(&unknown).await?;
    ensure!(said.contains(UNKNOWN_TOOL), "the unknown tool is not named: {said}");
    let tools = ["--tools".to_owned()];
    driver.refused(&tools).await.context("without a token")?;
    driver.with_token(GARBAGE).refused(&tools).await.context("with a garbage token")?;
    Ok(())
}

#[tokio::test]
async fn progress_of_every_server_reaches_the_python_sdk_in_both_eras() -> Result<()> {
    let stage = Stage::start().await?;
    for era in Era::BOTH {
        let mut args = vec!["--progress".to_owned()];
        args.extend(plan::slow().iter().flat_map(Step::args));
        let driver = Driver::new(Peer::PythonSdk, era, stage.gateway.mcp_url());
        let report = driver.with_token(&stage.token).report(&args).await?;
        ensure!(report.calls.len() == plan::slow().len(), "{era:?}: {report:?}");
        for (step, called) in plan::slow().iter().zip(&report.calls) {
            step.check(called)?;
            ensure!(called.progress == Some(PROGRESS_STEPS), "{era:?}: {called:?}");
        }
    }
    stage.gateway.books_agree().await
}

#[tokio::test]
async fn a_changed_list_of_a_child_in_the_older_era_reaches_a_session_of_the_python_sdk()
-> Result<()> {
    Box::pin(hears_of_a_change(STDIO_LEGACY)).await
}

#[tokio::test]
async fn a_changed_list_of_a_modern_child_reaches_a_session_of_the_python_sdk() -> Result<()> {
    Box::pin(hears_of_a_change(STDIO_MODERN)).await
}

#[tokio::test]
async fn a_changed_list_of_a_server_in_the_older_era_reaches_a_session_of_the_python_sdk()
-> Result<()> {
    Box::pin(hears_of_a_change(HTTP_LEGACY)).await
}

#[tokio::test]
async fn a_changed_list_of_a_modern_server_reaches_a_session_of_the_python_sdk() -> Result<()> {
    Box::pin(hears_of_a_change(HTTP_MODERN)).await
}

async fn hears_of_a_change(target: &str) -> Result<()> {
    for era in Era::BOTH {
        Box::pin(hears_in(era, target)).await.with_context(|| format!("{era:?}"))?;
    }
    Ok(())
}

/// Waits until a client has a stream of changes open.
async fn until_listened(gateway: &Gateway) -> Result<()> {
    until("the client listens", async || {
        let open = gateway.metrics().await?.sum("toolgate_streams_active", &[]);
        Ok((open >= 1.0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn changed_resources_of_the_reference_server_reach_the_python_sdk_in_both_eras() -> Result<()>
{
    let cells = EVERYTHING.into_iter().flat_map(|target| Era::BOTH.map(|era| (era, target)));
    for (era, target) in cells {
        let stage = Stage::with_first(target).await?;
        let gateway = &stage.gateway;
        let driver = Driver::new(Peer::PythonSdk, era, gateway.mcp_url());
        let listener = driver.with_token(&stage.token);
        let caller = gateway.client().with_token(&*stage.token);
        let toggle = async {
            until_listened(gateway).await?;
            let name = format!("{target}___toggle-subscriber-updates");
            caller.tool(&name, json!({})).await?.content()
        };
        let args = ["--watch", RESOURCE].map(str::to_owned);
        let (report, said) = tokio::try_join!(listener.report(&args), toggle)?;
        ensure!(report.updated == Some(vec![RESOURCE.to_owned()]), "{era:?} {said}: {report:?}");
    }
    Ok(())
}

#[tokio::test]
async fn headers_that_the_sdks_make_of_arguments_agree_with_them_and_reach_the_target() -> Result<()>
{
    installed()?;
    let herald = Herald::start(herald::Era::Modern).await?;
    let region = json!({ "type": "string", "x-mcp-header": "Region" });
    let count = json!({ "type": "integer", "x-mcp-header": "Count" });
    herald.lists(json!([herald::tool("echo", &json!({ "region": region, "count": count }))]));
    let url = herald.url();
    let config = format!("{OPEN}targets:\n  herald: {{ mcp: {{ url: \"{url}\" }} }}\n");
    let gateway = Gateway::start(&config).await?;
    gateway.client().until_listed(&["herald___echo"]).await?;
    let arguments = json!({ "region": "gr\u{fc}n", "count": 7 }).to_string();
    let args = ["--tools", "--call", "herald___echo", &arguments].map(str::to_owned);
    let mut calls = 0;
    for peer in [Peer::PythonSdk, Peer::TsSdk, Peer::Rmcp] {
        for era in Era::BOTH {
            let driver = Driver::new(peer, era, gateway.mcp_url());
            let report = driver.report(&args).await.with_context(|| format!("{peer:?} {era:?}"))?;
            ensure!(report.calls.first().is_some_and(|call| call.text == "done"), "{report:?}");
            calls += 1;
            let heard = herald.until_heard("tools/call", calls).await?;
            let told = [heard.header("mcp-param-region"), heard.header("mcp-param-count")];
            ensure!(told == [Some("=?base64?Z3LDvG4=?="), Some("7")], "{peer:?} {era:?}: {told:?}");
        }
    }
    gateway.books_agree().await
}

#[tokio::test]
async fn changed_resources_of_a_modern_server_reach_the_python_sdk_in_both_eras() -> Result<()> {
    installed()?;
    let server = Everything::python().await?;
    let pipe = script_yaml("python_server, stdio");
    let targets =
        [format!("mcp: {{ url: \"{}\" }}", server.url()), format!("stdio: {{ command: {pipe} }}")];
    for (era, target) in targets.iter().flat_map(|target| Era::BOTH.map(|era| (era, target))) {
        let config = format!("{OPEN}targets:\n  peer: {{ {target} }}\n");
        let gateway = Gateway::start(&config).await?;
        let caller = gateway.client();
        caller.until_listed(&["peer___touch"]).await?;
        let args = ["--watch", COUNTER].map(str::to_owned);
        let driver = Driver::new(Peer::PythonSdk, era, gateway.mcp_url());
        // Until the server has been subscribed to, nobody hears what it says.
        let touching = until("the client has heard of it", async || {
            let touched = caller.tool("peer___touch", json!({ "uri": COUNTER })).await?;
            ensure!(touched.content()? == "touched");
            Ok(None::<()>)
        });
        let report = tokio::select! {
            report = driver.report(&args) => report?,
            heard = touching => bail!("{era:?} {target}: {heard:?}"),
        };
        ensure!(report.updated == Some(vec![COUNTER.to_owned()]), "{era:?} {target}: {report:?}");
    }
    Ok(())
}

/// The client listens on the stream of its session, or on a subscription; someone else changes the
/// list meanwhile.
async fn hears_in(era: Era, target: &str) -> Result<()> {
    let stage = Stage::start().await?;
    let gateway = &stage.gateway;
    let caller = gateway.client().with_token(&*stage.token);
    let before = caller.tools().await?;
    let driver = Driver::new(Peer::PythonSdk, era, gateway.mcp_url());
    let listener = driver.with_token(&stage.token);
    let change = async {
        until_listened(gateway).await?;
        caller.tool(&format!("{target}___change"), json!({})).await?.content()
    };
    let args = ["--changes", "1"].map(str::to_owned);
    let (report, added) = tokio::try_join!(listener.report(&args), change)?;
    let added = format!("{target}___{added}");
    let mut after = report.changed.context("the client heard nothing")?;
    ensure!(after.contains(&added), "{added} is not in {after:?}");
    after.retain(|tool| *tool != added);
    ensure!(after == before, "changed more than {added}: {before:?}, {after:?}");
    Ok(())
}

#[tokio::test]
async fn the_stream_of_a_session_is_not_taken_for_work_of_the_gateway() -> Result<()> {
    let stage = Stage::start().await?;
    let driver = Driver::new(Peer::PythonSdk, Era::Legacy, stage.gateway.mcp_url());
    let slow: Vec<String> = plan::slow().iter().flat_map(Step::args).collect();
    driver.with_token(&stage.token).report(&slow).await?;
    stage.gateway.books_agree().await?;
    Books::open(&stage.gateway).await?.do_not_take_a_stream_for_work()
}
