//! All tools on offer at one moment.
//!
//! Enters: every target's list. Leaves: tools in configuration order and then the target's order,
//! and a map by name. Never: changed after it was built.

use std::collections::HashMap;
use std::sync::Arc;

use toolgate_call::{RawJson, ToolPlan};

use super::entry::Entry;
use crate::list::Tool;
use crate::naming::{self, Prefix, Shared, fnv1a};

/// A tool on offer.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) raw: RawJson,
    pub(crate) plan: Arc<ToolPlan>,
}

/// Everything on offer.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) tools: Vec<Offered>,
    pub(crate) by_name: HashMap<String, Arc<ToolPlan>>,
    /// A digest of names and descriptions: another one means that something has changed.
    pub(crate) generation: u64,
}

// === impl Catalog ===

impl Catalog {
    pub(super) fn build(
        entries: &[Arc<Entry>],
        prefix: Prefix,
        plan: impl Fn(&Entry, &Tool) -> ToolPlan,
    ) -> Self {
        let lists: Vec<_> = entries.iter().map(|entry| (entry, entry.tools())).collect();
        let mut owners: HashMap<Arc<str>, (usize, usize)> = HashMap::new();
        for (at, (_, tools)) in lists.iter().enumerate() {
            for tool in tools.iter() {
                owners.entry(Arc::clone(&tool.name)).or_insert((at, 0)).1 += 1;
            }
        }
        let mut catalog = Self::default();
        for (at, (entry, tools)) in lists.iter().enumerate() {
            for tool in tools.iter() {
                let shared = match owners.get(&tool.name) {
                    Some((first, count)) if *count > 1 && *first == at => Shared::First,
                    Some((_, count)) if *count > 1 => Shared::Later,
                    _ => Shared::Alone,
                };
                let plan = Arc::new(plan(entry, tool));
                match naming::expose(prefix, &entry.spec.name, &tool.name, shared) {
                    Some(exposed) => catalog.offer(exposed, tool, plan),
                    None => tracing::warn!(tool = %plan.full, "hidden by a tool of the same name"),
                }
            }
        }
        catalog
    }

    fn offer(&mut self, exposed: String, tool: &Tool, plan: Arc<ToolPlan>) {
        let raw = tool.renamed(&exposed);
        self.generation = self.generation.rotate_left(5) ^ fnv1a(raw.as_bytes());
        // The full name is always understood, so that a name which was plain yesterday and is
        // shared today goes on working under it.
        self.by_name.entry(plan.full.to_string()).or_insert_with(|| Arc::clone(&plan));
        self.by_name.insert(exposed, Arc::clone(&plan));
        self.tools.push(Offered { raw, plan });
    }
}
