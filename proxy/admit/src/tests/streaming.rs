//! Answers that come bit by bit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use toolgate_call::trace::Claims;
use toolgate_call::{
    Answer, Era, Event, Events, Guards, Lifecycle, Method, Phase, RawJson, Reason, Refusal,
};

use crate::encode::Context;
use crate::exchange::{Asked, Exchange};
use crate::sse::SseBody;

/// Says these events, then nothing more; ends if it is told to.
struct Script(Vec<Event>, bool);

impl Events for Script {
    fn poll_event(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Event>> {
        if self.0.is_empty() {
            return if self.1 { Poll::Ready(None) } else { Poll::Pending };
        }
        Poll::Ready(Some(self.0.remove(0)))
    }
}

fn context(method: Method) -> Context {
    let lifecycle = Arc::new(Lifecycle::default());
    let exchange = Arc::new(Exchange::new(
        Arc::from("r"),
        None,
        (Claims::default(), None),
        Arc::clone(&lifecycle),
    ));
    exchange.request.get_or_init(|| Asked { method, version: None, id: None, session: false });
    Context {
        id: Some(RawJson::literal("1")),
        era: Era::Modern,
        accepts_json: true,
        accepts_sse: true,
        observer: false,
        keep_alive: Duration::from_secs(15),
        lifecycle,
        exchange,
    }
}

fn body(cx: &Context, events: Vec<Event>, ends: bool) -> SseBody {
    SseBody::new(cx.clone(), Box::pin(Script(events, ends)), Guards::default())
}

fn notice() -> Event {
    Event::Notice(RawJson::literal(r#"{"jsonrpc":"2.0","method":"x"}"#))
}

fn chunk(body: &mut SseBody) -> Option<Bytes> {
    match body.poll_chunk(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(chunk) => chunk,
        Poll::Pending => panic!("nothing is there"),
    }
}

fn reason(cx: &Context) -> Option<Reason> {
    cx.exchange.ending.get().unwrap().outcome.reason
}

#[tokio::test]
async fn a_stream_that_ends_without_an_answer_is_a_fault_of_ours() {
    let cx = context(Method::ToolsCall);
    let mut body = body(&cx, vec![notice()], true);
    assert!(chunk(&mut body).is_some());
    let last = chunk(&mut body).unwrap();
    assert!(last.windows(9).any(|part| part == b"\"internal"), "{last:?}");
    assert_eq!(chunk(&mut body), None);
    assert_eq!(reason(&cx), Some(Reason::Internal));
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_a_caller_does_not_read_is_not_the_targets() {
    let timeout = || {
        let refusal = Refusal::target(Reason::TimeoutTotal, &Arc::from("t"), "`t` was too slow");
        vec![notice(), Event::Done(Err(refusal))]
    };
    for (pause, wanted) in [(0, Reason::TimeoutTotal), (25, Reason::ClientCancelled)] {
        let cx = context(Method::ToolsCall);
        cx.exchange.ledger.enter(Phase::Receive);
        let mut body = body(&cx, timeout(), false);
        assert!(chunk(&mut body).is_some());
        assert_eq!(cx.exchange.ledger.phase(), Phase::Write, "it is with the writer");
        tokio::time::advance(Duration::from_secs(pause)).await;
        assert!(chunk(&mut body).is_some());
        assert_eq!(reason(&cx), Some(wanted), "after {pause} s");
    }
    let cx = context(Method::ToolsCall);
    let mut body = body(&cx, vec![notice(), notice()], false);
    assert!(chunk(&mut body).is_some());
    drop(body);
    assert_eq!(cx.exchange.unsaid().outcome.reason, Some(Reason::ClientCancelled));
    assert!(cx.exchange.unsaid().detail.unwrap().contains("did not read"));
}

#[tokio::test]
async fn an_answer_for_a_caller_of_json_ends_with_the_service() {
    let cx = context(Method::ToolsCall);
    cx.lifecycle.drain();
    cx.lifecycle.end();
    let response = body(&cx, vec![notice()], false).last(&cx).await;
    assert_eq!(response.status(), 503);
    assert_eq!(reason(&cx), Some(Reason::Shutdown));
}

#[tokio::test]
async fn the_ledger_is_in_the_answer_at_the_end_of_a_stream_too() {
    let mut cx = context(Method::ToolsCall);
    cx.observer = true;
    let done = Event::Done(Ok(Answer::result(RawJson::literal(r#"{"content":[]}"#))));
    let mut body = body(&cx, vec![done], false);
    let last = chunk(&mut body).unwrap();
    assert!(String::from_utf8_lossy(&last).contains("toolgate/ledger"), "{last:?}");
}
