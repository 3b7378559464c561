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
pub mod audit;
pub mod auth;
pub mod gateway;
pub mod process;
pub mod resilience;
pub mod target;

/// Families that are read together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The families.
    pub families: &'static [Metric],
}

/// Every family that there is, by group.
pub const ALL: &[Group] = &[
    Group { title: "Front door", families: gateway::FAMILIES },
    Group { title: "Authentication and authorization", families: auth::FAMILIES },
    Group { title: "Targets", families: target::FAMILIES },
    Group { title: "Retries, timeouts, breaker, limits", families: resilience::FAMILIES },
    Group { title: "Telemetry about telemetry", families: access::FAMILIES },
    Group { title: "Audit log", families: audit::FAMILIES },
    Group { title: "Process", families: process::FAMILIES },
];

/// Every family that there is.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    ALL.iter().flat_map(|group| group.families)
}

/// Everything that goes to CloudWatch, with the family that it is made of.
pub fn published() -> impl Iterator<Item = (&'static Metric, &'static Published)> {
    metrics().flat_map(|metric| metric.cloudwatch.iter().map(move |published| (metric, published)))
}
