//! Each tool on answers as Kubernetes writes them, on wrong arguments, and on a sick cluster.

mod changes;
mod followed;

use serde_json::{Value, json};

use super::api::Api;
use super::{MUTATIONS, tools as of};
use crate::schema::only_known_words;
use crate::testing::no_sickness_is_a_success;
use crate::testing::{Asked, Fixture, Say, call, code, message};
use crate::toolset::Toolset;

fn tools(url: &str) -> Toolset {
    of(Api::at(url), true)
}

/// A pod whose second container does not stay up.
fn pod(name: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {
            "name": name, "namespace": "shop", "uid": "u-1", "resourceVersion": "7",
            "creationTimestamp": "2026-01-01T00:00:00Z", "labels": { "app": "web" },
            "annotations": { "secret": "annotation-s3cret" },
            "ownerReferences": [{ "kind": "ReplicaSet", "name": "web-1", "uid": "x" }],
        },
        "spec": { "nodeName": "n-1", "serviceAccountName": "web", "containers": [
            {
                "name": "web", "image": "web:1", "command": ["run", "--key=command-s3cret"],
                "env": [{ "name": "KEY", "value": "env-s3cret" }],
                "resources": { "requests": { "cpu": "100m" }, "limits": { "memory": "64Mi" } },
            },
            { "name": "side", "image": "side:2" },
        ] },
        "status": {
            "phase": "Running", "podIP": "10.0.0.1", "qosClass": "Burstable",
            "conditions": [
                { "type": "PodScheduled", "status": "True" },
                { "type": "Ready", "status": "False", "reason": "ContainersNotReady",
                  "message": "containers with unready status: [side]" },
            ],
            "containerStatuses": [
                { "name": "web", "ready": true, "restartCount": 0,
                  "state": { "running": { "startedAt": "2026-01-01T00:00:02Z" } }, "lastState": {} },
                { "name": "side", "ready": false, "restartCount": 7,
                  "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off" } },
                  "lastState": { "terminated": { "exitCode": 1, "reason": "Error",
                      "message": "token=termination-s3cret", "finishedAt": "2026-01-01T00:01:00Z" } } },
            ],
        },
    })
}

fn node(name: &str, ready: &str) -> Value {
    json!({
        "metadata": { "name": name, "labels": {
            "node-role.kubernetes.io/worker": "", "node.kubernetes.io/instance-type": "m7g.large",
            "topology.kubernetes.io/zone": "eu-test-1a",
        } },
        "spec": { "unschedulable": ready != "True" },
        "status": {
            "allocatable": { "cpu": "2", "memory": "8Gi", "pods": "29", "hugepages-2Mi": "0" },
            "conditions": [
                { "type": "MemoryPressure", "status": ready.replace("True", "False") },
                { "type": "Ready", "status": ready, "reason": "KubeletNotReady" },
            ],
            "nodeInfo": { "kubeletVersion": "v1.33.1" },
        },
    })
}

fn use_of(name: &str, cpu: &str, memory: &str) -> Value {
    json!({
        "metadata": { "name": name, "namespace": "shop" }, "window": "15s",
        "containers": [
            { "name": "a", "usage": { "cpu": cpu, "memory": memory } },
            { "name": "b", "usage": { "cpu": "1n", "memory": "1Ki" } },
        ],
    })
}

fn status(code: u16, reason: &str, said: &str) -> Say {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": said, "reason": reason, "code": code,
    });
    Say::This(code, vec![("content-type", "application/json".into())], body.to_string())
}

fn event(reason: &str, at: &Value, series: &Value) -> Value {
    json!({
        "metadata": { "name": "e", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z" },
        "involvedObject": { "kind": "Pod", "name": "web-1-a" }, "type": "Warning", "reason": reason,
        "message": "Back-off\n restarting", "count": 3, "lastTimestamp": at, "series": series,
    })
}

/// Answers as a cluster would.
fn cluster(asked: &Asked) -> Say {
    let path: Vec<&str> = asked.path.split('/').skip(1).collect();
    match path.as_slice() {
        ["api", "v1", "pods"] | ["api", "v1", "namespaces", _, "pods"] => {
            match asked.field("continue") {
                None => Say::json(&json!({
                    "metadata": { "continue": "c&1=", "remainingItemCount": 1 },
                    "items": [pod("web-1-a")],
                })),
                Some(_) => status(410, "Expired", "The provided continue parameter is too old"),
            }
        }
        ["api", "v1", "namespaces", _, "pods", "none"] => {
            status(404, "NotFound", "pods \"none\" not found")
        }
        ["api", "v1", "namespaces", _, "pods", name] => Say::json(&pod(name)),
        ["api", "v1", "namespaces", _, "pods", _, "log"] => {
            let text = "\u{1b}[31mfirst\u{1b}[0m\nDB_PASSWORD=log-s3cret\nlast é\n".to_owned();
            Say::This(200, vec![("content-type", "text/plain".into())], text)
        }
        ["api", "v1", "namespaces", _, "events"] | ["api", "v1", "events"] => Say::json(&json!({
            "metadata": {}, "items": [
                event("BackOff", &"2026-01-01T00:05:00Z".into(), &Value::Null),
                event("Pulled", &Value::Null, &json!({ "count": 9, "lastObservedTime": "2026-01-01T00:09:00.5Z" })),
            ],
        })),
        ["api", "v1", "nodes"] => Say::json(
            &json!({ "metadata": {}, "items": [node("n-1", "True"), node("n-2", "Unknown")] }),
        ),
        ["apis", "metrics.k8s.io", "v1beta1", "nodes"] => {
            Say::This(404, Vec::new(), "404 page not found\n".to_owned())
        }
        ["apis", "metrics.k8s.io", ..] => Say::json(&json!({ "metadata": {}, "items": [
            use_of("small", "5m", "300Mi"), use_of("large", "1500000000n", "20Mi"),
        ] })),
        ["apis", "apps", "v1", "namespaces", _, _, name, rest @ ..] => Say::json(&json!({
            "metadata": { "name": name, "resourceVersion": "42" },
            "spec": { "replicas": if rest.is_empty() || asked.method == "GET" { 3 } else { 5 } },
        })),
        other => panic!("{other:?}"),
    }
}

async fn fixture() -> Fixture {
    Fixture::start(cluster).await
}

#[tokio::test]
async fn pods_come_a_page_at_a_time_and_selectors_reach_nowhere_else() {
    let cluster = fixture().await;
    let tools = tools(&cluster.url);
    let hostile = "app=web&limit=9999#/../..";
    let reply = call(&tools, "list_pods", json!({
        "namespace": "shop", "label_selector": hostile, "field_selector": "a=b,c!=d", "limit": 1,
    })).await;
    let told = reply.structured();
    let row = &told["pods"][0];
    assert_eq!(
        (&row["status"], &row["ready"]),
        (&json!("CrashLoopBackOff"), &json!("1/2")),
        "{told}"
    );
    assert_eq!((&row["restarts"], &told["remaining"]), (&json!(7), &json!(1)));
    assert_eq!((&told["next"], &told["truncated"]), (&json!("c&1="), &json!(true)));
    let asked = &cluster.asked()[0];
    assert_eq!(asked.path, "/api/v1/namespaces/shop/pods");
    assert_eq!(asked.field("labelSelector").as_deref(), Some(hostile));
    assert_eq!(asked.field("limit").as_deref(), Some("1"));
    assert_eq!(asked.query.matches('&').count(), 2, "{}", asked.query);
    let reply = call(&tools, "list_pods", json!({ "next": "c&1=" })).await;
    let said = message(&reply, "invalid_arguments");
    assert!(said.contains("begin again without it"), "{said}");
    assert_eq!(cluster.asked()[1].field("continue").as_deref(), Some("c&1="));
}

#[tokio::test]
async fn a_pod_is_told_without_its_secrets() {
    let cluster = fixture().await;
    let reply =
        call(&tools(&cluster.url), "get_pod", json!({ "namespace": "shop", "name": "web-1-a" }))
            .await;
    let told = reply.structured();
    assert_eq!(told["containers"][1]["state"], "waiting CrashLoopBackOff back-off");
    let last = told["containers"][1]["last"].as_str().unwrap();
    assert!(last.starts_with("ended with 1 at 2026-01-01T00:01:00Z Error"), "{last}");
    assert_eq!(told["containers"][0]["limits"]["memory"], "64Mi");
    assert_eq!(told["owners"], json!(["ReplicaSet/web-1"]));
    assert_eq!(told["unmet"][0], "Ready ContainersNotReady containers with unready status: [side]");
    assert!(!told.to_string().contains("s3cret"), "{told}");
    assert!(!reply.text().contains("s3cret"), "{}", reply.text());
}

#[tokio::test]
async fn logs_are_the_lines_that_were_asked_for_without_secrets_and_colours() {
    let cluster = fixture().await;
    let reply = call(&tools(&cluster.url), "pod_logs", json!({
        "namespace": "shop", "pod": "web-1-a", "container": "web", "previous": true, "since": "1h30m",
        "tail_lines": 10, "timestamps": true,
    })).await;
    let told = reply.structured();
    assert_eq!(told["text"], "first\nDB_PASSWORD=[redacted]\nlast é");
    assert_eq!((&told["lines"], &told["redacted"]), (&json!(3), &json!(1)));
    assert_eq!(told["truncated"], false);
    let asked = &cluster.asked()[0];
    for (name, value) in [
        ("tailLines", "10"),
        ("sinceSeconds", "5400"),
        ("container", "web"),
        ("previous", "true"),
        ("timestamps", "true"),
        ("limitBytes", "4194304"),
    ] {
        assert_eq!(asked.field(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn of_a_long_log_the_newest_whole_lines_are_told_and_the_rest_is_named() {
    for (lines, left_out) in [(5000, "the oldest lines"), (60_000, "the newest lines")] {
        let text: String = (0..lines).map(|at| format!("{at:08} {}\n", "é".repeat(36))).collect();
        let text: String = text
            .chars()
            .scan(0, |size, letter| {
                *size += letter.len_utf8();
                (*size <= 4 << 20).then_some(letter)
            })
            .collect();
        let headers = vec![("content-type", "text/plain".to_owned())];
        let cluster = Fixture::saying(Say::This(200, headers, text.clone())).await;
        let arguments = json!({ "namespace": "shop", "pod": "a", "tail": 5000 });
        let reply = call(&tools(&cluster.url), "pod_logs", arguments).await;
        let told = reply.structured();
        assert_eq!(told["truncated"], true);
        assert!(told["left_out"].as_str().unwrap().starts_with(left_out), "{}", told["left_out"]);
        let kept = told["text"].as_str().unwrap();
        assert!(kept.len() <= 128 << 10 && kept.len() > 127 << 10, "{}", kept.len());
        assert!(
            text.trim_end().ends_with(kept)
                && text.contains(&format!("\n{}", kept.get(..9).unwrap()))
        );
    }
}

#[tokio::test]
async fn events_are_told_newest_first_and_about_one_object() {
    let cluster = fixture().await;
    let tools = tools(&cluster.url);
    let reply = call(
        &tools,
        "events",
        json!({
            "namespace": "shop", "kind": "Pod", "name": "web-1-a", "type": "Warning",
        }),
    )
    .await;
    let told = reply.structured();
    assert_eq!(
        (&told["events"][0]["reason"], &told["events"][0]["times"]),
        (&json!("Pulled"), &json!(9))
    );
    assert_eq!(told["events"][1]["message"], "Back-off restarting");
    let wanted = "involvedObject.kind=Pod,involvedObject.name=web-1-a,type=Warning";
    assert_eq!(cluster.asked()[0].field("fieldSelector").as_deref(), Some(wanted));
}

#[tokio::test]
async fn nodes_say_what_weighs_on_them() {
    let cluster = fixture().await;
    let reply = call(&tools(&cluster.url), "list_nodes", json!({})).await;
    let told = &reply.structured()["nodes"];
    assert_eq!((&told[0]["ready"], &told[0]["troubles"]), (&json!(true), &json!([])), "{told}");
    assert_eq!(told[0]["allocatable"], json!({ "cpu": "2", "memory": "8Gi", "pods": "29" }));
    assert_eq!(told[0]["roles"], json!(["worker"]));
    assert_eq!((&told[1]["ready"], &told[1]["schedulable"]), (&json!(false), &json!(false)));
    assert_eq!(told[1]["troubles"], json!(["not ready: KubeletNotReady"]));
}

#[tokio::test]
async fn the_largest_are_told_and_no_measurements_are_no_zero() {
    let cluster = fixture().await;
    let tools = tools(&cluster.url);
    for (by, first) in [("cpu", "large"), ("memory", "small")] {
        let reply = call(&tools, "top", json!({ "by": by, "limit": 1, "namespace": "shop" })).await;
        let told = reply.structured();
        assert_eq!(told["top"][0]["name"], first, "{told}");
        assert_eq!((&told["total"], &told["truncated"]), (&json!(2), &json!(true)));
    }
    let reply = call(&tools, "top", json!({ "of": "nodes" })).await;
    let said = message(&reply, "not_found");
    assert!(said.contains("metrics-server"), "{said}");
}

#[tokio::test]
async fn wrong_arguments_are_refused_and_nobody_is_asked() {
    let cluster = fixture().await;
    let tools = tools(&cluster.url);
    let pod = |name: &str| json!({ "namespace": "shop", "pod": name });
    for (name, arguments, hint) in [
        ("list_pods", json!({ "namespace": "Shop" }), "`namespace` must be"),
        ("list_pods", json!({ "cluster": "a" }), "no argument `cluster`"),
        ("list_pods", json!({ "limit": 501 }), "from 1 to 500"),
        ("get_pod", json!({ "pod": "a" }), "`namespace` is missing"),
        ("get_pod", pod("../../secrets/a"), "`pod` must be"),
        ("pod_logs", pod("a/log?x="), "`pod` must be"),
        ("pod_logs", json!({ "namespace": "shop", "pod": "a", "tail": 5001 }), "from 1 to 5000"),
        ("pod_logs", json!({ "namespace": "shop", "pod": "a", "since": "25h" }), "at most `24h`"),
        ("pod_logs", json!({ "namespace": "shop", "pod": "a", "container": "a b" }), "`container`"),
        ("events", json!({ "name": "a,type=Normal" }), "`name` must be"),
        ("events", json!({ "kind": "Pod,a=b" }), "`kind` must be"),
        ("events", json!({ "type": "Error" }), "one of \"Normal\", \"Warning\""),
        ("list_nodes", json!({ "label_selector": "" }), "1 to 1000 characters"),
        ("top", json!({ "of": "nodes", "namespace": "a" }), "is of pods only"),
        ("restart_rollout", json!({ "namespace": "a", "kind": "pod", "name": "b" }), "one of"),
        (
            "scale",
            json!({ "namespace": "a", "kind": "deployment", "name": "b" }),
            "`replicas` is missing",
        ),
        (
            "delete_pod",
            json!({ "namespace": "a", "pod": "b", "dry_run": "no" }),
            "leave the quotes off",
        ),
        (
            "delete_pod",
            json!({ "namespace": "a", "pod": "b", "grace_period": 0 }),
            "from 1 to 3600",
        ),
    ] {
        let reply = call(&tools, name, arguments).await;
        let said = message(&reply, "invalid_arguments");
        assert!(said.contains(hint), "{said}");
    }
    assert!(cluster.asked().is_empty());
}

#[tokio::test]
async fn errors_of_the_cluster_are_told_by_their_reason() {
    for (status_code, reason, wanted) in [
        (401, "Unauthorized", "denied"),
        (403, "Forbidden", "denied"),
        (404, "NotFound", "not_found"),
        (400, "BadRequest", "invalid_arguments"),
        (422, "Invalid", "invalid_arguments"),
        (409, "Conflict", "refused"),
        (410, "Expired", "invalid_arguments"),
        (429, "TooManyRequests", "rate_limited"),
        (500, "InternalError", "upstream_error"),
        (503, "ServiceUnavailable", "upstream_error"),
        (504, "Timeout", "timeout"),
        (405, "MethodNotAllowed", "refused"),
    ] {
        let cluster = Fixture::saying(status(status_code, reason, "its own words")).await;
        let reply = call(&tools(&cluster.url), "list_nodes", json!({})).await;
        assert_eq!(code(&reply), wanted, "{reason}");
        assert!(reply.text().contains("its own words"), "{}", reply.text());
        assert_eq!(reply.structured()["upstream"]["status"], status_code);
    }
}

#[tokio::test]
async fn no_sickness_of_a_cluster_is_a_success() {
    let pod = json!({ "namespace": "shop", "pod": "a" });
    let mut workload = json!({ "namespace": "shop", "kind": "deployment", "name": "a" });
    let restart = workload.clone();
    workload["replicas"] = 2.into();
    let calls = [
        ("list_pods", json!({})),
        ("get_pod", pod.clone()),
        ("pod_logs", pod.clone()),
        ("events", json!({})),
        ("list_nodes", json!({})),
        ("top", json!({})),
        ("restart_rollout", restart),
        ("scale", workload),
        ("delete_pod", pod),
    ];
    no_sickness_is_a_success(tools, &calls).await;
}

#[test]
fn what_is_on_display_is_enforced() {
    only_known_words(&tools("http://127.0.0.1:1"));
    assert!(tools("http://127.0.0.1:1").names().skip(6).eq(MUTATIONS));
}
