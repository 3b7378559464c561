//! The third part of a turn: tools are called, those that do not wait for each other at once.
//!
//! In: what the model asks for. Out: a result for each, in its order. Never: a tool that was
//! not offered; one that changes something without the user's word; a second try.

use std::future::ready;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde_json::{Map, Value};
use tokio::time::timeout;
use toolgate_agent_model::{Input, ToolResult, ToolUse};

use super::fence::{capped, tool_output};
use super::names::Offered;
use super::request::Talk;
use super::steps::{Begin, Begun, Ended, Steps};
use super::{Agent, Approval, Request, Settings};
use crate::event::{Event, Outcome, StepKind};
use crate::tools::{Answer, Call, Failure, Tool};

/// Bytes of a result that whoever asked is shown.
const SHOWN: usize = 50_000;

/// What the model is told of a call, and the gateway's name of the tool if it was called.
type Done = (ToolResult, Option<String>);

/// What calls of one turn have in common.
pub(super) struct Acting<'a> {
    pub(super) agent: &'a Agent,
    pub(super) settings: &'a Settings,
    pub(super) request: &'a Request,
    pub(super) talk: &'a dyn Talk,
    pub(super) steps: &'a Steps<'a>,
    pub(super) offered: &'a Offered,
    /// How long the turn may still take.
    pub(super) left: Duration,
}

/// Why nothing was called.
enum Not {
    Offered(String),
    Readable,
    Allowed,
    Room,
}

// === impl Acting ===

impl Acting<'_> {
    /// Calls them; at most `most`, the others are told that there is no room. Results come in the
    /// order of the uses, with the gateway's names of those that were called.
    pub(super) async fn act(
        &self,
        uses: &[ToolUse],
        most: usize,
    ) -> (Vec<ToolResult>, Vec<String>) {
        let parallel = self.settings.limits.parallel.max(1);
        // Boxed one by one: a stream of closures' futures is not known to be `Send`.
        let mut calls: Vec<BoxFuture<'_, Done>> = Vec::with_capacity(uses.len());
        for (nth, used) in uses.iter().enumerate() {
            calls.push(match nth < most {
                true => self.one(used).boxed(),
                false => ready((not_called(used, &Not::Room), None)).boxed(),
            });
        }
        let done: Vec<Done> = stream::iter(calls).buffered(parallel).collect().await;
        let called = done.iter().filter_map(|(_, called)| called.clone()).collect();
        (done.into_iter().map(|(result, _)| result).collect(), called)
    }

    async fn one(&self, used: &ToolUse) -> Done {
        let Some(tool) = self.offered.get(&used.name) else {
            return (not_called(used, &Not::Offered(used.name.clone())), None);
        };
        let arguments = match &used.input {
            Input::Object(arguments) => arguments,
            Input::Malformed(_) => return (not_called(used, &Not::Readable), None),
        };
        let patience = self.settings.limits.tool_time.min(self.left);
        let begun = self.steps.begin(Begin {
            kind: StepKind::Tool,
            name: &tool.name,
            limit: Some(patience),
            arguments: Some(Value::Object(arguments.clone())),
            changes: !tool.read_only,
        });
        if !self.allowed(tool, arguments, begun.step).await {
            self.steps.end(begun.step, denied());
            return (not_called(used, &Not::Allowed), Some(tool.name.clone()));
        }
        let answer = self.call(tool, arguments, &begun, patience).await;
        let most = self.settings.limits.result_bytes;
        let (text, failed) = for_model(tool, &answer, most);
        self.steps.end(begun.step, ended(answer));
        (ToolResult { id: used.id.clone(), text, failed }, Some(tool.name.clone()))
    }

    async fn allowed(&self, tool: &Tool, arguments: &Map<String, Value>, step: u32) -> bool {
        match self.settings.approval {
            _ if tool.read_only => true,
            Approval::Never => false,
            Approval::NotNeeded => true,
            Approval::Ask => {
                self.steps.asking(step);
                self.steps.say(Event::Approval {
                    step,
                    tool: tool.name.clone(),
                    arguments: Value::Object(arguments.clone()),
                });
                let allowed = self.talk.approve(step).await;
                self.steps.asking(step);
                allowed
            }
        }
    }

    async fn call(
        &self,
        tool: &Tool,
        arguments: &Map<String, Value>,
        begun: &Begun,
        patience: Duration,
    ) -> Result<Answer, Failure> {
        let Some(tools) = self.agent.tools.as_deref() else { return Err(no_gateway()) };
        let call = Call {
            tool: &tool.name,
            arguments,
            patience,
            traceparent: Some(&begun.traceparent),
            request_id: &self.request.request_id,
        };
        let step = begun.step;
        let mut progress = |progress: f64, message: Option<&str>| {
            let message = message.map(str::to_owned);
            self.steps.say(Event::StepProgress { step, progress, message });
        };
        let called = timeout(patience, tools.call(call, &mut progress)).await;
        called.unwrap_or_else(|_| Err(timed_out(tool, patience)))
    }
}

/// What the model is told of a call.
fn for_model(tool: &Tool, answer: &Result<Answer, Failure>, most: usize) -> (String, bool) {
    match answer {
        Ok(answer) => (tool_output(&tool.name, &answer.text, most), answer.failed),
        Err(failure) => {
            let again = match (failure.unknown, failure.retry_safe) {
                (true, _) => {
                    "nobody knows whether it was carried out: do not call it again, look first"
                }
                (false, true) => "it may be called again",
                (false, false) => "do not call it again with the same arguments",
            };
            let text = format!(
                "the call failed: {} (reason {}, blame {}; {again})",
                failure.message, failure.reason, failure.blame
            );
            (tool_output(&tool.name, &text, most), true)
        }
    }
}

fn ended(answer: Result<Answer, Failure>) -> Ended {
    match answer {
        Ok(answer) => {
            let (shown, cut) = capped(&answer.text, SHOWN);
            let note = (cut > 0).then(|| format!("{cut} bytes more are not shown"));
            let failed = answer.failed;
            Ended {
                outcome: Some(if failed { Outcome::ToolError } else { Outcome::Ok }),
                reason: failed.then(|| "tool_error".to_owned()),
                blame: failed.then(|| "tool".to_owned()),
                retry_safe: failed.then_some(false),
                note,
                result: Some(shown.to_owned()),
                call_id: answer.call_id,
                ledger: answer.ledger,
                reply: None,
            }
        }
        Err(failure) => Ended {
            outcome: Some(outcome_of(&failure)),
            retry_safe: Some(failure.retry_safe && !failure.unknown),
            note: Some(failure.message),
            reason: Some(failure.reason),
            blame: Some(failure.blame),
            call_id: failure.call_id,
            ..Ended::default()
        },
    }
}

fn outcome_of(failure: &Failure) -> Outcome {
    match failure.reason.as_str() {
        _ if failure.unknown => Outcome::Unknown,
        "forbidden" | "unauthenticated" => Outcome::Denied,
        _ => Outcome::Failed,
    }
}

fn denied() -> Ended {
    Ended {
        outcome: Some(Outcome::Denied),
        reason: Some("not_approved".to_owned()),
        blame: Some("caller".to_owned()),
        retry_safe: Some(true),
        note: Some("nothing was sent: it changes something, and nobody allowed it".to_owned()),
        ..Ended::default()
    }
}

fn timed_out(tool: &Tool, patience: Duration) -> Failure {
    Failure {
        reason: "timeout_total".to_owned(),
        blame: "gateway".to_owned(),
        retry_safe: tool.read_only,
        unknown: !tool.read_only,
        message: format!("no answer within {patience:?}; the call was cancelled"),
        call_id: None,
    }
}

fn no_gateway() -> Failure {
    Failure {
        reason: "connect_refused".to_owned(),
        blame: "network".to_owned(),
        retry_safe: true,
        unknown: false,
        message: "there is no gateway".to_owned(),
        call_id: None,
    }
}

fn not_called(used: &ToolUse, why: &Not) -> ToolResult {
    let text = match why {
        Not::Offered(name) => {
            let (name, _) = capped(name, 80);
            format!("there is no tool `{name}`; use one of those that are offered, by its exact name")
        }
        Not::Readable => "nothing was called: the arguments are not a JSON object".to_owned(),
        Not::Allowed => "nothing was called: the user did not allow it; do not try again".to_owned(),
        Not::Room => "nothing was called: no more tools may be called in this turn; answer with what is there"
            .to_owned(),
    };
    ToolResult { id: used.id.clone(), text, failed: true }
}
