//! `toolgate stdio`: the gateway as a child process of its only client.

pub(crate) mod child;
mod clients;
mod elsewhere;
mod ending;
mod params;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{message, with_meta};
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::upstream::stdio_command;
use toolgate_tests::wait::until;

use child::{Front, INITIALIZED, OLDER, initialize, legacy, modern};

use crate::expect::OPEN;

const CLOCK: &str = "targets:\n  clock: { builtin: clock }\n";

fn open() -> Result<Front> {
    Front::start(&format!("{OPEN}{CLOCK}"), &[])
}

#[tokio::test]
async fn both_eras_are_spoken_at_once_and_nothing_overtakes_the_handshake() -> Result<()> {
    let mut front = open()?;
    let list = message("3", "tools/list", "{}");
    let discover = message(r#""d""#, "server/discover", &with_meta(json!({})));
    let lines = [discover, initialize("1", OLDER), INITIALIZED.to_owned(), list];
    front.say(lines.join("\n")).await?;
    front.say(modern("4", "clock___now", &json!({}))).await?;
    front.say(legacy("5", "clock___now", &json!({}))).await?;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(front.hear().await?);
    }
    let by = |id: Value| seen.iter().find(|message| message["id"] == id).context("an answer");
    assert_eq!(by(json!(1))?["result"]["protocolVersion"], OLDER);
    ensure!(by(json!("d"))?["result"]["supportedVersions"].is_array(), "{seen:?}");
    assert_eq!(by(json!(3))?["result"]["tools"].as_array().map(Vec::len), Some(2));
    assert_eq!(by(json!(4))?["result"]["resultType"], "complete");
    ensure!(by(json!(5))?["result"]["content"].is_array(), "{seen:?}");
    // One record a call, which says by which way it came; none has an address.
    let line = front.logged(|line| line["rpc_id"] == 5).await?;
    assert_eq!((&line["issuer"], line.get("peer")), (&json!("stdio"), None), "{line}");
    front.logged(|line| line["rpc_id"] == 4).await?;
    let calls = front.log()?.iter().filter(|line| line["method"] == "tools/call").count();
    assert_eq!(calls, 2);
    let calls = front.metrics().await?.sum("toolgate_requests_total", &[("outcome", "ok")]);
    ensure!(calls >= 6.0, "{calls} calls are counted");
    let let_in = front.metrics().await?;
    let let_in = let_in.sum("toolgate_auth_requests_total", &[("issuer", "stdio")]);
    ensure!(let_in >= 6.0, "{let_in} calls of this front are counted");
    Ok(())
}

#[tokio::test]
async fn a_thousand_calls_at_once_get_their_own_ids_back() -> Result<()> {
    let many = CLOCK.replace("}", ", concurrency: 1000 }");
    let mut front = Front::start(&format!("{OPEN}{many}"), &[])?;
    front.session(OLDER).await?;
    let id = |n: usize| match n % 4 {
        0 => format!("{n}"),
        1 => format!(r#""s-{n} \" \\ ž""#),
        2 => format!("{n}.5"),
        _ => format!("1234567890123456789012345{n:04}"),
    };
    let mut wanted: BTreeSet<String> = (0..1000).map(id).collect();
    let pause = json!({ "ms": 100 });
    let call = |id: &String, n: usize| match n % 2 {
        0 => modern(id, "clock___sleep", &pause),
        _ => legacy(id, "clock___sleep", &pause),
    };
    let lines: Vec<String> = wanted.iter().zip(0..).map(|(id, n)| call(id, n)).collect();
    front.say(lines.join("\n")).await?;
    for _ in 0..1000 {
        let line = front.line().await?;
        ensure!(line.contains(r#""result":"#), "{line}");
        let rest = line.strip_prefix(r#"{"jsonrpc":"2.0","id":"#).context("an id")?;
        let (id, _) = rest.split_once(r#","result":"#).context("an id")?;
        ensure!(wanted.remove(id), "nobody waits for {id}");
    }
    ensure!(wanted.is_empty(), "{wanted:?}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_read_for_a_while_loses_nothing() -> Result<()> {
    let mut front = open()?;
    let list = |id: usize| message(&id.to_string(), "tools/list", &with_meta(json!({})));
    let lines: Vec<String> = (0..1500).map(list).collect();
    // More answers than all pipes and queues hold: about three megabytes.
    front.say(lines.join("\n")).await?;
    front.close();
    let mut wanted: BTreeSet<u64> = (0..1500).collect();
    for line in front.rest().await? {
        let answer: Value = serde_json::from_str(&line)?;
        let id = answer["id"].as_u64().context("an id")?;
        let shed = answer["error"]["data"]["reason"] == "overloaded";
        ensure!(answer["result"].is_object() || shed, "{answer}");
        ensure!(wanted.remove(&id), "{id} is answered twice");
    }
    ensure!(wanted.is_empty(), "no answer to {wanted:?}");
    assert_eq!(front.ended().await?.code(), Some(0), "{}", front.stderr());
    Ok(())
}

#[tokio::test]
async fn more_requests_than_the_limit_are_refused_each_by_its_id() -> Result<()> {
    let limits = "limits: { connections: 10 }\n";
    let mut front = Front::start(&format!("{OPEN}{limits}{CLOCK}"), &[])?;
    let call = |id: usize| modern(&id.to_string(), "clock___sleep", &json!({ "ms": 1000 }));
    front.say((0..20).map(call).collect::<Vec<_>>().join("\n")).await?;
    for id in 8..20 {
        let refused = front.hear().await?;
        assert_eq!(refused["id"], id, "{refused}");
        let data = &refused["error"]["data"];
        assert_eq!((&data["reason"], &data["retry_safe"]), (&json!("overloaded"), &json!(true)));
    }
    for _ in 0..8 {
        let done = front.hear().await?;
        ensure!(done["result"].is_object() && done["id"].as_u64() < Some(8), "{done}");
    }
    Ok(())
}

#[tokio::test]
async fn progress_comes_before_the_answer_in_both_eras() -> Result<()> {
    let mut front = open()?;
    front.session(OLDER).await?;
    let params = json!({
        "name": "clock___sleep",
        "arguments": { "ms": 80 },
        "_meta": { "progressToken": "p" },
    });
    let both = [params.to_string(), with_meta(params)];
    for params in both {
        front.say(message("7", "tools/call", &params)).await?;
        let mut told = 0;
        loop {
            let heard = front.hear().await?;
            match heard["method"].as_str() {
                Some("notifications/progress") => {
                    assert_eq!(heard["params"]["progressToken"], "p", "{heard}");
                    told += 1;
                }
                // The target may have been listed only now.
                Some("notifications/tools/list_changed") => {}
                _ => {
                    assert_eq!((&heard["id"], told), (&json!(7), 3), "{heard}");
                    break;
                }
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_cancelled_call_ends_at_its_target_and_has_no_answer() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let mut front =
        Front::start(&format!("{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"), &[])?;
    front.session(OLDER).await?;
    let call = |era, id| match era {
        Era::Modern => modern(id, "sick___write", &json!({})),
        Era::Legacy => legacy(id, "sick___write", &json!({})),
    };
    for (number, era) in [(1, Era::Modern), (2, Era::Legacy)] {
        sick.then([Act::Hang]);
        // The same id, written in two ways: the front compares what it reads, and so it must be for
        // a modern call; a session's is told to the gateway, which compares what is written.
        front.say(call(era, if era == Era::Modern { r#""\u0061""# } else { r#""a""# })).await?;
        sick.until_called("write", number).await?;
        let about = json!({ "requestId": "a", "reason": "enough" });
        let cancel =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": about });
        front.say(cancel.to_string()).await?;
        sick.until_hung_up(number).await?;
        // The next thing that is said is the answer to something else.
        let next = front.ask(message("9", "ping", "{}")).await?;
        assert_eq!(next["id"], 9, "{era:?}: {next}");
        until("the call is recorded as cancelled", async || {
            let lines = front.log()?;
            let left = lines.iter().filter(|line| line["reason"] == "client_cancelled").count();
            Ok((left == number).then_some(()))
        })
        .await?;
    }
    // Of something that is not under way, nobody hears.
    front
        .say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#)
        .await?;
    assert_eq!(front.ask(message("10", "ping", "{}")).await?["id"], 10);
    Ok(())
}

#[tokio::test]
async fn lines_that_are_no_messages_are_answered_and_do_not_hide_the_next() -> Result<()> {
    let limits = "limits: { body: 4KiB, bodies: 128KiB }\n";
    let mut front = Front::start(&format!("{OPEN}{limits}{CLOCK}"), &[])?;
    let broken = front.ask(r#"{"jsonrpc":"2.0","id":3,"method":"to"#).await?;
    assert_eq!((broken.get("id"), &broken["error"]["code"]), (None, &json!(-32700)), "{broken}");
    let shapeless = front.ask(r#"{"jsonrpc":"2.0","id":3,"method":7}"#).await?;
    assert_eq!((&shapeless["id"], &shapeless["error"]["code"]), (&json!(3), &json!(-32600)));
    let text = "x".repeat(8000);
    let long = front.ask(modern(r#""long""#, "clock___now", &json!({ "text": text }))).await?;
    assert_eq!(long["id"], "long", "{long}");
    assert_eq!(long["error"]["code"], -32600);
    assert_eq!(long["error"]["data"]["blame"], "caller");
    let sentence = long["error"]["message"].as_str().unwrap_or_default();
    ensure!(sentence.contains("4096 bytes"), "{sentence}");
    let without = front.ask(text).await?;
    assert_eq!((without.get("id"), &without["error"]["code"]), (None, &json!(-32600)));
    front.say("\n \r\n").await?;
    let outside = front.ask(message("4", "tools/list", "{}")).await?;
    assert_eq!((&outside["id"], &outside["error"]["code"]), (&json!(4), &json!(-32600)));
    let fine = front.ask(modern("5", "clock___now", &json!({}))).await?;
    ensure!(fine["result"].is_object(), "{fine}");
    Ok(())
}

#[tokio::test]
async fn a_tool_that_needs_a_scope_is_for_a_caller_that_was_given_it() -> Result<()> {
    let issuer =
        "{ name: pool, profile: oidc, issuer: \"https://login.example.com\", audiences: [a] }";
    let config = format!(
        "auth: {{ issuers: [{issuer}], scopes: [gateway/invoke] }}\n{CLOCK}tools:\n  clock___now: {{ scopes: [time/read] }}\n"
    );
    let list = message("1", "tools/list", &with_meta(json!({})));
    let call = modern("2", "clock___now", &json!({}));
    let mut front = Front::start(&config, &[])?;
    let tools = front.ask(&list).await?;
    assert_eq!(tools["result"]["tools"].as_array().map(Vec::len), Some(1), "{tools}");
    let refused = front.ask(&call).await?;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(2), &json!(403)), "{refused}");
    let sentence = refused["error"]["message"].as_str().unwrap_or_default();
    ensure!(sentence.contains("time/read") && sentence.contains("--scopes"), "{sentence}");
    let other = front.ask(modern("3", "clock___sleep", &json!({ "ms": 1 }))).await?;
    ensure!(other["result"].is_object(), "the gateway's own scope is not asked for: {other}");
    let mut front = Front::start(&config, &["--scopes", "time/read,gateway/observe"])?;
    assert_eq!(front.ask(&list).await?["result"]["tools"].as_array().map(Vec::len), Some(2));
    let done = front.ask(&call).await?;
    ensure!(done["result"]["_meta"]["toolgate/ledger"].is_object(), "{done}");
    Ok(())
}

#[tokio::test]
async fn a_changed_list_reaches_a_session() -> Result<()> {
    let command = stdio_command("legacy")?;
    let config = format!("{OPEN}targets:\n  child: {{ stdio: {{ command: {command} }} }}\n");
    let mut front = Front::start(&config, &[])?;
    front.session(OLDER).await?;
    until("the session listens", async || {
        let open = front.metrics().await?.sum("toolgate_streams_active", &[]);
        Ok((open >= 1.0).then_some(()))
    })
    .await?;
    front.say(legacy("1", "child___change", &json!({}))).await?;
    let mut said = vec![front.hear().await?, front.hear().await?];
    said.sort_by_key(|message| message["id"].as_u64());
    assert_eq!(said[0]["method"], "notifications/tools/list_changed", "{said:?}");
    ensure!(said[1]["result"].is_object(), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn a_batch_of_2025_03_26_is_answered_on_one_line() -> Result<()> {
    let mut front = open()?;
    front.session("2025-03-26").await?;
    let calls = [legacy("1", "clock___now", &json!({})), message("2", "ping", "{}")];
    let answer = front.ask(format!("[{}]", calls.join(","))).await?;
    assert_eq!((&answer[0]["id"], &answer[1]["id"]), (&json!(1), &json!(2)), "{answer}");
    front.session(OLDER).await?;
    let refused = front.ask(format!("[{}]", calls.join(","))).await?;
    assert_eq!(refused["error"]["code"], -32600, "{refused}");
    Ok(())
}
