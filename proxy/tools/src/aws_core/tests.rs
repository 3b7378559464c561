//! Who the gateway is, how AWS is, and neither when nobody answers.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use serde_json::json;

use super::{tools as of, toolset};
use crate::aws::{Aws, Config, tests::aws};
use crate::schema::only_known_words;
use crate::testing::{Asked, Fixture, Say, call, code, message, no_sickness_is_a_success};
use crate::toolset::Toolset;

const IDENTITY: &str = "<GetCallerIdentityResponse \
    xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
    <Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><UserId>AROA:s</UserId>\
    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

fn tools(url: &str) -> Toolset {
    of(&aws(url))
}

/// Everything answers.
fn healthy(asked: &Asked) -> Say {
    if asked.body.contains("GetCallerIdentity") {
        return Say::This(200, vec![("content-type", "text/xml".into())], IDENTITY.into());
    }
    Say::json(&json!({ "MetricAlarms": [], "logGroups": [], "workspaces": [] }))
}

#[tokio::test]
async fn the_gateway_knows_who_it_is() {
    let fixture = Fixture::start(healthy).await;
    let reply = call(&tools(&fixture.url), "aws_context", json!({})).await;
    assert_eq!(
        *reply.structured(),
        json!({ "account": "123456789012", "arn": "arn:aws:sts::123456789012:assumed-role/r/s",
                "user_id": "AROA:s", "region": "eu-test-1" })
    );
    let asked = &fixture.asked()[0];
    assert_eq!(asked.field("Action").as_deref(), Some("GetCallerIdentity"));
    assert!(asked.headers["authorization"].to_str().unwrap().contains("/sts/aws4_request"));
}

#[tokio::test]
async fn the_state_is_that_of_the_worst_service() {
    let fixture = Fixture::start(healthy).await;
    let reply = call(&tools(&fixture.url), "system_status", json!({})).await;
    let found = reply.structured();
    assert_eq!((&found["overall"], &found["account"]), (&json!("answers"), &json!("123456789012")));
    assert_eq!(found["services"].as_array().map(Vec::len), Some(4));
    for (status, kind, overall) in
        [(400, "AccessDeniedException", "refuses"), (500, "InternalFailure", "fails")]
    {
        let body = json!({ "__type": kind, "message": "no" }).to_string();
        let fixture = Fixture::start(move |asked| match asked.path.as_str() {
            "/workspaces" => Say::This(status, vec![], body.clone()),
            _ => healthy(asked),
        })
        .await;
        let reply = call(&tools(&fixture.url), "system_status", json!({})).await;
        let found = reply.structured();
        assert_eq!(found["overall"], overall, "{found}");
        assert_eq!(
            (&found["services"][1]["state"], &found["services"][3]["state"]),
            (&json!("answers"), &json!(overall))
        );
        assert!(found["services"][3]["problem"].as_str().unwrap().contains(kind), "{found}");
    }
}

#[tokio::test]
async fn credentials_that_have_ended_are_an_error_by_either_way() {
    let fixture = Fixture::start(|_| {
        let body = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token \
                    included in the request is expired</Message></Error></ErrorResponse>";
        Say::This(403, vec![], body.into())
    })
    .await;
    let ended = Some(SystemTime::now() - Duration::from_secs(60));
    let ended = Credentials::new("AKIDNOBODY", "key-s3cret", None, ended, "test");
    for tools in [tools(&fixture.url), of(&Aws::fixed(&fixture.url, ended))] {
        for tool in ["aws_context", "system_status"] {
            let reply = call(&tools, tool, json!({})).await;
            assert!(message(&reply, "denied").contains("have expired"), "{}", reply.text());
            assert!(!reply.into_result().to_string().contains("s3cret"));
        }
    }
    assert_eq!(fixture.asked().len(), 2);
}

#[tokio::test]
async fn no_sick_aws_gives_a_result() {
    let calls = [("aws_context", json!({})), ("system_status", json!({}))];
    no_sickness_is_a_success(tools, &calls).await;
    let fixture = Fixture::start(healthy).await;
    let reply = call(&tools(&fixture.url), "aws_context", json!({ "region": "x" })).await;
    assert_eq!(code(&reply), "invalid_arguments");
}

#[test]
fn every_constraint_on_display_is_enforced() {
    only_known_words(&toolset(Config::default()).unwrap());
}
