//! Policies decide who sees and calls what, down to the arguments, and say why in the audit log.
//!
//! In: callers of different claims. Out: their lists and calls, beside what was written down.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolgate_tests::client::{Ask, Client, with_meta};
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::wait::until;

use crate::expect::Refused;

const POLICIES: &str = r#"
@id("readers") permit(principal, action, resource is Tool)
when { resource has read_only && resource.read_only };
@id("on-call") permit(principal, action, resource is Tool)
when { principal.claims has team && principal.claims.team == "oncall" };
@id("not-in-kube-system") forbid(principal, action, resource is Tool)
when { context.arguments.texts.hasTag("/namespace") &&
       context.arguments.texts.getTag("/namespace") == "kube-system" };
"#;

const REFUSED: Refused = Refused {
    status: 403,
    code: 403,
    says: "the policies of this gateway do not allow this call",
    reason: "forbidden",
    blame: "caller",
    retry_safe: false,
};

/// A gateway with policies, an audit log, and a target that says of `read` that it only reads.
struct Ruled {
    issuer: Issuer,
    sick: Sick,
    scratch: Scratch,
    gateway: Gateway,
}

impl Ruled {
    async fn start() -> Result<Self> {
        let (issuer, sick) = (Issuer::start().await?, Sick::start(Era::Modern).await?);
        let scratch = Scratch::new()?;
        fs::write(scratch.path().join("p.cedar"), POLICIES)?;
        let config = Self::written(&issuer, &sick, &scratch);
        let gateway = Gateway::start(&config).await?;
        Ok(Self { issuer, sick, scratch, gateway })
    }

    fn config(&self) -> String {
        Self::written(&self.issuer, &self.sick, &self.scratch)
    }

    fn written(issuer: &Issuer, sick: &Sick, scratch: &Scratch) -> String {
        let folder = scratch.path().display();
        format!(
            "auth: {{ issuers: [{{ name: main, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}] }}] }}\n\
             policy: {{ files: [\"{folder}/p.cedar\"], default: deny, claims: {{ team: text }} }}\n\
             audit: {{ file: \"{folder}/audit.jsonl\" }}\n\
             targets: {{ sick: {{ mcp: {{ url: \"{}\" }}, trust_annotations: true }} }}\n",
            issuer.url(),
            sick.url(),
        )
    }

    fn of(&self, team: &Value) -> Client {
        let mut claims = self.issuer.claims(&[]);
        claims["team"] = team.clone();
        self.gateway.client().with_token(self.issuer.mint(claims))
    }

    fn denials(&self) -> Result<Vec<Value>> {
        let log = fs::read_to_string(self.scratch.path().join("audit.jsonl"))?;
        Ok(parse_log(&log)?.into_iter().filter(|one| one["kind"] == "deny").collect())
    }
}

#[tokio::test]
async fn a_tool_is_listed_and_called_by_whom_the_policies_let() -> Result<()> {
    let ruled = Ruled::start().await?;
    let (on_call, other) = (ruled.of(&json!("oncall")), ruled.of(&json!("sales")));
    on_call.until_listed(&["sick___read", "sick___write"]).await?;
    let listed = other.tools().await?;
    ensure!(listed.contains(&"sick___read".to_owned()), "{listed:?}");
    ensure!(!listed.contains(&"sick___write".to_owned()), "{listed:?}");
    on_call.tool("sick___write", json!({})).await?.result()?;
    other.tool("sick___read", json!({})).await?.result()?;

    // Who may not see it is told what is told of a tool that never was.
    let hidden = other.tool("sick___write", json!({})).await?;
    let never = other.tool("sick___rewrite", json!({})).await?;
    let told = hidden.message()?["error"]["message"].as_str().context("no message")?.to_owned();
    let of_never = never.message()?["error"]["message"].as_str().context("no message")?.to_owned();
    ensure!(told == of_never.replace("rewrite", "write"), "{told}\n{of_never}");
    ensure!((hidden.status, ruled.sick.calls("write")) == (never.status, 1));
    ruled.gateway.stop().await?;
    Ok(())
}

#[tokio::test]
async fn an_argument_decides_and_the_record_says_which_policy_it_was() -> Result<()> {
    let ruled = Ruled::start().await?;
    let (on_call, other) = (ruled.of(&json!("oncall")), ruled.of(&json!("sales")));
    on_call.until_listed(&["sick___read", "sick___write"]).await?;
    let fine = json!({ "namespace": "prod" });
    on_call.tool("sick___write", fine).await?.result()?;
    let forbidden = json!({ "namespace": "kube-system", "note": "NobodysBusiness" });
    let answer = on_call.tool("sick___write", forbidden).await?;
    REFUSED.told(&answer)?;
    other.tool("sick___write", json!({})).await?;
    ensure!(ruled.sick.calls("write") == 1, "a call that is not allowed was sent");

    let denials = ruled.denials()?;
    let [by_argument, by_default] = &*denials else { anyhow::bail!("{denials:#?}") };
    ensure!(by_argument["rule"] == "policy:not-in-kube-system", "{by_argument:#}");
    ensure!(by_default["rule"] == "policy:default", "{by_default:#}");
    let rules = by_argument["explanation"]["rules"].as_array().context("no explanation")?;
    let policy = rules.iter().find(|rule| rule["rule"] == "policy").context("no policies")?;
    ensure!(
        policy["applied"] == json!([{ "id": "not-in-kube-system", "effect": "forbid" }]),
        "{policy:#}"
    );
    ensure!(by_argument["explanation"]["principal"]["claims"] == json!(["team=oncall"]));
    ensure!(by_argument["claims"] == json!({ "team": "oncall" }), "{by_argument:#}");
    ensure!(!by_argument.to_string().contains("NobodysBusiness"), "an argument is on record");
    let failures = ruled.gateway.metrics().await?.sum("toolgate_policy_failures_total", &[]);
    ensure!(failures == 0.0);
    ruled.gateway.stop().await?;
    Ok(())
}

#[tokio::test]
async fn who_gains_by_another_policy_is_known_from_the_record() -> Result<()> {
    let ruled = Ruled::start().await?;
    let (on_call, other) = (ruled.of(&json!("oncall")), ruled.of(&json!("sales")));
    on_call.until_listed(&["sick___read", "sick___write"]).await?;
    on_call.tool("sick___write", json!({})).await?.result()?;
    other.tool("sick___write", json!({})).await?;
    let config = ruled.config();
    ruled.gateway.stop().await?;

    let folder = ruled.scratch.path();
    let turned = POLICIES.replace("oncall", "sales");
    fs::write(folder.join("p.cedar"), turned)?;
    fs::write(folder.join("new.yaml"), config)?;
    let what_if = Command::new(binary("toolgate", "toolgate")?)
        .arg("what-if")
        .arg(folder.join("new.yaml"))
        .arg("--audit")
        .arg(folder.join("audit.jsonl"))
        .output()
        .await?;
    let said = String::from_utf8([what_if.stdout, what_if.stderr].concat())?;
    ensure!(what_if.status.code() == Some(1), "{said}");
    let told = |word: &str, team: &str| {
        said.lines().any(|line| {
            line.starts_with(word) && line.contains(team) && line.contains("sick___write")
        })
    };
    ensure!(told("gains", "team=\"sales\"") && told("LOSES", "team=\"oncall\""), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_claim_of_another_type_than_the_policies_think_opens_nothing() -> Result<()> {
    let ruled = Ruled::start().await?;
    for team in [json!(["oncall"]), json!(7), json!({ "name": "oncall" })] {
        let answer = ruled.of(&team).tool("sick___write", json!({})).await?;
        ensure!(answer.status == 401, "{team}: {} {}", answer.status, answer.text());
    }
    ruled.gateway.stop().await?;
    Ok(())
}

#[tokio::test]
async fn other_policies_count_when_their_file_changes_and_a_wrong_one_changes_nothing() -> Result<()>
{
    let ruled = Ruled::start().await?;
    let (on_call, sales) = (ruled.of(&json!("oncall")), ruled.of(&json!("sales")));
    on_call.until_listed(&["sick___read", "sick___write"]).await?;
    let asked = with_meta(json!({ "notifications": { "toolsListChanged": true } }));
    let mut streams = Vec::new();
    for client in [&on_call, &sales] {
        let mut stream = client.open(Ask::modern_raw("1", "subscriptions/listen", &asked)).await?;
        let first = stream.next_message().await?;
        ensure!(first["method"] == "notifications/subscriptions/acknowledged", "{first}");
        streams.push(stream);
    }
    let file = ruled.scratch.path().join("p.cedar");
    let reloads = async |outcome: &str, times: f64| {
        until(format!("{times} × {outcome}"), async || {
            let metrics = ruled.gateway.metrics().await?;
            let sum = metrics.sum("toolgate_policy_reloads_total", &[("outcome", outcome)]);
            Ok((sum >= times).then_some(()))
        })
        .await
    };

    fs::write(&file, POLICIES.replace("principal.claims.team", "principal.claims.taem"))?;
    reloads("failed", 1.0).await?;
    let said = ruled.gateway.stderr();
    ensure!(said.contains("the policies cannot be used") && said.contains("taem"), "{said}");
    on_call.tool("sick___write", json!({})).await?.result()?;
    ensure!(sales.tool("sick___write", json!({})).await?.result().is_err());

    fs::write(&file, POLICIES.replace("oncall", "sales"))?;
    // Both lists are others now, and neither target has said anything.
    for stream in &mut streams {
        let told = stream.next_message().await?;
        ensure!(told["method"] == "notifications/tools/list_changed", "{told}");
    }
    ensure!(!on_call.tools().await?.contains(&"sick___write".to_owned()));
    ensure!(sales.tools().await?.contains(&"sick___write".to_owned()));
    sales.tool("sick___write", json!({})).await?.result()?;
    ensure!(on_call.tool("sick___write", json!({})).await?.result().is_err());
    ruled.gateway.stop().await?;
    Ok(())
}
