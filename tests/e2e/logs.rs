//! What becomes of the gateway when its logs cannot be written, and of logs that are renamed.

use std::process::Stdio;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::gateway::{free_address, parse_log};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::wait::{PATIENCE, until};

use crate::expect::OPEN;

/// Enough calls for more lines than a pipe holds.
const CALLS: usize = 300;

/// A gateway with the built-in clock and that log, started by hand: its standard error is a pipe.
async fn start(scratch: &Scratch, log: &str) -> Result<(Child, Client)> {
    let (listen, admin) = (free_address()?, free_address()?);
    let config = format!(
        "listen: {listen}\nadmin: {admin}\nlog: {{ access: \"{log}\" }}\n{OPEN}\
         targets: {{ clock: {{ builtin: clock }} }}\n"
    );
    let file = scratch.write("toolgate.yaml", &config)?;
    let child = Command::new(binary("toolgate", "toolgate")?)
        .args(["serve", "--config"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    until("the gateway serves", async || {
        let healthy = Client::new(admin).send(Ask::get("/healthz")).await;
        Ok(healthy.is_ok_and(|answer| answer.status == 200).then_some(()))
    })
    .await?;
    Ok((child, Client::new(listen)))
}

fn signal(child: &Child, signal: Signal) -> Result<()> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    kill_process(pid.context("it has ended")?, signal).context("signalling the gateway")
}

async fn call(client: &Client) -> Result<()> {
    client.tool("clock___now", json!({})).await?.result()?;
    Ok(())
}

#[tokio::test]
async fn a_reader_of_the_log_that_is_stuck_holds_up_neither_calls_nor_the_end() -> Result<()> {
    let scratch = Scratch::new()?;
    let (mut child, client) = start(&scratch, "stderr").await?;
    for _ in 0..CALLS {
        timeout(PATIENCE, call(&client)).await??;
    }
    signal(&child, Signal::TERM)?;
    // Nobody has read a byte of its standard error, which is full by now.
    let status = timeout(PATIENCE, child.wait()).await.context("it does not end")??;
    assert_eq!(status.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn a_second_interrupt_quits_at_once() -> Result<()> {
    let scratch = Scratch::new()?;
    let (mut child, client) = start(&scratch, "stderr").await?;
    for _ in 0..CALLS {
        timeout(PATIENCE, call(&client)).await??;
    }
    let ended = until("it has quit", async || {
        // The signal may come before the gateway listens for the second one.
        if child.id().is_some() {
            signal(&child, Signal::INT)?;
        }
        Ok(child.try_wait()?)
    });
    let status = ended.await?;
    assert_eq!(status.code(), Some(130));
    Ok(())
}

#[tokio::test]
async fn a_log_that_was_renamed_is_begun_anew_on_hangup() -> Result<()> {
    let scratch = Scratch::new()?;
    // Beside the configuration file, as every relative path.
    let (child, client) = start(&scratch, "file:access.jsonl").await?;
    let (path, old) = (scratch.path().join("access.jsonl"), scratch.path().join("old.jsonl"));
    call(&client).await?;
    let lines = |path| Ok::<_, anyhow::Error>(parse_log(&std::fs::read_to_string(path)?)?.len());
    until("its line is written", async || Ok((lines(&path)? > 0).then_some(()))).await?;
    std::fs::rename(&path, &old)?;
    signal(&child, Signal::HUP)?;
    until("lines go to the new file", async || {
        call(&client).await?;
        Ok((path.exists() && lines(&path)? > 0).then_some(()))
    })
    .await?;
    assert!(lines(&old)? > 0);
    Ok(())
}
