//! API keys: made, used, taken back, beside tokens of an issuer.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;
use toolgate_tests::client::{Answer, Ask};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::wait::until;

const PEPPER: &str = "0123456789abcdef0123456789abcdef";
const SCOPE: &str = "gateway/invoke";
const NOW: &str = "clock___now";

/// A gateway that takes keys, and what is needed to make them.
struct House {
    gateway: Gateway,
    scratch: Scratch,
}

/// A configuration that takes keys, and perhaps tokens.
fn config(folder: &Path, issuers: &str) -> String {
    let file = folder.join("keys.json");
    format!(
        "auth:\n  {issuers}\n  keys: {{ file: \"{}\", pepper: \"env:PEPPER\" }}\n  scopes: [{SCOPE}]\n\
         targets:\n  clock: {{ builtin: clock }}\n\
         tools:\n  clock___sleep: {{ scopes: [clock/sleep] }}\n",
        file.display()
    )
}

/// Runs `toolgate keys`, and gives back what it printed.
async fn keys(folder: &Path, words: &[&str]) -> Result<String> {
    made(folder, words, ("PEPPER", PEPPER)).await
}

/// The same with another secret in the environment.
pub(crate) async fn made(folder: &Path, words: &[&str], env: (&str, &str)) -> Result<String> {
    let mut command = Command::new(binary("toolgate", "toolgate")?);
    command.arg("keys").args(words).arg("--config").arg(folder.join("toolgate.yaml"));
    let done = command.env(env.0, env.1).output().await?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.success(), "toolgate keys {words:?}: {said}");
    Ok(String::from_utf8(done.stdout)?.trim_end().to_owned())
}

impl House {
    /// Where somebody has this key already.
    async fn start(issuers: &str, first: &[&str]) -> Result<(Self, String)> {
        let scratch = Scratch::new()?;
        let config = config(scratch.path(), issuers);
        scratch.write("toolgate.yaml", &config)?;
        let key = keys(scratch.path(), first).await?;
        let gateway = Gateway::start_with(&config, &[("PEPPER", PEPPER)]).await?;
        Ok((Self { gateway, scratch }, key))
    }

    async fn keys(&self, words: &[&str]) -> Result<String> {
        keys(self.scratch.path(), words).await
    }

    async fn with(&self, key: &str) -> Result<Answer> {
        self.gateway.client().with_token(key).send(Ask::tool(NOW, json!({}))).await
    }

    async fn in_header(&self, key: &str) -> Result<Answer> {
        self.gateway.client().send(Ask::tool(NOW, json!({})).header("x-api-key", key)).await
    }

    async fn until_is(&self, key: &str, status: u16) -> Result<Answer> {
        until("the key file is read again", async || {
            let answer = self.with(key).await?;
            Ok((answer.status == status).then_some(answer))
        })
        .await
    }

    fn nowhere(&self, key: &str) -> Result<()> {
        let secret = key.rsplit('_').next().context("a key")?;
        let written = [self.gateway.stderr(), self.gateway.access_log()].concat();
        ensure!(!written.contains(secret), "a key was written down: {written}");
        Ok(())
    }
}

#[tokio::test]
async fn a_key_is_good_from_when_it_is_made_until_it_is_taken_back() -> Result<()> {
    let create = ["create", "--name", "ci", "--scope", SCOPE];
    let (house, key) = House::start("", &create).await?;
    for answer in [house.with(&key).await?, house.in_header(&key).await?] {
        ensure!(answer.status == 200, "{}", answer.text());
        let line = house.gateway.line_of(&answer).await?;
        ensure!(
            line["issuer"] == "keys" && key.contains(line["client"].as_str().unwrap_or("none")),
            "{line}"
        );
    }
    let needed = house.gateway.client().with_token(&key);
    let refused = needed.send(Ask::tool("clock___sleep", json!({ "seconds": 0 }))).await?;
    assert_eq!(refused.status, 403, "{}", refused.text());
    // A second one while the gateway runs, then without the first.
    let other = house.keys(&["create", "--name", "other", "--scope", SCOPE]).await?;
    house.until_is(&other, 200).await?;
    house.keys(&["revoke", &key]).await?;
    house.until_is(&key, 401).await?;
    ensure!(house.with(&other).await?.status == 200, "the other one is good still");
    // A file that is wrong changes nothing, also at once by SIGHUP.
    house.scratch.write("keys.json", "{")?;
    house.gateway.signal(Signal::HUP)?;
    until("the wrong file is seen", async || {
        let labels = [("outcome", "failed")];
        let failed = house.gateway.metrics().await?.sum("toolgate_key_file_reloads_total", &labels);
        Ok((failed > 0.0).then_some(()))
    })
    .await?;
    ensure!(house.with(&other).await?.status == 200, "what was read before holds");
    house.nowhere(&key)?;
    house.nowhere(&other)?;
    house.gateway.books_agree().await
}

#[tokio::test]
async fn what_is_no_key_or_one_too_many_is_refused_with_one_sentence() -> Result<()> {
    let issuer = Issuer::start().await?;
    let issuers = format!(
        "issuers: [{{ name: main, profile: cognito, issuer: \"{}\", clients: [\"{CLIENT_ID}\"] }}]",
        issuer.url()
    );
    let (house, key) =
        House::start(&issuers, &["create", "--name", "ci", "--scope", SCOPE]).await?;
    let token = issuer.token(&[SCOPE]);
    ensure!(house.with(&token).await?.status == 200 && house.with(&key).await?.status == 200);
    let cut = key.chars().take(80).collect::<String>();
    let mixed = house.gateway.client().with_token(&token);
    let mixed = mixed.send(Ask::tool(NOW, json!({})).header("x-api-key", &key)).await?;
    let sentences = [
        (house.with(&cut).await?, "malformed"),
        (house.in_header(&token).await?, "malformed"),
        (mixed, "malformed"),
        (house.with(&key.replace("tgk_", "tgk_0")).await?, "malformed"),
    ];
    for (answer, _) in sentences {
        let message = answer.message()?["error"]["message"].clone();
        let is_plain = message == "the bearer token is not accepted";
        ensure!(answer.status == 401 && is_plain, "{} {}", answer.status, answer.text());
        ensure!(answer.header("www-authenticate").is_some_and(|it| it.contains("invalid_token")));
    }
    let metrics = house.gateway.metrics().await?;
    let denied = |issuer| {
        metrics.sum("toolgate_auth_requests_total", &[("issuer", issuer), ("outcome", "denied")])
    };
    ensure!(denied("keys") == 2.0, "by their prefix they are told from tokens");
    house.nowhere(&key)
}

#[tokio::test]
async fn a_gateway_with_keys_alone_names_no_issuer() -> Result<()> {
    let (house, _) = House::start("", &["create", "--name", "ci", "--scope", SCOPE]).await?;
    let path = "/.well-known/oauth-protected-resource/mcp";
    let document = house.gateway.client().send(Ask::get(path)).await?;
    let document: Value = serde_json::from_str(&document.text())?;
    ensure!(document.get("authorization_servers").is_none(), "{document}");
    let unknown = house.gateway.client().send(Ask::tool(NOW, json!({}))).await?;
    ensure!(unknown.status == 401, "{}", unknown.text());
    Ok(())
}
