//! What is made of the alerts.
//!
//! Enters: alerts, objectives and alarms. Leaves: every file that is not written by hand, by its
//! path. Never: a file written.

use crate::{Suite, Unfit, alert_rules, objective_rules, promtool_tests, template};

/// Every file that is not written by hand, by its path below the folder of alarms.
///
/// # Errors
/// The alert or alarm whose question makes no sense.
pub fn files() -> Result<Vec<(String, String)>, Unfit> {
    let files = [
        ("prometheus/objectives.yaml", objective_rules()?),
        ("prometheus/alerts.yaml", alert_rules()?),
        ("promtool/objectives.yaml", promtool_tests(Suite::Objectives)?),
        ("promtool/minutes.yaml", promtool_tests(Suite::Minutes)?),
        ("promtool/days.yaml", promtool_tests(Suite::Days)?),
        ("cloudwatch/alarms.json", format!("{:#}\n", template()?)),
    ];
    Ok(files.map(|(path, text)| (path.to_owned(), text)).into())
}
