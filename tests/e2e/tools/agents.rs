//! Agents that others wrote, with all families of tools at once: FastMCP's client and an agent of
//! Strands, whose model is a script.
//!
//! In: a gateway with every built-in set and an HTTP API. Out: names that tell the families apart, one
//! good call of each, and a reader's token that sees nothing that changes anything.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::amazon::Amazon;
use toolgate_tests::api::{Api, SECRET};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::page::Page;
use toolgate_tests::process::binary;
use toolgate_tests::prometheus::Prometheus;
use toolgate_tests::wait::until;

use super::{FOUND, aws};
use crate::expect::OPEN;
use crate::peers::driver::{Driver, Era, Peer};

/// One call of each family, and something that its answer must say.
fn one_of_each() -> [(&'static str, Value, &'static str); 7] {
    [
        ("search___web_search", json!({ "query": "an example" }), "https://example.com/"),
        ("prom___query", json!({ "query": "vector(42)" }), "42"),
        ("own___amp___query", json!({ "query": "vector(42)" }), "42"),
        ("docs___search", json!({ "query": "S3" }), "about a"),
        ("cloud___active_alarms", json!({}), "orders"),
        ("account___aws_context", json!({}), "000000000000"),
        ("inventory___listItems", json!({}), "["),
    ]
}

/// What changes something: the tools of the API that are not read with GET.
const MUTATIONS: [&str; 4] =
    ["inventory___deleteItem", "inventory___makeItem", "inventory___setCount", "inventory___logIn"];

/// Everything that the gateway stands before, and the gateway.
struct Hall {
    gateway: Gateway,
    issuer: Issuer,
    _upstreams: (Gateway, Emulator, Prometheus, Amazon, Api, [Page; 2]),
}

// === impl Hall ===

impl Hall {
    async fn open() -> Result<Self> {
        let open = format!("{OPEN}targets: {{ clock: {{ builtin: clock }} }}\n");
        let (watched, cloud) = tokio::try_join!(Gateway::start(&open), Emulator::ministack())?;
        let prometheus = Prometheus::start(&watched).await?;
        let (amazon, api) = (Amazon::before(&prometheus.url()).await?, Api::start().await?);
        let (web, docs) = (Page::serve(200, FOUND).await?, Page::serve(200, aws::FOUND).await?);
        let (issuer, tools) = (Issuer::start().await?, binary("toolgate-tools", "toolgate-tools")?);
        aws::furnish(&cloud).await?;
        let [key, secret, _] = CREDENTIALS;
        let scopes = MUTATIONS.map(|name| format!("  {name}: {{ scopes: [items/write] }}\n"));
        let config = format!(
            "auth:\n  issuers: [{{ name: test, profile: cognito, issuer: \"{}\", clients: [\"{CLIENT_ID}\"] }}]\n\
             aws: {{ region: us-east-1, endpoint: \"{}\" }}\ntargets:\n  \
             search: {{ builtin: web_search, url: \"{}\" }}\n  \
             prom: {{ builtin: prometheus, url: \"{}\" }}\n  \
             own: {{ stdio: {{ command: [\"{}\", serve, --stdio, --amp, --amp-workspace, Shop, \
             --aws-region, us-east-1], env: {{ AWS_ENDPOINT_URL: \"{}\", AWS_ACCESS_KEY_ID: {}, \
             AWS_SECRET_ACCESS_KEY: {} }} }} }}\n  \
             docs: {{ builtin: aws_docs, url: \"{}\" }}\n  cloud: {{ builtin: cloudwatch }}\n  \
             account: {{ builtin: aws_core }}\n  \
             inventory: {{ openapi: {{ document: \"{}\", url: \"{}\" }}, \
             credentials: {{ scheme: Bearer, secret: env:INVENTORY_TOKEN }} }}\ntools:\n{}",
            issuer.url(),
            cloud.url(),
            web.url(),
            prometheus.url(),
            tools.display(),
            amazon.url(),
            key.1,
            secret.1,
            docs.url(),
            api.document()?,
            api.url(),
            scopes.concat()
        );
        let env = [&CREDENTIALS[..], &[("INVENTORY_TOKEN", SECRET)]].concat();
        let gateway = Gateway::start_with(&config, &env).await?;
        let upstreams = (watched, cloud, prometheus, amazon, api, [web, docs]);
        Ok(Self { gateway, issuer, _upstreams: upstreams })
    }

    async fn until_whole(&self) -> Result<()> {
        let caller = self.gateway.client().with_token(self.issuer.token(&["gateway/invoke"]));
        until("the child is listed", async || {
            let names = caller.tools().await?;
            Ok(names.iter().any(|name| name == "own___amp___query").then_some(()))
        })
        .await
    }
}

#[tokio::test]
async fn agents_of_others_use_every_family_and_a_reader_sees_no_mutation() -> Result<()> {
    let hall = Box::pin(Hall::open()).await?;
    hall.until_whole().await?;
    let reader = hall.issuer.token(&["gateway/invoke"]);
    let writer = hall.issuer.token(&["gateway/invoke", "items/write"]);
    for (peer, era) in
        [(Peer::FastMcp, Era::Modern), (Peer::FastMcp, Era::Legacy), (Peer::Strands, Era::Modern)]
    {
        let driver = Driver::new(peer, era, hall.gateway.mcp_url());
        let mut args = vec!["--tools".to_owned()];
        for (name, arguments, _) in one_of_each() {
            args.extend(["--call".to_owned(), name.to_owned(), arguments.to_string()]);
        }
        let report = driver.with_token(&reader).report(&args).await;
        let report = report.with_context(|| format!("{peer:?}"))?;
        ensure!(report.is_of(peer, era), "{report:?}");
        for ((name, _, says), called) in one_of_each().iter().zip(&report.calls) {
            ensure!(report.tools.iter().any(|tool| tool == name), "{peer:?}: {name} is not listed");
            ensure!(called.name == *name && !called.is_error, "{peer:?} {era:?}: {called:?}");
            ensure!(called.text.contains(says), "{peer:?} {era:?}: {called:?}");
        }
        ensure!(report.calls.len() == one_of_each().len(), "{peer:?}: {:?}", report.calls);
        let seen = |tools: &[String]| MUTATIONS.map(|name| tools.iter().any(|tool| tool == name));
        ensure!(seen(&report.tools) == [false; 4], "{peer:?}: {:?}", report.tools);
        let wide = driver.with_token(&writer).report(&["--tools".to_owned()]).await?;
        ensure!(seen(&wide.tools) == [true; 4], "{peer:?}: {:?}", wide.tools);
    }
    hall.gateway.books_agree().await
}
