//! A secret goes where it belongs and nowhere else, whatever becomes of the call and however much
//! the operator wants to be told.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::collector::Collector;
use toolgate_tests::gateway::{Gateway, Stopped, parse_log};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::Scratch;
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::wait::until;

const SCOPE: &str = "gateway/invoke";

/// What begins every secret here, and nothing else.
const CANARY: &str = "canary4711";
const IN_TOKEN: &str = "canary4711-claim-of-a-token";
const GARBAGE: &str = "canary4711-not-a-token";
const ARGUMENT: &str = "canary4711-argument";
const RESULT: &str = "canary4711-result";
const TARGET: &str = "canary4711-credential-of-the-target";
const CHILD: &str = "canary4711-credential-of-the-child";
const COLLECTOR: &str = "canary4711-credential-of-the-collector";

/// A gateway that says all it can, between a caller, two targets and a collector with secrets.
struct House {
    gateway: Gateway,
    issuer: Issuer,
    sick: Sick,
    collector: Collector,
    scratch: Scratch,
}

impl House {
    async fn start(protocol: &str, era: Era) -> Result<Self> {
        let issuer = Issuer::start().await?;
        let sick = Sick::start(era).await?;
        let collector = Collector::start().await?;
        let scratch = Scratch::new()?;
        let (iss, url, otlp) = (issuer.url(), sick.url(), collector.url());
        let config = format!(
            "auth:\n  issuers: [{{ name: main, profile: cognito, issuer: \"{iss}\", clients: [\"{CLIENT_ID}\"] }}]\n  \
             scopes: [{SCOPE}]\n\
             traces: {{ sample: 1, otlp: {{ endpoint: \"{otlp}\", protocol: {protocol}, \
             credentials: {{ header: Api-Key, secret: \"env:OTLP_KEY\" }} }} }}\n\
             targets:\n  sick:\n    mcp: {{ url: \"{url}\" }}\n    timeout: 1s\n    \
             breaker: {{ failures: 1000 }}\n    \
             credentials: {{ header: Authorization, scheme: Bearer, secret: \"env:SICK_TOKEN\" }}\n  \
             child:\n    stdio: {{ command: {}, env: {{ CHILD_TOKEN: \"env:CHILD_TOKEN\" }} }}\n\
             tools:\n  sick___write: {{ scopes: [sick/write] }}\n",
            child(scratch.path()),
        );
        let env = [("SICK_TOKEN", TARGET), ("CHILD_TOKEN", CHILD), ("OTLP_KEY", COLLECTOR)];
        let gateway = Gateway::start_at("trace", &config, &env).await?;
        Ok(Self { gateway, issuer, sick, collector, scratch })
    }

    fn token(&self) -> String {
        let mut claims = self.issuer.claims(&[SCOPE]);
        claims["email"] = IN_TOKEN.into();
        self.issuer.mint(claims)
    }

    /// Calls that end in every way; how many there were.
    async fn calls(&self, token: &str) -> Result<usize> {
        let (good, arguments) =
            (self.gateway.client().with_token(token), json!({ "password": ARGUMENT }));
        let acts = endings();
        let mut calls = acts.len();
        for act in acts {
            self.sick.then([act]);
            good.tool("sick___read", arguments.clone()).await?;
        }
        let session = good.session().await?;
        let old = session.tool("sick___read", arguments.clone()).await?;
        ensure!(old.result().is_ok(), "{}", old.text());
        until("the child answers", async || {
            calls += 1;
            let answer = good.tool("child___read", arguments.clone()).await?;
            Ok(answer.result().is_ok().then_some(()))
        })
        .await?;
        good.tool("child___none", arguments.clone()).await?;
        good.tool("sick___write", arguments.clone()).await?;
        good.tool("nowhere___none", arguments.clone()).await?;
        let broken = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call" "{ARGUMENT}"}}"#);
        good.send(Ask::post(broken)).await?;
        let denied = self.strangers(token, &arguments).await?;
        // With the handshake, its notification and the call on the session.
        Ok(calls + 3 + 4 + denied)
    }

    /// Callers who are let in by nobody.
    async fn strangers(&self, token: &str, arguments: &Value) -> Result<usize> {
        let mut cut = token.to_owned();
        cut.truncate(token.len() - 8);
        let clients: [Client; 2] =
            [GARBAGE.to_owned(), cut].map(|token| self.gateway.client().with_token(token));
        for client in &clients {
            let answer = client.tool("sick___read", arguments.clone()).await?;
            ensure!(answer.status == 401, "{}", answer.text());
        }
        let basic = Ask::tool("sick___read", arguments.clone())
            .header("authorization", &format!("Basic {GARBAGE}"));
        self.gateway.client().send(basic).await?;
        Ok(clients.len() + 1)
    }

    /// That every credential came where it belongs.
    async fn arrived(&self) -> Result<()> {
        let sent = format!("Bearer {TARGET}");
        let seen = self.sick.seen();
        ensure!(!seen.is_empty(), "the target was sent nothing");
        for seen in &seen {
            ensure!(seen.header("authorization") == Some(&*sent), "{}", seen.method);
        }
        until("the child has its credential", async || {
            let read = std::fs::read_to_string(self.scratch.path().join(HANDED_OVER));
            Ok(read.is_ok_and(|text| text == CHILD).then_some(()))
        })
        .await?;
        until("the collector has spans", async || {
            Ok((!self.collector.spans().is_empty()).then_some(()))
        })
        .await?;
        let batches = self.collector.sent();
        let shown = batches.iter().all(|batch| batch.headers["api-key"] == COLLECTOR);
        ensure!(shown, "a batch without credential");
        Ok(())
    }

    /// What can be read of a gateway that runs.
    async fn pages(&self) -> Result<Vec<(&'static str, String)>> {
        let admin = Client::new(self.gateway.admin_url().replace("http://", "").parse()?);
        let open =
            Ask::get("/metrics").header("accept", "application/openmetrics-text; version=1.0.0");
        let open = admin.send(open).await?.text();
        ensure!(open.ends_with("# EOF\n") && open.contains("trace_id="), "{open}");
        let plain = self.gateway.admin("/metrics").await?.text();
        let ready = self.gateway.admin("/readyz").await?.text();
        Ok(vec![("OpenMetrics", open), ("/metrics", plain), ("/readyz", ready)])
    }
}

/// How the calls of the target over HTTP end.
fn endings() -> Vec<Act> {
    let content = json!([{ "type": "text", "text": RESULT }]);
    let good = json!({ "content": content, "structuredContent": { "password": RESULT },
                       "resultType": "complete" });
    let bad = json!({ "content": content, "isError": true, "resultType": "complete" });
    let data = json!({ "code": -32001, "message": "no", "data": { "password": RESULT } });
    vec![
        Act::Result(good.to_string()),
        Act::Result(bad.to_string()),
        Act::Error(data.to_string()),
        Act::Result(format!("{RESULT:?}")),
        Act::Result(format!("{{{RESULT}")),
        Act::page("500 Internal Server Error", "text/plain", RESULT),
        Act::page("200 OK", "text/html", RESULT),
        Act::page("401 Unauthorized", "application/json", &format!("{RESULT:?}")),
        Act::Reset,
        Act::Hang,
    ]
}

/// The file in which the child says what it was given.
const HANDED_OVER: &str = "handed-over";

/// The command of a child that writes its credential down.
fn child(folder: &Path) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sick_stdio.py");
    let (told, record) = (folder.join(HANDED_OVER), folder.join("record"));
    let run = "printf %s \"$CHILD_TOKEN\" > \"$0\"; exec python3 \"$@\"";
    json!(["sh", "-c", run, told, script, "modern", record]).to_string()
}

/// Whether a text holds a secret, or a piece of the token.
fn clean(place: &str, text: &str, token: &str) -> Result<()> {
    let pieces = token.split('.').filter(|piece| piece.len() >= 20);
    let secrets: Vec<&str> = pieces.chain([CANARY]).collect();
    for line in text.lines() {
        let found = secrets.iter().find(|secret| line.contains(**secret));
        ensure!(found.is_none(), "{place} has {}: {line}", found.unwrap_or(&""));
    }
    Ok(())
}

#[tokio::test]
async fn no_secret_is_anywhere_that_an_operator_reads() -> Result<()> {
    for (protocol, era) in [("http", Era::Modern), ("grpc", Era::Legacy)] {
        let house = House::start(protocol, era).await?;
        let token = house.token();
        let calls = house.calls(&token).await?;
        house.arrived().await.context(protocol)?;
        for (page, text) in house.pages().await? {
            clean(page, &text, &token)?;
        }
        let House { gateway, collector, .. } = house;
        let Stopped { access_log, stderr, status, .. } = gateway.stop().await?;
        assert!(status.success(), "{status}");
        // They did say what they had to say.
        assert_eq!(parse_log(&access_log)?.len(), calls);
        assert!(stderr.contains("TRACE"), "{stderr}");
        let server = collector.spans().iter().filter(|span| span.is_server()).count();
        assert!(server >= calls / 2, "{server} spans of {calls} calls");
        clean("the access log", &access_log, &token)?;
        clean("standard error", &stderr, &token)?;
        for batch in collector.sent() {
            clean("a batch of spans", &String::from_utf8_lossy(&batch.body), &token)?;
        }
    }
    Ok(())
}
