//! What of a family goes to CloudWatch, and under which name.
//!
//! Enters: the declarations under `families`. Leaves: plain data: name, unit, which series are
//! added up, and the sets of dimensions. Never: a set that nobody reads, since each series of it is
//! paid for by the month.

use crate::Key;
use crate::words::{Word, words};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The configured target.
    Target,
    /// The tool.
    ToolName,
    /// Why calls failed.
    ErrorType,
    /// The kind of tokens.
    TokenType,
}

words! {
    /// What became of the numbers that CloudWatch is sent; the outcome and reason labels are made
    /// of it.
    CloudFate {
        /// Handed over.
        Exported = "ok",
        /// Dropped: too many minutes were waiting, and it was never tried.
        QueueFull = "queue_full",
        /// Dropped: they could not be written.
        Io = "io",
        /// Dropped: CloudWatch refused them for good.
        Http4xx = "http_4xx",
        /// Dropped: CloudWatch failed each time.
        Http5xx = "http_5xx",
        /// Dropped: CloudWatch asked to slow down each time.
        Throttled = "throttled",
        /// Dropped: there was no answer in time.
        Timeout = "timeout",
        /// Dropped: it could not be reached, or not with these credentials.
        Connect = "connect",
        /// Dropped: the gateway stopped before they were out.
        Shutdown = "shutdown",
        /// Dropped: CloudWatch does not take such numbers or names; they were not sent.
        Invalid = "invalid",
        /// Skipped: of a tool beyond the configured number of tools.
        ToolLimit = "tool_limit",
    }
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

// === impl CloudFate ===

impl CloudFate {
    /// The outcome label of it.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::ToolLimit => "skipped",
            Self::QueueFull
            | Self::Io
            | Self::Http4xx
            | Self::Http5xx
            | Self::Throttled
            | Self::Timeout
            | Self::Connect
            | Self::Shutdown
            | Self::Invalid => "dropped",
        }
    }
}

// === impl Dimension ===

impl Dimension {
    /// Every dimension.
    pub const ALL: &'static [Self] =
        &[Self::Target, Self::ToolName, Self::ErrorType, Self::TokenType];

    /// The dimension's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Target => "Target",
            Self::ToolName => "ToolName",
            Self::ErrorType => "ErrorType",
            Self::TokenType => "TokenType",
        }
    }

    /// The label that its values are taken from.
    #[must_use]
    pub const fn key(self) -> Key {
        match self {
            Self::Target => Key::Target,
            Self::ToolName => Key::Tool,
            Self::ErrorType => Key::ErrorType,
            Self::TokenType => Key::TokenType,
        }
    }
}
