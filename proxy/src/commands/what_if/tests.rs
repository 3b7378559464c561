//! Who gains and who loses.

use std::fs;
use std::path::PathBuf;

use super::{Exit, Output, WhatIfArgs, run};

const CONFIG: &str = r#"
auth:
  issuers: [{ name: main, profile: cognito, issuer: "https://login.example.com", clients: [one] }]
  scopes: [gateway/invoke]
policy: { files: [p.cedar], default: deny, claims: { team: text, level: number } }
targets:
  k8s: { mcp: { url: "https://k8s.example.com/mcp" } }
  docs: { mcp: { url: "https://docs.example.com/mcp" }, trust_annotations: true }
tools: { k8s___delete_pod: { scopes: [k8s/write] } }
"#;

const POLICIES: &str = r#"
@id("on-call") permit(principal, action, resource)
when { principal.claims has team && principal.claims.team == "oncall" };
@id("readers") permit(principal, action, resource is Tool)
when { resource has read_only && resource.read_only };
@id("not-there") forbid(principal, action, resource)
when { context.arguments.texts.hasTag("/namespace") };
"#;

/// `kind`, the subject, its scopes, its team, the tool, and what refused it.
type Line = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn record((kind, subject, scopes, team, full, more): Line) -> String {
    let (target, tool) = full.split_once("___").unwrap_or(("k8s", full));
    format!(
        r#"{{"kind":"{kind}","issuer":"main","subject":"{subject}","scopes":"{scopes}","claims":{{"team":"{team}"}},"method":"tools/call","name":"{target}___{tool}","target":"{target}","tool":"{tool}"{more}}}"#
    )
}

fn what_if(lines: &[Line], output: Output) -> (Exit, String) {
    let folder = Folder(std::env::temp_dir().join(format!("what-if-{}", fastrand::u64(..))));
    fs::create_dir(&folder.0).unwrap();
    let at = |name: &str| folder.0.join(name);
    fs::write(at("new.yaml"), CONFIG).unwrap();
    fs::write(at("p.cedar"), POLICIES).unwrap();
    let log: Vec<String> = lines.iter().copied().map(record).collect();
    fs::write(at("audit.jsonl"), log.join("\n") + "\n{\"kind\":\"allo").unwrap();
    let args = WhatIfArgs { config: at("new.yaml"), audit: vec![at("audit.jsonl")], output };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(&args, &mut out, &mut err);
    (exit, String::from_utf8([out, err].concat()).unwrap())
}

const BOTH: &str = "gateway/invoke k8s/write";
const ALLOWED: &str = r#","rule":"scopes""#;
const BY_DEFAULT: &str = r#","rule":"policy:default","reason":"target_unknown""#;
const BY_ARGUMENTS: &str = r#","rule":"policy:x","reason":"forbidden""#;

#[test]
fn who_gains_and_who_loses_is_told_once_each_with_the_rule() {
    let lines = [
        ("allow", "ann", BOTH, "oncall", "delete_pod", ALLOWED),
        ("allow", "bob", "gateway/invoke", "oncall", "delete_pod", ALLOWED),
        ("allow", "bob", "gateway/invoke", "oncall", "delete_pod", ALLOWED),
        ("allow", "cid", BOTH, "sales", "get_pods", ALLOWED),
        ("deny", "dee", BOTH, "oncall", "get_pods", BY_DEFAULT),
        ("deny", "eve", BOTH, "oncall", "get_pods", BY_ARGUMENTS),
        ("deny", "fay", BOTH, "sales", "get_pods", BY_DEFAULT),
        ("deny", "gus", BOTH, "oncall", "get_pods", r#","rule":"rates""#),
        ("outcome", "hal", BOTH, "oncall", "get_pods", ""),
    ];
    let (exit, said) = what_if(&lines, Output::Text);
    assert_eq!(exit, Exit::Differs, "{said}");
    insta::assert_snapshot!(said);
    let (_, json) = what_if(&lines, Output::Json);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["changes"].as_array().unwrap().len(), 3, "{json}");
    assert_eq!((&json["alike"], &json["by_arguments"]), (&2.into(), &1.into()), "{json}");
}

#[test]
fn the_last_decision_counts_and_nothing_may_change() {
    let lines = [
        ("deny", "ann", BOTH, "oncall", "get_pods", BY_DEFAULT),
        ("allow", "ann", BOTH, "oncall", "get_pods", ALLOWED),
    ];
    let (exit, said) = what_if(&lines, Output::Text);
    assert_eq!(exit, Exit::Ok, "{said}");
    assert!(said.starts_with("0 change, 1 stay as they are\n"), "{said}");
}

#[test]
fn what_was_known_of_a_tool_counts() {
    let read = r#","rule":"scopes","read_only":true"#;
    let lines = [
        ("allow", "ann", BOTH, "sales", "docs___read", read),
        ("allow", "bob", BOTH, "sales", "docs___write", ALLOWED),
    ];
    let (_, json) = what_if(&lines, Output::Json);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let [lost] = json["changes"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!((&lost["tool"], &lost["change"]), (&"docs___write".into(), &"loses".into()));
    assert_eq!((&json["alike"], &json["left_out"]), (&1.into(), &1.into()), "{json}");
}
