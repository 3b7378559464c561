//! What is asked, and what is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Ask, FetchError, Fetcher, Ground, MOST_BYTES, Said};

const LIMIT: Duration = Duration::from_secs(5);

/// A server that gives that answer to everybody, and counts.
async fn server(answer: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _read = socket.read(&mut [0; 4096]).await;
            let _written = socket.write_all(answer.as_bytes()).await;
        }
    });
    (port, count)
}

fn fetcher(allow: &[&str]) -> Fetcher {
    Fetcher::new(Ground::new(allow.iter().map(|host| (*host).to_owned())))
}

fn get(url: &str, said: Said) -> Ask {
    Ask::get(url.parse().unwrap(), said)
}

#[tokio::test]
async fn what_the_operator_wrote_of_this_machine_is_asked_and_a_document_is_not_believed() {
    let (port, count) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".into()).await;
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}/keys");
        let answer = fetcher(&[]).ask(get(&url, Said::Operator), LIMIT).await.unwrap();
        assert_eq!(&*answer.body, b"hi");
        let before = count.load(Ordering::SeqCst);
        let refused = fetcher(&[]).ask(get(&url, Said::Document), LIMIT).await.unwrap_err();
        assert!(matches!(&refused, FetchError::Forbidden(why) if why.contains("fetch: { allow:")));
        assert_eq!(count.load(Ordering::SeqCst), before, "a refused address was connected to");
        assert!(fetcher(&[host]).ask(get(&url, Said::Document), LIMIT).await.is_ok());
    }
}

#[tokio::test]
async fn private_and_metadata_addresses_are_refused_before_anything_is_sent() {
    let urls = [
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/jwks",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0.0.0.0/",
        "ftp://example.com/",
    ];
    for url in urls {
        for said in [Said::Operator, Said::Document] {
            let refused = fetcher(&[]).ask(get(url, said), LIMIT).await.unwrap_err();
            assert!(matches!(refused, FetchError::Forbidden(_)), "{url}: {refused}");
        }
    }
    // An allowed host is still asked by https only.
    let plain = get("http://10.0.0.1/", Said::Operator);
    let refused = fetcher(&["10.0.0.1"]).ask(plain, LIMIT).await.unwrap_err();
    assert!(refused.to_string().contains("https only"), "{refused}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (port, count) = server(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
            .into(),
    )
    .await;
    let url = format!("http://127.0.0.1:{port}/");
    let answer = fetcher(&[]).ask(get(&url, Said::Operator), LIMIT).await.unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let body = "x".repeat(MOST_BYTES + 1);
    let (port, _) = server(format!("HTTP/1.1 200 OK\r\n\r\n{body}")).await;
    let url = format!("http://127.0.0.1:{port}/?secret=1");
    let error = fetcher(&[]).ask(get(&url, Said::Operator), LIMIT).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLong(_)), "{error}");
    assert!(!error.to_string().contains("secret"));
}

#[tokio::test]
async fn a_server_that_is_silent_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let error =
        fetcher(&[]).ask(get(&url, Said::Operator), Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, FetchError::Late(_)), "{error}");
}
