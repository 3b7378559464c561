//! Numbers of turns in CloudWatch, put there by the real agent over the real SDK.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::net::TcpListener;
use toolgate_telemetry_catalog::{Program, published_of};
use toolgate_tests::agent::{Agent, run_with};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};

use super::scripted;
use crate::cloudwatch::read::{Read, Series, series};

/// Settings that put numbers there.
fn put(endpoint: String) -> Vec<(&'static str, String)> {
    vec![
        ("telemetry/cloudwatch", "true".to_owned()),
        ("aws/endpoint", endpoint),
        ("aws/region", "us-east-1".to_owned()),
    ]
}

fn tokens(kind: &str) -> Series {
    series("TokensUsed", &[("TokenType", kind)])
}

#[tokio::test]
async fn the_numbers_of_turns_arrive_exactly_at_the_end_and_nothing_else_is_there() -> Result<()> {
    let aws = Emulator::ministack().await?;
    let usage = json!({ "input": 100, "output": 10 });
    let reply = json!({ "replies": [{ "text": "It is late.", "usage": usage }] });
    let (_script, mut settings) = scripted(&json!([reply]))?;
    settings.extend(put(aws.url()));
    let agent = Agent::start_with(&settings, &CREDENTIALS).await?;
    for session in ["one", "two", "three"] {
        let said = agent.ask(session, "what time is it?").await?;
        ensure!(said["end"]["reason"] == "answered", "{said}");
    }
    let (status, said) = agent.stop().await?;
    ensure!(status.success() && said.contains("CloudWatch  put every minute to DevOpsAgent in us"));
    let read = Read::new(&aws.url());
    let exact = [
        (series("InteractionCount", &[]), 3.0),
        (series("InteractionErrors", &[]), 0.0),
        (series("TokensUsed", &[]), 330.0),
        (tokens("input"), 300.0),
        (tokens("output"), 30.0),
        (series("MemoryLost", &[]), 0.0),
        // There is no gateway.
        (series("Degraded", &[]), 3.0),
        (series("SettingsRefreshErrors", &[]), 0.0),
    ];
    for (wanted, exact) in exact {
        let sum = read.total(&wanted).await?.map(|total| total.sum);
        ensure!(sum == Some(exact), "{wanted:?}: {sum:?}");
    }
    let took = read.total(&series("ResponseTime", &[])).await?.context("no ResponseTime")?;
    ensure!(took.samples == 3.0 && took.sum > 0.0, "{took:?}");
    let known: BTreeSet<_> =
        published_of(Program::Agent).map(|(_, published)| published.name.to_owned()).collect();
    for (name, dimensions) in read.listed().await? {
        ensure!(known.contains(&name), "{name} is nobody's");
        let keys: Vec<_> = dimensions.iter().map(|(key, _)| key.as_str()).collect();
        ensure!(
            keys.is_empty() || (name == "TokensUsed" && keys == ["TokenType"]),
            "{name}: {keys:?}"
        );
    }
    Ok(())
}

/// A server that takes connections and says nothing.
#[tokio::test]
async fn cloudwatch_that_never_answers_delays_neither_turns_nor_the_end() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", silent.local_addr()?);
    let agent = Agent::start_with(&put(endpoint), &CREDENTIALS).await?;
    let said = agent.ask("one", "hello").await?;
    ensure!(said["end"]["reason"] == "answered", "{said}");
    let began = Instant::now();
    let (stopped, asked) = tokio::join!(agent.stop(), silent.accept());
    let ((status, said), _asked) = (stopped?, asked?);
    ensure!(status.success() && began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    ensure!(said.contains("CloudWatch did not take the last numbers in time"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_single_question_puts_nothing_there_and_neither_does_an_agent_that_is_not_told_to()
-> Result<()> {
    let aws = Emulator::ministack().await?;
    let asked = run_with(&["ask", "hello"], &put(aws.url()), &CREDENTIALS).await?;
    ensure!(asked.status.success(), "{asked:?}");
    let at = put(aws.url());
    let agent = Agent::start_with(&at[1..], &CREDENTIALS).await?;
    agent.ask("one", "hello").await?;
    let items = agent.metrics().await?.by("toolgate_telemetry_items_total", "signal");
    ensure!(!items.contains_key("cloudwatch"), "{items:?}");
    let (_, said) = agent.stop().await?;
    ensure!(!said.contains("CloudWatch"), "{said}");
    ensure!(Read::new(&aws.url()).listed().await?.is_empty());
    Ok(())
}
