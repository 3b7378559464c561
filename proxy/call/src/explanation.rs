//! How a decision came about.
//!
//! Enters: the rules as they are gone through. Leaves: each with what it looked at, for the operator.
//! Never: an argument, a token, or more than a record can hold.

use serde::Serialize;

use crate::{Applied, Claim, Kind, Plan, Principal, Scopes};

/// The most of a list that is told.
const MOST: usize = 32;
/// The most bytes of a text that are told.
const LONGEST: usize = 96;

/// A decision, and how the rules came to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The rule that refused it: `scopes`, `policy` (with the policies' ids) or `quarantine`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<String>,
    /// Who asks.
    pub principal: Who,
    /// For what; absent: to come in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<What>,
    /// The rules, in the order in which they are asked.
    pub rules: Vec<Rule>,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The name of the issuer.
    pub issuer: String,
    /// The subject.
    pub subject: String,
    /// The client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The scopes held.
    pub scopes: Vec<String>,
    /// The claims that policies are handed, as `name=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
}

/// What is asked for: where it goes, and what it may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct What {
    /// `tool`, `prompt`, `resource` or `task`.
    pub kind: &'static str,
    /// Its full name.
    pub name: String,
    /// The target that has it.
    pub target: String,
    /// The server at which it is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The longest a call may take, in milliseconds.
    pub timeout_ms: u64,
    /// Attempts in all.
    pub attempts: u32,
    /// Calls of it at once, if it has a limit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

/// A rule, with what it looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    /// Scopes that are asked of every caller.
    GatewayScopes(Asks),
    /// Scopes that are asked at a server.
    ServerScopes(Asks),
    /// Scopes of server, target and tool together.
    ToolScopes(Asks),
    /// The policies.
    Policy {
        /// Whether they allow it.
        allowed: bool,
        /// Whether the arguments were known. If not, the question was whether some could be allowed.
        arguments_known: bool,
        /// Those that applied, the first few.
        applied: Vec<Applied>,
    },
    /// Whether it is held back from everybody.
    Quarantine {
        /// Whether it is not.
        allowed: bool,
    },
}

/// Scopes that a rule asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Asks {
    /// Whether they are held.
    pub allowed: bool,
    /// Those needed.
    pub needed: Vec<String>,
    /// Those of them that are not held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

// === impl Explanation ===

impl Explanation {
    pub(crate) fn begin(principal: &Principal, plan: Option<&Plan>) -> Self {
        Self {
            allowed: true,
            refused_by: None,
            principal: Who::of(principal),
            subject: plan.map(What::of),
            rules: Vec::new(),
        }
    }

    /// One more rule; the first that refuses decides.
    pub(crate) fn push(&mut self, rule: Rule) {
        if !rule.allows() {
            self.allowed = false;
            self.refused_by.get_or_insert_with(|| rule.name());
        }
        self.rules.push(rule);
    }
}

// === impl Who ===

impl Who {
    fn of(principal: &Principal) -> Self {
        let claim = |(name, claim): (&str, &Claim)| match claim {
            Claim::Text(text) => cut(&format!("{name}={text}")),
            Claim::Number(number) => cut(&format!("{name}={number}")),
            Claim::Bool(said) => cut(&format!("{name}={said}")),
            Claim::List(all) => cut(&format!("{name}={}", all.join(","))),
        };
        Self {
            issuer: cut(&principal.issuer),
            subject: cut(&principal.subject),
            client: principal.client.as_deref().map(cut),
            scopes: told(&principal.scopes),
            claims: principal.claims.iter().take(MOST).map(claim).collect(),
        }
    }
}

// === impl What ===

impl What {
    fn of(plan: &Plan) -> Self {
        let kind = match plan.kind {
            Kind::Tool => "tool",
            Kind::Prompt => "prompt",
            Kind::Resources => "resource",
            Kind::Task => "task",
        };
        Self {
            kind,
            name: cut(&plan.full),
            target: plan.target.to_string(),
            server: plan.server.as_deref().map(str::to_owned),
            timeout_ms: u64::try_from(plan.timeout.as_millis()).unwrap_or(u64::MAX),
            attempts: plan.retry.attempts,
            concurrency: plan.concurrency,
        }
    }
}

// === impl Rule ===

impl Rule {
    /// Whether it lets the call through.
    #[must_use]
    pub const fn allows(&self) -> bool {
        match self {
            Self::GatewayScopes(asks) | Self::ServerScopes(asks) | Self::ToolScopes(asks) => {
                asks.allowed
            }
            Self::Policy { allowed, .. } | Self::Quarantine { allowed } => *allowed,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::GatewayScopes(_) | Self::ServerScopes(_) | Self::ToolScopes(_) => {
                "scopes".to_owned()
            }
            Self::Quarantine { .. } => "quarantine".to_owned(),
            Self::Policy { applied, .. } => {
                let refusing = applied.iter().filter(|one| one.effect != crate::Effect::Permit);
                let ids: Vec<&str> = refusing.map(|one| &*one.id).take(4).collect();
                let named = if ids.is_empty() { "default".to_owned() } else { ids.join(",") };
                format!("policy:{named}")
            }
        }
    }
}

// === impl Asks ===

impl Asks {
    pub(crate) fn of(needed: &Scopes, held: &Scopes) -> Self {
        let missing: Scopes = needed.iter().filter(|scope| !held.contains(scope)).collect();
        Self { allowed: missing.is_empty(), needed: told(needed), missing: told(&missing) }
    }
}

fn told(scopes: &Scopes) -> Vec<String> {
    scopes.iter().take(MOST).map(cut).collect()
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(LONGEST)).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default().to_owned()
}
