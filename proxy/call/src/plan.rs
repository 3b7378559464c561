//! What is known of one thing a target offers: where it lives, who may use it, and how much that
//! may cost.
//!
//! Enters: configuration and, where the operator trusts it, the target's annotations. Leaves: a
//! plan that guard, router and reach read. Never: a schema (that stays raw in the list).

use std::sync::Arc;
use std::time::Duration;

use crate::{Scopes, name};

/// A yes or no that may be unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Said to be so, by the operator or by a target that the operator trusts.
    Yes,
    /// Said not to be so.
    No,
    /// Nobody that is trusted said anything.
    #[default]
    Unknown,
}

/// What a target offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// Its resources, all of them: they go by their URIs, which nobody renames.
    Resources,
    /// A task that a call of a tool has become.
    Task,
}

/// How often, and how patiently, a failed attempt is repeated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPlan {
    /// Attempts in all; 1 means none is repeated.
    pub attempts: u32,
    /// The first pause, before jitter.
    pub base: Duration,
    /// By how much each pause is longer than the one before.
    pub multiplier: f64,
    /// The longest pause.
    pub max: Duration,
}

/// The plan of one thing.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it is.
    pub kind: Kind,
    /// The target's configured name.
    pub target: Arc<str>,
    /// Its name at the target; the target's own name for [`Kind::Resources`]; for [`Kind::Task`]
    /// the target's id of it, which no record shows.
    pub name: Arc<str>,
    /// `target___tool`: the name in configuration, policy and metrics; the target's own name for
    /// [`Kind::Resources`], that of the tool for [`Kind::Task`].
    pub full: Arc<str>,
    /// The server at which it is offered; `None`: the gateway as a whole.
    pub server: Option<Arc<str>>,
    /// Scopes that the call needs beyond those of the gateway.
    pub scopes: Scopes,
    /// Whether it changes nothing.
    pub read_only: Hint,
    /// Whether calling it twice is the same as calling it once.
    pub idempotent: Hint,
    /// How long a call may take in all.
    pub timeout: Duration,
    /// How failed attempts are repeated.
    pub retry: RetryPlan,
    /// Calls of it at once; `None`: only the target's limit holds.
    pub concurrency: Option<u32>,
    /// Whether it is held back from everybody: its definition is not the one that the operator has
    /// approved.
    pub quarantined: bool,
    /// SHA-256 of the tool's canonical definition as its target gives it; `None`: not a tool, or not
    /// listed yet.
    pub definition: Option<[u8; 32]>,
}

// === impl Plan ===

impl Plan {
    /// Whether an attempt that may have been carried out may be repeated (design, section 8).
    /// Prompts and resources are only read.
    #[must_use]
    pub fn repeatable(&self) -> bool {
        let read = matches!(self.kind, Kind::Prompt | Kind::Resources);
        read || self.read_only == Hint::Yes || self.idempotent == Hint::Yes
    }

    /// Whether it is a tool.
    #[must_use]
    pub fn is_tool(&self) -> bool {
        self.kind == Kind::Tool
    }

    /// The target's name of the tool, also of that which has become a task.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        match self.kind {
            Kind::Tool => Some(&self.name),
            Kind::Task => name::split(&self.full).map(|(_, tool)| tool),
            Kind::Prompt | Kind::Resources => None,
        }
    }

    /// What takes the place of the caller's name for it; `None`: the caller's own stays.
    #[must_use]
    pub fn renamed(&self) -> Option<&str> {
        (self.kind != Kind::Resources).then(|| &*self.name)
    }
}
