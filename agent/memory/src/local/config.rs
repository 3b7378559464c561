//! How a local memory is kept.
//!
//! In: a file, ages, limits. Out: bounds for those who write. Never: a setting's name in a file of
//! settings: whoever puts things together knows those.

use std::path::PathBuf;
use std::time::Duration;

use super::keep::Bounds;
use super::time::length;

/// How a local memory is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file; `None` keeps it in memory, for as long as the process lives.
    pub path: Option<PathBuf>,
    /// How long something is remembered.
    pub retention: Duration,
    /// Events of an actor; the oldest go for new ones.
    pub most_events: u64,
    /// Records of an actor; the superseded go first, then the oldest.
    pub most_records: u64,
    /// Bytes of memory for searching; what was not asked for longest is read again when needed.
    pub search_bytes: usize,
    /// Whether a turn is synced to the disk before it counts as remembered. Without, a power cut
    /// can take the last turns; the end of the process cannot.
    pub sync: bool,
}

// === impl Config ===

impl Default for Config {
    /// In memory; 90 days; 10,000 events and 100,000 records of each actor; 128 MiB for searching;
    /// synced.
    fn default() -> Self {
        Self {
            path: None,
            retention: Duration::from_secs(90 * 86_400),
            most_events: 10_000,
            most_records: 100_000,
            search_bytes: 128 << 20,
            sync: true,
        }
    }
}

impl Config {
    /// What may be kept.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            retention: length(self.retention),
            events: i64::try_from(self.most_events).unwrap_or(i64::MAX),
            records: i64::try_from(self.most_records).unwrap_or(i64::MAX),
        }
    }
}
