//! Rules as Prometheus reads them.
//!
//! Enters: recordings and alerts. Leaves: YAML. Never: a placeholder for a label that the alert
//! does not have.

use toolgate_telemetry_catalog::Key;
use toolgate_telemetry_catalog::query::Shape;

use crate::yaml::{HEAD, quoted};
use crate::{Alert, Unfit, alerts, recordings};

/// The rules of the objectives: what is recorded, and the alerts that read it.
///
/// # Errors
/// The rule whose question makes no sense.
pub fn objective_rules() -> Result<String, Unfit> {
    let mut text = format!("{HEAD}groups:\n");
    for (slo, recordings) in recordings() {
        let name = slo.as_str().replace('_', "-");
        text.push_str(&format!("  - name: toolgate-slo-{name}\n    rules:\n"));
        for recording in recordings {
            let expression = recording.query.promql();
            let expression = expression.map_err(|wrong| Unfit::of(&recording.name, &wrong))?;
            text.push_str(&format!(
                "      - record: {}\n        expr: {}\n",
                recording.name,
                quoted(&expression)
            ));
        }
        for alert in alerts().iter().filter(|alert| alert.slo == Some(slo)) {
            text.push_str(&rule(alert)?);
        }
    }
    Ok(text)
}

/// All other alerts.
///
/// # Errors
/// The rule whose question makes no sense.
pub fn alert_rules() -> Result<String, Unfit> {
    let mut text = format!("{HEAD}groups:\n  - name: toolgate-alerts\n    rules:\n");
    for alert in alerts().iter().filter(|alert| alert.slo.is_none()) {
        text.push_str(&rule(alert)?);
    }
    Ok(text)
}

fn rule(alert: &Alert) -> Result<String, Unfit> {
    let expression = alert.query.promql().map_err(|wrong| alert.unfit(wrong))?;
    let mut text = format!("      - alert: {}\n", alert.name());
    text.push_str(&format!("        expr: {}\n", quoted(&expression)));
    if alert.hold > 0 {
        text.push_str(&format!("        for: {}m\n", alert.hold));
    }
    text.push_str("        labels:\n");
    for (name, value) in alert.labels() {
        text.push_str(&format!("          {name}: {value}\n"));
    }
    text.push_str("        annotations:\n");
    let placeholder = |key: Key| format!("{{{{ $labels.{} }}}}", key.as_str());
    for (name, value) in alert.annotations(placeholder)? {
        text.push_str(&format!("          {name}: {}\n", quoted(&value)));
    }
    Ok(text)
}

// === impl Alert ===

impl Alert {
    /// The labels that every alert of the rule has.
    pub(crate) fn labels(&self) -> Vec<(&'static str, &'static str)> {
        let slo = self.slo.map(|slo| ("slo", slo.as_str()));
        std::iter::once(("severity", self.severity.as_str())).chain(slo).collect()
    }

    /// The annotations; `value` says what stands for the value of a label.
    ///
    /// # Errors
    /// A placeholder for a label that the alert does not have.
    pub(crate) fn annotations(
        &self,
        value: impl Fn(Key) -> String,
    ) -> Result<Vec<(&'static str, String)>, Unfit> {
        let mut summary = self.summary.to_owned();
        for key in self.keys()? {
            summary = summary.replace(&format!("{{{}}}", key.as_str()), &value(key));
        }
        let left = summary.replace("{{", "").replace("}}", "");
        if left.contains('{') {
            return Err(self.unfit(format!("no such label in {summary:?}")));
        }
        Ok(vec![
            ("summary", summary),
            ("runbook", self.runbook()),
            ("dashboard", format!("/d/toolgate-{}", self.board)),
        ])
    }

    /// The labels of the answer.
    ///
    /// # Errors
    /// A question that makes no sense.
    pub(crate) fn keys(&self) -> Result<Vec<Key>, Unfit> {
        match self.query.shape().map_err(|wrong| self.unfit(wrong))? {
            Shape::Scalar => Err(self.unfit("an alert is not a number")),
            Shape::Series { keys, .. } => Ok(keys.into_iter().collect()),
        }
    }

    /// Whether the answer has the labels that the scrape adds.
    pub(crate) fn is_by_instance(&self) -> bool {
        matches!(self.query.shape(), Ok(Shape::Series { scraped: true, .. }))
    }
}
