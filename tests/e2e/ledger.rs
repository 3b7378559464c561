//! Where the time went: the same everywhere it is told, and nothing of it is lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolgate_tests::client::{Answer, Ask, message, with_meta};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::binary;
use toolgate_tests::sick::{Act, Era, Pace, Shape, Sick};

use crate::expect::OPEN;

const PHASES: [&str; 10] = [
    "read",
    "authenticate",
    "authorize",
    "queue",
    "backoff",
    "connect",
    "send",
    "wait",
    "receive",
    "write",
];

async fn before(sick: &Sick) -> Result<Gateway> {
    let url = sick.url();
    let config = format!(
        "{OPEN}defaults: {{ retry: {{ attempts: 3, base: 10ms }} }}\n\
         targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\ntools:\n  sick___read: {{ read_only: true }}\n"
    );
    Gateway::start(&config).await
}

/// `name;dur=ms, …` as numbers.
fn server_timing(answer: &Answer) -> Result<BTreeMap<String, f64>> {
    let text = answer.header("server-timing").context("no Server-Timing")?;
    let part = |part: &str| {
        let (name, spent) = part.trim().split_once(";dur=").context("no duration")?;
        Ok((name.to_owned(), spent.parse()?))
    };
    text.split(',').map(part).collect()
}

/// The parts add up to the whole, give or take a hundredth.
fn adds_up(parts: &BTreeMap<String, f64>, whole: f64) -> Result<()> {
    let sum: f64 = parts.values().sum();
    ensure!(whole > 20.0, "too short to tell: {whole} ms");
    ensure!((sum - whole).abs() <= whole * 0.01, "{parts:?} is {sum}, not {whole}");
    ensure!(parts.keys().all(|name| PHASES.contains(&name.as_str())), "{parts:?}");
    Ok(())
}

/// The phases of an access-log line.
fn logged(line: &Value) -> Result<BTreeMap<String, f64>> {
    let phases = line["phases"].as_object().context("no phases")?;
    let phase = |(name, spent): (&String, &Value)| {
        let name = name.strip_suffix("_ms").context("a phase without its unit")?;
        Ok((name.to_owned(), spent.as_f64().context("a phase that is not a number")?))
    };
    phases.iter().map(phase).collect()
}

/// About 60 ms in the body of the answer.
fn slow() -> Act {
    Act::Slow(Pace::Drip(Duration::from_millis(1)))
}

#[tokio::test]
async fn server_timing_and_access_log_add_up_to_the_whole() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick).await?;
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    for acts in [vec![slow()], vec![Act::page("500 No", "text/plain", ""), slow()]] {
        let attempts = acts.len();
        sick.then(acts);
        let start = Instant::now();
        let answer = gateway.client().tool("sick___read", json!({})).await?;
        let took = start.elapsed().as_secs_f64() * 1000.0;
        answer.result()?;
        let mut timing = server_timing(&answer)?;
        let total = timing.remove("total").context("no total")?;
        adds_up(&timing, total)?;
        let line = gateway.line_of(&answer).await?;
        let (phases, duration) = (logged(&line)?, line["duration_ms"].as_f64().unwrap());
        adds_up(&phases, duration)?;
        assert!(total <= duration && duration <= took, "{total} {duration} {took}");
        assert!(took - duration < 20.0, "the caller waited {took}, the gateway says {duration}");
        assert_eq!(line["attempts"], attempts);
        assert!(phases["receive"] >= 40.0, "{phases:?}");
        assert_eq!(phases.contains_key("backoff"), attempts > 1, "{phases:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_time_of_a_refused_call_adds_up_as_well() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let gateway = Gateway::start(&format!(
        "{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }}, timeout: 200ms }}\n"
    ))
    .await?;
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    sick.then([Act::Hang]);
    let answer = gateway.client().tool("sick___read", json!({})).await?;
    let mut timing = server_timing(&answer)?;
    let total = timing.remove("total").context("no total")?;
    adds_up(&timing, total)?;
    assert!((195.0..400.0).contains(&timing["wait"]), "{timing:?}");
    let line = gateway.line_of(&answer).await?;
    adds_up(&logged(&line)?, line["duration_ms"].as_f64().unwrap())
}

/// A caller that says how long it waits is told before it leaves where the time went; one that waits for
/// much less than the target may take is to blame itself, and the target's circuit stays closed.
#[tokio::test]
async fn a_caller_that_says_how_long_it_waits_is_told_in_time() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let gateway = Gateway::start(&format!(
        "{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }}, timeout: 1s, retry: {{ attempts: 1 }}, \
         breaker: {{ failures: 1 }} }}\n"
    ))
    .await?;
    let client = gateway.client();
    client.tool("sick___read", json!({})).await?.result()?;
    let params = |ms: u64| json!({ "name": "sick___read", "arguments": {}, "_meta": { "toolgate/timeout_ms": ms } });
    let ask = |ms: u64| {
        let sent = with_meta(params(ms));
        Ask::modern_raw("1", "tools/call", &sent).header("mcp-name", "sick___read")
    };
    let session = client.session().await?;
    sick.then([Act::Hang, Act::Hang, Act::Hang]);
    let hurried = client.send(ask(200)).await?;
    let older = session.request("tools/call", params(200)).await?;
    let patient = client.send(ask(600)).await?;
    for (answer, blame, reason, least) in [
        (hurried, "caller", "client_cancelled", 200.0),
        (older, "caller", "client_cancelled", 200.0),
        (patient, "target", "timeout_first_byte", 600.0),
    ] {
        let text = answer.text();
        assert!(text.contains("ms that were left of its caller's limit"), "{text}");
        let line = gateway.line_of(&answer).await?;
        assert_eq!((&line["blame"], &line["reason"]), (&json!(blame), &json!(reason)), "{line}");
        let took = line["duration_ms"].as_f64().context("no duration")?;
        assert!((least..least + 300.0).contains(&took), "{line}");
    }
    let open = gateway.metrics().await?.sum("toolgate_circuit_state", &[("state", "open")]);
    assert!((open - 1.0).abs() < f64::EPSILON, "the last one alone opened it: {open}");
    let wrong = client.send(ask(0)).await?;
    assert_eq!(wrong.message()?["error"]["code"], -32602, "{}", wrong.text());
    assert!(wrong.text().contains("toolgate/timeout_ms"), "{}", wrong.text());
    Ok(())
}

/// `toolgate call` waits as long as it is told to: exit 7 where nothing can have happened, 8 where something may
/// have, and never 130, which is Ctrl-C's. What to do is said.
#[tokio::test]
async fn a_call_on_the_command_line_whose_time_runs_out_says_so_and_exits_as_documented()
-> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick).await?;
    let call = async |tool: &str| -> Result<(Option<i32>, String)> {
        let mut command = Command::new(binary("toolgate", "toolgate")?);
        command.args(["call", tool, "--url", &gateway.mcp_url(), "--timeout", "2s"]);
        let ran = command.output().await?;
        ensure!(ran.stdout.is_empty(), "{}", String::from_utf8_lossy(&ran.stdout));
        Ok((ran.status.code(), String::from_utf8(ran.stderr)?))
    };
    let cases = [
        ("sick___read", 7, "yes", "give it more time: `--timeout 60s`"),
        ("sick___write", 8, "no, it may have been carried out", "look at what the tool changes"),
    ];
    for (tool, exit, repeat, help) in cases {
        sick.then([Act::Hang]);
        let (began, (code, said)) = (Instant::now(), call(tool).await?);
        assert_eq!(code, Some(exit), "{said}");
        let (repeat, exit) = (format!("safe to repeat: {repeat}\n"), format!("= exit: {exit}\n"));
        for part in ["error[TG7008]: ", "left of its caller's limit", help, &repeat, &exit] {
            ensure!(said.contains(part), "no {part} in {said}");
        }
        let took = began.elapsed();
        ensure!((1700..4000).contains(&took.as_millis()), "{took:?}: {said}");
        sick.recover();
    }
    Ok(())
}

#[tokio::test]
async fn bytes_and_trace_of_a_call_are_in_its_line() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick).await?;
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let params = json!({
        "name": "sick___read", "arguments": {},
        "_meta": {
            "traceparent": format!("00-{trace}-b7ad6b7169203331-01"),
            "io.modelcontextprotocol/logLevel": "info",
        },
    });
    let sent = with_meta(params);
    for act in [Act::Answer, Act::Stream(Shape::Notices(20))] {
        sick.then([act]);
        let ask = Ask::modern_raw("1", "tools/call", &sent).header("mcp-name", "sick___read");
        let answer = gateway.client().send(ask).await?;
        let line = gateway.line_of(&answer).await?;
        assert_eq!(line["bytes_out"], answer.body.len(), "{line}");
        assert_eq!(line["bytes_in"], message("1", "tools/call", &sent).len(), "{line}");
        assert_eq!(line["trace_id"], trace);
        let sick_saw = sick.seen();
        let last = sick_saw.last().context("the call")?.json();
        let parent = last["params"]["_meta"]["traceparent"].as_str().context("no traceparent")?;
        assert!(parent.starts_with(&format!("00-{trace}-")), "{parent}");
    }
    Ok(())
}

#[tokio::test]
async fn only_an_observer_sees_the_ledger_in_the_result() -> Result<()> {
    let (issuer, sick) = (Issuer::start().await?, Sick::start(Era::Modern).await?);
    let (iss, url) = (issuer.url(), sick.url());
    let config = format!(
        "auth:\n  issuers:\n    - {{ name: main, profile: cognito, issuer: \"{iss}\", clients: [{CLIENT_ID}] }}\n  \
         scopes: [gateway/invoke]\ntargets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let client = |scopes: &[&str]| gateway.client().with_token(issuer.token(scopes));
    let plain = client(&["gateway/invoke"]);
    let observer = client(&["gateway/invoke", "gateway/observe"]);
    sick.then([Act::Answer, slow()]);
    let answer = plain.tool("sick___read", json!({})).await?;
    assert!(!answer.text().contains("toolgate/ledger"), "{}", answer.text());
    let answer = observer.tool("sick___read", json!({})).await?;
    let result = answer.result()?;
    assert_eq!(result["content"][0]["text"], "done");
    let ledger = &result["_meta"]["toolgate/ledger"];
    let phases: BTreeMap<String, f64> = serde_json::from_value(ledger["phases_ms"].clone())?;
    adds_up(&phases, ledger["total_ms"].as_f64().context("no total")?)?;
    assert_eq!(ledger["target"], "sick");
    assert_eq!(ledger["attempts"].as_array().map(Vec::len), Some(1));
    // What is there already stays.
    let own = r#"{"_meta":{"com.example/k":1},"content":[],"resultType":"complete"}"#;
    for result in [own, r#"{"_meta":{},"content":[],"resultType":"complete"}"#] {
        sick.then([Act::Result(result.to_owned())]);
        let mut told = observer.tool("sick___read", json!({})).await?.result()?;
        let meta = told["_meta"].as_object_mut().context("no _meta")?;
        assert!(meta.shift_remove("toolgate/ledger").is_some());
        assert_eq!(told, serde_json::from_str::<Value>(result)?);
    }
    Ok(())
}
