//! An explanation says what is decided, and a list shows what may be called.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use toolgate_call::{Claim, Plan, Policy, Principal, Scopes, Subject};
use toolgate_telemetry::Telemetry;

use super::{Cedar, alice, config, tool};

/// Policies of every kind, of which some are taken.
const POOL: [&str; 16] = [
    "permit(principal, action, resource);",
    "permit(principal, action, resource is Tool) when { resource has read_only && resource.read_only };",
    "permit(principal, action, resource) when { principal.scopes.contains(\"b\") };",
    "permit(principal, action, resource) when { principal.claims has level && principal.claims.level > 2 };",
    "permit(principal, action, resource is Tool) when { resource.name == \"t1\" };",
    "permit(principal, action, resource) when { context.arguments.texts.hasTag(\"/a\") && context.arguments.texts.getTag(\"/a\") == \"x\" };",
    "permit(principal, action, resource) unless { context.arguments.numbers.hasTag(\"/n\") };",
    "forbid(principal, action, resource is Tool) when { resource.name == \"t2\" };",
    "forbid(principal, action, resource) when { context.arguments.texts.hasTag(\"/a\") && context.arguments.texts.getTag(\"/a\") == \"y\" };",
    "forbid(principal, action, resource) when { principal.claims has level && principal.claims.level + 9223372036854775807 == 0 };",
    "permit(principal, action, resource == Tool::\"k8s___t1\");",
    "permit(principal in Issuer::\"corp\", action, resource is Tool in Target::\"k8s\") when { principal.scopes.contains(\"c\") };",
    "permit(principal == Caller::\"corp:alice\", action, resource is Tool) when { resource.name == \"t3\" };",
    "permit(principal, action, resource in Target::\"other\");",
    "forbid(principal == Caller::\"corp:alice\", action, resource == Tool::\"k8s___t3\") when { context.arguments.numbers.hasTag(\"/n\") };",
    "forbid(principal in Issuer::\"corp\", action, resource is Tool) when { resource.name == \"t1\" && principal.scopes.contains(\"a\") };",
];

/// Some of it cannot be read: then policies that speak of arguments cannot be judged.
const ARGUMENTS: [&str; 6] =
    ["{}", r#"{"a":"x"}"#, r#"{"a":"y"}"#, r#"{"n":1}"#, r#"{"a":"x","n":2}"#, r#"{"a":1,"a":2}"#];

/// One decision: who, for which tool, with what.
type Case = (Vec<&'static str>, Option<i64>, usize, Vec<&'static str>, bool, Option<usize>);

fn scopes() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(vec!["a", "b", "c"], 0..=3)
}

fn case() -> impl Strategy<Value = Case> {
    let level = proptest::option::of(prop_oneof![Just(-9_223_372_036_854_775_807), 0..5_i64]);
    let arguments = proptest::option::of(0..ARGUMENTS.len());
    (scopes(), level, 0..4_usize, scopes(), any::<bool>(), arguments)
}

fn set(scopes: &[&str]) -> Scopes {
    scopes.iter().copied().collect()
}

fn who(scopes: &[&str], level: Option<i64>) -> Principal {
    let claims = level.map(|level| (Box::from("level"), Claim::Number(level)));
    Principal { scopes: set(scopes), claims: claims.into_iter().collect(), ..alice() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// 200 sets of policies, 50 decisions each.
    #[test]
    fn explanations_and_decisions_agree(
        (policies, allow) in (subsequence(POOL.to_vec(), 0..=POOL.len()), any::<bool>()),
        (enforced, gateway) in (any::<bool>(), scopes()),
        cases in vec(case(), 50),
    ) {
        let rules = Arc::new(Cedar::load(&config(&policies.join("\n"), allow)).unwrap());
        // What a gateway has: it remembers, and explanations look again.
        let rules = rules.counted(Telemetry::for_tests());
        let policy = if enforced { Policy::scoped(set(&gateway)) } else { Policy::open() };
        let policy = policy.with(Some(rules));
        for (held, level, number, needed, quarantined, arguments) in cases {
            let plan = Plan { scopes: set(&needed), quarantined, ..tool(&format!("t{number}")) };
            let who = who(&held, level);
            let given = arguments.map(|at| ARGUMENTS[at].as_bytes());
            let subject = given.map_or(Subject::One(&plan), |json| Subject::With(&plan, json));
            let explained = policy.explain(&who, subject);
            let decided = policy.decide(&who, subject).is_ok();
            prop_assert_eq!(explained.allowed, decided, "{:?}", explained);
            prop_assert_eq!(explained.refused_by.is_none(), decided, "{:?}", explained);
            prop_assert_eq!(explained.rules.iter().all(toolgate_call::Rule::allows), decided);
            // What may be called with these arguments is shown in lists.
            let listed = policy.decide(&who, Subject::One(&plan)).is_ok();
            prop_assert!(listed || !decided, "{:?} {:?}", explained, policies);
        }
    }
}
