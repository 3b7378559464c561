//! The rules of the house that no compiler knows, each a test that names what breaks it.
//!
//! Enters: the checkout, and what cargo says of it. Leaves: the list of places to mend. Never:
//! mends anything, or asks the network.

mod code;
mod crates;
mod directions;
mod guards;
mod layout;
mod members;
mod sources;
mod tree;

#[cfg(test)]
mod noticed;

use std::fmt::{Debug, Formatter, Result as Written};
use std::fs;

use members::{built_at_all, built_into, members};
use tree::{Tree, root};

/// Why a test fails, printed as it is: a list to work through, without a backtrace.
struct Broken(String);

type Kept = Result<(), Broken>;

#[test]
fn every_member_depends_only_on_members_below_it() -> Kept {
    none("see `below` in tests/arch/directions.rs", &directions::between_members(&members()?))
}

#[test]
fn only_the_http_planes_know_hyper() -> Kept {
    none("hyper is named elsewhere", &directions::hyper_elsewhere(&members()?))
}

#[test]
fn the_stages_in_the_middle_see_no_http() -> Kept {
    none("an HTTP crate between the planes", &directions::http_in_the_middle(&members()?))
}

#[test]
fn the_vocabulary_needs_no_runtime() -> Kept {
    let mut found = directions::runtime_in_call(&members()?);
    found.extend(directions::runtime_under_call(&built_into("toolgate-call")?));
    none("`call` is plain data", &found)
}

#[test]
fn every_source_file_opens_with_what_it_is() -> Kept {
    none("open with `//!` lines", &sources::unopened(&Tree::read()?))
}

#[test]
fn every_library_says_what_enters_what_leaves_and_what_never_happens() -> Kept {
    none("the contract of a library", &sources::without_contract(&Tree::read()?))
}

#[test]
fn no_file_is_longer_than_its_budget() -> Kept {
    let tree = Tree::read()?;
    for note in sources::rather_long(&tree) {
        println!("note: {note}");
    }
    none("split it where a reader would pause", &sources::too_long(&tree))
}

#[test]
fn modules_are_named_after_their_folders() -> Kept {
    none("no `mod.rs`", &sources::mod_files(&Tree::read()?))
}

#[test]
fn lints_are_expected_and_never_allowed() -> Kept {
    none("a lint is switched off", &sources::allowed_lints(&Tree::read()?))
}

#[test]
fn nothing_is_left_to_do_in_code() -> Kept {
    none("unfinished code", &sources::unfinished(&Tree::read()?))
}

#[test]
fn a_callers_token_is_looked_at_only_by_who_exchanges_it() -> Kept {
    none("a caller's token is looked at elsewhere", &sources::opened_tokens(&Tree::read()?))
}

#[test]
fn only_the_assembly_reads_the_environment() -> Kept {
    none("the environment is read elsewhere", &sources::environment(&Tree::read()?))
}

#[test]
fn metrics_are_recorded_through_handles_only() -> Kept {
    none("a metric by name string", &sources::metric_macros(&Tree::read()?))
}

#[test]
fn tests_wait_for_events_and_never_for_time() -> Kept {
    none("a test sleeps", &sources::sleeping_tests(&Tree::read()?))
}

#[test]
fn the_root_holds_only_what_was_agreed() -> Kept {
    none("strays in the root", &layout::strays(&Tree::read()?))
}

#[test]
fn every_dependency_is_declared_in_the_root_and_inherited() -> Kept {
    none("write `name.workspace = true`", &layout::own_versions(&Tree::read()?))
}

#[test]
fn every_decision_record_has_a_number_and_four_sections() -> Kept {
    none("decision records", &layout::odd_records(&Tree::read()?))
}

#[test]
fn the_gateway_has_one_tls_stack() -> Kept {
    none("a second TLS stack", &crates::other_stacks(&built_into("toolgate")?))
}

#[test]
fn every_crate_comes_from_the_registry() -> Kept {
    let lock = fs::read_to_string(root()?.join("Cargo.lock"))?;
    none("other sources of crates", &crates::other_sources(&lock))
}

#[test]
fn every_crate_can_be_had_under_an_agreed_licence() -> Kept {
    none("licences nobody agreed on", &crates::other_licences(&built_at_all()?))
}

#[test]
fn no_crate_is_built_twice_without_a_reason() -> Kept {
    none("crates in several versions", &crates::other_duplicates(&built_at_all()?))
}

#[test]
fn every_guard_is_where_it_can_be_taken_out() -> Kept {
    let text = fs::read_to_string(root()?.join("tests/guards/guards.json"))?;
    let guards: Vec<guards::Guard> = serde_json::from_str(&text)?;
    none("see tests/guards/guards.json", &guards::astray(&Tree::read()?, &guards))
}

#[test]
fn every_test_of_the_threat_model_is_written() -> Kept {
    none(guards::MODEL, &guards::unwritten(&Tree::read()?))
}

#[test]
fn cargo_deny_is_told_the_same() -> Kept {
    let deny = fs::read_to_string(root()?.join(".deny.toml"))?;
    none("see tests/arch/crates.rs", &crates::lists_apart(&deny))
}

impl Debug for Broken {
    fn fmt(&self, out: &mut Formatter<'_>) -> Written {
        out.write_str(&self.0)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self(format!("{:#}", error.into()))
    }
}

/// Ends well when there is no complaint.
fn none(rule: &str, found: &[String]) -> Kept {
    if found.is_empty() {
        return Ok(());
    }
    Err(Broken(format!("{rule}:\n  {}", found.join("\n  "))))
}
