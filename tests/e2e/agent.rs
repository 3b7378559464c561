//! The agent from outside: the real binary beside the real gateway.

mod agentcore;
mod bedrock;
mod changes;
mod cloudwatch;
mod counted;
mod down;
mod face;
mod hostile;
mod incidents;
mod memory;
mod page;
mod refresh;
mod store;
mod story;
mod strands;
mod time;
mod trace;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::agent::{Agent, through};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer, OTHER_CLIENT};
use toolgate_tests::process::Scratch;
use toolgate_tests::wait::until;

pub(crate) const SCOPES: [&str; 2] = ["gateway/invoke", "gateway/observe"];

/// A gateway with its own tools and the clock, before targets of the test's.
pub(crate) struct House {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) gateway: Gateway,
}

impl House {
    /// With these lines of targets, and these of the rest.
    pub(crate) async fn start(targets: &str, rest: &str) -> Result<Self> {
        let issuer = Arc::new(Issuer::start().await?);
        let iss = issuer.url();
        let config = format!(
            "auth:\n  issuers:\n    \
             - {{ name: main, profile: cognito, issuer: \"{iss}\", clients: [{CLIENT_ID}, {OTHER_CLIENT}] }}\n  \
             scopes: [gateway/invoke]\n{rest}\
             targets:\n  gateway: {{ builtin: gateway }}\n  clock: {{ builtin: clock }}\n{targets}"
        );
        Ok(Self { gateway: Gateway::start(&config).await?, issuer })
    }

    /// An agent of it.
    pub(crate) async fn agent(&self, more: &[(&'static str, String)]) -> Result<Agent> {
        let mut settings = through(&self.gateway.mcp_url(), &self.issuer.token(&SCOPES));
        settings.extend_from_slice(more);
        Agent::start(&settings).await
    }
}

/// A model that says what a script says, as settings; the script lives as long as the folder.
pub(crate) fn scripted(script: &Value) -> Result<(Scratch, Vec<(&'static str, String)>)> {
    let scratch = Scratch::new()?;
    let file = scratch.write("script.json", &script.to_string())?;
    let catalogue = json!([{ "key": "script", "provider": "script" }]);
    let settings = vec![
        ("model/script_file", file.display().to_string()),
        ("model/catalogue", catalogue.to_string()),
        ("agent/approval", "not_needed".to_owned()),
    ];
    Ok((scratch, settings))
}

pub(crate) fn answer(said: &Value) -> Result<&str> {
    said["answer"].as_str().with_context(|| said.to_string())
}

/// Waits until everything that was said is on the disk.
pub(crate) async fn written(agent: &Agent) -> Result<()> {
    until("memory is written", async || {
        let (_, ready) = agent.ready().await?;
        let says = part(&ready, "memory")?["says"].as_str().unwrap_or_default();
        Ok(says.contains("(0 waiting").then_some(()))
    })
    .await
}

pub(crate) fn part<'a>(ready: &'a Value, name: &str) -> Result<&'a Value> {
    let parts = ready["parts"].as_array().context("no parts")?;
    let found = parts.iter().find(|part| part["name"] == name);
    found.with_context(|| format!("no part {name}: {ready}"))
}

/// That a turn has ended so, and what it had to do without.
pub(crate) fn ensure_ended(said: &Value, reason: &str, degraded: &[&str]) -> Result<()> {
    let end = &said["end"];
    ensure!(end["reason"] == reason && end["degraded"] == json!(degraded), "{said}");
    Ok(())
}
