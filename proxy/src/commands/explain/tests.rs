//! What is explained, word by word.

use std::fs;
use std::path::PathBuf;

use clap::Parser as _;
use serde_json::Value;

use crate::cli::{Cli, Command};
use crate::exit::Exit;

const CONFIG: &str = r#"
auth:
  issuers: [{ name: main, profile: cognito, issuer: "https://login.example.com", clients: [one] }]
  scopes: [gateway/invoke]
policy: { files: [p.cedar], default: deny, claims: { groups: list, level: number } }
limits: { rates: [{ per: principal, calls: 3, every: 1m, burst: 2, target: k8s }] }
targets:
  k8s:
    mcp: { url: "https://k8s.example.com/mcp" }
    credentials: { secret: "file:token", header: authorization, scheme: Bearer }
    scopes: [k8s/use]
    trust_annotations: true
  shop: { openapi: { document: api.yaml, url: "https://shop.example.com" } }
tools:
  k8s___delete_pod: { scopes: [k8s/write], timeout: 3s }
servers:
  ops: { targets: [k8s], tools: { allow: [k8s___get_*] }, scopes: [ops/use] }
"#;

const POLICIES: &str = r#"
@id("on-call") permit(principal, action, resource)
when { principal.claims has groups && principal.claims.groups.contains("oncall") };
@id("readers") permit(principal, action, resource is Tool)
when { resource has read_only && resource.read_only };
@id("not-kube-system") forbid(principal, action, resource)
when { context.arguments.texts.hasTag("/namespace") &&
       context.arguments.texts.getTag("/namespace") == "kube-system" };
"#;

const API: &str = r#"
openapi: 3.1.0
paths:
  /items:
    get: { operationId: listItems }
    post: { operationId: makeItem }
"#;

/// Where there is AWS.
const FUNCTION: &str = r#"
  orders: { lambda: { function: "arn:aws:lambda:eu-west-1:1:function:orders", tools: orders.json } }
tools:
"#;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Runs `toolgate explain` with these words; what it printed, without the file.
fn explain(words: &[&str]) -> (Exit, String) {
    let folder = Folder(std::env::temp_dir().join(format!("explain-{}", fastrand::u64(..))));
    fs::create_dir(&folder.0).unwrap();
    let config = folder.0.join("toolgate.yaml");
    let with_function = CONFIG.replace("\ntools:\n", FUNCTION);
    fs::write(&config, if cfg!(feature = "aws") { &with_function } else { CONFIG }).unwrap();
    let functions = include_str!("../../../examples/orders.tools.json");
    fs::write(folder.0.join("orders.json"), functions).unwrap();
    fs::write(folder.0.join("token"), "s3cr3t-of-the-cluster").unwrap();
    fs::write(folder.0.join("p.cedar"), POLICIES).unwrap();
    fs::write(folder.0.join("api.yaml"), API).unwrap();
    let given = ["toolgate", "explain", "-c", config.to_str().unwrap()];
    let cli = Cli::parse_from(given.iter().chain(words));
    let Command::Explain(args) = cli.command else { panic!("another command") };
    let env = |name: &str| (name == "TOKEN").then(token);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = super::run(&args, &env, &mut out, &mut err);
    let said = String::from_utf8([out, err].concat()).unwrap();
    assert!(!said.contains("s3cr3t") && !said.contains(&token()), "{said}");
    (exit, said)
}

/// A token with a signature of nothing.
fn token() -> String {
    use base64::Engine as _;
    let part = |json: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
    let claims = r#"{"iss":"https://login.example.com","sub":"alice","client_id":"one",
        "token_use":"access","scope":"gateway/invoke k8s/use","groups":["oncall"],"exp":99999999999}"#;
    format!("{}.{}.{}", part(r#"{"alg":"RS256","kid":"k"}"#), part(claims), part("none"))
}

#[test]
fn each_rule_says_what_it_looked_at() {
    let who = ["--as", "alice", "--scope", "gateway/invoke", "--claim", "groups=dev,oncall"];
    let (exit, said) = explain(&[&["k8s___delete_pod"], &who[..]].concat());
    insta::assert_snapshot!(said);
    assert_eq!(exit, Exit::Identity);
    let scopes = ["--scope", "k8s/use", "--scope", "k8s/write"];
    let (exit, said) = explain(&[&["k8s___delete_pod"], &who[..], &scopes[..]].concat());
    assert_eq!(exit, Exit::Ok, "{said}");
    assert!(said.ends_with("Verdict    allowed\n"), "{said}");
}

#[test]
fn arguments_and_annotations_are_given_by_hand() {
    let bob = ["--as", "bob", "--scope", "gateway/invoke", "--scope", "k8s/use"];
    let ask = |more: &[&str]| {
        let (exit, said) =
            explain(&[&["k8s___get_pods", "--output", "json"], &bob[..], more].concat());
        let json: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(exit == Exit::Ok, json["allowed"] == true, "{said}");
        json["explanation"]["refused_by"].as_str().unwrap_or("nobody").to_owned()
    };
    assert_eq!(ask(&[]), "policy:default");
    assert_eq!(ask(&["--read-only", "true"]), "nobody");
    let kube = r#"{"namespace":"kube-system"}"#;
    assert_eq!(ask(&["--read-only", "true", "--args", kube]), "policy:not-kube-system");
    assert_eq!(ask(&["--read-only", "true", "--args", "{}"]), "nobody");
    assert_eq!(ask(&["--read-only", "true", "--server", "ops"]), "scopes");
}

#[test]
fn what_a_document_says_of_an_operation_is_known() {
    let bob = ["--as", "bob", "--scope", "gateway/invoke"];
    let (exit, said) = explain(&[&["shop___listItems"], &bob[..]].concat());
    assert!(exit == Exit::Ok && !said.contains("was not asked"), "{said}");
    let (exit, said) = explain(&[&["shop___makeItem"], &bob[..]].concat());
    assert!(exit == Exit::Identity && said.contains("refused by policy:default"), "{said}");
    let (exit, said) = explain(&[&["shop___dropItem"], &bob[..]].concat());
    assert!(exit == Exit::Usage && said.contains("no operation `dropItem`"), "{said}");
}

#[cfg(feature = "aws")]
#[test]
fn what_a_function_is_said_to_have_is_known_and_not_believed() {
    let bob = ["--as", "bob", "--scope", "gateway/invoke"];
    let (exit, said) = explain(&[&["orders___find_order"], &bob[..]].concat());
    let why = "a function says that it only reads, and nobody has said that it is believed";
    assert!(exit == Exit::Identity && said.contains("refused by policy:default"), "{why}: {said}");
    assert!(said.contains("function arn:aws:lambda:eu-west-1:1:function:orders"), "{said}");
    let (exit, said) = explain(&[&["orders___dropItem"], &bob[..]].concat());
    assert!(exit == Exit::Usage && said.contains("have no tool `dropItem`"), "{said}");
}

#[test]
fn a_token_is_looked_at_but_for_its_signature() {
    let (exit, said) = explain(&["k8s___get_pods", "--token-env", "TOKEN"]);
    assert_eq!(exit, Exit::Ok, "{said}");
    assert!(said.contains("main:alice, client one"), "{said}");
    assert!(said.contains("the signature of the token was not looked at"), "{said}");
}

#[test]
fn what_cannot_be_explained_is_said_with_a_remedy() {
    let as_bob = ["--as", "bob"];
    for (words, says) in [
        (&["k8s___get", "--args", "[1]"][..], "no JSON object"),
        (&["nowhere___get"], "the targets are: k8s"),
        (
            &["k8s___delete_pod", "--server", "ops"],
            "the server `ops` does not have `k8s___delete_pod`",
        ),
        (&["k8s___get", "--server", "dev"], "no server is called `dev`"),
        (&["k8s___get", "--claim", "team=a"], "`policy.claims` has: groups, level"),
        (&["k8s___get", "--claim", "level=high"], "not of the type of `level`"),
        (&["k8s___get", "--issuer", "other"], "no issuer is called `other`"),
    ] {
        let (exit, said) = explain(&[words, &as_bob[..]].concat());
        assert_eq!(exit, Exit::Usage, "{said}");
        assert!(said.contains(says), "{said}");
    }
    let (exit, said) = explain(&["k8s___get"]);
    assert!(exit == Exit::Usage && said.contains("--as SUBJECT"), "{said}");
    let (exit, said) = explain(&["k8s___get", "--token-env", "NOTHING"]);
    assert!(exit == Exit::Usage && said.contains("no NOTHING"), "{said}");
}
