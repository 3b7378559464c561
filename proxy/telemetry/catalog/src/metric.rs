//! What is known of one metric family.
//!
//! Enters: the declarations under `families`. Leaves: plain data. Never: a value.

use crate::{Key, Label, Published};

/// A family: everything but its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The full Prometheus name, unit and `_total` suffix included.
    pub name: &'static str,
    /// The OpenTelemetry name, where the semantic conventions have one.
    pub otel: Option<&'static str>,
    /// What kind of number it is.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// The labels, in the order in which values are given.
    pub labels: &'static [Label],
    /// The bounds of a histogram, in `unit`, ascending, without `+Inf`.
    pub buckets: Option<&'static [f64]>,
    /// One sentence for people.
    pub help: &'static str,
    /// What may be built on it.
    pub stability: Stability,
    /// Which objective is measured by it.
    pub slo: Option<Slo>,
    /// What of it goes to CloudWatch.
    pub cloudwatch: &'static [Published],
}

/// The kinds of metric that the gateway exposes. There are no summaries: they cannot be added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only grows; starts from 0 with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution over fixed bounds.
    Histogram,
}

/// Units, in their base size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A count of things.
    One,
    /// Seconds.
    Seconds,
    /// Seconds since the Unix epoch.
    Timestamp,
    /// Bytes.
    Bytes,
    /// A share between 0 and 1.
    Ratio,
    /// US dollars.
    Dollars,
}

/// The objectives that the gateway is held to. `alarms/` says how high each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slo {
    /// Calls that neither the gateway nor the way to the target nor the target made fail.
    Availability,
    /// Calls of tools in which the tool did what it was asked.
    ToolSuccess,
    /// Calls of tools that were answered in time.
    Latency,
    /// Calls that the gateway itself held up for no longer than it should.
    Overhead,
}

/// Whether a family may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stability {
    /// Changes only with a major version.
    Stable,
    /// Follows a convention that is itself still moving, or is new.
    Development,
}

// === impl Metric ===

impl Metric {
    /// A counter of things.
    pub(crate) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Counter, Unit::One, help)
    }

    /// A gauge.
    pub(crate) const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self::new(name, Kind::Gauge, unit, help)
    }

    /// A histogram with its bounds.
    pub(crate) const fn histogram(
        name: &'static str,
        unit: Unit,
        buckets: &'static [f64],
        help: &'static str,
    ) -> Self {
        Self { buckets: Some(buckets), ..Self::new(name, Kind::Histogram, unit, help) }
    }

    /// The same with labels.
    pub(crate) const fn by(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }

    /// The same in another unit.
    pub(crate) const fn in_unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// The same under the name that OpenTelemetry gives it. Those names are still moving.
    pub(crate) const fn otel(self, name: &'static str) -> Self {
        Self { otel: Some(name), stability: Stability::Development, ..self }
    }

    /// The same, as the measure of an objective.
    pub(crate) const fn slo(self, slo: Slo) -> Self {
        Self { slo: Some(slo), ..self }
    }

    /// The same, published to CloudWatch.
    pub(crate) const fn published(self, cloudwatch: &'static [Published]) -> Self {
        Self { cloudwatch, ..self }
    }

    const fn new(name: &'static str, kind: Kind, unit: Unit, help: &'static str) -> Self {
        Self {
            name,
            otel: None,
            kind,
            unit,
            labels: &[],
            buckets: None,
            help,
            stability: Stability::Stable,
            slo: None,
            cloudwatch: &[],
        }
    }

    /// The label of that key, if the family has it.
    #[must_use]
    pub fn label(&self, key: Key) -> Option<&'static Label> {
        self.labels.iter().find(|label| label.key == key)
    }
}

// === impl Kind ===

impl Kind {
    /// The word of the text exposition's `# TYPE` line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

// === impl Unit ===

impl Unit {
    /// The suffix that a name in this unit carries (Prometheus, "Metric and label naming").
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::One => "",
            Self::Seconds => "_seconds",
            Self::Timestamp => "_timestamp_seconds",
            Self::Bytes => "_bytes",
            Self::Ratio => "_ratio",
            Self::Dollars => "_usd",
        }
    }

    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Seconds => "s",
            Self::Timestamp => "s since 1970",
            Self::Bytes => "B",
            Self::Ratio => "0–1",
            Self::Dollars => "US$",
        }
    }
}

// === impl Slo ===

impl Slo {
    /// Every objective.
    pub const ALL: &'static [Self] =
        &[Self::Availability, Self::ToolSuccess, Self::Latency, Self::Overhead];

    /// The word, as rules and pages spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::ToolSuccess => "tool_success",
            Self::Latency => "latency",
            Self::Overhead => "overhead",
        }
    }
}

// === impl Stability ===

impl Stability {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Development => "development",
        }
    }
}
