//! Targets on standard input and output that fail in every way.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::Answer;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::process::Scratch;
use toolgate_tests::wait::until;

use crate::expect::{OPEN, Refused, fine};

/// A gateway before a child that misbehaves by the name of the tool.
struct House {
    gateway: Gateway,
    record: PathBuf,
    _scratch: Scratch,
}

impl House {
    async fn start(era: &str) -> Result<Self> {
        let scratch = Scratch::new()?;
        let record = scratch.path().join("record");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sick_stdio.py");
        let config = format!(
            "{OPEN}targets:
  child:
    stdio: {{ command: [python3, {script:?}, {era}, {record:?}] }}
    timeout: 800ms
    max_response: 64KiB
    retry: {{ attempts: 3, base: 10ms, max: 20ms }}
    breaker: {{ failures: 1000 }}
"
        );
        let gateway = Gateway::start(&config).await?;
        let house = Self { gateway, record, _scratch: scratch };
        house.until_well().await?;
        Ok(house)
    }

    async fn call(&self, tool: &str) -> Result<Answer> {
        self.gateway.client().tool(&format!("child___{tool}"), json!({})).await
    }

    /// Waits until the child answers, by a tool whose calls nobody counts.
    async fn until_well(&self) -> Result<()> {
        until("the child answers", async || {
            Ok(self.call("read").await?.result().is_ok().then_some(()))
        })
        .await
    }

    /// What the children were sent: process id and message.
    fn sent(&self) -> Result<Vec<(u64, Value)>> {
        let text = std::fs::read_to_string(&self.record).unwrap_or_default();
        let whole = text.lines().filter(|line| line.ends_with('}'));
        whole
            .map(|line| {
                let line: Value = serde_json::from_str(line)?;
                let pid = line["pid"].as_u64().context("a process id")?;
                Ok((pid, line["message"].clone()))
            })
            .collect()
    }

    fn calls(&self, tool: &str) -> Result<usize> {
        Ok(self.sent()?.iter().filter(|(_, sent)| sent["params"]["name"] == tool).count())
    }

    fn children(&self) -> Result<usize> {
        let pids: std::collections::HashSet<u64> =
            self.sent()?.into_iter().map(|(pid, _)| pid).collect();
        Ok(pids.len())
    }
}

const ERAS: [&str; 2] = ["modern", "legacy"];

#[tokio::test]
async fn a_child_that_dies_in_a_call_leaves_the_outcome_unknown_and_is_started_again() -> Result<()>
{
    for era in ERAS {
        let house = House::start(era).await?;
        let unknown = "may or may not have been carried out";
        let died = Refused::target("outcome_unknown", "target", false, unknown);
        let half = "an answer that is not MCP";
        let broke_off = Refused::target("upstream_protocol", "target", false, half);
        for (tool, expected) in [("die", died), ("die_writing", broke_off)] {
            let answer = house.call(tool).await?;
            let checked = expected.check(&house.gateway, &answer).await;
            let error = checked.with_context(|| format!("{era} {tool}"))?;
            ensure!(error["data"]["outcome"] == "unknown", "{error}");
            let sent = house.calls(tool)?;
            ensure!(sent == 1, "{era}: `{tool}` was sent {sent} times");
            house.until_well().await?;
        }
        assert_eq!(house.children()?, 3);
        house.gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_a_child_never_answers_is_cancelled_in_time_and_others_go_on() -> Result<()> {
    for era in ERAS {
        let house = House::start(era).await?;
        let (answer, beside) = tokio::try_join!(house.call("hang"), house.call("write"))?;
        fine(&house.gateway, &beside).await?;
        let says = "did not answer within its limit of 800 ms";
        let expected = Refused::target("timeout_first_byte", "target", false, says);
        expected.check(&house.gateway, &answer).await?;
        assert_eq!(house.calls("hang")?, 1);
        until("the child hears that nobody waits", async || {
            let sent = house.sent()?;
            let hang = sent.iter().find(|(_, sent)| sent["params"]["name"] == "hang");
            let id = &hang.context("the call")?.1["id"];
            let cancelled = sent.iter().any(|(_, sent)| {
                sent["method"] == "notifications/cancelled" && sent["params"]["requestId"] == *id
            });
            Ok(cancelled.then_some(()))
        })
        .await?;
        fine(&house.gateway, &house.call("write").await?).await?;
        assert_eq!(house.children()?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn lines_of_garbage_do_not_hide_the_answer_behind_them() -> Result<()> {
    for era in ERAS {
        let house = House::start(era).await?;
        fine(&house.gateway, &house.call("garbage").await?).await?;
        assert_eq!(house.calls("garbage")?, 1);
        assert_eq!(house.children()?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_to_nobodys_call_is_not_taken_for_ours() -> Result<()> {
    for era in ERAS {
        let house = House::start(era).await?;
        let answer = house.call("wrong_id").await?;
        let expected = Refused::target("timeout_first_byte", "target", false, "did not answer");
        expected.check(&house.gateway, &answer).await?;
        fine(&house.gateway, &house.call("write").await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_of_a_child_that_is_too_large_is_not_taken_and_the_next_one_is() -> Result<()> {
    for era in ERAS {
        let house = House::start(era).await?;
        let answer = house.call("big").await?;
        let says = "more than 65536 bytes";
        let expected = Refused::target("upstream_protocol", "target", false, says);
        expected.check(&house.gateway, &answer).await?;
        fine(&house.gateway, &house.call("write").await?).await?;
        assert_eq!(house.calls("big")?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn messages_of_a_child_that_name_no_call_do_not_reach_a_caller() -> Result<()> {
    let house = House::start("legacy").await?;
    let answer = house.call("notices").await?;
    fine(&house.gateway, &answer).await?;
    // On a shared pipe nobody can tell whose they are.
    assert_eq!(answer.messages()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_program_that_does_not_exist_says_so_on_the_page_of_the_operator_only() -> Result<()> {
    let config = format!(
        "{OPEN}targets:\n  ghost: {{ stdio: {{ command: [/no/such/program] }}, retry: {{ attempts: 1 }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let answer = gateway.client().tool("ghost___any", json!({})).await?;
    let expected = Refused::target("connect_refused", "network", true, "`ghost` is not running");
    expected.told(&answer)?;
    assert!(!answer.text().contains("no/such"), "{}", answer.text());
    let ready = gateway.admin("/readyz").await?;
    assert!(ready.text().contains("ghost"), "{}", ready.text());
    Ok(())
}
