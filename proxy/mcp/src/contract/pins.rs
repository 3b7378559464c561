//! What an operator approved, and what is to be done about differences.
//!
//! Enters: what configuration and pins file say. Leaves: an action for a difference. Never: a file.

use std::collections::HashMap;
use std::sync::Arc;

use toolgate_telemetry::{ContractAction, ContractChange, Word as _};

use super::{Classes, Digest};
use toolgate_call::RawJson;

/// What is done about each class of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions([ContractAction; ContractChange::ALL.len()]);

/// A definition that was approved.
#[derive(Clone, Debug)]
pub struct Pin {
    /// Its hash.
    pub hash: Digest,
    /// It, as it is shown in the place of another one.
    pub definition: RawJson,
}

/// What a target is held to.
#[derive(Clone, Debug)]
pub struct Contract {
    /// What is done about differences.
    pub actions: Actions,
    /// Its approved tools, by the target's own names for them; `None`: those that it lists first.
    pub pins: Option<HashMap<String, Pin>>,
}

/// What all targets are held to, by their names. One that is not there is held to what it lists
/// first, and only warned of.
#[derive(Clone, Debug, Default)]
pub struct Contracts(pub HashMap<String, Arc<Contract>>);

// === impl Actions ===

impl Actions {
    /// The same action about everything.
    #[must_use]
    pub const fn all(action: ContractAction) -> Self {
        Self([action; ContractChange::ALL.len()])
    }

    /// With another action about one class.
    #[must_use]
    pub fn with(mut self, class: ContractChange, action: ContractAction) -> Self {
        if let Some(place) = self.0.get_mut(class.index()) {
            *place = action;
        }
        self
    }

    /// What is done about a class.
    #[must_use]
    pub fn of(&self, class: ContractChange) -> ContractAction {
        self.0.get(class.index()).copied().unwrap_or(ContractAction::Quarantine)
    }

    /// What is done about a tool that differs in all those ways: the strictest of it.
    #[must_use]
    pub fn about(&self, classes: Classes) -> ContractAction {
        let actions = classes.iter().map(|class| self.of(class));
        actions.max_by_key(|action| action.index()).unwrap_or(ContractAction::Allow)
    }
}

// === impl Contract ===

impl Contract {
    /// The first that is listed is trusted, and differences are only told of.
    #[must_use]
    pub const fn on_first_use() -> Self {
        Self { actions: Actions::all(ContractAction::Warn), pins: None }
    }
}
