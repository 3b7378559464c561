//! What becomes of requests, and how URLs are written.

use std::time::Duration;

use http::Request;
use tokio::time::Instant;

use super::{Upstream, base, encoded, form, request};
use crate::context::Context;
use crate::error::Code;
use crate::testing::{Fixture, Say};

fn context(ms: u64) -> Context {
    Context::new(Instant::now() + Duration::from_millis(ms), "c".into())
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Fixture::saying(Say::json(&serde_json::json!({}))).await;
    let headers = vec![("location", elsewhere.url.clone())];
    let fixture = Fixture::saying(Say::This(302, headers, String::new())).await;
    let upstream = Upstream::new("test", 1024);
    let ask = request(Request::get(&fixture.url), "").unwrap();
    let error = upstream.send(ask, &context(5000)).await.unwrap().good().unwrap_err();
    assert_eq!(error.code(), Code::Misconfigured);
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_error_names_the_upstream_its_status_and_its_id_of_the_request() {
    let headers = vec![("x-amzn-requestid", "abc-1".into()), ("retry-after", "3".into())];
    let fixture = Fixture::saying(Say::This(503, headers, "  down\n for now ".into())).await;
    let upstream = Upstream::new("test", 1024);
    let ask = request(Request::get(&fixture.url), "").unwrap();
    let error = upstream.send(ask, &context(5000)).await.unwrap().good().unwrap_err();
    let source = error.source().unwrap();
    assert_eq!((source.service.as_str(), source.status), ("test", Some(503)));
    assert_eq!(source.request_id.as_deref(), Some("abc-1"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    assert!(error.message().contains("down for now"), "{error}");
    assert!(error.code().retryable());
}

#[test]
fn a_base_is_absolute_and_bare() {
    assert_eq!(base("http://h:1/a/").unwrap(), "http://h:1/a");
    for wrong in ["", "h:1", "ftp://h", "http://u:p@h/", "http://h/?a=b", "/a", "http://"] {
        base(wrong).expect_err(wrong);
    }
}

#[test]
fn every_byte_that_means_something_is_escaped() {
    assert_eq!(encoded("a b+c&d=é~"), "a%20b%2Bc%26d%3D%C3%A9~");
    assert_eq!(form(&[("match[]", "{a=\"b\"}"), ("x", "")]), "match%5B%5D=%7Ba%3D%22b%22%7D&x=");
}
