//! Targets that are compiled in: `clock`, `gateway`, and tools that are handed in.
//!
//! Enters: an `Outbound`. Leaves: a `Reply` in the shape of the modern era. Never: I/O, or a fact
//! that was not handed in; an argument that is not in the schema is refused in words that a model
//! can act on.

pub(crate) mod arguments;
mod civil;
mod clock;
mod gateway;
mod progress;
mod tools;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::{Value, json};
use toolgate_call::{
    Answer, Era, Listed, Op, Outbound, Permitted, Phase, RawJson, Refusal, Reply, Version,
};

use self::arguments::Arguments;

pub use progress::Progress;
pub use tools::{Asked, Coming, ToolResult, Tools, ToolsTarget, tools};

/// Which of the built-in targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `now` and `sleep`.
    Clock,
    /// `status`: the gateway and its targets.
    Gateway,
}

/// What the gateway knows of itself.
pub trait GatewayFacts: Send + Sync {
    /// How long it has been running.
    fn uptime(&self) -> Duration;

    /// Its targets, in the order of the configuration.
    fn targets(&self) -> Vec<TargetFact>;
}

/// One target, as the gateway sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFact {
    /// Its configured name.
    pub name: String,
    /// Whether it is in good health.
    pub up: bool,
    /// The same in words, fit for every caller.
    pub detail: String,
    /// How many tools it offers.
    pub tools: usize,
}

/// A target within the gateway.
#[derive(Clone)]
pub struct BuiltinTarget {
    kind: Builtin,
    target: Arc<str>,
    facts: Arc<dyn GatewayFacts>,
    /// Tools that stand beside its own.
    more: Option<Arc<dyn Tools>>,
    tools: RawJson,
}

/// What a tool came to.
enum Done {
    /// Its result.
    Result(Value),
    /// It said no; the text is for the model.
    Wrong(String),
    /// The result comes later.
    Later(clock::Sleeping),
    /// There is no such tool.
    Unknown,
}

/// JSON-RPC "invalid params": an unknown tool or cursor (2026-07-28 `server/tools`).
const INVALID_PARAMS: i64 = -32602;
/// The lists are constants of a release.
pub(crate) const LIST_TTL_MS: u64 = 3_600_000;

/// A built-in target.
#[must_use]
pub fn builtin(kind: Builtin, target: Arc<str>, facts: Arc<dyn GatewayFacts>) -> BuiltinTarget {
    BuiltinTarget { kind, target, facts, more: None, tools: list(&own(kind)) }
}

fn own(kind: Builtin) -> Value {
    match kind {
        Builtin::Clock => clock::tools(),
        Builtin::Gateway => gateway::tools(),
    }
}

fn list(tools: &Value) -> RawJson {
    raw(&json!({
        "resultType": "complete",
        "tools": tools,
        "ttlMs": LIST_TTL_MS,
        "cacheScope": "public",
    }))
}

// === impl BuiltinTarget ===

impl BuiltinTarget {
    /// With tools that are handed in beside its own; of two with one name, its own is called.
    #[must_use]
    pub fn with(self, more: Arc<dyn Tools>) -> Self {
        let mut all = own(self.kind);
        if let Some(all) = all.as_array_mut() {
            all.extend(more.definitions());
        }
        Self { tools: list(&all), more: Some(more), ..self }
    }

    async fn serve(self, outbound: Outbound) -> Result<Reply, Refusal> {
        outbound.ledger.enter(Phase::Wait);
        let answer = match &outbound.op {
            Op::Call(permitted) => return self.carry_out(permitted, &outbound).await,
            Op::List { what, cursor } => listed(what, cursor.is_none(), &self.tools),
            Op::Describe | Op::Probe => Answer::result(discovery()),
        };
        Ok(Reply::one(Era::Modern, answer))
    }

    async fn carry_out(
        &self,
        permitted: &Permitted,
        outbound: &Outbound,
    ) -> Result<Reply, Refusal> {
        let Some(tool) = permitted.plan().filter(|plan| plan.is_tool()) else {
            return Err(Refusal::internal("a call of no tool was sent to a target"));
        };
        let call = permitted.call();
        let arguments = match Arguments::of(call) {
            Ok(arguments) => arguments,
            Err(text) => return Ok(Reply::one(Era::Modern, wrong(&text))),
        };
        let done = match self.kind {
            Builtin::Clock => clock::call(&tool.name, &arguments),
            Builtin::Gateway => gateway::call(&tool.name, &arguments, &*self.facts),
        };
        let answer = match done {
            Done::Result(structured) => right(&structured),
            Done::Wrong(text) => wrong(&text),
            Done::Unknown => match &self.more {
                Some(more) => {
                    let asked = Asked::of(outbound);
                    tools::carry_out(&**more, (&self.target, tool), arguments, asked).await
                }
                None => unknown(&self.target, &tool.name),
            },
            Done::Later(sleeping) => match &call.meta.progress_token {
                None => sleeping.ending().await,
                Some(token) => {
                    let events = Box::pin(sleeping.reporting_to(token.clone()));
                    return Ok(Reply::stream(Era::Modern, events));
                }
            },
        };
        Ok(Reply::one(Era::Modern, answer))
    }
}

impl tower::Service<Outbound> for BuiltinTarget {
    type Response = Reply;
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, outbound: Outbound) -> Self::Future {
        Box::pin(self.clone().serve(outbound))
    }
}

impl fmt::Debug for BuiltinTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltinTarget")
            .field("kind", &self.kind)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// A result, as data and as the same data in text (`server/tools`, "Structured Content").
fn right(structured: &Value) -> Answer {
    Answer::result(raw(&json!({
        "resultType": "complete",
        "content": [{ "type": "text", "text": structured.to_string() }],
        "structuredContent": structured,
        "isError": false,
    })))
}

/// A result by which the tool says no to its arguments, in the form that the other tools' failures have.
pub(crate) fn wrong(text: &str) -> Answer {
    let result = json!({
        "resultType": "complete",
        "content": [{ "type": "text", "text": text }],
        "structuredContent": { "code": "invalid_arguments", "message": text, "retryable": false },
        "isError": true,
    });
    Answer::Result { raw: raw(&result), is_error: true }
}

fn unknown(target: &str, tool: &str) -> Answer {
    error(&format!("`{target}` has no tool `{tool}`; ask for its list"))
}

/// What a target with one page of tools, and nothing else, answers to whoever lists.
pub(crate) fn listed(what: &Listed, is_first: bool, tools: &RawJson) -> Answer {
    match what {
        Listed::Tools if is_first => Answer::result(tools.clone()),
        Listed::Tools => error("there is only one page; ask without a cursor"),
        Listed::Prompts | Listed::Resources | Listed::Templates => {
            error("there are only tools here")
        }
    }
}

pub(crate) fn error(message: &str) -> Answer {
    let error = json!({ "code": INVALID_PARAMS, "message": message });
    Answer::Error { raw: raw(&error), code: INVALID_PARAMS }
}

pub(crate) fn discovery() -> RawJson {
    raw(&json!({
        "resultType": "complete",
        "supportedVersions": [Version::LATEST.as_str()],
        "capabilities": { "tools": {} },
        "ttlMs": LIST_TTL_MS,
        "cacheScope": "public",
    }))
}

/// The annotations of a tool that only reads, and only here.
fn harmless(title: &str) -> Value {
    json!({
        "title": title,
        "readOnlyHint": true,
        "destructiveHint": false,
        "idempotentHint": true,
        "openWorldHint": false,
    })
}

pub(crate) fn raw(value: &Value) -> RawJson {
    RawJson::built(value.to_string().into())
}

#[cfg(test)]
mod tests;
