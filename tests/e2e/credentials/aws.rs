//! Secrets of an emulated AWS, and requests that are signed for it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::fake_desk::{CLIENT, FakeDesk};
use toolgate_tests::gate::Gate;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::sigv4::verify;
use toolgate_tests::wait::until;

use super::READ;
use crate::expect::OPEN;

/// One request of AWS's JSON protocol.
async fn aws(emulator: &Emulator, target: &str, body: Value) -> Result<()> {
    let service = if target.starts_with("AmazonSSM") { "ssm" } else { "secretsmanager" };
    let scope = format!("Credential=x/20260101/us-east-1/{service}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x");
    let ask = Ask::post(body.to_string()).to("/").header("x-amz-target", target);
    let ask = ask.instead("content-type", "application/x-amz-json-1.1");
    let ask = ask.header("authorization", &signature);
    let answer = Client::new(emulator.address()).send(ask).await?;
    ensure!(answer.status == 200, "{target}: {} {}", answer.status, answer.text());
    Ok(())
}

async fn parameter(emulator: &Emulator, value: &str) -> Result<()> {
    let body = json!({ "Name": "/toolgate/key", "Value": value, "Type": "SecureString",
                       "Overwrite": true });
    aws(emulator, "AmazonSSM.PutParameter", body).await
}

#[tokio::test]
async fn secrets_in_aws_are_read_at_the_start_and_again_when_they_are_refused() -> Result<()> {
    let emulator = Emulator::ministack().await?;
    parameter(&emulator, "canary4711-one").await?;
    let secret = json!({ "id": CLIENT, "secret": "canary4711-client" }).to_string();
    let body = json!({ "Name": "toolgate/client", "SecretString": secret,
                       "ClientRequestToken": "00000000-0000-0000-0000-000000000001" });
    aws(&emulator, "secretsmanager.CreateSecret", body).await?;
    let desk = FakeDesk::start("canary4711-client").await?;
    let (keyed, guarded) = (Sick::start(Era::Modern).await?, Sick::start(Era::Modern).await?);
    let now = std::sync::Arc::new(std::sync::Mutex::new("canary4711-one"));
    let wanted = std::sync::Arc::clone(&now);
    let key = Gate::start(keyed.address(), move |head, _| {
        head.headers.get("x-key").is_some_and(|key| key == *wanted.lock().unwrap())
    })
    .await?;
    let guard = Gate::start(guarded.address(), desk.takes()).await?;
    let config = format!(
        "{OPEN}aws: {{ region: us-east-1, endpoint: \"{}\" }}\nsecrets: {{ every: 1h }}\ntargets:\n  \
         keyed:\n    mcp: {{ url: \"{}\" }}\n    credentials: {{ header: X-Key, secret: \"ssm:/toolgate/key\" }}\n  \
         guarded:\n    mcp: {{ url: \"{}\" }}\n    credentials: {{ client_credentials: {{ token_url: \"{}\", \
         client_id: {CLIENT}, client_secret: \"secretsmanager:toolgate/client#secret\" }} }}\n",
        emulator.url(),
        key.url(),
        guard.url(),
        desk.token_url()
    );
    let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
    let client = gateway.client();
    let works = async |tool: &str| {
        until(format!("{tool} works"), async || {
            Ok(client.tool(tool, json!({})).await?.result().is_ok().then_some(()))
        })
        .await
    };
    works(READ).await?;
    works("keyed___read").await?;
    // Another one is noticed by the refusal of the old one, and costs no call.
    parameter(&emulator, "canary4711-two").await?;
    *now.lock().unwrap() = "canary4711-two";
    let answer = client.tool("keyed___read", json!({})).await?;
    ensure!(answer.result().is_ok(), "{}", answer.text());
    let labels = [("source", "ssm"), ("outcome", "rotated")];
    assert_eq!(gateway.metrics().await?.sum("toolgate_secret_reads_total", &labels), 1.0);
    // Without AWS the last one serves.
    drop(emulator);
    let answer = client.tool("keyed___read", json!({})).await?;
    ensure!(answer.result().is_ok(), "{}", answer.text());
    let stopped = gateway.stop().await?;
    for text in [stopped.access_log, stopped.stderr] {
        ensure!(!text.contains("canary4711"), "a secret was written down: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_that_aws_does_not_have_is_named_at_the_start() -> Result<()> {
    let emulator = Emulator::ministack().await?;
    let config = format!(
        "{OPEN}aws: {{ region: us-east-1, endpoint: \"{}\" }}\ntargets:\n  a:\n    \
         mcp: {{ url: \"http://127.0.0.1:9/mcp\" }}\n    credentials: {{ secret: \"ssm:/toolgate/none\" }}\n  b:\n    \
         mcp: {{ url: \"http://127.0.0.1:9/mcp\" }}\n    credentials: {{ secret: \"secretsmanager:none#key\" }}\n",
        emulator.url()
    );
    let started = Gateway::start_with(&config, &CREDENTIALS).await;
    let error = format!("{:#}", started.err().context("it started")?);
    for said in ["`ssm:/toolgate/none` is not there", "`secretsmanager:none#key` is not there"] {
        ensure!(error.contains(said), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn requests_are_signed_body_and_all() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let sick = Sick::start(era).await?;
        let [(_, key), (_, secret), _] = CREDENTIALS;
        let gate = Gate::start(sick.address(), move |head, body| {
            let signed = verify(head, body, secret);
            signed.is_ok_and(|signed| {
                (&*signed.key, &*signed.region, &*signed.service)
                    == (key, "eu-west-1", "bedrock-agentcore")
            })
        })
        .await?;
        let config = format!(
            "{OPEN}aws: {{ region: us-east-1 }}\ntargets:\n  guarded:\n    mcp: {{ url: \"{}\" }}\n    \
             credentials: {{ sigv4: {{ service: bedrock-agentcore, region: eu-west-1 }} }}\n",
            gate.url()
        );
        let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
        until("a signed call goes through", async || {
            let arguments = json!({ "text": "ä \" 日本" });
            Ok(gateway.client().tool(READ, arguments).await?.result().is_ok().then_some(()))
        })
        .await?;
        assert_eq!(gate.refused(), 0, "{:?}", gate.shown());
        let text = gateway.stderr();
        ensure!(!text.contains(secret), "{text}");
    }
    Ok(())
}
