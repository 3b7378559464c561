//! How a source file looks: its opening, its length, what it may not say.
//!
//! Enters: the tree. Leaves: a line for each file or place that breaks a rule. Never: judges what
//! a comment or a string says, except for the words that open a module.

use crate::code::{code, lines_with};
use crate::tree::{File, Tree};

/// Lines above which a file is named in a note.
const SOFT: usize = 400;

/// Lines that no file may have more of.
const HARD: usize = 500;

/// Lines that no file of tests may have more of.
const HARD_TEST: usize = 800;

/// Endings of the files that people write and read as programs.
const PROGRAMS: [&str; 4] = [".rs", ".py", ".sh", ".mjs"];

/// What the root of a library says of itself.
const CONTRACT: [&str; 3] = ["enters", "leaves", "never"];

/// Who may read the environment: the assembly.
const READS_ENVIRONMENT: [&str; 6] = [
    "agent/memory/examples/recall.rs",
    "agent/memory/examples/speed.rs",
    "agent/src/main.rs",
    "proxy/src/commands.rs",
    "proxy/src/main.rs",
    "proxy/tools/src/main.rs",
];

/// Who may look at a caller's token: who sends it to a token endpoint, and who makes a hash of it.
const OPENS_TOKENS: [&str; 3] = [
    "proxy/call/src/secret.rs",
    "proxy/target/src/credentials/caller.rs",
    "proxy/target/src/credentials/endpoint.rs",
];

/// Whose pauses are not a wait for something to become true, which is what a test may not sleep for.
const PAUSES: [&str; 9] = [
    "tests/src/wait.rs",
    // Backends and targets that are slow on purpose.
    "tests/src/collector.rs",
    "tests/src/sick/speak.rs",
    "tests/fixtures/rmcp_server.rs",
    "tests/fixtures/everything/jobs.rs",
    "tests/fixtures/everything/talk.rs",
    // A model, tools and a user that take their time, on a clock that stands still.
    "agent/src/turn/tests/fakes.rs",
    // A client that asks again as often as its server wishes.
    "tests/fixtures/rmcp_client.rs",
    // The length of a measurement.
    "tests/load/drive.rs",
];

/// Files that do not open with `//!`.
pub(crate) fn unopened(tree: &Tree) -> Vec<String> {
    let silent = tree.rust().filter(|file| !file.text.starts_with("//!"));
    silent.map(|file| format!("{}:1 opens without `//!`", file.path)).collect()
}

/// Library roots that do not say what enters, what leaves and what never happens.
pub(crate) fn without_contract(tree: &Tree) -> Vec<String> {
    let roots = tree.ending("src/lib.rs").filter(|file| !file.is_test());
    roots.filter_map(|file| missing(file).map(|words| format!("{}: {words}", file.path))).collect()
}

/// Files above the hard budget.
pub(crate) fn too_long(tree: &Tree) -> Vec<String> {
    let over = programs(tree).filter(|file| file.lines() > most(file));
    over.map(|file| format!("{}: {} lines, {} at most", file.path, file.lines(), most(file)))
        .collect()
}

/// Files above the soft budget and below the hard one.
pub(crate) fn rather_long(tree: &Tree) -> Vec<String> {
    let long = programs(tree).filter(|file| !file.is_test());
    long.filter(|file| (SOFT + 1..=HARD).contains(&file.lines()))
        .map(|file| format!("{}: {} lines, {SOFT} wanted", file.path, file.lines()))
        .collect()
}

/// Modules in the old place.
pub(crate) fn mod_files(tree: &Tree) -> Vec<String> {
    let old = tree.rust().filter(|file| file.path.ends_with("/mod.rs"));
    old.map(|file| format!("{}: call it after its folder, beside it", file.path)).collect()
}

/// Lints that are switched off instead of expected.
pub(crate) fn allowed_lints(tree: &Tree) -> Vec<String> {
    said(tree.rust(), &["[allow("], "write `#[expect(…, reason = \"…\")]`")
}

/// Code that is not there yet.
pub(crate) fn unfinished(tree: &Tree) -> Vec<String> {
    said(tree.rust(), &["todo!", "unimplemented!"], "finish it, or refuse with a reason")
}

/// The environment, read outside the assembly.
pub(crate) fn environment(tree: &Tree) -> Vec<String> {
    let others = tree
        .rust()
        .filter(|file| !file.is_test() && !READS_ENVIRONMENT.contains(&file.path.as_str()));
    said(others, &["env::"], "the assembly reads the environment and hands it on")
}

/// Callers' tokens looked at elsewhere.
pub(crate) fn opened_tokens(tree: &Tree) -> Vec<String> {
    let others =
        tree.rust().filter(|file| !file.is_test() && !OPENS_TOKENS.contains(&file.path.as_str()));
    said(
        others,
        &["open_for_exchange("],
        "a caller's token goes to a token endpoint alone (ADR 36)",
    )
}

/// Metrics by name string.
pub(crate) fn metric_macros(tree: &Tree) -> Vec<String> {
    let others = tree.rust().filter(|file| !file.path.starts_with("proxy/telemetry/"));
    let macros = [
        "counter!",
        "gauge!",
        "histogram!",
        "describe_counter!",
        "describe_gauge!",
        "describe_histogram!",
    ];
    said(others, &macros, "record through a handle of `telemetry`")
}

/// Tests that wait a fixed time.
pub(crate) fn sleeping_tests(tree: &Tree) -> Vec<String> {
    let tests = tree.rust().filter(|file| file.is_test() && !PAUSES.contains(&file.path.as_str()));
    said(tests, &["sleep("], "wait for the event itself (tests/src/wait.rs), or pause the clock")
}

fn said<'a>(files: impl Iterator<Item = &'a File>, words: &[&str], instead: &str) -> Vec<String> {
    let suspects = files.filter(|file| words.iter().any(|word| file.text.contains(word)));
    suspects.flat_map(|file| said_in(file, words, instead)).collect()
}

fn said_in(file: &File, words: &[&str], instead: &str) -> Vec<String> {
    let code = code(&file.text);
    let found = words
        .iter()
        .flat_map(|word| lines_with(&code, word).into_iter().map(move |line| (line, word)));
    found.map(|(line, word)| format!("{}:{line} `{word}`: {instead}", file.path)).collect()
}

fn programs(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| PROGRAMS.iter().any(|end| file.path.ends_with(end)))
}

fn most(file: &File) -> usize {
    if file.is_test() { HARD_TEST } else { HARD }
}

fn missing(file: &File) -> Option<String> {
    let opening = file.text.lines().take_while(|line| line.starts_with("//!"));
    let opening = opening.collect::<Vec<_>>().join("\n").to_lowercase();
    let absent = CONTRACT.iter().filter(|word| !opening.contains(*word)).copied();
    let absent = absent.collect::<Vec<_>>();
    (!absent.is_empty()).then(|| format!("`//!` does not say what {}", absent.join(", ")))
}
