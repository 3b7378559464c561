//! The official conformance suite against the gateway, with a server behind it that passes the
//! suite alone: in both revisions, over HTTP and over standard input and output.
//!
//! What fails is listed in `conformance/baselines`, one file a run and one line a check. A check
//! that passes although it is listed fails the test, so the files only get shorter. What passes
//! without a gateway is listed in `conformance/passing`, a file a suite: those only get longer, and
//! all of it must be tried through the gateway. `TOOLGATE_GEN=1` writes both. Needs `tests/peers/setup.sh` once.

mod baseline;
mod client;
mod features;
mod passing;
mod suite;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use toolgate_tests::client::Client;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::upstream::{Upstream, stdio_everything};

use crate::expect::OPEN;
use crate::peers::driver::installed;
use suite::{
    ALL_2025_03, ALL_2025_06, ALL_MODERN, ALL_OLDER, DIRECT, LATEST, REQUIRED_MODERN,
    REQUIRED_OLDER, Suite,
};

/// What the gateway reaches the fixture by.
#[derive(Clone, Copy, Debug)]
enum Behind {
    /// HTTP, in the eras that it admits to.
    Http(&'static str),
    /// A child.
    Stdio,
}

#[tokio::test]
async fn the_fixture_passes_the_older_suites_without_a_gateway() -> Result<()> {
    passes_alone([REQUIRED_OLDER, ALL_OLDER, ALL_2025_06, ALL_2025_03, LATEST]).await
}

#[tokio::test]
async fn the_fixture_passes_the_modern_suites_without_a_gateway() -> Result<()> {
    passes_alone([REQUIRED_MODERN, ALL_MODERN]).await
}

#[tokio::test]
async fn the_fixture_speaks_one_era_only_when_it_is_told_to() -> Result<()> {
    let (modern, older) = tokio::try_join!(
        Upstream::start_everything("modern"),
        Upstream::start_everything("legacy")
    )?;
    let (modern, older) = (Client::new(modern.address()?), Client::new(older.address()?));
    ensure!(modern.tools().await?.len() > 30, "it must list its tools");
    let refused = modern.session().await.err().context("it takes part in a handshake")?;
    ensure!(refused.to_string().contains("2026-07-28 only"), "{refused:#}");
    let list = older.session().await?.request("tools/list", json!({})).await?;
    ensure!(list.tool_names()? == modern.tools().await?, "{}", list.text());
    let refused = older.modern("server/discover", json!({})).await?;
    ensure!(refused.status == 400 && refused.message()?["error"]["code"] == -32000);
    Ok(())
}

async fn passes_alone<const N: usize>(suites: [Suite; N]) -> Result<()> {
    installed()?;
    let fixture = Upstream::start_everything("both").await?;
    for suite in suites {
        suite.server(DIRECT, fixture.url()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_gateway_before_a_modern_server_meets_the_older_revision() -> Result<()> {
    passes("modern", Behind::Http("modern"), REQUIRED_OLDER).await
}

#[tokio::test]
async fn the_gateway_before_a_modern_server_meets_the_modern_revision() -> Result<()> {
    passes("modern", Behind::Http("modern"), REQUIRED_MODERN).await
}

#[tokio::test]
async fn the_gateway_before_an_older_server_meets_the_older_revision() -> Result<()> {
    passes("older", Behind::Http("legacy"), REQUIRED_OLDER).await
}

#[tokio::test]
async fn the_gateway_before_an_older_server_meets_the_modern_revision() -> Result<()> {
    passes("older", Behind::Http("legacy"), REQUIRED_MODERN).await
}

#[tokio::test]
async fn the_gateway_before_a_child_meets_the_older_revision() -> Result<()> {
    passes("stdio", Behind::Stdio, REQUIRED_OLDER).await
}

#[tokio::test]
async fn the_gateway_before_a_child_meets_the_modern_revision() -> Result<()> {
    passes("stdio", Behind::Stdio, REQUIRED_MODERN).await
}

#[tokio::test]
async fn the_gateway_before_a_server_of_both_eras_passes_all_of_the_older_suite() -> Result<()> {
    passes("both", Behind::Http("both"), ALL_OLDER).await
}

#[tokio::test]
async fn the_gateway_before_a_server_of_both_eras_passes_all_of_the_modern_suite() -> Result<()> {
    passes("both", Behind::Http("both"), ALL_MODERN).await
}

#[tokio::test]
async fn the_gateway_before_a_server_of_both_eras_passes_all_of_the_oldest_suites() -> Result<()> {
    passes("both", Behind::Http("both"), ALL_2025_03).await?;
    passes("both", Behind::Http("both"), ALL_2025_06).await
}

#[tokio::test]
async fn the_gateway_before_a_server_of_both_eras_passes_the_latest_release() -> Result<()> {
    passes("both", Behind::Http("both"), LATEST).await
}

#[tokio::test]
async fn a_server_of_the_gateway_meets_the_modern_revision_as_the_gateway_does() -> Result<()> {
    installed()?;
    let fixture = Upstream::start_everything("modern").await?;
    let config = format!(
        "{OPEN}targets:\n  clock: {{ builtin: clock }}\n  everything: {{ mcp: {{ url: \"{}\" }} }}\n\
         servers:\n  one: {{ targets: [everything], prefix: never }}\n",
        fixture.url()
    );
    let gateway = Gateway::start(&config).await?;
    // What fails at `/mcp` before this target may fail here, and nothing else.
    REQUIRED_MODERN.server("modern", &format!("{}/one", gateway.mcp_url())).await?;
    gateway.books_agree().await.context("after the suite")
}

/// Every run has a server and a gateway of its own.
async fn passes(name: &str, behind: Behind, suite: Suite) -> Result<()> {
    installed()?;
    let http = match behind {
        Behind::Http(era) => Some(Upstream::start_everything(era).await?),
        Behind::Stdio => None,
    };
    let target = match &http {
        Some(server) => format!("mcp: {{ url: \"{}\" }}", server.url()),
        None => format!("stdio: {{ command: {} }}", stdio_everything("both")?),
    };
    let config = format!("{OPEN}prefix: never\ntargets:\n  everything: {{ {target} }}\n");
    let gateway = Gateway::start(&config).await?;
    suite.server(name, &gateway.mcp_url()).await?;
    gateway.books_agree().await.context("after the suite")
}
