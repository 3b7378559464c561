//! CloudWatch, asked by AWS's own SDK.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Region};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Datapoint, Dimension, Metric, MetricDataQuery, MetricStat, Statistic,
};
use toolgate_telemetry_catalog::NAMESPACE;
use toolgate_tests::emulator::CREDENTIALS;

/// A metric's name and its dimensions.
pub(crate) type Series = (String, Vec<(String, String)>);

pub(crate) fn series(name: &str, dimensions: &[(&str, &str)]) -> Series {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    (name.to_owned(), dimensions.iter().map(pair).collect())
}

/// Sum and samples of all minutes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Total {
    pub(crate) sum: f64,
    pub(crate) samples: f64,
}

/// Someone who asks.
#[derive(Debug)]
pub(crate) struct Read(Client);

impl Read {
    pub(crate) fn new(url: &str) -> Self {
        let [(_, id), (_, secret), _] = CREDENTIALS;
        let config = aws_sdk_cloudwatch::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(id, secret, None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(url)
            .build();
        Self(Client::from_conf(config))
    }

    /// Each minute of a series: seconds since 1970, sum and samples. CloudWatch takes a question
    /// without dimensions for the series that has none, ministack for all of that name: what the
    /// others have is taken off again.
    pub(crate) async fn minutes(&self, series: &Series) -> Result<Vec<(i64, Total)>> {
        let mut minutes = self.asked(series).await?;
        if series.1.is_empty() {
            let listed = self.listed().await?;
            for other in listed.iter().filter(|(name, d)| *name == series.0 && !d.is_empty()) {
                take_off(&mut minutes, &self.asked(other).await?);
            }
        }
        Ok(minutes)
    }

    async fn asked(&self, series: &Series) -> Result<Vec<(i64, Total)>> {
        let (from, to) = around();
        let answer = self
            .0
            .get_metric_statistics()
            .namespace(NAMESPACE)
            .metric_name(&series.0)
            .set_dimensions(Some(dimensions(series)))
            .start_time(from)
            .end_time(to)
            .period(60)
            .statistics(Statistic::Sum)
            .statistics(Statistic::SampleCount);
        let answer = Box::pin(answer.send()).await.context("GetMetricStatistics")?;
        let point = |point: &Datapoint| {
            let total = Total { sum: point.sum()?, samples: point.sample_count()? };
            Some((point.timestamp()?.secs(), total))
        };
        let mut minutes: Vec<_> = answer.datapoints().iter().filter_map(point).collect();
        minutes.sort_by_key(|(at, _)| *at);
        Ok(minutes)
    }

    /// All minutes of a series; `None` when there are none.
    pub(crate) async fn total(&self, series: &Series) -> Result<Option<Total>> {
        let minutes = self.minutes(series).await?;
        Ok(minutes.into_iter().map(|(_, total)| total).reduce(|all, one| Total {
            sum: all.sum + one.sum,
            samples: all.samples + one.samples,
        }))
    }

    /// A percentile of the last minute that has one.
    pub(crate) async fn percentile(&self, series: &Series, percentile: &str) -> Result<f64> {
        let (from, to) = around();
        let metric = Metric::builder()
            .namespace(NAMESPACE)
            .metric_name(&series.0)
            .set_dimensions(Some(dimensions(series)))
            .build();
        let stat = MetricStat::builder().metric(metric).period(60).stat(percentile).build();
        let query = MetricDataQuery::builder().id("q").metric_stat(stat).build();
        let answer =
            self.0.get_metric_data().metric_data_queries(query).start_time(from).end_time(to);
        let answer = Box::pin(answer.send()).await.context("GetMetricData")?;
        let results = answer.metric_data_results();
        let value = results.first().and_then(|result| result.values().first().copied());
        value.with_context(|| format!("no {percentile} of {series:?}"))
    }

    /// Every series there is.
    pub(crate) async fn listed(&self) -> Result<BTreeSet<Series>> {
        let mut listed = BTreeSet::new();
        let mut next = None;
        loop {
            let ask = self.0.list_metrics().set_next_token(next);
            let answer = Box::pin(ask.send()).await.context("ListMetrics")?;
            for metric in answer.metrics() {
                assert_eq!(metric.namespace(), Some(NAMESPACE));
                let pair = |d: &Dimension| Some((d.name()?.to_owned(), d.value()?.to_owned()));
                let name = metric.metric_name().context("a metric without a name")?.to_owned();
                listed.insert((name, metric.dimensions().iter().filter_map(pair).collect()));
            }
            next = answer.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(listed);
            }
        }
    }
}

fn take_off(minutes: &mut [(i64, Total)], others: &[(i64, Total)]) {
    for (at, total) in minutes {
        for (_, less) in others.iter().filter(|(minute, _)| minute == at) {
            total.sum -= less.sum;
            total.samples -= less.samples;
        }
    }
}

fn around() -> (DateTime, DateTime) {
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
    (DateTime::from(now - hour), DateTime::from(now + hour))
}

fn dimensions((_, dimensions): &Series) -> Vec<Dimension> {
    let dimension =
        |(key, value): &(String, String)| Dimension::builder().name(key).value(value).build();
    dimensions.iter().map(dimension).collect()
}
