//! The log of a pod, followed: through the gateway by each way to the tools, and from the tool server itself.
//!
//! In: what a container writes, piece by piece. Out: its lines as progress while they are written, before the
//! answer, in both eras; nothing that is not asked for; and no reading for who has left.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolgate_tests::client::{Ask, Client, Opened, Session, message, with_meta};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::kube_stub::{KubeStub, TOKEN};
use toolgate_tests::process::{Process, Scratch, binary};
use toolgate_tests::wait::until;

use super::data;
use crate::expect::OPEN;
use crate::peers::driver::{Driver, Era, Peer, installed};

/// How long who serves may take to see that its caller has left.
const PATIENCE: Duration = Duration::from_secs(10);
/// The tool, as the tool server calls it.
const OWN: &str = "k8s___pod_logs";

/// A cluster whose logs are followed, and who shows it.
struct Stage {
    stub: KubeStub,
    kubeconfig: String,
    scratch: Scratch,
}

impl Stage {
    async fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let stub = KubeStub::start(&scratch).await?;
        let kubeconfig = stub.kubeconfig(TOKEN, &scratch)?.display().to_string();
        Ok(Self { stub, kubeconfig, scratch })
    }

    /// The command that serves its tools on standard input and output.
    fn command(&self) -> Result<Vec<String>> {
        let program = binary("toolgate-tools", "toolgate-tools")?.display().to_string();
        Ok([&program, "serve", "--stdio", "--kubeconfig", &self.kubeconfig]
            .map(str::to_owned)
            .into())
    }

    async fn server(&self) -> Result<Server> {
        Server::start(Path::new(&self.kubeconfig), &self.scratch).await
    }

    /// A gateway with that target, which has the tool by this name.
    async fn gateway(&self, target: &str, tool: &str) -> Result<Gateway> {
        let config = format!("{OPEN}prefix: always\ntargets: {{ lab: {{ {target} }} }}\n");
        let gateway = Gateway::start(&config).await?;
        until("the tool is listed", async || {
            let names = gateway.client().tools().await?;
            Ok(names.iter().any(|name| name == tool).then_some(()))
        })
        .await?;
        Ok(gateway)
    }
}

/// `toolgate-tools serve --http`.
struct Server {
    url: String,
    _process: Process,
}

impl Server {
    async fn start(kubeconfig: &Path, scratch: &Scratch) -> Result<Self> {
        let mut command = Command::new(binary("toolgate-tools", "toolgate-tools")?);
        command.args(["serve", "--http", "127.0.0.1:0", "--kubeconfig"]).arg(kubeconfig);
        let mut process = Process::start("tools", &mut command, scratch)?;
        let url = until("the tools say where they listen", async || {
            process.check()?;
            let said = process.stdout();
            let url = said.strip_prefix("listening ").and_then(|rest| rest.strip_suffix('\n'));
            Ok(url.map(str::to_owned))
        })
        .await?;
        Ok(Self { url, _process: process })
    }

    fn client(&self) -> Result<Client> {
        let address = self.url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/mcp"));
        Ok(Client::new(address.context("no address")?.parse()?))
    }
}

/// A call that follows a log.
fn call(tool: &str) -> Value {
    let arguments = json!({ "namespace": "shop", "pod": "web-1", "follow_seconds": 40 });
    json!({ "name": tool, "_meta": { "progressToken": "p-1" }, "arguments": arguments })
}

async fn modern(client: &Client, tool: &str) -> Result<Opened> {
    let sent = with_meta(call(tool));
    client.open(Ask::modern_raw("1", "tools/call", &sent).header("mcp-name", tool)).await
}

async fn older(session: &Session, tool: &str) -> Result<Opened> {
    session.open(message("1", "tools/call", &call(tool).to_string())).await
}

/// What comes next of a call, without what keeps the stream alive.
async fn told(opened: &mut Opened, wanted: &str) -> Result<()> {
    let notice = opened.next_message().await?;
    ensure!(notice["method"] == "notifications/progress", "{notice}");
    let params = &notice["params"];
    ensure!(params["progressToken"] == "p-1" && params["message"] == wanted, "{notice}");
    Ok(())
}

/// Every line is told when it is written, and the answer comes last, in either era.
async fn is_told_while_written(stage: &Stage, client: &Client, tool: &str) -> Result<()> {
    for era in Era::BOTH {
        let container = stage.stub.container();
        container.write("line one\npass");
        let mut opened = match era {
            Era::Modern => modern(client, tool).await?,
            Era::Legacy => older(&client.session().await?, tool).await?,
        };
        // Each is written when the one before was heard: none waits for the end.
        let pieces = ["word=s3cret two\n", "-----BEGIN PRIVATE KEY-----\nMIIE\nthr", "ee"];
        let mut pieces = pieces.into_iter();
        for wanted in ["line one", "password=[redacted] two"] {
            told(&mut opened, wanted).await.with_context(|| format!("{era:?}"))?;
            container.write(pieces.next().context("a piece")?);
        }
        pieces.for_each(|piece| container.write(piece));
        drop(container);
        let end = opened.next_message().await?;
        let result = &end["result"]["structuredContent"];
        let text = "line one\npassword=[redacted] two\n[redacted]";
        ensure!(result["text"] == text && result["redacted"] == 2, "{era:?}: {end}");
    }
    // Who does not ask for progress waits for the answer.
    let container = stage.stub.container();
    container.write("one\n");
    drop(container);
    let answer = client.tool(tool, call(tool)["arguments"].clone()).await?;
    ensure!(answer.messages()?.len() == 1, "{}", answer.text());
    let told = data(&answer)?;
    ensure!(told["text"] == "one" && told["lines"] == 1, "{told}");
    Ok(())
}

/// However much there is to tell at the end, the answer is behind it.
async fn nothing_is_told_after_the_answer(stage: &Stage, client: &Client) -> Result<()> {
    let lines: Vec<String> = (0..40).map(|nth| format!("line {nth}.")).collect();
    for _ in 0..5 {
        let container = stage.stub.container();
        lines.iter().for_each(|line| container.write(&format!("{line}\n")));
        drop(container);
        let mut opened = modern(client, OWN).await?;
        let mut heard = Vec::new();
        let end = loop {
            let said = opened.next_message().await?;
            let Some(words) = said["params"]["message"].as_str() else { break said };
            heard.push(words.to_owned());
        };
        ensure!(end["result"]["structuredContent"]["lines"] == 40, "{end}");
        ensure!(heard.join("\n") == lines.join("\n"), "{heard:?}");
    }
    Ok(())
}

/// How a caller goes.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    /// Of the newer era, by closing the stream.
    Modern,
    /// Of the older, by `notifications/cancelled`.
    ByWord,
    /// Of the older, by closing the stream.
    Silently,
}

/// Who has left is not read for.
async fn is_not_read_for(stage: &Stage, client: &Client, tool: &str, all: &[Leaves]) -> Result<()> {
    for leaves in all {
        let container = stage.stub.container();
        container.write("line one\n");
        let session = client.session().await?;
        let mut opened = match leaves {
            Leaves::Modern => modern(client, tool).await?,
            Leaves::ByWord | Leaves::Silently => older(&session, tool).await?,
        };
        told(&mut opened, "line one").await.with_context(|| format!("{leaves:?}"))?;
        let mut stays = None;
        if matches!(leaves, Leaves::ByWord) {
            stays = Some(opened);
            let about = json!({ "requestId": 1 });
            let cancel =
                json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": about });
            ensure!(session.send(cancel.to_string()).await?.status == 202);
        } else {
            drop(opened);
        }
        let left = tokio::time::timeout(PATIENCE, container.left()).await;
        left.with_context(|| format!("{leaves:?}: it is still followed"))?;
        drop(stays);
    }
    Ok(())
}

const EVERY_WAY: [Leaves; 3] = [Leaves::Modern, Leaves::ByWord, Leaves::Silently];

async fn through_the_gateway(stage: &Stage, target: &str, tool: &str) -> Result<()> {
    let gateway = stage.gateway(target, tool).await?;
    let client = gateway.client();
    is_told_while_written(stage, &client, tool).await?;
    is_not_read_for(stage, &client, tool, &EVERY_WAY).await?;
    gateway.books_agree().await
}

#[tokio::test]
async fn the_gateways_own_tools_tell_a_log_while_it_is_written() -> Result<()> {
    let stage = Stage::start().await?;
    let target = format!("builtin: k8s, kubeconfig: \"{}\"", stage.kubeconfig);
    through_the_gateway(&stage, &target, "lab___pod_logs").await
}

#[tokio::test]
async fn a_child_that_serves_the_tools_tells_a_log_through_the_gateway() -> Result<()> {
    let stage = Stage::start().await?;
    let target = format!("stdio: {{ command: {} }}", json!(stage.command()?));
    through_the_gateway(&stage, &target, "lab___k8s___pod_logs").await
}

#[tokio::test]
async fn a_server_of_the_tools_tells_a_log_through_the_gateway() -> Result<()> {
    let stage = Stage::start().await?;
    let server = stage.server().await?;
    let target = format!("mcp: {{ url: \"{}\" }}", server.url);
    through_the_gateway(&stage, &target, "lab___k8s___pod_logs").await
}

#[tokio::test]
async fn the_tool_server_tells_a_log_while_it_is_written_without_a_gateway() -> Result<()> {
    let stage = Stage::start().await?;
    let server = stage.server().await?;
    let client = server.client()?;
    is_told_while_written(&stage, &client, OWN).await?;
    nothing_is_told_after_the_answer(&stage, &client).await?;
    // A stream that closes says nothing in the older era (2025-06-18 `basic/transports`).
    is_not_read_for(&stage, &client, OWN, &[Leaves::Modern, Leaves::ByWord]).await
}

#[tokio::test]
async fn a_client_of_others_hears_of_a_log_from_the_tool_server() -> Result<()> {
    installed()?;
    let stage = Stage::start().await?;
    let server = stage.server().await?;
    let arguments = call(OWN)["arguments"].to_string();
    for era in Era::BOTH {
        let url = Driver::new(Peer::PythonSdk, era, server.url.clone());
        let child = Driver::of_child(Peer::PythonSdk, era, stage.command()?);
        for driver in [url, child] {
            let container = stage.stub.container();
            container.write("line one\n");
            // The answer is right behind the line.
            drop(container);
            let args = ["--progress", "--call", OWN, &arguments].map(str::to_owned);
            let report = driver.report(&args).await?;
            let called = report.calls.first().context("no call")?;
            ensure!(!called.is_error && called.progress == Some(1), "{driver:?}: {called:?}");
        }
    }
    Ok(())
}
