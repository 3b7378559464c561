//! Retries, the breaker and the limits of concurrency: what is sent how often, and what is not.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::sick::{Act, Era, Pace, Sick};
use toolgate_tests::wait::until;

use crate::expect::{OPEN, Refused, fine};

/// A gateway before one sick target, with more settings of the target and more tools' rules.
async fn before(sick: &Sick, target: &str, rules: &str) -> Result<Gateway> {
    let url = sick.url();
    let config = format!(
        "{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }}, {target} }}\n\
         tools:\n  sick___read: {{ read_only: true }}\n{rules}"
    );
    Gateway::start(&config).await
}

const EAGER: &str = "timeout: 5s, retry: { attempts: 3, base: 10ms, max: 20ms, budget: 1.0 }, breaker: { failures: 1000 }";

fn failed() -> Act {
    Act::page("500 Internal Server Error", "text/plain", "no")
}

#[tokio::test]
async fn a_read_only_tool_is_tried_again_until_it_answers() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, EAGER, "").await?;
    sick.then([Act::Reset, failed()]);
    let answer = gateway.client().tool("sick___read", json!({})).await?;
    fine(&gateway, &answer).await?;
    assert_eq!(sick.calls("read"), 3);
    assert_eq!(gateway.line_of(&answer).await?["attempts"], 3);
    let metrics = gateway.metrics().await?;
    let retries = |labels: &[(&str, &str)]| metrics.sum("toolgate_retries_total", labels);
    assert_eq!(retries(&[("target", "sick")]), 2.0);
    let attempts = metrics.sum(
        "mcp_client_operation_duration_seconds_count",
        &[("target", "sick"), ("mcp_method_name", "tools/call")],
    );
    assert_eq!(attempts, 3.0);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_read_only_tool_is_given_up_after_its_attempts() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, EAGER, "").await?;
    sick.then([failed(), failed(), failed(), failed()]);
    let answer = gateway.client().tool("sick___read", json!({})).await?;
    let expected = Refused::target("upstream_5xx", "target", true, "(after 3 attempts)");
    expected.check(&gateway, &answer).await?;
    assert_eq!(sick.calls("read"), 3);
    assert_eq!(gateway.line_of(&answer).await?["attempts"], 3);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_tool_that_may_change_something_is_never_sent_twice() -> Result<()> {
    let acts = [
        Act::Reset,
        Act::Slow(Pace::Reset),
        Act::Slow(Pace::Stall),
        failed(),
        Act::status("429 Too Many Requests", "Retry-After: 0"),
        Act::status("503 Service Unavailable", "Retry-After: 0"),
        Act::page("200 OK", "text/html", "<html>"),
        Act::Hang,
    ];
    for era in [Era::Modern, Era::Legacy] {
        let sick = Sick::start(era).await?;
        let hasty = EAGER.replace("timeout: 5s", "timeout: 500ms, idle_timeout: 100ms");
        let gateway = before(&sick, &hasty, "").await?;
        for (number, act) in acts.iter().enumerate() {
            sick.then([act.clone()]);
            let answer = gateway.client().tool("sick___write", json!({})).await?;
            let error = answer.message()?["error"].clone();
            ensure!(error["data"]["retry_safe"] == false, "{act:?}: {error}");
            ensure!(error["data"]["outcome"] == "unknown", "{act:?}: {error}");
            ensure!(sick.calls("write") == number + 1, "{era:?} {act:?} was sent twice");
        }
        gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_never_sent_is_tried_again_even_if_it_may_change_something() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let patient = "timeout: 10s, retry: { attempts: 10, base: 200ms, max: 500ms, budget: 1.0 }, \
                   breaker: { failures: 1000 }";
    let gateway = before(&sick, patient, "").await?;
    let client = gateway.client();
    fine(&gateway, &client.tool("sick___write", json!({})).await?).await?;
    sick.take_down().await;
    let refused = async || {
        let metrics = gateway.metrics().await?;
        let labels = [("target", "sick"), ("error_type", "connect_refused")];
        let name = "mcp_client_operation_duration_seconds_count";
        Ok((metrics.sum(name, &labels) >= 1.0).then_some(()))
    };
    let arguments = json!({});
    let (answer, ()) = tokio::try_join!(client.tool("sick___write", arguments), async {
        until("the first attempt was refused", refused).await?;
        sick.bring_up().await
    })?;
    fine(&gateway, &answer).await?;
    assert_eq!(sick.calls("write"), 2);
    assert!(gateway.line_of(&answer).await?["attempts"].as_u64().unwrap() >= 2);
    gateway.books_agree().await
}

#[tokio::test]
async fn retry_after_is_waited_for() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, EAGER, "").await?;
    sick.then([Act::status("429 Too Many Requests", "Retry-After: 1")]);
    let start = Instant::now();
    let answer = gateway.client().tool("sick___read", json!({})).await?;
    fine(&gateway, &answer).await?;
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let backoff = gateway.line_of(&answer).await?["phases"]["backoff_ms"].as_f64().unwrap();
    assert!(backoff >= 990.0, "{backoff}");
    Ok(())
}

#[tokio::test]
async fn retries_do_not_outlive_the_deadline() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let target = "timeout: 700ms, retry: { attempts: 10, base: 100ms, max: 2s, budget: 1.0 }, \
                  breaker: { failures: 1000 }";
    let gateway = before(&sick, target, "").await?;
    sick.then(std::iter::repeat_n(failed(), 10));
    let start = Instant::now();
    let answer = gateway.client().tool("sick___read", json!({})).await?;
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    assert_eq!(answer.message()?["error"]["data"]["retry_safe"], true);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_retry_after_beyond_the_deadline_is_not_waited_for() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, EAGER, "").await?;
    sick.then([Act::status("429 Too Many Requests", "Retry-After: 60")]);
    let start = Instant::now();
    let answer = gateway.client().tool("sick___read", json!({})).await?;
    let expected = Refused::target("upstream_429", "target", true, "is asked too often");
    let error = expected.check(&gateway, &answer).await?;
    assert_eq!(error["data"]["retry_after_ms"], 60_000);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(sick.calls("read"), 1);
    let metrics = gateway.metrics().await?;
    let suppressed = [("target", "sick"), ("reason", "deadline")];
    assert_eq!(metrics.sum("toolgate_retry_suppressed_total", &suppressed), 1.0);
    Ok(())
}

#[tokio::test]
async fn a_tools_own_limit_of_time_goes_before_its_targets() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let rule = "  sick___write: { timeout: 200ms }\n";
    let gateway = before(&sick, "timeout: 20s, retry: { attempts: 1 }", rule).await?;
    sick.then([Act::Hang]);
    let start = Instant::now();
    let answer = gateway.client().tool("sick___write", json!({})).await?;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let says = "`sick___write` did not answer within its limit of 200 ms";
    let expected = Refused::target("timeout_first_byte", "target", false, says);
    expected.check(&gateway, &answer).await?;
    let metrics = gateway.metrics().await?;
    let labels = [("target", "sick"), ("phase", "first_byte")];
    assert_eq!(metrics.sum("toolgate_timeouts_total", &labels), 1.0);
    sick.until_hung_up(1).await
}

#[tokio::test]
async fn the_budget_ends_retries_when_everything_fails() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let target = "timeout: 5s, retry: { attempts: 2, base: 1ms, max: 2ms, budget: 0.1 }, \
                  breaker: { failures: 1000 }";
    let gateway = before(&sick, target, "").await?;
    sick.then(std::iter::repeat_n(failed(), 400));
    for _ in 0..150 {
        drop(gateway.client().tool("sick___read", json!({})).await?);
    }
    let calls = sick.calls("read");
    assert!((151..=200).contains(&calls), "150 calls made {calls} attempts");
    let metrics = gateway.metrics().await?;
    let suppressed = [("target", "sick"), ("reason", "budget")];
    assert!(metrics.sum("toolgate_retry_suppressed_total", &suppressed) >= 50.0);
    gateway.books_agree().await
}

#[tokio::test]
async fn the_breaker_opens_after_failures_and_closes_after_a_good_trial() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let target = "retry: { attempts: 1 }, breaker: { failures: 3, open: 2s }";
    let gateway = before(&sick, target, "").await?;
    let client = gateway.client();
    sick.then([failed(), failed(), failed()]);
    for _ in 0..3 {
        let answer = client.tool("sick___write", json!({})).await?;
        Refused::target("upstream_5xx", "target", false, "failed").check(&gateway, &answer).await?;
    }
    let answer = client.tool("sick___write", json!({})).await?;
    let expected = Refused::target("circuit_open", "target", true, "nothing was sent");
    let error = expected.check(&gateway, &answer).await?;
    let wait = error["data"]["retry_after_ms"].as_u64().unwrap();
    assert!((1..=2000).contains(&wait), "{error}");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(sick.calls("write"), 3);
    let state = async |state: &str| {
        let labels = [("target", "sick"), ("state", state)];
        anyhow::Ok(gateway.metrics().await?.sum("toolgate_circuit_state", &labels))
    };
    assert_eq!((state("open").await?, state("closed").await?), (1.0, 0.0));
    until("a trial is let through", async || {
        let answer = client.tool("sick___write", json!({})).await?;
        Ok(answer.result().is_ok().then_some(()))
    })
    .await?;
    assert_eq!(sick.calls("write"), 4);
    assert_eq!((state("open").await?, state("closed").await?), (0.0, 1.0));
    fine(&gateway, &client.tool("sick___write", json!({})).await?).await?;
    gateway.books_agree().await
}

#[tokio::test]
async fn failures_of_callers_and_tools_do_not_open_the_breaker() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let target = "retry: { attempts: 1 }, breaker: { failures: 2, open: 60s }";
    let gateway = before(&sick, target, "").await?;
    let client = gateway.client();
    let no = r#"{"isError":true,"content":[],"resultType":"complete"}"#;
    for _ in 0..4 {
        sick.then([
            Act::Result(no.to_owned()),
            Act::Error(r#"{"code":-32602,"message":"no"}"#.to_owned()),
            Act::Error(r#"{"code":-32000,"message":"no"}"#.to_owned()),
            Act::page("404 Not Found", "text/plain", ""),
        ]);
        for _ in 0..4 {
            drop(client.tool("sick___write", json!({})).await?);
        }
    }
    assert_eq!(sick.calls("write"), 16);
    fine(&gateway, &client.tool("sick___write", json!({})).await?).await?;
    Ok(())
}

#[tokio::test]
async fn calls_beyond_the_targets_limit_are_shed_at_once() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "concurrency: 2", "").await?;
    let client = gateway.client();
    sick.then([Act::Hold, Act::Hold]);
    let held = async || client.tool("sick___write", json!({})).await;
    let shed = async {
        sick.until_called("write", 2).await?;
        let answer = client.tool("sick___write", json!({})).await?;
        sick.release(2);
        anyhow::Ok(answer)
    };
    let (first, second, shed) = tokio::try_join!(held(), held(), shed)?;
    let says = "takes 2 calls at once and 2 are running; nothing was sent";
    overloaded(says).check(&gateway, &shed).await?;
    assert!(shed.header("retry-after").is_some());
    fine(&gateway, &first).await?;
    fine(&gateway, &second).await?;
    assert_eq!(sick.calls("write"), 2);
    let metrics = gateway.metrics().await?;
    assert_eq!(metrics.sum("toolgate_shed_total", &[("scope", "target")]), 1.0);
    assert_eq!(metrics.sum("toolgate_concurrency_in_use", &[("target", "sick")]), 0.0);
    fine(&gateway, &client.tool("sick___write", json!({})).await?).await?;
    gateway.books_agree().await
}

#[tokio::test]
async fn calls_beyond_a_tools_limit_are_shed_and_other_tools_are_not() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "concurrency: 10", "  sick___write: { concurrency: 1 }\n").await?;
    let client = gateway.client();
    sick.then([Act::Hold]);
    let others = async {
        sick.until_called("write", 1).await?;
        let shed = client.tool("sick___write", json!({})).await?;
        let other = client.tool("sick___read", json!({})).await?;
        sick.release(1);
        anyhow::Ok((shed, other))
    };
    let (held, (shed, other)) = tokio::try_join!(client.tool("sick___write", json!({})), others)?;
    overloaded("tool `sick___write` takes 1 calls at once").check(&gateway, &shed).await?;
    fine(&gateway, &other).await?;
    fine(&gateway, &held).await?;
    let metrics = gateway.metrics().await?;
    assert_eq!(metrics.sum("toolgate_shed_total", &[("scope", "tool")]), 1.0);
    gateway.books_agree().await
}

#[tokio::test]
async fn calls_beyond_the_gateways_limit_are_shed_at_once() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let config = format!(
        "{OPEN}limits: {{ concurrency: 1 }}\ntargets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let client = gateway.client();
    sick.then([Act::Hold]);
    let shed = async {
        sick.until_called("write", 1).await?;
        let answer = client.tool("sick___write", json!({})).await?;
        sick.release(1);
        anyhow::Ok(answer)
    };
    let (held, shed) = tokio::try_join!(client.tool("sick___write", json!({})), shed)?;
    overloaded("the gateway is at its limit of 1 calls at once").check(&gateway, &shed).await?;
    fine(&gateway, &held).await?;
    gateway.books_agree().await
}

/// A call that found no room: nothing was sent, so that it may be repeated.
const fn overloaded(says: &'static str) -> Refused {
    let (reason, blame, retry_safe) = ("overloaded", "gateway", true);
    Refused { status: 503, code: 503, says, reason, blame, retry_safe }
}
