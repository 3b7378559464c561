//! When X-Ray is asked what, under a clock that is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_xray::types::{SamplingRule, SamplingStatisticsDocument, SamplingTargetDocument};
use tokio::time::{Instant, advance};
use toolgate_call::Method;
use toolgate_telemetry::{Beginning, SampleSource, Sampler as _, Telemetry};

use super::{Asked, Rules, Targets, keep, now};
use crate::xray::rules::tests::rule;

/// An X-Ray that notes when it was asked what.
#[derive(Clone, Debug, Default)]
struct Xray(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    began: Option<Instant>,
    /// Seconds at which rules were asked for.
    rules: Vec<u64>,
    /// Seconds at which quotas were asked for, and for how many rules.
    targets: Vec<(u64, usize)>,
    many: usize,
    answers: Targets,
    down: bool,
}

impl Xray {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn at(&self) -> u64 {
        self.began.unwrap().elapsed().as_secs()
    }
}

impl Asked for Xray {
    async fn rules(&self) -> Result<Vec<SamplingRule>, String> {
        let mut state = self.state();
        let at = state.at();
        state.rules.push(at);
        if state.down {
            return Err("down".to_owned());
        }
        let named = |nth| {
            let host = format!("host-{nth}");
            let mut rule = rule(&host, 1, 0.0);
            rule.host = host;
            rule
        };
        Ok((0..state.many).map(named).collect())
    }

    async fn targets(&self, spent: Vec<SamplingStatisticsDocument>) -> Result<Targets, String> {
        let mut state = self.state();
        let at = state.at();
        state.targets.push((at, spent.len()));
        if state.down { Err("down".to_owned()) } else { Ok(state.answers.clone()) }
    }
}

/// A gateway that asks; its calls reach as many rules as there are.
async fn started(xray: &Xray) -> Arc<Rules> {
    xray.state().began = Some(Instant::now());
    let rules = Arc::new(Rules::new("s"));
    let (asked, kept) = (xray.clone(), Arc::clone(&rules));
    let refreshes = Telemetry::for_tests().rule_refreshes();
    tokio::spawn(async move { keep(kept, asked, &refreshes).await });
    pass(0).await;
    rules
}

/// Lets time go by, in steps, so that everyone who waits for a moment gets it.
async fn pass(seconds: u64) {
    for _ in 0..=seconds * 2 {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        if seconds > 0 {
            advance(Duration::from_millis(500)).await;
        }
    }
}

fn call(rules: &Rules, many: usize) -> Vec<SampleSource> {
    let hosts: Vec<String> = (0..many).map(|nth| format!("host-{nth}")).collect();
    let of = |host: &String| {
        rules.decide(&Beginning { method: Method::Ping, name: None, host }, 1.0).unwrap().by
    };
    hosts.iter().map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn rules_are_asked_for_at_the_start_and_every_five_minutes_quotas_only_for_what_was_used() {
    let xray = Xray::default();
    xray.state().many = 1;
    let rules = started(&xray).await;
    assert_eq!(call(&rules, 1), [SampleSource::Rule]);
    pass(305).await;
    assert_eq!(xray.state().rules, [0, 300]);
    assert_eq!(xray.state().targets, [(10, 1)]);
}

#[tokio::test(start_paused = true)]
async fn what_many_rules_have_spent_goes_out_25_at_a_time() {
    let xray = Xray::default();
    xray.state().many = 60;
    let rules = started(&xray).await;
    call(&rules, 60);
    pass(12).await;
    assert_eq!(xray.state().targets, [(10, 25), (10, 25), (10, 10)]);
}

#[tokio::test(start_paused = true)]
async fn x_ray_says_how_often_and_when_rules_have_changed() {
    let xray = Xray::default();
    xray.state().many = 1;
    let rules = started(&xray).await;
    let target = SamplingTargetDocument::builder().rule_name("host-0").fixed_rate(1.0).interval(3);
    let changed = Some(i64::from(now()) - 5000);
    xray.state().answers = Targets { targets: vec![target.build()], changed };
    call(&rules, 1);
    pass(11).await;
    // The rules that are known are younger than that change.
    assert_eq!(xray.state().rules, [0]);
    xray.state().answers.changed = Some(i64::from(now()) + 1);
    call(&rules, 1);
    pass(4).await;
    call(&rules, 1);
    pass(4).await;
    assert_eq!(xray.state().rules, [0, 13]);
    let at: Vec<u64> = xray.state().targets.iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [10, 13, 16]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_statistics_and_old_rules_end_after_an_hour() {
    let xray = Xray::default();
    xray.state().many = 1;
    let rules = started(&xray).await;
    xray.state().down = true;
    call(&rules, 1);
    pass(25).await;
    assert_eq!(xray.state().targets, [(10, 1), (20, 1)]);
    pass(3000).await;
    assert_eq!(call(&rules, 1), [SampleSource::Rule]);
    pass(700).await;
    assert_eq!(call(&rules, 1), [SampleSource::Fallback]);
    xray.state().down = false;
    pass(11).await;
    assert_eq!(call(&rules, 1), [SampleSource::Rule]);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_at_the_start_it_is_asked_again_soon() {
    let xray = Xray::default();
    (xray.state().many, xray.state().down) = (1, true);
    let rules = started(&xray).await;
    assert_eq!(call(&rules, 1), [SampleSource::Fallback]);
    xray.state().down = false;
    pass(11).await;
    assert_eq!(xray.state().rules, [0, 10]);
    assert_eq!(call(&rules, 1), [SampleSource::Rule]);
}
