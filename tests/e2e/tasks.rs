//! Calls that become tasks (`io.modelcontextprotocol/tasks`): whose they are, what the target hears of
//! them, and that no record holds a target's own id.

mod older;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Answer, Ask, Client, MODERN, Opened};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::herald::{Era, Heard, Herald, tool};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::upstream::{Upstream, stdio_everything};
use toolgate_tests::wait::until;

use crate::expect::{OPEN, Refused};
use crate::peers::driver::{Driver, Era as Speaks, Peer, installed};

const TASKS: &str = "io.modelcontextprotocol/tasks";
/// The herald's own id of its task.
const OWN: &str = "raw-id-of-the-herald ž";
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";

/// The same as every modern request, by a caller that knows tasks.
fn declaring(method: &str, mut params: Value) -> Ask {
    let name = params.get("name").or(params.get("taskId"));
    let name = name.and_then(Value::as_str).unwrap_or_default().to_owned();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {
            "extensions": { TASKS: {}, "com.example/other": {} },
        },
    });
    let ask = Ask::modern_raw("1", method, &params.to_string());
    if name.is_empty() { ask } else { ask.header("mcp-name", &name) }
}

async fn ask(client: &Client, method: &str, params: Value) -> Result<Answer> {
    client.send(declaring(method, params)).await
}

/// Has a tool called, whose answer must be a task, and gives its id.
async fn start(client: &Client, name: &str) -> Result<String> {
    let answer = ask(client, "tools/call", json!({ "name": name, "arguments": {} })).await?;
    let result = answer.message()?["result"].clone();
    ensure!(result["resultType"] == "task", "{} {}", answer.status, answer.text());
    Ok(result["taskId"].as_str().context("an id")?.to_owned())
}

fn task(status: &str) -> Value {
    json!({
        "taskId": OWN, "status": status, "createdAt": "2026-11-25T00:00:00Z",
        "lastUpdatedAt": "2026-11-25T00:00:01Z", "ttlMs": null, "x-unknown": [1.50, { "taskId": OWN }],
    })
}

/// A herald that makes a task of each call of `job`.
async fn herald() -> Result<Herald> {
    let herald = Herald::start(Era::Modern).await?;
    herald.lists(json!([tool("echo", &json!({})), tool("job", &json!({}))]));
    herald.works_on(&task("working"));
    Ok(herald)
}

fn one_target(herald: &Herald) -> String {
    format!("targets:\n  herald: {{ mcp: {{ url: \"{}\" }} }}\n", herald.url())
}

async fn before(herald: &Herald) -> Result<Gateway> {
    let gateway = Gateway::start(&format!("{OPEN}{}", one_target(herald))).await?;
    listed(&gateway.client(), "herald___job").await?;
    Ok(gateway)
}

async fn listed(client: &Client, name: &str) -> Result<()> {
    until(format!("{name} is listed"), async || {
        Ok(client.tools().await?.iter().any(|have| have == name).then_some(()))
    })
    .await
}

const UNKNOWN: Refused = Refused::caller(200, -32602, "invalid_params", "no such task");
const UNDECLARED: Refused = Refused::caller(400, -32021, "invalid_params", "does not declare");
const MISMATCH: Refused = Refused::caller(400, -32020, "header_mismatch", "mcp-name");
const FORBIDDEN: Refused = Refused::caller(403, 403, "forbidden", "needs a token");

#[tokio::test]
async fn the_callers_id_and_the_targets_never_meet() -> Result<()> {
    let herald = herald().await?;
    let gateway = before(&herald).await?;
    let client = gateway.client();
    let about = ask(&client, "server/discover", json!({})).await?.message()?;
    assert_eq!(about["result"]["capabilities"]["extensions"], json!({ TASKS: {} }));
    let id = start(&client, "herald___job").await?;
    ensure!(id.bytes().all(|byte| byte.is_ascii_graphic()) && id.len() < 300, "{id}");
    // Only what the gateway can route is declared any further.
    let heard = herald.until_heard("tools/call", 1).await?;
    let can = &heard.body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(*can, json!({ "extensions": { TASKS: {} } }));
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let mut params = json!({ "taskId": id });
        if method == "tasks/update" {
            params["inputResponses"] = json!({ "a": { "action": "accept" } });
        }
        let answer = ask(&client, method, params.clone()).await?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let heard = herald.until_heard(method, 1).await?;
        assert_eq!(heard.body["params"]["taskId"], OWN);
        assert_eq!(heard.body["params"]["inputResponses"], params["inputResponses"]);
        let sentinel = "=?base64?cmF3LWlkLW9mLXRoZS1oZXJhbGQgxb4=?=";
        assert_eq!(heard.header("mcp-name"), Some(sentinel));
        let mut wanted = json!({ "resultType": "complete" });
        if method == "tasks/get" {
            wanted = task("working");
            wanted["taskId"] = id.clone().into();
            wanted["resultType"] = "complete".into();
        }
        assert_eq!(answer.message()?["result"], wanted);
        // One record a request, which names the tool and not the task.
        let line = gateway.line_of(&answer).await?;
        assert_eq!((&line["method"], &line["tool"]), (&json!(method), &json!("job")), "{line}");
        assert_eq!((&line["target"], &line["outcome"]), (&json!("herald"), &json!("ok")), "{line}");
        let metrics = gateway.metrics().await?;
        let counted = [("mcp_method_name", method), ("target", "herald")];
        assert_eq!(metrics.sum("toolgate_requests_total", &counted), 1.0);
    }
    let calls = gateway.admin("/debug/calls").await?.text();
    for (place, text) in [("log", gateway.access_log()), ("stderr", gateway.stderr()), ("", calls)]
    {
        ensure!(!text.contains("raw-id-of") && !text.contains(&id), "{place} has an id: {text}");
    }
    gateway.books_agree().await
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_before_any_target_hears_of_it() -> Result<()> {
    let herald = herald().await?;
    let gateway = before(&herald).await?;
    let client = gateway.client();
    let id = start(&client, "herald___job").await?;
    let get = |id: &str| declaring("tasks/get", json!({ "taskId": id }));
    for (wrong, refused) in [
        (get("unknown"), UNKNOWN),
        (get(OWN).instead("mcp-name", "=?base64?cmF3LWlkLW9mLXRoZS1oZXJhbGQgxb4=?="), UNKNOWN),
        (get(&format!("{id}A")), UNKNOWN),
        (get(&id).instead("mcp-name", "other"), MISMATCH),
        (get(&id).without("mcp-name"), MISMATCH),
        (Ask::modern("tasks/get", json!({ "taskId": id })).header("mcp-name", &id), UNDECLARED),
    ] {
        let error = refused.check(&gateway, &client.send(wrong).await?).await?;
        if refused.code == -32021 {
            let missing = json!({ "extensions": { TASKS: {} } });
            assert_eq!(error["data"]["requiredCapabilities"], missing);
        }
    }
    for method in ["tasks/list", "tasks/result"] {
        let answer = ask(&client, method, json!({ "taskId": id })).await?;
        assert_eq!((answer.status, &answer.message()?["error"]["code"]), (404, &json!(-32601)));
    }
    assert_eq!(herald.heard("tasks/get").len() + herald.heard("tasks/result").len(), 0);
    // What the target itself says stays as it is.
    herald.works_on(&json!({ "taskId": "another" }));
    let answer = ask(&client, "tasks/get", json!({ "taskId": id })).await?;
    assert_eq!(answer.message()?["error"], json!({ "code": -32602, "message": "no such task" }));
    gateway.books_agree().await
}

#[tokio::test]
async fn a_task_that_nobody_has_asked_for_is_the_targets_fault() -> Result<()> {
    let herald = herald().await?;
    let gateway = before(&herald).await?;
    let answer = gateway.client().tool("herald___job", json!({})).await?;
    let says = "has not declared that it knows tasks";
    let refused = Refused::target("upstream_protocol", "target", false, says);
    refused.check(&gateway, &answer).await?;
    ensure!(!answer.text().contains("raw-id-of"), "{}", answer.text());
    // So it is for a caller of the older era, which has no words for it.
    let session = gateway.client().session().await?;
    let answer = session.tool("herald___job", json!({})).await?;
    assert_eq!(answer.message()?["error"]["data"]["reason"], "upstream_protocol");
    let answer = session.request("tasks/get", json!({ "taskId": "x" })).await?;
    assert_eq!(answer.message()?["error"]["code"], -32601);
    gateway.books_agree().await
}

#[tokio::test]
async fn where_no_target_has_tasks_nothing_is_offered() -> Result<()> {
    let herald = Herald::start(Era::Modern).await?;
    let gateway = Gateway::start(&format!("{OPEN}{}", one_target(&herald))).await?;
    let client = gateway.client();
    listed(&client, "herald___echo").await?;
    let about = ask(&client, "server/discover", json!({})).await?.message()?;
    assert_eq!(about["result"]["capabilities"].get("extensions"), None);
    let answer = ask(&client, "tasks/get", json!({ "taskId": "x" })).await?;
    assert_eq!((answer.status, &answer.message()?["error"]["code"]), (404, &json!(-32601)));
    gateway.books_agree().await
}

/// Subscribes to these tasks under the id `"s-1"`.
async fn follow(client: &Client, ids: &[&str]) -> Result<(Opened, Value)> {
    let params = json!({ "notifications": { "taskIds": ids } });
    let mut ask = declaring("subscriptions/listen", params);
    ask = ask.instead("mcp-method", "subscriptions/listen");
    let mut stream = client.open(ask).await?;
    let first = stream.next_message().await?;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    Ok((stream, first["params"]["notifications"].clone()))
}

#[tokio::test]
async fn whoever_listens_hears_of_its_tasks_under_its_own_ids() -> Result<()> {
    let herald = herald().await?;
    let gateway = before(&herald).await?;
    let client = gateway.client();
    let (one, other) =
        (start(&client, "herald___job").await?, start(&client, "herald___job").await?);
    ensure!(one != other, "an id is made for each answer");
    let (mut first, accepted) = follow(&client, &[&one, "unknown"]).await?;
    assert_eq!(accepted, json!({ "taskIds": [one] }));
    let (mut second, _) = follow(&client, &[&other]).await?;
    herald.until_followed(&json!([OWN])).await?;
    // Whoever wants to hear of tasks has said that it knows them.
    let heard = herald.heard("subscriptions/listen");
    let follows = |heard: &&Heard| heard.body["params"]["notifications"]["taskIds"] == json!([OWN]);
    let asked = heard.iter().rfind(follows).context("a subscription")?;
    let can = &asked.body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(*can, json!({ "extensions": { TASKS: {} } }));
    herald.works_on(&json!({ "taskId": "another" }));
    herald.works_on(&task("completed"));
    for (stream, id) in [(&mut first, one), (&mut second, other)] {
        let told = stream.next_message().await?;
        let mut wanted = task("completed");
        wanted["taskId"] = id.into();
        wanted["_meta"] = json!({ "io.modelcontextprotocol/subscriptionId": 1 });
        assert_eq!((&told["method"], &told["params"]), (&json!("notifications/tasks"), &wanted));
    }
    // Nobody listens any more: the target is not asked for it any more either.
    drop((first, second));
    until("the target is left alone", async || {
        let heard = herald.heard("subscriptions/listen");
        let last = heard.last().context("a subscription")?;
        Ok(last.body["params"]["notifications"].get("taskIds").is_none().then_some(()))
    })
    .await?;
    gateway.books_agree().await
}

fn guarded(issuer: &Issuer, herald: &Herald) -> String {
    let (issuer, target) = (issuer.url(), one_target(herald));
    format!(
        "auth:\n  issuers:\n    - {{ name: main, profile: cognito, issuer: \"{issuer}\", clients: [{CLIENT_ID}] }}\n  \
         scopes: [gateway/invoke]\n{target}tools:\n  herald___job: {{ scopes: [jobs] }}\n"
    )
}

#[tokio::test]
async fn a_task_is_its_callers_alone_and_only_as_long_as_it_may_use_the_tool() -> Result<()> {
    let (issuer, herald) = (Issuer::start().await?, herald().await?);
    let gateway = Gateway::start(&guarded(&issuer, &herald)).await?;
    let client = |subject: &str, scopes: &[&str]| {
        let mut claims = issuer.claims(scopes);
        claims["sub"] = subject.into();
        gateway.client().with_token(issuer.mint(claims))
    };
    let (may, may_not) = (["gateway/invoke", "jobs"], ["gateway/invoke"]);
    let owner = client("one", &may);
    listed(&owner, "herald___job").await?;
    let id = start(&owner, "herald___job").await?;
    let params = || json!({ "taskId": id });
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let answer = ask(&client("other", &may), method, params()).await?;
        let strange = UNKNOWN.check(&gateway, &answer).await?;
        let answer = ask(&owner, method, json!({ "taskId": "never was" })).await?;
        let never = UNKNOWN.check(&gateway, &answer).await?;
        assert_eq!(strange["message"], never["message"], "they must not differ");
        let answer = ask(&client("one", &may_not), method, params()).await?;
        FORBIDDEN.check(&gateway, &answer).await?;
        let challenge = answer.header("www-authenticate").context("a challenge")?;
        ensure!(challenge.contains("jobs"), "{challenge}");
        assert_eq!(herald.heard(method).len(), 0);
        assert_eq!(ask(&owner, method, params()).await?.status, 200);
    }
    for (client, ids) in [(client("other", &may), &[]), (client("one", &may_not), &[])] {
        let (_, accepted) = follow(&client, &[&id]).await?;
        let none: &[&str] = ids;
        assert_eq!(accepted, json!({ "taskIds": none }));
    }
    let (_, accepted) = follow(&owner, &[&id]).await?;
    assert_eq!(accepted, json!({ "taskIds": [id] }));
    Ok(())
}

#[tokio::test]
async fn any_replica_with_the_key_serves_a_task_and_so_does_the_next_process() -> Result<()> {
    let herald = herald().await?;
    let config = format!("{OPEN}sessions: {{ key: env:KEY }}\n{}", one_target(&herald));
    let one = Gateway::start_with(&config, &[("KEY", KEY)]).await?;
    let other = Gateway::start_with(&config, &[("KEY", KEY)]).await?;
    listed(&one.client(), "herald___job").await?;
    let id = start(&one.client(), "herald___job").await?;
    drop(one);
    let get = async |gateway: &Gateway| {
        ask(&gateway.client(), "tasks/get", json!({ "taskId": id })).await?.message()
    };
    assert_eq!(get(&other).await?["result"]["taskId"], id);
    let again = Gateway::start_with(&config, &[("KEY", KEY)]).await?;
    assert_eq!(get(&again).await?["result"]["taskId"], id);
    let strange = Gateway::start(&format!("{OPEN}{}", one_target(&herald))).await?;
    listed(&strange.client(), "herald___job").await?;
    assert_eq!(get(&strange).await?["error"]["code"], -32602);
    Ok(())
}

/// The same client with `toolgate stdio` as its child.
fn front(words: &[&str]) -> Result<Driver> {
    let toolgate = binary("toolgate", "toolgate")?;
    let toolgate = toolgate.to_str().context("a path")?;
    let words = [toolgate, "stdio"].into_iter().chain(words.iter().copied());
    Ok(Driver::of_child(Peer::Rmcp, Speaks::Modern, words.map(str::to_owned).collect()))
}

#[tokio::test]
async fn a_client_that_others_wrote_waits_for_its_tasks() -> Result<()> {
    let server = Upstream::start_everything("modern").await?;
    let http = format!("mcp: {{ url: \"{}\" }}", server.url());
    let child = format!("stdio: {{ command: {} }}", stdio_everything("modern")?);
    let arguments = [
        "--tasks",
        "--call",
        "slow_compute",
        r#"{"seconds":1}"#,
        "--call",
        "failing_job",
        "{}",
        "--call",
        "confirm_delete",
        r#"{"filename":"x"}"#,
        "--call",
        "greet",
        r#"{"name":"x"}"#,
    ];
    let arguments = arguments.map(str::to_owned);
    for target in [http, child] {
        let config = format!("{OPEN}prefix: never\ntargets:\n  t: {{ {target} }}\n");
        let gateway = Gateway::start(&config).await?;
        listed(&gateway.client(), "slow_compute").await?;
        let over_http = Driver::new(Peer::Rmcp, Speaks::Modern, gateway.mcp_url());
        let scratch = Scratch::new()?;
        let file = scratch.write("toolgate.yaml", &config)?;
        let file = file.to_str().context("a path")?;
        let as_child = front(&["--no-admin", "--config", file])?;
        let by_child = front(&["--url", &gateway.mcp_url()])?;
        for driver in [over_http, as_child, by_child] {
            let report = driver.report(&arguments).await?;
            let [slow, failing, confirmed, greeted] = &report.calls[..] else {
                anyhow::bail!("four calls: {report:?}");
            };
            for (call, error) in [(slow, false), (failing, true), (confirmed, false)] {
                ensure!(call.is_task() && call.is_error == error, "{call:?}");
            }
            assert_eq!(confirmed.text, "Deleted.");
            ensure!(!greeted.is_task() && !greeted.is_error, "{greeted:?}");
        }
        gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_official_client_of_the_extension_finds_nothing_wrong() -> Result<()> {
    installed()?;
    let child = stdio_everything("modern")?;
    let config = format!("{OPEN}targets:\n  t: {{ stdio: {{ command: {child} }} }}\n");
    let gateway = Gateway::start(&config).await?;
    listed(&gateway.client(), "t___slow_compute").await?;
    let driver = Driver::new(Peer::TsSdk, Speaks::Modern, gateway.mcp_url());
    let slow = ["--tasks", "--call", "t___slow_compute", r#"{"seconds":1}"#];
    let others = ["--call", "t___failing_job", "{}", "--call", "t___greet", r#"{"name":"x"}"#];
    let arguments: Vec<String> = slow.into_iter().chain(others).map(str::to_owned).collect();
    let report = driver.report(&arguments).await?;
    let seen: Vec<_> = report.calls.iter().map(|call| (call.is_task(), call.is_error)).collect();
    assert_eq!(seen, [(true, false), (true, true), (false, false)], "{report:?}");
    gateway.books_agree().await
}
