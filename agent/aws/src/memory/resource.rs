//! The memory as a resource of AWS.
//!
//! In: what the control plane tells of it. Out: its id, and the paths of what is concluded. Never:
//! a path that more than one actor shares.

use aws_sdk_bedrockagentcorecontrol::types::{
    Memory, MemoryStatus, MemoryStrategy, MemoryStrategyType,
};
use toolgate_agent_memory::Namespace;

use super::names::{fill, keeps_apart};

/// A memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) name: String,
    preferences: Option<String>,
    semantic: Option<String>,
}

/// What can be done with a memory now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It can be used.
    Ready,
    /// It will be.
    Growing,
    /// It will not.
    Gone,
}

// === impl Resource ===

impl Resource {
    pub(super) fn of(memory: &Memory) -> Self {
        let of_type = |wanted: &MemoryStrategyType| {
            let mut strategies = memory.strategies().iter();
            strategies.find_map(|strategy| path(strategy).filter(|_| strategy.r#type() == wanted))
        };
        Self {
            id: memory.id().to_owned(),
            name: memory.name().to_owned(),
            preferences: of_type(&MemoryStrategyType::UserPreference),
            semantic: of_type(&MemoryStrategyType::Semantic),
        }
    }

    /// The path of an actor's records of a kind, if the memory keeps such records.
    pub(super) fn path(&self, namespace: Namespace, actor: &str) -> Option<String> {
        let template = match namespace {
            Namespace::Conversation => return None,
            Namespace::Preferences => self.preferences.as_ref(),
            Namespace::Semantic => self.semantic.as_ref(),
        };
        template.map(|template| fill(template, actor))
    }

    /// All paths of an actor's records.
    pub(super) fn paths(&self, actor: &str) -> Vec<(Namespace, String)> {
        let each = Namespace::ALL.iter();
        each.filter_map(|kind| Some((*kind, self.path(*kind, actor)?))).collect()
    }

    /// What the operator should know of it.
    pub(super) fn detail(&self) -> String {
        let (id, name) = (&self.id, &self.name);
        let lacks = match (&self.preferences, &self.semantic) {
            (Some(_), Some(_)) => "what is concluded from a turn is there about a minute later",
            (Some(_), None) => "it has no strategy for facts of one actor",
            (None, Some(_)) => "it has no strategy for preferences of one actor",
            (None, None) => "it has no strategies for one actor, so nothing is recalled",
        };
        format!("the memory {name} ({id}); {lacks}")
    }
}

/// How far it is.
pub(super) fn stage(status: &MemoryStatus) -> Stage {
    match status {
        MemoryStatus::Creating => Stage::Growing,
        MemoryStatus::Deleting | MemoryStatus::Failed => Stage::Gone,
        // A memory that is changed can be used meanwhile; so it will be with words to come.
        MemoryStatus::Active | MemoryStatus::Updating | _ => Stage::Ready,
    }
}

/// The path of a strategy's records, with nothing open but the actor.
fn path(strategy: &MemoryStrategy) -> Option<String> {
    let own = strategy.namespace_templates().iter();
    #[expect(deprecated, reason = "memories of older tools have their paths there")]
    let old = strategy.namespaces().iter();
    let paths = own.chain(old).map(|template| {
        let id = strategy.strategy_id();
        template.replace("{memoryStrategyId}", id).replace("{strategyId}", id)
    });
    let (good, bad): (Vec<_>, Vec<_>) = paths.partition(|template| keeps_apart(template));
    if good.is_empty() && !bad.is_empty() {
        tracing::warn!(
            strategy = strategy.name(),
            "a strategy of the memory is left alone: its records are not kept apart by actor alone"
        );
    }
    good.into_iter().next()
}
