//! Settings that change in the Parameter Store while the agent serves.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::agent::{Agent, run_with};
use toolgate_tests::client::Ask;
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::wait::until;

use super::{House, SCOPES, ensure_ended, part};

const SECRET: &str = "s3cr3t-of-the-store";
const REFRESHES: &str = "toolgate_agent_settings_refreshes_total";

/// The store, and where it is.
struct Store {
    _aws: Emulator,
    at: Vec<(&'static str, String)>,
}

impl Store {
    async fn start() -> Result<Self> {
        let aws = Emulator::ministack().await?;
        let at = vec![("aws/endpoint", aws.url()), ("aws/region", "us-east-1".to_owned())];
        Ok(Self { _aws: aws, at })
    }

    async fn push(&self, settings: &[(&'static str, &str)]) -> Result<()> {
        let mut all = self.at.clone();
        all.extend(settings.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let ran = run_with(&["config", "push"], &all, &CREDENTIALS).await?;
        ensure!(ran.status.success(), "{ran:?}");
        Ok(())
    }

    /// An agent that reads it every second.
    async fn agent(&self, more: &[(&'static str, String)]) -> Result<Agent> {
        let mut all = self.at.clone();
        all.push(("settings/refresh", "1s".to_owned()));
        all.extend_from_slice(more);
        Agent::start_as(&["--ssm", "serve"], &all, &CREDENTIALS).await
    }
}

/// Models that do the same, by these keys.
fn catalogue(keys: &[&str]) -> String {
    let entries: Vec<Value> =
        keys.iter().map(|key| json!({ "key": key, "provider": "rules" })).collect();
    json!(entries).to_string()
}

/// Waits until what `/ready` says of the settings is as wanted.
async fn settings(agent: &Agent, ok: bool, words: &str) -> Result<()> {
    until(format!("settings are ok: {ok}, and say {words}"), async || {
        let (_, ready) = agent.ready().await?;
        let part = part(&ready, "settings")?;
        ensure!(!ready.to_string().contains(SECRET), "a secret is told: {ready}");
        let says = part["says"].as_str().unwrap_or_default();
        Ok((part["ok"] == ok && says.contains(words)).then_some(()))
    })
    .await
}

async fn refreshes(agent: &Agent, outcome: &str) -> Result<f64> {
    Ok(agent.metrics().await?.sum(REFRESHES, &[("outcome", outcome)]))
}

async fn models(agent: &Agent) -> Result<BTreeSet<String>> {
    let answer = agent.client().send(Ask::get("/api/models")).await?;
    let value: Value = serde_json::from_slice(&answer.body)?;
    let cards = value["models"].as_array().or_else(|| value.as_array());
    let cards = cards.with_context(|| value.to_string())?;
    Ok(cards.iter().filter_map(|card| card["key"].as_str()).map(str::to_owned).collect())
}

#[tokio::test]
async fn a_change_is_applied_for_the_next_turn_or_waits_and_a_bad_one_changes_nothing() -> Result<()>
{
    let store = Store::start().await?;
    store.push(&[("model/catalogue", &catalogue(&["first"]))]).await?;
    let agent = store.agent(&[]).await?;
    ensure!(agent.ask("s", "hello").await?["end"]["model"] == "first");
    until("it is read again", async || Ok((refreshes(&agent, "same").await? >= 1.0).then_some(())))
        .await?;
    // Of these changes, some wait for a restart.
    let changed = [
        ("model/catalogue", &*catalogue(&["first", "second"])),
        ("model/default", "second"),
        ("agent/examples", r#"["How late is it?"]"#),
        ("limits/steps", "3"),
        ("limits/turns", "3"),
        ("gateway/url", "http://127.0.0.1:1/mcp"),
        ("gateway/token", SECRET),
    ];
    store.push(&changed).await?;
    settings(&agent, true, "waiting for a restart: ").await?;
    let (_, ready) = agent.ready().await?;
    let says = part(&ready, "settings")?["says"].to_string();
    ensure!(says.ends_with(": gateway/url, limits/turns, gateway/token\""), "{says}");
    ensure!(models(&agent).await? == ["first", "rules", "second"].map(str::to_owned).into());
    let whoami = agent.client().send(Ask::get("/api/whoami")).await?.text();
    ensure!(whoami.contains("How late is it?"), "{whoami}");
    ensure!(agent.ask("s", "hello").await?["end"]["model"] == "second");
    let label = [("gen_ai_request_model", "second")];
    let turns = agent.metrics().await?.sum("toolgate_agent_interactions_total", &label);
    ensure!(turns == 1.0, "a new model has a label of its own: {turns}");
    ensure!(refreshes(&agent, "changed").await? >= 1.0);

    store.push(&[("model/default", "third"), ("memory/top_k", "9")]).await?;
    settings(&agent, false, "the catalogue has no model `third`").await?;
    ensure!(agent.ask("s", "hello").await?["end"]["model"] == "second", "it stays in force");
    ensure!(refreshes(&agent, "invalid").await? >= 1.0);
    store.push(&[("model/default", "first")]).await?;
    settings(&agent, true, "as in /app/devopsagent/prod/").await?;
    ensure!(agent.ask("s", "hello").await?["end"]["model"] == "first", "mended, it is applied");

    drop(store);
    settings(&agent, false, "are in force: ").await?;
    until("it is counted", async || Ok((refreshes(&agent, "failed").await? >= 1.0).then_some(())))
        .await?;
    ensure!(agent.ask("s", "hello").await?["end"]["model"] == "first");
    let (status, said) = agent.stop().await?;
    ensure!(status.success() && !said.contains(SECRET), "{said}");
    for words in ["settings have changed, for the next turn", "take effect at a restart", "mend it"]
    {
        ensure!(said.contains(words), "{words} is not in {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_of_the_gateway_that_was_changed_is_shown_from_then_on() -> Result<()> {
    let (house, store) = (House::start("", "").await?, Store::start().await?);
    store.push(&[("gateway/url", &house.gateway.mcp_url()), ("gateway/token", "a.b.c")]).await?;
    let agent = store.agent(&[]).await?;
    ensure_ended(&agent.ask("one", "hello").await?, "answered", &["gateway"])?;
    store.push(&[("gateway/token", &house.issuer.token(&SCOPES))]).await?;
    until("the new token is in use", async || {
        let said = agent.ask("one", "hello").await?;
        Ok((said["end"]["degraded"] == json!([])).then_some(()))
    })
    .await
}

#[tokio::test]
async fn settings_that_are_not_to_be_read_again_are_not() -> Result<()> {
    let store = Store::start().await?;
    store.push(&[("settings/refresh", "0s")]).await?;
    let mut all = store.at.clone();
    all.push(("memory/top_k", "3".to_owned()));
    let agent = Agent::start_as(&["--ssm", "serve"], &all, &CREDENTIALS).await?;
    settings(&agent, true, "not read again").await?;
    // Without a store there is nothing to say.
    let agent = Agent::start(&[]).await?;
    let (_, ready) = agent.ready().await?;
    ensure!(part(&ready, "settings").is_err(), "{ready}");
    let in_vain = [("settings/refresh", "30s".to_owned())];
    let ran = run_with(&["config", "check"], &in_vain, &[]).await?;
    ensure!(ran.status.code() == Some(3) && ran.stderr.contains("with `--ssm` only"), "{ran:?}");
    Ok(())
}
