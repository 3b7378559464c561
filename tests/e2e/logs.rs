//! What becomes of the gateway when its logs cannot be written, of logs that are renamed, of levels
//! that are changed while it runs, and of calls that get no line.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::gateway::{Gateway, free_address, parse_log};
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

const CLOCK: &str = "targets: { clock: { builtin: clock } }\n";

/// Runs `toolgate log-level`; gives the exit code and what it said.
async fn log_level(gateway: &Gateway, words: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(binary("toolgate", "toolgate")?);
    command.arg("log-level").args(words).args(["--admin", &gateway.admin_url()]);
    let done = command.output().await?;
    let said = String::from_utf8([done.stdout, done.stderr].concat())?;
    Ok((done.status.code(), said))
}

/// What is no HTTP, to the admin server: worth a message at debug. It has been said, if it is, when
/// the connection is closed.
async fn garble(gateway: &Gateway) -> Result<()> {
    let url = gateway.admin_url();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
    stream.write_all(b"\0\0\r\n\r\n").await?;
    let mut rest = Vec::new();
    // It may be reset as well.
    drop(timeout(PATIENCE, stream.read_to_end(&mut rest)).await?);
    Ok(())
}

#[tokio::test]
async fn the_level_is_changed_while_the_gateway_runs_and_returns_by_itself() -> Result<()> {
    let gateway = Gateway::start(&format!("{OPEN}{CLOCK}")).await?;
    let says = async |text: &str| {
        until(format!("it says {text:?}"), async || {
            Ok(gateway.stderr().contains(text).then_some(()))
        })
        .await
    };
    assert_eq!(log_level(&gateway, &[]).await?, (Some(0), "info\n".to_owned()));
    garble(&gateway).await?;
    let (code, said) = log_level(&gateway, &["debug", "--for", "10m"]).await?;
    assert_eq!(gateway.stderr().matches("broke off").count(), 0, "{}", gateway.stderr());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said, "debug for 600 s, then info again\n");
    says("the log level is debug for 10m, asked for by 127.0.0.1:").await?;
    garble(&gateway).await?;
    says("an admin connection broke off").await?;
    let shown: Value = serde_json::from_str(&gateway.admin("/debug/log").await?.text())?;
    assert_eq!((&shown["level"], &shown["configured"]), (&"debug".into(), &"info".into()));
    // A second change takes the place of the first, with its own time.
    let (code, said) = log_level(&gateway, &["warn,toolgate_reach=trace", "--for", "1s"]).await?;
    assert_eq!(code, Some(0), "{said}");
    says("the log level is info again, its time is over").await?;
    assert_eq!(log_level(&gateway, &[]).await?, (Some(0), "info\n".to_owned()));
    for (words, help) in [
        (&["loud"][..], "use off, error, warn, info, debug or trace"),
        (&["debug", "--for", "25h"], "at most 24h"),
        (&["info,h2=trace"], "it may print tokens"),
    ] {
        let (code, said) = log_level(&gateway, words).await?;
        assert!(code == Some(2) && said.contains(help), "{words:?}: {said}");
    }
    assert_eq!(log_level(&gateway, &[]).await?.1, "info\n");
    assert_eq!(gateway.admin("/debug/log?level=debug").await?.status, 400, "GET changes nothing");
    Ok(())
}

#[tokio::test]
async fn of_a_thousand_calls_all_failures_have_a_line_and_each_skipped_one_is_counted() -> Result<()>
{
    const GOOD: usize = 880;
    const BAD: usize = 117;
    const SLOW: usize = 3;
    let config = format!("{OPEN}{CLOCK}traces: {{ slow: 2s }}\n");
    let gateway = Gateway::start_logging("sample: 0.1", &config, &[]).await?;
    let mut caller = gateway.client().kept();
    for n in 0..GOOD + BAD {
        // Failures are spread among the others.
        let (tool, fails) = if n * BAD / (GOOD + BAD) < (n + 1) * BAD / (GOOD + BAD) {
            ("clock___nope", true)
        } else {
            ("clock___now", false)
        };
        let answer = caller.send(Ask::tool(tool, json!({}))).await?;
        ensure!(answer.result().is_err() == fails, "{tool}: {}", answer.text());
    }
    for _ in 0..SLOW {
        gateway.client().tool("clock___sleep", json!({"ms": 2100})).await?.result()?;
    }
    let calls = GOOD + BAD + SLOW;
    let lines = until("lines and skipped ones are all the calls", async || {
        let lines = parse_log(&gateway.access_log())?;
        let metrics = gateway.metrics().await?;
        let item = |outcome| {
            let labels = [("signal", "access_log"), ("outcome", outcome)];
            metrics.sum("toolgate_telemetry_items_total", &labels)
        };
        let whole = item("sampled_out") + item("exported");
        ensure!(whole <= 1000.0, "more than there were: {whole}");
        let done = whole >= 1000.0 && item("exported") == f64::from(u32::try_from(lines.len())?);
        Ok(done.then_some(lines))
    })
    .await?;
    let of = |outcome: &str| lines.iter().filter(|line| line["outcome"] == outcome).count();
    assert_eq!(calls, 1000);
    assert_eq!(lines.len() - of("ok"), BAD, "every failure");
    let slow = lines.iter().filter(|line| line["tool"] == "sleep");
    assert_eq!(slow.filter(|line| line["stands_for"] == 1).count(), SLOW);
    let weights = |word: u32| lines.iter().filter(|line| line["stands_for"] == word).count();
    assert_eq!(weights(1) + weights(10), lines.len());
    // Of 880 by a share of 0.1: 88, and 9 more or less; six of those is never.
    let (chosen, scaled) = (weights(10), weights(1) + 10 * weights(10));
    assert!((34..=142).contains(&chosen), "{chosen}");
    assert!((460..=1540).contains(&scaled), "{scaled} for {calls}");
    Ok(())
}

#[tokio::test]
async fn the_line_of_a_trace_is_there_when_the_share_of_lines_is_not_smaller() -> Result<()> {
    let gateway = Gateway::start_logging("sample: 0.25", &format!("{OPEN}{CLOCK}"), &[]).await?;
    let mut caller = gateway.client().kept();
    // The lowest digits of the trace id decide, as they do for traces.
    for (digits, logged) in
        [("00000000000000", true), ("3ffffffffffff0", true), ("40000000000001", false)]
    {
        let trace = format!("00-4bf92f3577b34da600{digits}-00f067aa0ba902b7-00");
        let ask = Ask::tool("clock___now", json!({})).header("traceparent", &trace);
        let answer = caller.send(ask).await?;
        answer.result()?;
        let id = answer.header("x-request-id").context("an id")?;
        if logged {
            assert_eq!(gateway.line(&id).await?["stands_for"], 4, "{trace}");
        }
    }
    let failed = caller.send(Ask::tool("clock___nope", json!({}))).await?;
    // Lines keep their order: the last one is there, so the one left out never comes.
    gateway.line_of(&failed).await?;
    assert_eq!(parse_log(&gateway.access_log())?.len(), 3);
    Ok(())
}
