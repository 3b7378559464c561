//! An alarm, of a metric or of other alarms.
//!
//! Enters: the parameters of the API as JSON, or what the account has. Leaves: one form of both,
//! that can be compared and sent. Never: a setting of the account that is passed over: what no alarm
//! of ours has is a difference.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::put_composite_alarm::builders::PutCompositeAlarmFluentBuilder;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, CompositeAlarm, Metric, MetricAlarm, MetricDataQuery, MetricStat, Statistic,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Change;

/// The settings; their names are those of the API.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct Alarm {
    pub(super) alarm_name: String,
    pub(super) alarm_description: String,
    pub(super) actions_enabled: Option<bool>,
    #[serde(rename = "OKActions")]
    pub(super) ok_actions: Vec<String>,
    pub(super) alarm_actions: Vec<String>,
    pub(super) insufficient_data_actions: Vec<String>,
    pub(super) alarm_rule: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) metric_name: Option<String>,
    pub(super) statistic: Option<String>,
    pub(super) extended_statistic: Option<String>,
    pub(super) period: Option<i32>,
    pub(super) evaluation_periods: Option<i32>,
    pub(super) datapoints_to_alarm: Option<i32>,
    pub(super) threshold: Option<f64>,
    pub(super) comparison_operator: Option<String>,
    pub(super) treat_missing_data: Option<String>,
    pub(super) metrics: Vec<Line>,
    /// Names of settings of the account that no alarm of ours has.
    #[serde(skip_deserializing)]
    pub(super) strange: Vec<&'static str>,
}

/// A line of metric math.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) return_data: Option<bool>,
    pub(super) expression: Option<String>,
    pub(super) metric_stat: Option<Stat>,
    #[serde(skip_deserializing)]
    pub(super) strange: Vec<&'static str>,
}

/// A metric that is asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct Stat {
    pub(super) metric: Named,
    pub(super) period: i32,
    pub(super) stat: String,
}

/// A metric without dimensions.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct Named {
    pub(super) namespace: String,
    pub(super) metric_name: String,
}

// === impl Alarm ===

impl Alarm {
    /// # Errors
    /// A parameter that is not known here, or of another type.
    pub(super) fn read(json: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(json)
    }

    /// What has to be done where that is there.
    pub(super) fn change(&self, there: Option<&Self>) -> Change {
        let there = there.map(Self::settled);
        Change::between(&self.alarm_name, there.as_ref(), &self.settled())
    }

    /// With everything said that CloudWatch supposes when it is not, and lists in one order.
    fn settled(&self) -> Value {
        let mut alarm = self.clone();
        alarm.actions_enabled.get_or_insert(true);
        alarm.ok_actions.sort();
        alarm.alarm_actions.sort();
        alarm.metrics.sort_by(|a, b| a.id.cmp(&b.id));
        if alarm.alarm_rule.is_none() {
            alarm.datapoints_to_alarm = alarm.datapoints_to_alarm.or(alarm.evaluation_periods);
            alarm.treat_missing_data.get_or_insert_with(|| "missing".to_owned());
        }
        for line in &mut alarm.metrics {
            line.return_data.get_or_insert(true);
        }
        serde_json::to_value(&alarm).unwrap_or_default()
    }

    /// The request that puts it there.
    pub(super) fn metric(&self, client: &Client) -> PutMetricAlarmFluentBuilder {
        let statistic = self.statistic.as_deref().map(Statistic::from);
        let comparison = self.comparison_operator.as_deref().map(ComparisonOperator::from);
        let metrics: Vec<_> = self.metrics.iter().map(Line::sent).collect();
        client
            .put_metric_alarm()
            .alarm_name(&self.alarm_name)
            .alarm_description(&self.alarm_description)
            .actions_enabled(self.actions_enabled.unwrap_or(true))
            .set_ok_actions(some(self.ok_actions.clone()))
            .set_alarm_actions(some(self.alarm_actions.clone()))
            .set_insufficient_data_actions(some(self.insufficient_data_actions.clone()))
            .set_namespace(self.namespace.clone())
            .set_metric_name(self.metric_name.clone())
            .set_statistic(statistic)
            .set_extended_statistic(self.extended_statistic.clone())
            .set_period(self.period)
            .set_evaluation_periods(self.evaluation_periods)
            .set_datapoints_to_alarm(self.datapoints_to_alarm)
            .set_threshold(self.threshold)
            .set_comparison_operator(comparison)
            .set_treat_missing_data(self.treat_missing_data.clone())
            .set_metrics(some(metrics))
    }

    /// The request that puts a composite there.
    pub(super) fn composite(&self, client: &Client) -> PutCompositeAlarmFluentBuilder {
        client
            .put_composite_alarm()
            .alarm_name(&self.alarm_name)
            .alarm_description(&self.alarm_description)
            .actions_enabled(self.actions_enabled.unwrap_or(true))
            .set_ok_actions(some(self.ok_actions.clone()))
            .set_alarm_actions(some(self.alarm_actions.clone()))
            .set_insufficient_data_actions(some(self.insufficient_data_actions.clone()))
            .set_alarm_rule(self.alarm_rule.clone())
    }
}

impl From<MetricAlarm> for Alarm {
    fn from(there: MetricAlarm) -> Self {
        let low = there.evaluate_low_sample_count_percentile.as_deref();
        let strange = names(&[
            ("Dimensions", !there.dimensions.unwrap_or_default().is_empty()),
            ("Unit", there.unit.is_some()),
            ("ThresholdMetricId", there.threshold_metric_id.is_some()),
            ("EvaluationCriteria", there.evaluation_criteria.is_some()),
            ("EvaluateLowSampleCountPercentile", low.is_some_and(|low| low == "ignore")),
        ]);
        Self {
            alarm_name: there.alarm_name.unwrap_or_default(),
            alarm_description: there.alarm_description.unwrap_or_default(),
            actions_enabled: there.actions_enabled,
            ok_actions: there.ok_actions.unwrap_or_default(),
            alarm_actions: there.alarm_actions.unwrap_or_default(),
            insufficient_data_actions: there.insufficient_data_actions.unwrap_or_default(),
            alarm_rule: None,
            namespace: there.namespace,
            metric_name: there.metric_name,
            statistic: there.statistic.map(|statistic| statistic.as_str().to_owned()),
            extended_statistic: there.extended_statistic,
            period: there.period,
            evaluation_periods: there.evaluation_periods,
            datapoints_to_alarm: there.datapoints_to_alarm,
            threshold: there.threshold,
            comparison_operator: there.comparison_operator.map(|one| one.as_str().to_owned()),
            treat_missing_data: there.treat_missing_data,
            metrics: there.metrics.unwrap_or_default().into_iter().map(Line::from).collect(),
            strange,
        }
    }
}

impl From<CompositeAlarm> for Alarm {
    fn from(there: CompositeAlarm) -> Self {
        Self {
            alarm_name: there.alarm_name.unwrap_or_default(),
            alarm_description: there.alarm_description.unwrap_or_default(),
            actions_enabled: there.actions_enabled,
            ok_actions: there.ok_actions.unwrap_or_default(),
            alarm_actions: there.alarm_actions.unwrap_or_default(),
            insufficient_data_actions: there.insufficient_data_actions.unwrap_or_default(),
            alarm_rule: Some(there.alarm_rule.unwrap_or_default()),
            strange: names(&[("ActionsSuppressor", there.actions_suppressor.is_some())]),
            ..Self::default()
        }
    }
}

// === impl Line ===

impl Line {
    fn sent(&self) -> MetricDataQuery {
        let stat = self.metric_stat.as_ref().map(|stat| {
            let metric = Metric::builder()
                .namespace(&stat.metric.namespace)
                .metric_name(&stat.metric.metric_name)
                .build();
            MetricStat::builder().metric(metric).period(stat.period).stat(&stat.stat).build()
        });
        MetricDataQuery::builder()
            .id(&self.id)
            .set_return_data(self.return_data)
            .set_expression(self.expression.clone())
            .set_metric_stat(stat)
            .build()
    }
}

impl From<MetricDataQuery> for Line {
    fn from(there: MetricDataQuery) -> Self {
        let dimensions = there.metric_stat.as_ref().and_then(|stat| stat.metric.as_ref());
        let dimensions = dimensions.and_then(|metric| metric.dimensions.as_ref());
        let unit = there.metric_stat.as_ref().and_then(|stat| stat.unit.as_ref());
        let strange = names(&[
            ("Dimensions", dimensions.is_some_and(|dimensions| !dimensions.is_empty())),
            ("Unit", unit.is_some()),
            ("Period", there.period.is_some()),
            ("AccountId", there.account_id.is_some()),
        ]);
        let stat = there.metric_stat.map(|stat| {
            let metric = stat.metric.unwrap_or_else(|| Metric::builder().build());
            let (namespace, name) = (metric.namespace, metric.metric_name);
            Stat {
                metric: Named {
                    namespace: namespace.unwrap_or_default(),
                    metric_name: name.unwrap_or_default(),
                },
                period: stat.period.unwrap_or_default(),
                stat: stat.stat.unwrap_or_default(),
            }
        });
        Self {
            id: there.id.unwrap_or_default(),
            return_data: there.return_data,
            expression: there.expression.filter(|text| !text.is_empty()),
            metric_stat: stat,
            strange,
        }
    }
}

/// The names of what is there.
fn names(settings: &[(&'static str, bool)]) -> Vec<&'static str> {
    settings.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect()
}

/// A list, unless it is empty.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
