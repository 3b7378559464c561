//! Parameters against a server of the tests.

use serde_json::{Value, json};

use super::{Change, ParameterFault, Parameters, Put, Snapshot};
use crate::tests::stub::{self, Stub};

/// A parameter as the service writes it.
fn parameter(key: &str, kind: &str, value: &str, version: i64) -> Value {
    json!({
        "Name": format!("/app/devopsagent/prod/{key}"),
        "Type": kind,
        "Value": value,
        "Version": version,
        "ARN": format!("arn:aws:ssm:us-east-1:123456789012:parameter/app/devopsagent/prod/{key}"),
        "DataType": "text",
        "LastModifiedDate": 1.7e9,
    })
}

fn page(parameters: &[Value], next: Option<&str>) -> Vec<u8> {
    let mut body = json!({ "Parameters": parameters });
    if let Some(next) = next {
        body["NextToken"] = json!(next);
    }
    stub::json(200, &body)
}

async fn of(stub: &Stub) -> Parameters {
    Parameters::new(&stub.cloud().await, "devopsagent", "prod").unwrap()
}

/// What was asked: the operation and its body.
fn asked(stub: &Stub) -> Vec<(String, Value)> {
    let operation = |head: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix("x-amz-target: amazonssm."));
        line.unwrap().to_owned()
    };
    stub.asked().iter().map(|asked| (operation(&asked.head), asked.json())).collect()
}

/// Three parameters: a text, a secret, a list.
async fn loaded() -> Snapshot {
    let all = [
        parameter("model/default", "String", "haiku", 2),
        parameter("gateway/client_secret", "SecureString", "canary-4711", 7),
        parameter("gateway/scopes", "StringList", "a,b", 1),
    ];
    let stub = Stub::answers(vec![page(&all, None)]).await;
    of(&stub).await.load().await.unwrap()
}

#[tokio::test]
async fn all_pages_are_read_below_the_prefix_and_opened() {
    let stub = Stub::answers(vec![
        page(&[parameter("model/default", "String", "haiku", 2)], Some("t-1")),
        page(&[], Some("t-2")),
        page(&[parameter("gateway/client_secret", "SecureString", "canary-4711", 7)], None),
    ])
    .await;
    let parameters = of(&stub).await;
    assert_eq!(parameters.prefix(), "/app/devopsagent/prod/");
    let snapshot = parameters.load().await.unwrap();
    let secret = snapshot.get("gateway/client_secret").unwrap();
    assert_eq!((secret.value(), secret.is_secret(), secret.version()), ("canary-4711", true, 7));
    assert!(!snapshot.get("model/default").unwrap().is_secret());
    assert_eq!(snapshot.values()["model/default"], "haiku");
    assert_eq!((snapshot.len(), snapshot.is_empty()), (2, false));
    assert!(!format!("{snapshot:?}").contains("canary"), "{snapshot:?}");

    let mut body = json!({
        "Path": "/app/devopsagent/prod",
        "Recursive": true,
        "WithDecryption": true,
        "MaxResults": 10,
    });
    let asked = asked(&stub);
    assert_eq!(asked[0], ("getparametersbypath".to_owned(), body.clone()));
    body["NextToken"] = json!("t-1");
    assert_eq!(asked[1].1, body);
    body["NextToken"] = json!("t-2");
    assert_eq!(asked[2].1, body);
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn a_list_without_an_end_and_a_foreign_name_are_no_settings() {
    let stub = Stub::answers(vec![page(&[], Some("again"))]).await;
    let error = of(&stub).await.load().await.unwrap_err();
    assert_eq!(error.fault, ParameterFault::Rejected);
    assert_eq!(stub.asked().len(), super::PARTS);

    let many: Vec<Value> =
        (0..=super::MOST).map(|n| parameter(&format!("x/{n}"), "String", "v", 1)).collect();
    let stub = Stub::answers(vec![page(&many, None)]).await;
    let error = of(&stub).await.load().await.unwrap_err();
    assert!(error.message.contains("more than 1000"), "{error}");

    let mut foreign = parameter("model/default", "String", "canary-4711", 1);
    foreign["Name"] = json!("/app/devopsagent/prod2/model/default");
    let stub = Stub::answers(vec![page(&[foreign], None)]).await;
    let error = of(&stub).await.load().await.unwrap_err();
    assert_eq!(error.fault, ParameterFault::Unavailable);
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_new_parameter_is_tagged_and_does_not_overwrite() {
    let stub = Stub::answers(vec![stub::json(200, &json!({ "Version": 1 }))]).await;
    let parameters = of(&stub).await.sealed_with("alias/agent");
    let none = Snapshot::default();
    let put = parameters.put_over(&none, "gateway/token", "canary", true).await;
    assert_eq!(put.unwrap(), Put::Created);
    let put = parameters.put_over(&none, "model/default", "haiku", false).await;
    assert_eq!(put.unwrap(), Put::Created);
    let tags = json!([
        { "Key": "Application", "Value": "devopsagent" },
        { "Key": "Environment", "Value": "prod" },
        { "Key": "ManagedBy", "Value": "toolgate-agent" },
    ]);
    let secret = json!({
        "Name": "/app/devopsagent/prod/gateway/token",
        "Value": "canary",
        "Type": "SecureString",
        "KeyId": "alias/agent",
        "Overwrite": false,
        "Tags": tags,
    });
    let plain = json!({
        "Name": "/app/devopsagent/prod/model/default",
        "Value": "haiku",
        "Type": "String",
        "Overwrite": false,
        "Tags": tags,
    });
    let wanted = [("putparameter".to_owned(), secret), ("putparameter".to_owned(), plain)];
    assert_eq!(asked(&stub), wanted);
}

#[tokio::test]
async fn what_is_there_is_overwritten_without_tags_and_keeps_its_type() {
    let there = loaded().await;
    let stub = Stub::answers(vec![stub::json(200, &json!({ "Version": 3 }))]).await;
    let parameters = of(&stub).await;
    let put = parameters.put_over(&there, "model/default", "sonnet", false).await;
    assert_eq!(put.unwrap(), Put::Updated(3));
    // A secret stays one, whatever the caller says, and a list a list.
    parameters.put_over(&there, "gateway/client_secret", "new", false).await.unwrap();
    parameters.put_over(&there, "gateway/scopes", "a,b,c", false).await.unwrap();
    let asked = asked(&stub);
    let wanted = json!({
        "Name": "/app/devopsagent/prod/model/default",
        "Value": "sonnet",
        "Type": "String",
        "Overwrite": true,
    });
    assert_eq!(asked[0].1, wanted);
    assert_eq!(asked[1].1["Type"], "SecureString");
    assert_eq!(asked[2].1["Type"], "StringList");
}

#[tokio::test]
async fn what_does_not_differ_is_not_written() {
    let there = loaded().await;
    let stub = Stub::answers(vec![stub::json(200, &json!({ "Version": 3 }))]).await;
    let parameters = of(&stub).await;
    for (key, value, secret) in
        [("model/default", "haiku", false), ("gateway/client_secret", "canary-4711", true)]
    {
        assert_eq!(there.change(key, value, secret), Change::Same);
        let put = parameters.put_over(&there, key, value, secret).await.unwrap();
        assert_eq!(put, Put::Unchanged);
    }
    assert_eq!(there.change("model/default", "x", false), Change::Other);
    assert_eq!(there.change("model/other", "x", false), Change::New);
    // A secret that lies open is told, even if its value is the same.
    assert_eq!(there.change("model/default", "haiku", true), Change::Exposed);
    let error = parameters.put_over(&there, "model/default", "haiku", true).await.unwrap_err();
    assert!(error.message.contains("delete the parameter"), "{error}");
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn a_single_put_looks_first() {
    let found = json!({ "Parameter": parameter("model/default", "String", "haiku", 2) });
    let stub = Stub::answers(vec![
        stub::json(200, &found),
        stub::json(200, &found),
        stub::json(200, &json!({ "Version": 3 })),
        stub::error(400, "ParameterNotFound", ""),
        stub::json(200, &json!({ "Version": 1 })),
    ])
    .await;
    let parameters = of(&stub).await;
    let put = |value: &'static str| parameters.put("model/default", value, false);
    assert_eq!(put("haiku").await.unwrap(), Put::Unchanged);
    assert_eq!(put("sonnet").await.unwrap(), Put::Updated(3));
    assert_eq!(put("sonnet").await.unwrap(), Put::Created);
    let asked = asked(&stub);
    let look = json!({ "Name": "/app/devopsagent/prod/model/default", "WithDecryption": true });
    assert_eq!(asked[0], ("getparameter".to_owned(), look));
    let done: Vec<&str> = asked.iter().map(|(operation, _)| operation.as_str()).collect();
    let (get, put) = ("getparameter", "putparameter");
    assert_eq!(done, [get, get, put, get, put]);
}

#[tokio::test]
async fn a_long_value_takes_the_tier_for_it_and_an_odd_one_is_not_sent() {
    let stub = Stub::answers(vec![stub::json(200, &json!({ "Version": 1 }))]).await;
    let parameters = of(&stub).await;
    let none = Snapshot::default();
    let (short, long, longer) = ("x".repeat(4_096), "x".repeat(4_097), "x".repeat(8_193));
    for value in [short.as_str(), long.as_str()] {
        parameters.put_over(&none, "mcp/config", value, false).await.unwrap();
    }
    let asked = asked(&stub);
    assert_eq!((&asked[0].1["Tier"], &asked[1].1["Tier"]), (&Value::Null, &json!("Advanced")));
    let odd = [
        ("mcp/config", longer.as_str()),
        ("mcp/config", ""),
        ("", "v"),
        ("/x", "v"),
        ("a//b", "v"),
        ("a/../b c", "v"),
        ("{{x}}", "v"),
        ("1/2/3/4/5/6/7/8/9/10/11/12/13", "v"),
    ];
    for (key, value) in odd {
        let error = parameters.put_over(&none, key, value, false).await.unwrap_err();
        assert_eq!(error.fault, ParameterFault::Rejected, "{key}");
        assert!(!error.message.contains("xxxx"), "{error}");
    }
    assert_eq!(stub.asked().len(), 2);
    for (app, env) in
        [("", "prod"), ("devopsagent", "a/b"), ("x y", "prod"), ("a", ".."), ("a", "b\n")]
    {
        assert!(Parameters::new(&stub.cloud().await, app, env).is_err(), "{app}/{env}");
    }
}

#[tokio::test]
async fn a_sentence_says_which_permission_is_missing() {
    let cases = [
        (
            400,
            "AccessDeniedException",
            "not authorized",
            ParameterFault::Denied,
            "ssm:GetParametersByPath",
        ),
        (400, "AccessDeniedException", "The ciphertext KMS", ParameterFault::Denied, "kms:Decrypt"),
        (400, "ExpiredTokenException", "", ParameterFault::Denied, "AWS_PROFILE"),
        (400, "InvalidKeyId", "", ParameterFault::Rejected, "enable it"),
        (400, "ThrottlingException", "", ParameterFault::Throttled, "asked again later"),
        (500, "InternalServerError", "", ParameterFault::Unavailable, "failure of its own"),
    ];
    for (status, code, message, fault, part) in cases {
        let answer = stub::error(status, code, &format!("{message} canary-4711"));
        let stub = Stub::answers(vec![answer]).await;
        let error = of(&stub).await.load().await.unwrap_err();
        assert_eq!(error.fault, fault, "{code}");
        assert!(error.message.contains(part), "{error}");
        assert_eq!(error.request_id.as_deref(), Some("req-4711"));
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    let cases = [
        (400, "AccessDeniedException", "no", ParameterFault::Denied, "ssm:PutParameter"),
        (
            400,
            "AccessDeniedException",
            "on AddTagsToResource",
            ParameterFault::Denied,
            "ssm:AddTagsToResource",
        ),
        (400, "AccessDeniedException", "KMS", ParameterFault::Denied, "kms:Encrypt"),
        (400, "ParameterAlreadyExists", "", ParameterFault::Conflict, "push again"),
        (400, "HierarchyTypeMismatchException", "", ParameterFault::Rejected, "another type"),
        (400, "ParameterLimitExceeded", "", ParameterFault::Rejected, "is full"),
    ];
    for (status, code, message, fault, part) in cases {
        let answer = stub::error(status, code, &format!("{message} canary-4711"));
        let stub = Stub::answers(vec![answer]).await;
        let none = Snapshot::default();
        let put = of(&stub).await.put_over(&none, "model/default", "canary", false).await;
        let error = put.unwrap_err();
        assert_eq!(error.fault, fault, "{code}");
        assert!(error.message.contains(part), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_throttled_is_asked_again() {
    let throttled = stub::error(400, "ThrottlingException", "Rate exceeded");
    let throttled = String::from_utf8(throttled).unwrap().replace("retry-after: 7\r\n", "");
    let stub = Stub::answers(vec![throttled.into_bytes(), page(&[], None)]).await;
    let cloud = stub::cloud(&stub.url, 2).await;
    let parameters = Parameters::new(&cloud, "devopsagent", "prod").unwrap();
    assert!(parameters.load().await.unwrap().is_empty());
    assert_eq!(stub.asked().len(), 2);
}
