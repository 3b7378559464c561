//! The families, in groups.
//!
//! Enters: nothing. Leaves: one constant a family, and lists of all. Never: a family without a
//! recorder; a test of the telemetry crate compares the two.

use crate::{Metric, Published};

/// Declares constants and, from the same lines, the list of them.
macro_rules! families {
    ($($(#[$doc:meta])* $name:ident = $metric:expr;)*) => {
        $($(#[$doc])* pub const $name: $crate::Metric = $metric;)*

        /// Every family of the group, in order.
        pub const FAMILIES: &[$crate::Metric] = &[$($name,)*];
    };
}

pub mod access;
pub mod agent;
pub mod audit;
pub mod auth;
pub mod gateway;
pub mod process;
pub mod resilience;
pub mod target;

/// The programs that have families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The gateway.
    Gateway,
    /// The agent beside it.
    Agent,
}

/// Families that are read together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Who has them.
    pub of: &'static [Program],
    /// What they are about.
    pub title: &'static str,
    /// The families.
    pub families: &'static [Metric],
}

const GATEWAY: &[Program] = &[Program::Gateway];
const BOTH: &[Program] = &[Program::Gateway, Program::Agent];

/// Every family that there is, by group.
pub const ALL: &[Group] = &[
    Group { of: GATEWAY, title: "Front door", families: gateway::FAMILIES },
    Group { of: GATEWAY, title: "Authentication and authorization", families: auth::FAMILIES },
    Group { of: GATEWAY, title: "Targets", families: target::FAMILIES },
    Group {
        of: GATEWAY,
        title: "Retries, timeouts, breaker, limits",
        families: resilience::FAMILIES,
    },
    Group { of: &[Program::Agent], title: "The agent", families: agent::FAMILIES },
    Group { of: BOTH, title: "Telemetry about telemetry", families: access::FAMILIES },
    Group { of: GATEWAY, title: "Audit log", families: audit::FAMILIES },
    Group { of: BOTH, title: "Process", families: process::FAMILIES },
];

/// Every family that there is.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    ALL.iter().flat_map(|group| group.families)
}

/// Everything that goes to CloudWatch, with the family that it is made of.
pub fn published() -> impl Iterator<Item = (&'static Metric, &'static Published)> {
    metrics().flat_map(|metric| metric.cloudwatch.iter().map(move |published| (metric, published)))
}

/// Every family that a program has.
pub fn metrics_of(program: Program) -> impl Iterator<Item = &'static Metric> {
    let groups = ALL.iter().filter(move |group| group.of.contains(&program));
    groups.flat_map(|group| group.families)
}

/// Everything that a program sends to CloudWatch, with the family that it is made of.
pub fn published_of(
    program: Program,
) -> impl Iterator<Item = (&'static Metric, &'static Published)> {
    let metrics = metrics_of(program);
    metrics.flat_map(|metric| metric.cloudwatch.iter().map(move |published| (metric, published)))
}
