//! The alarms of CloudWatch, before anybody says where they go.
//!
//! Enters: the rules. Leaves: for each alarm its settings by the names that CloudWatch and
//! CloudFormation share, without name and actions. Never: a second source: the template and what
//! `apply` sends are both made of this.

use serde_json::{Map, Value, json};
use toolgate_telemetry_catalog::NAMESPACE;
use toolgate_telemetry_catalog::query::{CloudAlarm, CloudMetric, Comparison};

use crate::alert::PREFIX;
use crate::cloud_alarms::{CloudPart, CloudRule, Missing};
use crate::{Severity, Unfit, cloud_rules};

/// One alarm.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Its name without the prefix.
    pub(crate) id: String,
    /// Who is told; `None` for a part of a composite, which is silent.
    pub(crate) tells: Option<Severity>,
    /// Its settings.
    pub(crate) settings: Map<String, Value>,
    /// For a composite: it tells when all of any of these are in alarm.
    pub(crate) any: Vec<Vec<String>>,
}

/// Every alarm; composites after their parts.
///
/// # Errors
/// The alarm whose question makes no sense, or that CloudWatch cannot ask.
pub(crate) fn resources() -> Result<Vec<Resource>, Unfit> {
    let mut resources = Vec::new();
    for rule in cloud_rules() {
        add(&rule, &mut resources)?;
    }
    Ok(resources)
}

fn add(rule: &CloudRule, resources: &mut Vec<Resource>) -> Result<(), Unfit> {
    let tells = Some(rule.severity);
    if let [group] = &rule.any[..]
        && let [part] = &group[..]
    {
        let (id, settings) = (rule.id.to_owned(), alarm(rule, rule.id, part)?);
        resources.push(Resource { id, tells, settings, any: Vec::new() });
        return Ok(());
    }
    let mut any = Vec::new();
    for group in &rule.any {
        let mut names = Vec::new();
        for part in group {
            let id = format!("{}Over{}Minutes", rule.id, part.period / 60);
            let settings = alarm(rule, &id, part)?;
            names.push(id.clone());
            resources.push(Resource { id, tells: None, settings, any: Vec::new() });
        }
        any.push(names);
    }
    let mut settings = Map::new();
    settings.insert("AlarmDescription".into(), description(rule));
    resources.push(Resource { id: rule.id.to_owned(), tells, settings, any });
    Ok(())
}

// === impl Resource ===

impl Resource {
    /// The rule of a composite, where `name` says how a part is named.
    pub(crate) fn rule(&self, name: impl Fn(&str) -> String) -> Option<String> {
        let all = |group: &Vec<String>| {
            let parts: Vec<_> = group.iter().map(|id| format!("ALARM({})", name(id))).collect();
            format!("({})", parts.join(" AND "))
        };
        let groups: Vec<_> = self.any.iter().map(all).collect();
        (!groups.is_empty()).then(|| groups.join(" OR "))
    }
}

fn alarm(rule: &CloudRule, id: &str, part: &CloudPart) -> Result<Map<String, Value>, Unfit> {
    let asked = part.query.cloudwatch_alarm(part.period);
    let asked = asked.map_err(|wrong| Unfit::of(id, &wrong))?;
    let mut alarm = Map::new();
    alarm.insert("AlarmDescription".into(), description(rule));
    alarm.insert("ComparisonOperator".into(), json!(operator(id, asked.comparison)?));
    alarm.insert("Threshold".into(), json!(rounded(asked.threshold)));
    alarm.insert("EvaluationPeriods".into(), json!(part.times));
    alarm.insert("DatapointsToAlarm".into(), json!(part.times));
    let missing = match part.missing {
        Missing::Fine => "notBreaching",
        Missing::Alarming => "breaching",
    };
    alarm.insert("TreatMissingData".into(), json!(missing));
    ask(&asked, &mut alarm);
    Ok(alarm)
}

/// One metric is asked for as such, several as metric math.
fn ask(asked: &CloudAlarm, alarm: &mut Map<String, Value>) {
    if let [CloudMetric::Stat { published, stat, period }] = &asked.query.metrics[..] {
        let percentile = stat.starts_with('p');
        let key = if percentile { "ExtendedStatistic" } else { "Statistic" };
        alarm.insert("Namespace".into(), json!(NAMESPACE));
        alarm.insert("MetricName".into(), json!(published.name));
        alarm.insert(key.into(), json!(stat));
        alarm.insert("Period".into(), json!(period));
        return;
    }
    let last = asked.query.metrics.len();
    let metrics = asked.query.metrics.iter().zip(1..).map(|(metric, number)| {
        let (id, shown) = (format!("m{number}"), number == last);
        match metric {
            CloudMetric::Stat { published, stat, period } => json!({
                "Id": id, "ReturnData": shown,
                "MetricStat": {
                    "Metric": {"Namespace": NAMESPACE, "MetricName": published.name},
                    "Period": period, "Stat": stat,
                },
            }),
            CloudMetric::Expression(expression) => json!({
                "Id": id, "ReturnData": shown, "Expression": expression,
            }),
        }
    });
    alarm.insert("Metrics".into(), metrics.collect());
}

fn description(rule: &CloudRule) -> Value {
    json!(format!("{} Runbook: alarms/runbooks/{PREFIX}{}.md", rule.summary, rule.id))
}

fn operator(id: &str, comparison: Comparison) -> Result<&'static str, Unfit> {
    match comparison {
        Comparison::Above => Ok("GreaterThanThreshold"),
        Comparison::Below => Ok("LessThanThreshold"),
        Comparison::Equal => {
            Err(Unfit { rule: id.to_owned(), why: "CloudWatch has no such comparison".to_owned() })
        }
    }
}

/// Without the last digits, which are noise of the arithmetic.
fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}
