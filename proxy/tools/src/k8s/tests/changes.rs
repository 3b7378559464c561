//! Changes: none unless asked for twice, each what it says, and none over somebody else's.

use serde_json::{Value, json};

use super::{fixture, of, status, tools};
use crate::k8s::MUTATIONS;
use crate::k8s::api::Api;
use crate::testing::{Fixture, Say, call, code};

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn tools_that_change_something_are_there_only_where_they_are_allowed_and_say_what_they_are() {
    let reads = of(Api::at("http://127.0.0.1:1"), false);
    assert!(reads.names().all(|name| !MUTATIONS.contains(&name)));
    for definition in reads.definitions() {
        assert_eq!(definition["annotations"]["readOnlyHint"], true, "{definition}");
        assert_eq!(definition["annotations"]["destructiveHint"], false, "{definition}");
    }
    let all = tools("http://127.0.0.1:1").definitions();
    for (name, idempotent) in [("restart_rollout", false), ("scale", true), ("delete_pod", false)] {
        let definition = all.iter().find(|one| one["name"] == name).unwrap();
        let told = &definition["annotations"];
        assert_eq!(
            (&told["readOnlyHint"], &told["destructiveHint"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(told["idempotentHint"], idempotent, "{name}");
        assert_eq!(definition["inputSchema"]["properties"]["dry_run"]["default"], true, "{name}");
    }
}

#[tokio::test]
async fn a_change_is_a_trial_unless_the_caller_says_otherwise() {
    let cluster = fixture().await;
    let tools = tools(&cluster.url);
    let workload = |dry: Option<bool>| {
        let mut arguments = json!({ "namespace": "shop", "kind": "deployment", "name": "web" });
        if let Some(dry) = dry {
            arguments["dry_run"] = dry.into();
        }
        arguments
    };
    for (dry, wanted) in [(None, Some("All")), (Some(true), Some("All")), (Some(false), None)] {
        let reply = call(&tools, "restart_rollout", workload(dry)).await;
        assert_eq!(reply.structured()["dry_run"], wanted.is_some());
        assert_eq!(
            reply.text().contains("nothing was changed"),
            wanted.is_some(),
            "{}",
            reply.text()
        );
        let asked = cluster.asked().pop().unwrap();
        assert_eq!(
            (asked.method.as_str(), asked.query.contains("dryRun=All")),
            ("PATCH", wanted.is_some())
        );
        assert_eq!(asked.path, "/apis/apps/v1/namespaces/shop/deployments/web");
        assert_eq!(asked.headers["content-type"], "application/strategic-merge-patch+json");
        let mark = &body(&asked.body)["spec"]["template"]["metadata"]["annotations"];
        let mark = mark["kubectl.kubernetes.io/restartedAt"].as_str().unwrap();
        assert!(mark.starts_with("20") && mark.ends_with('Z'), "{mark}");

        let mut scaled = workload(dry);
        scaled["replicas"] = 5.into();
        let reply = call(&tools, "scale", scaled).await;
        let told = reply.structured();
        assert_eq!((&told["before"], &told["after"]), (&json!(3), &json!(5)), "{told}");
        let asked = cluster.asked().pop().unwrap();
        assert_eq!(asked.query.contains("dryRun=All"), wanted.is_some());
        assert_eq!(asked.path, "/apis/apps/v1/namespaces/shop/deployments/web/scale");
        let sent = body(&asked.body);
        assert_eq!(
            sent,
            json!({ "metadata": { "resourceVersion": "42" }, "spec": { "replicas": 5 } })
        );

        let mut pod = json!({ "namespace": "shop", "pod": "web-1-a", "grace_period": 5 });
        if let Some(dry) = dry {
            pod["dry_run"] = dry.into();
        }
        let reply = call(&tools, "delete_pod", pod).await;
        assert_eq!(reply.structured()["owners"], json!(["ReplicaSet/web-1"]));
        let asked = cluster.asked().pop().unwrap();
        let sent = body(&asked.body);
        assert_eq!(asked.method, "DELETE");
        assert_eq!(sent["preconditions"]["uid"], "u-1", "this pod and none of its name");
        assert_eq!(sent["gracePeriodSeconds"], 5);
        assert_eq!(sent.get("dryRun"), wanted.map(|all| json!([all])).as_ref());
    }
}

#[tokio::test]
async fn a_change_over_somebody_elses_is_refused() {
    let cluster = Fixture::start(|asked| match asked.method.as_str() {
        "GET" => super::cluster(asked),
        _ => status(409, "Conflict", "the object has been modified"),
    })
    .await;
    let scale = json!({ "namespace": "shop", "kind": "deployment", "name": "a", "replicas": 1 });
    let reply = call(&tools(&cluster.url), "scale", scale).await;
    assert_eq!(code(&reply), "refused");
    assert_eq!(reply.structured()["retryable"], false);
    let gone = Fixture::start(|asked| match asked.method.as_str() {
        "GET" => super::cluster(asked),
        _ => Say::json(&json!({ "kind": "Status", "status": "Success" })),
    })
    .await;
    let pod = json!({ "namespace": "shop", "pod": "a", "dry_run": false });
    assert!(!call(&tools(&gone.url), "delete_pod", pod).await.is_error());
}
