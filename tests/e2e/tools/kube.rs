//! The tools of EKS and Kubernetes: clusters by name and by kubeconfig, and who may change them.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::kube_stub::{Fault, KubeStub, TOKEN};
use toolgate_tests::process::Scratch;

use super::{data, failure};
use crate::expect::OPEN;

fn region(endpoint: &str) -> String {
    format!("aws: {{ region: us-east-1, endpoint: \"{endpoint}\" }}\n")
}

/// Makes something that there is to see.
async fn create(emulator: &Emulator, path: &str, body: Value) -> Result<()> {
    let scope = "Credential=x/20260101/us-east-1/eks/aws4_request";
    let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x");
    let ask = Ask::post(body.to_string()).to(path).header("authorization", &signature);
    let answer = Client::new(emulator.address()).send(ask).await?;
    ensure!(answer.status == 200, "{path}: {}", answer.text());
    Ok(())
}

#[tokio::test]
async fn eks_tells_its_clusters_and_no_half_of_one() -> Result<()> {
    let emulator = Emulator::ministack().await?;
    let role = "arn:aws:iam::000000000000:role/r";
    let cluster = json!({
        "name": "shop", "roleArn": role, "version": "1.30", "resourcesVpcConfig": { "subnetIds": ["s-1"] },
    });
    create(&emulator, "/clusters", cluster).await?;
    let nodes = json!({ "nodegroupName": "blue", "nodeRole": role, "subnets": ["s-1"] });
    create(&emulator, "/clusters/shop/node-groups", nodes).await?;
    create(&emulator, "/clusters/shop/addons", json!({ "addonName": "coredns" })).await?;
    let config =
        format!("{OPEN}{}targets: {{ eks: {{ builtin: eks }} }}\n", region(&emulator.url()));
    let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
    let client = gateway.client();
    let told = data(&client.tool("eks___list_clusters", json!({})).await?)?;
    ensure!(told["clusters"][0]["name"] == "shop" && told["count"] == 1, "{told}");
    let shop = json!({ "cluster_name": "shop" });
    // ministack knows of no Fargate: what is not told of makes no half of an answer.
    for tool in ["eks___describe_cluster", "eks___cluster_health"] {
        let told = failure(&client.tool(tool, shop.clone()).await?)?;
        ensure!(told["code"] == "refused" && told["upstream"]["status"] == 400, "{told}");
    }
    let other = json!({ "cluster": "other" });
    let told = failure(&client.tool("eks___cluster_health", other).await?)?;
    ensure!(told["code"] == "not_found" || told["code"] == "refused", "{told}");
    gateway.books_agree().await
}

#[tokio::test]
async fn a_cluster_of_eks_takes_the_token_and_is_told_without_secrets() -> Result<()> {
    let scratch = Scratch::new()?;
    let stub = KubeStub::start(&scratch).await?;
    let config = format!(
        "{OPEN}{}targets:\n  eks: {{ builtin: eks }}\n  shop: {{ builtin: k8s, cluster: shop }}\n",
        region(&stub.eks_url()),
    );
    let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
    let client = gateway.client();
    let told = data(&client.tool("eks___cluster_health", json!({ "cluster": "shop" })).await?)?;
    ensure!(told["api_answers"] == true && told["status"] == "ACTIVE", "{told}");
    let told = data(&client.tool("shop___list_pods", json!({ "label_selector": "a=b&c" })).await?)?;
    ensure!(told["pods"][0]["status"] == "Running" && told["truncated"] == true, "{told}");
    let ended = client.tool("shop___list_pods", json!({ "next": "more" })).await?;
    ensure!(failure(&ended)?["code"] == "invalid_arguments", "{}", ended.text());
    let pod = json!({ "namespace": "shop", "pod": "web-1" });
    let told = data(&client.tool("shop___get_pod", pod.clone()).await?)?;
    ensure!(told["ready"] == "1/1" && !told.to_string().contains("s3cret"), "{told}");
    let told = data(&client.tool("shop___pod_logs", pod).await?)?;
    ensure!(told["truncated"] == true && told["redacted"].as_u64() > Some(0));
    ensure!(!told.to_string().contains("s3cret"), "a secret went through");
    for (tool, list) in [("events", "events"), ("list_nodes", "nodes"), ("top", "top")] {
        let told = data(&client.tool(&format!("shop___{tool}"), json!({})).await?)?;
        ensure!(told[list].as_array().is_some_and(|all| all.len() == 1), "{told}");
    }
    let none = json!({ "namespace": "shop", "pod": "none" });
    ensure!(failure(&client.tool("shop___get_pod", none).await?)?["code"] == "not_found");
    let names = client.tools().await?;
    ensure!(!names.iter().any(|name| name.ends_with("delete_pod")), "{names:?}");
    // That was the look whether the API answers; it shows nobody.
    ensure!(stub.refused() == ["no token"] && stub.changes().is_empty(), "{:?}", stub.refused());
    gateway.books_agree().await
}

#[tokio::test]
async fn no_fault_of_a_cluster_is_a_success() -> Result<()> {
    let scratch = Scratch::new()?;
    let stub = KubeStub::start(&scratch).await?;
    let file = stub.kubeconfig(TOKEN, &scratch)?;
    let config = format!(
        "{OPEN}targets: {{ lab: {{ builtin: k8s, kubeconfig: \"{}\", timeout: 2s }} }}\n",
        file.display()
    );
    let gateway = Gateway::start(&config).await?;
    let client = gateway.client();
    let pod = || json!({ "namespace": "shop", "pod": "web-1" });
    let calls = [
        ("list_pods", json!({})),
        ("get_pod", pod()),
        ("pod_logs", pod()),
        ("events", json!({})),
        ("list_nodes", json!({})),
        ("top", json!({})),
    ];
    for (fault, code) in [
        (Fault::Status(401, "Unauthorized"), "denied"),
        (Fault::Status(403, "Forbidden"), "denied"),
        (Fault::Status(429, "TooManyRequests"), "rate_limited"),
        (Fault::Status(503, "ServiceUnavailable"), "upstream_error"),
        (Fault::Garbage, "garbled"),
        (Fault::Slow, "timeout"),
    ] {
        stub.set(fault);
        for (tool, arguments) in &calls {
            let told = failure(&client.tool(&format!("lab___{tool}"), arguments.clone()).await?)?;
            ensure!(told["code"] == code, "{tool} {fault:?}: {told}");
        }
    }
    stub.set(Fault::Well);
    let told = data(&client.tool("lab___list_nodes", json!({})).await?)?;
    ensure!(told["nodes"][0]["ready"] == true, "{told}");
    gateway.books_agree().await
}

#[tokio::test]
async fn a_token_that_may_only_read_does_not_see_what_changes_a_cluster() -> Result<()> {
    let (issuer, scratch) = (Issuer::start().await?, Scratch::new()?);
    let stub = KubeStub::start(&scratch).await?;
    let file = stub.kubeconfig(TOKEN, &scratch)?;
    let config = format!(
        "auth: {{ issuers: [{{ name: main, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}] }}] }}\n\
         targets: {{ lab: {{ builtin: k8s, kubeconfig: \"{}\", allow_mutations: true }} }}\n",
        issuer.url(),
        file.display()
    );
    let gateway = Gateway::start(&config).await?;
    let reader = gateway.client().with_token(issuer.token(&["k8s/read"]));
    let writer = gateway.client().with_token(issuer.token(&["k8s/write"]));
    let mutations = ["delete_pod", "restart_rollout", "scale"].map(|name| format!("lab___{name}"));
    let (seen, all) = (reader.tools().await?, writer.tools().await?);
    ensure!(seen.len() == 6 && mutations.iter().all(|name| !seen.contains(name)), "{seen:?}");
    ensure!(mutations.iter().all(|name| all.contains(name)), "{all:?}");
    let scale = |dry: Option<bool>| {
        let mut scale =
            json!({ "namespace": "a", "kind": "deployment", "name": "b", "replicas": 5 });
        if let Some((dry, members)) = dry.zip(scale.as_object_mut()) {
            members.insert("dry_run".to_owned(), dry.into());
        }
        scale
    };
    let refused = reader.tool("lab___scale", scale(Some(false))).await?;
    ensure!(refused.status == 403, "{}", refused.text());
    let told = data(&writer.tool("lab___scale", scale(None)).await?)?;
    ensure!(told["dry_run"] == true && told["before"] == 2 && told["after"] == 5, "{told}");
    ensure!(stub.changes().is_empty(), "{:?}", stub.changes());
    let told = data(&writer.tool("lab___scale", scale(Some(false))).await?)?;
    ensure!(told["dry_run"] == false, "{told}");
    let pod = json!({ "namespace": "a", "pod": "b", "dry_run": false });
    data(&writer.tool("lab___delete_pod", pod).await?)?;
    let restart = json!({ "namespace": "a", "kind": "daemonset", "name": "b", "dry_run": false });
    data(&writer.tool("lab___restart_rollout", restart).await?)?;
    let wanted = [
        "PATCH /apis/apps/v1/namespaces/a/deployments/b/scale",
        "DELETE /api/v1/namespaces/a/pods/b",
        "PATCH /apis/apps/v1/namespaces/a/daemonsets/b",
    ];
    ensure!(stub.changes() == wanted, "{:?}", stub.changes());
    stub.changes().first().context("nothing was changed")?;
    gateway.books_agree().await
}
