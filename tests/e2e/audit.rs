//! Who was let do what: each call has its record, and no record can be changed unseen.
//!
//! In: calls that are let through and calls that are not; a gateway that is killed, or whose disk is
//! full. Out: the audit log, beside what the callers were told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::mpsc;
use toolgate_tests::client::{Answer, Ask, Client};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::wait::until;

use crate::expect::{OPEN, Refused};

const UNRECORDED: Refused = Refused {
    status: 503,
    code: 503,
    says: "every call must be recorded in the audit log",
    reason: "audit_unavailable",
    blame: "gateway",
    retry_safe: true,
};

/// A target, and a folder for the log that outlives gateways.
struct House {
    sick: Sick,
    scratch: Scratch,
}

impl House {
    async fn new() -> Result<Self> {
        Ok(Self { sick: Sick::start(Era::Modern).await?, scratch: Scratch::new()? })
    }

    fn log(&self) -> PathBuf {
        self.scratch.path().join("audit.jsonl")
    }

    async fn gateway(&self, auth: &str, audit: &str) -> Result<Gateway> {
        let (url, log) = (self.sick.url(), self.log());
        let config = format!(
            "{auth}audit: {{ file: \"{}\", {audit} }}\ntargets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n",
            log.display()
        );
        Gateway::start(&config).await
    }

    fn records(&self) -> Result<Vec<Value>> {
        parse_log(&fs::read_to_string(self.log())?)
    }

    async fn verified(&self) -> Result<String> {
        toolgate(&["verify"], &self.log()).await
    }
}

/// `toolgate audit`, with its file last. What it said.
async fn toolgate(args: &[&str], log: &Path) -> Result<String> {
    let output = Command::new(binary("toolgate", "toolgate")?)
        .arg("audit")
        .args(args)
        .arg(log)
        .output()
        .await?;
    let said = String::from_utf8([output.stdout, output.stderr].concat())?;
    ensure!(output.status.success(), "{said}");
    Ok(said)
}

fn id(answer: &Answer) -> Result<String> {
    answer.header("x-request-id").context("an answer without X-Request-Id")
}

fn is_decision(record: &Value) -> bool {
    ["allow", "deny"].contains(&record["kind"].as_str().unwrap_or(""))
}

/// The only decision on that request.
fn the_one<'a>(decided: &[&'a Value], id: &str) -> Result<&'a Value> {
    let mut found = decided.iter().filter(|one| one["request_id"] == *id);
    let first = found.next().with_context(|| format!("no record of {id}"))?;
    ensure!(found.next().is_none(), "two records of {id}");
    Ok(first)
}

/// It says who called what, and which rule let it through.
fn let_through(record: &Value) -> Result<()> {
    let said = ["kind", "issuer", "client", "target", "tool", "name", "rule", "method"];
    let due = ["allow", "main", CLIENT_ID, "sick", "read", "sick___read", "scopes", "tools/call"];
    for (key, due) in said.into_iter().zip(due) {
        ensure!(record[key] == due, "{key} of {record}");
    }
    ensure!(record["subject"].is_string() && record["peer"] == "127.0.0.1", "{record}");
    ensure!(record["definition"].as_str().is_some_and(|hash| hash.len() == 64), "{record}");
    Ok(())
}

/// It says why, and by which rule.
fn turned_away(record: &Value, reason: &str, rule: &str) -> Result<()> {
    let told = (&record["kind"], &record["reason"], &record["rule"]);
    ensure!(told == (&json!("deny"), &json!(reason), &json!(rule)), "{record}");
    ensure!(record["words"].as_str().is_some_and(|words| !words.is_empty()), "{record}");
    Ok(())
}

/// How many records of each kind.
fn kinds(records: &[Value]) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for record in records {
        *kinds.entry(record["kind"].as_str().unwrap_or_default()).or_default() += 1;
    }
    kinds
}

#[tokio::test]
async fn each_call_has_one_decision_with_who_what_and_why_and_no_secret() -> Result<()> {
    let (house, issuer) = (House::new().await?, Issuer::start().await?);
    let auth = format!(
        "auth:\n  issuers:\n    - {{ name: main, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}] }}\n  \
         scopes: [gateway/invoke]\n",
        issuer.url()
    );
    let gateway = house.gateway(&auth, "required: true").await?;
    let token = issuer.token(&["gateway/invoke"]);
    let (anybody, caller) = (gateway.client(), gateway.client().with_token(token.clone()));
    let narrow = gateway.client().with_token(issuer.token(&["other/scope"]));
    let marked = json!({ "secret": "ArgumentsAreNobodysBusiness" });

    let mut allowed = Vec::new();
    for _ in 0..5 {
        allowed.push(id(&caller.tool("sick___read", marked.clone()).await?)?);
    }
    let missing = id(&anybody.tool("sick___read", json!({})).await?)?;
    let forbidden = id(&narrow.tool("sick___read", json!({})).await?)?;
    let unknown = id(&caller.tool("sick___nothing", json!({})).await?)?;
    let elsewhere = Ask::tool("sick___read", json!({})).instead("host", "evil.example");
    let host = id(&anybody.send(elsewhere).await?)?;
    gateway.books_agree().await?;
    let calls = gateway.metrics().await?.sum("toolgate_requests_total", &[]);
    let stopped = gateway.stop().await?;
    ensure!(stopped.status.success(), "{}", stopped.stderr);

    let records = house.records()?;
    let decided: Vec<&Value> = records.iter().filter(|one| is_decision(one)).collect();
    ensure!(decided.len() as f64 == calls, "{} decisions of {calls} calls", decided.len());
    for id in &allowed {
        let_through(the_one(&decided, id)?)?;
        let ended =
            records.iter().filter(|one| one["kind"] == "outcome" && one["request_id"] == **id);
        ensure!(ended.count() == 1, "the end of {id}");
    }
    for (id, reason, rule) in [
        (&missing, "unauthenticated", "authentication"),
        (&forbidden, "forbidden", "scopes"),
        (&unknown, "target_unknown", "request"),
        (&host, "forbidden", "hosts"),
    ] {
        turned_away(the_one(&decided, id)?, reason, rule)?;
    }
    ensure!(the_one(&decided, &missing)?.get("subject").is_none(), "nobody is known yet");
    ensure!(the_one(&decided, &forbidden)?["client"] == CLIENT_ID);
    let text = fs::read_to_string(house.log())?;
    ensure!(!text.contains("ArgumentsAreNobodysBusiness"), "arguments are in the log");
    ensure!(token.split('.').all(|piece| !text.contains(piece)), "a token is in the log");
    house.verified().await?;
    let found = toolgate(&["query", "--decision", "deny"], &house.log()).await?;
    ensure!(found.lines().count() == kinds(&records)["deny"], "{found}");
    Ok(())
}

/// Calls, and tells of each call that was answered.
async fn until_it_is_gone(client: Client, answered: mpsc::UnboundedSender<Result<String>>) {
    while let Ok(answer) = client.tool("sick___read", json!({})).await {
        if answer.status == 200 {
            answered.send(id(&answer)).ok();
        }
    }
}

#[tokio::test]
async fn a_killed_gateway_has_recorded_every_call_that_it_answered() -> Result<()> {
    let house = House::new().await?;
    let mut answered = BTreeSet::new();
    for round in 0..3 {
        let gateway = Arc::new(house.gateway(OPEN, "fsync: always").await?);
        gateway.client().tool("sick___read", json!({})).await?.result()?;
        let (sender, mut ids) = mpsc::unbounded_channel();
        let mut callers = Vec::new();
        for _ in 0..8 {
            let (client, sender) = (gateway.client(), sender.clone());
            callers.push(tokio::spawn(until_it_is_gone(client, sender)));
        }
        drop(sender);
        for _ in 0..200 {
            answered.insert(ids.recv().await.context("the gateway ended by itself")??);
        }
        gateway.signal(Signal::KILL)?;
        while let Some(id) = ids.recv().await {
            answered.insert(id?);
        }
        for caller in callers {
            caller.await?;
        }
        let records = house.records()?;
        let allowed: BTreeSet<&str> = records
            .iter()
            .filter(|record| record["kind"] == "allow")
            .filter_map(|record| record["request_id"].as_str())
            .collect();
        let lost: Vec<_> = answered.iter().filter(|id| !allowed.contains(id.as_str())).collect();
        ensure!(lost.is_empty(), "round {round}: answered and not recorded: {lost:?}");
    }
    let gateway = house.gateway(OPEN, "fsync: always").await?;
    gateway.stop().await?;
    let said = house.verified().await?;
    ensure!(said.starts_with("whole: "), "{said}");
    ensure!(answered.len() >= 600);
    ensure!(kinds(&house.records()?)["opened"] == 4);
    Ok(())
}

#[tokio::test]
async fn a_full_disk_refuses_calls_that_must_be_recorded_until_there_is_room_again() -> Result<()> {
    let house = House::new().await?;
    let gateway = house.gateway(OPEN, "required: true, outcomes: false").await?;
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    let before = house.sick.calls("read");
    // Room for a part of a record.
    gateway.limit_files(Some(fs::metadata(house.log())?.len() + 100))?;
    for _ in 0..3 {
        let answer = gateway.client().tool("sick___read", json!({})).await?;
        UNRECORDED.told(&answer)?;
    }
    ensure!(house.sick.calls("read") == before, "a call was sent that has no record");
    let lost = gateway.metrics().await?;
    ensure!(lost.sum("toolgate_audit_records_lost_total", &[("reason", "disk_full")]) == 3.0);
    ensure!(gateway.stderr().matches("the audit log cannot be written").count() == 1);
    gateway.limit_files(None)?;
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    gateway.stop().await?;
    let records = house.records()?;
    let told: Vec<&Value> = records.iter().filter(|record| record["kind"] == "lost").collect();
    ensure!(told.len() == 1 && told[0]["lost"] == json!({ "disk_full": 3 }), "{told:?}");
    house.verified().await?;
    Ok(())
}

#[tokio::test]
async fn a_full_disk_loses_records_that_need_not_be_and_says_so() -> Result<()> {
    let house = House::new().await?;
    let gateway = house.gateway(OPEN, "outcomes: false").await?;
    gateway.limit_files(Some(fs::metadata(house.log())?.len()))?;
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    let metrics = gateway.metrics().await?;
    ensure!(metrics.sum("toolgate_audit_records_lost_total", &[("reason", "disk_full")]) == 1.0);
    Ok(())
}

#[tokio::test]
async fn a_second_gateway_does_not_start_on_the_same_log() -> Result<()> {
    let house = House::new().await?;
    let gateway = house.gateway(OPEN, "").await?;
    let second = house.gateway(OPEN, "").await.err().context("it started")?;
    ensure!(format!("{second:#}").contains("another gateway writes the audit log"), "{second:#}");
    drop(gateway);
    until("the log is free again", async || Ok(house.gateway(OPEN, "").await.ok().map(drop))).await
}

#[tokio::test]
async fn a_copy_in_cloudwatch_logs_is_the_log_line_by_line() -> Result<()> {
    let (house, emulator) = (House::new().await?, Emulator::ministack().await?);
    let (url, log, aws) = (house.sick.url(), house.log(), emulator.url());
    let config = format!(
        "{OPEN}audit: {{ file: \"{}\", cloudwatch: {{ group: /toolgate/audit, stream: one }} }}\n\
         aws: {{ region: us-east-1, endpoint: \"{aws}\" }}\n\
         targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n",
        log.display()
    );
    let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
    for _ in 0..20 {
        gateway.client().tool("sick___read", json!({})).await?.result()?;
    }
    let stopped = gateway.stop().await?;
    ensure!(stopped.status.success(), "{}", stopped.stderr);
    let asked =
        json!({ "logGroupName": "/toolgate/audit", "logStreamName": "one", "startFromHead": true });
    let ask = Ask::post(asked.to_string())
        .to("/")
        .instead("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "Logs_20140328.GetLogEvents")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260728/us-east-1/logs/aws4_request, \
             SignedHeaders=host, Signature=0",
        );
    let answer = Client::new(emulator.address()).send(ask).await?;
    let events: Value = serde_json::from_str(&answer.text())?;
    let events = events["events"].as_array().with_context(|| answer.text())?;
    let copied: Vec<&str> = events.iter().filter_map(|event| event["message"].as_str()).collect();
    let text = fs::read_to_string(house.log())?;
    ensure!(copied == text.lines().collect::<Vec<_>>(), "{} copies of:\n{text}", copied.len());
    Ok(())
}
