//! What is signed, and what errors of AWS are.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Aws, Client, Config, Service};
use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::testing::{Fixture, Say};

/// AWS at a fixture, with credentials of nobody.
pub(crate) fn aws(url: &str) -> Arc<Aws> {
    let session = Some("session-s3cret".to_owned());
    Aws::fixed(url, Credentials::new("AKIDNOBODY", "key-s3cret", session, None, "test"))
}

fn context() -> Context {
    Context::new(Instant::now() + Duration::from_secs(10), "c".into())
}

async fn ask(aws: &Arc<Aws>) -> Result<Value, ToolError> {
    Client::new(aws, Service::LOGS).json("Say", &json!({ "a": "é b" }), &context()).await
}

#[tokio::test]
async fn a_request_is_signed_with_its_session_and_shows_no_secret() {
    let fixture = Fixture::saying(Say::json(&json!({ "b": 1 }))).await;
    assert_eq!(ask(&aws(&fixture.url)).await.unwrap(), json!({ "b": 1 }));
    let asked = &fixture.asked()[0];
    assert_eq!(asked.headers["x-amz-target"], "Logs_20140328.Say");
    assert_eq!(asked.headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(asked.headers["x-amz-security-token"], "session-s3cret");
    assert_eq!(asked.body, "{\"a\":\"é b\"}");
    let shown = asked.headers["authorization"].to_str().unwrap();
    assert!(shown.contains("Credential=AKIDNOBODY/"), "{shown}");
    assert!(shown.contains("/eu-test-1/logs/aws4_request"), "{shown}");
    assert!(shown.contains("x-amz-target"), "{shown}");
    assert!(!format!("{:?}", aws("http://a.example")).contains("s3cret"));
}

#[tokio::test]
async fn credentials_that_have_ended_are_an_error_and_nobody_is_asked() {
    let fixture = Fixture::saying(Say::json(&json!({}))).await;
    let ended = Some(SystemTime::now() - Duration::from_secs(1));
    let ended = Credentials::new("AKIDNOBODY", "key-s3cret", None, ended, "test");
    let error = ask(&Aws::fixed(&fixture.url, ended)).await.unwrap_err();
    assert_eq!(error.code(), Code::Denied);
    assert!(error.message().contains("have expired"), "{error}");
    assert!(fixture.asked().is_empty());
}

#[tokio::test]
async fn errors_of_aws_are_told_by_their_kind() {
    let json = |kind: &str| json!({ "__type": kind, "message": "its words" }).to_string();
    let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>\
               <Message>its words</Message></Error><RequestId>r</RequestId></ErrorResponse>";
    for (status, body, code) in [
        (400, json("com.amazonaws.logs#ResourceNotFoundException"), "not_found"),
        (400, json("ThrottlingException"), "rate_limited"),
        (400, json("LimitExceededException"), "rate_limited"),
        (400, json("AccessDeniedException"), "denied"),
        (400, json("ExpiredTokenException"), "denied"),
        (400, json("UnrecognizedClientException"), "denied"),
        (400, json("MalformedQueryException"), "invalid_arguments"),
        (400, json("com.amazonaws.x#ValidationException:http://y"), "invalid_arguments"),
        (500, json("InternalFailure"), "upstream_error"),
        (503, json("Unheard"), "upstream_error"),
        (400, json("Unheard"), "refused"),
        (403, xml.to_owned(), "denied"),
    ] {
        let headers = vec![("x-amzn-requestid", "r-1".to_owned())];
        let fixture = Fixture::saying(Say::This(status, headers, body.clone())).await;
        let error = ask(&aws(&fixture.url)).await.unwrap_err();
        assert_eq!(error.code().as_str(), code, "{body}");
        assert!(error.message().contains("its words"), "{error}");
        let source = error.source().unwrap();
        assert_eq!((source.status, source.request_id.as_deref()), (Some(status), Some("r-1")));
    }
}

#[test]
fn what_cannot_work_is_not_set_up() {
    for (region, endpoint) in [(Some("US East"), None), (Some(""), None), (None, Some("h:1"))] {
        let config =
            Config { region: region.map(str::to_owned), endpoint: endpoint.map(str::to_owned) };
        Aws::new(config).expect_err("cannot work");
    }
}
