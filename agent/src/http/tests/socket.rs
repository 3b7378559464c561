//! The same turns over a WebSocket (RFC 6455), by hand: a client's frames with a mask of zeros.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::house::House;
use super::served;

struct Socket(BufReader<TcpStream>);

impl Socket {
    async fn open(at: SocketAddr, more: &str) -> (Self, String) {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let head = format!(
            "GET /ws HTTP/1.1\r\nhost: {at}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut socket = Self(BufReader::new(stream));
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(socket.0.read_u8().await.unwrap());
        }
        let status = String::from_utf8(answer).unwrap();
        (socket, status.lines().next().unwrap().to_owned())
    }

    async fn say(&mut self, text: &str) {
        let length = u16::try_from(text.len()).unwrap();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.get_mut().write_all(&frame).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        let (kind, short) = (self.0.read_u8().await.unwrap(), self.0.read_u8().await.unwrap());
        assert_eq!(kind, 0x81, "a whole text");
        let length = if short == 126 { self.0.read_u16().await.unwrap() } else { short.into() };
        let mut text = vec![0; length.into()];
        self.0.read_exact(&mut text).await.unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let heard = self.hear().await;
            if heard["type"] == kind {
                return heard;
            }
        }
    }
}

const LONG: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::test]
async fn a_socket_asks_one_thing_after_the_other() {
    let house = House::gated();
    let (at, stop, server) = served(&house, LONG).await;
    let (mut socket, status) = Socket::open(at, "").await;
    assert_eq!(status, "HTTP/1.1 101 Switching Protocols");
    for (odd, says) in [
        ("no JSON", "expected"),
        (r#"{"type":"dance"}"#, "unknown variant"),
        (r#"{"type":"stop"}"#, "nothing waits"),
        (r#"{"type":"approve","step":1,"yes":true}"#, "nothing waits"),
        (r#"{"type":"ask","text":" "}"#, "no question"),
        (r#"{"type":"ask","text":"hi","model":"nobody"}"#, "one, two"),
    ] {
        socket.say(odd).await;
        let told = socket.hear().await;
        assert_eq!(told["type"], "error", "{told}");
        assert!(told["says"].as_str().is_some_and(|it| it.contains(says)), "{told}");
    }
    let ask = json!({ "type": "ask", "text": "hi", "session": "s", "model": "two" }).to_string();
    socket.say(&ask).await;
    let start = socket.hear().await;
    assert_eq!(
        (&start["type"], &start["session"], &start["model"]),
        (&json!("turn.start"), &json!("s"), &json!("two"))
    );
    socket.say(&ask).await;
    let busy = socket.until("error").await;
    assert_eq!(busy["says"], "a turn goes on: stop it first");
    socket.say(r#"{"type":"stop"}"#).await;
    assert_eq!(socket.until("turn.end").await["reason"], "stopped");
    house.open_gate();
    socket.say(&ask).await;
    assert_eq!(socket.until("text").await["delta"], "open");
    assert_eq!(socket.until("turn.end").await["reason"], "answered");
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_socket_gives_the_users_word() {
    let script =
        json!([{ "replies": [{ "tools": [{ "name": "shop___change" }] }, { "text": "done" }] }]);
    let house = House::scripted(&script);
    let (at, _stop, _served) = served(&house, LONG).await;
    let (mut socket, _) = Socket::open(at, "").await;
    socket.say(r#"{"type":"ask","text":"change it"}"#).await;
    let step = socket.until("approval").await["step"].clone();
    socket.say(&json!({ "type": "approve", "step": step, "yes": true }).to_string()).await;
    assert_eq!(socket.until("turn.end").await["reason"], "answered");
    assert_eq!(house.called(), ["shop___change"]);
}

#[tokio::test]
async fn a_turn_ends_with_its_socket() {
    let house = House::gated();
    let (at, stop, server) = served(&house, LONG).await;
    let (mut socket, _) = Socket::open(at, "").await;
    socket.say(r#"{"type":"ask","text":"hi"}"#).await;
    socket.until("step.start").await;
    drop(socket);
    // The server ends at once: nothing goes on. With a turn left it would wait for the gate.
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_opens_a_socket_without_a_name() {
    let house = House::gated().closed();
    let (at, _stop, _served) = served(&house, LONG).await;
    assert_eq!(Socket::open(at, "").await.1, "HTTP/1.1 401 Unauthorized");
    let foreign = "origin: https://evil.example.com\r\nauthorization: Bearer ann-token\r\n";
    assert_eq!(Socket::open(at, foreign).await.1, "HTTP/1.1 403 Forbidden");
    let good = "authorization: Bearer ann-token\r\n";
    assert_eq!(Socket::open(at, good).await.1, "HTTP/1.1 101 Switching Protocols");
}
