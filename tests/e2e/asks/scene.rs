//! A gateway before a server that asks, and callers that answer.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Answer, Ask, MODERN, Opened, Session, message};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::upstream::{Upstream, asks_command};
use toolgate_tests::wait::until;

use crate::expect::OPEN;

/// How the target is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Http,
    Stdio,
}

/// A gateway and its target `q`.
pub(super) struct Scene {
    pub(super) gateway: Gateway,
    upstream: Option<Upstream>,
}

/// A client of the older era.
pub(super) struct Older {
    pub(super) session: Session,
}

/// A call of such a client that is under way.
pub(super) struct Call<'a> {
    older: &'a Older,
    pub(super) opened: Opened,
}

/// Everything a client may be asked.
pub(super) fn able() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} })
}

/// What a client says to a request for input.
pub(super) fn answer(request: &Value) -> Value {
    match request["method"].as_str() {
        Some("roots/list") => json!({ "roots": [{ "uri": "file:///work", "name": "work" }] }),
        Some("sampling/createMessage") => json!({
            "role": "assistant",
            "content": { "type": "text", "text": "thought" },
            "model": "m",
            "stopReason": "endTurn",
        }),
        _ if request["params"]["mode"] == "url" => json!({ "action": "accept" }),
        _ => json!({ "action": "accept", "content": { "name": "Ada" } }),
    }
}

/// The result of a call by a modern client that answers whatever it is asked, and how often it was.
pub(super) async fn modern(
    scene: &Scene,
    tool: &str,
    arguments: &Value,
    can: &Value,
) -> Result<(String, usize)> {
    let mut retry = None;
    for asked in 0..12 {
        let answered = scene.send(tool, arguments, can, retry).await?;
        let result = answered.result()?;
        if result["resultType"] != "input_required" {
            return Ok((answered.content()?, asked));
        }
        retry = Some(answers(&result)?);
    }
    bail!("it asks for ever")
}

/// The members of `params` that answer a result which asks for input.
pub(super) fn answers(result: &Value) -> Result<Value> {
    let requests = result["inputRequests"].as_object().context("no inputRequests")?;
    let all: serde_json::Map<String, Value> =
        requests.iter().map(|(key, request)| (key.clone(), answer(request))).collect();
    let mut retry = json!({ "inputResponses": all });
    if let (Some(state), Some(retry)) = (result.get("requestState"), retry.as_object_mut()) {
        retry.insert("requestState".to_owned(), state.clone());
    }
    Ok(retry)
}

/// A modern call of a tool, perhaps with answers in it.
pub(super) fn request(tool: &str, arguments: &Value, can: &Value, more: Option<Value>) -> Ask {
    let name = format!("q___{tool}");
    let mut params = json!({
        "name": &name,
        "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": can,
        },
    });
    if let (Some(Value::Object(more)), Some(params)) = (more, params.as_object_mut()) {
        params.extend(more);
    }
    Ask::modern_raw("1", "tools/call", &params.to_string()).header("mcp-name", &name)
}

// === impl Scene ===

impl Scene {
    /// With more settings of the target.
    pub(super) async fn start(era: &str, wire: Wire, settings: &str) -> Result<Self> {
        let (reached, upstream) = match wire {
            Wire::Stdio => (format!("stdio: {{ command: {} }}", asks_command(era)?), None),
            Wire::Http => {
                let upstream = Upstream::asks(era).await?;
                (format!("mcp: {{ url: \"{}\" }}", upstream.url()), Some(upstream))
            }
        };
        let target = format!("{reached}, retry: {{ attempts: 1 }}{settings}");
        let gateway = Gateway::start(&format!("{OPEN}targets:\n  q: {{ {target} }}\n")).await?;
        Ok(Self { upstream, ..Self::over(gateway).await? })
    }

    /// A gateway whose target is there.
    pub(super) async fn over(gateway: Gateway) -> Result<Self> {
        let scene = Self { gateway, upstream: None };
        until("the target is there", async || {
            Ok(scene.gateway.client().tools().await.is_ok_and(|t| !t.is_empty()).then_some(()))
        })
        .await?;
        Ok(scene)
    }

    /// One modern request, perhaps with answers in it.
    pub(super) async fn send(
        &self,
        tool: &str,
        arguments: &Value,
        can: &Value,
        more: Option<Value>,
    ) -> Result<Answer> {
        self.gateway.client().send(request(tool, arguments, can, more)).await
    }

    /// The sum of a family's samples with these labels.
    pub(super) async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64> {
        Ok(self.gateway.metrics().await?.sum(name, labels))
    }

    /// Waits until nothing waits and nothing is in use.
    pub(super) async fn is_quiet(&self) -> Result<()> {
        until("no call is parked or in flight", async || {
            let metrics = self.gateway.metrics().await?;
            let parked = metrics.sum("toolgate_parked_calls", &[]);
            let used = metrics.sum("toolgate_concurrency_in_use", &[]);
            Ok((parked == 0.0 && used == 0.0).then_some(()))
        })
        .await
    }

    /// Waits until the target has been told so many times that a call is not wanted any more.
    pub(super) async fn cancelled(&self, times: usize) -> Result<()> {
        let upstream = self.upstream.as_ref().context("a target over HTTP")?;
        until("the target is told", async || {
            Ok((upstream.stderr().matches("ask: cancelled").count() >= times).then_some(()))
        })
        .await
    }
}

/// Waits until that much time has gone by: long enough for a limit to be met, if it held.
pub(super) async fn passed(time: Duration) -> Result<()> {
    let start = std::time::Instant::now();
    until("time goes by", async || Ok((start.elapsed() >= time).then_some(()))).await
}

// === impl Older ===

impl Older {
    pub(super) async fn new(scene: &Scene, can: &Value) -> Result<Self> {
        Ok(Self { session: scene.gateway.client().able_session(can).await? })
    }

    /// Begins a call.
    pub(super) async fn begin(&self, tool: &str, arguments: &Value) -> Result<Call<'_>> {
        let params = json!({ "name": format!("q___{tool}"), "arguments": arguments });
        let opened = self.session.open(message("7", "tools/call", &params.to_string())).await?;
        Ok(Call { older: self, opened })
    }

    /// The result of a call, and how often it was asked something before.
    pub(super) async fn call(&self, tool: &str, arguments: &Value) -> Result<(String, usize)> {
        let call = self.begin(tool, arguments).await?;
        if call.opened.headers.get("content-type").is_some_and(|kind| kind == "application/json") {
            return Ok((call.opened.finish().await?.content()?, 0));
        }
        call.finish().await
    }

    /// Answers a request.
    pub(super) async fn respond(&self, id: &Value, result: &Value) -> Result<Answer> {
        let response = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        self.session.send(response.to_string()).await
    }
}

// === impl Call ===

impl Call<'_> {
    /// Answers everything until the call is answered.
    pub(super) async fn finish(mut self) -> Result<(String, usize)> {
        let mut asked = 0;
        loop {
            let said = self.opened.next_message().await?;
            if said.get("method").is_none() {
                let text = said.pointer("/result/content/0/text").and_then(Value::as_str);
                return Ok((text.with_context(|| format!("no text in {said}"))?.to_owned(), asked));
            }
            self.answer(&said).await?;
            asked += 1;
        }
    }

    /// Answers one request.
    pub(super) async fn answer(&self, request: &Value) -> Result<()> {
        ensure!(request["id"].is_string(), "a question has an id: {request}");
        let told = self.older.respond(&request["id"], &answer(request)).await?;
        ensure!(told.status == 202 && told.body.is_empty(), "{} {}", told.status, told.text());
        Ok(())
    }
}
