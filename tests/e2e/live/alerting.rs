//! From a failing target to somebody's pager: the committed rules and routes in Debian's Prometheus
//! and Alertmanager, with a minute in a second.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::hook::Hook;
use toolgate_tests::process::{Process, Scratch};
use toolgate_tests::prometheus::{Prometheus, ROOT};
use toolgate_tests::sick::{Act, Era, Pace, Sick};
use toolgate_tests::story;
use toolgate_tests::wait::{until, until_within};

use crate::expect::OPEN;

/// How many times faster time goes.
const FASTER: u64 = 60;
/// Long enough for the longest of the short windows to pass, which is half an hour.
const PATIENCE: Duration = Duration::from_secs(90);
const PAGE: &str = "ToolgateAvailabilityBurnsFast";

/// Text in which every duration (`[5m]`, `for: 2m`, `group_wait: 30s`) is [`FASTER`] times shorter,
/// and with them the limit of what is slow, 60 s, which is a bound of the buckets when divided, too.
/// A duration is a word of digits and a unit; names such as `bad_ratio_5m` are longer words.
fn faster(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(of_word) {
        let (before, word) = rest.split_at(start);
        let end = word.find(|letter| !of_word(letter)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        out.push_str(before);
        match milliseconds(word) {
            Some(long) => out.push_str(&format!("{}ms", long / FASTER)),
            None => out.push_str(word),
        }
        rest = after;
    }
    (out + rest).replace("le=~\"60|60.0\"", "le=~\"1|1.0\"")
}

fn of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn milliseconds(word: &str) -> Option<u64> {
    let unit = word.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = word.split_at(unit);
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()? * unit)
}

/// A gateway before a target that does as it is told, watched by those who page.
struct Watch {
    gateway: Gateway,
    sick: Sick,
    hook: Hook,
    prometheus: Prometheus,
    alertmanager: Process,
    _scratch: Scratch,
}

impl Watch {
    async fn start() -> Result<Self> {
        let sick = Sick::start(Era::Modern).await?;
        let url = sick.url();
        let config = format!(
            "{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }}, breaker: {{ failures: 1000 }} }}\n"
        );
        let gateway = Gateway::start(&config).await?;
        let (hook, scratch) = (Hook::start().await?, Scratch::new()?);
        let (alertmanager, address) = alertmanager(&scratch, &hook).await?;
        for name in ["objectives.yaml", "alerts.yaml"] {
            let rules = fs::read_to_string(Path::new(ROOT).join("alarms/prometheus").join(name))?;
            let quick = faster(&rules);
            ensure!(name != "objectives.yaml" || quick.contains("le=~\"1|1.0\""), "no limit");
            scratch.write(&format!("rules-{name}"), &quick)?;
        }
        let rules = format!("{}/rules-*.yaml", scratch.path().display());
        let more = format!(
            "alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: [\"{address}\"] }}] }}] }}\n"
        );
        let prometheus = Prometheus::start_with(&gateway, &rules, &more).await?;
        Ok(Self { gateway, sick, hook, prometheus, alertmanager, _scratch: scratch })
    }

    /// Calls one after the other, each with its act.
    async fn calls(&self, acts: impl IntoIterator<Item = Act>) -> Result<()> {
        for act in acts {
            self.sick.then([act]);
            self.gateway.client().tool("sick___write", json!({})).await?;
        }
        Ok(())
    }

    /// What came to the pager, by alert and state.
    fn pages(&self) -> Vec<(String, String)> {
        let all = self.hook.received();
        let paged = all.iter().filter(|told| told["receiver"] == "pager");
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pairs =
            paged.map(|told| (word(&told["commonLabels"]["alertname"]), word(&told["status"])));
        pairs.collect()
    }

    fn paged(&self, status: &str) -> bool {
        self.pages().iter().any(|(alert, state)| alert == PAGE && state == status)
    }

    /// Keeps calling until the page is in that state; says what there was instead.
    async fn until_paged(&mut self, status: &str, acts: &[Act]) -> Result<()> {
        let what = format!("{PAGE} is {status}");
        let paged = until_within(PATIENCE, &what, async || {
            self.calls(acts.iter().cloned()).await?;
            self.alertmanager.check()?;
            self.prometheus.check()?;
            Ok(self.paged(status).then_some(()))
        });
        let paged = paged.await;
        if paged.is_err() {
            let alerts = self.prometheus.get("/api/v1/alerts").await?;
            return paged.with_context(|| format!("pages {:?}, alerts {alerts}", self.pages()));
        }
        paged
    }
}

/// Debian's Alertmanager with the committed routes, which lead to the hook.
async fn alertmanager(scratch: &Scratch, hook: &Hook) -> Result<(Process, std::net::SocketAddr)> {
    let example = fs::read_to_string(Path::new(ROOT).join("alarms/alertmanager/example.yaml"))?;
    let there = format!("http://{}/", hook.address());
    let config = faster(&example).replace("http://127.0.0.1:9095/", &there);
    ensure!(config.contains(&there), "the example has no webhook");
    let config = scratch.write("alertmanager.yaml", &config)?;
    let address = free_address()?;
    let mut command = Command::new("prometheus-alertmanager");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", scratch.path().join("alertmanager").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=");
    let mut process = Process::start("alertmanager", &mut command, scratch)?;
    until("Alertmanager is ready", async || {
        process.check()?;
        let answer = Client::new(address).send(Ask::get("/-/ready")).await;
        Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
    })
    .await?;
    Ok((process, address))
}

#[test]
fn time_goes_faster_and_names_stay() {
    let rule = "record: a:bad_ratio_5m\nexpr: 'rate(x_60s_total{le=~\"60|60.0\"}[5m]) offset 1d > 60'\nfor: 2m\n";
    let quick = "record: a:bad_ratio_5m\nexpr: 'rate(x_60s_total{le=~\"1|1.0\"}[5000ms]) offset 1440000ms > 60'\nfor: 2000ms\n";
    assert_eq!(faster(rule), quick);
}

#[tokio::test]
async fn a_fifth_of_calls_failing_pages_somebody_and_ends_when_they_do() -> Result<()> {
    let mut watch = Watch::start().await?;
    let failed = Act::page("500 Internal Server Error", "text/plain", "");
    let slowly = Act::Slow(Pace::Drip(Duration::from_millis(1)));
    // Slowly, so that not many good calls are needed to make up for them.
    let fifth = [failed, slowly.clone(), slowly.clone(), slowly.clone(), slowly];
    let began = Instant::now();
    watch.until_paged("firing", &fifth).await?;
    story::broke("a target fails a fifth of its calls");
    let after = began.elapsed().as_secs();
    story::said(
        "the pager",
        &format!("{PAGE} is firing, after {after} minutes (a second of the test is a minute)"),
    );
    watch.until_paged("resolved", &[Act::Answer, Act::Answer, Act::Answer]).await?;
    story::said("the pager", &format!("{PAGE} is resolved, once calls are answered again"));
    story::points_to(&format!("alarms/runbooks/{PAGE}.md"));
    Ok(())
}

#[tokio::test]
async fn calls_that_are_slow_but_good_page_nobody() -> Result<()> {
    let watch = Watch::start().await?;
    // A few seconds and half a minute, as time goes here; more than a minute would be too slow.
    let mix = [1, 4].map(|pause| Act::Slow(Pace::Drip(Duration::from_millis(pause))));
    let often = "count_over_time(toolgate:latency:bad_ratio_1h[1m]) >= 12 and on () \
                 sum(increase(mcp_server_operation_duration_seconds_count{job=\"toolgate\"}[1m])) > 20";
    until_within(PATIENCE, "the rules have looked at them a dozen times", async || {
        watch.calls(mix.clone()).await?;
        Ok((watch.prometheus.series(often).await? > 0).then_some(()))
    })
    .await?;
    let alerts = watch.prometheus.get("/api/v1/alerts").await?;
    let alerts = alerts["data"]["alerts"].as_array().context("no alerts")?;
    let pages: Vec<_> =
        alerts.iter().filter(|alert| alert["labels"]["severity"] == "page").collect();
    assert!(pages.is_empty(), "{pages:#?}");
    assert_eq!(watch.pages(), []);
    story::broke("nothing: calls are answered, some of them after half a minute, as models are");
    story::said("the pager", "silent, and no alert that would page");
    Ok(())
}
