//! The findings, for people and for scripts.
//!
//! Enters: findings. Leaves: lines with the remedies below, or one JSON document that can be pasted into
//! an issue. Never: colour as the only sign of anything.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::finding::{Finding, State};

/// See the module.
pub(super) struct Report {
    pub(super) file: String,
    pub(super) took: Duration,
    pub(super) findings: Vec<Finding>,
}

// === impl Report ===

impl Report {
    pub(super) fn failed(&self) -> usize {
        self.count(State::Fail)
    }

    pub(super) fn text(&self) -> String {
        let mut out = format!("toolgate doctor: {}\n\n", self.file);
        let area = self.findings.iter().map(|one| one.area.len()).max().unwrap_or(0);
        let name = self.findings.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
        let name = name.min(40);
        for one in &self.findings {
            let state =
                if one.said.state == State::Fail { "FAIL" } else { one.said.state.as_str() };
            // Writing to a String cannot fail.
            let _written = writeln!(
                out,
                "{state:<7} {:<area$}  {:<name$}  {:>8.1} ms  {}",
                one.area,
                one.name,
                ms(one.took),
                one.said.found
            );
            if !one.said.fix.is_empty() {
                let _written = writeln!(out, "        fix: {}", one.said.fix);
            }
        }
        let _written = writeln!(
            out,
            "\n{} ok, {} warnings, {} failed, {} not tried, in {:.0} ms",
            self.count(State::Ok),
            self.count(State::Warn),
            self.failed(),
            self.count(State::Untried),
            ms(self.took)
        );
        out
    }

    pub(super) fn json(&self) -> String {
        let findings: Vec<Value> = self.findings.iter().map(shown).collect();
        let document = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "config": self.file,
            "took_ms": ms(self.took),
            "ok": self.count(State::Ok),
            "warnings": self.count(State::Warn),
            "failed": self.failed(),
            "untried": self.count(State::Untried),
            "checks": findings,
        });
        format!("{document:#}\n")
    }

    fn count(&self, state: State) -> usize {
        self.findings.iter().filter(|one| one.said.state == state).count()
    }
}

fn shown(finding: &Finding) -> Value {
    let said = &finding.said;
    let mut shown = json!({
        "area": finding.area,
        "name": finding.name,
        "state": said.state.as_str(),
        "found": said.found,
        "took_ms": ms(finding.took),
    });
    for (key, text) in [("fix", said.fix.as_str()), ("sent", said.sent)] {
        if let Some(shown) = shown.as_object_mut().filter(|_| !text.is_empty()) {
            shown.insert(key.to_owned(), text.into());
        }
    }
    shown
}

/// Milliseconds to the tenth of one.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}
