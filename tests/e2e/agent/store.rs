//! Settings in the Parameter Store, over the real SDK.

use anyhow::{Result, ensure};
use serde_json::Value;
use toolgate_tests::agent::{Agent, Ran, run_with};
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::process::Scratch;
use toolgate_tests::wait::until;

use super::{ensure_ended, part, written};

const SECRET: &str = "s3cr3t-of-the-store";

#[tokio::test]
async fn what_is_pushed_is_compared_pulled_and_read() -> Result<()> {
    let aws = Emulator::ministack().await?;
    let scratch = Scratch::new()?;
    let text = format!(
        "model:\n  temperature: 0.7\ngateway:\n  url: http://127.0.0.1:1/mcp\n  token: {SECRET}\n"
    );
    let file = scratch.write("agent.yaml", &text)?.display().to_string();
    let at = [("aws/endpoint", aws.url()), ("aws/region", "us-east-1".to_owned())];
    let run = async |words: &[&str], more: &[(&str, String)]| -> Result<Ran> {
        let settings: Vec<_> =
            at.iter().chain(more).map(|(key, value)| (*key, value.clone())).collect();
        let ran = run_with(words, &settings, &CREDENTIALS).await?;
        ensure!(!format!("{ran:?}").contains(SECRET), "a secret is told: {words:?}");
        Ok(ran)
    };
    let of_file =
        |command: &'static str| ["--config", file.as_str(), "--env", "test", "config", command];
    let new = run(&of_file("diff"), &[]).await?;
    ensure!(new.status.code() == Some(1) && new.stdout.contains("+ gateway/token"), "{new:?}");
    let pushed = run(&of_file("push"), &[]).await?;
    ensure!(pushed.status.success(), "{pushed:?}");
    ensure!(
        pushed.stdout.contains("created /app/devopsagent/test/model/temperature"),
        "{pushed:?}"
    );
    let again = run(&of_file("push"), &[]).await?;
    ensure!(again.stdout == "3 of 3 settings are there\n", "it is written only once: {again:?}");
    let same = run(&of_file("diff"), &[]).await?;
    ensure!(same.status.success() && same.stdout == "the same\n", "{same:?}");
    let warmer = [("model/temperature", "0.9".to_owned())];
    let other = run(&of_file("diff"), &warmer).await?;
    ensure!(
        other.status.code() == Some(1) && other.stdout.contains("~ model/temperature"),
        "{other:?}"
    );
    let pushed = run(&of_file("push"), &warmer).await?;
    ensure!(pushed.stdout.contains("model/temperature to version 2"), "{pushed:?}");
    let pulled = run(&["--env", "test", "config", "pull"], &[]).await?;
    ensure!(pulled.stdout.contains("model/temperature: \"0.9\""), "{pulled:?}");
    ensure!(pulled.stdout.contains("# gateway/token: a secret, left out"), "{pulled:?}");
    let shown = run(&["--ssm", "--env", "test", "config", "show"], &[]).await?;
    let line = shown.stdout.lines().find(|line| line.starts_with("model/temperature"));
    let from = "parameter /app/devopsagent/test/model/temperature";
    ensure!(line.is_some_and(|line| line.contains("0.9") && line.ends_with(from)), "{shown:?}");
    let elsewhere = run(&["--ssm", "--env", "prod", "config", "show"], &[]).await?;
    ensure!(!elsewhere.stdout.contains("parameter /app"), "of another environment: {elsewhere:?}");
    Ok(())
}

#[tokio::test]
async fn a_memory_at_agentcore_is_made_once_and_used() -> Result<()> {
    let aws = Emulator::ministack().await?;
    let at = [("aws/endpoint", aws.url()), ("aws/region", "us-east-1".to_owned())];
    let made = run_with(&["--ssm", "config", "ensure"], &at, &CREDENTIALS).await?;
    ensure!(made.status.success() && made.stdout.contains("(made: "), "{made:?}");
    ensure!(made.stdout.contains("/app/devopsagent/prod/agentcore/memory_id"), "{made:?}");
    let again = run_with(&["--ssm", "config", "ensure"], &at, &CREDENTIALS).await?;
    ensure!(again.status.success() && again.stdout.contains("(there: "), "{again:?}");
    let mut settings = at.to_vec();
    settings.push(("memory/backend", "agentcore".to_owned()));
    let agent = Agent::start_with(&settings, &CREDENTIALS).await?;
    until("the memory is found", async || {
        let (_, ready) = agent.ready().await?;
        Ok((part(&ready, "memory")?["ok"] == true).then_some(()))
    })
    .await?;
    let told = agent.ask("one", "Our staging cluster is called blue-7.").await?;
    ensure_ended(&told, "answered", &["gateway"])?;
    written(&agent).await?;
    // What was said can be read at once; what is concluded from it is there when the service says so.
    let events = agent.client().send(Ask::get("/api/sessions/one/events")).await?;
    ensure!(events.text().contains("blue-7"), "{}", events.text());
    Ok(())
}

#[tokio::test]
async fn secrets_are_sealed_with_the_key_that_is_named_and_nothing_else_is() -> Result<()> {
    let aws = Emulator::ministack().await?;
    let push = async |more: &[(&str, &str)]| {
        let at = [("aws/endpoint", aws.url()), ("aws/region", "us-east-1".to_owned())];
        let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let settings: Vec<_> = at.into_iter().chain(more).collect();
        run_with(&["config", "push"], &settings, &CREDENTIALS).await
    };
    let key = ("aws/kms_key", "alias/agent");
    let url = ("gateway/url", "http://127.0.0.1:1/mcp");
    let in_vain = push(&[key, url]).await?;
    ensure!(in_vain.status.code() == Some(3), "{in_vain:?}");
    ensure!(in_vain.stderr.contains("`aws/kms_key`: has no effect: no secret"), "{in_vain:?}");
    let pushed = push(&[key, url, ("gateway/token", SECRET)]).await?;
    ensure!(pushed.status.success() && !pushed.stdout.contains("kms_key"), "{pushed:?}");
    let sealed = described(&aws).await?;
    let of = |name: &str| {
        let all = sealed["Parameters"].as_array().into_iter().flatten();
        let found =
            all.into_iter().find(|one| one["Name"] == format!("/app/devopsagent/prod/{name}"));
        found.map(|one| (one["Type"].clone(), one["KeyId"].clone()))
    };
    ensure!(of("gateway/token") == Some(("SecureString".into(), "alias/agent".into())), "{sealed}");
    ensure!(of("gateway/url") == Some(("String".into(), Value::Null)), "{sealed}");
    Ok(())
}

/// What the store says of its parameters, asked without the SDK.
async fn described(aws: &Emulator) -> Result<Value> {
    let scope = "Credential=x/20260101/us-east-1/ssm/aws4_request";
    let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x");
    let ask = Ask::post("{}")
        .to("/")
        .instead("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AmazonSSM.DescribeParameters")
        .header("authorization", &signature);
    let answer = Client::new(aws.address()).send(ask).await?;
    Ok(serde_json::from_str(&answer.text())?)
}
