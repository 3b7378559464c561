//! The rules of alarms (`PutMetricAlarm`, `PutCompositeAlarm`).
//!
//! Enters: an alarm, and the names of all that are there then. Leaves: faults. Never: fewer than
//! there are.

use super::{Faults, NAME, is_extended, is_id, is_period, is_plain};
use crate::apply::alarm::{Alarm, Line};

/// The longest description, in characters.
const DESCRIPTION: usize = 1024;
/// Actions of one state.
const ACTIONS: usize = 5;
/// Lines of metric math.
const LINES: usize = 20;
/// The longest expression, in characters.
const EXPRESSION: usize = 2048;
/// The longest rule of a composite, in characters, and how many alarms it may name.
const RULE: usize = 10_240;
const PARTS: usize = 100;
/// How far an alarm may look back, seconds.
const DAY: i64 = 86_400;

pub(super) fn check(alarm: &Alarm, names: &[&str], faults: &mut Faults<'_>) {
    let name = &alarm.alarm_name;
    let fits = !name.is_empty() && name.chars().count() <= NAME && !name.contains(char::is_control);
    faults.demand(fits, "a name has 1 to 255 characters, and none that controls");
    let says = alarm.alarm_description.chars().count() <= DESCRIPTION;
    faults.demand(says, "a description has at most 1024 characters");
    for actions in [&alarm.ok_actions, &alarm.alarm_actions, &alarm.insufficient_data_actions] {
        faults.demand(actions.len() <= ACTIONS, "a state has at most 5 actions");
        let arns = actions.iter().all(|action| action.starts_with("arn:"));
        faults.demand(arns, "an action is an ARN");
    }
    match &alarm.alarm_rule {
        Some(rule) => composite(alarm, rule, names, faults),
        None => metric(alarm, faults),
    }
}

fn composite(alarm: &Alarm, rule: &str, names: &[&str], faults: &mut Faults<'_>) {
    let alone = alarm.metric_name.is_none() && alarm.metrics.is_empty();
    faults.demand(alone, "an alarm has a rule or metrics, not both");
    faults.demand(rule.len() <= RULE, "a rule has at most 10240 characters");
    let parts: Vec<_> =
        rule.split("ALARM(\"").skip(1).filter_map(|p| p.split('"').next()).collect();
    faults.demand((1..=PARTS).contains(&parts.len()), "a rule names 1 to 100 alarms");
    for part in parts {
        faults.demand_at(part, names.contains(&part), "a rule names alarms that are there");
    }
}

fn metric(alarm: &Alarm, faults: &mut Faults<'_>) {
    let one = alarm.metric_name.is_some();
    faults.demand(one == alarm.metrics.is_empty(), "exactly one of MetricName and Metrics");
    let both = (alarm.statistic.is_some(), alarm.extended_statistic.is_some());
    if one {
        faults.demand(both.0 != both.1, "exactly one of Statistic and ExtendedStatistic");
        let space = alarm.namespace.as_deref().unwrap_or_default();
        named(space, alarm.metric_name.as_deref().unwrap_or_default(), faults);
        faults.demand(alarm.period.is_some(), "a metric has a Period");
    } else {
        let none = both == (false, false) && alarm.period.is_none();
        faults.demand(none, "with Metrics, statistics and periods belong to the lines");
        lines(&alarm.metrics, faults);
    }
    let plain = alarm.statistic.as_deref().is_none_or(is_plain);
    faults.demand(plain, "Statistic is SampleCount, Average, Sum, Minimum or Maximum");
    let extended = alarm.extended_statistic.as_deref().is_none_or(is_extended);
    faults.demand(extended, "ExtendedStatistic is a percentile such as p95");
    evaluation(alarm, faults);
}

fn evaluation(alarm: &Alarm, faults: &mut Faults<'_>) {
    let times = i64::from(alarm.evaluation_periods.unwrap_or_default());
    faults.demand(times >= 1, "EvaluationPeriods is at least 1");
    let enough = alarm.datapoints_to_alarm.is_none_or(|n| (1..=times).contains(&i64::from(n)));
    faults.demand(enough, "DatapointsToAlarm is from 1 to EvaluationPeriods");
    let stats = alarm.metrics.iter().filter_map(|line| line.metric_stat.as_ref());
    for period in alarm.period.into_iter().chain(stats.map(|stat| stat.period)) {
        let period = i64::from(period);
        faults.demand(is_period(period), "a period is 10, 20, 30 or a multiple of 60 seconds");
        faults.demand(period.saturating_mul(times) <= DAY, "an alarm looks back a day at most");
    }
    let threshold = alarm.threshold.is_some_and(f64::is_finite);
    faults.demand(threshold, "Threshold is a finite number");
    let operator = alarm.comparison_operator.as_deref().is_some_and(is_operator);
    faults.demand(operator, "ComparisonOperator is one of four with a threshold");
    let missing = alarm
        .treat_missing_data
        .as_deref()
        .is_none_or(|word| matches!(word, "breaching" | "notBreaching" | "ignore" | "missing"));
    faults.demand(missing, "TreatMissingData is breaching, notBreaching, ignore or missing");
}

fn lines(lines: &[Line], faults: &mut Faults<'_>) {
    faults.demand(lines.len() <= LINES, "Metrics has at most 20 lines");
    let shown = lines.iter().filter(|line| line.return_data != Some(false)).count();
    faults.demand(shown == 1, "exactly one line has ReturnData");
    for (n, line) in lines.iter().enumerate() {
        let before = lines.iter().take(n).any(|before| before.id == line.id);
        let place = format!("Metrics[{n}]");
        let mut demand = |holds, rule| faults.demand_at(&place, holds, rule);
        demand(is_id(&line.id) && !before, "an id begins with a small letter and is there once");
        let either = line.expression.is_some() != line.metric_stat.is_some();
        demand(either, "exactly one of Expression and MetricStat");
        let short = line.expression.as_ref().is_none_or(|text| text.len() <= EXPRESSION);
        demand(short, "an expression has at most 2048 characters");
        let Some(stat) = &line.metric_stat else { continue };
        demand(is_plain(&stat.stat) || is_extended(&stat.stat), "Stat is a statistic");
        named(&stat.metric.namespace, &stat.metric.metric_name, faults);
    }
}

fn named(namespace: &str, name: &str, faults: &mut Faults<'_>) {
    let fits = |text: &str| !text.is_empty() && text.len() <= NAME && text.is_ascii();
    let colon = namespace.starts_with(':');
    faults
        .demand(fits(namespace) && !colon, "a namespace has 1 to 255 characters, no leading colon");
    faults.demand(fits(name), "a metric's name has 1 to 255 characters");
}

fn is_operator(word: &str) -> bool {
    matches!(
        word,
        "GreaterThanThreshold"
            | "GreaterThanOrEqualToThreshold"
            | "LessThanThreshold"
            | "LessThanOrEqualToThreshold"
    )
}
