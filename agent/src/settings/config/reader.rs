//! Single values.
//!
//! In: values whose kinds were checked. Out: the same, typed. Never: a value of a wrong kind.

use std::time::Duration;

use serde::Deserialize;

use crate::settings::layers::Merged;
use crate::settings::problem::Problem;
use crate::settings::value;

/// Reads values whose kinds were checked.
pub(super) struct Reader<'a> {
    pub(super) merged: &'a Merged,
    pub(super) problems: Vec<Problem>,
}

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn wrong(&mut self, key: &str, says: &str) {
        let from = self.merged.get(key).map(|(_, source)| source.clone());
        let problem = Problem { key: key.to_owned(), from, says: says.to_owned(), help: None };
        self.problems.push(problem);
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.merged.text(key)
    }

    pub(super) fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// A number; its kind was checked, and every key of a number has a default.
    pub(super) fn number<T: std::str::FromStr + Default>(&self, key: &str) -> T {
        self.text(key).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    pub(super) fn time(&self, key: &str) -> Duration {
        self.text(key).and_then(value::time).unwrap_or_default()
    }

    pub(super) fn words(&self, key: &str) -> Vec<String> {
        self.text(key).map(value::words).unwrap_or_default()
    }

    pub(super) fn json<T: for<'de> Deserialize<'de> + Default>(&mut self, key: &str) -> T {
        let text = self.owned(key).unwrap_or_else(|| "null".to_owned());
        serde_json::from_str(&text).unwrap_or_else(|error| {
            self.wrong(key, &error.to_string());
            T::default()
        })
    }
}
