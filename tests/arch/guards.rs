//! The threat model and the guards that it names.
//!
//! Enters: `tests/guards/guards.json`, the threat model, the tree. Leaves: a line for each guard that is
//! not where it is said to be, and for each test that is named and does not exist. Never: takes a guard
//! out; `tests/guards/run` does.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::tree::Tree;

/// Where the threats are.
pub(crate) const MODEL: &str = "proxy/docs/threat-model.md";

/// The shortest name that is taken for that of a test.
const SHORTEST: usize = 12;

/// One guard, and how it is taken out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guard {
    guard: String,
    classes: Vec<String>,
    file: String,
    find: String,
    replace: String,
    package: String,
    /// How the package is built for the test, beside its name.
    #[serde(default)]
    flags: Vec<String>,
    test: String,
}

/// Guards that cannot be taken out as it is said, or whose test the threat model does not name.
pub(crate) fn astray(tree: &Tree, guards: &[Guard]) -> Vec<String> {
    let model = tree.ending(MODEL).next().map(|file| file.text.as_str()).unwrap_or_default();
    let wrong = |guard: &Guard| {
        let file = tree.files.iter().find(|file| file.path == guard.file);
        let what = if !file.is_some_and(|file| file.text.contains(&guard.find)) {
            format!("`{}` does not have it any more", guard.file)
        } else if guard.find == guard.replace || guard.package.is_empty() {
            "nothing would be taken out".to_owned()
        } else if guard.flags.iter().any(|flag| !flag.starts_with("--")) {
            "its flags are none".to_owned()
        } else if guard.classes.is_empty() {
            "it is against nothing".to_owned()
        } else if !model.contains(&format!("`{}`", guard.test)) {
            format!("the threat model does not name `{}`", guard.test)
        } else {
            return None;
        };
        Some(format!("{}: {what}", guard.guard))
    };
    guards.iter().filter_map(wrong).collect()
}

/// Tests that the threat model names and nobody has written.
pub(crate) fn unwritten(tree: &Tree) -> Vec<String> {
    let Some(model) = tree.ending(MODEL).next() else {
        return vec![format!("there is no {MODEL}")];
    };
    let named: BTreeSet<&str> = model.text.split('`').skip(1).step_by(2).filter(is_name).collect();
    let written = |name: &&str| {
        let opening = format!("fn {name}(");
        tree.rust().any(|file| file.text.contains(&opening))
    };
    named
        .into_iter()
        .filter(|name| !written(name))
        .map(|name| format!("{name}: no such test"))
        .collect()
}

fn is_name(word: &&str) -> bool {
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    word.len() >= SHORTEST && word.contains('_') && word.chars().all(plain)
}

#[cfg(test)]
mod tests {
    //! What is found.

    use super::{Guard, MODEL, astray, unwritten};
    use crate::tree::{File, Tree};

    fn tree(model: &str) -> Tree {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let code = file("a.rs", "if tall { fn is_written_for_us() {} }");
        Tree { files: vec![code, file(MODEL, model)], top: Vec::new() }
    }

    fn guard(find: &str, test: &str) -> Guard {
        let (find, test, replace) = (find.to_owned(), test.to_owned(), "if false".to_owned());
        let (file, package) = ("a.rs".to_owned(), "p".to_owned());
        Guard {
            guard: "g".to_owned(),
            classes: vec!["c".to_owned()],
            file,
            find,
            replace,
            package,
            flags: Vec::new(),
            test,
        }
    }

    #[test]
    fn a_guard_that_is_gone_and_a_test_that_nobody_wrote_are_found() {
        let tree = tree("`is_written_for_us`, `token_use`, `nobody_wrote_this_one`");
        assert!(astray(&tree, &[guard("if tall", "is_written_for_us")]).is_empty());
        assert_eq!(astray(&tree, &[guard("if small", "is_written_for_us")]).len(), 1);
        assert_eq!(astray(&tree, &[guard("if tall", "not_in_the_model")]).len(), 1);
        let odd =
            Guard { flags: vec!["nextest".to_owned()], ..guard("if tall", "is_written_for_us") };
        assert_eq!(astray(&tree, &[odd]).len(), 1);
        assert_eq!(unwritten(&tree), ["nobody_wrote_this_one: no such test"]);
    }
}
