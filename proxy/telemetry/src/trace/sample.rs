//! Who decides which calls are recorded, when their callers have not.
//!
//! Enters: what is known of a call when it begins. Leaves: a decision and its source. Never: waits,
//! and never asks for a call that nobody has let in.

use std::fmt::Debug;

use toolgate_call::Method;
use toolgate_telemetry_catalog::{RulesAsked, SampleSource, access as family};

use crate::handles::Counters;
use crate::registry::Registry;

/// What is known of a call when it begins. It borrows: nothing is copied for a call that is not
/// recorded.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The MCP method.
    pub method: Method,
    /// The name that the caller wrote for a tool, prompt or resource; of a tool, it may name its
    /// target (`target___tool`).
    pub name: Option<&'a str>,
    /// The host that the caller wrote; empty when there was none.
    pub host: &'a str,
}

/// A decision at the beginning of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What decided.
    pub by: SampleSource,
    /// Whether the call is recorded.
    pub sampled: bool,
}

/// Decides by rules.
pub trait Sampler: Debug + Send + Sync {
    /// The decision, or `None` when no rule applies. `position` is where the trace lies between 0
    /// and 1: it is in a share of 5 % if it lies below 0.05. Called once a call, so it must neither
    /// wait nor allocate.
    fn decide(&self, call: &Beginning<'_>, position: f64) -> Option<Decided>;
}

/// How often rules were asked for.
#[derive(Debug)]
pub struct Refreshes(Counters<RulesAsked>);

// === impl Refreshes ===

impl Refreshes {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self(Counters::new(registry, &family::RULE_REFRESHES, &[]))
    }

    /// The rules were asked for.
    pub fn asked(&self, how: RulesAsked) {
        self.0.add(how);
    }
}
