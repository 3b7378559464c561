//! Durations and sizes, always with a unit.
//!
//! In: text such as `250ms` or `4MiB`. Out: `Duration` or bytes. It never
//! assumes a unit: a bare number is a mistake.

use std::time::Duration;

use super::text::{FromText, Wrong};

/// Digits taken; more could overflow and mean nothing useful.
const DIGITS: usize = 9;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

// === impl Duration ===

impl FromText for Duration {
    const NAME: &'static str = "Duration";
    const WHAT: &'static str = "a duration";
    const EXAMPLE: &'static str = "30s";
    const PATTERN: &'static str = "^[0-9]{1,9}(ms|s|m|h)$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let (number, unit) = split(text, "s", "units are `ms`, `s`, `m` and `h`")?;
        match unit {
            "ms" => Ok(Self::from_millis(number)),
            "s" => Ok(Self::from_secs(number)),
            "m" => Ok(Self::from_secs(number * 60)),
            "h" => Ok(Self::from_secs(number * 3600)),
            _ => Err(Wrong::form("unknown unit").help("units are `ms`, `s`, `m` and `h`")),
        }
    }
}

// === impl Size ===

impl Size {
    /// The size as a length in memory.
    pub(crate) fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromText for Size {
    const NAME: &'static str = "Size";
    const WHAT: &'static str = "a size";
    const EXAMPLE: &'static str = "4MiB";
    const PATTERN: &'static str = "^[0-9]{1,9}(B|KB|MB|GB|KiB|MiB|GiB)$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        const UNITS: &str =
            "units are `B`, `KB`, `MB`, `GB` (thousands) and `KiB`, `MiB`, `GiB` (1024s)";
        let (number, unit) = split(text, "KiB", UNITS)?;
        let factor = match unit {
            "B" => 1,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(Wrong::form("unknown unit").help(UNITS)),
        };
        Ok(Self(number * factor))
    }
}

/// Splits `250ms` into 250 and `ms`.
fn split<'a>(text: &'a str, likely: &str, units: &str) -> Result<(u64, &'a str), Wrong> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if digits.is_empty() {
        return Err(Wrong::form("does not start with a whole number"));
    }
    if digits.len() > DIGITS {
        return Err(Wrong::form("the number is too long").help("use a larger unit"));
    }
    if unit.is_empty() {
        return Err(Wrong::form("no unit").help(format!("write `{digits}{likely}`; {units}")));
    }
    if unit.starts_with(' ') {
        return Err(Wrong::form("a space between number and unit"));
    }
    if unit.starts_with(['.', '_', ',']) {
        return Err(Wrong::form("not a whole number and a unit")
            .help("use a smaller unit: `1500ms` instead of `1.5s`, `512KiB` instead of `0.5MiB`"));
    }
    let number = digits.parse().map_err(|_| Wrong::form("not a whole number"))?;
    Ok((number, unit))
}
