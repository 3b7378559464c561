//! Servers of one gateway: parts of what its targets offer, each at a path of its own.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolgate_tests::client::{Answer, Ask, Client, Opened, message, with_meta};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::herald::{Era as HeraldEra, Herald, tool};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::upstream::Upstream;
use toolgate_tests::wait::until;

use crate::expect::OPEN;
use crate::front_stdio::child::{Front, OLDER};
use crate::peers::driver::{Driver, Era, Peer, installed};

const SCOPE: &str = "gateway/invoke";
const ONCALL: &str = "gateway/oncall";
const WHOLE: [&str; 4] = ["clock___now", "clock___sleep", "one___echo", "two___echo"];

/// A gateway with servers before a modern and an older target.
struct House {
    gateway: Gateway,
    issuer: Issuer,
    one: Herald,
    two: Herald,
}

impl House {
    async fn start() -> Result<Self> {
        let issuer = Issuer::start().await?;
        let (one, two) =
            tokio::try_join!(Herald::start(HeraldEra::Modern), Herald::start(HeraldEra::Legacy))?;
        let config = format!(
            "auth:
  issuers:
    - {{ name: pool, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}] }}
  scopes: [{SCOPE}]
defaults: {{ list_ttl: 1h }}
targets:
  clock: {{ builtin: clock }}
  one: {{ mcp: {{ url: \"{}\" }} }}
  two: {{ mcp: {{ url: \"{}\" }} }}
servers:
  oncall:
    targets: [clock, one]
    tools: {{ deny: [clock___sleep] }}
    prefix: when_needed
    scopes: [{ONCALL}]
    instructions: Be quick.
  both: {{ targets: [clock, one, two], prefix: when_needed }}
  bare: {{ targets: [two], prefix: never }}
",
            issuer.url(),
            one.url(),
            two.url()
        );
        let gateway = Gateway::start(&config).await?;
        let house = Self { gateway, issuer, one, two };
        house.at("").until_listed(&WHOLE).await?;
        Ok(house)
    }

    fn token(&self) -> String {
        self.issuer.token(&[SCOPE, ONCALL])
    }

    /// A caller who may do everything.
    fn at(&self, server: &str) -> Client {
        self.gateway.client().with_token(self.token()).at(&format!("/mcp{server}"))
    }

    fn url(&self, server: &str) -> String {
        format!("{}{server}", self.gateway.mcp_url())
    }

    async fn reports(
        &self,
        peer: Peer,
        era: Era,
        server: &str,
        calls: &[&str],
    ) -> Result<Vec<String>> {
        let driver = Driver::new(peer, era, self.url(server)).with_token(&self.token());
        let mut args = vec!["--tools".to_owned()];
        for name in calls {
            args.extend(["--call", name, "{}"].map(str::to_owned));
        }
        let report = driver.report(&args).await?;
        ensure!(report.is_of(peer, era), "{report:?}");
        ensure!(report.calls.iter().all(|call| !call.is_error), "{report:?}");
        ensure!(report.calls.len() == calls.len(), "{report:?}");
        if server == "/oncall" {
            let said =
                driver.refused(&["--call", "sleep", "{\"ms\":1}"].map(str::to_owned)).await?;
            ensure!(said.contains("unknown tool `sleep`"), "{peer:?}: {said}");
        }
        Ok(report.tools)
    }
}

#[tokio::test]
async fn clients_of_others_see_each_server_as_one_of_its_own_in_both_eras() -> Result<()> {
    installed()?;
    let house = House::start().await?;
    for (peer, era) in [
        (Peer::PythonSdk, Era::Legacy),
        (Peer::TsSdk, Era::Modern),
        (Peer::Rmcp, Era::Legacy),
        (Peer::Rmcp, Era::Modern),
    ] {
        let all = async {
            tokio::try_join!(
                house.reports(peer, era, "/oncall", &["now", "echo"]),
                house.reports(peer, era, "/both", &["now", "one___echo", "two___echo"]),
                house.reports(peer, era, "/bare", &["echo"]),
            )
        };
        let (oncall, both, bare) =
            Box::pin(all).await.with_context(|| format!("{peer:?} {era:?}"))?;
        ensure!(oncall == ["now", "echo"], "{oncall:?}");
        ensure!(both == ["now", "sleep", "one___echo", "two___echo"], "{both:?}");
        ensure!(bare == ["echo"], "{bare:?}");
    }
    ensure!(house.at("").tools().await? == WHOLE, "the whole is still the whole");
    house.gateway.books_agree().await
}

/// The whole error, without what differs from one call to the next: the request's id and the name.
fn nameless(answer: &Answer, name: &str) -> Result<Value> {
    let mut error = answer.message()?["error"].clone();
    let data = error["data"].as_object_mut().context("an error without data")?;
    ensure!(data.remove("request_id").is_some(), "no request_id: {}", answer.text());
    let text = error.to_string();
    ensure!(text.contains(name), "`{name}` is not named: {text}");
    Ok(serde_json::from_str(&text.replace(name, "NAME"))?)
}

#[tokio::test]
async fn what_is_hidden_is_told_from_what_never_was_by_nobody() -> Result<()> {
    let house = House::start().await?;
    let (oncall, session) = (house.at("/oncall"), house.at("/oncall").session().await?);
    for (hidden, nothing) in
        [("sleep", "xxxxx"), ("clock___sleep", "clock___xxxxx"), ("two___echo", "xxx___echo")]
    {
        let answers =
            [oncall.tool(hidden, json!({})).await?, oncall.tool(nothing, json!({})).await?];
        let [one, other] = &answers;
        assert_eq!((one.status, other.status), (200, 200));
        assert_eq!(nameless(one, hidden)?, nameless(other, nothing)?);
        let line = house.gateway.line_of(one).await?;
        assert_eq!(
            (&line["reason"], &line["server"]),
            (&json!("target_unknown"), &json!("oncall"))
        );
        assert_eq!(line.get("target"), None, "{line}");
        let older = session.tool(hidden, json!({})).await?;
        assert_eq!(older.message()?["error"]["code"], -32602, "{}", older.text());
        let never = session.tool(nothing, json!({})).await?;
        assert_eq!(older.status, never.status);
        assert_eq!(nameless(&older, hidden)?, nameless(&never, nothing)?);
    }
    let good = house.at("").tool("clock___now", json!({})).await?;
    assert_eq!(house.gateway.line_of(&good).await?.get("server"), None, "the whole has no name");
    let said = oncall.modern("server/discover", json!({})).await?.result()?;
    assert_eq!(said["instructions"], "Be quick.");
    house.gateway.books_agree().await
}

#[tokio::test]
async fn a_session_of_one_server_is_none_of_another() -> Result<()> {
    let house = House::start().await?;
    let places = ["", "/oncall", "/both"];
    for own in places {
        let session = house.at(own).session().await?;
        for used in places {
            let there = house.at(used).resumed(&session.id);
            let wanted = if used == own { 200 } else { 404 };
            assert_eq!(
                there.request("tools/list", json!({})).await?.status,
                wanted,
                "{own} {used}"
            );
            let batch = there.send(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#).await?;
            assert_eq!(batch.status, 400, "2025-11-25 has no batches");
            if used != own {
                assert_eq!(there.stream().await?.status, 404, "{own} {used}");
                assert_eq!(there.end().await?.status, 404, "{own} {used}");
            }
        }
        assert_eq!(session.stream().await?.status, 200);
        assert_eq!(session.end().await?.status, 204);
    }
    house.gateway.books_agree().await
}

#[tokio::test]
async fn a_server_asks_for_its_scopes_and_says_where_to_get_them() -> Result<()> {
    let house = House::start().await?;
    let plain = house.gateway.client().with_token(house.issuer.token(&[SCOPE]));
    assert_eq!(plain.tools().await?, WHOLE, "the gateway as a whole needs less");
    assert_eq!(plain.at("/mcp/both").tools().await?.len(), 4);
    let document = "/.well-known/oauth-protected-resource/mcp/oncall";
    let metadata = format!("http://{}{document}", house.gateway.listen());
    for refused in [
        plain.at("/mcp/oncall").tool("now", json!({})).await?,
        plain.at("/mcp/oncall").modern("tools/list", json!({})).await?,
        plain.at("/mcp/oncall").tool("sleep", json!({})).await?,
    ] {
        assert_eq!(refused.status, 403, "{}", refused.text());
        let challenge = refused.header("www-authenticate").context("no challenge")?;
        let wanted = format!(
            "Bearer error=\"insufficient_scope\", resource_metadata=\"{metadata}\", \
             scope=\"{SCOPE} {ONCALL}\""
        );
        assert_eq!(challenge, wanted);
    }
    let nobody = house.gateway.client().at("/mcp/oncall").modern("tools/list", json!({})).await?;
    assert_eq!(nobody.status, 401);
    let challenge = nobody.header("www-authenticate").context("no challenge")?;
    assert_eq!(
        challenge,
        format!("Bearer resource_metadata=\"{metadata}\", scope=\"{SCOPE} {ONCALL}\"")
    );
    let told: Value = serde_json::from_slice(&plain.send(Ask::get(document)).await?.body)?;
    assert_eq!(told["resource"], house.url("/oncall"));
    assert_eq!(told["scopes_supported"], json!([SCOPE, ONCALL]));
    let whole = plain.send(Ask::get("/.well-known/oauth-protected-resource/mcp")).await?;
    let whole: Value = serde_json::from_slice(&whole.body)?;
    assert_eq!(
        (&whole["resource"], &whole["scopes_supported"]),
        (&json!(house.url("")), &json!([SCOPE]))
    );
    let strange = Ask::modern("tools/list", json!({})).instead("host", "evil.example.com");
    assert_eq!(house.at("/oncall").send(strange).await?.status, 403, "no other Host is taken");
    for nowhere in ["/mcp/nobody", "/mcp/", "/mcp/oncall/", "/mcp/ONCALL", "/mcp/oncal%6C"] {
        let answer = house.gateway.client().at(nowhere).modern("tools/list", json!({})).await?;
        let error = &answer.message()?["error"];
        assert_eq!((answer.status, &error["code"]), (404, &json!(-32600)), "{nowhere}");
        let says = answer.text();
        ensure!(says.contains("no server of that name"), "{says}");
        ensure!(!says.contains("oncall") && !says.contains("bare"), "names are told: {says}");
    }
    house.gateway.books_agree().await
}

#[tokio::test]
async fn a_token_for_the_uri_of_a_server_is_taken_there_only() -> Result<()> {
    let issuer = Issuer::start().await?;
    let config = format!(
        "public_url: https://gw.example.com
auth: {{ issuers: [{{ name: staff, profile: oidc, issuer: \"{}\" }}] }}
targets: {{ clock: {{ builtin: clock }} }}
servers: {{ a: {{ targets: [clock] }}, b: {{ targets: [clock] }} }}
",
        issuer.url()
    );
    let gateway = Gateway::start(&config).await?;
    for (aud, good) in
        [("/mcp", [200, 200, 200]), ("/mcp/a", [401, 200, 401]), ("/mcp/c", [401; 3])]
    {
        let mut claims = issuer.claims(&[]);
        claims["aud"] = format!("https://gw.example.com{aud}").into();
        let token = issuer.mint(claims);
        for _ in 0..2 {
            for (place, status) in ["/mcp", "/mcp/a", "/mcp/b"].iter().zip(good) {
                let client = gateway.client().with_token(token.clone()).at(place);
                let answer = client.modern("tools/list", json!({})).await?;
                assert_eq!(answer.status, status, "{aud} at {place}: {}", answer.text());
            }
        }
    }
    gateway.books_agree().await
}

async fn listen(client: &Client) -> Result<Opened> {
    let uris = ["herald://a", "herald://b"];
    let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": uris });
    let params = with_meta(json!({ "notifications": filter }));
    let mut stream =
        client.open(Ask::modern_raw(r#""s-1""#, "subscriptions/listen", &params)).await?;
    let first = stream.next_message().await?;
    ensure!(first["method"] == "notifications/subscriptions/acknowledged", "{first}");
    Ok(stream)
}

#[tokio::test]
async fn a_stream_hears_of_the_targets_of_its_server_in_both_eras() -> Result<()> {
    let house = House::start().await?;
    house.one.until_streams(&[], 1).await?;
    let session = house.at("/oncall").session().await?;
    let mut older = session.stream().await?;
    let mut modern = listen(&house.at("/oncall")).await?;
    let mut bare = listen(&house.at("/bare")).await?;
    // First what is none of its, and when that is known everywhere, what is. Whoever is not listened
    // to yet tells nobody.
    house.two.until_streams(&[], 1).await?;
    house.two.lists(json!([tool("new", &json!({}))]));
    house.two.changed();
    let told = bare.next_message().await?;
    ensure!(told["method"] == "notifications/tools/list_changed", "{told}");
    ensure!(house.at("/bare").tools().await? == ["new"]);
    let subscribed = session.request("resources/subscribe", json!({ "uri": "herald://a" })).await?;
    assert_eq!(subscribed.message()?["result"], json!({}));
    house.one.until_streams(&["herald://a", "herald://b"], 1).await?;
    house.one.updated("herald://a");
    for stream in [&mut older, &mut modern] {
        let told = stream.next_message().await?;
        ensure!(told["method"] == "notifications/resources/updated", "{told}");
    }
    house.one.lists(json!([tool("echo", &json!({})), tool("more", &json!({}))]));
    house.one.changed();
    for stream in [&mut older, &mut modern] {
        let told = stream.next_message().await?;
        ensure!(told["method"] == "notifications/tools/list_changed", "{told}");
    }
    ensure!(house.at("/oncall").tools().await? == ["now", "echo", "more"]);
    Ok(())
}

/// A gateway before a server that has everything, with two servers: `some` of it, and `none`.
async fn selective() -> Result<(Gateway, Upstream)> {
    let upstream = Upstream::start_everything("both").await?;
    let config = format!(
        "{OPEN}targets:
  clock: {{ builtin: clock }}
  all: {{ mcp: {{ url: \"{}\" }} }}
servers:
  some:
    targets: [all]
    prefix: never
    prompts: {{ allow: [all___test_simple_*, all___nothing_of_the_kind] }}
    resources: {{ allow: [\"test://static-*\"], deny: [\"*-binary\"] }}
  none: {{ targets: [clock] }}
",
        upstream.url()
    );
    let gateway = Gateway::start(&config).await?;
    until("the prompts are listed", async || {
        Ok((listed(&gateway.client(), "prompts", "name").await?.len() > 2).then_some(()))
    })
    .await?;
    Ok((gateway, upstream))
}

async fn listed(client: &Client, what: &str, by: &str) -> Result<Vec<String>> {
    let list = client.modern(&format!("{what}/list"), json!({})).await?.result()?;
    let member = if what == "resources/templates" { "resourceTemplates" } else { what };
    let items = list[member].as_array().context("a list")?;
    Ok(items.iter().map(|item| item[by].as_str().unwrap_or_default().to_owned()).collect())
}

#[tokio::test]
async fn prompts_and_resources_are_listed_as_far_as_they_are_of_the_server() -> Result<()> {
    let (gateway, _upstream) = selective().await?;
    let at = |server: &str| gateway.client().at(&format!("/mcp/{server}"));
    assert_eq!(listed(&at("some"), "prompts", "name").await?, ["test_simple_prompt"]);
    assert_eq!(listed(&at("some"), "resources", "uri").await?, ["test://static-text"]);
    assert_eq!(listed(&at("some"), "resources/templates", "uriTemplate").await?, [""; 0]);
    assert_eq!(listed(&at("none"), "prompts", "name").await?, [""; 0]);
    assert_eq!(listed(&at("none"), "resources", "uri").await?, [""; 0]);
    let said = at("none").modern("server/discover", json!({})).await?.result()?;
    assert_eq!(said["capabilities"], json!({ "tools": { "listChanged": true } }), "{said}");
    until("the operator is told of the pattern", async || {
        Ok(gateway.stderr().contains("all___nothing_of_the_kind").then_some(()))
    })
    .await?;
    ensure!(gateway.stderr().matches("all___nothing_of_the_kind").count() == 1, "once");
    Ok(())
}

#[tokio::test]
async fn a_resource_is_read_completed_and_watched_as_far_as_it_is_of_the_server() -> Result<()> {
    let (gateway, _upstream) = selective().await?;
    let some = gateway.client().at("/mcp/some");
    let read = async |client: &Client, uri: &str| {
        let ask = Ask::modern("resources/read", json!({ "uri": uri })).header("mcp-name", uri);
        client.send(ask).await?.message()
    };
    ensure!(read(&some, "test://static-text").await?["result"]["contents"].is_array());
    for uri in ["test://static-binary", "test://template/1/data", "test://static-/../static-text"] {
        let whole = read(&gateway.client(), uri).await?;
        ensure!(uri.contains("..") || whole["result"].is_object(), "{uri}: {whole}");
        let hidden = read(&some, uri).await?;
        assert_eq!(hidden["error"]["code"], -32602, "{hidden}");
        let says = hidden["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(says, format!("no target has the resource `{uri}`"));
    }
    let params = json!({
        "ref": { "type": "ref/resource", "uri": "test://template/{id}/data" },
        "argument": { "name": "id", "value": "1" },
    });
    let whole = gateway.client();
    let complete = whole.modern("completion/complete", params.clone()).await?.message()?;
    ensure!(complete["result"]["completion"]["values"].is_array(), "{complete}");
    let complete = some.modern("completion/complete", params).await?.message()?;
    assert_eq!(complete["error"]["code"], -32602, "{complete}");
    let watched = json!({ "uri": "test://watched-resource" });
    let (all, session) = (whole.session().await?, some.session().await?);
    let good = all.request("resources/subscribe", watched.clone()).await?.message()?;
    assert_eq!(good["result"], json!({}), "{good}");
    let watched = session.request("resources/subscribe", watched).await?.message()?;
    ensure!(watched["error"].is_object(), "{watched}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_server_is_told_with_its_line_and_nothing_starts() -> Result<()> {
    let scratch = Scratch::new()?;
    let config = format!(
        "{OPEN}targets:\n  clock: {{ builtin: clock }}\nservers:\n  a:\n    targets: [clok]\n  \
         b: {{ targets: [clock], tools: {{ allow: [\"k8s___*\"] }} }}\n"
    );
    let file = scratch.write("toolgate.yaml", &config)?;
    let path = file.to_str().context("a path that is not UTF-8")?;
    for command in [vec!["check", path], vec!["serve", "--config", path]] {
        let run = Command::new(binary("toolgate", "toolgate")?).args(&command).output().await?;
        assert_eq!(run.status.code(), Some(3), "{run:?}");
        let says = String::from_utf8_lossy(&run.stderr) + String::from_utf8_lossy(&run.stdout);
        for wanted in
            ["toolgate.yaml:6:15", "did you mean `clock`?", "toolgate.yaml:7:43", "TG1027"]
        {
            ensure!(says.contains(wanted), "{command:?} lacks {wanted}: {says}");
        }
    }
    Ok(())
}

const SMALL: &str = "targets:\n  clock: { builtin: clock }\n  gateway: { builtin: gateway }\nservers:\n  \
                     a: { targets: [clock], tools: { allow: [clock___now] }, prefix: never }\n";

#[tokio::test]
async fn the_command_line_calls_a_server_by_its_name() -> Result<()> {
    let gateway = Gateway::start(&format!("{OPEN}{SMALL}")).await?;
    let url = gateway.mcp_url();
    let said = async |args: &[&str]| {
        let mut command = Command::new(binary("toolgate", "toolgate")?);
        let run = command.arg("call").args(args).args(["--url", &url]).output().await?;
        let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
        anyhow::Ok((run.status.code(), said.into_owned()))
    };
    let (code, listed) = said(&["--list", "--server", "a"]).await?;
    assert_eq!(code, Some(0), "{listed}");
    ensure!(listed.contains("now") && !listed.contains("___"), "{listed}");
    assert_eq!(said(&["now", "--server", "a"]).await?.0, Some(0));
    let (code, unknown) = said(&["status", "--server", "a"]).await?;
    ensure!(code == Some(2) && unknown.contains("unknown tool"), "{unknown}");
    let (code, nobody) = said(&["now", "--server", "b"]).await?;
    ensure!(code != Some(0) && nobody.contains("no server of that name"), "{nobody}");
    let (code, wrong) = said(&["now", "--server", "../b"]).await?;
    ensure!(code == Some(2) && wrong.contains("cannot name a server"), "{wrong}");
    let (_, curl) = said(&["now", "--server", "a", "--curl"]).await?;
    ensure!(curl.contains(&format!("{url}/a")), "{curl}");
    Ok(())
}

#[tokio::test]
async fn a_front_on_standard_input_can_be_a_server() -> Result<()> {
    let mut front = Front::start(&format!("{OPEN}{SMALL}"), &["--server", "a"])?;
    front.session(OLDER).await?;
    let names = |list: &Value| -> Vec<String> {
        let tools = list["result"]["tools"].as_array().cloned().unwrap_or_default();
        tools.iter().map(|tool| tool["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    front.say(message("1", "tools/list", "{}")).await?;
    assert_eq!(names(&front.hear().await?), ["now"]);
    front.say(message("2", "tools/list", &with_meta(json!({})))).await?;
    assert_eq!(names(&front.hear().await?), ["now"]);
    let line = front.logged(|line| line["rpc_id"] == 2).await?;
    assert_eq!(line["server"], "a", "{line}");
    let mut nobody = Front::start(&format!("{OPEN}{SMALL}"), &["--server", "b"])?;
    assert_eq!(nobody.ended().await?.code(), Some(2));
    ensure!(nobody.stderr().contains("there is no server `b`"), "{}", nobody.stderr());
    ensure!(nobody.stderr().contains("the servers are `a`"), "{}", nobody.stderr());
    Ok(())
}
