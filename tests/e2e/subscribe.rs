//! Word of changes and log messages: every caller, every target, either era.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use toolgate_tests::client::{Ask, Client, Opened, Session, with_meta};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::herald::{Era, Herald, tool};
use toolgate_tests::process::Scratch;
use toolgate_tests::wait::until;

use crate::expect::OPEN;

const TAG: &str = "io.modelcontextprotocol/subscriptionId";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
const UPDATED: &str = "notifications/resources/updated";
const TOOLS_CHANGED: &str = "notifications/tools/list_changed";

/// A gateway before a herald, whose lists are good for an hour.
async fn before(herald: &Herald) -> Result<Gateway> {
    let (url, lasting) = (herald.url(), "defaults: { list_ttl: 1h }");
    let config = format!("{OPEN}{lasting}\ntargets:\n  herald: {{ mcp: {{ url: \"{url}\" }} }}\n");
    let gateway = Gateway::start(&config).await?;
    gateway.client().until_listed(&["herald___echo"]).await?;
    Ok(gateway)
}

/// Subscribes under the id `"s-1"`.
async fn listen(client: &Client, filter: Value) -> Result<Opened> {
    let params = with_meta(json!({ "notifications": filter }));
    client.open(Ask::modern_raw(r#""s-1""#, "subscriptions/listen", &params)).await
}

/// The next message of that method; what else comes is passed over.
async fn next(stream: &mut Opened, method: &str) -> Result<Value> {
    loop {
        let message = stream.next_message().await?;
        if message["method"] == method {
            return Ok(message);
        }
    }
}

/// Waits until a herald was asked for word of that resource.
async fn until_watched(herald: &Herald, era: Era, uri: &str) -> Result<()> {
    match era {
        Era::Modern => herald.until_streams(&[uri], 1).await,
        Era::Legacy => {
            until(format!("{uri} is subscribed to"), async || {
                let heard = herald.heard("resources/subscribe");
                let mut uris = heard.iter().map(|heard| &heard.body["params"]["uri"]);
                Ok(uris.any(|have| have == uri).then_some(()))
            })
            .await
        }
    }
}

#[tokio::test]
async fn a_modern_caller_hears_of_changes_at_targets_of_both_eras() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let herald = Herald::start(era).await?;
        let gateway = before(&herald).await?;
        herald.until_streams(&[], 1).await?;
        let asked = json!({
            "toolsListChanged": true, "resourceSubscriptions": ["herald://b"], "taskIds": ["t"],
        });
        let mut stream = listen(&gateway.client(), asked).await?;
        assert_eq!(stream.status, 200);
        let first = stream.next_message().await?;
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
        let accepted = json!({ "toolsListChanged": true, "resourceSubscriptions": ["herald://b"] });
        assert_eq!(first["params"], json!({ "notifications": accepted, "_meta": { TAG: "s-1" } }));
        until_watched(&herald, era, "herald://b").await?;
        // Nobody asked for the first, and the target says it all the same.
        herald.blurts("herald://a");
        herald.updated("herald://b");
        let told = next(&mut stream, UPDATED).await?;
        let params = json!({ "uri": "herald://b", "_meta": { TAG: "s-1" } });
        assert_eq!(told["params"], params, "{era:?}");
        herald.lists(json!([tool("other", &json!({}))]));
        herald.changed();
        let told = next(&mut stream, TOOLS_CHANGED).await?;
        assert_eq!(told["params"], json!({ "_meta": { TAG: "s-1" } }));
        assert_eq!(gateway.client().tools().await?, ["herald___other"]);
        drop(stream);
        match era {
            Era::Modern => herald.until_streams(&[], 1).await?,
            Era::Legacy => drop(herald.until_heard("resources/unsubscribe", 1).await?),
        }
        let metrics = gateway.metrics().await?;
        assert_eq!(metrics.sum("toolgate_streams_active", &[]), 0.0);
        gateway.books_agree().await?;
    }
    Ok(())
}

async fn subscribe(session: &Session, method: &str, uri: &str) -> Result<Value> {
    session.request(&format!("resources/{method}"), json!({ "uri": uri })).await?.message()
}

#[tokio::test]
async fn an_older_caller_hears_of_resources_at_targets_of_both_eras() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let herald = Herald::start(era).await?;
        let gateway = before(&herald).await?;
        let (one, other) = (gateway.client().session().await?, gateway.client().session().await?);
        let mut stream = one.stream().await?;
        assert_eq!(subscribe(&one, "subscribe", "herald://a").await?["result"], json!({}));
        assert_eq!(subscribe(&other, "subscribe", "herald://a").await?["result"], json!({}));
        until_watched(&herald, era, "herald://a").await?;
        herald.updated("herald://a");
        let told = next(&mut stream, UPDATED).await?;
        assert_eq!(told["params"], json!({ "uri": "herald://a" }), "{era:?}");
        let mut late = other.stream().await?;
        next(&mut late, UPDATED).await.context("it came before the stream")?;
        // One of two goes: the target still has to tell. The second goes with its session.
        assert_eq!(subscribe(&one, "unsubscribe", "herald://a").await?["result"], json!({}));
        herald.updated("herald://a");
        next(&mut late, UPDATED).await?;
        assert_eq!(other.end().await?.status, 204);
        match era {
            Era::Modern => herald.until_streams(&[], 1).await?,
            Era::Legacy => drop(herald.until_heard("resources/unsubscribe", 1).await?),
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_target_says_after_a_restart_is_heard_without_a_call() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let herald = Herald::start(era).await?;
        let gateway = before(&herald).await?;
        herald.until_streams(&[], 1).await?;
        let asked = json!({ "toolsListChanged": true, "resourceSubscriptions": ["herald://b"] });
        let mut stream = listen(&gateway.client(), asked).await?;
        until_watched(&herald, era, "herald://b").await?;
        herald.lists(json!([tool("new", &json!({}))]));
        herald.forgets();
        // Nobody knows what happened meanwhile: all of it may have changed.
        let mut told = vec![next_change(&mut stream).await?, next_change(&mut stream).await?];
        told.sort();
        assert_eq!(told, [UPDATED, TOOLS_CHANGED], "{era:?}");
        match era {
            Era::Modern => herald.until_streams(&["herald://b"], 1).await?,
            Era::Legacy => drop(herald.until_heard("resources/subscribe", 2).await?),
        }
        herald.updated("herald://b");
        next(&mut stream, UPDATED).await?;
    }
    Ok(())
}

async fn next_change(stream: &mut Opened) -> Result<String> {
    loop {
        let message = stream.next_message().await?;
        let method = message["method"].as_str().context("no method")?;
        if method != "notifications/subscriptions/acknowledged" {
            return Ok(method.to_owned());
        }
    }
}

/// A gateway before a child that says what the arguments of its tool are.
struct Nursery {
    gateway: Gateway,
    record: PathBuf,
    _scratch: Scratch,
}

impl Nursery {
    async fn start(era: &str) -> Result<Self> {
        let scratch = Scratch::new()?;
        let record = scratch.path().join("record");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/herald_stdio.py");
        let config = format!(
            "{OPEN}targets:\n  child: {{ stdio: {{ command: [python3, {script:?}, {era}, {record:?}] }} }}\n"
        );
        let gateway = Gateway::start(&config).await?;
        gateway.client().until_listed(&["child___say"]).await?;
        Ok(Self { gateway, record, _scratch: scratch })
    }

    /// Waits until the child was sent a message of which this is true.
    async fn until_sent(&self, what: &str, is: impl Fn(&Value) -> bool) -> Result<()> {
        until(what, async || Ok(self.sent().iter().any(&is).then_some(()))).await
    }

    /// What the child was sent.
    fn sent(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.record).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    async fn says(&self, notice: Value) -> Result<()> {
        let arguments = json!({ "notices": [notice] });
        let answer = self.gateway.client().tool("child___say", arguments).await?;
        assert_eq!(answer.content()?, "said");
        Ok(())
    }
}

#[tokio::test]
async fn children_of_both_eras_tell_callers_of_both_eras() -> Result<()> {
    for era in ["modern", "legacy"] {
        let nursery = Nursery::start(era).await?;
        let client = nursery.gateway.client();
        let mut modern = listen(&client, json!({ "resourceSubscriptions": ["child://a"] })).await?;
        let session = client.session().await?;
        let mut legacy = session.stream().await?;
        assert_eq!(subscribe(&session, "subscribe", "child://b").await?["result"], json!({}));
        nursery
            .until_sent("both are watched", |line| match era {
                "modern" => {
                    let filter = &line["params"]["notifications"]["resourceSubscriptions"];
                    *filter == json!(["child://a", "child://b"])
                }
                _ => {
                    line["method"] == "resources/subscribe" && line["params"]["uri"] == "child://b"
                }
            })
            .await?;
        for uri in ["child://a", "child://b"] {
            nursery.says(json!({ "method": UPDATED, "params": { "uri": uri } })).await?;
        }
        assert_eq!(next(&mut modern, UPDATED).await?["params"]["uri"], "child://a", "{era}");
        assert_eq!(next(&mut legacy, UPDATED).await?["params"]["uri"], "child://b", "{era}");
        drop(modern);
        nursery
            .until_sent("one of them is not watched any more", |line| match era {
                "modern" => line["method"] == "notifications/cancelled",
                _ => line["method"] == "resources/unsubscribe",
            })
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_child_that_ends_its_subscription_is_asked_again() -> Result<()> {
    let nursery = Nursery::start("modern").await?;
    let asked = json!({ "toolsListChanged": true, "resourceSubscriptions": ["child://a"] });
    let mut stream = listen(&nursery.gateway.client(), asked).await?;
    stream.next_message().await?;
    let mut last = 0;
    for by_result in [false, true] {
        let is_newer = |line: &Value| {
            let filter = &line["params"]["notifications"]["resourceSubscriptions"];
            let id = line["id"].as_u64().filter(|id| *id > last);
            id.filter(|_| *filter == json!(["child://a"]))
        };
        nursery.until_sent("a subscription", |line| is_newer(line).is_some()).await?;
        last = nursery.sent().iter().find_map(is_newer).context("no id")?;
        nursery
            .says(match by_result {
                true => json!({ "id": last, "result": { "resultType": "complete" } }),
                false => {
                    let params = json!({ "requestId": last });
                    json!({ "method": "notifications/cancelled", "params": params })
                }
            })
            .await?;
        // What happened meanwhile nobody knows.
        next(&mut stream, UPDATED).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_log_of_a_child_is_the_only_callers_at_its_level() -> Result<()> {
    for era in ["modern", "legacy"] {
        let nursery = Nursery::start(era).await?;
        let notices: Vec<Value> = ["debug", "warning", "error"]
            .map(|level| {
                let params = json!({ "level": level, "data": level });
                json!({ "method": "notifications/message", "params": params })
            })
            .to_vec();
        let params = json!({
            "name": "child___say", "arguments": { "notices": notices },
            "_meta": { LOG_LEVEL: "warning" },
        });
        let ask = Ask::modern("tools/call", params).header("mcp-name", "child___say");
        let answer = nursery.gateway.client().send(ask).await?;
        assert_eq!(levels(&answer.messages()?), ["warning", "error"], "{era}");
        if era == "legacy" {
            nursery
                .until_sent("the level is set", |line| {
                    line["method"] == "logging/setLevel" && line["params"]["level"] == "warning"
                })
                .await?;
        }
    }
    Ok(())
}

/// The levels of log messages, in order.
fn levels(messages: &[Value]) -> Vec<String> {
    let level = |message: &Value| Some(message["params"]["level"].as_str()?.to_owned());
    messages.iter().filter_map(level).collect()
}

#[tokio::test]
async fn a_session_hears_the_log_from_its_own_level_on() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let herald = Herald::start(era).await?;
        let gateway = before(&herald).await?;
        let (loud, quiet) = (gateway.client().session().await?, gateway.client().session().await?);
        let set = async |session: &Session, level: &str| {
            session.request("logging/setLevel", json!({ "level": level })).await?.message()
        };
        assert_eq!(set(&quiet, "verbose").await?["error"]["code"], -32602);
        assert_eq!(set(&quiet, "error").await?["result"], json!({}));
        assert_eq!(set(&loud, "debug").await?["result"], json!({}));
        let hears = async |session: &Session| {
            anyhow::Ok(levels(&session.tool("herald___echo", json!({})).await?.messages()?))
        };
        assert_eq!(hears(&quiet).await?, ["error"], "{era:?}");
        assert_eq!(hears(&loud).await?, ["debug", "info", "error"], "{era:?}");
        assert_eq!(hears(&quiet).await?, ["error"], "{era:?}: whatever others hear");
        let sent = |method: &str, at: fn(&Value) -> &Value| {
            let heard = herald.heard(method);
            heard.iter().map(|heard| at(&heard.body).clone()).collect::<Vec<_>>()
        };
        match era {
            Era::Modern => {
                let told = sent("tools/call", |body| &body["params"]["_meta"][LOG_LEVEL]);
                assert_eq!(told, ["error", "debug", "error"]);
            }
            Era::Legacy => {
                let set = sent("logging/setLevel", |body| &body["params"]["level"]);
                assert_eq!(set, ["error", "debug"], "only when somebody wants more");
            }
        }
        let mute = gateway.client().tool("herald___echo", json!({})).await?;
        assert_eq!(levels(&mute.messages()?), [""; 0], "a modern caller asks for it");
    }
    Ok(())
}

#[tokio::test]
async fn subscriptions_are_streams_and_end_with_the_gateway() -> Result<()> {
    let herald = Herald::start(Era::Modern).await?;
    let url = herald.url();
    let config = format!(
        "{OPEN}limits: {{ streams: 1, concurrency: 1 }}\ntargets:\n  herald: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let mut stream = listen(&gateway.client(), json!({ "toolsListChanged": true })).await?;
    stream.next_message().await?;
    assert_eq!(listen(&gateway.client(), json!({})).await?.status, 503);
    assert_eq!(gateway.client().modern("server/discover", json!({})).await?.status, 200);
    let said = gateway.client().modern("server/discover", json!({})).await?.result()?;
    let resources = json!({ "listChanged": true, "subscribe": true });
    assert_eq!(said["capabilities"]["resources"], resources);
    assert_eq!(said["capabilities"]["logging"], json!({}));
    let params = with_meta(json!({ "notifications": {} }));
    let ask = Ask::modern_raw("2", "subscriptions/listen", &params);
    let refused = gateway.client().send(ask.instead("accept", "application/json")).await?;
    assert_eq!(refused.status, 406);
    let id = stream.headers.get("x-request-id").context("no id")?.to_str()?.to_owned();
    gateway.terminate()?;
    let last = stream.next_message().await?;
    assert_eq!(last["id"], "s-1");
    let result = json!({ "resultType": "complete", "_meta": { TAG: "s-1" } });
    assert_eq!(last["result"], result);
    let stopped = gateway.ended().await?;
    assert!(stopped.status.success());
    let lines = toolgate_tests::gateway::parse_log(&stopped.access_log)?;
    let line = lines.iter().find(|line| line["request_id"] == id).context("no line")?;
    assert_eq!((&line["method"], &line["outcome"]), (&json!("subscriptions/listen"), &json!("ok")));
    Ok(())
}
