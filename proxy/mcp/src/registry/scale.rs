//! Weighs what a server lists, and tells when that is too much.
//!
//! Enters: each new list of tools. Leaves: one line in the log when it weighs more than its budget, when
//! that has changed, and when it is over. Never: a tool that is left out for its weight.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::catalog::Catalog;

/// The budget of a list, and what was told of it.
#[derive(Debug)]
pub(crate) struct Scale {
    /// In tokens; `None`: it may weigh what it likes.
    pub(crate) budget: Option<usize>,
    /// The weight beyond the budget that was told last; 0: none.
    told: AtomicUsize,
}

// === impl Scale ===

impl Scale {
    pub(super) const fn new(budget: Option<usize>) -> Self {
        Self { budget, told: AtomicUsize::new(0) }
    }

    /// Whether the list that was weighed last is beyond the budget.
    pub(super) fn is_over(&self) -> bool {
        self.told.load(Ordering::Relaxed) > 0
    }

    /// The list is that one now. `settled`: all targets have said what they have, so that a weight is
    /// worth another line; while they come, the first one is enough. The turn is the caller's.
    pub(super) fn weigh(&self, server: &str, catalog: &Catalog, settled: bool) {
        let Some(budget) = self.budget else { return };
        let (tokens, tools) = (catalog.weight(), catalog.tools_listed());
        let told = self.told.load(Ordering::Relaxed);
        if tokens <= budget {
            self.told.store(0, Ordering::Relaxed);
            if told > 0 {
                tracing::info!(%server, tokens, budget, "the list of tools is within its budget again");
            }
        } else if told == 0 || (settled && told != tokens) {
            self.told.store(tokens, Ordering::Relaxed);
            tracing::warn!(
                %server,
                tools,
                tokens,
                budget,
                "the definitions on the list of tools weigh more than `definitions.warn_tokens`"
            );
        }
    }
}
