//! The same trees before a child on standard input and output, of either era.
//!
//! In: calls within a caller's trace. Out: spans, and what the child read in `_meta`, which is the
//! only place a pipe has for them. What is not here: a page of HTTP that fails (a pipe has none),
//! and a stream that breaks off (on a pipe that is the end of the child, which is here).

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Answer, Ask, message, with_meta};
use toolgate_tests::collector::{Collector, Span};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::Scratch;
use toolgate_tests::wait::until;

use super::{CALLER, OPEN, TRACE, called, hangs_together, parent, tree};

/// What an attempt ends with while the child is being started.
const NOT_THERE: &str = "connect_refused";

const ERAS: [&str; 2] = ["modern", "legacy"];

/// A gateway before a child that notes what it reads, and a collector behind.
struct House {
    gateway: Gateway,
    collector: Collector,
    record: PathBuf,
    _scratch: Scratch,
}

impl House {
    async fn start(era: &str) -> Result<Self> {
        Self::start_with(era, OPEN, "", 100).await
    }

    /// The same with other callers, more rules for tools, and failures until the breaker opens.
    async fn start_with(era: &str, auth: &str, tools: &str, failures: u32) -> Result<Self> {
        let (scratch, collector) = (Scratch::new()?, Collector::start().await?);
        let record = scratch.path().join("record");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sick_stdio.py");
        let otlp = collector.url();
        let config = format!(
            "{auth}traces: {{ sample: 0, otlp: {{ endpoint: \"{otlp}\" }} }}
targets:
  child:
    stdio: {{ command: [python3, {script:?}, {era}, {record:?}] }}
    timeout: 12s
    retry: {{ budget: 1 }}
    breaker: {{ failures: {failures}, open: 1h }}
tools:
  child___read: {{ read_only: true }}
  child___hang: {{ timeout: 800ms }}
  child___die_once: {{ read_only: true, retry: {{ attempts: 10, base: 300ms, max: 2s }} }}
{tools}"
        );
        let gateway = Gateway::start(&config).await?;
        let house = Self { gateway, collector, record, _scratch: scratch };
        until("the child is there", async || {
            let page = house.gateway.metrics().await?;
            Ok((page.sum("toolgate_target_tools", &[("target", "child")]) > 0.0).then_some(()))
        })
        .await?;
        Ok(house)
    }

    async fn call(&self, tool: &str) -> Result<Answer> {
        let tool = format!("child___{tool}");
        let ask = Ask::modern_raw("1", "tools/call", &called(&tool, &parent(1)));
        self.gateway.client().send(ask.header("mcp-name", &tool)).await
    }

    /// The messages that name a tool, as the child read them.
    fn read(&self, tool: &str) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(&self.record)?;
        let whole = text.lines().filter(|line| line.ends_with('}'));
        let all = whole.map(|line| Ok(serde_json::from_str::<Value>(line)?["message"].take()));
        let mut all = all.collect::<Result<Vec<_>>>()?;
        all.retain(|sent| sent["params"]["name"] == tool);
        Ok(all)
    }

    /// The child was told of these attempts, one call each but for those that came while it was not
    /// there, and of nothing else of the trace.
    fn told(&self, tool: &str, trace: &str, attempts: &[Span]) -> Result<()> {
        let sent = self.read(tool)?;
        let made = |attempt: &&Span| attempt.attribute("error.type").as_deref() != Some(NOT_THERE);
        let attempts: Vec<&Span> = attempts.iter().filter(made).collect();
        ensure!(sent.len() == attempts.len(), "{tool}: {sent:?}, {attempts:?}");
        for (sent, attempt) in sent.iter().zip(attempts) {
            let meta = &sent["params"]["_meta"];
            let ours = format!("00-{trace}-{}-01", attempt.id());
            ensure!(meta["traceparent"] == ours.as_str(), "{meta} instead of {ours}");
            ensure!(meta.get("baggage").is_none(), "{meta}");
            ensure!(!sent.to_string().contains(CALLER), "the caller's span got through: {sent}");
        }
        Ok(())
    }

    /// The spans of the caller's trace, which look so, and of whose attempts the child was told.
    async fn shows(&self, tool: &str, wanted: &str) -> Result<()> {
        let spans = self.collector.trace(TRACE).await?;
        let seen = tree(&spans);
        ensure!(seen == wanted, "{tool}:\n{seen}instead of\n{wanted}");
        hangs_together(&spans, CALLER)?;
        let (_, attempts) = spans.split_first().context("no spans")?;
        self.told(tool, TRACE, attempts)
    }
}

#[tokio::test]
async fn a_child_is_told_the_span_of_the_attempt_in_all_four_cells() -> Result<()> {
    for era in ERAS {
        let house = House::start(era).await?;
        house.call("read").await?.result()?;
        let good = "SERVER tools/call read ok\n  CLIENT tools/call read ok\n";
        house.shows("read", good).await?;

        let session = house.gateway.client().session().await?;
        let params = json!({ "name": "child___steps", "arguments": {} }).to_string();
        let trace = "11111111111111111111111111111111";
        let ask = Ask::on_session(&session.id, message("7", "tools/call", &params));
        let ask = ask.header("traceparent", &format!("00-{trace}-{CALLER}-01"));
        house.gateway.client().send(ask).await?.result()?;
        let spans = house.collector.trace(trace).await?;
        assert_eq!(tree(&spans), good.replace("read", "steps"));
        hangs_together(&spans, CALLER)?;
        assert_eq!(spans[0].attribute("toolgate.session").as_deref(), Some("true"));
        house.told("steps", trace, &spans[1..])?;
    }
    Ok(())
}

#[tokio::test]
async fn the_tree_tells_what_became_of_the_call_at_a_child() -> Result<()> {
    // Tool, and the errors of the call and of its attempt: of the end of a child a caller learns
    // only that nobody knows what was done.
    let fates = [
        ("fail", "tool_error", "tool_error"),
        ("error", "upstream_jsonrpc", "upstream_jsonrpc"),
        ("hang", "timeout_first_byte", "timeout_first_byte"),
        ("die", "outcome_unknown", "reset"),
        ("die_writing", "upstream_protocol", "upstream_protocol"),
    ];
    for era in ERAS {
        for (tool, call, attempt) in fates {
            let house = House::start(era).await?;
            house.call(tool).await?;
            let wanted = format!(
                "SERVER tools/call {tool} {call} (error)\n  CLIENT tools/call {tool} {attempt} (error)\n"
            );
            house.shows(tool, &wanted).await.with_context(|| era.to_owned())?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn progress_of_a_child_is_a_stream_under_one_attempt() -> Result<()> {
    for era in ERAS {
        let house = House::start(era).await?;
        let params = json!({
            "name": "child___steps", "arguments": {},
            "_meta": { "traceparent": parent(1), "progressToken": "mine" },
        });
        let ask = Ask::modern_raw("1", "tools/call", &with_meta(params));
        let answer = house.gateway.client().send(ask.header("mcp-name", "child___steps")).await?;
        assert_eq!(answer.messages()?.len(), 4, "{}", answer.text());
        let good = "SERVER tools/call steps ok\n  CLIENT tools/call steps ok\n";
        house.shows("steps", good).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_made_again_at_the_next_child_is_linked_to_the_one_before() -> Result<()> {
    for era in ERAS {
        let house = House::start(era).await?;
        house.call("die_once").await?.result()?;
        let spans = house.collector.trace(TRACE).await?;
        hangs_together(&spans, CALLER)?;
        let (call, attempts) = spans.split_first().context("no spans")?;
        assert_eq!(call.attribute("error.type"), None);
        let (last, failed) = attempts.split_last().context("no attempts")?;
        let (first, between) = failed.split_first().context("no retry")?;
        assert_eq!(first.attribute("error.type").as_deref(), Some("reset"));
        for attempt in between {
            // The next child takes as long as it takes to start.
            assert_eq!(attempt.attribute("error.type").as_deref(), Some(NOT_THERE));
        }
        assert_eq!(last.attribute("error.type"), None);
        let resent = last.attribute("http.request.resend_count");
        assert_eq!(resent, Some(failed.len().to_string()));
        assert!(last.links().contains(&failed[failed.len() - 1].id()), "{last:?}");
        house.told("die_once", TRACE, attempts)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_child_reads_nothing_of_a_call_that_is_not_for_it() -> Result<()> {
    for era in ERAS {
        // The breaker is open.
        let house = House::start_with(era, OPEN, "", 2).await?;
        for _ in 0..2 {
            house.gateway.client().tool("child___hang", json!({})).await?;
        }
        house.call("read").await?;
        house.shows("read", "SERVER tools/call read circuit_open (error)\n").await?;

        // The caller may not.
        let issuer = Issuer::start().await?;
        let auth = format!(
            "auth:\n  issuers: [{{ name: test, profile: cognito, issuer: \"{}\", clients: [\"{CLIENT_ID}\"] }}]\n  \
             scopes: [gateway/invoke]\n",
            issuer.url()
        );
        let scoped = "  child___write: { scopes: [child/write] }\n";
        let house = House::start_with(era, &auth, scoped, 2).await?;
        let client = house.gateway.client().with_token(issuer.token(&["gateway/invoke"]));
        let ask = Ask::modern_raw("1", "tools/call", &called("child___write", &parent(1)));
        let denied = client.send(ask.header("mcp-name", "child___write")).await?;
        assert_eq!(denied.status, 403, "{}", denied.text());
        house.shows("write", "SERVER tools/call write forbidden\n").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_caller_who_leaves_cuts_off_the_attempt_at_a_child() -> Result<()> {
    for era in ERAS {
        let house = House::start(era).await?;
        let client = house.gateway.client();
        let ask = Ask::modern_raw("1", "tools/call", &called("child___hang", &parent(1)));
        let ask = ask.header("mcp-name", "child___hang");
        let leaving = tokio::spawn(async move { client.send(ask).await });
        until(
            "the child has read it",
            async || Ok((!house.read("hang")?.is_empty()).then_some(())),
        )
        .await?;
        leaving.abort();
        let wanted = "SERVER tools/call hang client_cancelled\n  \
                      CLIENT tools/call hang client_cancelled (error)\n";
        house.shows("hang", wanted).await?;
    }
    Ok(())
}
