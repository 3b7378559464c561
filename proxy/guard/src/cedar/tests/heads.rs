//! Which policies are looked at, and what is remembered of them.

use std::sync::Arc;

use toolgate_call::{Asked, Claim, Hint, Kind, Plan, Principal, Rules as _, Scopes, Verdict};
use toolgate_telemetry::Telemetry;

use super::super::anchored::Part;
use super::super::memo::{Memo, question};
use super::super::sum::Sum;
use super::{alice, cedar, judged, tool, verdict};

/// How many policies are looked at.
fn looked_at(text: &str) -> usize {
    let (cedar, principal, plan) = (cedar(text), alice(), tool("get"));
    let asked = Asked { principal: &principal, plan: &plan, arguments: None };
    let deciding = cedar.deciding(&asked).unwrap();
    let sets = cedar.sets.fitting(&deciding.about).map(|set| set.part(Part::Listing));
    sets.map(|set| set.policies().count()).sum()
}

#[test]
fn only_policies_whose_head_could_fit_are_looked_at() {
    for (head, fits) in [
        ("principal, action, resource", true),
        ("principal is Caller, action, resource is Prompt", true),
        ("principal == Caller::\"corp:alice\", action, resource", true),
        ("principal == Caller::\"corp:bob\", action, resource", false),
        ("principal in Issuer::\"corp\", action, resource", true),
        ("principal is Caller in Issuer::\"other\", action, resource", false),
        ("principal, action, resource == Tool::\"k8s___get\"", true),
        ("principal, action, resource == Prompt::\"k8s___get\"", false),
        ("principal, action, resource in Target::\"k8s\"", true),
        ("principal, action, resource is Tool in Target::\"aws\"", false),
        // The resource is what counts; the principal is for the engine.
        ("principal == Caller::\"corp:bob\", action, resource == Tool::\"k8s___get\"", true),
    ] {
        assert_eq!(looked_at(&format!("permit({head});")), usize::from(fits), "{head}");
    }
}

#[test]
fn a_head_that_fits_in_part_does_not_apply() {
    let text =
        "permit(principal == Caller::\"corp:bob\", action, resource == Tool::\"k8s___get\");";
    assert_eq!(verdict(text, Some("{}")), Verdict::Deny);
    let text = "permit(principal == Caller::\"corp:alice\", action, resource in Target::\"k8s\");";
    assert_eq!(verdict(text, Some("{}")), Verdict::Allow);
}

#[test]
fn policies_of_different_heads_come_to_one_verdict() {
    let text = "@id(\"any\") permit(principal, action, resource);\n\
        @id(\"mine\") permit(principal == Caller::\"corp:alice\", action, resource);\n\
        @id(\"get\") forbid(principal, action, resource == Tool::\"k8s___get\");";
    let (verdict, applied) = judged(&cedar(text), &tool("get"), Some("{}"));
    let ids: Vec<&str> = applied.iter().map(|one| &*one.id).collect();
    assert_eq!((verdict, ids), (Verdict::Deny, vec!["get"]));
    let (verdict, applied) = judged(&cedar(text), &tool("list"), Some("{}"));
    let ids: Vec<&str> = applied.iter().map(|one| &*one.id).collect();
    assert_eq!((verdict, ids), (Verdict::Allow, vec!["any", "mine"]));
}

#[test]
fn what_policies_of_other_tools_look_at_is_not_read() {
    let text = "permit(principal, action, resource);\n\
        forbid(principal, action, resource == Tool::\"k8s___scale\") when \
        { context.arguments.texts.hasTag(\"/b\") };";
    let twice = Some(r#"{"a":"x","a":"y"}"#);
    assert_eq!(judged(&cedar(text), &tool("get"), twice).0, Verdict::Allow);
    assert_eq!(judged(&cedar(text), &tool("scale"), twice).0, Verdict::Failed);
}

/// Everything that a policy can see, each in another way.
fn others() -> Vec<(&'static str, Principal, Plan)> {
    let (who, plan) = (alice(), tool("get"));
    let claims = |name: &str, claim| [(Box::from(name), claim)].into_iter().collect();
    let scopes = |all: &[&str]| -> Scopes { all.iter().copied().collect() };
    let principals = [
        ("issuer", Principal { issuer: Arc::from("corq"), ..who.clone() }),
        ("subject", Principal { subject: Arc::from("bob"), ..who.clone() }),
        ("client", Principal { client: Some(Arc::from("")), ..who.clone() }),
        ("scopes", Principal { scopes: scopes(&["k8s/read", "k8s/write"]), ..who.clone() }),
        ("no scopes", Principal { scopes: Scopes::default(), ..who.clone() }),
        ("a claim", Principal { claims: claims("level", Claim::Number(3)), ..who.clone() }),
        ("its value", Principal { claims: claims("level", Claim::Number(4)), ..who.clone() }),
        ("its type", Principal { claims: claims("level", Claim::Bool(true)), ..who.clone() }),
        ("its name", Principal { claims: claims("leve", Claim::Number(3)), ..who.clone() }),
    ];
    let plans = [
        ("kind", Plan { kind: Kind::Prompt, ..plan.clone() }),
        ("task", Plan { kind: Kind::Task, ..plan.clone() }),
        ("target", Plan { target: Arc::from("k9s"), ..plan.clone() }),
        ("name", Plan { name: Arc::from("put"), ..plan.clone() }),
        ("full", Plan { full: Arc::from("k8s___put"), ..plan.clone() }),
        ("server", Plan { server: Some(Arc::from("ops")), ..plan.clone() }),
        ("read_only", Plan { read_only: Hint::No, ..plan.clone() }),
        ("idempotent", Plan { idempotent: Hint::Yes, ..plan.clone() }),
    ];
    let principals = principals.map(|(what, who)| (what, who, plan.clone()));
    let plans = plans.map(|(what, plan)| (what, who.clone(), plan));
    principals.into_iter().chain(plans).collect()
}

#[test]
fn questions_that_differ_are_other_questions() {
    let (who, plan) = (alice(), tool("get"));
    let asked = Asked { principal: &who, plan: &plan, arguments: None };
    let mut seen = vec![("list", question(&asked))];
    seen.push(("call", question(&Asked { arguments: Some(b"{}"), ..asked })));
    for (what, principal, plan) in &others() {
        seen.push((what, question(&Asked { principal, plan, arguments: None })));
    }
    for (n, (what, one)) in seen.iter().enumerate() {
        for (other, two) in seen.iter().skip(n + 1) {
            assert_ne!(one, two, "{what} and {other}");
        }
    }
    let known = Asked { arguments: Some(b"{\"a\":1}"), ..asked };
    assert_eq!(seen[1].1, question(&known), "arguments are not a part of it");
}

#[test]
fn the_end_of_a_token_is_no_part_of_a_question() {
    let (who, plan) = (alice(), tool("get"));
    let later = Principal { expires: Some(7), ..who.clone() };
    let [one, two] = [&who, &later]
        .map(|principal| question(&Asked { principal, plan: &plan, arguments: None }));
    assert_eq!(one, two);
}

#[test]
fn what_was_said_is_remembered_and_arguments_are_looked_at_anew() {
    let text = "permit(principal, action, resource) when \
        { context.arguments.texts.hasTag(\"/a\") && context.arguments.texts.getTag(\"/a\") == \"x\" };";
    let telemetry = Telemetry::for_tests();
    let rules = Arc::new(cedar(text)).counted(Arc::clone(&telemetry));
    let (principal, plan) = (alice(), tool("get"));
    for (json, wanted) in [
        (r#"{"a":"x"}"#, Verdict::Allow),
        (r#"{"a":"y"}"#, Verdict::Deny),
        (r#"{"a":"x"}"#, Verdict::Allow),
    ] {
        let asked = Asked { principal: &principal, plan: &plan, arguments: Some(json.as_bytes()) };
        assert_eq!(rules.judge(&asked, None), wanted, "{json}");
    }
    let text = telemetry.render();
    assert!(text.contains("toolgate_policy_cache_total{outcome=\"hit\"} 2"), "{text}");
    assert!(text.contains("toolgate_policy_cache_total{outcome=\"miss\"} 1"), "{text}");
}

#[test]
fn no_more_is_remembered_than_there_is_room_for() {
    let memo = Memo::of(16);
    // The first byte says in which of the 16 parts it is.
    assert!(!memo.put([0; 32], Sum::default()));
    assert!(!memo.put([0; 32], Sum::default()), "the same again");
    let mut other = [0; 32];
    other[1] = 1;
    assert!(memo.put(other, Sum::default()), "another one had to go");
    assert!(memo.get(&other).is_some());
    assert!(memo.get(&[0; 32]).is_none());
}

#[test]
fn what_other_policies_said_is_forgotten_with_them() {
    let yes = Arc::new(cedar("permit(principal, action, resource);"));
    let no = Arc::new(cedar("forbid(principal, action, resource);"));
    let rules = yes.counted(Telemetry::for_tests());
    let (principal, plan) = (alice(), tool("get"));
    let asked = Asked { principal: &principal, plan: &plan, arguments: None };
    assert_eq!(rules.judge(&asked, None), Verdict::Allow);
    rules.take(no);
    assert_eq!(rules.judge(&asked, None), Verdict::Deny);
}
