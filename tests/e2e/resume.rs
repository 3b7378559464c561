//! Answers of older targets that break off: they are taken up behind the last event, and the call is
//! never sent again.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use toolgate_tests::client::Ask;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::sick::{Act, Era, Keeps, Seen, Shape, Sick};
use toolgate_tests::wait::until;

use crate::expect::{OPEN, Refused, fine};
use crate::peers::driver::installed;
use crate::peers::stage::Everything;

const RETRY: Duration = Duration::from_millis(60);

async fn before(url: &str, era: &str) -> Result<Gateway> {
    let target = format!("{{ mcp: {{ url: \"{url}\", era: {era} }}, timeout: 20s }}");
    Gateway::start(&format!("{OPEN}targets:\n  far: {target}\n")).await
}

fn polled(cuts: usize, kept: Keeps) -> Act {
    Act::Stream(Shape::Polled { cuts, retry: RETRY, kept })
}

/// Behind which events its stream was taken up.
fn taken_up(sick: &Sick) -> Vec<String> {
    let seen = sick.seen();
    seen.iter().filter_map(|seen: &Seen| seen.header("last-event-id")).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_taken_up_behind_its_last_event() -> Result<()> {
    let sick = Sick::start(Era::Legacy).await?;
    let gateway = before(&sick.url(), "legacy").await?;
    fine(&gateway, &gateway.client().tool("far___write", json!({})).await?).await?;
    sick.then([polled(3, Keeps::Answer)]);
    let start = Instant::now();
    let answer = gateway.client().tool("far___write", json!({})).await?;
    fine(&gateway, &answer).await?;
    ensure!(answer.content()? == "done");
    ensure!(start.elapsed() >= 3 * RETRY, "came back after {:?}", start.elapsed());
    ensure!(taken_up(&sick) == ["cut-3", "cut-2", "cut-1"], "{:?}", taken_up(&sick));
    ensure!(sick.calls("write") == 2, "sent again");
    // What would be said about that call would be there by the end of another.
    fine(&gateway, &gateway.client().tool("far___write", json!({})).await?).await?;
    ensure!(sick.calls("write") == 3, "sent again");
    let seen = sick.seen();
    let sessions: Vec<_> = seen.iter().filter_map(|seen| seen.header("mcp-session-id")).collect();
    ensure!(sessions.windows(2).all(|two| two[0] == two[1]), "{sessions:?}");
    ensure!(sick.asked("notifications/cancelled") == 0);
    gateway.books_agree().await
}

#[tokio::test]
async fn an_answer_that_is_not_kept_is_of_unknown_outcome() -> Result<()> {
    for (kept, looks) in [(Keeps::Nothing, 1), (Keeps::Stream, 3)] {
        let sick = Sick::start(Era::Legacy).await?;
        let gateway = before(&sick.url(), "legacy").await?;
        sick.then([polled(1, kept)]);
        let answer = gateway.client().tool("far___write", json!({})).await?;
        let unknown = "may or may not have been carried out";
        let expected = Refused::target("outcome_unknown", "target", false, unknown);
        expected.check(&gateway, &answer).await?;
        ensure!(taken_up(&sick) == vec!["cut-1"; looks], "{kept:?}: {:?}", taken_up(&sick));
        ensure!(sick.calls("write") == 1, "sent again");
        until("the target is told", async || {
            Ok((sick.asked("notifications/cancelled") == 1).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_modern_answer_that_breaks_off_is_lost() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick.url(), "modern").await?;
    sick.then([polled(1, Keeps::Answer)]);
    let answer = gateway.client().tool("far___write", json!({})).await?;
    let unknown = "may or may not have been carried out";
    Refused::target("outcome_unknown", "target", false, unknown).check(&gateway, &answer).await?;
    ensure!(taken_up(&sick).is_empty(), "{:?}", taken_up(&sick));
    Ok(())
}

#[tokio::test]
async fn a_server_of_the_python_sdk_may_close_the_stream_of_a_call() -> Result<()> {
    installed()?;
    let server = Everything::polled().await?;
    let gateway = before(server.url(), "legacy").await?;
    let client = gateway.client();
    until("the server is listed", async || {
        Ok(client.tools().await?.contains(&"far___linger".to_owned()).then_some(()))
    })
    .await?;
    let params =
        json!({ "name": "far___linger", "arguments": {}, "_meta": { "progressToken": 7 } });
    let ask = Ask::modern("tools/call", params).header("mcp-name", "far___linger");
    let answer = client.send(ask).await?;
    ensure!(answer.content()? == "came back", "{answer:?}");
    let messages = answer.messages()?;
    let progress: Vec<_> =
        messages.iter().filter_map(|message| message["params"]["progress"].as_f64()).collect();
    ensure!(progress == [1.0, 2.0], "{messages:?}");
    gateway.books_agree().await
}
