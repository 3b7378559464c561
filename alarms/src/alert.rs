//! What an alert is made of.
//!
//! Enters: a question, for how long it must hold, what it means. Leaves: plain data. Never: YAML.

use std::fmt::{Display, Formatter, Result as Written};

use toolgate_telemetry_catalog::query::{Query, Wrong};
use toolgate_telemetry_catalog::{Key, Slo};

use crate::Scene;

/// What an alert's name begins with.
pub(crate) const PREFIX: &str = "Toolgate";

/// An alert of Prometheus.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its name without the prefix.
    pub id: &'static str,
    /// Who is to look, and when.
    pub severity: Severity,
    /// The objective that it guards.
    pub slo: Option<Slo>,
    /// The question; each series of the answer is an alert.
    pub query: Query,
    /// For how many minutes the answer must be there.
    pub hold: u32,
    /// One sentence; `{target}` stands for the value of that label.
    pub summary: &'static str,
    /// The dashboard to look at first.
    pub board: &'static str,
    /// Numbers by which it fires, and the labels it then has.
    pub firing: (Scene, Vec<(Key, &'static str)>),
    /// Other numbers by which it fires, with the same labels.
    pub also: Vec<Scene>,
    /// Numbers that look alike and by which it does not.
    pub silent: Vec<Scene>,
}

/// Who is to look, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Somebody, now.
    Page,
    /// Somebody, on a working day.
    Ticket,
    /// Nobody; it is noted.
    Info,
}

/// A rule whose question makes no sense.
#[derive(Debug)]
pub struct Unfit {
    /// The rule.
    pub rule: String,
    /// Why.
    pub why: String,
}

// === impl Alert ===

impl Alert {
    /// An alert without numbers to try it with.
    pub(crate) fn new(id: &'static str, severity: Severity, query: Query) -> Self {
        Self {
            id,
            severity,
            slo: None,
            query,
            hold: 0,
            summary: "",
            board: "overview",
            firing: (Scene::new(0), Vec::new()),
            also: Vec::new(),
            silent: Vec::new(),
        }
    }

    /// The name that Prometheus shows.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{PREFIX}{}", self.id)
    }

    /// The path of its runbook, from the root of the repository.
    #[must_use]
    pub fn runbook(&self) -> String {
        format!("alarms/runbooks/{}.md", self.name())
    }

    pub(crate) fn hold(self, minutes: u32) -> Self {
        Self { hold: minutes, ..self }
    }

    pub(crate) fn says(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    pub(crate) fn look_at(self, board: &'static str) -> Self {
        Self { board, ..self }
    }

    pub(crate) fn guards(self, slo: Slo) -> Self {
        Self { slo: Some(slo), ..self }
    }

    pub(crate) fn fires(self, scene: Scene, labels: &[(Key, &'static str)]) -> Self {
        Self { firing: (scene, labels.to_vec()), ..self }
    }

    pub(crate) fn fires_also(mut self, scene: Scene) -> Self {
        self.also.push(scene);
        self
    }

    pub(crate) fn silent(self, scene: Scene) -> Self {
        Self { silent: vec![scene], ..self }
    }

    pub(crate) fn silent_also(mut self, scene: Scene) -> Self {
        self.silent.push(scene);
        self
    }

    pub(crate) fn unfit(&self, why: impl Display) -> Unfit {
        Unfit { rule: self.name(), why: why.to_string() }
    }
}

// === impl Severity ===

impl Severity {
    /// The value of the label `severity`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
            Self::Info => "info",
        }
    }
}

// === impl Unfit ===

impl Unfit {
    pub(crate) fn of(rule: &str, wrong: &Wrong) -> Self {
        Self { rule: rule.to_owned(), why: wrong.to_string() }
    }
}

impl Display for Unfit {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        write!(f, "{}: {}", self.rule, self.why)
    }
}

impl std::error::Error for Unfit {}
