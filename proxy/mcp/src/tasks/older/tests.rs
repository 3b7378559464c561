//! The older words and the newer ones.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use toolgate_call::{
    Abilities, Answer, AskKind, Body, Era, Event, Events, Question, RawJson, Reply, Respond, Said,
};

use super::{belonging, flat, named};

struct Says(VecDeque<Event>);

impl Events for Says {
    fn poll_event(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Event>> {
        Poll::Ready(self.0.pop_front())
    }
}

const TASK: &str = r#"{"taskId":"t","status":"working","createdAt":"c","lastUpdatedAt":"u","ttl":60000,"pollInterval":500,"x":1.0}"#;

fn said(task: &str, kind: &str, ended: Option<&Answer>) -> String {
    let flat = flat(task.as_bytes(), ("own", kind), ended);
    String::from_utf8(flat.as_bytes().to_vec()).unwrap()
}

#[test]
fn members_have_other_names() {
    let wanted = r#"{"resultType":"task","taskId":"own","status":"working","createdAt":"c","lastUpdatedAt":"u","ttlMs":60000,"pollIntervalMs":500,"x":1.0}"#;
    assert_eq!(said(TASK, "task", None), wanted);
    let wanted = r#"{"resultType":"complete","taskId":"own","status":"working","ttlMs":null}"#;
    let asking = r#"{"taskId":"t","status":"input_required"}"#;
    assert_eq!(said(asking, "complete", None), wanted);
}

#[test]
fn whatever_belongs_to_a_task_says_so_by_the_callers_id() {
    let result = RawJson::literal(
        r#"{"content":[{"taskId":"t"}],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"},"k":1.0}}"#,
    );
    let wanted = r#"{"content":[{"taskId":"t"}],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"own"},"k":1.0}}"#;
    assert_eq!(belonging(&result, "own").as_bytes(), wanted.as_bytes());
    let other = RawJson::literal(r#"{"_meta":{"x":"io.modelcontextprotocol/related-task"}}"#);
    assert_eq!(belonging(&other, "own"), other);
}

#[test]
fn nobody_is_asked_for_what_it_cannot_do() {
    for (can, asked) in [(Abilities::NONE, false), (Abilities::FORM, true)] {
        let (sender, said) = std::sync::mpsc::channel();
        let respond = Respond::new(move |said| drop(sender.send(said)));
        let params = RawJson::literal("{}");
        let question = Event::Ask(Question { kind: AskKind::Form, params, respond });
        let done = Event::Done(Ok(Answer::result(RawJson::literal("{}"))));
        let says = Says([question, done].into());
        let reply = Reply::stream(Era::Legacy, Box::pin(says));
        let Body::Stream(mut events) = named(reply, "own".to_owned(), can).body else { panic!() };
        let mut next = || events.as_mut().poll_event(&mut Context::from_waker(Waker::noop()));
        let first = next();
        assert_eq!(matches!(first, Poll::Ready(Some(Event::Ask(_)))), asked);
        assert_eq!(matches!(said.try_recv(), Ok(Said::Abandoned)), !asked);
        let last = if asked { next() } else { first };
        assert!(matches!(last, Poll::Ready(Some(Event::Done(Ok(_))))));
    }
}

#[test]
fn what_it_has_come_to_stands_in_it() {
    let failed = r#"{"taskId":"t","status":"failed","ttl":null}"#;
    let result = RawJson::literal(
        r#"{"content":[],"isError":true,"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"},"k":1}}"#,
    );
    let wanted = r#"{"resultType":"complete","taskId":"own","status":"completed","ttlMs":null,"result":{"resultType":"complete","content":[],"isError":true,"_meta":{"k":1}}}"#;
    let ended = Answer::Result { raw: result, is_error: true };
    assert_eq!(said(failed, "complete", Some(&ended)), wanted);
    let error = RawJson::literal(r#"{"code":-32603,"message":"m"}"#);
    let wanted = r#"{"resultType":"complete","taskId":"own","status":"failed","ttlMs":null,"error":{"code":-32603,"message":"m"}}"#;
    let ended = Answer::Error { raw: error, code: -32603 };
    assert_eq!(said(failed, "complete", Some(&ended)), wanted);
}
