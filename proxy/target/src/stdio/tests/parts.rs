//! The parts of a stdio target, one by one.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use serde_json::Value;
use tokio::time::Instant;
use toolgate_call::{
    Answer, Call, Case, Event, Events as _, Ledger, Listed, Op, Phase, Policy, Principal, RawJson,
    Reason, Refusal, Version,
};

use crate::lacking::Lacking;
use crate::progress::{Place, id_number, with_token};
use crate::stdio::backoff::{Backoff, Life};
use crate::stdio::chatter::Chatter;
use crate::stdio::lines::{Limits, Line, Lines};
use crate::stdio::link::{Ask, Asker, Link, MAX_QUEUED, Ticket};
use crate::stdio::mailbox::Mailbox;
use crate::stdio::request;
use crate::stdio::salvage::answered_id;
use crate::stdio::tests::peer::call;

const CRASH: Life = Life { healthy: Duration::ZERO, served: false };

fn seconds(wait: f64) -> Duration {
    Duration::from_secs_f64(wait)
}

fn no_ask() -> Ask {
    Ask::own(Asker::Gateway, None)
}

fn poll(mail: &Mailbox) -> Poll<Option<Event>> {
    mail.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn pauses_grow_until_half_a_minute() {
    let mut backoff = Backoff::default();
    let start = Instant::now();
    let after = |n: u32| start + seconds(60.0) * n;
    let waits: Vec<_> = (0..11).map(|n| backoff.after(after(n), CRASH).wait).collect();
    let wanted = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0].map(seconds);
    assert_eq!(waits, wanted);
}

#[test]
fn a_minute_of_health_makes_up_for_all_that_was() {
    let mut backoff = Backoff::default();
    let now = Instant::now();
    for _ in 0..7 {
        backoff.after(now, CRASH);
    }
    assert!(backoff.after(now, CRASH).looping);
    let healthy = Life { healthy: seconds(60.0), served: false };
    let pause = backoff.after(now + seconds(61.0), healthy);
    assert_eq!((pause.wait, pause.looping), (seconds(0.1), false));
}

#[test]
fn five_endings_in_half_a_minute_are_a_loop_unless_a_call_was_answered() {
    let now = Instant::now();
    let mut backoff = Backoff::default();
    let looping: Vec<_> = (0..5).map(|_| backoff.after(now, CRASH).looping).collect();
    assert_eq!(looping, [false, false, false, false, true]);
    assert_eq!(backoff.after(now + seconds(31.0), CRASH).wait, seconds(30.0));
    let served = Life { healthy: seconds(1.0), served: true };
    assert!(!backoff.after(now + seconds(62.0), served).looping);
    let mut slow = Backoff::default();
    assert!((0..9).all(|n| !slow.after(now + seconds(8.0) * n, CRASH).looping));
}

#[test]
fn a_child_that_serves_and_dies_now_and_then_is_always_back_soon() {
    let mut backoff = Backoff::default();
    let start = Instant::now();
    let life = |healthy: f64| Life { healthy: seconds(healthy), served: true };
    let mut after = |n: u32, life| backoff.after(start + seconds(8.0) * n, life).wait;
    assert!((0..9).all(|n| after(n, life(7.5)) == seconds(0.1)));
    // One that hardly lives is left alone for longer and longer, until it lives long enough again.
    let waits: Vec<_> = (9..12).map(|n| after(n, life(0.5))).collect();
    assert_eq!(waits, [0.2, 0.4, 0.8].map(seconds));
    assert_eq!(after(12, life(7.9)), seconds(1.6), "less than ten times the last pause");
    assert_eq!(after(13, life(16.0)), seconds(0.1));
}

#[test]
fn a_child_may_not_flood_the_log_and_silence_is_counted() {
    let chatter = Chatter::default();
    let now = Instant::now();
    let mut said = Vec::new();
    for _ in 0..500 {
        chatter.say(now, |muted| said.push(muted));
    }
    assert_eq!(said, [0; 200]);
    chatter.say(now + seconds(10.0), |muted| said.push(muted));
    assert_eq!(said.last(), Some(&300));
}

#[test]
fn old_notices_make_room_but_the_answer_stays() {
    let mail = Mailbox::new(None, Lacking::default());
    for n in 0..300 {
        mail.push(RawJson::built(n.to_string().into()));
    }
    mail.answer(Answer::result(RawJson::literal("{}")));
    for n in 44..300 {
        let Poll::Ready(Some(Event::Notice(raw))) = poll(&mail) else { panic!("{n}") };
        assert_eq!(raw.as_bytes(), n.to_string().as_bytes());
    }
    assert!(matches!(poll(&mail), Poll::Ready(Some(Event::Done(Ok(_))))));
    assert!(matches!(poll(&mail), Poll::Ready(None)));
}

#[test]
fn notices_are_bounded_in_bytes_as_well() {
    let mail = Mailbox::new(None, Lacking::default());
    let large = RawJson::built(vec![b'1'; 3 * 1024 * 1024].into());
    mail.push(large.clone());
    mail.push(large);
    assert!(matches!(poll(&mail), Poll::Ready(Some(Event::Notice(_)))));
    assert!(poll(&mail).is_pending());
}

#[test]
fn a_failure_knows_whether_anything_was_sent() {
    let refusal = || Refusal::target(Reason::Reset, &Arc::from("t"), "stopped");
    for sent in [false, true] {
        let mail = Mailbox::new(None, Lacking::default());
        assert!(!sent || mail.leaving());
        mail.fail(refusal());
        let Poll::Ready(Some(Event::Done(Err(told)))) = poll(&mail) else { panic!("no end") };
        assert_eq!(told.was_sent(), sent);
    }
}

#[test]
fn an_answer_that_is_quick_is_not_followed_by_waiting() {
    let ledger = Arc::new(Ledger::new(std::time::Instant::now()));
    let mail = Mailbox::new(Some(Arc::clone(&ledger)), Lacking::default());
    assert!(mail.leaving());
    mail.answer(Answer::result(RawJson::literal("{}")));
    mail.left();
    assert_eq!(ledger.phase(), Phase::Receive);
}

#[test]
fn a_call_that_was_given_up_does_not_leave_nor_touch_the_ledger() {
    let ledger = Arc::new(Ledger::new(std::time::Instant::now()));
    let mail = Mailbox::new(Some(Arc::clone(&ledger)), Lacking::default());
    assert!(!mail.abandon());
    assert!(!mail.leaving());
    mail.left();
    mail.push(RawJson::literal("1"));
    assert_eq!(ledger.phase(), Phase::Read);
}

#[test]
fn a_full_queue_refuses_and_keeps_no_place() {
    let (link, mut queue) = Link::new(&Arc::from("t"));
    let ask = || link.ask(no_ask(), |_| Some(Bytes::from_static(b"{}")));
    let tickets: Vec<_> = (0..MAX_QUEUED).map(|_| ask().unwrap()).collect();
    let refusal = ask().unwrap_err();
    assert_eq!((refusal.case(), refusal.is_retry_safe()), (Case::Overloaded, true));
    assert_eq!(link.in_flight(), MAX_QUEUED);
    drop(queue.try_recv().unwrap());
    assert!(ask().is_ok());
    drop(tickets);
    assert_eq!(link.in_flight(), 0);
}

#[test]
fn too_many_bytes_in_the_queue_are_refused_too() {
    let (link, _queue) = Link::new(&Arc::from("t"));
    let large = Bytes::from(vec![b' '; 40 * 1024 * 1024]);
    let ask = || link.ask(no_ask(), |_| Some(large.clone()));
    let _tickets = (ask().unwrap(), ask().unwrap());
    assert_eq!(ask().unwrap_err().case(), Case::Overloaded);
}

#[test]
fn a_closed_link_fails_what_it_has_and_takes_no_more() {
    let (link, _queue) = Link::new(&Arc::from("t"));
    let ask = || link.ask(no_ask(), |_| Some(Bytes::from_static(b"{}")));
    let ticket = ask().unwrap();
    link.close(&Refusal::new(Case::ShuttingDown, "stop"));
    assert_eq!(ask().unwrap_err().reason(), Reason::ConnectRefused);
    assert_eq!(link.in_flight(), 0);
    drop(ticket);
}

#[test]
fn the_cancellation_of_what_never_left_is_not_sent_either() {
    let (link, mut queue) = Link::new(&Arc::from("t"));
    drop(link.ask(no_ask(), |_| Some(Bytes::from_static(b"{}"))).unwrap());
    let message = queue.try_recv().unwrap();
    assert!(!message.mail.unwrap().leaving());
    assert!(queue.try_recv().is_err());
}

/// A caller's request on a link.
fn calls(link: &Arc<Link>, subject: &str) -> Ticket {
    let Op::Call(permitted) = call("x", &serde_json::json!({})).op else { panic!("no call") };
    let principal = Principal { subject: subject.into(), ..Principal::anonymous() };
    let call = Call {
        principal: Arc::new(principal),
        version: Version::LATEST_LEGACY,
        ..permitted.call().clone()
    };
    let caller = Policy::open().permit(call, permitted.plan().cloned()).unwrap();
    let ask = Ask { caller: Some(Arc::new(caller)), ..Ask::own(Asker::Caller, None) };
    link.ask(ask, |_| Some(Bytes::from_static(b"{}"))).unwrap()
}

#[test]
fn what_a_child_says_late_is_for_nobody_else() {
    let raw = || RawJson::literal(r#"{"params":{"level":"error","data":"of whom?"}}"#);
    let hears = |before: &str, is_answered: bool| {
        let (link, _queue) = Link::new(&Arc::from("t"));
        let first = calls(&link, before);
        if is_answered {
            link.answered(&RawJson::literal("1"), Answer::result(RawJson::literal("{}")));
        }
        drop(first);
        let mut second = calls(&link, "b");
        link.logged(raw());
        let polled = Pin::new(&mut second).poll_event(&mut Context::from_waker(Waker::noop()));
        matches!(polled, Poll::Ready(Some(Event::Notice(_))))
    };
    assert!(hears("a", true), "a pipe keeps its order");
    assert!(!hears("a", false), "it may be about the call that was given up");
    assert!(hears("b", false), "its own in any case");
}

#[test]
fn a_token_is_replaced_where_it_belongs_and_nowhere_else() {
    let text = r#"{"progressToken":1,"params":{"x":{"progressToken":2},"_meta":{"a":1.0,"progressToken":"3"},"progressToken":4}}"#;
    let swap = |place| {
        let out = with_token(&Bytes::from_static(text.as_bytes()), place, b"99").unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    };
    assert_eq!(swap(Place::Meta), text.replace(r#""3""#, "99"));
    assert_eq!(swap(Place::Params), text.replace('4', "99"));
    let without = Bytes::from_static(br#"{"params":{}}"#);
    assert!(with_token(&without, Place::Meta, b"9").is_none());
}

#[test]
fn the_gateways_own_words_are_json_on_one_line() {
    let cursor = RawJson::literal("\"a\"");
    for era in [toolgate_call::Era::Modern, toolgate_call::Era::Legacy] {
        let lines = [
            request::list(1, Listed::Tools, (Some(&cursor), era)),
            request::list(2, Listed::Prompts, (None, era)),
            request::probe(3, era),
            request::discover(4),
            request::listen(5, true, &toolgate_call::Watched::default()),
            request::initialize(6),
            request::cancelled(7),
            request::pong(&RawJson::literal("\"x\"")),
            Bytes::from_static(request::INITIALIZED.as_bytes()),
        ];
        for line in lines {
            let value: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(value["jsonrpc"], "2.0");
            assert!(!line.contains(&b'\n'));
        }
    }
}

#[test]
fn the_id_of_an_answer_is_found_in_its_beginning() {
    let cases: [(&str, Option<u64>); 10] = [
        (r#"{"jsonrpc":"2.0","id":7,"result":{"text":"xxx"#, Some(7)),
        (r#"{"result":{"id":3},"id" : "8" ,"#, Some(8)),
        (r#"{"id":12"#, None),
        (r#"{"result":{"id":3,"text":""#, None),
        (r#"{"result":"\"id\":9","#, None),
        (r#"{"id":7,"method":"tools/call","#, None),
        (r#"{"result":["id"],"x":"id","#, None),
        (r#"{"id":null,"#, None),
        (r#"{"id":-1,"#, None),
        ("id", None),
    ];
    for (start, wanted) in cases {
        assert_eq!(answered_id(start.as_bytes(), b""), wanted, "{start}");
    }
    let head = br#"{"jsonrpc":"2.0","result":{"text":"x"#;
    let tails: [(&str, Option<u64>); 9] = [
        (r#"xx"}, "id" : 7 }"#, Some(7)),
        ("xx\"},\"id\":\"8\"}\r", Some(8)),
        (r#"xx"},"id":7}}"#, None),
        (r#"xx"},"other":7}"#, None),
        (r#"xx,\"id\":7}"#, None),
        (r#""id":7,"x":[1]}"#, None),
        (r#"xx"},"id":null}"#, None),
        (r#"xx"},"id":7"#, None),
        ("", None),
    ];
    for (tail, wanted) in tails {
        assert_eq!(answered_id(head, tail.as_bytes()), wanted, "{tail}");
    }
    let asks = br#"{"method":"ping","params":{"x":"#;
    assert_eq!(answered_id(asks, br#""},"id":7}"#), None);
    assert_eq!(id_number(br#""42""#), Some(42));
    assert_eq!(id_number(b"\""), None);
}

async fn all_lines(text: &[u8], limits: Limits) -> Vec<Line> {
    let mut lines = Lines::new(text, limits);
    let mut all = Vec::new();
    while let Some(line) = lines.next().await.unwrap() {
        all.push(line);
    }
    all
}

#[tokio::test]
async fn an_over_long_line_leaves_only_its_ends() {
    let long = format!("{}the end\nshort\r\n{}", "x".repeat(90_000), "y".repeat(30));
    let lines = all_lines(long.as_bytes(), Limits { line: 20, keep: 8 }).await;
    let whole = |text: &'static str| Line::Whole(Bytes::from_static(text.as_bytes()));
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    let cut = |head, tail| Line::Cut { head: bytes(head), tail: bytes(tail) };
    assert_eq!(lines, [cut("xxxxxxxx", "xthe end"), whole("short"), cut("yyyyyyyy", "yyyyyyyy")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn lines_are_what_was_between_the_breaks(
        parts in proptest::collection::vec(proptest::collection::vec(b'a'..=b'c', 0..12), 0..8),
        piece in 1_usize..9,
        ended in any::<bool>(),
    ) {
        let mut text = parts.join(&b'\n');
        if ended {
            text.push(b'\n');
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let lines = runtime.block_on(async {
            // A pipe so narrow that every line comes in pieces.
            let (mut near, far) = tokio::io::duplex(piece);
            let all = async {
                let mut lines = Lines::new(far, Limits { line: 6, keep: 2 });
                let mut all = Vec::new();
                while let Some(line) = lines.next().await.unwrap() {
                    all.push(line);
                }
                all
            };
            let write = async move {
                tokio::io::AsyncWriteExt::write_all(&mut near, &text).await.unwrap();
            };
            tokio::join!(all, write).0
        });
        let mut wanted: Vec<Line> = parts.iter().map(|part| {
            if part.len() > 6 {
                let (head, tail) = (&part[..2], &part[part.len() - 2..]);
                let (head, tail) = (Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail));
                Line::Cut { head, tail }
            } else {
                Line::Whole(Bytes::copy_from_slice(part))
            }
        }).collect();
        if !ended && parts.last().is_some_and(Vec::is_empty) {
            wanted.pop();
        }
        if ended && parts.is_empty() {
            wanted.push(Line::Whole(Bytes::new()));
        }
        prop_assert_eq!(lines, wanted);
    }
}
