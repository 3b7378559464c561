//! What is wrong with policies is said at the start.

use super::{Cedar, config};

fn flaws(text: &str) -> Vec<(usize, usize, String)> {
    let flaws = Cedar::load(&config(text, false)).unwrap_err();
    flaws.into_iter().map(|flaw| (flaw.line, flaw.column, flaw.message)).collect()
}

#[test]
fn a_word_that_is_unknown_is_named_with_its_place() {
    for (text, at, word) in [
        ("permit(principal, action, resource)\nwhen { principal.mail == \"x\" };", (2, 8), "mail"),
        (
            "permit(principal, action, resource);\npermit(principal, action, resource)\n  when { principal.claims has departmnt && principal.claims.departmnt == \"x\" };",
            (3, 31),
            "departmnt",
        ),
        ("permit(principal, action, resource) when { context.tool == \"x\" };", (1, 44), "tool"),
        ("permit(principal, action, resource == Toool::\"x\");", (1, 39), "Toool"),
        ("permit(principal, action == Action::\"read\", resource);", (1, 29), "read"),
        ("permit(principal, action, resource)", (1, 36), "end of input"),
    ] {
        let found = flaws(text);
        let (line, column, message) = found.first().unwrap();
        assert!(message.contains(word), "{text}: {found:?}");
        assert_eq!((*line, *column), at, "{text}: {found:?}");
    }
}

#[test]
fn types_are_checked() {
    let wrong = "permit(principal, action, resource) when { principal.claims has level && principal.claims.level == \"3\" };";
    assert!(!flaws(wrong).is_empty());
    let unasked =
        "permit(principal, action, resource) when { principal.claims.department == \"x\" };";
    let found = flaws(unasked);
    assert!(found.iter().any(|(_, _, message)| message.contains("department")), "{found:?}");
}

#[test]
fn ids_are_unique_and_there_are_no_templates() {
    let twice = "@id(\"a\") permit(principal, action, resource);\n@id(\"a\") forbid(principal, action, resource);";
    assert!(flaws(twice)[0].2.contains("`a`"));
    assert!(flaws("permit(principal == ?principal, action, resource);")[0].2.contains("slot"));
}
