//! Answers that are about a task, under another id.
//!
//! Enters: a target's result or notification. Leaves: the same bytes with the caller's id in the place
//! of the target's. Never: a re-serialised result; an answer that is no task touched.

use std::pin::Pin;
use std::task::{Context, Poll};

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate_call::{
    Abilities, Answer, Body, Event, Events, Members, Method, Permitted, RawJson, Reason, Refusal,
    Reply, Span, member, object,
};

use super::{Bound, TaskIds};
use crate::bridge::completed;

/// How most modern results begin.
const COMPLETE: &[u8] = br#"{"resultType":"complete""#;

/// By which an older result says whose it is.
pub(super) const RELATED: &str = "io.modelcontextprotocol/related-task";

/// The members of a result that say of which kind it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Top<'a> {
    #[serde(borrow)]
    result_type: Option<&'a RawValue>,
    #[serde(borrow)]
    task_id: Option<&'a RawValue>,
}

/// A stream whose answer is changed.
struct Changed<F> {
    events: Pin<Box<dyn Events>>,
    change: F,
}

/// The reply with its answer changed.
pub(super) fn changed<F>(reply: Reply, change: F) -> Result<Reply, Refusal>
where
    F: Fn(Answer) -> Result<Answer, Refusal> + Send + Unpin + 'static,
{
    let body = match reply.body {
        Body::One(answer) => Body::One(change(answer)?),
        Body::Stream(events) => Body::Stream(Box::pin(Changed { events, change })),
        Body::Accepted => Body::Accepted,
    };
    Ok(Reply { body, ..reply })
}

impl<F> Events for Changed<F>
where
    F: Fn(Answer) -> Result<Answer, Refusal> + Send + Unpin,
{
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.as_mut().poll_event(cx).map(|event| match event {
            Some(Event::Done(Ok(answer))) => Some(Event::Done((self.change)(answer))),
            other => other,
        })
    }
}

/// An answer to a call that was made with those abilities: if it is a task, under an id that is bound
/// to the caller.
pub(super) fn bound(
    answer: Answer,
    (permitted, abilities): (&Permitted, Abilities),
    ids: &TaskIds,
) -> Result<Answer, Refusal> {
    let Answer::Result { raw, .. } = &answer else { return Ok(answer) };
    let top = if may_be_task(&answer) { task(raw) } else { None };
    let Some(top) = top else { return Ok(answer) };
    let (call, Some(plan)) = (permitted.call(), permitted.plan()) else { return Ok(answer) };
    let wrong = |what: &str| misnamed(permitted, &format!("answers with a task {what}"));
    if call.method != Method::ToolsCall {
        return Err(wrong("what cannot become one"));
    }
    if !call.abilities.has(Abilities::TASKS) {
        return Err(wrong("a caller that has not declared that it knows tasks"));
    }
    let id = top.task_id.and_then(|id| serde_json::from_str::<String>(id.get()).ok());
    let id = id.ok_or_else(|| wrong("without an id"))?;
    let (target, tool) = (plan.target.to_string(), plan.name.to_string());
    let own = ids.seal(&Bound { target, tool, id, abilities }, call.holder())?;
    Ok(under(answer, &own))
}

/// The same answer with that id in the place of the target's, if it names one.
pub(super) fn under(answer: Answer, id: &str) -> Answer {
    let Answer::Result { raw, is_error } = &answer else { return answer };
    let top = raw.parse::<Top<'_>>().ok();
    let at = top.and_then(|top| Span::within(raw.as_bytes(), top.task_id?.get()));
    let Some(at) = at else { return answer };
    Answer::Result { raw: replaced(raw, at, id), is_error: *is_error }
}

/// The same bytes with that text in the place of a value.
pub(super) fn replaced(raw: &RawJson, at: Span, text: &str) -> RawJson {
    let (before, after) = (raw.as_bytes().get(..at.start), raw.as_bytes().get(at.end..));
    let text = RawJson::string(text);
    let pieces = [before.unwrap_or_default(), text.as_bytes(), after.unwrap_or_default()];
    RawJson::built(pieces.concat().into())
}

/// An older result as a modern one that does not say whose result it is: it stands in its task.
pub(super) fn without_trace_of_task(raw: &RawJson) -> RawJson {
    let all = Members::of(raw.as_bytes());
    let meta = all.get("_meta").map(|meta| Members::of(meta.get().as_bytes()));
    let related = meta.as_ref().is_some_and(|meta| meta.get(RELATED).is_some());
    if !related {
        return completed(raw, false);
    }
    let meta = meta.map(|meta| meta.without(&[RELATED])).filter(|meta| meta != "{}");
    let kept = all.0.iter().filter(|(key, _)| key != "_meta");
    let kept = kept.map(|(key, value)| member(key, value.get()));
    let text = object(kept.chain(meta.map(|meta| member("_meta", &meta))));
    completed(&RawJson::built(text.into()), false)
}

/// A target that does with a task what nobody can make sense of.
pub(super) fn misnamed(permitted: &Permitted, what: &str) -> Refusal {
    let Some(plan) = permitted.plan() else { return Refusal::internal(what) };
    let message = format!("`{}` {what}", plan.target);
    Refusal::target(Reason::UpstreamProtocol, &plan.target, message).after_send()
}

/// `notifications/tasks` under that id, for a subscription that is known by those members of `_meta`.
pub(crate) fn told(message: &RawJson, id: &str, tag: &str) -> Option<RawJson> {
    let Members(all) = Members::of(message.as_bytes());
    let (_, params) = all.iter().find(|(key, _)| key == "params")?;
    let id = RawJson::string(id);
    let id = member("taskId", std::str::from_utf8(id.as_bytes()).ok()?);
    let meta = member("_meta", tag);
    let Members(params) = Members::of(params.get().as_bytes());
    let kept = params.iter().filter(|(key, _)| !matches!(&**key, "taskId" | "_meta"));
    let kept = kept.map(|(key, value)| member(key, value.get()));
    let params = object(std::iter::once(id).chain(kept).chain([meta]));
    let text = format!(r#"{{"jsonrpc":"2.0","method":"notifications/tasks","params":{params}}}"#);
    Some(RawJson::built(text.into()))
}

/// Whether an answer has the word that a task cannot do without. Most say at their beginning that they
/// are complete, and of the others almost all lack it: then there is nothing to parse.
pub(super) fn may_be_task(answer: &Answer) -> bool {
    let Answer::Result { raw, .. } = answer else { return false };
    let bytes = raw.as_bytes();
    !bytes.starts_with(COMPLETE) && memmem::find(bytes, br#""task""#).is_some()
}

/// The members of a result that is a task.
fn task(raw: &RawJson) -> Option<Top<'_>> {
    let top: Top<'_> = raw.parse().ok()?;
    (top.result_type.map(RawValue::get) == Some(r#""task""#)).then_some(top)
}

#[cfg(test)]
mod tests {
    //! What changes and what stays.

    use toolgate_call::{Answer, RawJson};

    use super::{may_be_task, task, told, under};

    #[test]
    fn only_the_id_at_the_top_changes() {
        let raw = r#"{"result":{"taskId":"in"},"taskId" : "up","n":1.0}"#;
        let Answer::Result { raw, .. } = under(Answer::result(RawJson::literal(raw)), "own") else {
            panic!("it was a result");
        };
        assert_eq!(raw.as_bytes(), br#"{"result":{"taskId":"in"},"taskId" : "own","n":1.0}"#);
        let ack = Answer::result(RawJson::literal(r#"{"resultType":"complete"}"#));
        let Answer::Result { raw, .. } = under(ack, "own") else { panic!("it was a result") };
        assert_eq!(raw.as_bytes(), br#"{"resultType":"complete"}"#);
    }

    #[test]
    fn a_task_is_told_by_its_kind_and_not_by_its_words() {
        let is_task = |text| {
            let raw = RawJson::literal(text);
            may_be_task(&Answer::result(raw.clone())) && task(&raw).is_some()
        };
        assert!(is_task(r#"{"resultType":"task","taskId":"t"}"#));
        assert!(is_task(r#"{"content":["complete"],"resultType" : "task","taskId":"t"}"#));
        assert!(!is_task(r#"{"resultType":"complete","content":["task"]}"#));
        assert!(!is_task(r#"{"content":["task"],"resultType":"complete"}"#));
        assert!(!is_task(r#"{"content":[{"resultType":"task"}]}"#));
    }

    #[test]
    fn word_of_a_task_is_retagged() {
        let message = RawJson::literal(
            r#"{"method":"notifications/tasks","params":{"_meta":{"a":1},"taskId":"up","status":"working","ttlMs":1e3}}"#,
        );
        let told = told(&message, "own", r#"{"tag":2}"#).unwrap();
        let wanted = r#"{"jsonrpc":"2.0","method":"notifications/tasks","params":{"taskId":"own","status":"working","ttlMs":1e3,"_meta":{"tag":2}}}"#;
        assert_eq!(told.as_bytes(), wanted.as_bytes());
    }
}
