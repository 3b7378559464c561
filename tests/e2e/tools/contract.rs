//! What every tool promises by its schemas, held against what it does.
//!
//! In: the list of all tools, and upstreams that answer. Out: for arguments that fit, a result that
//! fits as well, or a failure in the one form; for arguments that miss in one place, a refusal before
//! anything was sent. What fits is said by a validator that nobody here wrote.

pub(super) mod made;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use toolgate_tests::amazon::Amazon;
use toolgate_tests::client::{Answer, Client};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::kube_stub::{KubeStub, TOKEN};
use toolgate_tests::page::Page;
use toolgate_tests::process::Scratch;
use toolgate_tests::prometheus::Prometheus;

use super::{FOUND, aws, failure};
use crate::expect::OPEN;

use made::{Members, fitting, missing};

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/run.sh");
/// How often each tool is called with arguments that fit.
const FITTING: usize = 12;
/// How often one is called that has had nothing to tell until then.
const MOST: usize = 100;
/// The codes of a failure (`proxy/tools/src/error.rs`), without those that are mistakes of our own.
const CODES: [&str; 11] = [
    "invalid_arguments",
    "not_found",
    "refused",
    "rate_limited",
    "blocked",
    "denied",
    "unreachable",
    "timeout",
    "upstream_error",
    "garbled",
    "too_large",
];
/// Each of the three pages answers one tool of the documentation; and nobody guesses the id of a call.
const NEVER_GOOD: [&str; 7] = [
    "find___read",
    "find___recommend",
    "gateway___explain",
    "more___read",
    "more___search",
    "page___recommend",
    "page___search",
];
const MORE: &str = r#"{"similar":{"items":[
    {"url":"https://docs.aws.amazon.com/b.html","assetTitle":"B","abstract":"about b"}]}}"#;

/// One thing for the validator.
struct Claim {
    name: String,
    schema: Value,
    value: Value,
    fits: bool,
}

#[derive(Default)]
struct Seen {
    claims: Vec<Claim>,
    good: BTreeSet<String>,
    codes: BTreeMap<String, usize>,
}

#[tokio::test]
async fn every_tool_keeps_what_its_schemas_say() -> Result<()> {
    let open = format!("{OPEN}targets: {{ clock: {{ builtin: clock }} }}\n");
    let (watched, cloud) = tokio::try_join!(Gateway::start(&open), Emulator::ministack())?;
    let prometheus = Prometheus::start(&watched).await?;
    let amazon = Amazon::before(&prometheus.url()).await?;
    let (web, page) = (Page::serve(200, FOUND).await?, Page::serve(200, aws::PAGE).await?);
    let (find, more) = (Page::serve(200, aws::FOUND).await?, Page::serve(200, MORE).await?);
    aws::furnish(&cloud).await?;
    let mut config = format!(
        "{}targets:\n  cloud: {{ builtin: cloudwatch }}\n  core: {{ builtin: aws_core }}\n  \
         prom: {{ builtin: prometheus, url: \"{}\" }}\n",
        aws::region(&cloud.url()),
        prometheus.url(),
    );
    for (name, set, page) in [
        ("web", "web_search", &web),
        ("page", "aws_docs", &page),
        ("find", "aws_docs", &find),
        ("more", "aws_docs", &more),
    ] {
        writeln!(config, "  {name}: {{ builtin: {set}, url: \"{}\" }}", page.url())?;
    }
    let signed = format!("{}targets:\n  amp: {{ builtin: amp }}\n", aws::region(&amazon.url()));
    let scratch = Scratch::new()?;
    let stub = KubeStub::start(&scratch).await?;
    let file = stub.kubeconfig(TOKEN, &scratch)?;
    let clusters = format!(
        "{}targets:\n  eks: {{ builtin: eks }}\n  gateway: {{ builtin: gateway }}\n  \
         lab: {{ builtin: k8s, kubeconfig: \"{}\" }}\n",
        aws::region(&stub.eks_url()),
        file.display()
    );
    let mut seen = Seen::default();
    for config in [config, signed, clusters] {
        let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
        let listed = gateway.client().modern("tools/list", json!({})).await?.result()?;
        ensure!(listed["nextCursor"].is_null(), "there is more than one page");
        let tools = listed["tools"].as_array().context("no tools")?;
        let mut runner = TestRunner::deterministic();
        // In turn, because some upstreams are asked only so often.
        for nth in 0..MOST {
            let due = |tool: &&Value| nth < FITTING || seen.waits_for(tool);
            let due: Vec<&Value> = tools.iter().filter(due).collect();
            for tool in due {
                seen.call(&gateway.client(), tool, &mut runner).await?;
            }
        }
        for tool in tools {
            seen.miss(&gateway.client(), tool, &mut runner).await?;
        }
        gateway.books_agree().await?;
    }
    seen.judge(NEVER_GOOD)
}

/// The name of a tool, what it takes and what it gives.
fn parts(tool: &Value) -> Result<(&str, &Value, &Value)> {
    let name = tool["name"].as_str().context("no name")?;
    ensure!(tool["outputSchema"].is_object(), "{name} does not say what it gives");
    Ok((name, &tool["inputSchema"], &tool["outputSchema"]))
}

fn made(schema: &Value, members: Members, runner: &mut TestRunner) -> Result<Value> {
    let tree = fitting(schema, "", members).new_tree(runner);
    tree.map(|tree| tree.current()).map_err(|why| anyhow!("{schema}: {why}"))
}

// === impl Seen ===

impl Seen {
    /// Calls it with arguments that fit.
    async fn call(&mut self, client: &Client, tool: &Value, runner: &mut TestRunner) -> Result<()> {
        let (name, takes, gives) = parts(tool)?;
        let arguments = made(takes, Members::Some, runner)?;
        let answer = client.tool(name, arguments.clone()).await?;
        self.fitting(name, gives, &answer).with_context(|| format!("{name} {arguments}"))?;
        self.claim(name, takes, arguments, true);
        Ok(())
    }

    /// Calls it with arguments that are wrong in one place, in every place.
    async fn miss(&mut self, client: &Client, tool: &Value, runner: &mut TestRunner) -> Result<()> {
        let (name, takes, _) = parts(tool)?;
        for arguments in missing(takes, &made(takes, Members::All, runner)?) {
            let answer = client.tool(name, arguments.clone()).await?;
            let told = failure(&answer).with_context(|| format!("{name} {arguments}"))?;
            ensure!(told["code"] == "invalid_arguments", "{name} {arguments}: {told}");
            ensure!(told["upstream"].is_null(), "{name} {arguments}: it was sent: {told}");
            self.claim(name, takes, arguments, false);
        }
        Ok(())
    }

    fn fitting(&mut self, name: &str, gives: &Value, answer: &Answer) -> Result<()> {
        let result = answer.result()?;
        if result["isError"] != true {
            self.good.insert(name.to_owned());
            self.claim(name, gives, result["structuredContent"].clone(), true);
            return Ok(());
        }
        let told = failure(answer)?;
        let code = told["code"].as_str().unwrap_or_default();
        ensure!(CODES.contains(&code) && told["retryable"].is_boolean(), "{told}");
        *self.codes.entry(code.to_owned()).or_default() += 1;
        Ok(())
    }

    /// Whether it has had nothing to tell and should have.
    fn waits_for(&self, tool: &Value) -> bool {
        let name = tool["name"].as_str().unwrap_or_default();
        !self.good.contains(name) && !NEVER_GOOD.contains(&name)
    }

    fn claim(&mut self, name: &str, schema: &Value, value: Value, fits: bool) {
        self.claims.push(Claim { name: name.to_owned(), schema: schema.clone(), value, fits });
    }

    /// Whether the validator is of the same mind, and every tool but these had something to tell.
    fn judge<const N: usize>(self, never_good: [&str; N]) -> Result<()> {
        let tools: BTreeSet<&str> = self.claims.iter().map(|claim| &*claim.name).collect();
        let silent = tools.iter().filter(|name| !self.good.contains(**name));
        let silent: Vec<&str> = silent.copied().collect();
        ensure!(silent == never_good, "never good: {silent:?}; failures: {:?}", self.codes);
        let mut validator = Command::new(RUN)
            .arg("schemas")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the validator")?;
        let mut input = validator.stdin.take().context("no standard input")?;
        for Claim { name, schema, value, fits } in &self.claims {
            let line = json!({ "name": name, "schema": schema, "value": value, "fits": fits });
            writeln!(input, "{line}")?;
        }
        drop(input);
        let said = validator.wait_with_output()?;
        ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
        Ok(())
    }
}
