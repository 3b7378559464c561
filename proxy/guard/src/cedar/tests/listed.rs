//! A tool is listed when some arguments could be allowed.

use proptest::prelude::*;
use toolgate_call::{Asked, Rules as _, Verdict};

use super::{Cedar, alice, config, tool, verdict};

#[test]
fn without_arguments_the_question_is_whether_some_could_be_allowed() {
    let speaks = r#"context.arguments.texts.hasTag("/a")"#;
    for (text, wanted) in [
        (format!("permit(principal, action, resource) when {{ {speaks} }};"), Verdict::Allow),
        (
            format!(
                r#"permit(principal, action, resource) when {{ {speaks} && principal.subject == "bob" }};"#
            ),
            Verdict::Deny,
        ),
        (format!("permit(principal, action, resource) unless {{ {speaks} }};"), Verdict::Allow),
        (
            format!(
                "permit(principal, action, resource); forbid(principal, action, resource) when {{ {speaks} }};"
            ),
            Verdict::Allow,
        ),
        (
            format!(
                r#"permit(principal, action, resource); forbid(principal, action, resource) when {{ {speaks} || principal.subject == "alice" }};"#
            ),
            Verdict::Deny,
        ),
        (
            format!(
                r#"permit(principal, action, resource) when {{ if principal.subject == "alice" then {speaks} else true }};"#
            ),
            Verdict::Allow,
        ),
    ] {
        assert_eq!(verdict(&text, None), wanted, "{text}");
    }
}

#[derive(Clone, Debug)]
enum Expr {
    Atom(String),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

impl Expr {
    fn text(&self) -> String {
        match self {
            Self::Atom(atom) => format!("({atom})"),
            Self::Not(one) => format!("!{}", one.text()),
            Self::And(a, b) => format!("({} && {})", a.text(), b.text()),
            Self::Or(a, b) => format!("({} || {})", a.text(), b.text()),
            Self::If(a, b, c) => format!("(if {} then {} else {})", a.text(), b.text(), c.text()),
        }
    }
}

fn expr() -> impl Strategy<Value = Expr> {
    let atoms = [
        r#"context.arguments.texts.hasTag("/a")"#,
        r#"context.arguments.flags.hasTag("/b") && context.arguments.flags.getTag("/b")"#,
        // It fails for some arguments.
        r#"context.arguments.numbers.hasTag("/n") && context.arguments.numbers.getTag("/n") + 9223372036854775807 > 0"#,
        r#"principal.subject == "alice""#,
        r#"principal.subject == "bob""#,
        // It always fails.
        "principal.claims has level && principal.claims.level + 9223372036854775807 > 0",
        "context has server",
    ];
    let atom = proptest::sample::select(atoms.map(str::to_owned).to_vec()).prop_map(Expr::Atom);
    atom.prop_recursive(3, 12, 3, |inner| {
        let b = move || inner.clone().prop_map(Box::new);
        prop_oneof![
            b().prop_map(Expr::Not),
            (b(), b()).prop_map(|(x, y)| Expr::And(x, y)),
            (b(), b()).prop_map(|(x, y)| Expr::Or(x, y)),
            (b(), b(), b()).prop_map(|(x, y, z)| Expr::If(x, y, z)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_some_arguments_allow_is_listed(
        policies in proptest::collection::vec((any::<bool>(), any::<bool>(), expr()), 1..5),
        allow in any::<bool>(),
    ) {
        let text: String = policies.iter().map(|(permit, when, expr)| {
            let effect = if *permit { "permit" } else { "forbid" };
            let when = if *when { "when" } else { "unless" };
            format!("{effect}(principal, action, resource) {when} {{ {} }};\n", expr.text())
        }).collect();
        // What the validator knows to be always false is not what is asked here.
        let Ok(cedar) = Cedar::load(&config(&text, allow)) else { return Ok(()) };
        let (principal, plan) = (alice(), tool("get"));
        let judged = |arguments: Option<&str>| {
            let arguments = arguments.map(str::as_bytes);
            cedar.judge(&Asked { principal: &principal, plan: &plan, arguments }, None)
        };
        let listed = judged(None);
        let some = ["{}", r#"{"a":"x"}"#, r#"{"b":true}"#, r#"{"a":"x","b":true,"n":1}"#, r#"{"n":-1}"#, r#"{"n":1}"#, r#"{"a":"x","n":-1}"#];
        let called = some.map(|arguments| judged(Some(arguments)));
        if called.contains(&Verdict::Allow) {
            prop_assert_eq!(listed, Verdict::Allow, "{}", text);
        }
        if !cedar.reads_arguments() {
            prop_assert!(called.iter().all(|verdict| *verdict == listed));
        }
    }
}
