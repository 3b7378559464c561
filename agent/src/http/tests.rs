//! The routes, asked without a socket unless one is what it is about.

mod api;
mod door;
mod house;
mod kept;
mod look;
mod runtime;
mod sign_in;
mod socket;

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::house::House;
use super::{Options, serve};

/// A served house: its address, what tells it to stop, and its end.
async fn served(
    house: &House,
    drain: Duration,
) -> (std::net::SocketAddr, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = Options { drain, ..Options::default() };
    let stopped = async move {
        let _told = stopped.await;
    };
    (at, stop, tokio::spawn(serve(listener, house.host(), options, stopped)))
}

/// Sends a question and does not wait for its answer.
async fn asked(at: std::net::SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let body = json!({ "prompt": text }).to_string();
    let request = format!(
        "POST /invocations HTTP/1.1\r\nhost: {at}\r\ncontent-type: application/json\r\n\
         accept: text/event-stream\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until that is there.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut all = String::new();
    while !all.contains(wanted) {
        let mut piece = [0; 512];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "it ended without {wanted}: {all}");
        all.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    all
}

#[tokio::test]
async fn told_to_stop_it_lets_a_turn_end() {
    let house = House::gated();
    let (at, stop, served) = served(&house, Duration::from_secs(60)).await;
    let mut turn = asked(at, "gate").await;
    until(&mut turn, "step.start").await;
    stop.send(()).unwrap();
    house.open_gate();
    let rest = until(&mut turn, "turn.end").await;
    assert!(rest.contains(r#""reason":"answered""#), "{rest}");
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_turn_that_does_not_end_in_time_is_stopped_with_a_word() {
    let house = House::gated();
    let (at, stop, served) = served(&house, Duration::ZERO).await;
    let mut turn = asked(at, "gate").await;
    until(&mut turn, "step.start").await;
    stop.send(()).unwrap();
    let rest = until(&mut turn, "turn.end").await;
    assert!(rest.contains(r#""reason":"stopped""#), "{rest}");
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_never_comes_whole_does_not_keep_the_process() {
    let house = House::gated();
    let (at, stop, served) = served(&house, Duration::ZERO).await;
    // One whole request: it is certain then that the connection was taken.
    let mut half = TcpStream::connect(at).await.unwrap();
    half.write_all(format!("GET /livez HTTP/1.1\r\nhost: {at}\r\n\r\n").as_bytes()).await.unwrap();
    until(&mut half, "up_seconds").await;
    let head = format!(
        "POST /invocations HTTP/1.1\r\nhost: {at}\r\ncontent-type: application/json\r\n\
         content-length: 99\r\nexpect: 100-continue\r\n\r\n"
    );
    half.write_all(head.as_bytes()).await.unwrap();
    // The handler has begun to read.
    until(&mut half, "100 Continue").await;
    tokio::time::pause();
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    drop(half);
}
