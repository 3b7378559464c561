//! The dashboards of Grafana.
//!
//! Enters: nothing. Leaves: the boards, in the order in which one looks at them. Never: a family
//! that is on no board; a test compares the two.

mod agent;
mod auth;
mod calls;
mod overview;
mod targets;
mod telemetry;

use toolgate_telemetry_catalog::query::{Query, Series, Window};
use toolgate_telemetry_catalog::{Key, Metric};

use crate::{Board, Variable};

/// Outcomes that count against the gateway or what lies behind it.
pub(crate) const SYSTEM: &[&str] = &["gateway", "network", "target"];
/// Those, and tools that said no.
pub(crate) const FAILED: &[&str] = &["gateway", "network", "target", "tool"];

/// As far back as the reader's zoom asks for.
const PANEL: Window = Window::Panel;

/// Every dashboard of Grafana.
#[must_use]
pub fn boards() -> Vec<Board> {
    vec![
        overview::board(),
        calls::board(),
        targets::board(),
        auth::board(),
        agent::board(),
        telemetry::board(),
    ]
}

/// The choice of targets.
const fn target_variable(of: &'static Metric) -> Variable {
    Variable { key: Key::Target, title: "Target", of, several: true }
}

/// Increase a second, by these labels.
fn rate(series: Series, by: &[Key]) -> Query {
    Query::rate(series, PANEL).sum_by(by)
}

/// The sum of a gauge, by these labels.
fn level(series: Series, by: &[Key]) -> Query {
    Query::Latest(series).sum_by(by)
}

/// A quantile of a histogram, by these labels.
fn quantile(q: f64, series: Series, by: &[Key]) -> Query {
    Query::Quantile(q, series.buckets(), by.to_vec(), PANEL)
}

/// The mean of a histogram, by these labels.
fn mean(series: Series, by: &[Key]) -> Query {
    rate(series.clone().total(), by).per(rate(series.count(), by))
}
