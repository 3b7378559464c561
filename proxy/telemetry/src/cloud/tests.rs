//! From a call to what a sink is handed.

mod limit;
mod minutes;
mod spread;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use toolgate_call::{Outcome, Reason};
use toolgate_telemetry_catalog::{CloudFate, Dimension, Program, published_of};

use super::{CloudConfig, CloudSink, Datum, Putting, Refusal, Retry};
use crate::tests::exercise::{everything, finish_tool, plan, traced};
use crate::{AccessLogTo, Config, Telemetry};

/// What a datum is told apart by.
type Name = (String, Vec<(&'static str, String)>);

/// A sink that keeps what it takes, and refuses as it is told to.
#[derive(Debug, Default)]
struct Kept {
    taken: Mutex<Vec<Vec<Datum>>>,
    answers: Mutex<VecDeque<Option<Refusal>>>,
    always: Mutex<Option<Refusal>>,
    attempts: std::sync::atomic::AtomicUsize,
    stuck: std::sync::atomic::AtomicBool,
}

impl CloudSink for Kept {
    fn put<'a>(&'a self, batch: &'a [Datum]) -> Putting<'a> {
        use std::sync::atomic::Ordering::SeqCst;
        Box::pin(async move {
            self.attempts.fetch_add(1, SeqCst);
            if self.stuck.load(SeqCst) {
                std::future::pending::<()>().await;
            }
            let next = self.answers.lock().unwrap().pop_front();
            let refusal = next.unwrap_or_else(|| self.always.lock().unwrap().clone());
            match refusal {
                Some(refusal) => Err(refusal),
                None => {
                    self.taken.lock().unwrap().push(batch.to_vec());
                    Ok(())
                }
            }
        })
    }
}

impl Kept {
    fn datums(&self) -> Vec<Datum> {
        self.taken.lock().unwrap().iter().flatten().cloned().collect()
    }

    /// The minutes in the order they were taken, as minutes since 1970.
    fn minutes(&self) -> Vec<u64> {
        let mut minutes: Vec<u64> = self.datums().iter().map(|datum| minute(datum.at)).collect();
        minutes.dedup();
        minutes
    }

    fn refuses(&self, fate: CloudFate, again: Retry) {
        *self.always.lock().unwrap() = Some(refused(fate, again));
    }

    fn takes(&self) {
        *self.always.lock().unwrap() = None;
    }
}

fn refused(fate: CloudFate, again: Retry) -> Refusal {
    Refusal { fate, again, detail: "as told".to_owned() }
}

fn minute(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap();
    assert_eq!((since.as_secs() % 60, since.subsec_nanos()), (0, 0), "{at:?} begins no minute");
    since.as_secs() / 60
}

fn all() -> CloudConfig {
    CloudConfig { dimensions: Dimension::ALL.to_vec(), tools: 50, values: 150, requests: true }
}

fn telemetry(cloudwatch: CloudConfig) -> Arc<Telemetry> {
    let config = Config {
        access_log: AccessLogTo::Memory,
        traces: traced(),
        cloudwatch: Some(cloudwatch),
        ..Config::default()
    };
    Telemetry::new(config).unwrap()
}

/// What goes out when the gateway stops.
async fn last(telemetry: &Telemetry) -> Vec<Datum> {
    let sink = Arc::new(Kept::default());
    let publisher = telemetry.publisher(Arc::clone(&sink) as Arc<dyn CloudSink>).unwrap();
    telemetry.close();
    publisher.await;
    sink.datums()
}

fn name(datum: &Datum) -> Name {
    let dimensions = datum.dimensions.iter();
    (datum.name.to_owned(), dimensions.map(|(key, v)| (key.as_str(), v.to_string())).collect())
}

fn names(datums: &[Datum]) -> BTreeMap<Name, f64> {
    let sum = |datum: &Datum| {
        datum.values.iter().zip(&datum.counts).map(|(value, count)| value * count).sum()
    };
    let named: BTreeMap<_, _> = datums.iter().map(|datum| (name(datum), sum(datum))).collect();
    assert_eq!(named.len(), datums.len(), "one series twice in a minute");
    named
}

fn of(name: &str, dimensions: &[(&'static str, &str)]) -> Name {
    (name.to_owned(), dimensions.iter().map(|(key, value)| (*key, (*value).to_owned())).collect())
}

/// The value of an item counter of this signal.
fn items(telemetry: &Telemetry, fate: CloudFate) -> f64 {
    use toolgate_telemetry_catalog::Word as _;
    let (outcome, reason) = (fate.outcome(), fate.word());
    let series = format!(
        "toolgate_telemetry_items_total{{signal=\"cloudwatch\",outcome=\"{outcome}\",reason=\"{reason}\"}}"
    );
    crate::tests::number(&telemetry.render(), &series)
}

#[tokio::test]
async fn everything_that_the_catalogue_publishes_is_published_and_nothing_else() {
    let telemetry = telemetry(all());
    everything(&telemetry);
    let datums = last(&telemetry).await;
    let told: BTreeSet<(String, Vec<&str>)> = datums
        .iter()
        .map(|datum| {
            let keys = datum.dimensions.iter().map(|(key, _)| key.as_str()).collect();
            (datum.name.to_owned(), keys)
        })
        .collect();
    let planned: BTreeSet<(String, Vec<&str>)> = published_of(Program::Gateway)
        .flat_map(|(_, published)| {
            let sets = published.sets.iter();
            sets.map(|set| {
                let keys = set.iter().map(|dimension| dimension.as_str()).collect();
                (published.name.to_owned(), keys)
            })
        })
        .collect();
    assert_eq!(told, planned);
    for datum in &datums {
        assert_eq!(super::limits::fault(datum), None, "{datum:?}");
        let (_, published) =
            published_of(Program::Gateway).find(|(_, p)| p.name == datum.name).unwrap();
        assert_eq!(datum.unit, published.unit.as_str());
    }
}

#[tokio::test]
async fn each_call_is_in_the_sums_of_its_dimensions_and_no_others() {
    let telemetry = telemetry(all());
    for _ in 0..3 {
        finish_tool(&telemetry, &plan("alpha", "echo"), Outcome::OK);
    }
    finish_tool(&telemetry, &plan("alpha", "add"), Outcome::failed(Reason::ToolError, false));
    finish_tool(&telemetry, &plan("beta", "echo"), Outcome::failed(Reason::TimeoutTotal, false));
    let datums = last(&telemetry).await;
    let sums = names(&datums);
    for (wanted, sum) in [
        (of("RequestCount", &[]), 5.0),
        (of("RequestCount", &[("Target", "alpha")]), 4.0),
        (of("RequestCount", &[("Target", "beta")]), 1.0),
        (of("ErrorCount", &[]), 2.0),
        (of("ErrorCount", &[("Target", "alpha")]), 1.0),
        (of("SystemErrors", &[("Target", "beta")]), 1.0),
        (of("UserErrors", &[]), 0.0),
        (of("ToolInvocation", &[("ToolName", "echo")]), 4.0),
        (of("ToolInvocation", &[("ToolName", "add")]), 1.0),
        (of("ToolErrors", &[]), 1.0),
        (of("ErrorByType", &[("ErrorType", "tool_error")]), 1.0),
        (of("ErrorByType", &[("ErrorType", "timeout_total")]), 1.0),
        (of("GatewayUp", &[]), 1.0),
        // Each record of the exercise took a millisecond.
        (of("Latency", &[]), 5.0),
        (of("Latency", &[("Target", "alpha")]), 4.0),
    ] {
        let found = *sums.get(&wanted).unwrap_or_else(|| panic!("no {wanted:?} in {sums:?}"));
        assert!((found - sum).abs() < 1e-9, "{wanted:?} is {found}, not {sum}");
    }
    // Nothing stood still by dimensions.
    assert!(!sums.contains_key(&of("SystemErrors", &[("Target", "alpha")])), "{sums:?}");
    let latency = datums.iter().find(|d| name(d) == of("Latency", &[])).unwrap();
    assert_eq!(latency.counts.iter().sum::<f64>(), 5.0);
}

#[tokio::test]
async fn a_dimension_that_is_not_allowed_takes_its_sets_with_it() {
    let telemetry = telemetry(CloudConfig { dimensions: vec![Dimension::Target], ..all() });
    everything(&telemetry);
    let datums = last(&telemetry).await;
    let used: BTreeSet<&str> = datums
        .iter()
        .flat_map(|datum| datum.dimensions.iter().map(|(key, _)| key.as_str()))
        .collect();
    assert_eq!(used, BTreeSet::from(["Target"]));
    assert!(names(&datums).contains_key(&of("ToolInvocation", &[])));
    assert!(datums.iter().all(|datum| datum.name != "ErrorByType"));
}

#[tokio::test]
async fn only_the_tools_called_most_have_series_and_the_others_are_counted() {
    let telemetry = telemetry(CloudConfig { tools: 2, ..all() });
    for (tool, calls) in [("a", 1), ("b", 5), ("c", 2), ("d", 2)] {
        for _ in 0..calls {
            finish_tool(&telemetry, &plan("alpha", tool), Outcome::OK);
        }
    }
    let sums = names(&last(&telemetry).await);
    let tools: Vec<_> = sums
        .keys()
        .filter(|(_, dimensions)| dimensions.iter().any(|(key, _)| *key == "ToolName"))
        .map(|(_, dimensions)| dimensions[0].1.as_str())
        .collect();
    assert_eq!(tools, ["b", "c"]);
    assert_eq!(sums[&of("ToolInvocation", &[])], 10.0);
    assert_eq!(items(&telemetry, CloudFate::ToolLimit), 2.0);
}

#[tokio::test]
async fn a_name_that_cloudwatch_does_not_take_is_counted_and_spoils_nothing() {
    let telemetry = telemetry(all());
    finish_tool(&telemetry, &plan("alpha", "überall"), Outcome::OK);
    finish_tool(&telemetry, &plan("alpha", "echo"), Outcome::OK);
    let sums = names(&last(&telemetry).await);
    assert_eq!(sums[&of("ToolInvocation", &[])], 2.0);
    assert_eq!(sums[&of("ToolInvocation", &[("ToolName", "echo")])], 1.0);
    assert!(sums.keys().all(|(_, d)| d.iter().all(|(_, value)| value.is_ascii())));
    assert_eq!(items(&telemetry, CloudFate::Invalid), 1.0);
    assert_eq!(
        items(&telemetry, CloudFate::Exported),
        f64::from(u32::try_from(sums.len()).unwrap())
    );
}

#[tokio::test]
async fn gauges_tell_of_each_target_and_are_brought_up_to_date_first() {
    let telemetry = telemetry(all());
    for target in ["alpha", "beta", "gamma"] {
        telemetry.target(target).up(true);
    }
    let beta = telemetry.target("beta");
    telemetry.at_scrape(move || beta.up(false));
    let datums = last(&telemetry).await;
    let up = datums.iter().find(|datum| datum.name == "TargetUp").unwrap();
    assert_eq!((&up.values[..], &up.counts[..]), (&[0.0, 1.0][..], &[1.0, 2.0][..]));
    // The exporter shows the same.
    let text = telemetry.render();
    assert_eq!(crate::tests::number(&text, r#"toolgate_target_up{target="alpha"}"#), 1.0);
    assert_eq!(crate::tests::number(&text, r#"toolgate_target_up{target="beta"}"#), 0.0);
}

#[test]
fn nothing_is_kept_when_cloudwatch_is_off() {
    let telemetry = Telemetry::for_tests();
    everything_but_traces(&telemetry);
    assert!(telemetry.publisher(Arc::new(Kept::default())).is_none());
    assert!(telemetry.cloud_estimate(1, None).is_none());
}

fn everything_but_traces(telemetry: &Telemetry) {
    finish_tool(telemetry, &plan("alpha", "echo"), Outcome::OK);
    telemetry.target("alpha").up(true);
}

#[test]
fn the_estimate_grows_with_what_is_published() {
    let estimate = |config: CloudConfig, tools| telemetry(config).cloud_estimate(3, tools).unwrap();
    let (full, known) = (estimate(all(), None), estimate(all(), Some(7)));
    assert_eq!(full.series - known.series, 43);
    let reasons = Reason::ALL.len();
    let whole = published_of(Program::Gateway)
        .flat_map(|(_, p)| p.sets)
        .filter(|set| set.is_empty())
        .count();
    let by_target = published_of(Program::Gateway)
        .flat_map(|(_, p)| p.sets)
        .filter(|set| **set == [Dimension::Target])
        .count();
    assert_eq!(known.series, whole + by_target * 3 + 7 + reasons);
    let none = estimate(CloudConfig { dimensions: Vec::new(), ..all() }, None);
    assert_eq!(none.series, whole);
    let wanted = f64::from(u32::try_from(whole).unwrap()) * 0.3 + 0.432;
    assert!((none.dollars - wanted).abs() < 1e-9, "{none:?}");
    let dollars = format!("{wanted:.2}");
    assert_eq!(
        none.to_string(),
        format!("up to {whole} series, up to ${dollars} a month at list price (us-east-1, 2026)")
    );
    let lines = estimate(CloudConfig { requests: false, ..all() }, None);
    assert!(lines.to_string().contains("and the log lines"), "{lines}");
    assert!(lines.dollars < full.dollars);
}

/// A clock that follows tokio's, from that many seconds into a minute.
fn clock(into: u64) -> impl Fn() -> SystemTime + Send + 'static {
    let (from, began) =
        (UNIX_EPOCH + Duration::from_secs(1_800_000_000 + into), tokio::time::Instant::now());
    move || from + began.elapsed()
}
