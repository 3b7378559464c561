//! Many targets as one: what is listed, in which order, and what happens when one is missing.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use toolgate_tests::client::Answer;
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::herald::{Era as HeraldEra, Herald};
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::upstream::{Upstream, stdio_command};
use toolgate_tests::wait::until;

use crate::expect::{OPEN, Refused, fine};

const FIXTURE_TOOLS: [&str; 6] = ["echo", "add", "fail", "slow", "count", "change"];

/// The names of the fixture's tools behind a target's.
fn named(target: &str) -> Vec<String> {
    FIXTURE_TOOLS.iter().map(|tool| format!("{target}___{tool}")).collect()
}

/// Waits until the list is whole: a target that is still starting is missing at first.
async fn until_listed(gateway: &Gateway, name: &str) -> Result<()> {
    until(format!("{name} is listed"), async || {
        let names = gateway.client().tools().await?;
        Ok(names.iter().any(|have| have == name).then_some(()))
    })
    .await
}

#[tokio::test]
async fn two_targets_are_listed_in_the_order_of_the_configuration() -> Result<()> {
    for era in ["modern", "legacy"] {
        let upstream = Upstream::start(era).await?;
        let (url, command) = (upstream.url(), stdio_command(era)?);
        let config = format!(
            "{OPEN}targets:\n  web: {{ mcp: {{ url: \"{url}\" }} }}\n  child: {{ stdio: {{ command: {command} }} }}\n"
        );
        let gateway = Gateway::start(&config).await?;
        until_listed(&gateway, "child___echo").await?;
        let expected: Vec<String> = named("web").into_iter().chain(named("child")).collect();
        let first = gateway.client().modern("tools/list", json!({})).await?;
        assert_eq!(first.tool_names()?, expected);
        let again = gateway.client().modern("tools/list", json!({})).await?;
        let bare = |answer: &Answer| {
            let mut result = answer.result()?;
            // What is left of the time for which it is good.
            result.as_object_mut().and_then(|result| result.remove("ttlMs"));
            anyhow::Ok(result.to_string())
        };
        assert_eq!(bare(&first)?, bare(&again)?, "the same list twice");
        let session = gateway.client().session().await?;
        let legacy = session.request("tools/list", json!({})).await?;
        assert_eq!(legacy.tool_names()?, expected);
        for name in ["web___echo", "child___echo"] {
            let text = json!({ "text": "grün 🌱" });
            let answer = gateway.client().tool(name, text.clone()).await?;
            fine(&gateway, &answer).await?;
            assert_eq!(answer.content()?, "grün 🌱");
            assert_eq!(session.tool(name, text).await?.content()?, "grün 🌱");
        }
        gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_list_carries_what_its_era_asks_for_and_nothing_is_missing_from_it() -> Result<()> {
    let sick = Sick::start(Era::Legacy).await?;
    let url = sick.url();
    let config = format!(
        "{OPEN}defaults: {{ list_ttl: 90s }}\ntargets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let modern = gateway.client().modern("tools/list", json!({})).await?.result()?;
    assert_eq!(modern["resultType"], "complete");
    let left = modern["ttlMs"].as_u64().context("no ttlMs")?;
    assert!((60_000..=90_000).contains(&left), "{left}");
    assert_eq!(modern["cacheScope"], "private");
    assert!(modern["_meta"]["toolgate/missing"].is_null());
    assert!(modern.get("nextCursor").is_none());
    let legacy = gateway.client().session().await?;
    let legacy = legacy.request("tools/list", json!({})).await?.result()?;
    assert_eq!(
        legacy.as_object().map(|o| o.keys().collect::<Vec<_>>()),
        Some(vec![&"tools".to_owned()])
    );
    assert_eq!(modern["tools"], legacy["tools"]);
    let read = &modern["tools"][0];
    assert_eq!(read["annotations"], json!({ "readOnlyHint": true }));
    assert_eq!(read["description"], "Reads");
    Ok(())
}

#[tokio::test]
async fn a_bad_cursor_is_the_callers_mistake() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let config = format!("{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n");
    let gateway = Gateway::start(&config).await?;
    let answer = gateway.client().modern("tools/list", json!({ "cursor": "made up" })).await?;
    let expected = Refused::caller(200, -32602, "invalid_params", "`cursor`");
    expected.check(&gateway, &answer).await?;
    Ok(())
}

/// All names, page by page, and the number of pages.
async fn paged(ask: impl AsyncFn(Value) -> Result<Answer>) -> Result<(Vec<String>, usize)> {
    let (mut names, mut params, mut pages) = (Vec::new(), json!({}), 0);
    loop {
        let answer = ask(params).await?;
        names.extend(answer.tool_names()?);
        pages += 1;
        let next = answer.result()?["nextCursor"].clone();
        if next.is_null() {
            return Ok((names, pages));
        }
        params = json!({ "cursor": next });
    }
}

#[tokio::test]
async fn thousands_of_tools_have_no_gaps_in_either_era_and_no_page_spans_a_change() -> Result<()> {
    const MORE: usize = 2000;
    let targets = [Sick::start(Era::Modern).await?, Sick::start(Era::Legacy).await?];
    let third = Sick::start(Era::Modern).await?;
    let mut config = format!("{OPEN}defaults: {{ list_ttl: 1s }}\ntargets:\n");
    for (name, sick) in ["a", "b", "c"].iter().zip(targets.iter().chain([&third])) {
        sick.lists(MORE);
        config.push_str(&format!("  {name}: {{ mcp: {{ url: \"{}\" }} }}\n", sick.url()));
    }
    let gateway = Gateway::start(&config).await?;
    until_listed(&gateway, "a___read").await?;
    let own = |target| {
        let more = (0..MORE).map(|n| format!("more_{n}"));
        let all = ["read".to_owned(), "write".to_owned()].into_iter().chain(more);
        all.map(move |tool| format!("{target}___{tool}"))
    };
    let all: Vec<String> = ["a", "b", "c"].into_iter().flat_map(own).collect();
    let client = gateway.client();
    let session = client.session().await?;
    let modern = async |params| client.modern("tools/list", params).await;
    let legacy = async |params| session.request("tools/list", params).await;
    // While targets are still starting, a page may be of another list than the one before.
    let whole = async || Ok(paged(modern).await.is_ok_and(|(names, _)| names == all).then_some(()));
    until("every target is listed", whole).await?;
    assert_eq!(paged(modern).await?.1, 7);
    assert_eq!(paged(legacy).await?, (all.clone(), 7));
    let first = modern(json!({})).await?.result()?["nextCursor"].clone();
    third.lists(MORE + 1);
    until_listed_on_a_page(&gateway, &format!("c___more_{MORE}")).await?;
    for answer in
        [modern(json!({ "cursor": first })).await?, legacy(json!({ "cursor": first })).await?]
    {
        let expected = Refused::caller(200, -32602, "invalid_params", "the list has changed");
        expected.told(&answer)?;
    }
    Ok(())
}

async fn until_listed_on_a_page(gateway: &Gateway, name: &str) -> Result<()> {
    until(format!("{name} is listed"), async || {
        let client = gateway.client();
        let paged = paged(async |params| client.modern("tools/list", params).await).await;
        // It may change between two pages.
        let (names, _) = paged.unwrap_or_default();
        Ok(names.iter().any(|have| have == name).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_target_that_is_down_is_missing_from_the_list_and_named() -> Result<()> {
    let upstream = Upstream::start("both").await?;
    let (url, down) = (upstream.url(), free_address()?);
    let config = format!(
        "{OPEN}defaults: {{ retry: {{ attempts: 1 }} }}\ntargets:\n  \
         down: {{ mcp: {{ url: \"http://{down}/mcp\" }} }}\n  up: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let answer = gateway.client().modern("tools/list", json!({})).await?;
    let result = fine(&gateway, &answer).await?;
    assert_eq!(answer.tool_names()?, named("up"));
    let missing = json!([{ "target": "down", "reason": "connect_refused" }]);
    assert_eq!(result["_meta"]["toolgate/missing"], missing);
    assert!(!answer.text().contains(&down.port().to_string()), "{}", answer.text());
    let session = gateway.client().session().await?;
    let legacy = session.request("tools/list", json!({})).await?;
    assert_eq!(legacy.tool_names()?, named("up"));
    assert_eq!(legacy.result()?["_meta"]["toolgate/missing"], missing);
    // Whoever calls one of its tools is told that it is down, not that there is no such tool.
    let answer = gateway.client().tool("down___any", json!({})).await?;
    let says = "`down` refused the connection";
    let expected = Refused::target("connect_refused", "network", true, says);
    expected.check(&gateway, &answer).await?;
    assert_eq!(gateway.admin("/readyz").await?.status, 200);
    let metrics = gateway.metrics().await?;
    assert!(metrics.sum("toolgate_target_up", &[("target", "down")]) < 1.0);
    assert_eq!(metrics.sum("toolgate_target_up", &[("target", "up")]), 1.0);
    gateway.books_agree().await
}

#[tokio::test]
async fn without_a_required_target_there_is_no_list() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let (url, down) = (sick.url(), free_address()?);
    let config = format!(
        "{OPEN}defaults: {{ retry: {{ attempts: 1 }} }}\ntargets:\n  \
         down: {{ mcp: {{ url: \"http://{down}/mcp\" }}, required: true }}\n  up: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let answer = gateway.client().modern("tools/list", json!({})).await?;
    let says = "`down` refused the connection";
    let expected = Refused::target("connect_refused", "network", true, says);
    expected.check(&gateway, &answer).await?;
    assert_eq!(gateway.admin("/readyz").await?.status, 503);
    fine(&gateway, &gateway.client().tool("up___read", json!({})).await?).await?;
    Ok(())
}

#[tokio::test]
async fn a_target_that_comes_back_is_listed_again_and_its_old_tools_outlive_an_outage() -> Result<()>
{
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let config = format!(
        "{OPEN}defaults: {{ list_ttl: 1s, retry: {{ attempts: 1 }}, breaker: {{ failures: 1000 }} }}\n\
         targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    sick.take_down().await;
    let gateway = Gateway::start(&config).await?;
    assert_eq!(gateway.client().tools().await?, Vec::<String>::new());
    sick.bring_up().await?;
    until_listed(&gateway, "sick___read").await?;
    sick.take_down().await;
    let asked = async || {
        let names = gateway.client().tools().await?;
        assert_eq!(names, ["sick___read", "sick___write"]);
        let metrics = gateway.metrics().await?;
        Ok((metrics.sum("toolgate_target_up", &[("target", "sick")]) < 1.0).then_some(()))
    };
    until("a refresh of the list has failed", asked).await?;
    assert_eq!(gateway.client().tools().await?, ["sick___read", "sick___write"]);
    Ok(())
}

/// Waits for `/readyz` to say so, with no other traffic.
async fn until_ready(gateway: &Gateway, status: u16) -> Result<()> {
    until(format!("/readyz answers {status}"), async || {
        Ok((gateway.admin("/readyz").await?.status == status).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_required_target_that_comes_up_later_makes_the_gateway_ready_without_a_caller()
-> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let config =
        format!("{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }}, required: true }}\n");
    sick.take_down().await;
    let gateway = Gateway::start(&config).await?;
    until_ready(&gateway, 503).await?;
    let session = gateway.client().session().await?;
    let mut stream = session.stream().await?;
    sick.bring_up().await?;
    until_ready(&gateway, 200).await?;
    let told = stream.next_message().await?;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(gateway.client().tools().await?, ["sick___read", "sick___write"]);
    assert_eq!(sick.asked("tools/call"), 0);
    Ok(())
}

#[tokio::test]
async fn an_open_circuit_closes_without_a_caller_once_the_target_is_well() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let config = format!(
        "{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }}, required: true, \
         retry: {{ attempts: 1 }}, breaker: {{ failures: 1, open: 1s }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    until_listed(&gateway, "sick___write").await?;
    sick.then([Act::page("500 Internal Server Error", "text/plain", "no")]);
    drop(gateway.client().tool("sick___write", json!({})).await?);
    until_ready(&gateway, 503).await?;
    until_ready(&gateway, 200).await?;
    assert_eq!(sick.calls("write"), 1, "the trial was the gateway's own");
    let metrics = gateway.metrics().await?;
    let checks = [("target", "sick"), ("outcome", "ok")];
    assert_eq!(metrics.sum("toolgate_target_health_checks_total", &checks), 1.0);
    Ok(())
}

/// Calls `change` and waits for the new tool in lists that are good for an hour otherwise.
async fn changes(target: &str) -> Result<()> {
    let config =
        format!("{OPEN}defaults: {{ list_ttl: 1h }}\ntargets:\n  changing: {{ {target} }}\n");
    let gateway = Gateway::start(&config).await?;
    until_listed(&gateway, "changing___echo").await?;
    let session = gateway.client().session().await?;
    let mut stream = session.stream().await?;
    assert_eq!(stream.status, 200);
    let added = gateway.client().tool("changing___change", json!({})).await?;
    assert_eq!(added.content()?, "added_1");
    let told = stream.next_message().await?;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    until_listed(&gateway, "changing___added_1").await?;
    let answer = gateway.client().tool("changing___added_1", json!({})).await?;
    assert_eq!(answer.content()?, "added_1");
    Ok(())
}

#[tokio::test]
async fn a_change_that_an_older_child_announces_reaches_lists_and_sessions() -> Result<()> {
    changes(&format!("stdio: {{ command: {} }}", stdio_command("legacy")?)).await
}

#[tokio::test]
async fn a_change_that_a_modern_child_announces_reaches_lists_and_sessions() -> Result<()> {
    changes(&format!("stdio: {{ command: {} }}", stdio_command("modern")?)).await
}

#[tokio::test]
async fn a_tool_can_be_called_while_another_target_does_not_answer_its_list() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    // Takes connections and says nothing.
    let hole = TcpListener::bind("127.0.0.1:0").await?;
    let (url, hole_address) = (sick.url(), hole.local_addr()?);
    let config = format!(
        "{OPEN}targets:\n  hole: {{ mcp: {{ url: \"http://{hole_address}/mcp\" }}, timeout: 20s }}\n  \
         well: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    until("the list of the other was asked for", async || {
        Ok((sick.asked("tools/list") > 0).then_some(()))
    })
    .await?;
    for _ in 0..20 {
        let answer = gateway.client().tool("well___write", json!({})).await?;
        fine(&gateway, &answer).await?;
    }
    drop(hole);
    Ok(())
}

#[tokio::test]
async fn a_list_right_after_the_start_is_whole_or_says_what_is_missing() -> Result<()> {
    for _ in 0..10 {
        let sick = Sick::start(Era::Modern).await?;
        let url = sick.url();
        let config = format!("{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n");
        let gateway = Gateway::start(&config).await?;
        assert_eq!(gateway.client().tools().await?, ["sick___read", "sick___write"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_serves_knows_its_tools_from_the_first_call_on() -> Result<()> {
    for _ in 0..10 {
        let sick = Sick::start(Era::Modern).await?;
        let url = sick.url();
        let config = format!("{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n");
        let gateway = Gateway::start(&config).await?;
        let answer = gateway.client().tool("sick___write", json!({})).await?;
        fine(&gateway, &answer).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_progress_of_a_slow_tool_reaches_the_caller_under_its_own_token() -> Result<()> {
    for era in ["modern", "legacy"] {
        let upstream = Upstream::start(era).await?;
        let (url, command) = (upstream.url(), stdio_command(era)?);
        let config = format!(
            "{OPEN}targets:\n  web: {{ mcp: {{ url: \"{url}\" }} }}\n  child: {{ stdio: {{ command: {command} }} }}\n"
        );
        let gateway = Gateway::start(&config).await?;
        until_listed(&gateway, "child___slow").await?;
        for target in ["web", "child"] {
            let name = format!("{target}___slow");
            let params = json!({
                "name": name, "arguments": { "ms": 80 }, "_meta": { "progressToken": "mine" },
            });
            let ask =
                toolgate_tests::client::Ask::modern("tools/call", params).header("mcp-name", &name);
            let answer = gateway.client().send(ask).await?;
            let messages = answer.messages()?;
            let last: &Value = messages.last().context("no message")?;
            assert_eq!(last["result"]["content"][0]["text"], "waited 80 ms", "{era} {target}");
            let progress: Vec<_> = messages
                .iter()
                .filter(|message| message["method"] == "notifications/progress")
                .collect();
            assert!(!progress.is_empty(), "{era} {target}: {messages:?}");
            assert!(progress.iter().all(|message| message["params"]["progressToken"] == "mine"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_list_that_weighs_too_much_is_told_to_caller_operator_and_metrics() -> Result<()> {
    const HEAVY: &str = "weigh more than";
    let herald = Herald::start(HeraldEra::Modern).await?;
    let heavy = |words: usize| json!([{ "name": "wordy", "description": "word ".repeat(words), "inputSchema": { "type": "object" } }]);
    herald.lists(heavy(2_000));
    let config = format!(
        "{OPEN}definitions: {{ warn_tokens: 2000 }}\ndefaults: {{ list_ttl: 1h }}\ntargets:\n  clock: {{ builtin: clock }}\n  herald: {{ mcp: {{ url: \"{}\" }} }}\nservers:\n  tight: {{ targets: [clock], definitions: {{ warn_tokens: 10 }} }}\n  roomy: {{ targets: [clock, herald], definitions: {{ warn_tokens: 100000 }} }}\n",
        herald.url()
    );
    let gateway = Gateway::start(&config).await?;
    until_listed(&gateway, "herald___wordy").await?;
    let over = async |lists: f64| {
        until(format!("{lists} lists are too heavy"), async || {
            let metrics = gateway.metrics().await?;
            Ok((metrics.sum("toolgate_lists_over_budget", &[]) == lists).then_some(()))
        })
        .await
    };
    over(2.0).await?;
    let of = [("target", "herald")];
    let metrics = gateway.metrics().await?;
    let bytes = metrics.sum("toolgate_target_list_size_bytes", &of);
    assert!(bytes > 10_000.0, "{bytes}");
    assert_eq!(metrics.sum("toolgate_target_list_tokens", &of), (bytes / 4.0).ceil());
    // What the list says of its weight is that of what is on it, in both eras.
    let list = gateway.client().modern("tools/list", json!({})).await?.result()?;
    let session = gateway.client().session().await?;
    let older = session.request("tools/list", json!({})).await?.result()?;
    for list in [&list, &older] {
        let tools = list["tools"].as_array().context("no tools")?;
        let bytes: usize = tools.iter().map(|tool| tool.to_string().len()).sum();
        let said = json!({ "tokens": bytes.div_ceil(4), "budget": 2000 });
        assert_eq!(list["_meta"]["toolgate/definitions"], said);
    }
    let at = async |server: &str| {
        let client = gateway.client().at(&format!("/mcp/{server}"));
        let list = client.modern("tools/list", json!({})).await?.result()?;
        anyhow::Ok(list["_meta"]["toolgate/definitions"].clone())
    };
    assert_eq!(at("tight").await?["budget"], 10);
    assert_eq!(at("roomy").await?, Value::Null);
    // Nothing is left out for it.
    assert_eq!(gateway.client().tools().await?.len(), 3);
    herald.lists(heavy(1));
    herald.changed();
    over(1.0).await?;
    let list = gateway.client().modern("tools/list", json!({})).await?.result()?;
    assert_eq!(list["_meta"]["toolgate/definitions"], Value::Null);
    let said = gateway.stderr();
    let tight = said.lines().filter(|line| line.contains(HEAVY) && line.contains("tight"));
    assert_eq!(tight.count(), 1, "once, whatever other lists do: {said}");
    assert_eq!(said.matches("is within its budget again").count(), 1, "{said}");
    gateway.books_agree().await
}

#[tokio::test]
async fn a_target_that_grows_past_what_it_may_weigh_keeps_its_last_list_and_is_told_of()
-> Result<()> {
    const WHY: &str = "more than the 500 that `definitions.max_tokens` allows";
    let (grows, heavy) =
        (Herald::start(HeraldEra::Modern).await?, Herald::start(HeraldEra::Modern).await?);
    let tool = |name: &str, words: usize| json!({ "name": name, "description": "word ".repeat(words), "inputSchema": { "type": "object" } });
    grows.lists(json!([tool("small", 10)]));
    heavy.lists(json!([tool("wordy", 1000)]));
    let (url, other) = (grows.url(), heavy.url());
    let config = format!(
        "{OPEN}definitions: {{ max_tokens: 500 }}\ndefaults: {{ list_ttl: 1h }}\ntargets:\n  \
         grows: {{ mcp: {{ url: \"{url}\" }}, required: true }}\n  heavy: {{ mcp: {{ url: \"{other}\" }} }}\n  \
         allowed: {{ mcp: {{ url: \"{other}\" }}, definitions: {{ max_tokens: 5000 }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    until_listed(&gateway, "allowed___wordy").await?;
    let list = async || gateway.client().modern("tools/list", json!({})).await;
    // What was too heavy from the first is not published; that of a target with more room is.
    let first = list().await?;
    assert_eq!(first.tool_names()?, ["grows___small", "allowed___wordy"]);
    let missing = json!([{ "target": "heavy", "reason": "upstream_protocol" }]);
    assert_eq!(first.result()?["_meta"]["toolgate/missing"], missing);
    let answer = gateway.client().tool("heavy___wordy", json!({})).await?;
    Refused::target("upstream_protocol", "target", true, WHY).check(&gateway, &answer).await?;
    let ready = gateway.admin("/readyz").await?;
    assert!(ready.status == 200 && ready.text().contains(WHY), "{}", ready.text());
    let failed = async |target: &str| {
        let of = [("target", target), ("outcome", "failed")];
        anyhow::Ok(gateway.metrics().await?.sum("toolgate_target_list_refresh_total", &of))
    };
    assert!(failed("heavy").await? > 0.0 && failed("grows").await? == 0.0);
    // Then one grows: its new tools are not served, its old one still is.
    grows.lists(json!([tool("small", 10), tool("grown", 1000)]));
    grows.changed();
    until("the grown list is refused", async || Ok((failed("grows").await? > 0.0).then_some(())))
        .await?;
    assert_eq!(list().await?.tool_names()?, ["grows___small", "allowed___wordy"]);
    until("the log tells of it", async || {
        let said = gateway.stderr();
        let mut lines = said.lines().filter(|line| line.contains("`grows` is not usable"));
        Ok(lines
            .any(|line| {
                line.contains(WHY) && line.contains("raise `targets.grows.definitions.max_tokens`")
            })
            .then_some(()))
    })
    .await?;
    grows.lists(json!([tool("small", 10), tool("grown", 20)]));
    grows.changed();
    until_listed(&gateway, "grows___grown").await?;
    gateway.books_agree().await
}
