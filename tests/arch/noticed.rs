//! Each rule shown something that breaks it, and something that comes close and does not.
//!
//! Enters: files, manifests and crates made up here. Leaves: nothing. Never: the checkout.

use crate::code::{code, lines_with};
use crate::crates::{
    TWICE, lists_apart, other_duplicates, other_licences, other_sources, other_stacks,
};
use crate::directions::{
    between_members, http_in_the_middle, hyper_elsewhere, runtime_in_call, runtime_under_call,
};
use crate::layout::{odd_records, own_versions, strays};
use crate::members::{Built, Dependency, Member};
use crate::sources::{
    allowed_lints, environment, metric_macros, mod_files, rather_long, sleeping_tests, too_long,
    unfinished, unopened, without_contract,
};
use crate::tree::{File, Tree};

const RECORD: &str = "# 1 One\n\n## Status\n\n## Context\n\n## Decision\n\n## Consequences\n";

fn tree(files: &[(&str, &str)]) -> Tree {
    let files = files.iter();
    let files = files.map(|(path, text)| File { path: (*path).into(), text: (*text).into() });
    Tree { files: files.collect(), top: Vec::new() }
}

fn member(name: &str, on: &[&str]) -> Member {
    let dependencies = on.iter().map(|name| Dependency { name: (*name).into() }).collect();
    Member { name: name.into(), dependencies }
}

fn built(name: &str, version: &str, licence: &str) -> Built {
    Built { name: name.into(), version: version.into(), licence: licence.into() }
}

/// The complaints, each cut to what comes before its first colon or blank.
fn who(found: &[String]) -> Vec<&str> {
    found.iter().filter_map(|line| line.split([':', ' ']).next()).collect()
}

#[test]
fn comments_and_literals_are_not_code() {
    let source = "a(\"todo!\\\"\"); // todo!\n/* todo! /* */ todo! */ b('\\'', '\"', r#\"todo!\"#)";
    let left = code(source);
    assert!(!left.contains("todo!"), "{left}");
    assert!(left.contains("a(") && left.contains("b("), "{left}");
    assert_eq!(left.lines().count(), 2);
}

#[test]
fn a_lifetime_hides_nothing() {
    assert_eq!(lines_with(&code("fn f<'a>(x: &'a str) {\n    todo!()\n}"), "todo!"), [2]);
}

#[test]
fn a_raw_string_ends_at_its_own_mark() {
    let left = code("x(br##\"a\"# todo!\"##); todo!()");
    assert_eq!(left.matches("todo!").count(), 1, "{left}");
}

#[test]
fn a_word_is_not_found_inside_a_longer_one() {
    assert_eq!(lines_with("my_counter!()\ncounter!()", "counter!"), [2]);
}

#[test]
fn a_stage_on_a_stage_is_noticed() {
    let members = [
        member("toolgate-call", &["serde"]),
        member("toolgate-telemetry", &["toolgate-call"]),
        member("toolgate-mcp", &["toolgate-call", "toolgate-telemetry", "toolgate-reach"]),
        member("toolgate-reach", &["tokio"]),
    ];
    assert_eq!(who(&between_members(&members)), ["toolgate-mcp"]);
}

#[test]
fn a_member_on_the_gateway_is_noticed_unless_it_is_the_tests() {
    let members = [
        member("toolgate", &["toolgate-call"]),
        member("toolgate-call", &["toolgate"]),
        member("toolgate-tests", &["toolgate"]),
    ];
    assert_eq!(who(&between_members(&members)), ["toolgate-call"]);
}

#[test]
fn a_dashboard_on_more_than_the_catalogue_is_noticed() {
    let members = [
        member("toolgate-dashboards", &["toolgate-telemetry-catalog", "serde_json"]),
        member("toolgate-alarms", &["toolgate-telemetry-catalog", "toolgate-telemetry"]),
        member("toolgate-telemetry-catalog", &[]),
        member("toolgate-telemetry", &[]),
    ];
    assert_eq!(who(&between_members(&members)), ["toolgate-alarms"]);
}

#[test]
fn a_member_without_a_rule_is_noticed() {
    assert_eq!(who(&between_members(&[member("toolgate-new", &[])])), ["toolgate-new"]);
}

#[test]
fn hyper_in_the_wrong_place_is_noticed() {
    let members = [member("toolgate-admit", &["hyper"]), member("toolgate-mcp", &["hyper-util"])];
    assert_eq!(who(&hyper_elsewhere(&members)), ["toolgate-mcp"]);
}

#[test]
fn http_between_the_planes_is_noticed() {
    let members = [
        member("toolgate-guard", &["http-body"]),
        member("toolgate-reach", &["httpdate", "tower"]),
        member("toolgate-target", &["http"]),
    ];
    assert_eq!(who(&http_in_the_middle(&members)), ["toolgate-guard"]);
}

#[test]
fn a_runtime_in_the_vocabulary_is_noticed() {
    assert_eq!(runtime_in_call(&[member("toolgate-call", &["bytes", "tokio-util"])]).len(), 1);
    assert_eq!(
        runtime_under_call(&[built("tower", "1.0.0", ""), built("serde", "1", "")]).len(),
        1
    );
}

#[test]
fn a_file_without_an_opening_is_noticed() {
    let tree = tree(&[("a.rs", "//! A."), ("b.rs", "use a;\n//! B."), ("c.py", "import a")]);
    assert_eq!(who(&unopened(&tree)), ["b.rs"]);
}

#[test]
fn a_library_without_its_contract_is_noticed() {
    let silent = "//! Enters: a. Leaves: b.\n\n// Never: too late to say so.";
    let tree = tree(&[
        ("proxy/a/src/lib.rs", silent),
        ("proxy/b/src/lib.rs", "//! Enters: a. Leaves:\n//! b. Never: c."),
        ("tests/src/lib.rs", silent),
    ]);
    assert_eq!(without_contract(&tree), ["proxy/a/src/lib.rs: `//!` does not say what never"]);
}

#[test]
fn a_file_over_its_budget_is_noticed() {
    let [long, longer, longest] = [401, 501, 801].map(|lines| "\n".repeat(lines));
    let tree = tree(&[
        ("a.rs", &long),
        ("b.rs", &longer),
        ("b/tests.rs", &longer),
        ("b/tests/c.rs", &longest),
        ("tests/d.py", &longest),
    ]);
    assert_eq!(who(&rather_long(&tree)), ["a.rs"]);
    assert_eq!(who(&too_long(&tree)), ["b.rs", "b/tests/c.rs", "tests/d.py"]);
}

#[test]
fn a_module_in_the_old_place_is_noticed() {
    assert_eq!(who(&mod_files(&tree(&[("a/mod.rs", ""), ("a/amod.rs", "")]))), ["a/mod.rs"]);
}

#[test]
fn an_allowed_lint_is_noticed() {
    let tree = tree(&[("a.rs", "#![allow(x)]\n#[expect(y)]\nfn allow() {}\n#[allow(z)]")]);
    let found = allowed_lints(&tree);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn unfinished_code_is_noticed() {
    let tree = tree(&[("a.rs", "todo!()"), ("b.rs", "// todo!()"), ("c.rs", "unimplemented!()")]);
    assert_eq!(who(&unfinished(&tree)), ["a.rs", "c.rs"]);
}

#[test]
fn a_stage_that_reads_the_environment_is_noticed() {
    let read = "std::env::var(name)";
    let tree = tree(&[
        ("proxy/src/commands.rs", read),
        ("proxy/target/src/a.rs", read),
        ("proxy/target/src/b.rs", "use std::env;\n\nenv::vars()"),
        ("proxy/target/src/tests.rs", read),
    ]);
    assert_eq!(who(&environment(&tree)), ["proxy/target/src/a.rs", "proxy/target/src/b.rs"]);
}

#[test]
fn a_metric_by_name_is_noticed() {
    let tree = tree(&[
        ("proxy/telemetry/src/a.rs", "counter!(\"a\")"),
        ("proxy/mcp/src/a.rs", "metrics::counter!(\"a\")"),
    ]);
    assert_eq!(who(&metric_macros(&tree)), ["proxy/mcp/src/a.rs"]);
}

#[test]
fn a_test_that_sleeps_is_noticed() {
    let tree = tree(&[
        ("proxy/mcp/src/a.rs", "sleep(x)"),
        ("proxy/mcp/src/a/tests.rs", "tokio::time::sleep(x)"),
        ("tests/e2e/a.rs", "let a = sleep(x);\nasleep(x)"),
        ("tests/src/wait.rs", "sleep(x)"),
    ]);
    assert_eq!(who(&sleeping_tests(&tree)), ["proxy/mcp/src/a/tests.rs", "tests/e2e/a.rs"]);
}

#[test]
fn a_stray_in_the_root_is_noticed() {
    let top = ["Cargo.toml", ".ci", "proxy", "notes.md", "target"].map(String::from).to_vec();
    assert_eq!(who(&strays(&Tree { files: Vec::new(), top })), ["notes.md"]);
}

#[test]
fn a_version_in_a_member_is_noticed() {
    let manifest = "[package]\nname = \"a\"\n\n[dependencies]\n# c = \"1\"\na.workspace = true\n\
                    b = { workspace = true, features = [\n    \"x=1\",\n] }\nc = \"1\"\n\n\
                    [target.'cfg(unix)'.dependencies]\nd = { version = \"1\" }\n\n\
                    [dev-dependencies.e]\nversion = \"1\"\n\n[features]\nf = []\n";
    let tree = tree(&[("Cargo.toml", "[dependencies]\na = \"1\""), ("a/Cargo.toml", manifest)]);
    let found = own_versions(&tree);
    let lines = ["a/Cargo.toml:10", "a/Cargo.toml:13", "a/Cargo.toml:15"];
    assert_eq!(found.len(), lines.len(), "{found:?}");
    assert!(found.iter().zip(lines).all(|(found, line)| found.starts_with(line)), "{found:?}");
}

#[test]
fn an_odd_decision_record_is_noticed() {
    let long = format!("{RECORD}{}", "\n".repeat(60));
    let swapped = "## Context\n## Status\n## Decision\n## Consequences\n";
    let tree = tree(&[
        ("proxy/docs/adr/0001-one.md", RECORD),
        ("proxy/docs/adr/0002-Two.md", RECORD),
        ("proxy/docs/adr/0003-three.md", &long),
        ("proxy/docs/adr/0004-four.md", swapped),
        ("proxy/docs/adr/0001-five.md", RECORD),
    ]);
    let found = odd_records(&tree);
    let names = ["0002-Two.md", "0003-three.md", "0004-four.md", "0001-five.md"];
    assert_eq!(found.len(), names.len(), "{found:?}");
    assert!(found.iter().zip(names).all(|(found, name)| found.contains(name)), "{found:?}");
}

#[test]
fn no_decision_records_at_all_are_noticed() {
    assert_eq!(odd_records(&tree(&[("proxy/docs/metrics.md", "")])).len(), 1);
}

#[test]
fn a_second_tls_stack_is_noticed() {
    let ours = ["aws-lc-rs", "aws-lc-sys", "rustls"].map(|name| built(name, "1.0.0", ""));
    assert_eq!(other_stacks(&ours), Vec::<String>::new());
    let [_, sys, rustls] = ours;
    let mixed = [sys, rustls, built("rustls", "2.0.0", ""), built("ring", "0.17.0", "")];
    assert_eq!(who(&other_stacks(&mixed)), ["ring", "aws-lc-rs", "rustls"]);
}

#[test]
fn a_crate_from_elsewhere_is_noticed() {
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let lock = format!("{registry}source = \"git+https://example.com/a#1\"\n{registry}");
    assert_eq!(other_sources(&lock).len(), 1);
}

#[test]
fn a_licence_nobody_agreed_on_is_noticed() {
    let licences = [
        ("a", "MIT OR GPL-3.0"),
        ("b", "MIT AND GPL-3.0"),
        ("c", "GPL-3.0/Apache-2.0"),
        ("d", "(MIT OR GPL-3.0) AND ISC"),
        ("e", "GPL-3.0 OR (MIT AND MPL-2.0)"),
        ("f", "Apache-2.0 WITH LLVM-exception OR MIT"),
        ("g", "MIT WITH LLVM-exception"),
        ("h", ""),
        ("i", "MIT AND ISC OR GPL-3.0"),
        ("j", "Apache-2.0 WITH LLVM-exception"),
    ];
    let crates = licences.map(|(name, licence)| built(name, "1.0.0", licence));
    assert_eq!(who(&other_licences(&crates)), ["b", "e", "g", "h"]);
}

#[test]
fn a_new_duplicate_and_one_that_is_gone_are_noticed() {
    let listed = TWICE.into_iter().filter(|name| *name != "syn").collect::<Vec<_>>();
    let pair = |name: &&str| [built(name, "1.0.0", ""), built(name, "2.0.0", "")];
    let mut crates = listed.iter().flat_map(pair).collect::<Vec<_>>();
    crates.extend(pair(&"hyper"));
    crates.push(built("syn", "2.0.0", ""));
    assert_eq!(who(&other_duplicates(&crates)), ["hyper", "syn"]);
}

#[test]
fn lists_that_differ_are_noticed() {
    let deny = "deny = [\n    { crate = \"ring\", reason = \"r\" },\n]\nskip = [\n\
                    { crate = \"base64@0.22\", reason = \"r\" },\n\
                    { crate = \"hyper@0.14\", reason = \"r\" },\n]\n\
                allow = [\"MIT\", \"GPL-3.0\"]\n";
    let found = lists_apart(deny);
    let on_one = |name: &str| found.iter().any(|line| line.contains(&format!(" {name} ")));
    assert!(on_one("hyper") && on_one("GPL-3.0") && on_one("syn") && on_one("ISC"), "{found:?}");
    assert!(!on_one("base64") && !on_one("MIT") && !on_one("ring"), "{found:?}");
}
