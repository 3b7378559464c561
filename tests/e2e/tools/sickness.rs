//! Every tool, when whom it asks is dead, slow, throttling, broken or talks nonsense.
//!
//! In: all sets of tools before one sick upstream. Out: failures of the one form with the right code, each in
//! words that can be used, and books that count each as the tool's own. Never a success.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use toolgate_tests::client::Client;
use toolgate_tests::emulator::CREDENTIALS;
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::page::Page;

use super::contract::made::{Members, fitting};
use super::{aws, failure};

/// How many arguments are made for a tool until one of them goes as far as the upstream.
const TRIES: usize = 60;

/// All sets that ask one place.
fn before(url: &str) -> String {
    format!(
        "{}targets:\n  cloud: {{ builtin: cloudwatch, timeout: 1s }}\n  \
         core: {{ builtin: aws_core, timeout: 1s }}\n  eks: {{ builtin: eks, timeout: 1s }}\n  \
         amp: {{ builtin: amp, timeout: 1s }}\n  \
         prom: {{ builtin: prometheus, url: \"{url}\", timeout: 1s }}\n  \
         docs: {{ builtin: aws_docs, url: \"{url}\", timeout: 1s }}\n  \
         web: {{ builtin: web_search, url: \"{url}\", timeout: 1s }}\n",
        aws::region(url)
    )
}

/// The failure of the first call that is not refused for its arguments.
async fn fails(client: &Client, tool: &Value, made: Vec<Value>) -> Result<(String, Value)> {
    let name = tool["name"].as_str().context("no name")?;
    for arguments in made {
        let answer = client.tool(name, arguments.clone()).await?;
        let told = failure(&answer).with_context(|| format!("{name} {arguments}"))?;
        if told["code"] != "invalid_arguments" {
            return Ok((name.to_owned(), told));
        }
    }
    anyhow::bail!("{name}: nothing went as far as the upstream")
}

async fn all_fail(url: &str, code: &str, retryable: bool) -> Result<()> {
    let gateway = Gateway::start_with(&before(url), &CREDENTIALS).await?;
    let client = gateway.client();
    let listed = client.modern("tools/list", json!({})).await?.result()?;
    let tools = listed["tools"].as_array().context("no tools")?;
    let mut runner = TestRunner::deterministic();
    let mut made = |tool: &Value| {
        let strategy = fitting(&tool["inputSchema"], "", Members::Some);
        let all = (0..TRIES).map(|_| Ok(strategy.new_tree(&mut runner)?.current()));
        let all: Result<Vec<Value>, proptest::test_runner::Reason> = all.collect();
        all.map_err(|why| anyhow::anyhow!("{why}"))
    };
    let calls = tools.iter().map(|tool| Ok((tool, made(tool)?))).collect::<Result<Vec<_>>>()?;
    let calls = calls.into_iter().map(|(tool, made)| fails(&client, tool, made));
    let told = try_join_all(calls).await?;
    for (name, told) in &told {
        ensure!(told["code"] == code, "{name} is not {code}: {told}");
        ensure!(told["retryable"] == retryable, "{name}: {told}");
        ensure!(told["upstream"]["service"].is_string(), "{name}: {told}");
        ensure!(told["message"].as_str().is_some_and(|said| said.len() > 20), "{name}: {told}");
    }
    ensure!(told.len() > 25, "only {} tools", told.len());
    let metrics = gateway.metrics().await?;
    let errors = metrics.sum("toolgate_requests_total", &[("outcome", "tool")]);
    let all = metrics.sum("toolgate_requests_total", &[("mcp_method_name", "tools/call")]);
    ensure!(errors == all && errors >= 26.0, "{errors} of {all} are failures of tools");
    gateway.books_agree().await
}

#[tokio::test]
async fn nobody_is_there() -> Result<()> {
    all_fail(&format!("http://{}", free_address()?), "unreachable", true).await
}

#[tokio::test]
async fn nothing_is_said() -> Result<()> {
    // What is never accepted is connected all the same.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    all_fail(&format!("http://{}", silent.local_addr()?), "timeout", true).await
}

#[tokio::test]
async fn there_were_too_many() -> Result<()> {
    all_fail(&Page::serve(429, "slow down").await?.url(), "rate_limited", true).await
}

#[tokio::test]
async fn it_is_broken() -> Result<()> {
    all_fail(&Page::serve(503, "no").await?.url(), "upstream_error", true).await
}

#[tokio::test]
async fn it_talks_nonsense() -> Result<()> {
    all_fail(&Page::serve(200, "}{ not JSON \u{1} <").await?.url(), "garbled", false).await
}
