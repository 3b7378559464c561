//! Tools that are handed in, as a target.
//!
//! Enters: an `Outbound`, and whoever has the tools. Leaves: a `Reply` in the shape of the modern
//! era. Never: knows what a tool does; dropping a call drops what was begun for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use toolgate_call::{Answer, Era, Op, Outbound, Permitted, Phase, Plan, RawJson, Refusal, Reply};

use super::arguments::Arguments;
use super::progress::{self, Progress, Telling, answered};
use super::{discovery, list, listed, unknown, wrong};

/// What a call of a tool came to, some time.
pub type Coming = Pin<Box<dyn Future<Output = ToolResult> + Send>>;

/// Tools that somebody else has.
pub trait Tools: Send + Sync {
    /// Their definitions, as `tools/list` has them; constant.
    fn definitions(&self) -> Vec<Value>;

    /// Begins a call; `None`: there is no such tool. Dropping the future cancels it.
    fn call(&self, tool: &str, arguments: Map<String, Value>, asked: Asked) -> Option<Coming>;
}

/// What a tool may know of a call.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When an answer is of no use any more.
    pub deadline: std::time::Instant,
    /// The gateway's id of the request.
    pub request_id: Arc<str>,
    /// Where the caller is told what the call does meanwhile, if it wants to know.
    pub progress: Option<mpsc::Sender<Progress>>,
}

/// The result of `tools/call`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The whole of it, an object.
    pub result: Value,
    /// Whether it says that the tool failed.
    pub is_error: bool,
}

/// A target of such tools.
#[derive(Clone)]
pub struct ToolsTarget {
    target: Arc<str>,
    tools: Arc<dyn Tools>,
    list: RawJson,
}

/// Tools as a target.
#[must_use]
pub fn tools(target: Arc<str>, tools: Arc<dyn Tools>) -> ToolsTarget {
    let list = list(&Value::Array(tools.definitions()));
    ToolsTarget { target, tools, list }
}

// === impl ToolsTarget ===

impl ToolsTarget {
    async fn serve(self, outbound: Outbound) -> Result<Reply, Refusal> {
        outbound.ledger.enter(Phase::Wait);
        let answer = match &outbound.op {
            Op::Call(permitted) => return self.carry_out(permitted, &outbound).await,
            Op::List { what, cursor } => listed(what, cursor.is_none(), &self.list),
            Op::Describe | Op::Probe => Answer::result(discovery()),
        };
        Ok(Reply::one(Era::Modern, answer))
    }

    async fn carry_out(
        &self,
        permitted: &Permitted,
        outbound: &Outbound,
    ) -> Result<Reply, Refusal> {
        let Some(plan) = permitted.plan().filter(|plan| plan.is_tool()) else {
            return Err(Refusal::internal("a call of no tool was sent to a target"));
        };
        let arguments = match Arguments::of(permitted.call()) {
            Ok(arguments) => arguments,
            Err(text) => return Ok(Reply::one(Era::Modern, wrong(&text))),
        };
        let named = (&*self.target, &**plan);
        let Some(token) = permitted.call().meta.progress_token.clone() else {
            let answer = carry_out(&*self.tools, named, arguments, Asked::of(outbound)).await;
            return Ok(Reply::one(Era::Modern, answer));
        };
        let (tell, mut told) = mpsc::channel(progress::WAITING);
        let asked = Asked { progress: Some(tell), ..Asked::of(outbound) };
        let Some(mut coming) = self.tools.call(&plan.name, arguments.into_members(), asked) else {
            return Ok(Reply::one(Era::Modern, unknown(&self.target, &plan.name)));
        };
        // A tool that tells nothing answers as it does to everybody.
        tokio::select! {
            biased;
            Some(first) = told.recv() => {
                let events = Box::pin(Telling::new(token, first, told, coming));
                Ok(Reply::stream(Era::Modern, events))
            }
            result = &mut coming => Ok(Reply::one(Era::Modern, answered(&result))),
        }
    }
}

// === impl Asked ===

impl Asked {
    pub(super) fn of(outbound: &Outbound) -> Self {
        let request_id = Arc::clone(&outbound.request_id);
        Self { deadline: outbound.deadline.instant(), request_id, progress: None }
    }
}

/// Carries out a call by whoever has the tools.
pub(super) async fn carry_out(
    tools: &dyn Tools,
    (target, plan): (&str, &Plan),
    arguments: Arguments,
    asked: Asked,
) -> Answer {
    match tools.call(&plan.name, arguments.into_members(), asked) {
        Some(coming) => answered(&coming.await),
        None => unknown(target, &plan.name),
    }
}

impl tower::Service<Outbound> for ToolsTarget {
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

impl fmt::Debug for ToolsTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolsTarget").field("target", &self.target).finish_non_exhaustive()
    }
}
