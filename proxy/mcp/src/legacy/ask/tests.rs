//! Whose answer it is.

use std::sync::mpsc;

use toolgate_call::{Case, Frame, FrameParts, Refusal, Respond, Said};

use super::{Asked, Asks, EACH};

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
