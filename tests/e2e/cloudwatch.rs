//! Numbers in CloudWatch are those of the calls: every sum exactly, percentiles nearly; and nothing
//! that CloudWatch does or does not do is felt by a caller.

mod lines;
mod outage;
pub(crate) mod read;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use toolgate_telemetry_catalog::{NAMESPACE, Program, published, published_of};
use toolgate_tests::client::Client;
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::upstream::Upstream;

use crate::expect::OPEN;
use read::{Read, Series, series};

/// Two targets, and CloudWatch as that says.
async fn gateway(cloudwatch: &str, (up, sick): (&Upstream, &Sick)) -> Result<Gateway> {
    let (up, sick) = (up.url(), sick.url());
    let config = format!(
        "{OPEN}{cloudwatch}\ntargets:\n  up: {{ mcp: {{ url: \"{up}\" }} }}\n  \
         sick: {{ mcp: {{ url: \"{sick}\" }} }}\n"
    );
    Gateway::start_with(&config, &CREDENTIALS).await
}

fn put(endpoint: &str) -> String {
    format!("cloudwatch: {{ mode: put }}\naws: {{ region: us-east-1, endpoint: \"{endpoint}\" }}")
}

/// Waits in the target, in milliseconds, and how many calls have each.
const WAITS: [(u32, usize); 3] = [(80, 12), (200, 14), (400, 4)];

/// A mix of calls. Gives back how long those to `up` took in milliseconds, as their callers saw it.
async fn mix(gateway: &Gateway, sick: &Sick) -> Result<Vec<f64>> {
    let client = gateway.client();
    let mut took = Vec::new();
    for _ in 0..6 {
        took.push(timed(&client, "up___echo", json!({ "text": "a" })).await?);
    }
    for _ in 0..3 {
        took.push(timed(&client, "up___fail", json!({})).await?);
    }
    for _ in 0..2 {
        sick.then([Act::page("503 Service Unavailable", "text/plain", "")]);
        client.tool("sick___write", json!({})).await?;
        client.tools().await?;
    }
    client.tool("up___nothing", json!({})).await?;
    let all: Vec<u32> = WAITS.iter().flat_map(|(ms, many)| vec![*ms; *many]).collect();
    for few in all.chunks(3) {
        let slow = |ms: &u32| timed(&client, "up___slow", json!({ "ms": ms }));
        let calls: FuturesUnordered<_> = few.iter().map(slow).collect();
        took.extend(calls.collect::<Vec<_>>().await.into_iter().collect::<Result<Vec<_>>>()?);
    }
    Ok(took)
}

async fn timed(client: &Client, tool: &str, arguments: Value) -> Result<f64> {
    let began = Instant::now();
    client.tool(tool, arguments).await?.result()?;
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

/// What the mix adds up to.
fn expected() -> Vec<(Series, f64)> {
    let waits: usize = WAITS.iter().map(|(_, many)| many).sum();
    let waits = f64::from(u32::try_from(waits).unwrap_or_default());
    vec![
        (series("RequestCount", &[]), waits + 6.0 + 3.0 + 2.0 + 2.0 + 1.0),
        (series("RequestCount", &[("Target", "up")]), waits + 9.0),
        (series("RequestCount", &[("Target", "sick")]), 2.0),
        (series("ErrorCount", &[]), 5.0),
        (series("ErrorCount", &[("Target", "up")]), 3.0),
        (series("ErrorCount", &[("Target", "sick")]), 2.0),
        (series("SystemErrors", &[]), 2.0),
        (series("SystemErrors", &[("Target", "sick")]), 2.0),
        (series("UserErrors", &[]), 1.0),
        (series("ToolInvocation", &[]), waits + 6.0 + 3.0 + 2.0 + 1.0),
        (series("ToolInvocation", &[("ToolName", "slow")]), waits),
        (series("ToolInvocation", &[("ToolName", "echo")]), 6.0),
        (series("ToolInvocation", &[("ToolName", "fail")]), 3.0),
        (series("ToolInvocation", &[("ToolName", "write")]), 2.0),
        (series("ToolErrors", &[]), 3.0),
        (series("ErrorByType", &[("ErrorType", "tool_error")]), 3.0),
        (series("ErrorByType", &[("ErrorType", "upstream_5xx")]), 2.0),
        (series("Throttles", &[]), 0.0),
        (series("TelemetryDropped", &[]), 0.0),
    ]
}

#[tokio::test]
async fn sums_are_exact_percentiles_near_and_nothing_else_is_there() -> Result<()> {
    let (up, sick) = (Upstream::start("both").await?, Sick::start(Era::Modern).await?);
    let stack = Emulator::ministack().await?;
    let gateway = gateway(&put(&stack.url()), (&up, &sick)).await?;
    let took = mix(&gateway, &sick).await?;
    let stopped = gateway.stop().await?;
    assert!(stopped.status.success(), "{}", stopped.stderr);
    let said = "CloudWatch  put every minute to DevOpsAgent in us-east-1";
    assert!(stopped.stderr.contains(said), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("up to $"), "{}", stopped.stderr);

    let read = Read::new(&stack.url());
    for (series, sum) in expected() {
        let found = read.total(&series).await?.with_context(|| format!("no {series:?}"))?;
        assert_eq!(found.sum, sum, "{series:?}");
    }
    let up_latency = series("Latency", &[("Target", "up")]);
    let found = read.total(&up_latency).await?.context("no latency")?;
    assert_eq!(found.samples, 39.0);
    let all = read.total(&series("Latency", &[])).await?.context("no latency")?;
    assert_eq!(all.samples, 44.0);
    let minutes = read.total(&series("GatewayUp", &[])).await?.context("no gateway")?;
    assert_eq!(minutes.sum, minutes.samples);
    let targets = read.total(&series("TargetUp", &[])).await?.context("no targets")?;
    assert_eq!((targets.sum, targets.samples), (2.0 * minutes.sum, 2.0 * minutes.sum));

    // Percentiles are asked of one minute, so a run over an edge is not asked. The access log has
    // the same calls one by one; what callers saw is longer by the way to them, which a busy machine
    // draws out, and what the target waited is shorter.
    if minutes.samples < 2.0 {
        let logged = logged(&stopped.access_log)?;
        for (percentile, waited) in [(50, 80.0), (95, 400.0)] {
            let told = read.percentile(&up_latency, &format!("p{percentile}")).await?;
            let exact = at_rank(&logged, percentile);
            let off = (told / exact - 1.0).abs();
            assert!(off < 0.05, "p{percentile} is {told} ms, the log has {exact} ms");
            let seen = at_rank(&took, percentile);
            assert!(told > waited && told < seen * 1.05, "p{percentile}: {told} ms, {seen} ms");
        }
    }
    nothing_else(&read.listed().await?)
}

/// How long the calls to `up` took, in milliseconds, as the access log has it.
fn logged(log: &str) -> Result<Vec<f64>> {
    let lines = parse_log(log)?;
    let lines = lines.iter().filter(|line| line["target"] == "up");
    let took: Option<Vec<f64>> = lines.map(|line| line["duration_ms"].as_f64()).collect();
    let took = took.context("a line without a duration")?;
    ensure!(took.len() == 39, "{} calls", took.len());
    Ok(took)
}

/// A percentile, between the two nearest ranks as CloudWatch reckons.
fn at_rank(took: &[f64], percentile: usize) -> f64 {
    let mut sorted = took.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = percentile * (sorted.len() - 1);
    let (low, part) =
        (rank / 100, f64::from(u32::try_from(rank % 100).unwrap_or_default()) / 100.0);
    let high = sorted[(low + 1).min(sorted.len() - 1)];
    sorted[low] + part * (high - sorted[low])
}

/// Every metric is of the catalogue, with a set of dimensions of its own.
fn nothing_else(listed: &BTreeSet<Series>) -> Result<()> {
    ensure!(listed.len() > 20, "{listed:?}");
    for (name, dimensions) in listed {
        let found = published().find(|(_, published)| published.name == name);
        let (_, published) = found.with_context(|| format!("{name} is not of the catalogue"))?;
        let keys: Vec<&str> = dimensions.iter().map(|(key, _)| key.as_str()).collect();
        let set = published
            .sets
            .iter()
            .any(|set| set.iter().map(|dimension| dimension.as_str()).collect::<Vec<_>>() == keys);
        ensure!(set, "{name} has {keys:?}");
    }
    Ok(())
}

#[tokio::test]
async fn whatever_dashboards_and_alarms_read_is_there() -> Result<()> {
    let (up, sick) = (Upstream::start("both").await?, Sick::start(Era::Modern).await?);
    let stack = Emulator::ministack().await?;
    let gateway = gateway(&put(&stack.url()), (&up, &sick)).await?;
    mix(&gateway, &sick).await?;
    gateway.stop().await?;
    let listed = Read::new(&stack.url()).listed().await?;
    let told: BTreeSet<(String, Vec<String>)> = listed
        .into_iter()
        .map(|(name, dimensions)| (name, dimensions.into_iter().map(|(key, _)| key).collect()))
        .collect();
    let mut wanted = BTreeSet::new();
    for file in ["dashboards/cloudwatch/devops-agent.json", "dashboards/cloudwatch/toolgate.json"] {
        board(&parsed(file)?, &mut wanted);
    }
    let boards = wanted.len();
    alarm(&parsed("alarms/cloudwatch/alarms.json")?, &mut wanted);
    assert!(boards > 12 && wanted.len() >= boards, "{wanted:?}");
    assert!(wanted.iter().any(|(_, keys)| keys == &["ToolName"]), "{wanted:?}");
    // What the agent alone has is not the gateway's to send.
    let of_gateway: BTreeSet<_> = published_of(Program::Gateway).map(|(_, it)| it.name).collect();
    wanted.retain(|(name, _)| of_gateway.contains(name.as_str()));
    let missing: Vec<_> = wanted.difference(&told).collect();
    assert!(missing.is_empty(), "{missing:?} of {told:?}");
    Ok(())
}

fn parsed(file: &str) -> Result<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a folder above")?;
    Ok(serde_json::from_str(&fs::read_to_string(root.join(file))?)?)
}

/// Metrics as rows of a widget have them, and those that a search asks for.
fn board(value: &Value, wanted: &mut BTreeSet<(String, Vec<String>)>) {
    match value {
        Value::Array(row) if row.first().is_some_and(|first| first == NAMESPACE) => {
            let texts: Vec<String> =
                row.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let keys = texts.iter().skip(2).step_by(2).cloned().collect();
            wanted.insert((texts[1].clone(), keys));
        }
        Value::Array(all) => all.iter().for_each(|one| board(one, wanted)),
        Value::Object(all) => {
            wanted.extend(all.get("expression").and_then(Value::as_str).and_then(search));
            all.values().for_each(|one| board(one, wanted));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `SEARCH('{DevOpsAgent,Target} MetricName="Latency"', …)`.
fn search(expression: &str) -> Option<(String, Vec<String>)> {
    let (_, rest) = expression.split_once(&format!("{{{NAMESPACE},"))?;
    let (keys, rest) = rest.split_once('}')?;
    let (_, rest) = rest.split_once("MetricName=\"")?;
    let (name, _) = rest.split_once('"')?;
    Some((name.to_owned(), keys.split(',').map(str::to_owned).collect()))
}

fn alarm(value: &Value, wanted: &mut BTreeSet<(String, Vec<String>)>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| alarm(one, wanted)),
        Value::Object(all) => {
            if let Some(name) = all.get("MetricName").and_then(Value::as_str) {
                let dimensions = all.get("Dimensions").and_then(Value::as_array);
                let keys = dimensions.into_iter().flatten().filter_map(|d| d["Name"].as_str());
                wanted.insert((name.to_owned(), keys.map(str::to_owned).collect()));
            }
            all.values().for_each(|one| alarm(one, wanted));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
