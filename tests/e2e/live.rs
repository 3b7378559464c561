//! The dashboards and rules on real numbers: Debian's Prometheus scrapes the real gateway.
//!
//! In: the committed dashboards and rules, and a mix of calls. Out: whether every question has an
//! answer and every rule is computed. No panel is left out.

mod alerting;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::collector::Collector;
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::{Process, Scratch};
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::upstream::stdio_command;
use toolgate_tests::wait::until;

const SCOPE: &str = "gateway/invoke";
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A Prometheus that scrapes one gateway; dropping it ends it.
struct Prometheus {
    process: Process,
    address: SocketAddr,
    _scratch: Scratch,
}

impl Prometheus {
    async fn start(gateway: &Gateway) -> Result<Self> {
        let rules = format!("{ROOT}/alarms/prometheus/*.yaml");
        Self::start_with(gateway, &rules, "").await
    }

    /// The same with other rules, and with more configuration.
    async fn start_with(gateway: &Gateway, rules: &str, more: &str) -> Result<Self> {
        let scratch = Scratch::new()?;
        let address = free_address()?;
        let target = gateway.admin_url().replace("http://", "");
        let config = format!(
            "global: {{ scrape_interval: 250ms, evaluation_interval: 1s }}\n\
             rule_files: [\"{rules}\"]\n\
             scrape_configs:\n  - job_name: toolgate\n    static_configs:\n\
             \x20     - targets: [\"{target}\"]\n{more}"
        );
        let config = scratch.write("prometheus.yaml", &config)?;
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", scratch.path().join("data").display()))
            .arg("--enable-feature=exemplar-storage")
            .arg(format!("--web.listen-address={address}"));
        let process = Process::start("prometheus", &mut command, &scratch)?;
        let mut prometheus = Self { process, address, _scratch: scratch };
        until("Prometheus is ready", async || {
            prometheus.process.check()?;
            let answer = Client::new(address).send(Ask::get("/-/ready")).await;
            Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
        })
        .await?;
        Ok(prometheus)
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let answer = Client::new(self.address).send(Ask::get(path)).await?;
        let text = answer.text();
        ensure!(answer.status == 200, "{path}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// How many series answer.
    async fn series(&self, expression: &str) -> Result<usize> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(expression))).await?;
        let result = answer["data"]["result"].as_array().context("no result")?;
        Ok(result.len())
    }
}

/// What a query string may hold (RFC 3986, 2.3), everything else by its number.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// Every question of every panel, with everything chosen.
fn questions() -> Result<Vec<(String, String)>> {
    let mut questions = Vec::new();
    for entry in fs::read_dir(Path::new(ROOT).join("dashboards/grafana"))? {
        let board: Value = serde_json::from_str(&fs::read_to_string(entry?.path())?)?;
        for panel in board["panels"].as_array().context("no panels")? {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let mut expression = target["expr"].as_str().context("no expr")?.to_owned();
                for variable in ["target", "tool", "issuer"] {
                    expression = expression.replace(&format!("\"${variable}\""), "\".*\"");
                }
                let expression = expression.replace("$__rate_interval", "30s");
                ensure!(!expression.contains('$'), "an unknown variable in {expression}");
                questions.push((format!("{} / {}", board["title"], panel["title"]), expression));
            }
        }
    }
    Ok(questions)
}

/// A gateway with a target over HTTP that does as it is told, and one on standard input and output.
struct House {
    gateway: Gateway,
    issuer: Issuer,
    sick: Sick,
    collector: Collector,
}

impl House {
    async fn start() -> Result<Self> {
        let issuer = Issuer::start().await?;
        let sick = Sick::start(Era::Modern).await?;
        let collector = Collector::start().await?;
        let config = format!(
            "auth:\n  scopes: [{SCOPE}]\n  issuers:\n    - {{ name: pool, profile: cognito, \
             issuer: \"{}\", clients: [{CLIENT_ID}] }}\n\
             targets:\n  sick:\n    mcp: {{ url: \"{}\" }}\n    timeout: 5s\n    \
             retry: {{ attempts: 3, base: 10ms, max: 20ms }}\n    breaker: {{ failures: 1000 }}\n  \
             child:\n    stdio: {{ command: {} }}\n\
             tools:\n  sick___read: {{ read_only: true }}\n\
             traces: {{ sample: 0.5, otlp: {{ endpoint: \"{}\" }} }}\n",
            issuer.url(),
            sick.url(),
            stdio_command("both")?,
            collector.url(),
        );
        let gateway = Gateway::start(&config).await?;
        Ok(Self { gateway, issuer, sick, collector })
    }

    /// Good calls and bad ones of every kind.
    async fn mix(&self) -> Result<()> {
        let caller = self.gateway.client().with_token(self.issuer.token(&[SCOPE]));
        caller.tools().await?;
        caller.tool("child___echo", json!({"text": "a"})).await?;
        caller.tool("child___fail", json!({})).await?;
        caller.tool("no___such", json!({})).await?;
        let stranger = self.gateway.client().with_token("no.token.this");
        stranger.tool("child___echo", json!({"text": "a"})).await?;
        self.sick.then([Act::Reset]);
        caller.tool("sick___read", json!({})).await?;
        let session = caller.session().await?;
        session.tool("child___echo", json!({"text": "a"})).await?;
        session.end().await?;
        self.give_up(&caller).await
    }

    /// A caller who does not wait for the answer.
    async fn give_up(&self, caller: &Client) -> Result<()> {
        let before = self.sick.calls("write");
        self.sick.then([Act::Hang]);
        let call = caller.tool("sick___write", json!({}));
        let called = self.sick.until_called("write", before + 1);
        let (left, called) = tokio::join!(timeout(Duration::from_millis(300), call), called);
        ensure!(left.is_err(), "a target that hangs has answered");
        called
    }
}

/// Prometheus has kept exemplars, and the collector has the trace of each.
async fn exemplars_name_traces(prometheus: &Prometheus, collector: &Collector) -> Result<()> {
    let query = "query=mcp_server_operation_duration_seconds_bucket&start=0&end=9999999999";
    let path = format!("/api/v1/query_exemplars?{query}");
    let named = until("Prometheus has an exemplar", async || {
        let answer = prometheus.get(&path).await?;
        let series = answer["data"].as_array().context("no data")?;
        let all =
            series.iter().flat_map(|series| series["exemplars"].as_array().into_iter().flatten());
        let ids = all.filter_map(|exemplar| exemplar["labels"]["trace_id"].as_str());
        let ids: Vec<String> = ids.map(str::to_owned).collect();
        Ok((!ids.is_empty()).then_some(ids))
    })
    .await?;
    for id in named {
        collector.trace(&id).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_panel_shows_something_and_every_rule_is_computed() -> Result<()> {
    let house = House::start().await?;
    let prometheus = Prometheus::start(&house.gateway).await?;
    let mut open = questions()?;
    assert!(open.len() > 90, "{}", open.len());
    let all = until("every panel shows something", async || {
        house.mix().await?;
        let mut empty = Vec::new();
        for (panel, expression) in open.drain(..) {
            if prometheus.series(&expression).await? == 0 {
                empty.push((panel, expression));
            }
        }
        open = empty;
        Ok(open.is_empty().then_some(()))
    })
    .await;
    all.with_context(|| format!("empty: {open:#?}"))?;
    exemplars_name_traces(&prometheus, &house.collector).await?;
    until("every rule is computed", async || {
        let answer = prometheus.get("/api/v1/rules").await?;
        let groups = answer["data"]["groups"].as_array().context("no groups")?;
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let rules: Vec<_> = rules.collect();
        ensure!(rules.len() > 60, "{} rules", rules.len());
        for rule in &rules {
            ensure!(rule["health"] != "err", "{}: {}", rule["name"], rule["lastError"]);
        }
        Ok(rules.iter().all(|rule| rule["health"] == "ok").then_some(()))
    })
    .await
}
