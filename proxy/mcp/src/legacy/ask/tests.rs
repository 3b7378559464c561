//! Whose answer it is.

use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use serde_json::{Value, json};
use toolgate_call::{
    AskKind, Case, Event, Events, Frame, FrameParts, Ledger, Phase, Question, RawJson, Refusal,
    Respond, Said, Version,
};

use super::{Asked, Asks, EACH, Relayed};

/// A target that asks so many times.
struct Asking(usize, AskKind);

impl Events for Asking {
    fn poll_event(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Event>> {
        let Some(left) = self.0.checked_sub(1) else { return Poll::Pending };
        self.0 = left;
        let params = RawJson::literal(r#"{"mode":"form","elicitationId":"own","message":"m"}"#);
        let respond = Respond::new(drop);
        Poll::Ready(Some(Event::Ask(Question { kind: self.1, params, respond })))
    }
}

fn ask(asks: &Asks, session: &str) -> (String, Asked, mpsc::Receiver<Said>) {
    let (sender, said) = mpsc::channel();
    let respond = Respond::new(move |said| drop(sender.send(said)));
    let (id, asked) = asks.ask(session, respond).unwrap();
    (String::from_utf8(id.as_bytes().to_vec()).unwrap(), asked, said)
}

fn answer(asks: &Asks, session: &str, id: &str, rest: &str) -> Result<(), Refusal> {
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},{rest}}}"#);
    asks.answered(session, &Frame::new(body.into(), FrameParts::default()))
}

#[test]
fn an_answer_reaches_who_asked_and_only_from_the_session_that_was_asked() {
    let asks = Asks::new();
    let (id, _asked, said) = ask(&asks, "s");
    let good = r#""result":{"roots":[]}"#;
    answer(&asks, "other", &id, good).unwrap();
    for unknown in ["7", "\"x\"", &id.replace("-1\"", "-9\"")] {
        answer(&asks, "s", unknown, good).unwrap();
    }
    assert!(said.try_recv().is_err());
    answer(&asks, "s", &id, good).unwrap();
    let Ok(Said::Result(raw)) = said.try_recv() else { panic!("no answer") };
    assert_eq!(raw.as_bytes(), br#"{"roots":[]}"#);
    answer(&asks, "s", &id, good).unwrap();
    assert!(said.try_recv().is_err(), "once");
    let (id, _asked, said) = ask(&asks, "s");
    answer(&asks, "s", &id, r#""error":{"code":-1,"message":"no"}"#).unwrap();
    assert!(matches!(said.try_recv(), Ok(Said::Error(_))));
}

#[test]
fn what_is_no_answer_and_what_belongs_elsewhere_is_refused() {
    let (asks, replica) = (Asks::new(), Asks::new());
    let (id, _asked, said) = ask(&asks, "s");
    for bad in [r#""result":1"#, r#""result":{},"error":{}"#, r#""error":"no""#] {
        assert_eq!(answer(&asks, "s", &id, bad).unwrap_err().case(), Case::BodyNotRequest, "{bad}");
    }
    let refusal = answer(&replica, "s", &id, r#""result":{}"#).unwrap_err();
    assert!(refusal.message().contains("another replica"), "{refusal}");
    assert!(said.try_recv().is_err());
}

#[test]
fn a_question_goes_with_its_stream_and_there_are_only_so_many() {
    let asks = Asks::new();
    let (id, asked, said) = ask(&asks, "s");
    assert!(asked.is_open());
    drop(asked);
    assert!(matches!(said.try_recv(), Ok(Said::Abandoned)));
    answer(&asks, "s", &id, r#""result":{}"#).unwrap();
    let all: Vec<_> = (0..EACH).map(|_| ask(&asks, "s")).collect();
    assert!(asks.ask("s", Respond::new(drop)).is_err());
    assert!(asks.ask("other", Respond::new(drop)).is_ok());
    drop(all);
    assert!(asks.open().is_empty());
}

#[test]
fn an_older_target_asks_an_older_client_in_the_words_of_its_revision() {
    let asked = |version, kind| {
        let (asks, ledger) = (Asks::new(), Arc::new(Ledger::new(Instant::now())));
        let mut relayed = Relayed::new(Box::pin(Asking(1, kind)), &asks, ("s", version), &ledger);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Event::Notice(raw))) = Pin::new(&mut relayed).poll_event(&mut cx)
        else {
            panic!("no question")
        };
        assert_eq!(ledger.phase(), Phase::Write, "the caller takes the time");
        let message: Value = raw.parse().unwrap();
        let id = message["id"].to_string();
        answer(&asks, "s", &id, r#""result":{}"#).unwrap();
        assert_eq!(ledger.phase(), Phase::Receive);
        message["params"].clone()
    };
    let own = json!({ "mode": "form", "elicitationId": "own", "message": "m" });
    assert_eq!(asked(Version::V2025_11_25, AskKind::Form), own);
    assert_eq!(asked(Version::V2025_11_25, AskKind::Url), own, "a page keeps the target's id");
    let older = json!({ "elicitationId": "own", "message": "m" });
    assert_eq!(asked(Version::V2025_06_18, AskKind::Form), older);
}
