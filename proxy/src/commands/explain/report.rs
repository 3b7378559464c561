//! What is printed.
//!
//! Enters: an explanation, and the way of the call. Leaves: text for people, JSON for programs. Never: a
//! secret.

use std::fmt::Write as _;

use serde::Serialize;
use toolgate_call::{Applied, Asks, Effect, Explanation, Rule};

use super::who::TurnedAway;

/// Where a call goes, with what, and what holds it up.
#[derive(Debug, Serialize)]
pub(super) struct Way {
    pub(super) name: String,
    pub(super) target: String,
    pub(super) to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credential: Option<String>,
    pub(super) limits: Vec<String>,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    allowed: bool,
    way: Way,
    /// Why the caller does not get as far as the rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    turned_away: Option<TurnedAway>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

// === impl Report ===

impl Report {
    pub(super) const fn of(way: Way, explanation: Explanation, notes: Vec<String>) -> Self {
        let allowed = explanation.allowed;
        Self { allowed, way, turned_away: None, explanation: Some(explanation), notes }
    }

    pub(super) const fn turned_away(way: Way, why: TurnedAway) -> Self {
        let turned_away = Some(why);
        Self { allowed: false, way, turned_away, explanation: None, notes: Vec::new() }
    }

    pub(super) const fn allowed(&self) -> bool {
        self.allowed
    }

    pub(super) fn json(&self) -> String {
        // It is made of texts and numbers, which all have a JSON.
        serde_json::to_string(self).map(|json| json + "\n").unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |what: &str, said: &str| {
            // Writing into a text cannot fail.
            let _written = writeln!(text, "{what:<11}{said}");
        };
        line("Call", &format!("{} at {}: {}", self.way.name, self.way.target, self.way.to));
        if let Some(explanation) = &self.explanation {
            line("Caller", &caller(explanation));
            for rule in &explanation.rules {
                line("Rule", &told(rule));
            }
        }
        line("Credential", self.way.credential.as_deref().unwrap_or("none"));
        for limit in &self.way.limits {
            line("Limit", limit);
        }
        for note in &self.notes {
            line("Note", note);
        }
        line("Verdict", &self.verdict());
        text
    }

    fn verdict(&self) -> String {
        if let Some(why) = &self.turned_away {
            return format!("not let in: {why}");
        }
        let refused = self.explanation.as_ref().and_then(|all| all.refused_by.as_deref());
        match refused {
            Some(rule) => format!("refused by {rule}"),
            None => "allowed".to_owned(),
        }
    }
}

fn caller(explanation: &Explanation) -> String {
    let who = &explanation.principal;
    let mut said = format!("{}:{}", who.issuer, who.subject);
    if let Some(client) = &who.client {
        let _written = write!(said, ", client {client}");
    }
    let scopes = if who.scopes.is_empty() { "none".to_owned() } else { who.scopes.join(" ") };
    let _written = write!(said, ", scopes: {scopes}");
    if !who.claims.is_empty() {
        let _written = write!(said, ", claims: {}", who.claims.join(" "));
    }
    said
}

fn told(rule: &Rule) -> String {
    let mark = if rule.allows() { "yes" } else { "NO " };
    let said = match rule {
        Rule::GatewayScopes(asks) => scopes("scopes of the gateway", asks),
        Rule::ServerScopes(asks) => scopes("scopes of the server", asks),
        Rule::ToolScopes(asks) => scopes("scopes of the tool", asks),
        Rule::Policy { applied, .. } if applied.is_empty() => "policies: none applied".to_owned(),
        Rule::Policy { applied, .. } => {
            let all: Vec<String> = applied.iter().map(policy).collect();
            format!("policies: {}", all.join(", "))
        }
        Rule::Quarantine { allowed: true } => "pins: not held back".to_owned(),
        Rule::Quarantine { allowed: false } => "pins: nobody has approved it".to_owned(),
    };
    format!("{mark}  {said}")
}

fn scopes(which: &str, asks: &Asks) -> String {
    let needed = if asks.needed.is_empty() { "none".to_owned() } else { asks.needed.join(" ") };
    if asks.missing.is_empty() {
        format!("{which}: {needed}")
    } else {
        format!("{which}: {needed}; missing: {}", asks.missing.join(" "))
    }
}

fn policy(applied: &Applied) -> String {
    let effect = match applied.effect {
        Effect::Permit => "permits",
        Effect::Forbid => "forbids",
        Effect::Failed => "cannot be judged",
    };
    match &applied.note {
        Some(note) => format!("{} {effect} ({note})", applied.id),
        None => format!("{} {effect}", applied.id),
    }
}
