//! Answers that come late, from the wrong side, twice, or not at all; and more questions than there
//! is room for.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::upstream::Upstream;

use crate::asks::scene::{Older, Scene, Wire, able, answers, modern, passed};
use crate::expect::OPEN;

fn form() -> Value {
    json!({ "kind": "form" })
}

#[tokio::test]
async fn while_a_question_is_open_no_limit_of_the_target_is_met() -> Result<()> {
    for era in ["modern", "legacy"] {
        let scene = Scene::start(era, Wire::Http, ", timeout: 1s, idle_timeout: 300ms").await?;
        let first = scene.send("ask", &form(), &able(), None).await?.result()?;
        let older = Older::new(&scene, &able()).await?;
        let mut call = older.begin("ask", &form()).await?;
        let question = call.opened.next_message().await?;
        passed(Duration::from_millis(1600)).await?;
        let last = scene.send("ask", &form(), &able(), Some(answers(&first)?)).await?;
        ensure!(last.content()?.contains("Ada"), "{era}: {}", last.text());
        call.answer(&question).await?;
        let id = call.opened.headers.get("x-request-id").context("an id")?.to_str()?.to_owned();
        let (text, _) = call.finish().await?;
        ensure!(text.contains("Ada"), "{era}: {text}");
        scene.is_quiet().await?;
        // The time is the caller's: it is booked where the gateway waits for the caller to read.
        let line = scene.gateway.line(&id).await?;
        let write = line["phases"]["write_ms"].as_f64().context("phases.write_ms")?;
        ensure!(write >= 1500.0 && line["outcome"] == "ok", "{era}: {line}");
    }
    Ok(())
}

#[tokio::test]
async fn a_caller_that_leaves_with_a_question_open_cancels_its_call() -> Result<()> {
    let scene = Scene::start("legacy", Wire::Http, "").await?;
    let older = Older::new(&scene, &able()).await?;
    let mut call = older.begin("ask", &form()).await?;
    let question = call.opened.next_message().await?;
    drop(call);
    scene.cancelled(1).await?;
    // Its question went with it, and an answer that comes later is none of ours.
    let late = older.respond(&question["id"], &json!({ "action": "cancel" })).await?;
    assert_eq!(late.status, 202);
    // A notification does the same.
    let mut call = older.begin("ask", &form()).await?;
    call.opened.next_message().await?;
    let cancel = json!({ "requestId": 7, "reason": "enough" });
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel });
    assert_eq!(older.session.send(cancel.to_string()).await?.status, 202);
    scene.cancelled(2).await?;
    scene.is_quiet().await
}

#[tokio::test]
async fn a_state_is_good_once_for_one_caller_and_one_call() -> Result<()> {
    let scene = Scene::start("legacy", Wire::Http, "").await?;
    let first = scene.send("ask", &form(), &able(), None).await?.result()?;
    let retry = answers(&first)?;
    let state = retry["requestState"].as_str().context("a state")?;
    let refused = async |arguments: Value, state: &str| -> Result<()> {
        let mut retry = retry.clone();
        retry["requestState"] = state.into();
        let answer = scene.send("ask", &arguments, &able(), Some(retry)).await?;
        let error = answer.message()?["error"].clone();
        ensure!(answer.status == 200 && error["code"] == -32602, "{} {error}", answer.status);
        let says = error["message"].as_str().unwrap_or_default();
        ensure!(says.contains("start anew"), "{error}");
        Ok(())
    };
    let shorter = |by: usize| state.chars().take(state.len() - by).collect::<String>();
    let swapped = if state.ends_with('A') { "B" } else { "A" };
    refused(form(), &format!("{}{swapped}", shorter(1))).await?;
    refused(form(), &shorter(8)).await?;
    refused(json!({ "kind": "roots" }), state).await?;
    // One that nobody here gave, for a target that gives none.
    refused(form(), "something else").await?;
    let good = scene.send("ask", &form(), &able(), Some(retry.clone())).await?;
    ensure!(good.content()?.contains("Ada"), "{}", good.text());
    refused(form(), state).await?;
    scene.is_quiet().await
}

#[tokio::test]
async fn an_answer_that_lacks_something_is_asked_for_again() -> Result<()> {
    let scene = Scene::start("legacy", Wire::Http, "").await?;
    let first = scene.send("ask", &form(), &able(), None).await?.result()?;
    let nothing = json!({ "requestState": first["requestState"], "inputResponses": { "x": {} } });
    let again = scene.send("ask", &form(), &able(), Some(nothing)).await?.result()?;
    assert_eq!(again["inputRequests"], first["inputRequests"]);
    assert_ne!(again["requestState"], first["requestState"]);
    let last = scene.send("ask", &form(), &able(), Some(answers(&again)?)).await?;
    ensure!(last.content()?.contains("Ada"), "{}", last.text());
    scene.is_quiet().await
}

#[tokio::test]
async fn a_child_with_two_callers_is_told_that_its_question_is_nobodys() -> Result<()> {
    let scene = Scene::start("legacy", Wire::Stdio, "").await?;
    let first = scene.send("ask", &form(), &able(), None).await?.result()?;
    assert_eq!(first["resultType"], "input_required");
    let (text, asked) = modern(&scene, "ask", &form(), &able()).await?;
    ensure!(asked == 0 && text.contains("refused"), "{asked} {text}");
    let ambiguous = [("event", "ambiguous"), ("kind", "elicitation_form")];
    assert_eq!(scene.metric("toolgate_questions_total", &ambiguous).await?, 1.0);
    let last = scene.send("ask", &form(), &able(), Some(answers(&first)?)).await?;
    ensure!(last.content()?.contains("Ada"), "{}", last.text());
    let (text, asked) = modern(&scene, "ask", &form(), &able()).await?;
    ensure!(asked == 1 && text.contains("Ada"), "alone again: {asked} {text}");
    scene.is_quiet().await
}

#[tokio::test]
async fn a_question_beside_the_stream_of_its_call_is_for_the_only_call_there_is() -> Result<()> {
    let scene = Scene::start("legacy", Wire::Http, "").await?;
    let aside = json!({ "kind": "form", "aside": true, "rounds": 2 });
    let (text, asked) = modern(&scene, "ask", &aside, &able()).await?;
    ensure!(asked == 2 && text.matches("Ada").count() == 2, "modern: {asked} {text}");
    let older = Older::new(&scene, &able()).await?;
    let (text, asked) = older.call("ask", &aside).await?;
    ensure!(asked == 2 && text.matches("Ada").count() == 2, "older: {asked} {text}");
    // With another call in flight on the session it is nobody's; that call's own are its own.
    let other = scene.send("ask", &form(), &able(), None).await?.result()?;
    let (text, asked) = modern(&scene, "ask", &aside, &able()).await?;
    ensure!(asked == 0 && text.contains("refused"), "{asked} {text}");
    let last = scene.send("ask", &form(), &able(), Some(answers(&other)?)).await?;
    ensure!(last.content()?.contains("Ada"), "{}", last.text());
    scene.is_quiet().await
}

#[tokio::test]
async fn a_client_that_takes_no_stream_is_not_asked() -> Result<()> {
    for era in ["modern", "legacy"] {
        let scene = Scene::start(era, Wire::Http, "").await?;
        let older = Older::new(&scene, &able()).await?;
        let params = json!({ "name": "q___ask", "arguments": form() }).to_string();
        let body = toolgate_tests::client::message("7", "tools/call", &params);
        let ask = toolgate_tests::client::Ask::on_session(&older.session.id, body);
        let answer = scene.gateway.client().send(ask.instead("accept", "application/json")).await?;
        let said = answer.message()?;
        let refused = answer.text().contains("refused") || said.get("error").is_some();
        ensure!(answer.status == 200 && refused, "{era}: {} {said}", answer.status);
        scene.is_quiet().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_response_goes_only_to_whoever_asked() -> Result<()> {
    let scene = Scene::start("legacy", Wire::Http, "").await?;
    let (older, other) = (Older::new(&scene, &able()).await?, Older::new(&scene, &able()).await?);
    let mut call = older.begin("ask", &form()).await?;
    let question = call.opened.next_message().await?;
    let id = question["id"].as_str().context("an id")?;
    let result = json!({ "action": "decline" });
    for unknown in [json!(7), json!("x"), json!(format!("{id}9"))] {
        assert_eq!(older.respond(&unknown, &result).await?.status, 202);
    }
    assert_eq!(other.respond(&question["id"], &result).await?.status, 202, "not its own");
    let elsewhere = older.respond(&json!("tg-00000000-1"), &result).await?;
    assert_eq!(elsewhere.status, 400, "{}", elsewhere.text());
    let message = elsewhere.message()?;
    assert!(message.get("id").is_none() && elsewhere.text().contains("another replica"));
    let response = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
    let outside = scene.gateway.client().send(toolgate_tests::client::Ask::post(response)).await?;
    assert_eq!(outside.message()?["error"]["code"], -32600, "outside a session");
    call.answer(&question).await?;
    let (text, _) = call.finish().await?;
    ensure!(text.contains("Ada"), "{text}");
    Ok(())
}

#[tokio::test]
async fn two_hundred_calls_that_ask_are_bounded_and_nothing_is_left() -> Result<()> {
    let scene = Scene::start("legacy", Wire::Http, ", concurrency: 400").await?;
    let (form, can) = (form(), able());
    let sends = (0..200).map(|_| scene.send("ask", &form, &can, None));
    let answered = try_join_all(sends).await?;
    let mut parked = Vec::new();
    for answer in &answered {
        let result = answer.result()?;
        if result["resultType"] == "input_required" {
            parked.push(answers(&result)?);
        } else {
            ensure!(answer.content()?.contains("refused"), "{}", answer.text());
        }
    }
    ensure!(parked.len() == 64, "{} are parked", parked.len());
    assert_eq!(scene.metric("toolgate_parked_calls", &[]).await?, 64.0);
    let retries = parked.into_iter().map(|r| scene.send("ask", &form, &can, Some(r)));
    for answer in try_join_all(retries).await? {
        ensure!(answer.content()?.contains("Ada"), "{}", answer.text());
    }
    scene.is_quiet().await?;
    let answered = scene.metric("toolgate_questions_total", &[("event", "answered")]).await?;
    let refused = scene.metric("toolgate_questions_total", &[("event", "overloaded")]).await?;
    assert_eq!((answered, refused), (64.0, 136.0));
    scene.gateway.books_agree().await
}

#[tokio::test]
async fn another_replica_says_that_the_call_waits_elsewhere() -> Result<()> {
    let upstream = Upstream::asks("legacy").await?;
    let target = format!("q: {{ mcp: {{ url: \"{}\" }} }}", upstream.url());
    let config = format!("{OPEN}sessions: {{ key: env:KEY }}\ntargets:\n  {target}\n");
    let env = [("KEY", "0123456789abcdef0123456789abcdef")];
    let one = Gateway::start_with(&config, &env).await?;
    let other = Gateway::start_with(&config, &env).await?;
    let (one, other) = (Scene::over(one).await?, Scene::over(other).await?);
    // What a client can do is sealed into its session, which every replica opens.
    let older = Older::new(&one, &able()).await?;
    let elsewhere = Older { session: other.gateway.client().resumed(&older.session.id) };
    let (text, asked) = elsewhere.call("ask", &form()).await?;
    ensure!(asked == 1 && text.contains("Ada"), "{asked} {text}");
    let mut call = older.begin("ask", &form()).await?;
    let question = call.opened.next_message().await?;
    let lost = elsewhere.respond(&question["id"], &json!({ "action": "accept" })).await?;
    ensure!(lost.status == 400 && lost.text().contains("another replica"), "{}", lost.text());
    call.answer(&question).await?;
    ensure!(call.finish().await?.0.contains("Ada"));
    let retry = answers(&one.send("ask", &form(), &able(), None).await?.result()?)?;
    let lost = other.send("ask", &form(), &able(), Some(retry.clone())).await?;
    let error = lost.message()?["error"].clone();
    ensure!(error["code"] == -32602 && error.to_string().contains("another replica"), "{error}");
    let last = one.send("ask", &form(), &able(), Some(retry)).await?;
    ensure!(last.content()?.contains("Ada"), "{}", last.text());
    one.is_quiet().await
}
