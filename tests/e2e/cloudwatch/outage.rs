//! CloudWatch that is not there, or does not answer.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde_json::json;
use tokio::net::TcpListener;
use toolgate_tests::emulator::Emulator;
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::upstream::Upstream;
use toolgate_tests::wait::until_within;

use super::read::Read;
use super::{gateway, put, series};

/// A minute's edge, the seconds after it, and attempts.
const A_MINUTE: Duration = Duration::from_secs(85);
const SIGNAL: (&str, &str) = ("signal", "cloudwatch");

async fn echo(gateway: &Gateway, times: usize) -> Result<()> {
    for _ in 0..times {
        gateway.client().tool("up___echo", json!({ "text": "a" })).await?.result()?;
    }
    Ok(())
}

/// Seconds since 1970 at which the present minute began.
fn minute() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(i64::try_from(since - since % 60)?)
}

/// Waits for a real minute to pass, and is thus the one slow test here.
#[tokio::test]
async fn a_minute_that_could_not_be_sent_arrives_later_as_itself() -> Result<()> {
    let (up, sick) = (Upstream::start("both").await?, Sick::start(Era::Modern).await?);
    let address = free_address()?;
    let gateway = gateway(&put(&format!("http://{address}")), (&up, &sick)).await?;
    let first = minute()?;
    echo(&gateway, 3).await?;
    let last = minute()?;
    until_within(A_MINUTE, "a minute could not be sent", async || {
        let metrics = gateway.metrics().await?;
        let dropped = [SIGNAL, ("outcome", "dropped")];
        let tried = metrics.sum("toolgate_telemetry_export_duration_seconds_count", &dropped);
        let waiting = metrics.sum("toolgate_telemetry_queue_depth", &[SIGNAL]);
        let said = gateway.stderr().contains("CloudWatch takes no numbers");
        Ok((tried > 0.0 && waiting > 0.0 && said).then_some(()))
    })
    .await?;
    let metrics = gateway.metrics().await?;
    assert_eq!(metrics.sum("toolgate_telemetry_items_total", &[SIGNAL]), 0.0);
    let stack = Emulator::ministack_at(address).await?;
    echo(&gateway, 5).await?;
    gateway.stop().await?;
    let calls = Read::new(&stack.url()).minutes(&series("RequestCount", &[])).await?;
    let all: f64 = calls.iter().map(|(_, total)| total.sum).sum();
    assert_eq!(all, 8.0, "{calls:?}");
    let early = calls.iter().filter(|(at, _)| (first..=last).contains(at));
    assert_eq!(early.map(|(_, total)| total.sum).sum::<f64>(), 3.0, "{calls:?}, {first}");
    assert!(calls.len() >= 2 && calls.iter().all(|(at, _)| at % 60 == 0), "{calls:?}");
    Ok(())
}

/// A server that takes connections and says nothing.
#[tokio::test]
async fn an_endpoint_that_never_answers_delays_neither_calls_nor_the_end() -> Result<()> {
    let (up, sick) = (Upstream::start("both").await?, Sick::start(Era::Modern).await?);
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", silent.local_addr()?);
    let gateway = gateway(&put(&endpoint), (&up, &sick)).await?;
    echo(&gateway, 20).await?;
    let began = Instant::now();
    gateway.terminate()?;
    let (_asked, _) = silent.accept().await?;
    let stopped = gateway.ended().await?;
    assert!(stopped.status.success());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(stopped.stderr.contains("did not take the last numbers"), "{}", stopped.stderr);
    assert_eq!(stopped.access_log.lines().count(), 20);
    Ok(())
}

#[tokio::test]
async fn nothing_is_kept_or_said_when_it_is_off() -> Result<()> {
    let (up, sick) = (Upstream::start("both").await?, Sick::start(Era::Modern).await?);
    let gateway = gateway("cloudwatch: { mode: off }", (&up, &sick)).await?;
    echo(&gateway, 1).await?;
    let metrics = gateway.metrics().await?;
    assert_eq!(metrics.by("toolgate_telemetry_items_total", "signal").get("cloudwatch"), None);
    let stopped = gateway.stop().await?;
    assert!(!stopped.stderr.contains("CloudWatch"), "{}", stopped.stderr);
    assert_eq!(stopped.stdout, "");
    Ok(())
}
