//! What CloudWatch will charge for, before it does.
//!
//! Enters: what is published, and how many targets and tools there are. Leaves: a number of series
//! and of dollars. Never: a promise: prices are those of one region at one date.

use std::fmt;

use toolgate_call::Reason;
use toolgate_telemetry_catalog::{Dimension, Program, TokenKind, Word as _, published_of};

use super::CloudConfig;

/// Dollars a month for one custom metric, of the first 10,000 (CloudWatch pricing page, us-east-1,
/// 2026). A series is a metric there: a name with one set of dimensions and their values.
const SERIES: f64 = 0.30;
/// Dollars for a thousand requests of `PutMetricData` (the same page).
const THOUSAND_REQUESTS: f64 = 0.01;
/// Minutes of a month of 30 days, and thus requests: all series go into one.
const MINUTES: f64 = 43_200.0;

/// The most that is charged for in a month; series that have no numbers cost nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Series, each at its price for the whole month.
    pub series: usize,
    /// Dollars, requests included.
    pub dollars: f64,
    /// Whether log lines come on top.
    pub lines: bool,
}

// === impl Estimate ===

impl Estimate {
    pub(super) fn new(
        program: Program,
        config: &CloudConfig,
        targets: usize,
        tools: Option<usize>,
    ) -> Self {
        let many = |dimension: &Dimension| match dimension {
            _ if !config.dimensions.contains(dimension) => 0,
            Dimension::Target => targets,
            Dimension::ToolName => tools.unwrap_or(config.tools).min(config.tools),
            Dimension::ErrorType => Reason::ALL.len(),
            Dimension::TokenType => TokenKind::ALL.len(),
        };
        let sets = published_of(program).flat_map(|(_, published)| published.sets);
        let series = sets.map(|set| set.iter().map(many).product::<usize>()).sum();
        let requests = if config.requests { MINUTES / 1000.0 * THOUSAND_REQUESTS } else { 0.0 };
        Self { series, dollars: amount(series) * SERIES + requests, lines: !config.requests }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (series, dollars) = (self.series, self.dollars);
        write!(f, "up to {series} series, up to ${dollars:.2} a month")?;
        f.write_str(if self.lines { " and the log lines" } else { "" })?;
        f.write_str(" at list price (us-east-1, 2026)")
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand series")]
const fn amount(series: usize) -> f64 {
    series as f64
}
