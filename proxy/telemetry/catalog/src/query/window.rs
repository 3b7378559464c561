//! How far back a question looks.
//!
//! Enters: a length of time. Leaves: its spelling. Never: a clock.

use std::fmt::{Display, Formatter, Result as Written};

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// A part of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// So many seconds.
    Seconds(u32),
    /// As much as the panel's zoom asks for.
    Panel,
}

impl Window {
    /// So many minutes.
    #[must_use]
    pub const fn minutes(count: u32) -> Self {
        Self::Seconds(count * MINUTE)
    }

    /// So many hours.
    #[must_use]
    pub const fn hours(count: u32) -> Self {
        Self::Seconds(count * HOUR)
    }

    /// So many days.
    #[must_use]
    pub const fn days(count: u32) -> Self {
        Self::Seconds(count * DAY)
    }

    /// The length, if the window has one of its own.
    #[must_use]
    pub const fn seconds(self) -> Option<u32> {
        match self {
            Self::Seconds(seconds) => Some(seconds),
            Self::Panel => None,
        }
    }
}

impl Display for Window {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        let Self::Seconds(seconds) = *self else { return f.write_str("$__rate_interval") };
        let units = [(DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm')];
        let unit = units.into_iter().find(|(unit, _)| seconds > 0 && seconds % unit == 0);
        let (unit, letter) = unit.unwrap_or((1, 's'));
        write!(f, "{}{letter}", seconds / unit)
    }
}
