//! What the line between HTTP and MCP promises. Authentication has tests of its own.

mod asking;
mod decoding;
mod doors;
mod panics;
mod splicing;
mod streaming;
mod writing;

/// Compares a generated document with the committed one; `TOOLGATE_GEN=1` writes it.
#[test]
fn the_committed_table_of_errors_is_the_current_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
    let wanted = format!(
        "# Errors\n\n\
         Generated from `proxy/admit/src/refuse.rs`; rewrite it with `.ci/run gen`.\n\n\
         Every error's `data` has `reason`, `blame`, `retry_safe` and `request_id`; where it applies\n\
         also `target`, `phase`, `retry_after_ms`, and `outcome: \"unknown\"` when the call may have\n\
         been carried out. A tool that says no (`isError`) is a result, not an error.\n\n{}",
        crate::refusal_table()
    );
    if std::env::var_os("TOOLGATE_GEN").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == wanted, "proxy/docs/errors.md is not current: run `.ci/run gen`");
}
