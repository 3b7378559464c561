//! What CloudWatch would refuse, or worse, take and show nothing.
//!
//! Enters: what is about to be sent. Leaves: every rule that it breaks. Never: a request; emulators
//! take nonsense, so this is what the tests hold on to.

mod alarm;
mod board;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use super::Failed;
use super::alarm::Alarm;

/// The longest name of anything.
const NAME: usize = 255;

/// A rule that would be broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The name of the dashboard or alarm, and the place in it.
    pub of: String,
    /// The rule.
    pub rule: String,
}

/// Collects faults of one name.
struct Faults<'a> {
    of: &'a str,
    found: &'a mut Vec<Fault>,
}

/// # Errors
/// [`Failed::Invalid`] with every rule that is broken.
pub(super) fn check_alarms(alarms: &[Alarm]) -> Result<(), Failed> {
    let mut found = Vec::new();
    let names: Vec<_> = alarms.iter().map(|alarm| alarm.alarm_name.as_str()).collect();
    unique(&names, &mut found);
    for alarm in alarms {
        let mut faults = Faults { of: &alarm.alarm_name, found: &mut found };
        alarm::check(alarm, &names, &mut faults);
    }
    ended(found)
}

/// # Errors
/// [`Failed::Invalid`] with every rule that is broken.
pub(super) fn check_boards(boards: &[(String, Value)]) -> Result<(), Failed> {
    let mut found = Vec::new();
    let names: Vec<_> = boards.iter().map(|(name, _)| name.as_str()).collect();
    unique(&names, &mut found);
    for (name, body) in boards {
        board::check(body, &mut Faults { of: name, found: &mut found });
    }
    ended(found)
}

fn ended(found: Vec<Fault>) -> Result<(), Failed> {
    if found.is_empty() { Ok(()) } else { Err(Failed::Invalid(found)) }
}

fn unique(names: &[&str], found: &mut Vec<Fault>) {
    for (n, name) in names.iter().enumerate() {
        if names.iter().take(n).any(|before| before == name) {
            found.push(Fault::new(name, "the name is there twice"));
        }
    }
}

/// 10, 20, 30 seconds or whole minutes.
fn is_period(seconds: i64) -> bool {
    matches!(seconds, 10 | 20 | 30) || seconds >= 60 && seconds % 60 == 0
}

/// A statistic that is no percentile.
fn is_plain(statistic: &str) -> bool {
    matches!(statistic, "SampleCount" | "Average" | "Sum" | "Minimum" | "Maximum")
}

/// `p95`, `tm99.9` and their like, or `IQM`.
fn is_extended(statistic: &str) -> bool {
    let digits = statistic.find(|c: char| c.is_ascii_digit()).unwrap_or(statistic.len());
    let Some((word, number)) = statistic.split_at_checked(digits) else { return false };
    let share = number.parse().is_ok_and(|share: f64| (0.0..=100.0).contains(&share));
    statistic == "IQM" || matches!(word, "p" | "tm" | "tc" | "ts" | "wm") && share
}

/// `m1`: a small letter, then letters, digits and underscores.
fn is_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.len() <= NAME
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

// === impl Fault ===

impl Fault {
    pub(super) fn new(of: &str, rule: impl Into<String>) -> Self {
        Self { of: of.to_owned(), rule: rule.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.of, self.rule)
    }
}

// === impl Faults ===

impl Faults<'_> {
    /// Demands that a rule holds.
    fn demand(&mut self, holds: bool, rule: &str) {
        self.demand_at("", holds, rule);
    }

    /// The same at a place.
    fn demand_at(&mut self, place: &str, holds: bool, rule: &str) {
        if !holds {
            let space = if place.is_empty() { "" } else { " " };
            self.found.push(Fault::new(&format!("{}{space}{place}", self.of), rule));
        }
    }
}
