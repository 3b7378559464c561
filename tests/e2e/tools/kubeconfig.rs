//! How a kubeconfig logs in, in earnest: by a certificate, and by a token that is replaced in its file.
//!
//! In: clusters that ask for either. Out: answers to the right one, by the gateway and by the tool server; to any
//! other a failure that says whose it is, and no credential.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::kube_stub::{KubeStub, TOKEN};
use toolgate_tests::pki::{Authority, Pair, Says};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::wait::until;

use super::{data, failure};
use crate::expect::OPEN;

/// The two ways to the tools, each with the name of its tool.
const WAYS: [&str; 2] = ["lab___list_nodes", "own___k8s___list_nodes"];

/// A gateway that asks the cluster of this kubeconfig, by itself and by a child.
async fn before(file: &Path) -> Result<Gateway> {
    let (file, tools) = (file.display(), binary("toolgate-tools", "toolgate-tools")?);
    let command =
        json!([tools.display().to_string(), "serve", "--stdio", "--kubeconfig", file.to_string()]);
    let gateway = Gateway::start(&format!(
        "{OPEN}targets:\n  lab: {{ builtin: k8s, kubeconfig: \"{file}\" }}\n  \
         own: {{ stdio: {{ command: {command} }} }}\n"
    ))
    .await?;
    until("both are listed", async || {
        let names = gateway.client().tools().await?;
        Ok(WAYS.iter().all(|way| names.iter().any(|name| name == way)).then_some(()))
    })
    .await?;
    Ok(gateway)
}

fn shows(pair: &Pair) -> Result<Value> {
    let data = |file: &Path| anyhow::Ok(BASE64_STANDARD.encode(fs::read(file)?));
    Ok(json!({
        "client-certificate-data": data(&pair.certificate)?, "client-key-data": data(&pair.key)?,
    }))
}

#[tokio::test]
async fn a_cluster_that_asks_for_a_certificate_answers_the_right_one_alone() -> Result<()> {
    let scratch = Scratch::new()?;
    let (people, others) = (Authority::new("people")?, Authority::new("others")?);
    let stub = KubeStub::start_for(&people, &scratch).await?;
    let right = shows(&people.signs(Says::name("toolgate"), "right", &scratch)?)?;
    let gateway = before(&stub.kubeconfig_of(&right, &scratch)?).await?;
    for way in WAYS {
        let told = data(&gateway.client().tool(way, json!({})).await?)?;
        ensure!(told["nodes"][0]["name"] == "n-1", "{way}: {told}");
    }
    gateway.books_agree().await?;
    let strange = shows(&others.signs(Says::name("toolgate"), "strange", &scratch)?)?;
    let old = Says { until: 2020, ..Says::name("toolgate") };
    let old = shows(&people.signs(old, "old", &scratch)?)?;
    for (user, what) in [(json!({}), "none"), (strange, "a stranger's"), (old, "an old one")] {
        let gateway = before(&stub.kubeconfig_of(&user, &scratch)?).await?;
        for way in WAYS {
            let told = failure(&gateway.client().tool(way, json!({})).await?)?;
            ensure!(told["code"] == "denied" && told["retryable"] == false, "{what}: {told}");
            let message = told["message"].as_str().unwrap_or_default();
            let wanted = "the client certificate of this gateway";
            ensure!(message.contains(wanted) && message.contains("operator"), "{what}: {told}");
        }
        gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_replaced_in_its_file_is_shown_by_the_next_call() -> Result<()> {
    let scratch = Scratch::new()?;
    let stub = KubeStub::start(&scratch).await?;
    let token = scratch.write("token", &format!("{TOKEN}\n"))?;
    let gateway = before(&stub.kubeconfig_of(&json!({ "tokenFile": token }), &scratch)?).await?;
    let client = gateway.client();
    for way in WAYS {
        data(&client.tool(way, json!({})).await?)?;
    }
    stub.renew("another-s3cret");
    for way in WAYS {
        let told = failure(&client.tool(way, json!({})).await?)?;
        ensure!(told["code"] == "denied" && !told.to_string().contains(TOKEN), "{told}");
    }
    // As kubelet does it: the new one is moved to where the old one was.
    fs::rename(scratch.write("next", "another-s3cret\n")?, &token)?;
    for way in WAYS {
        let told = data(&client.tool(way, json!({})).await?)?;
        ensure!(told["nodes"][0]["ready"] == true, "{way}: {told}");
    }
    fs::remove_file(&token)?;
    for way in WAYS {
        let told = failure(&client.tool(way, json!({})).await?)?;
        ensure!(told["code"] == "misconfigured", "{way}: {told}");
        ensure!(told["message"].as_str().is_some_and(|said| said.contains("operator")), "{told}");
    }
    gateway.books_agree().await
}
