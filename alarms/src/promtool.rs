//! Tests of the rules, as promtool reads them: each alert fires by one set of numbers and not by
//! another.
//!
//! Enters: alerts with their scenes. Leaves: YAML. Never: an expected label or text that is not
//! derived from the alert itself.

use std::collections::BTreeSet;

use crate::scene::INSTANCE;
use crate::yaml::{HEAD, quoted};
use crate::{Alert, Scene, Unfit, alerts};

/// Scenes longer than this, in minutes, are looked at more rarely.
const LONG: u32 = 300;
/// What the series go on for after the look.
const AFTER: u32 = 5;

/// A file of tests. Each looks at no more rules, and no more often, than its scenes need: promtool
/// computes every rule at every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// The alerts of the objectives.
    Objectives,
    /// Scenes of minutes.
    Minutes,
    /// Scenes of a day.
    Days,
}

/// The tests of a suite.
///
/// # Errors
/// The alert whose scene or question makes no sense.
pub fn tests(suite: Suite) -> Result<String, Unfit> {
    let (interval, rules) = match suite {
        Suite::Objectives => ("10m", "objectives"),
        Suite::Minutes => ("1m", "alerts"),
        Suite::Days => ("5m", "alerts"),
    };
    let mut text = format!(
        "{HEAD}rule_files: [../prometheus/{rules}.yaml]\nevaluation_interval: {interval}\ntests:\n"
    );
    for alert in alerts() {
        let (firing, labels) = &alert.firing;
        let expected = expectation(&alert, labels)?;
        let firing = std::iter::once(firing).chain(&alert.also);
        let silent = alert.silent.iter().map(|scene| (scene, "is silent", ""));
        let firing = firing.map(|scene| (scene, "fires", &*expected));
        for (scene, name, expected) in firing.chain(silent) {
            if Suite::of(&alert, scene) == suite {
                text.push_str(&test(&alert, name, scene, expected)?);
            }
        }
    }
    Ok(text)
}

// === impl Suite ===

impl Suite {
    const fn of(alert: &Alert, scene: &Scene) -> Self {
        if alert.slo.is_some() {
            return Self::Objectives;
        }
        if scene.at > LONG { Self::Days } else { Self::Minutes }
    }
}

fn test(alert: &Alert, name: &str, scene: &Scene, expected: &str) -> Result<String, Unfit> {
    let mut text = format!("  - name: {} {name}\n    interval: 1m\n", alert.name());
    text.push_str("    input_series:\n");
    for sample in &scene.samples {
        let series = sample.series().map_err(|why| alert.unfit(why))?;
        let values = sample.values(scene.at + AFTER);
        text.push_str(&format!(
            "      - series: {}\n        values: {}\n",
            quoted(&series),
            quoted(&values)
        ));
    }
    text.push_str("    alert_rule_test:\n");
    text.push_str(&format!("      - eval_time: {}m\n", scene.at));
    text.push_str(&format!("        alertname: {}\n", alert.name()));
    text.push_str(if expected.is_empty() { "        exp_alerts: []\n" } else { expected });
    Ok(text)
}

fn expectation(
    alert: &Alert,
    labels: &[(toolgate_telemetry_catalog::Key, &str)],
) -> Result<String, Unfit> {
    let (wanted, given): (BTreeSet<_>, BTreeSet<_>) =
        (alert.keys()?.into_iter().collect(), labels.iter().map(|(key, _)| *key).collect());
    if wanted != given {
        return Err(alert.unfit(format!("its alerts have the labels {wanted:?}")));
    }
    let mut text = String::from("        exp_alerts:\n          - exp_labels:\n");
    let mut push = |name: &str, value: &str| {
        text.push_str(&format!("              {name}: {}\n", quoted(value)));
    };
    for (name, value) in alert.labels() {
        push(name, value);
    }
    for (key, value) in labels {
        push(key.as_str(), value);
    }
    if alert.is_by_instance() {
        push("job", "toolgate");
        push("instance", INSTANCE);
    }
    text.push_str("            exp_annotations:\n");
    let value = |key| {
        let found = labels.iter().find(|(known, _)| *known == key);
        found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
    };
    for (name, value) in alert.annotations(value)? {
        text.push_str(&format!("              {name}: {}\n", quoted(&value)));
    }
    Ok(text)
}
