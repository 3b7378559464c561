//! What a later list of a target says differently: a tool that changes its words after it was
//! trusted is worth a look.
//!
//! Enters: two lists of one target. Leaves: how many tools are new, gone and changed. Never: what
//! changed in them.

use std::collections::HashMap;

use toolgate_telemetry::{SchemaChange, TargetMetrics};

use crate::list::Item;

/// Counts the changes from `old` to `new`.
pub(super) fn count(old: &[Item], new: &[Item], metrics: &TargetMetrics) {
    let mut before: HashMap<&str, &Item> = old.iter().map(|tool| (&*tool.name, tool)).collect();
    let (mut added, mut changed) = (0, 0);
    for tool in new {
        match before.remove(&*tool.name) {
            None => added += 1,
            Some(earlier) if !earlier.is_same(tool) => changed += 1,
            Some(_) => {}
        }
    }
    metrics.tools_changed(SchemaChange::Added, added);
    metrics.tools_changed(SchemaChange::Removed, before.len());
    metrics.tools_changed(SchemaChange::Changed, changed);
}
