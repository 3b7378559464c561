//! Servers that ask their clients: every kind of question, both eras on both sides, over HTTP and
//! as a child.

mod owners;
mod peers;
mod scene;
mod trouble;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::sick::{Era, Seen, Sick};

use crate::asks::scene::{Older, Scene, Wire, able, answer, modern};
use crate::expect::OPEN;

const KINDS: [&str; 4] = ["form", "url", "sampling", "roots"];

/// A word of the answer to a question of that kind, which must come back in the result.
fn word(kind: &str) -> &'static str {
    match kind {
        "sampling" => "thought",
        "roots" => "file:///work",
        "form" => "Ada",
        _ => "accept",
    }
}

#[tokio::test]
async fn every_kind_of_question_is_answered_in_all_four_cells() -> Result<()> {
    for era in ["modern", "legacy"] {
        for wire in [Wire::Http, Wire::Stdio] {
            let scene = Scene::start(era, wire, "").await?;
            for kind in KINDS {
                let told = format!("{era} target, {wire:?}, {kind}");
                let ask = json!({ "kind": kind });
                let (text, asked) =
                    modern(&scene, "ask", &ask, &able()).await.context(told.clone())?;
                ensure!(asked == 1 && text.contains(word(kind)), "modern, {told}: {asked} {text}");
                let older = Older::new(&scene, &able()).await?;
                let (text, asked) = older.call("ask", &ask).await.context(told.clone())?;
                ensure!(asked == 1 && text.contains(word(kind)), "older, {told}: {asked} {text}");
            }
            scene.is_quiet().await?;
            scene.gateway.books_agree().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_target_may_ask_again_and_again() -> Result<()> {
    for era in ["modern", "legacy"] {
        let scene = Scene::start(era, Wire::Http, "").await?;
        let ask = json!({ "kind": "form", "rounds": 3 });
        let (text, asked) = modern(&scene, "ask", &ask, &able()).await?;
        assert_eq!((asked, text.matches("Ada").count()), (3, 3), "{era}: {text}");
        let older = Older::new(&scene, &able()).await?;
        let (text, asked) = older.call("ask", &ask).await?;
        assert_eq!((asked, text.matches("Ada").count()), (3, 3), "{era}: {text}");
        scene.is_quiet().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_is_asked_only_what_it_has_declared() -> Result<()> {
    for wire in [Wire::Http, Wire::Stdio] {
        let scene = Scene::start("legacy", wire, "").await?;
        for (can, kind) in [(json!({}), "form"), (json!({ "roots": {} }), "sampling")] {
            let ask = json!({ "kind": kind });
            let (text, asked) = modern(&scene, "ask", &ask, &can).await?;
            ensure!(asked == 0 && text.contains("refused"), "{wire:?}: {asked} {text}");
            let (text, asked) = Older::new(&scene, &can).await?.call("ask", &ask).await?;
            ensure!(asked == 0 && text.contains("refused"), "{wire:?}: {asked} {text}");
        }
        // A form is not a page, and `elicitation: {}` is forms only.
        let ask = json!({ "kind": "url" });
        let (text, asked) = modern(&scene, "ask", &ask, &json!({ "elicitation": {} })).await?;
        ensure!(asked == 0 && text.contains("refused"), "{wire:?}: {asked} {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_fails_for_want_of_an_ability_says_which_to_a_modern_client() -> Result<()> {
    for wire in [Wire::Http, Wire::Stdio] {
        let scene = Scene::start("legacy", wire, "").await?;
        for (can, or) in [(json!({}), "error"), (json!({ "roots": {} }), "isError")] {
            let ask = json!({ "kind": "sampling", "else": or });
            let refused = scene.send("ask", &ask, &can, None).await?;
            let error = refused.message()?["error"].clone();
            ensure!(refused.status == 400 && error["code"] == -32021, "{wire:?}, {or}: {error}");
            let required = &error["data"]["requiredCapabilities"];
            ensure!(required == &json!({ "sampling": {} }), "{wire:?}, {or}: {error}");
            let line = scene.gateway.line_of(&refused).await?;
            ensure!(line["reason"] == "invalid_params" && line["blame"] == "caller", "{line}");
            // The older era has no such word: the target's own answer.
            let older = Older::new(&scene, &can).await?;
            let answer = older.begin("ask", &ask).await?.opened.finish().await?;
            let message = answer.message()?;
            let is_own = message["error"]["code"] == -32603 || message["result"]["isError"] == true;
            ensure!(is_own && answer.text().contains("not declared"), "{wire:?}, {or}: {message}");
        }
        scene.is_quiet().await?;
        scene.gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_page_that_must_be_opened_first_is_asked_for_in_the_callers_era() -> Result<()> {
    let scene = Scene::start("legacy", Wire::Http, "").await?;
    let refused = scene.send("page", &json!({}), &json!({ "elicitation": {} }), None).await?;
    let error = refused.message()?["error"].clone();
    assert_eq!((refused.status, &error["code"]), (400, &json!(-32021)), "{error}");
    let required = &error["data"]["requiredCapabilities"];
    assert_eq!(required, &json!({ "elicitation": { "url": {} } }), "{error}");
    // It has said so once, and takes the next call for one that comes after the page.
    let (text, asked) = modern(&scene, "page", &json!({}), &able()).await?;
    assert_eq!((text.as_str(), asked), ("\"opened\"", 0));

    let scene = Scene::start("legacy", Wire::Http, "").await?;
    let first = scene.send("page", &json!({}), &able(), None).await?.result()?;
    assert_eq!(first["resultType"], "input_required", "{first}");
    assert_eq!(first.get("requestState"), None, "the retry is the same call");
    let request = &first["inputRequests"]["page-1"];
    assert_eq!(request["params"]["url"], "https://example.com/page");
    assert_eq!(request["params"].get("elicitationId"), None);
    let retry = json!({ "inputResponses": { "page-1": answer(request) } });
    let second = scene.send("page", &json!({}), &able(), Some(retry)).await?;
    assert_eq!(second.content()?, "\"opened\"");
    Ok(())
}

#[tokio::test]
async fn a_call_that_asks_is_a_success_in_the_log() -> Result<()> {
    let scene = Scene::start("legacy", Wire::Http, "").await?;
    let asked = scene.send("ask", &json!({ "kind": "form" }), &able(), None).await?;
    assert_eq!(asked.header("content-type").as_deref(), Some("application/json"));
    let line = scene.gateway.line_of(&asked).await?;
    assert_eq!((&line["outcome"], &line["reason"]), (&json!("ok"), &Value::Null), "{line}");
    Ok(())
}

#[tokio::test]
async fn an_older_target_has_a_session_for_each_thing_that_callers_can_do() -> Result<()> {
    let sick = Sick::start(Era::Legacy).await?;
    let target = format!("mcp: {{ url: \"{}\" }}, retry: {{ attempts: 1 }}", sick.url());
    let config = format!("{OPEN}targets:\n  sick: {{ {target} }}\n");
    let gateway = Gateway::start(&config).await?;
    let forms = json!({ "elicitation": {} });
    for can in [json!({}), forms.clone(), able(), forms] {
        let session = gateway.client().able_session(&can).await?;
        session.tool("sick___write", json!({})).await?.result()?;
    }
    let declared = |seen: &Seen| seen.json()["params"]["capabilities"].clone();
    let seen = sick.seen();
    let declared: Vec<Value> =
        seen.iter().filter(|seen| seen.method == "initialize").map(declared).collect();
    let forms = json!({ "elicitation": { "form": {} } });
    assert_eq!(declared, [json!({}), forms, able()], "once each, and the truth");
    assert!(gateway.stop().await?.status.success());
    let ended = sick.seen().iter().filter(|seen| seen.method.is_empty()).count();
    assert!(ended >= 3, "every one of them ends with the gateway: {ended}");
    Ok(())
}
