//! Targets over HTTP that fail in every way, one call each: what is said, and that nothing else
//! suffers.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use toolgate_tests::client::{Answer, Ask};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::sick::{Act, Era, Pace, Shape, Sick};
use toolgate_tests::wait::until;

use crate::expect::{OPEN, Refused, fine};

const HTML: &str = "<html><body>Internal Server Error at 10.1.2.3</body></html>";
const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// A gateway before one sick target and one that is well. `read` may be repeated, but is not.
async fn beside(sick: &Sick, well: &Sick) -> Result<Gateway> {
    let config = format!(
        "{OPEN}defaults:
  timeout: 600ms
  idle_timeout: 250ms
  max_response: 64KiB
  retry: {{ attempts: 1 }}
  breaker: {{ failures: 1000 }}
targets:
  sick: {{ mcp: {{ url: \"{}\" }} }}
  well: {{ mcp: {{ url: \"{}\" }} }}
tools:
  sick___read: {{ read_only: true }}
",
        sick.url(),
        well.url()
    );
    Gateway::start(&config).await
}

/// Nothing of the target's status, text or address is for the caller.
fn nothing_leaks(answer: &Answer, sick: &Sick) -> Result<()> {
    let told = format!("{} {:?}", answer.text(), answer.headers);
    let port = sick.address().port().to_string();
    let secrets = ["html", "Internal Server", "10.1.2.3", "500", "502", "upstream.example", &port];
    for secret in secrets {
        // Durations and ids hold digits, too.
        let free = told.replace(&answer.header("x-request-id").unwrap_or_default(), "");
        let free = match answer.header("server-timing") {
            Some(timing) => free.replace(&timing, ""),
            None => free,
        };
        ensure!(!free.contains(secret), "{secret} leaks: {told}");
    }
    Ok(())
}

/// Plays the act once for `write` and once for `read`; a call beside it and the next one are well.
async fn plays(era: Era, act: Act, write: Refused, read: Refused) -> Result<()> {
    let (sick, well) = (Sick::start(era).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    let client = gateway.client();
    for (tool, expected) in [("write", write), ("read", read)] {
        let before = sick.calls(tool);
        sick.then([act.clone()]);
        let name = format!("sick___{tool}");
        let start = Instant::now();
        let (answer, beside) = tokio::try_join!(
            client.tool(&name, json!({})),
            client.tool("well___write", json!({})),
        )?;
        ensure!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
        let error = expected.check(&gateway, &answer).await?;
        ensure!(error["data"]["target"] == "sick", "{error}");
        let unknown = (!expected.retry_safe).then_some("unknown");
        ensure!(error["data"]["outcome"].as_str() == unknown, "{error}");
        nothing_leaks(&answer, &sick)?;
        fine(&gateway, &beside).await?;
        ensure!(sick.left() == 0, "the act was not played");
        let sent = sick.calls(tool) - before;
        ensure!(sent == 1, "`{tool}` was sent {sent} times");
        let next = client.tool(&name, json!({})).await?;
        fine(&gateway, &next).await?;
    }
    gateway.books_agree().await
}

/// Another reason for `write` than for `read` only where nobody knows what became of it.
async fn plays_alike(
    act: Act,
    reason: &'static str,
    blame: &'static str,
    says: &'static str,
) -> Result<()> {
    let write = Refused::target(reason, blame, false, says);
    Box::pin(plays(Era::Modern, act, write, Refused { retry_safe: true, ..write })).await
}

#[tokio::test]
async fn a_target_that_hangs_is_given_up_in_time() -> Result<()> {
    let says = "did not answer within its limit of 600 ms";
    plays_alike(Act::Hang, "timeout_first_byte", "target", says).await
}

#[tokio::test]
async fn a_connection_reset_before_an_answer_leaves_the_outcome_unknown() -> Result<()> {
    let unknown = "may or may not have been carried out";
    let write = Refused::target("outcome_unknown", "target", false, unknown);
    let read = Refused::target("reset", "network", true, "closed the connection");
    plays(Era::Modern, Act::Reset, write, read).await
}

#[tokio::test]
async fn a_connection_reset_in_the_middle_of_an_answer_leaves_the_outcome_unknown() -> Result<()> {
    let unknown = "may or may not have been carried out";
    let write = Refused::target("outcome_unknown", "target", false, unknown);
    let read = Refused::target("reset", "network", true, "closed the connection");
    plays(Era::Modern, Act::Slow(Pace::Reset), write, read).await
}

#[tokio::test]
async fn an_answer_that_stands_still_is_given_up() -> Result<()> {
    plays_alike(Act::Slow(Pace::Stall), "timeout_idle", "target", "said nothing for").await
}

#[tokio::test]
async fn an_answer_that_drips_does_not_outlive_the_deadline() -> Result<()> {
    let drip = Act::Slow(Pace::Drip(Duration::from_millis(50)));
    plays_alike(drip, "timeout_total", "target", "within its limit of 600 ms").await
}

#[tokio::test]
async fn garbage_in_place_of_json_is_the_targets_fault() -> Result<()> {
    let act = Act::page("200 OK", "application/json", "{\"jsonrpc\": oops");
    plays_alike(act, "upstream_protocol", "target", "an answer that is not MCP").await
}

#[tokio::test]
async fn a_web_page_in_place_of_an_answer_is_the_targets_fault() -> Result<()> {
    let act = Act::page("200 OK", "text/html", HTML);
    plays_alike(act, "upstream_protocol", "target", "an answer that is not MCP").await
}

#[tokio::test]
async fn a_status_500_is_the_targets_fault() -> Result<()> {
    let act = Act::page("500 Internal Server Error", "text/html", HTML);
    plays_alike(act, "upstream_5xx", "target", "failed").await
}

#[tokio::test]
async fn a_status_500_with_a_result_inside_is_still_a_failure() -> Result<()> {
    let act = Act::page("500 Internal Server Error", "application/json", RESULT);
    plays_alike(act, "upstream_5xx", "target", "failed").await
}

#[tokio::test]
async fn a_status_502_is_the_targets_fault() -> Result<()> {
    let act = Act::page("502 Bad Gateway", "text/html", HTML);
    plays_alike(act, "upstream_5xx", "target", "failed").await
}

#[tokio::test]
async fn a_redirect_is_not_followed() -> Result<()> {
    let act = Act::status("302 Found", "Location: http://upstream.example/mcp");
    plays_alike(act, "upstream_protocol", "target", "redirects, which is not followed").await
}

#[tokio::test]
async fn a_status_404_of_a_modern_target_is_the_targets_fault() -> Result<()> {
    let act = Act::page("404 Not Found", "text/html", HTML);
    plays_alike(act, "upstream_4xx", "target", "does not accept the gateway's request").await
}

#[tokio::test]
async fn an_answer_to_another_request_is_not_taken() -> Result<()> {
    plays_alike(Act::WrongId, "upstream_protocol", "target", "an answer that is not MCP").await
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_taken() -> Result<()> {
    let says = "an answer of more than 65536 bytes";
    plays_alike(Act::Big(100_000), "upstream_protocol", "target", says).await
}

#[tokio::test]
async fn an_event_that_is_too_large_is_not_taken() -> Result<()> {
    let says = "an answer of more than 65536 bytes";
    let act = Act::Stream(Shape::Long(100_000));
    plays_alike(act, "upstream_protocol", "target", says).await
}

#[tokio::test]
async fn a_status_202_is_no_answer_to_a_call() -> Result<()> {
    let act = Act::status("202 Accepted", "X-Nothing: 1");
    plays_alike(act, "upstream_protocol", "target", "an answer that is not MCP").await
}

#[tokio::test]
async fn an_answer_with_two_results_is_not_taken() -> Result<()> {
    let twice = r#"{"content":[],"resultType":"complete"},"result":{"content":[]}"#;
    let act = Act::Result(twice.to_owned());
    plays_alike(act, "upstream_protocol", "target", "an answer that is not MCP").await
}

#[tokio::test]
async fn a_connection_that_the_target_closes_between_two_calls_costs_no_call() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let (sick, well) = (Sick::start(era).await?, Sick::start(Era::Modern).await?);
        let gateway = beside(&sick, &well).await?;
        for number in 1..=30 {
            sick.then([Act::Close]);
            let answer = gateway.client().tool("sick___write", json!({})).await?;
            fine(&gateway, &answer).await?;
            assert_eq!(sick.calls("write"), number);
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_event_stream_that_ends_early_says_so_on_the_callers_stream() -> Result<()> {
    let unknown = "may or may not have been carried out";
    let write = Refused::target("outcome_unknown", "target", false, unknown);
    let read = Refused::target("reset", "network", true, "closed the connection");
    plays(Era::Modern, Act::Stream(Shape::Cut), write, read).await
}

#[tokio::test]
async fn a_challenge_of_the_target_is_not_the_callers() -> Result<()> {
    let (sick, well) = (Sick::start(Era::Modern).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    sick.then([Act::status("401 Unauthorized", "WWW-Authenticate: Bearer realm=\"sick\"")]);
    let answer = gateway.client().tool("sick___write", json!({})).await?;
    let says = "does not accept the gateway's credentials";
    Refused::target("upstream_4xx", "target", false, says).check(&gateway, &answer).await?;
    assert_eq!(answer.header("www-authenticate"), None);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_target_that_is_asked_too_often_says_when_to_come_back() -> Result<()> {
    let (sick, well) = (Sick::start(Era::Modern).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    sick.then([Act::status("429 Too Many Requests", "Retry-After: 7")]);
    let answer = gateway.client().tool("sick___write", json!({})).await?;
    let expected = Refused::target("upstream_429", "target", false, "is asked too often");
    let error = expected.check(&gateway, &answer).await?;
    assert_eq!(error["data"]["retry_after_ms"], 7000);
    assert_eq!(answer.header("retry-after").as_deref(), Some("7"));
    gateway.books_agree().await
}

#[tokio::test]
async fn a_target_that_is_down_is_refused_and_comes_back_by_itself() -> Result<()> {
    let (sick, well) = (Sick::start(Era::Modern).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    let client = gateway.client();
    fine(&gateway, &client.tool("sick___write", json!({})).await?).await?;
    sick.take_down().await;
    let answer = client.tool("sick___write", json!({})).await?;
    let expected = Refused::target("connect_refused", "network", true, "refused the connection");
    let error = expected.check(&gateway, &answer).await?;
    assert!(error["data"]["outcome"].is_null(), "{error}");
    nothing_leaks(&answer, &sick)?;
    fine(&gateway, &client.tool("well___write", json!({})).await?).await?;
    sick.bring_up().await?;
    fine(&gateway, &client.tool("sick___write", json!({})).await?).await?;
    assert_eq!(sick.calls("write"), 2);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_flood_of_notifications_reaches_the_caller_before_the_answer() -> Result<()> {
    let (sick, well) = (Sick::start(Era::Modern).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    sick.then([Act::Stream(Shape::Notices(500)), Act::Stream(Shape::Notices(5))]);
    let answer = gateway.client().send(Ask::verbose_tool("sick___write")).await?;
    let messages = answer.messages()?;
    assert_eq!(messages.len(), 501);
    for (number, message) in messages.iter().take(500).enumerate() {
        assert_eq!(message["params"]["data"]["number"], number);
    }
    assert_eq!(messages[500]["id"], 1);
    fine(&gateway, &answer).await?;
    assert_eq!(gateway.line_of(&answer).await?["streamed"], true);
    let unasked = gateway.client().tool("sick___write", json!({})).await?;
    assert_eq!(unasked.messages()?.len(), 1, "a modern caller asks for log messages, or has none");
    gateway.books_agree().await
}

#[tokio::test]
async fn an_event_stream_may_take_every_liberty_of_the_format() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let (sick, well) = (Sick::start(era).await?, Sick::start(Era::Modern).await?);
        let gateway = beside(&sick, &well).await?;
        sick.then([Act::Stream(Shape::Odd)]);
        let answer = gateway.client().tool("sick___write", json!({})).await?;
        fine(&gateway, &answer).await?;
        assert_eq!(answer.content()?, "grün 🌱");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_to_another_request_on_a_stream_is_not_taken_for_ours() -> Result<()> {
    let (sick, well) = (Sick::start(Era::Modern).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    sick.then([Act::Stream(Shape::Other)]);
    let answer = gateway.client().tool("sick___write", json!({})).await?;
    // Either the right one is waited for or the stream is refused; never the wrong one's result.
    let messages = answer.messages()?;
    assert!(messages.iter().all(|message| message["id"] != 987_654_321), "{messages:?}");
    assert_eq!(messages.iter().filter(|message| message.get("id").is_some()).count(), 1);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_json_rpc_error_of_the_target_reaches_the_caller_as_it_is() -> Result<()> {
    let (sick, well) = (Sick::start(Era::Modern).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    for (code, status, reason, blame) in [
        (-32000, 200, "upstream_jsonrpc", "target"),
        (-32602, 200, "invalid_params", "caller"),
        (-32601, 404, "method_not_found", "caller"),
    ] {
        let error = format!(r#"{{"code":{code},"message":"no","data":{{"z":1,"a":[2]}}}}"#);
        sick.then([Act::Error(error.clone())]);
        let answer = gateway.client().tool("sick___write", json!({})).await?;
        assert_eq!(answer.status, status);
        assert_eq!(answer.text(), format!(r#"{{"jsonrpc":"2.0","id":1,"error":{error}}}"#));
        let line = gateway.line_of(&answer).await?;
        assert_eq!((&line["reason"], &line["outcome"]), (&json!(reason), &json!(blame)), "{line}");
    }
    gateway.books_agree().await
}

#[tokio::test]
async fn a_tool_that_says_no_is_a_failure_of_the_tool_and_not_of_the_target() -> Result<()> {
    let (sick, well) = (Sick::start(Era::Modern).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    let no = r#"{"isError":true,"content":[{"type":"text","text":"no"}],"resultType":"complete"}"#;
    sick.then([Act::Result(no.to_owned())]);
    let answer = gateway.client().tool("sick___read", json!({})).await?;
    assert_eq!(answer.text(), format!(r#"{{"jsonrpc":"2.0","id":1,"result":{no}}}"#));
    let line = gateway.line_of(&answer).await?;
    assert_eq!((&line["reason"], &line["outcome"]), (&json!("tool_error"), &json!("tool")));
    assert_eq!(sick.calls("read"), 1);
    gateway.books_agree().await
}

#[tokio::test]
async fn an_older_target_that_hangs_or_breaks_off_is_treated_alike() -> Result<()> {
    let late = "did not answer within its limit of 600 ms";
    let write = Refused::target("timeout_first_byte", "target", false, late);
    plays(Era::Legacy, Act::Hang, write, Refused { retry_safe: true, ..write }).await?;
    let unknown = "may or may not have been carried out";
    let write = Refused::target("outcome_unknown", "target", false, unknown);
    let read = Refused::target("reset", "network", true, "closed the connection");
    plays(Era::Legacy, Act::Reset, write, read).await?;
    plays(Era::Legacy, Act::Stream(Shape::Cut), write, read).await
}

#[tokio::test]
async fn an_older_target_is_told_that_its_answer_came_too_late() -> Result<()> {
    let (sick, well) = (Sick::start(Era::Legacy).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    sick.then([Act::Hang]);
    let answer = gateway.client().tool("sick___write", json!({})).await?;
    let expected = Refused::target("timeout_first_byte", "target", false, "did not answer");
    expected.check(&gateway, &answer).await?;
    until("the target is told", async || {
        Ok((sick.asked("notifications/cancelled") == 1).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_session_that_an_older_target_lost_is_made_again_and_the_call_sent_on_it() -> Result<()> {
    let (sick, well) = (Sick::start(Era::Legacy).await?, Sick::start(Era::Modern).await?);
    let gateway = beside(&sick, &well).await?;
    let client = gateway.client();
    fine(&gateway, &client.tool("sick___write", json!({})).await?).await?;
    sick.then([Act::LoseSession]);
    fine(&gateway, &client.tool("sick___write", json!({})).await?).await?;
    let sessions: Vec<_> = sick
        .seen()
        .iter()
        .filter(|seen| seen.tool == "write")
        .map(|seen| seen.header("mcp-session-id").map(str::to_owned))
        .collect();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions[0], sessions[1]);
    assert_ne!(sessions[1], sessions[2]);
    sick.then([Act::LoseSession, Act::LoseSession]);
    let answer = client.tool("sick___write", json!({})).await?;
    let says = "does not keep the session it gave";
    let expected = Refused { says, ..Refused::target("upstream_4xx", "target", false, says) };
    expected.told(&answer).map(drop)
}
