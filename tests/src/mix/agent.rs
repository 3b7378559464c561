//! Turns of every kind, of an agent beside a gateway of its own.
//!
//! In: nothing. Out: an agent whose numbers tell of whatever can happen to a turn.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use crate::agent::Agent;
use crate::gateway::Gateway;
use crate::issuer::{CLIENT_ID, Issuer};
use crate::process::Scratch;
use crate::tokens::Tokens;

/// The agent, and what has to be there for as long as it is.
#[derive(Debug)]
pub(super) struct AgentMix {
    pub(super) agent: Agent,
    _kept: (Gateway, Tokens, Scratch),
}

impl AgentMix {
    pub(super) async fn start() -> Result<Self> {
        let issuer = Arc::new(Issuer::start().await?);
        let iss = issuer.url();
        let gateway = Gateway::start(&format!(
            "auth:\n  issuers:\n    \
             - {{ name: pool, profile: cognito, issuer: \"{iss}\", clients: [{CLIENT_ID}] }}\n\
             targets: {{ clock: {{ builtin: clock }} }}\n"
        ))
        .await?;
        let tokens = Tokens::start(issuer, 3600).await?;
        let clock = json!({ "name": "clock___now", "input": {} });
        let script = json!([
            { "match": "fail", "replies": [{ "fault": { "kind": "throttled" } }] },
            { "match": "gone", "replies": [{ "fault": { "kind": "unavailable" } }] },
            { "match": "circles", "replies": [{ "tools": [clock] }] },
            { "replies": [{ "tools": [clock] }, { "text": "It is late." }] },
        ]);
        let scratch = Scratch::new()?;
        let script = scratch.write("script.json", &script.to_string())?;
        let model =
            json!([{ "key": "script", "provider": "script", "input_usd": 3, "output_usd": 15 }]);
        let settings = [
            ("model/script_file", script.display().to_string()),
            ("model/catalogue", model.to_string()),
            ("limits/steps", "3".to_owned()),
            ("gateway/url", gateway.mcp_url()),
            ("gateway/token_url", tokens.url()),
            ("gateway/client_id", "agent".to_owned()),
            ("gateway/client_secret", "s3cret".to_owned()),
        ];
        let agent = Agent::start(&settings).await?;
        Ok(Self { agent, _kept: (gateway, tokens, scratch) })
    }

    /// One turn of every kind.
    pub(super) async fn every_kind(&self) -> Result<()> {
        let told = "Our staging cluster is blue-7.";
        for question in [told, "What time is it?", "fail", "gone", "circles"] {
            self.agent.ask("mix", question).await?;
        }
        Ok(())
    }
}
