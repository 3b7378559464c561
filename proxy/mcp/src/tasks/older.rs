//! Tasks of 2025-11-25 (`basic/utilities/tasks`), which are another protocol than the extension.
//!
//! Enters: a call of a tool that runs as a task only, and what is asked of the task later. Leaves: for a
//! modern caller the extension's answers, made of the older ones; for an older caller the older ones
//! under its own id. Never: a task that could ask its caller something: that has no carrier here.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;
use toolgate_call::{
    Abilities, Answer, Body, Era, Event, Events, Frame, Members, Method, Outbound, Permitted,
    Question, RawJson, Refusal, Reply, Span, member, object,
};
use tower::ServiceExt as _;

use super::answer::{self, RELATED, misnamed, without_trace_of_task};
use super::{Bound, TaskIds, undeclared};
use crate::TargetSvc;
use crate::bridge::{Way, bridge};
use crate::one::outbound;
use crate::router::Inner;

/// What makes a task of a call.
const TASK: &str = r#""task":{}"#;
/// What a target says to a cancellation of a task that has ended, and of one that never was.
const INVALID_PARAMS: i64 = -32602;

/// How long a target has to ask what it wants to ask of the caller of a task, which is refused.
const REFUSING: Duration = Duration::from_secs(1);

/// What an older target says of a task.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task<'a> {
    #[serde(borrow)]
    task_id: &'a RawValue,
    status: Status,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Status {
    Working,
    InputRequired,
    Completed,
    Failed,
    Cancelled,
}

#[derive(Deserialize)]
struct Belongs<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<BelongsMeta<'a>>,
}

#[derive(Deserialize)]
struct BelongsMeta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/related-task")]
    related: Option<Related<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Related<'a> {
    #[serde(borrow)]
    task_id: &'a RawValue,
}

#[derive(Deserialize)]
struct Created<'a> {
    #[serde(borrow)]
    task: &'a RawValue,
}

impl Inner {
    /// A modern caller's call of a tool that an older target runs as a task only.
    pub(crate) async fn only_as_task(
        &self,
        target: TargetSvc,
        permitted: Permitted,
        way: Way,
    ) -> Result<Reply, Refusal> {
        if !permitted.call().abilities.has(Abilities::TASKS) {
            let message = "this tool runs as a task only, and the request does not declare that it \
                           knows tasks";
            return Err(undeclared(message));
        }
        let permitted = Arc::new(permitted);
        let asked = Outbound { more: Some(TASK.into()), ..outbound(&permitted, Abilities::NONE) };
        let reply = target.oneshot(asked).await?;
        if reply.era == Era::Modern {
            return self.bound(reply, &permitted, Abilities::NONE);
        }
        self.translated();
        let ids = Arc::clone(self.sessions.tasks());
        let way = Way { from: Era::Legacy, ..way };
        let reply = answer::changed(reply, move |answer| created(answer, &permitted, &ids, way))?;
        Ok(Reply { era: Era::Modern, ..reply })
    }

    /// What a modern caller asks of a task of an older target.
    pub(super) async fn task_of_older(
        &self,
        target: TargetSvc,
        permitted: &Arc<Permitted>,
        (way, abilities): (Way, Abilities),
    ) -> Result<Reply, Refusal> {
        self.translated();
        let asked = async |method| asked(&target, permitted, (method, abilities)).await;
        let method = permitted.call().method;
        // There is nothing that such a task could have asked for.
        let first = if method == Method::TasksUpdate { Method::TasksGet } else { method };
        let mut said = asked(first).await?;
        let refused = matches!(said, Answer::Error { code: INVALID_PARAMS, .. });
        if method == Method::TasksCancel && refused {
            // It may have ended, which is no error in the extension.
            said = asked(Method::TasksGet).await?;
        }
        let raw = match &said {
            Answer::Result { raw, .. } => raw,
            Answer::Error { .. } => return bridge(Reply::one(Era::Legacy, said), way),
        };
        if method != Method::TasksGet {
            let done = RawJson::literal(r#"{"resultType":"complete"}"#);
            return Ok(Reply::one(Era::Modern, Answer::result(done)));
        }
        let strange = || misnamed(permitted, "tells of a task in a way that cannot be read");
        let task: Task<'_> = raw.parse().map_err(|_| strange())?;
        let result = asked(Method::TasksResult);
        let ended = match task.status {
            Status::Completed | Status::Failed => Some(result.await?),
            // What it asks comes with its result, and is refused there: then it goes on.
            Status::InputRequired => timeout(REFUSING, result).await.ok().transpose()?,
            Status::Working | Status::Cancelled => None,
        };
        let id = permitted.call().name.as_deref().unwrap_or_default();
        let flat = flat(raw.as_bytes(), (id, "complete"), ended.as_ref());
        Ok(Reply::one(Era::Modern, Answer::result(flat)))
    }
}

/// The answer to that method, asked about the same task on behalf of the same caller, in the session
/// of those abilities.
async fn asked(
    target: &TargetSvc,
    permitted: &Arc<Permitted>,
    (method, abilities): (Method, Abilities),
) -> Result<Answer, Refusal> {
    let same = permitted.call().method == method;
    let permitted = if same {
        Arc::clone(permitted)
    } else {
        Arc::new(permitted.instead(method, frame(method)))
    };
    let reply = target.clone().oneshot(outbound(&permitted, abilities)).await?;
    match reply.body {
        Body::One(answer) => Ok(answer),
        Body::Stream(mut events) => loop {
            match poll_fn(|cx| events.as_mut().poll_event(cx)).await {
                // Nobody is there to be told, or asked, in the middle of an answer.
                Some(Event::Notice(_) | Event::Ask(_)) => {}
                Some(Event::Done(done)) => break done,
                None => break Err(misnamed(&permitted, "ends no answer about its task")),
            }
        },
        Body::Accepted => Err(misnamed(&permitted, "says nothing about its task")),
    }
}

/// A message of the gateway's own about a task, whose id is put in on the way out.
fn frame(method: Method) -> Frame {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"{}","params":{{"taskId":""}}}}"#,
        method.label()
    );
    Frame::of_own(text)
}

/// The answer to a call that was to become a task, in the extension's words.
fn created(
    answer: Answer,
    permitted: &Permitted,
    ids: &TaskIds,
    way: Way,
) -> Result<Answer, Refusal> {
    let task = match &answer {
        Answer::Result { raw, .. } => raw.parse::<Created<'_>>().ok().map(|created| created.task),
        Answer::Error { .. } => None,
    };
    // It may have been carried out at once all the same.
    let Some(task) = task else { return crate::bridge::answer_for(answer, way) };
    let own = sealed(task.get(), (permitted, Abilities::NONE), ids)?;
    Ok(Answer::result(flat(task.get().as_bytes(), (&own, "task"), None)))
}

/// An answer to an older caller's call that was made with those abilities: if it is a task, under an id
/// that is bound to the caller.
pub(super) fn bound(
    answer: Answer,
    asked: (&Permitted, Abilities),
    ids: &TaskIds,
) -> Result<Answer, Refusal> {
    let Answer::Result { raw, is_error } = &answer else { return Ok(answer) };
    let Ok(Created { task }) = raw.parse::<Created<'_>>() else { return Ok(answer) };
    let named = serde_json::from_str::<Task<'_>>(task.get()).ok();
    let at = named.and_then(|named| Span::within(raw.as_bytes(), named.task_id.get()));
    let Some(at) = at else { return Ok(answer) };
    let own = sealed(task.get(), asked, ids)?;
    Ok(Answer::Result { raw: answer::replaced(raw, at, &own), is_error: *is_error })
}

/// An older target's reply to an older caller about a task, which is called that wherever it is named:
/// in the answer, by what the answer says that it belongs to, and by what is asked on the way to it. What
/// is asked that this caller cannot do is refused: another session of its may have made the task.
pub(super) fn named(reply: Reply, id: String, can: Abilities) -> Reply {
    let body = match reply.body {
        Body::One(answer) => Body::One(under(answer, &id)),
        Body::Stream(events) => Body::Stream(Box::pin(Named { events, id, can })),
        Body::Accepted => Body::Accepted,
    };
    Reply { body, ..reply }
}

/// The messages of a reply about a task.
struct Named {
    events: Pin<Box<dyn Events>>,
    id: String,
    can: Abilities,
}

impl Events for Named {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            let event = ready!(self.events.as_mut().poll_event(cx));
            return Poll::Ready(match event {
                Some(Event::Done(Ok(answer))) => Some(Event::Done(Ok(under(answer, &self.id)))),
                // Dropped, it says so to the target.
                Some(Event::Ask(Question { kind, params, .. }))
                    if !self.can.has(kind.needs(&params)) =>
                {
                    continue;
                }
                Some(Event::Ask(question)) => {
                    let params = belonging(&question.params, &self.id);
                    Some(Event::Ask(Question { params, ..question }))
                }
                other => other,
            });
        }
    }
}

fn under(answer: Answer, id: &str) -> Answer {
    match answer::under(answer, id) {
        Answer::Result { raw, is_error } => Answer::Result { raw: belonging(&raw, id), is_error },
        error @ Answer::Error { .. } => error,
    }
}

/// The same that says to belong to the task of that id, if it says so of any.
fn belonging(raw: &RawJson, id: &str) -> RawJson {
    let said = memchr::memmem::find(raw.as_bytes(), RELATED.as_bytes());
    let related = said.and_then(|_| {
        let Belongs { meta } = raw.parse().ok()?;
        Span::within(raw.as_bytes(), meta?.related?.task_id.get())
    });
    related.map_or_else(|| raw.clone(), |at| answer::replaced(raw, at, id))
}

/// The caller's own id of a task.
fn sealed(
    task: &str,
    (permitted, abilities): (&Permitted, Abilities),
    ids: &TaskIds,
) -> Result<String, Refusal> {
    let strange = || misnamed(permitted, "answers with a task that cannot be read");
    let named: Task<'_> = serde_json::from_str(task).map_err(|_| strange())?;
    let id: String = serde_json::from_str(named.task_id.get()).map_err(|_| strange())?;
    let plan = permitted.plan().ok_or_else(strange)?;
    let (target, tool) = (plan.target.to_string(), plan.name.to_string());
    ids.seal(&Bound { target, tool, id, abilities }, permitted.call().holder())
}

/// A task in the extension's words, with what it has come to.
fn flat(task: &[u8], (id, kind): (&str, &str), ended: Option<&Answer>) -> RawJson {
    let Members(all) = Members::of(task);
    let text = |key: &str, value: &str| {
        let value = RawJson::string(value);
        member(key, &String::from_utf8_lossy(value.as_bytes()))
    };
    let outcome = match ended {
        Some(Answer::Result { raw, .. }) => {
            Some(("completed", "result", without_trace_of_task(raw)))
        }
        Some(Answer::Error { raw, .. }) => Some(("failed", "error", raw.clone())),
        // Nobody can be asked by it, so that it goes on by itself.
        None => all
            .iter()
            .any(|(key, value)| key == "status" && value.get() == r#""input_required""#)
            .then(|| ("working", "", RawJson::literal("null"))),
    };
    let kept = all.iter().filter_map(|(key, value)| match &**key {
        "taskId" | "_meta" | "resultType" | "result" | "error" => None,
        "status" => Some(match &outcome {
            Some((status, ..)) => text("status", status),
            None => member("status", value.get()),
        }),
        "ttl" => Some(member("ttlMs", value.get())),
        "pollInterval" => Some(member("pollIntervalMs", value.get())),
        other => Some(member(other, value.get())),
    });
    let unlimited = all.iter().all(|(key, _)| key != "ttl");
    let unlimited = unlimited.then(|| member("ttlMs", "null"));
    let inlined = outcome.as_ref().filter(|(_, key, _)| !key.is_empty());
    let inlined =
        inlined.map(|(_, key, raw)| member(key, &String::from_utf8_lossy(raw.as_bytes())));
    let head = [text("resultType", kind), text("taskId", id)];
    let text = object(head.into_iter().chain(kept).chain(unlimited).chain(inlined));
    RawJson::built(text.into())
}

#[cfg(test)]
mod tests;
