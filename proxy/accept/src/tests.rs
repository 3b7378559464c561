//! What connections promise.

use std::convert::Infallible;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use toolgate_call::{Lifecycle, Peer};
use tower::service_fn;

use crate::listener::Connection;
use crate::{AcceptConfig, Drain, Lanes, Patience, drain};

const CONFIG: AcceptConfig = AcceptConfig {
    connections: 1,
    patience: Patience {
        head: Duration::from_secs(15),
        idle: Duration::from_secs(75),
        write: Duration::from_secs(20),
    },
    header_bytes: 16 * 1024,
};

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\n\r\n";

/// What an answer is.
#[derive(Clone, Copy)]
enum Answer {
    /// One byte.
    Small,
    /// Bytes without end.
    Endless,
    /// None before the gateway stops.
    AtTheEnd,
}

/// A body that says when it is dropped.
struct Flagged {
    endless: bool,
    left: Option<Bytes>,
    gone: Arc<Notify>,
}

impl Drop for Flagged {
    fn drop(&mut self) {
        self.gone.notify_one();
    }
}

impl Body for Flagged {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = if self.endless { self.left.clone() } else { self.left.take() };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.left.as_ref().map_or(0, |left| left.len() as u64);
        if self.endless { SizeHint::default() } else { SizeHint::with_exact(length) }
    }
}

struct Rig {
    caller: DuplexStream,
    serving: JoinHandle<()>,
    gone: Arc<Notify>,
    asked: Arc<Notify>,
    lifecycle: Arc<Lifecycle>,
    drain: Drain,
}

/// A connection that is served, and its other end.
fn connected(answer: Answer) -> Rig {
    let (caller, socket) = duplex(4096);
    let (gone, lifecycle) = (Arc::new(Notify::new()), Arc::new(Lifecycle::default()));
    let (drain, drained) = drain(Arc::clone(&lifecycle));
    let (flag, life) = (Arc::clone(&gone), Arc::clone(&lifecycle));
    let asked = Arc::new(Notify::new());
    let told = Arc::clone(&asked);
    let stack = service_fn(move |_: Request<Incoming>| {
        let (flag, life) = (Arc::clone(&flag), Arc::clone(&life));
        told.notify_one();
        async move {
            if matches!(answer, Answer::AtTheEnd) {
                at_the_end(&life).await;
            }
            let endless = matches!(answer, Answer::Endless);
            let left = Some(Bytes::from(vec![b'x'; if endless { 4096 } else { 1 }]));
            Ok::<_, Infallible>(Response::new(Flagged { endless, left, gone: flag }))
        }
    });
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let peer = Peer(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    let connection = Connection { peer: Some(peer), caller: None, config: CONFIG, stack, permit };
    let serving = tokio::spawn(connection.run(socket, drained));
    Rig { caller, serving, gone, asked, lifecycle, drain }
}

/// Like the stages behind: it looks when it is polled, and asks nobody to wake it.
async fn at_the_end(lifecycle: &Lifecycle) {
    std::future::poll_fn(|_| if lifecycle.is_over() { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

/// How many seconds it takes until the connection is closed.
async fn closes(serving: JoinHandle<()>) -> u64 {
    let start = Instant::now();
    serving.await.unwrap();
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_sends_nothing_or_half_a_preface_or_half_a_head_is_closed() {
    for sent in [&b""[..], b"PRI * HTTP/2.0\r\n", b"POST / HTTP/1.1\r\nhost: x\r\n"] {
        let mut rig = connected(Answer::Small);
        rig.caller.write_all(sent).await.unwrap();
        let took = closes(rig.serving).await;
        assert!((15..=17).contains(&took), "{took} s after {sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn between_two_requests_a_connection_may_be_idle_for_longer_than_a_head_may_take() {
    let mut rig = connected(Answer::Small);
    let mut answer = vec![0; 4096];
    for _ in 0..2 {
        rig.caller.write_all(REQUEST).await.unwrap();
        assert!(rig.caller.read(&mut answer).await.unwrap() > 0);
        tokio::time::advance(Duration::from_secs(61)).await;
    }
    rig.caller.write_all(&REQUEST[..9]).await.unwrap();
    assert!((15..=17).contains(&closes(rig.serving).await), "a second head has its limit too");

    let mut rig = connected(Answer::Small);
    rig.caller.write_all(REQUEST).await.unwrap();
    assert!(rig.caller.read(&mut answer).await.unwrap() > 0);
    assert!((75..=77).contains(&closes(rig.serving).await));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_long_in_coming_is_waited_for() {
    let mut rig = connected(Answer::AtTheEnd);
    rig.caller.write_all(REQUEST).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(900), &mut rig.serving).await;
    assert!(closed.is_err(), "the gateway's own time is not the caller's");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_loses_its_connection_and_all_that_its_answer_holds() {
    let mut rig = connected(Answer::Endless);
    rig.caller.write_all(REQUEST).await.unwrap();
    let took = closes(rig.serving).await;
    assert!((20..=22).contains(&took), "{took} s");
    rig.gone.notified().await;
}

type Sender = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

/// An HTTP/2 caller. Its connection reads what it must, but no answer that nobody asks for.
async fn over_http2(caller: DuplexStream) -> (Sender, JoinHandle<()>) {
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(caller));
    let (sender, connection) = handshake.await.unwrap();
    (sender, tokio::spawn(async move { connection.await.unwrap() }))
}

fn request() -> Request<Empty<Bytes>> {
    Request::post("http://x/").body(Empty::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_stream_of_http2_that_nobody_reads_is_let_go_and_the_others_go_on() {
    let rig = connected(Answer::Endless);
    let (mut sender, _driver) = over_http2(rig.caller).await;
    let unread = sender.send_request(request()).await.unwrap();
    let start = Instant::now();
    rig.gone.notified().await;
    assert!((19..=22).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let mut other = sender.send_request(request()).await.unwrap().into_body();
    assert!(other.frame().await.unwrap().is_ok());
    assert!(!rig.serving.is_finished());
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_service_reaches_a_call_over_http2() {
    let rig = connected(Answer::AtTheEnd);
    let (mut sender, _driver) = over_http2(rig.caller).await;
    let answering = tokio::spawn(async move { sender.send_request(request()).await });
    rig.asked.notified().await;
    assert!(!rig.lifecycle.is_draining());
    assert!(!rig.drain.end(Duration::from_secs(5)).await, "it did not finish in time");
    let answer = answering.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    rig.serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_of_http2_is_closed_as_well() {
    let rig = connected(Answer::Small);
    let (mut sender, driver) = over_http2(rig.caller).await;
    sender.send_request(request()).await.unwrap();
    assert!((75..=160).contains(&closes(rig.serving).await));
    driver.await.unwrap();
}

#[test]
fn lanes_end_though_something_on_them_cannot_be_interrupted() {
    let lanes = Lanes::start(1).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (began, begun) = std::sync::mpsc::channel::<()>();
    lanes.spawn(async move {
        let _never = tokio::task::spawn_blocking(move || {
            began.send(()).unwrap();
            held.recv()
        })
        .await;
        pending::<()>().await;
    });
    begun.recv().unwrap();
    let (ended, end) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        drop(lanes);
        ended.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(10)).unwrap();
    drop(release);
}
