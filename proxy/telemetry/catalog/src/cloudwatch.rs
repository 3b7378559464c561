//! What of a family goes to CloudWatch, and under which name.
//!
//! Enters: the declarations under `families`. Leaves: plain data: name, unit, which series are
//! added up, and the sets of dimensions. Never: a set that nobody reads, since each series of it is
//! paid for by the month.

use crate::Key;

/// The namespace of every metric that the gateway publishes.
pub const NAMESPACE: &str = "DevOpsAgent";

/// A metric of CloudWatch that is made of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name there.
    pub name: &'static str,
    /// What of the family it shows.
    pub shows: Shows,
    /// Its unit there.
    pub unit: PublishedUnit,
    /// Only series with one of these words under each of these keys; all others are left out.
    pub only: &'static [(Key, &'static [&'static str])],
    /// The sets of dimensions it is published under, each added up over all other labels. A series
    /// with an empty label is left out of the sets that have it.
    pub sets: &'static [&'static [Dimension]],
    /// One sentence for people.
    pub help: &'static str,
}

/// What of a family is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// The increase of a counter, the value of a gauge, the observed values of a histogram.
    Values,
    /// How many observations a histogram made.
    Observations,
}

/// The units of CloudWatch that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublishedUnit {
    /// `Count`.
    Count,
    /// `Milliseconds`; the catalogue's seconds times 1000.
    Milliseconds,
}

/// The dimensions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// The configured target.
    Target,
    /// The tool.
    ToolName,
    /// Why calls failed.
    ErrorType,
}

// === impl Published ===

impl Published {
    /// A number of things, added up over everything.
    pub(crate) const fn count(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            shows: Shows::Values,
            unit: PublishedUnit::Count,
            only: &[],
            sets: &[&[]],
            help,
        }
    }

    /// A distribution of durations, over everything.
    pub(crate) const fn milliseconds(name: &'static str, help: &'static str) -> Self {
        Self { unit: PublishedUnit::Milliseconds, ..Self::count(name, help) }
    }

    /// The number of a histogram's observations.
    pub(crate) const fn observations(name: &'static str, help: &'static str) -> Self {
        Self { shows: Shows::Observations, ..Self::count(name, help) }
    }

    /// Only the series with these words.
    pub(crate) const fn only(self, only: &'static [(Key, &'static [&'static str])]) -> Self {
        Self { only, ..self }
    }

    /// Under these sets of dimensions.
    pub(crate) const fn by(self, sets: &'static [&'static [Dimension]]) -> Self {
        Self { sets, ..self }
    }
}

// === impl PublishedUnit ===

impl PublishedUnit {
    /// The word of the CloudWatch API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }

    /// By what a value of the family is multiplied.
    #[must_use]
    pub const fn scale(self) -> f64 {
        match self {
            Self::Count => 1.0,
            Self::Milliseconds => 1000.0,
        }
    }
}

// === impl Dimension ===

impl Dimension {
    /// The dimension's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Target => "Target",
            Self::ToolName => "ToolName",
            Self::ErrorType => "ErrorType",
        }
    }

    /// The label that its values are taken from.
    #[must_use]
    pub const fn key(self) -> Key {
        match self {
            Self::Target => Key::Target,
            Self::ToolName => Key::Tool,
            Self::ErrorType => Key::ErrorType,
        }
    }
}
