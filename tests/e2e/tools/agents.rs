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
use toolgate_tests::kube_stub::{KubeStub, TOKEN};
use toolgate_tests::page::Page;
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::prometheus::Prometheus;
use toolgate_tests::wait::until;

use super::{FOUND, aws};
use crate::expect::OPEN;
use crate::peers::driver::{Driver, Era, Peer};

/// One call of each family, and something that its answer must say.
fn one_of_each() -> [(&'static str, Value, &'static str); 10] {
    [
        ("search___web_search", json!({ "query": "an example" }), "https://example.com/"),
        ("prom___query", json!({ "query": "vector(42)" }), "42"),
        ("own___amp___query", json!({ "query": "vector(42)" }), "42"),
        ("docs___search", json!({ "query": "S3" }), "about a"),
        ("cloud___active_alarms", json!({}), "orders"),
        ("account___aws_context", json!({}), "000000000000"),
        ("inventory___listItems", json!({}), "["),
        ("clusters___list_clusters", json!({}), "clusters"),
        ("lab___list_pods", json!({}), "web-1"),
        ("gateway___top", json!({ "by": "target" }), "lab"),
    ]
}

/// What changes something: the tools of the API that are not read with GET, and those of Kubernetes.
const MUTATIONS: [&str; 7] = [
    "inventory___deleteItem",
    "inventory___makeItem",
    "inventory___setCount",
    "inventory___logIn",
    "lab___delete_pod",
    "lab___restart_rollout",
    "lab___scale",
];

/// Everything that the gateway stands before, and the gateway.
struct Hall {
    gateway: Gateway,
    issuer: Issuer,
    _upstreams: (Gateway, Emulator, Prometheus, Amazon, Api, [Page; 2], KubeStub, Scratch),
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
        let scratch = Scratch::new()?;
        let cluster = KubeStub::start(&scratch).await?;
        let kubeconfig = cluster.kubeconfig(TOKEN, &scratch)?;
        // Those of Kubernetes have one of their own.
        let items = MUTATIONS.iter().filter(|name| name.starts_with("inventory"));
        let scopes = items.map(|name| format!("  {name}: {{ scopes: [items/write] }}\n"));
        let scopes: String = scopes.collect();
        let config = format!(
            "auth:\n  issuers: [{{ name: test, profile: cognito, issuer: \"{}\", clients: [\"{CLIENT_ID}\"] }}]\n\
             aws: {{ region: us-east-1, endpoint: \"{}\" }}\ntargets:\n  \
             search: {{ builtin: web_search, url: \"{}\" }}\n  \
             prom: {{ builtin: prometheus, url: \"{}\" }}\n  \
             own: {{ stdio: {{ command: [\"{}\", serve, --stdio, --amp, --amp-workspace, Shop, \
             --aws-region, us-east-1], env: {{ AWS_ENDPOINT_URL: \"{}\", AWS_ACCESS_KEY_ID: {}, \
             AWS_SECRET_ACCESS_KEY: {} }} }} }}\n  \
             docs: {{ builtin: aws_docs, url: \"{}\" }}\n  cloud: {{ builtin: cloudwatch }}\n  \
             account: {{ builtin: aws_core }}\n  clusters: {{ builtin: eks }}\n  \
             lab: {{ builtin: k8s, kubeconfig: \"{}\", allow_mutations: true }}\n  \
             gateway: {{ builtin: gateway }}\n  \
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
            kubeconfig.display(),
            api.document()?,
            api.url(),
            scopes
        );
        let env = [&CREDENTIALS[..], &[("INVENTORY_TOKEN", SECRET)]].concat();
        let gateway = Gateway::start_with(&config, &env).await?;
        let upstreams = (watched, cloud, prometheus, amazon, api, [web, docs], cluster, scratch);
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
    let reads = ["gateway/invoke", "gateway/observe"];
    let reader = hall.issuer.token(&reads);
    let writer = hall.issuer.token(&[&reads[..], &["items/write", "k8s/write"]].concat());
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
        ensure!(seen(&report.tools) == [false; 7], "{peer:?}: {:?}", report.tools);
        let wide = driver.with_token(&writer).report(&["--tools".to_owned()]).await?;
        ensure!(seen(&wide.tools) == [true; 7], "{peer:?}: {:?}", wide.tools);
    }
    hall.gateway.books_agree().await
}
