//! How `toolgate stdio` starts and ends.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolgate_tests::client::message;
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::sick::{Act, Era, Sick};

use super::child::{Front, OLDER, legacy, modern};
use super::{CLOCK, open};
use crate::expect::OPEN;

/// The ids of the answers. That lists have changed may be told between them: those of a target come in
/// when they do.
fn ids(lines: &[String]) -> Result<Vec<Value>> {
    let mut ids = Vec::new();
    for line in lines {
        let message: Value = serde_json::from_str(line)?;
        if message["method"] == "notifications/tools/list_changed" {
            continue;
        }
        ensure!(message["result"].is_object(), "{message}");
        ids.push(message["id"].clone());
    }
    Ok(ids)
}

#[tokio::test]
async fn what_was_asked_is_answered_after_the_client_has_closed_its_end() -> Result<()> {
    let mut front = open()?;
    front.session(OLDER).await?;
    front.say(modern("1", "clock___sleep", &json!({ "ms": 200 }))).await?;
    front.say(legacy("2", "clock___sleep", &json!({ "ms": 300 }))).await?;
    front.close();
    assert_eq!(ids(&front.rest().await?)?, [json!(1), json!(2)]);
    assert_eq!(front.ended().await?.code(), Some(0), "{}", front.stderr());
    // The session was ended, and every call has its line.
    let lines = front.log()?;
    let has = |method: &str| lines.iter().filter(|line| line["method"] == method).count();
    assert_eq!((has("tools/call"), has("session/end")), (2, 1), "{lines:?}");
    Ok(())
}

#[tokio::test]
async fn a_call_in_flight_is_answered_before_sigterm_ends_the_front() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let mut front =
        Front::start(&format!("{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"), &[])?;
    sick.then([Act::Hold]);
    front.say(modern("1", "sick___write", &json!({}))).await?;
    sick.until_called("write", 1).await?;
    front.terminate()?;
    toolgate_tests::wait::until("it drains", async || {
        Ok(front.stderr().contains("draining").then_some(()))
    })
    .await?;
    sick.release(1);
    assert_eq!(ids(&front.rest().await?)?, [json!(1)]);
    assert_eq!(front.ended().await?.code(), Some(0), "{}", front.stderr());
    Ok(())
}

#[tokio::test]
async fn a_call_that_does_not_end_in_time_is_told_that_the_gateway_stops() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let config = format!(
        "{OPEN}shutdown: {{ grace: 200ms }}\ntargets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    for end in ["closed", "terminated"] {
        let mut front = Front::start(&config, &[])?;
        sick.then([Act::Hang]);
        let before = sick.calls("write");
        front.say(modern("1", "sick___write", &json!({}))).await?;
        sick.until_called("write", before + 1).await?;
        if end == "closed" {
            front.close();
        } else {
            front.terminate()?;
        }
        let lines = front.rest().await?;
        let [line] = lines.as_slice() else { anyhow::bail!("{end}: {lines:?}") };
        let answer: Value = serde_json::from_str(line)?;
        assert_eq!(answer["id"], 1, "{answer}");
        assert_eq!(answer["error"]["data"]["reason"], "shutdown", "{answer}");
        assert_eq!(answer["error"]["data"]["outcome"], "unknown", "{answer}");
        assert_eq!(front.ended().await?.code(), Some(0), "{}", front.stderr());
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_is_gone_ends_it_quietly() -> Result<()> {
    let mut front = open()?;
    front.session(OLDER).await?;
    front.ask(message("1", "ping", "{}")).await?;
    front.stop_listening();
    front.say(message("2", "ping", "{}")).await?;
    assert_eq!(front.ended().await?.code(), Some(0), "{}", front.stderr());
    let stderr = front.stderr();
    ensure!(stderr.contains("the client is gone") && !stderr.contains("panic"), "{stderr}");
    Ok(())
}

#[tokio::test]
async fn standard_output_is_for_messages_only() -> Result<()> {
    let scratch = Scratch::new()?;
    let toolgate = binary("toolgate", "toolgate")?;
    let run = |args: &[&str]| {
        let mut command = Command::new(&toolgate);
        command.arg("stdio").args(args).stdin(std::process::Stdio::null()).kill_on_drop(true);
        command
    };
    let claims = [
        ("log.access", "log: { access: stdout }"),
        ("cloudwatch.to", "cloudwatch: { mode: emf, to: stdout }"),
    ];
    for (key, line) in claims {
        let config = format!("{OPEN}admin: off\n{line}\n{CLOCK}");
        let file = scratch.write("toolgate.yaml", &config)?;
        let path = file.to_str().context("a path that is not UTF-8")?;
        let output = run(&["--config", path]).output().await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{said}");
        ensure!(said.contains(key) && said.contains("help:"), "{said}");
    }
    // Neither is there a way to start it with nothing, or with scopes for a gateway elsewhere.
    for args in
        [&[][..], &["--url", "http://127.0.0.1:1/mcp", "--scopes", "a"], &["--url", "ftp://x"]]
    {
        let output = run(args).output().await?;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_second_front_of_the_same_file_needs_no_port() -> Result<()> {
    let scratch = Scratch::new()?;
    let (file, _) = super::child::configured(&scratch, &format!("{OPEN}{CLOCK}"))?;
    let file = file.to_str().context("a path that is not UTF-8")?;
    let start = |more: &[&str]| {
        let mut command = Command::new(binary("toolgate", "toolgate")?);
        command.args(["stdio", "--config", file]).args(more);
        command.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        anyhow::Ok(command.stdout(std::process::Stdio::piped()).kill_on_drop(true).spawn()?)
    };
    let mut first = start(&[])?;
    let mut banner = vec![0; 8];
    let stderr = first.stderr.as_mut().context("a pipe")?;
    tokio::io::AsyncReadExt::read_exact(stderr, &mut banner).await?;
    let second = start(&[])?.wait_with_output().await?;
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(3), "{said}");
    ensure!(said.contains("--no-admin"), "{said}");
    let third = start(&["--no-admin"])?.wait_with_output().await?;
    assert_eq!(third.status.code(), Some(0), "{}", String::from_utf8_lossy(&third.stderr));
    Ok(())
}
