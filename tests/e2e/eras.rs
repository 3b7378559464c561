//! Targets over HTTP that are not what they were, and what callers of one connection share.

use anyhow::Result;
use serde_json::{Value, json};
use toolgate_tests::client::Ask;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::sick::{Act, Era, Pace, Shape, Sick};
use toolgate_tests::wait::until;

use crate::expect::{OPEN, fine};

/// A gateway before one sick target, with more settings of the target.
async fn before(sick: &Sick, settings: &str) -> Result<Gateway> {
    let url = sick.url();
    let target = format!("mcp: {{ url: \"{url}\" }}, retry: {{ attempts: 1 }}{settings}");
    Gateway::start(&format!("{OPEN}targets:\n  sick: {{ {target} }}\n")).await
}

#[tokio::test]
async fn a_target_that_is_redeployed_in_another_era_costs_no_call() -> Result<()> {
    for (was, is) in [(Era::Modern, Era::Legacy), (Era::Legacy, Era::Modern)] {
        let sick = Sick::start(was).await?;
        let gateway = before(&sick, "").await?;
        fine(&gateway, &gateway.client().tool("sick___write", json!({})).await?).await?;
        sick.becomes(is);
        for _ in 0..2 {
            fine(&gateway, &gateway.client().tool("sick___write", json!({})).await?).await?;
        }
        // One before, one that was refused for its era, and two after.
        assert_eq!(sick.calls("write"), 4, "{was:?} to {is:?}");
        gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_that_has_nothing_to_do_with_the_era_is_sent_once() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        for status in ["400 Bad Request", "405 Method Not Allowed", "422 Unprocessable Content"] {
            let sick = Sick::start(era).await?;
            let gateway = before(&sick, "").await?;
            fine(&gateway, &gateway.client().tool("sick___write", json!({})).await?).await?;
            sick.then([Act::page(status, "text/plain", "no")]);
            let answer = gateway.client().tool("sick___write", json!({})).await?;
            assert_eq!(answer.message()?["error"]["data"]["reason"], "upstream_4xx", "{era:?}");
            assert_eq!(sick.calls("write"), 2, "{era:?} {status}");
            fine(&gateway, &gateway.client().tool("sick___write", json!({})).await?).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_is_used_again_after_an_answer_by_event_stream() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let sick = Sick::start(era).await?;
        let gateway = before(&sick, "").await?;
        let client = gateway.client();
        sick.then(std::iter::repeat_n(Act::Stream(Shape::Whole), 40));
        for _ in 0..40 {
            fine(&gateway, &client.tool("sick___write", json!({})).await?).await?;
        }
        // At most a few for each thread that serves, and none for each call.
        assert!(sick.connections() < 20, "{era:?}: {} connections", sick.connections());
    }
    Ok(())
}

#[tokio::test]
async fn an_older_target_is_told_when_the_gateway_gives_up_by_itself() -> Result<()> {
    let acts = [
        Act::Slow(Pace::Stall),
        Act::Stream(Shape::Long(100_000)),
        Act::Stream(Shape::Hang),
        Act::Big(100_000),
        Act::page("200 OK", "text/html", "<html>"),
    ];
    let sick = Sick::start(Era::Legacy).await?;
    let gateway = before(&sick, ", idle_timeout: 200ms, max_response: 64KiB").await?;
    for (number, act) in acts.into_iter().enumerate() {
        sick.then([act.clone()]);
        let answer = gateway.client().tool("sick___write", json!({})).await?;
        assert!(answer.messages()?.iter().any(|m| m.get("error").is_some()), "{act:?}");
        until(format!("the target is told of {act:?}"), async || {
            Ok((sick.asked("notifications/cancelled") == number + 1).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn callers_of_one_session_have_tokens_of_their_own() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let sick = Sick::start(era).await?;
        let gateway = before(&sick, "").await?;
        for token in [json!(7), json!("seven")] {
            sick.then([Act::Stream(Shape::Progress)]);
            let meta = json!({ "progressToken": token });
            let params = json!({ "name": "sick___write", "arguments": {}, "_meta": meta });
            let ask = Ask::modern("tools/call", params).header("mcp-name", "sick___write");
            let answer = gateway.client().send(ask).await?;
            let messages = answer.messages()?;
            let tokens: Vec<&Value> =
                messages.iter().filter_map(|m| m["params"].get("progressToken")).collect();
            assert_eq!(tokens, [&token, &token], "{era:?}: {messages:?}");
            assert_eq!(messages.len(), 3, "only what was asked for: {messages:?}");
        }
        let sent: Vec<Value> = sick
            .seen()
            .iter()
            .filter(|seen| seen.tool == "write")
            .map(|seen| seen.json()["params"]["_meta"]["progressToken"].clone())
            .collect();
        assert_ne!(sent[0], sent[1]);
        assert_eq!(sent[0] == json!(7), era == Era::Modern, "{sent:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_session_at_an_older_target_ends_with_the_gateway() -> Result<()> {
    let sick = Sick::start(Era::Legacy).await?;
    let gateway = before(&sick, "").await?;
    fine(&gateway, &gateway.client().tool("sick___write", json!({})).await?).await?;
    let deletes = || {
        let seen = sick.seen();
        let last = seen.last().filter(|last| last.method.is_empty() && last.body.is_empty());
        last.and_then(|last| last.header("mcp-session-id")).map(str::to_owned)
    };
    assert!(gateway.stop().await?.status.success());
    assert_eq!(deletes().as_deref(), Some("sick-0"));
    Ok(())
}

#[tokio::test]
async fn a_capability_that_a_target_misses_is_a_bad_request_of_a_modern_caller_only() -> Result<()>
{
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "").await?;
    let error = r#"{"code":-32021,"message":"no","data":{"requiredCapabilities":{"sampling":{}}}}"#;
    sick.then([Act::Error(error.to_owned()), Act::Error(error.to_owned())]);
    let modern = gateway.client().tool("sick___write", json!({})).await?;
    let older = gateway.client().session().await?.tool("sick___write", json!({})).await?;
    for (answer, status) in [(&modern, 400), (&older, 200)] {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(gateway.line_of(answer).await?["status"], status);
    }
    assert_eq!(modern.message()?["error"]["code"], -32021);
    let told = &older.message()?["error"];
    assert_eq!(told["code"], -32602, "its revision has no other code: {told}");
    assert!(told["message"].as_str().is_some_and(|says| says.contains("`sampling`")), "{told}");
    gateway.books_agree().await
}

#[tokio::test]
async fn what_a_target_does_not_have_is_not_found_for_a_modern_caller_only() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let sick = Sick::start(era).await?;
        let gateway = before(&sick, "").await?;
        let error = r#"{"code":-32601,"message":"no such method"}"#;
        sick.then([Act::Error(error.to_owned()), Act::Error(error.to_owned())]);
        let modern = gateway.client().tool("sick___write", json!({})).await?;
        let older = gateway.client().session().await?.tool("sick___write", json!({})).await?;
        for (answer, status) in [(&modern, 404), (&older, 200)] {
            assert_eq!(answer.status, status, "{era:?} {}", answer.text());
            assert_eq!(answer.message()?["error"]["code"], -32601);
            assert_eq!(gateway.line_of(answer).await?["status"], status);
        }
        gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_lacks_a_header_of_its_arguments_closes_the_target_to_nobody() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "").await?;
    let error = r#"{"code":-32020,"message":"Mcp-Param-Region header is missing"}"#;
    let page = format!(r#"{{"jsonrpc":"2.0","id":null,"error":{error}}}"#);
    let refused = Act::page("400 Bad Request", "application/json", &page);
    // More than open a circuit.
    const CALLS: usize = 8;
    sick.then(std::iter::repeat_n(refused, CALLS));
    for _ in 0..CALLS {
        let answer = gateway.client().tool("sick___write", json!({})).await?;
        assert_eq!(answer.message()?["error"]["data"]["reason"], "upstream_protocol");
    }
    assert_eq!(sick.calls("write"), CALLS, "each was sent once");
    fine(&gateway, &gateway.client().tool("sick___write", json!({})).await?).await?;
    gateway.books_agree().await
}
