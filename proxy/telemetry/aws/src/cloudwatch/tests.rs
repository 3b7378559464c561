//! Requests as they are on the wire, and what answers mean.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use toolgate_telemetry::catalog::{CloudFate, Dimension};
use toolgate_telemetry::{CloudSink as _, Datum, Refusal, Retry, weight};

use super::{CloudWatch, answered};
use crate::Aws;

/// A sender to that address.
async fn sender(address: SocketAddr, known: bool) -> CloudWatch {
    let credentials = if known {
        SharedCredentialsProvider::new(Credentials::new("AKIATEST", "nobodys", None, None, "test"))
    } else {
        SharedCredentialsProvider::new(Nobody)
    };
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(credentials);
    CloudWatch::new(&Aws::from_sdk(Box::pin(loader.load()).await), "DevOpsAgent")
}

/// A provider that has no credentials, as on a machine without a role.
#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nobody is here")))
    }
}

/// Takes one request and answers it; gives back head and body.
async fn once(listener: TcpListener, answer: &'static str) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    loop {
        let mut more = vec![0; 65_536];
        let n = stream.read(&mut more).await.unwrap();
        assert!(n > 0, "the request ended early");
        read.extend_from_slice(&more[..n]);
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(read[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let body = &read[end + 4..];
        if body.len() >= length.parse().unwrap() {
            stream.write_all(answer.as_bytes()).await.unwrap();
            return (head, body.to_vec());
        }
    }
}

fn datum(n: usize, values: usize) -> Datum {
    let spread = |n: usize| f64::from(u32::try_from(n).unwrap()).sqrt() + 0.1;
    Datum {
        name: "TargetExecutionTime",
        dimensions: vec![(Dimension::Target, format!("target-{n}").into())],
        unit: "Milliseconds",
        values: (0..values).map(spread).collect(),
        counts: vec![3.0; values],
        at: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    }
}

async fn exchange(batch: &[Datum], answer: &'static str) -> (Result<(), Refusal>, String, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sender = sender(listener.local_addr().unwrap(), true).await;
    let (sent, (head, body)) = tokio::join!(sender.put(batch), once(listener, answer));
    (sent, head, body)
}

const TAKEN: &str = "HTTP/1.1 200 OK\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_small_request_is_signed_and_plain_and_lighter_than_was_reckoned() {
    let batch: Vec<Datum> = (0..3).map(|n| datum(n, 2)).collect();
    let (sent, head, body) = exchange(&batch, TAKEN).await;
    assert_eq!(sent, Ok(()));
    assert!(head.contains("authorization: aws4-hmac-sha256"), "{head}");
    assert!(!head.contains("content-encoding"), "{head}");
    let text = String::from_utf8_lossy(&body);
    for part in ["DevOpsAgent", "TargetExecutionTime", "target-2", "Milliseconds"] {
        assert!(text.contains(part), "no {part}");
    }
    let reckoned: usize = batch.iter().map(weight).sum();
    assert!(body.len() <= reckoned, "{} for {reckoned}", body.len());
}

#[tokio::test]
async fn a_large_request_is_compressed_and_lighter_than_was_reckoned() {
    let batch: Vec<Datum> = (0..250).map(|n| datum(n, 150)).collect();
    let (sent, head, body) = exchange(&batch, TAKEN).await;
    assert_eq!(sent, Ok(()));
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
    let reckoned: usize = batch.iter().map(weight).sum();
    assert!(plain.len() <= reckoned, "{} for {reckoned}", plain.len());
    assert!(plain.len() * 10 > reckoned * 9, "far too careful: {} for {reckoned}", plain.len());
    assert!(body.len() < plain.len() / 5);
}

#[tokio::test]
async fn each_way_to_fail_has_its_name() {
    let cases = [
        ("HTTP/1.1 500 Internal Server Error\r\n", CloudFate::Http5xx, Retry::Soon),
        ("HTTP/1.1 429 Too Many Requests\r\n", CloudFate::Throttled, Retry::Soon),
        ("HTTP/1.1 400 Bad Request\r\n", CloudFate::Http4xx, Retry::Never),
        ("HTTP/1.1 403 Forbidden\r\n", CloudFate::Http4xx, Retry::Later),
    ];
    for (status, fate, again) in cases {
        let answer = format!("{status}content-length: 0\r\n\r\n").leak();
        let (sent, _, _) = exchange(&[datum(0, 1)], answer).await;
        let refusal = sent.unwrap_err();
        assert_eq!((refusal.fate, refusal.again), (fate, again), "{refusal:?}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refusal = sender(nobody, true).await.put(&[datum(0, 1)]).await.unwrap_err();
    assert_eq!((refusal.fate, refusal.again), (CloudFate::Connect, Retry::Soon), "{refusal:?}");
    // Without credentials nothing is asked, and somebody has to do something.
    let refusal = sender(nobody, false).await.put(&[datum(0, 1)]).await.unwrap_err();
    assert_eq!((refusal.fate, refusal.again), (CloudFate::Connect, Retry::Later), "{refusal:?}");
    assert!(refusal.detail.chars().count() <= super::DETAIL);
}

#[test]
fn a_code_says_more_than_a_status() {
    assert_eq!(answered(400, Some("ThrottlingException")).0, CloudFate::Throttled);
    assert_eq!(answered(400, Some("ExpiredToken")).1, Retry::Later);
    assert_eq!(answered(400, Some("InvalidParameterValue")).1, Retry::Never);
}
