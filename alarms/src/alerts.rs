//! Every alert.
//!
//! Enters: the objectives, and what else can go wrong that somebody should know of. Leaves: alerts,
//! each with numbers by which it fires and numbers by which it does not. Never: an alert on
//! something that nobody can act upon; those are panels of a dashboard.

pub(crate) mod agent;
mod auth;
pub(crate) mod calls;
mod gateway;
mod targets;

use toolgate_telemetry_catalog::Key;
use toolgate_telemetry_catalog::query::{Query, Series, Window};

use crate::{Alert, OBJECTIVES, Objective};

/// Calls of tools, as a value of the label `mcp_method_name`.
pub(crate) const TOOLS_CALL: (Key, &str) = (Key::Method, "tools/call");

/// The target that the scenes are about.
const SHOP: (Key, &str) = (Key::Target, "shop");

/// Every alert: those of the objectives first.
#[must_use]
pub fn alerts() -> Vec<Alert> {
    let objectives = OBJECTIVES.iter().flat_map(Objective::alerts);
    objectives
        .chain(calls::alerts())
        .chain(targets::alerts())
        .chain(auth::alerts())
        .chain(gateway::alerts())
        .chain(agent::alerts())
        .collect()
}

/// Increase over some minutes, by these labels.
fn increase(series: Series, minutes: u32, by: &[Key]) -> Query {
    Query::increase(series, Window::minutes(minutes)).sum_by(by)
}

/// Increase a second over some minutes, by these labels.
fn rate(series: Series, minutes: u32, by: &[Key]) -> Query {
    Query::rate(series, Window::minutes(minutes)).sum_by(by)
}
