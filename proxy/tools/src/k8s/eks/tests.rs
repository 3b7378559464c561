//! Tokens, and clusters that EKS does not tell enough of.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::time::Instant;

use super::Token;
use crate::aws::tests::aws;
use crate::context::Context;
use crate::k8s::api::Api;
use crate::k8s::tools;
use crate::testing::{Fixture, Say, call, code, message};

fn context() -> Context {
    Context::new(Instant::now() + Duration::from_secs(10), "c".into())
}

#[tokio::test]
async fn a_token_is_the_signed_url_of_awss_own_sts_and_is_used_for_a_while() {
    // What stands in for AWS is not where clusters ask.
    let token = Token::new(aws("http://127.0.0.1:1"), "shop".to_owned());
    let value = token.header(&context()).await.unwrap();
    assert!(value.is_sensitive());
    let shown = value.to_str().unwrap().strip_prefix("Bearer k8s-aws-v1.").unwrap().to_owned();
    let url = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(shown).unwrap()).unwrap();
    let (host, query) = url.split_once("/?").unwrap();
    assert_eq!(host, "https://sts.eu-test-1.amazonaws.com");
    for part in [
        "Action=GetCallerIdentity",
        "X-Amz-Expires=60",
        "X-Amz-SignedHeaders=host%3Bx-k8s-aws-id",
        "X-Amz-Security-Token=session-s3cret",
        "X-Amz-Credential=AKIDNOBODY%2F",
    ] {
        assert!(query.split('&').any(|pair| pair.starts_with(part)), "{part}: {query}");
    }
    assert!(!url.contains("key-s3cret") && !format!("{token:?}").contains("s3cret"));
    let since = |token: &Token| token.last().as_ref().unwrap().2;
    let first = since(&token);
    token.header(&context()).await.unwrap();
    assert_eq!(since(&token), first, "the same");
    if let Some((_, _, since)) = &mut *token.last() {
        *since = since.checked_sub(Duration::from_secs(601)).unwrap();
    }
    let old = since(&token);
    token.header(&context()).await.unwrap();
    assert!(since(&token) > old, "a new one");
    token.forget();
    assert!(token.last().is_none());
}

#[tokio::test]
async fn a_cluster_that_is_not_there_yet_is_an_error() {
    for (status, endpoint, wanted) in [
        ("CREATING", json!(null), "upstream_error"),
        ("ACTIVE", json!("http://a.example"), "upstream_error"),
        ("ACTIVE", json!("https://127.0.0.1:1"), "garbled"),
    ] {
        let told = json!({ "cluster": { "name": "shop", "status": status, "endpoint": endpoint } });
        let eks = Fixture::saying(Say::json(&told)).await;
        let tools = tools(Api::named(&aws(&eks.url), "shop"), false);
        let reply = call(&tools, "list_pods", json!({})).await;
        assert_eq!(code(&reply), wanted, "{}", reply.structured());
        assert!(reply.text().contains("shop") || wanted == "garbled", "{}", reply.text());
        assert_eq!(eks.asked()[0].path, "/clusters/shop");
    }
    let missing =
        Say::This(404, vec![("x-amzn-errortype", "ResourceNotFoundException".into())], "{}".into());
    let eks = Fixture::saying(missing).await;
    let tools = tools(Api::named(&aws(&eks.url), "shop"), false);
    message(&call(&tools, "list_nodes", json!({})).await, "not_found");
}
