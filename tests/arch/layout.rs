//! How the repository is laid out: the root, the manifests, the decision records.
//!
//! Enters: the tree. Leaves: a line for each thing out of place. Never: judges what a decision
//! record decides.

use std::collections::BTreeMap;

use crate::tree::{BUILD_OUTPUT, File, Tree};

/// What the root holds, beside dotfiles for tools and cargo's own output.
const ROOT: [&str; 12] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "SECURITY.md",
    "proxy",
    "agent",
    "dashboards",
    "alarms",
    "tests",
    "deploy",
];

/// A workspace of its own, which inherits nothing.
const FUZZ: &str = "tests/fuzz/";

/// Where decisions are recorded.
const RECORDS: &str = "proxy/docs/adr/";

/// Lines that no decision record may have more of.
const RECORD_LINES: usize = 60;

/// The headings of a decision record, in order.
const SECTIONS: [&str; 4] = ["Status", "Context", "Decision", "Consequences"];

/// Entries of the root that nobody agreed on.
pub(crate) fn strays(tree: &Tree) -> Vec<String> {
    let strays = tree.top.iter().filter(|name| {
        !name.starts_with('.') && *name != BUILD_OUTPUT && !ROOT.contains(&name.as_str())
    });
    strays.map(|name| format!("{name}: move it into a folder of the root")).collect()
}

/// Dependencies that a member declares on its own account.
pub(crate) fn own_versions(tree: &Tree) -> Vec<String> {
    let members = tree.ending("/Cargo.toml");
    members.filter(|file| !file.path.starts_with(FUZZ)).flat_map(own_versions_in).collect()
}

/// Decision records with a wrong name, a number twice, too many lines or a section missing.
pub(crate) fn odd_records(tree: &Tree) -> Vec<String> {
    let records =
        tree.files.iter().filter_map(|file| Some((file.path.strip_prefix(RECORDS)?, file)));
    let records = records.collect::<Vec<_>>();
    if records.is_empty() {
        return vec![format!("{RECORDS} holds no decision record")];
    }
    let mut found: Vec<String> =
        records.iter().flat_map(|(name, file)| odd_record(name, file)).collect();
    let mut taken = BTreeMap::<&str, &str>::new();
    for (name, _) in &records {
        let number = name.split('-').next().unwrap_or_default();
        if let Some(other) = taken.insert(number, name) {
            found.push(format!("{name}: its number belongs to {other}"));
        }
    }
    found
}

fn own_versions_in(file: &File) -> Vec<String> {
    let mut own = Vec::new();
    let mut among_dependencies = false;
    let mut depth = 0_usize;
    for (line, number) in file.text.lines().zip(1..) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[').filter(|_| depth == 0) {
            let section = section.trim_end_matches(']');
            among_dependencies = section.ends_with("dependencies");
            if section.contains("dependencies.") {
                own.push(format!("{}:{number} a table per dependency", file.path));
            }
            continue;
        }
        let starts = depth == 0 && line.contains('=') && !line.starts_with('#');
        depth = (depth + opened(line, '[', '{')).saturating_sub(opened(line, ']', '}'));
        if among_dependencies && starts && !is_inherited(line) {
            own.push(format!("{}:{number} `{line}`: declare it in the root", file.path));
        }
    }
    own
}

/// Whether a dependency's line leaves version and place to the root.
fn is_inherited(line: &str) -> bool {
    let line = line.replace(' ', "");
    line.contains(".workspace=true") || line.contains("{workspace=true")
}

fn opened(line: &str, one: char, other: char) -> usize {
    line.chars().filter(|letter| *letter == one || *letter == other).count()
}

fn odd_record(name: &str, file: &File) -> Vec<String> {
    let mut found = Vec::new();
    if !is_record_name(name) {
        found.push(format!("{}: name it NNNN-some-words.md", file.path));
    }
    if file.lines() > RECORD_LINES {
        found.push(format!("{}: {} lines, {RECORD_LINES} at most", file.path, file.lines()));
    }
    let headings = file.text.lines().filter_map(|line| line.strip_prefix("## ")).map(str::trim);
    let headings = headings.filter(|heading| SECTIONS.contains(heading)).collect::<Vec<_>>();
    if headings != SECTIONS {
        found.push(format!(
            "{}: its `##` headings are {headings:?}; wanted {SECTIONS:?}",
            file.path
        ));
    }
    found
}

fn is_record_name(name: &str) -> bool {
    let Some((number, words)) = name.strip_suffix(".md").and_then(|name| name.split_once('-'))
    else {
        return false;
    };
    let numbered = number.len() == 4 && number.chars().all(|letter| letter.is_ascii_digit());
    let kebab = |word: &str| {
        !word.is_empty()
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    numbered && words.split('-').all(kebab)
}
