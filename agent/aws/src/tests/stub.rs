//! A server of HTTP/1.1 that answers what a test has written, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::cloud::{Cloud, Place, retries, times};

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and path, with the query.
    pub(crate) line: String,
    /// The head in small letters.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// What answers.
pub(crate) type Answerer = Box<dyn FnMut(&Asked) -> Vec<u8> + Send>;

/// A server.
pub(crate) struct Stub {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

// === impl Asked ===

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

// === impl Stub ===

impl Stub {
    /// Answers each request by a function.
    pub(crate) async fn by(answerer: Answerer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answerer = Arc::new(Mutex::new(answerer));
        let kept = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answerer, kept) = (Arc::clone(&answerer), Arc::clone(&kept));
                tokio::spawn(serve(stream, answerer, kept));
            }
        });
        Self { url, asked }
    }

    /// Answers one request after the other; the last answer stays.
    pub(crate) async fn answers(answers: Vec<Vec<u8>>) -> Self {
        let mut answers = VecDeque::from(answers);
        Self::by(Box::new(move |_| {
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
        }))
        .await
    }

    /// What was asked until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// AWS, which is this server, asked once.
    pub(crate) async fn cloud(&self) -> Cloud {
        cloud(&self.url, 1).await
    }
}

/// AWS at that URL.
pub(crate) async fn cloud(url: &str, attempts: u32) -> Cloud {
    let place = Place {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(url.to_owned()),
        attempts,
        ..Place::default()
    };
    let credentials = Credentials::new("AKIATEST", "canary-secret", None, None, "test");
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries(&place))
        .timeout_config(times(&place))
        .endpoint_url(url);
    Cloud::from_sdk(Box::pin(loader.load()).await, place)
}

/// A whole answer of JSON.
pub(crate) fn json(status: u16, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nx-amzn-requestid: req-4711\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

/// An error as AWS's JSON services write it.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Vec<u8> {
    let body = serde_json::json!({ "message": message, "__type": code });
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nx-amzn-errortype: {code}\r\nx-amzn-requestid: req-4711\r\nretry-after: 7\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

async fn serve(
    mut stream: TcpStream,
    answerer: Arc<Mutex<Answerer>>,
    kept: Arc<Mutex<Vec<Asked>>>,
) {
    let mut read = Vec::new();
    while let Some(asked) = request(&mut stream, &mut read).await {
        let answer = (answerer.lock().unwrap())(&asked);
        kept.lock().unwrap().push(asked);
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Reads one request; `None` once the other side has gone.
pub(crate) async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Asked> {
    loop {
        if let Some((asked, end)) = whole(read) {
            read.drain(..end);
            return Some(asked);
        }
        let mut more = vec![0; 65_536];
        let n = stream.read(&mut more).await.ok().filter(|n| *n > 0)?;
        read.extend_from_slice(&more[..n]);
    }
}

fn whole(read: &[u8]) -> Option<(Asked, usize)> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let body = read.get(end..end + length)?.to_vec();
    Some((Asked { line, head, body }, end + length))
}
