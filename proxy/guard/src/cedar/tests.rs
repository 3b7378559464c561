//! Policies.

mod agree;
mod flaws;
mod heads;
mod listed;

use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{
    Applied, Asked, Claim, ClaimKind, Effect, Hint, Kind, Plan, Principal, RetryPlan, Rules as _,
    Scopes, Verdict,
};
use toolgate_telemetry::Telemetry;

use super::{Cedar, CedarConfig, Source, arguments};

pub(super) fn config(text: &str, allow: bool) -> CedarConfig {
    let claims = [
        ("department", ClaimKind::Text),
        ("level", ClaimKind::Number),
        ("cognito:groups", ClaimKind::List),
        ("staff", ClaimKind::Bool),
    ];
    CedarConfig {
        sources: vec![Source { name: "p.cedar".to_owned(), text: text.to_owned() }],
        claims: claims.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
        allow,
    }
}

pub(super) fn cedar(text: &str) -> Cedar {
    Cedar::load(&config(text, false)).unwrap()
}

pub(super) fn alice() -> Principal {
    let claims = [
        ("department", Claim::Text(Box::from("platform"))),
        ("level", Claim::Number(3)),
        ("cognito:groups", Claim::List(Box::from([Box::from("ops"), Box::from("dev")]))),
    ];
    Principal {
        issuer: Arc::from("corp"),
        subject: Arc::from("alice"),
        scopes: ["k8s/read"].into_iter().collect(),
        claims: claims.into_iter().map(|(name, claim)| (Box::from(name), claim)).collect(),
        ..Principal::anonymous()
    }
}

pub(super) fn tool(name: &str) -> Plan {
    Plan {
        kind: Kind::Tool,
        target: Arc::from("k8s"),
        name: Arc::from(name),
        full: Arc::from(format!("k8s___{name}")),
        server: None,
        scopes: Scopes::default(),
        read_only: Hint::Yes,
        idempotent: Hint::Unknown,
        timeout: Duration::from_secs(1),
        retry: RetryPlan {
            attempts: 1,
            base: Duration::ZERO,
            multiplier: 1.0,
            max: Duration::ZERO,
        },
        concurrency: None,
        quarantined: false,
        definition: None,
    }
}

fn judged(cedar: &Cedar, plan: &Plan, arguments: Option<&str>) -> (Verdict, Vec<Applied>) {
    let principal = alice();
    let arguments = arguments.map(str::as_bytes);
    let asked = Asked { principal: &principal, plan, arguments };
    let mut applied = Vec::new();
    let verdict = cedar.judge(&asked, Some(&mut applied));
    assert_eq!(cedar.judge(&asked, None), verdict, "who listens changes nothing");
    (verdict, applied)
}

fn verdict(text: &str, arguments: Option<&str>) -> Verdict {
    judged(&cedar(text), &tool("get"), arguments).0
}

#[test]
fn everything_of_a_decision_has_a_word() {
    for condition in [
        r#"principal == Caller::"corp:alice""#,
        r#"principal in Issuer::"corp""#,
        r#"principal.issuer == "corp" && principal.subject == "alice""#,
        "!(principal has client)",
        r#"principal.scopes.contains("k8s/read")"#,
        r#"principal.claims has department && principal.claims.department like "plat*""#,
        "principal.claims has level && principal.claims.level >= 3",
        r#"principal.claims has "cognito:groups" && principal.claims["cognito:groups"].contains("ops")"#,
        "!(principal.claims has staff)",
        r#"action == Action::"call""#,
        r#"resource == Tool::"k8s___get""#,
        r#"resource in Target::"k8s""#,
        r#"resource is Tool && resource.name == "get" && resource.target == "k8s""#,
        "resource is Tool && resource has read_only && resource.read_only",
        "resource is Tool && !(resource has idempotent)",
        r#"context has server && context.server == "ops""#,
        r#"context.arguments.texts.hasTag("/a/0") && context.arguments.texts.getTag("/a/0") == "x""#,
        r#"context.arguments.numbers.hasTag("/n") && context.arguments.numbers.getTag("/n") == 7"#,
        r#"context.arguments.flags.hasTag("/b~1c") && context.arguments.flags.getTag("/b~1c")"#,
        r#"context.arguments.lists.hasTag("/a") && context.arguments.lists.getTag("/a").contains("y")"#,
        r#"context.arguments.others.containsAll(["/f", "/z"])"#,
    ] {
        let cedar = cedar(&format!("permit(principal, action, resource) when {{ {condition} }};"));
        let plan = Plan { server: Some(Arc::from("ops")), ..tool("get") };
        let json = r#"{"a":["x","y"],"n":7,"b/c":true,"f":1.5,"z":null}"#;
        assert_eq!(judged(&cedar, &plan, Some(json)).0, Verdict::Allow, "{condition}");
        if condition.starts_with("action") {
            continue; // There is one action: not to be it is impossible, and refused.
        }
        let not = format!("permit(principal, action, resource) when {{ !({condition}) }};");
        let not = Cedar::load(&config(&not, false)).unwrap();
        assert_eq!(judged(&not, &plan, Some(json)).0, Verdict::Deny, "{condition}");
    }
}

#[test]
fn kinds_are_told_apart() {
    let cedar = cedar("permit(principal, action, resource is Prompt);");
    for (kind, wanted) in [
        (Kind::Tool, Verdict::Deny),
        (Kind::Task, Verdict::Deny),
        (Kind::Prompt, Verdict::Allow),
        (Kind::Resources, Verdict::Deny),
    ] {
        let plan = Plan { kind, ..tool("get") };
        assert_eq!(judged(&cedar, &plan, None).0, wanted, "{kind:?}");
    }
}

#[test]
fn forbid_wins_and_else_the_default_holds() {
    let both = "@id(\"yes\") permit(principal, action, resource);\n\
                @id(\"no\") forbid(principal, action, resource) when { principal.subject == \"alice\" };";
    let (verdict, applied) = judged(&cedar(both), &tool("get"), Some("{}"));
    let no = Applied { id: "no".to_owned(), effect: Effect::Forbid, note: None };
    assert_eq!((verdict, applied), (Verdict::Deny, vec![no]));
    for (allow, wanted, count) in [(true, Verdict::Allow, 1), (false, Verdict::Deny, 0)] {
        let cedar = Cedar::load(&config("", allow)).unwrap();
        let (verdict, applied) = judged(&cedar, &tool("get"), Some("{}"));
        assert_eq!((verdict, applied.len()), (wanted, count));
    }
}

#[test]
fn what_cannot_be_judged_is_refused_and_counted() {
    // An overflow, which no schema can see.
    let text = "permit(principal, action, resource);\n\
        @id(\"big\") forbid(principal, action, resource) when \
        { principal.claims has level && principal.claims.level + 9223372036854775807 == 0 };";
    let cedar = Arc::new(cedar(text));
    let (verdict, applied) = judged(&cedar, &tool("get"), Some("{}"));
    assert_eq!(verdict, Verdict::Failed);
    assert!(applied.iter().any(|one| one.id == "big" && one.effect == Effect::Failed));
    let telemetry = Telemetry::for_tests();
    let rules = Arc::clone(&cedar).counted(Arc::clone(&telemetry));
    let (principal, plan) = (alice(), tool("get"));
    for arguments in [None, Some(&b"{}"[..])] {
        let asked = Asked { principal: &principal, plan: &plan, arguments };
        assert_eq!(rules.judge(&asked, None), Verdict::Failed);
    }
    assert!(telemetry.render().contains("toolgate_policy_failures_total 2"));
}

#[test]
fn arguments_are_read_only_when_a_policy_speaks_of_them() {
    let twice = Some(r#"{"a":"x","a":"y"}"#);
    assert_eq!(verdict("permit(principal, action, resource);", twice), Verdict::Allow);
    let speaks = "permit(principal, action, resource) unless \
        { context.arguments.texts.hasTag(\"/b\") };";
    assert_eq!(verdict(speaks, twice), Verdict::Failed, "a target could see the other one");
    assert_eq!(verdict(speaks, Some(r#"{"a":"x"}"#)), Verdict::Allow);
    let many = format!("[{}1]", "1,".repeat(5000));
    assert_eq!(verdict(speaks, Some(&many)), Verdict::Failed);
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    assert_eq!(verdict(speaks, Some(&deep)), Verdict::Failed);
}

#[test]
fn no_two_places_have_the_same_name() {
    let read = arguments::read(br#"{"a/b":"1","a":{"b":"2"},"a~1b":"3","":{"":"4"}}"#).unwrap();
    let mut places: Vec<&str> = read.texts.iter().map(|(at, _)| &**at).collect();
    places.sort_unstable();
    assert_eq!(places, ["//", "/a/b", "/a~01b", "/a~1b"]);
}
