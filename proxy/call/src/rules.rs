//! Rules about principals and tools that are not scopes: the policies of an operator.
//!
//! Enters: who asks, for what, and with which arguments. Leaves: a verdict, and what led to it for whoever
//! wants to know. Never: I/O, time or state; the words of an engine.

use std::fmt;

use serde::Serialize;

use crate::{Plan, Principal};

/// The most policies that one explanation names.
pub const MOST_APPLIED: usize = 32;

/// What rules are asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// For what.
    pub plan: &'a Plan,
    /// The arguments as sent; `None`: not known. Then the question is whether there could be arguments
    /// that are allowed.
    pub arguments: Option<&'a [u8]>,
}

/// What rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is allowed.
    Allow,
    /// It is not.
    Deny,
    /// A rule cannot be judged, and so it is not allowed.
    Failed,
}

/// What a policy that applied says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It permits.
    Permit,
    /// It forbids.
    Forbid,
    /// It cannot be judged.
    Failed,
}

/// A policy that applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Its id.
    pub id: String,
    /// What it says.
    pub effect: Effect,
    /// Where it stands, or why it cannot be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Policies.
pub trait Rules: Send + Sync + fmt::Debug {
    /// Judges. Whoever wants to know which policies applied hands over a list: the verdict is the same.
    fn judge(&self, asked: &Asked<'_>, applied: Option<&mut Vec<Applied>>) -> Verdict;
}

// === impl Verdict ===

impl Verdict {
    /// Whether it is allowed.
    #[must_use]
    pub fn allows(self) -> bool {
        self == Self::Allow
    }
}
