//! All tools on offer at one moment.
//!
//! Enters: every target's list. Leaves: tools in configuration order and then the target's order,
//! and a map by name. Never: changed after it was built.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use toolgate_call::{RawJson, ToolPlan, name};

use super::entry::Entry;
use crate::list::Tool;
use crate::naming::{self, Prefix, Shared, fnv1a};

/// A tool on offer.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) raw: RawJson,
    /// What callers of the older era are shown, where it is something else.
    pub(crate) for_legacy: Option<RawJson>,
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
        let targets = entries.iter().map(|entry| Arc::clone(&entry.spec.name)).collect();
        let plans: Vec<Vec<_>> = lists
            .iter()
            .map(|(entry, tools)| tools.iter().map(|tool| Arc::new(plan(entry, tool))).collect())
            .collect();
        // The full name is always understood, so that a name which was plain yesterday and is
        // shared today goes on working under it; and before all others, so that none can take it.
        for plan in plans.iter().flatten() {
            catalog.by_name.insert(plan.full.to_string(), Arc::clone(plan));
        }
        for (at, ((_, tools), plans)) in lists.iter().zip(plans).enumerate() {
            for (tool, plan) in tools.iter().zip(plans) {
                let shared = match owners.get(&tool.name) {
                    Some((first, count)) if *count > 1 && *first == at => Shared::First,
                    Some((_, count)) if *count > 1 => Shared::Later,
                    _ => Shared::Alone,
                };
                match catalog.name_for(&plan, (prefix, shared), &targets) {
                    Some(exposed) => catalog.offer(exposed, tool, plan),
                    None => tracing::warn!(tool = %plan.full, "hidden by a tool of the same name"),
                }
            }
        }
        catalog
    }

    /// The name under which a tool is offered; `None` if it would be another tool's.
    fn name_for(
        &self,
        plan: &Arc<ToolPlan>,
        (prefix, shared): (Prefix, Shared),
        targets: &HashSet<Arc<str>>,
    ) -> Option<String> {
        let name = |shared| naming::expose(prefix, &plan.target, &plan.name, shared);
        let is_free = |name: &String| self.is_free(name, plan, targets);
        let later = || name(Shared::Later).filter(is_free);
        name(shared).filter(is_free).or_else(later)
    }

    /// Whether a name is this tool's to take: not one that another has, or that reads like the
    /// full name of another.
    fn is_free(&self, name: &str, plan: &Arc<ToolPlan>, targets: &HashSet<Arc<str>>) -> bool {
        match self.by_name.get(name) {
            Some(owner) => Arc::ptr_eq(owner, plan),
            None => {
                let named = name::split(name).map(|(target, _)| target);
                named.is_none_or(|target| *target == *plan.target || !targets.contains(target))
            }
        }
    }

    fn offer(&mut self, exposed: String, tool: &Tool, plan: Arc<ToolPlan>) {
        let (raw, for_legacy) = (tool.renamed(&exposed), tool.renamed_for_legacy(&exposed));
        self.generation = self.generation.rotate_left(5) ^ fnv1a(raw.as_bytes());
        self.by_name.insert(exposed, Arc::clone(&plan));
        self.tools.push(Offered { raw, for_legacy, plan });
    }
}
