//! Questions that make sense are printed, others are refused.

use super::{CloudMetric, Query, Recording, Series, Window, Wrong};
use crate::{Key, auth, gateway, resilience, target};

const FAILED: &[&str] = &["gateway", "network", "target", "tool"];

fn requests() -> Series {
    Series::of(&gateway::REQUESTS)
}

fn error_share(window: Window) -> Query {
    let bad = Query::increase(requests().any(Key::Outcome, FAILED), window).sum();
    bad.per(Query::increase(requests(), window).sum())
}

#[track_caller]
fn prints(query: &Query, expected: &str) {
    assert_eq!(query.promql().unwrap(), expected);
}

#[track_caller]
fn refused(query: &Query) -> String {
    query.promql().unwrap_err().to_string()
}

#[test]
fn a_rate_by_label() {
    let query = Query::rate(requests().not(Key::Outcome, &["ok"]), Window::minutes(5))
        .sum_by(&[Key::Target, Key::Outcome]);
    prints(&query, "sum by (target, outcome) (rate(toolgate_requests_total{outcome!=\"ok\"}[5m]))");
}

#[test]
fn a_share_with_a_guard() {
    let many = Query::increase(requests(), Window::hours(1)).sum().above(20.0);
    let query = error_share(Window::Panel).above(14.4 * 0.005).and(many);
    prints(
        &query,
        "sum(increase(toolgate_requests_total{outcome=~\"gateway|network|target|tool\"}\
         [$__rate_interval])) / sum(increase(toolgate_requests_total[$__rate_interval])) > 0.072 \
         and sum(increase(toolgate_requests_total[1h])) > 20",
    );
}

#[test]
fn a_quantile_and_a_bound() {
    let slow = Query::quantile(0.95, &gateway::OPERATION_DURATION, Window::minutes(5));
    prints(
        &slow.above(10.0),
        "histogram_quantile(0.95, sum by (le) \
         (rate(mcp_server_operation_duration_seconds_bucket{job=\"toolgate\"}[5m]))) > 10",
    );
    let quick = Series::of(&gateway::OPERATION_DURATION).up_to(10.0);
    prints(
        &Query::rate(quick, Window::days(3)).sum(),
        "sum(rate(mcp_server_operation_duration_seconds_bucket{job=\"toolgate\",le=~\"10|10.0\"}[3d]))",
    );
    let own = Series::of(&gateway::OVERHEAD_DURATION).is(Key::Phase, "total");
    prints(
        &Query::rate(own.clone().up_to(0.000_05), Window::Seconds(90)).sum(),
        "sum(rate(toolgate_overhead_duration_seconds_bucket\
         {phase=\"total\",le=~\"0.00005|5e-05\"}[90s]))",
    );
    prints(
        &Query::rate(own.up_to(0.01), Window::minutes(1)).sum(),
        "sum(rate(toolgate_overhead_duration_seconds_bucket{phase=\"total\",le=\"0.01\"}[1m]))",
    );
}

#[test]
fn ages_states_and_absence() {
    prints(
        &Query::Age(Series::of(&auth::JWKS_LAST_SUCCESS)).above(1200.0),
        "time() - toolgate_jwks_last_success_timestamp_seconds > 1200",
    );
    prints(
        &Query::holds(&resilience::CIRCUIT_STATE, Key::State, "open"),
        "toolgate_circuit_state{state=\"open\"} == 1",
    );
    prints(&Query::Absent(Series::of(&gateway::BUILD_INFO)), "absent(toolgate_build_info)");
    let gone = Query::latest(&target::UP).equals(0.0);
    let open = Query::holds(&resilience::CIRCUIT_STATE, Key::State, "open");
    prints(
        &gone.clone().unless_on(&[Key::Target], open),
        "toolgate_target_up == 0 unless on (target) toolgate_circuit_state{state=\"open\"} == 1",
    );
    let before = Query::increase(requests().ago(Window::days(1)), Window::hours(1)).sum();
    prints(&before, "sum(increase(toolgate_requests_total[1h] offset 1d))");
    prints(
        &gone.max_by(&[Key::Target]).top(5),
        "topk(5, max by (target) (toolgate_target_up == 0))",
    );
}

#[test]
fn brackets_are_where_the_order_would_change() {
    let [a, b, c] = [&gateway::REQUESTS_ACTIVE, &gateway::STREAMS_ACTIVE, &target::UP]
        .map(|metric| Query::latest(metric).sum());
    let (p, q, r) = (
        "sum(toolgate_requests_active)",
        "sum(toolgate_streams_active)",
        "sum(toolgate_target_up)",
    );
    let (x, y, z) = (|| a.clone(), || b.clone(), || c.clone());
    prints(&x().minus(y()).minus(z()), &format!("{p} - {q} - {r}"));
    prints(&x().minus(y().minus(z())), &format!("{p} - ({q} - {r})"));
    prints(&x().minus(y()).per(z()), &format!("({p} - {q}) / {r}"));
    prints(&x().per(y().per(z())), &format!("{p} / ({q} / {r})"));
    prints(&x().or(y()).and(z()), &format!("({p} or {q}) and {r}"));
    prints(&x().or(y().and(z())), &format!("{p} or {q} and {r}"));
    prints(&x().above(1.0).above(2.0), &format!("({p} > 1) > 2"));
    prints(&x().above(1.0).minus(y()), &format!("({p} > 1) - {q}"));
}

#[test]
fn a_recorded_answer_is_asked_by_its_name() {
    let recording =
        Recording { name: "toolgate:bad:ratio_5m".into(), query: error_share(Window::minutes(5)) };
    let query = Query::Recorded(Box::new(recording)).above(0.072);
    prints(&query, "toolgate:bad:ratio_5m > 0.072");
    assert_eq!(query.families(), [&gateway::REQUESTS, &gateway::REQUESTS]);
}

#[test]
fn what_does_not_exist_is_refused() {
    let five = Window::minutes(5);
    let cases = [
        (Query::rate(requests().is(Key::Tool, ""), five), "no label gen_ai_tool_name"),
        (Query::rate(requests().is(Key::Outcome, "bad"), five), "is never \"bad\""),
        (Query::rate(requests().is(Key::Target, "shop"), five), "is never \"shop\""),
        (Query::rate(requests(), five).sum_by(&[Key::Issuer]), "no label issuer"),
        (Query::rate(requests(), five).sum().max_by(&[Key::Target]), "no label target"),
        (Query::rate(Series::of(&target::UP), five), "a rate makes no sense"),
        (Query::latest(&gateway::REQUESTS), "a value makes no sense"),
        (Query::Age(Series::of(&target::UP)), "an age makes no sense"),
        (Query::quantile(1.5, &gateway::OPERATION_DURATION, five), "1.5 is not between"),
        (Query::quantile(0.5, &gateway::REQUESTS, five), "makes no sense"),
        (
            Query::rate(Series::of(&gateway::OPERATION_DURATION).up_to(7.0), five),
            "7 is not a bucket bound",
        ),
        (Query::quantile(0.5, &gateway::OPERATION_DURATION, five).above(7.0), "7 is not a bucket"),
        (Query::Number(1.0).above(0.5), "a comparison makes no sense"),
        (
            Query::rate(requests(), five).sum_by(&[Key::Target]).per(error_share(five)),
            "the labels (target) and () do not match",
        ),
        (error_share(five).and(Query::latest(&target::UP)), "(target, instance) do not match"),
        (error_share(five).and(Query::Number(1.0)), "of a number do not match"),
        (Query::latest(&target::UP).and_on(&[Key::State], error_share(five)), "no label state"),
    ];
    for (query, why) in cases {
        let said = refused(&query);
        assert!(said.contains(why), "{said:?} does not say {why:?}");
    }
}

fn expression(metric: Option<&CloudMetric>) -> &str {
    match metric {
        Some(CloudMetric::Expression(text)) => text,
        other => panic!("not an expression: {other:?}"),
    }
}

#[test]
fn a_share_in_cloudwatch() {
    let many = Query::increase(requests(), Window::minutes(5)).sum().above(20.0);
    let alarm = error_share(Window::minutes(5)).above(0.05).and(many).cloudwatch_alarm(300);
    let alarm = alarm.unwrap();
    let stat = |n: usize| match &alarm.query.metrics[n] {
        CloudMetric::Stat { published, stat, period } => (published.name, &**stat, *period),
        CloudMetric::Expression(text) => panic!("{text}"),
    };
    assert_eq!(stat(0), ("ErrorCount", "Sum", 300));
    assert_eq!(stat(1), ("RequestCount", "Sum", 300));
    assert_eq!(alarm.query.metrics.len(), 3, "the same sum is asked for once");
    assert_eq!(
        expression(alarm.query.metrics.last()),
        "IF(FILL(m2, 0) > 20, IF(FILL(m2, 0) > 0, FILL(m1, 0) / FILL(m2, 0), 0), 0)"
    );
    assert!((alarm.threshold - 0.05).abs() < 1e-9);
}

#[test]
fn a_percentile_in_cloudwatch_is_in_its_unit() {
    let slow = Query::quantile(0.95, &gateway::OPERATION_DURATION, Window::minutes(5));
    let alarm = slow.above(10.0).cloudwatch_alarm(300).unwrap();
    assert!((alarm.threshold - 10_000.0).abs() < 1e-9);
    let [CloudMetric::Stat { published, stat, .. }] = &alarm.query.metrics[..] else {
        panic!("{alarm:?}");
    };
    assert_eq!((published.name, &**stat), ("Latency", "p95"));
}

#[test]
fn a_line_for_each_tool_is_a_search() {
    let calls = Query::increase(Series::of(&gateway::TOOL_CALLS), Window::Panel);
    let query = calls.sum_by(&[Key::Tool]).cloudwatch(300).unwrap();
    assert_eq!(
        expression(query.metrics.last()),
        "SEARCH('{DevOpsAgent,ToolName} MetricName=\"ToolInvocation\"', 'Sum', 300)"
    );
    let types = Series::of(&gateway::OPERATION_DURATION).count().named(Key::ErrorType);
    let rate = Query::rate(types, Window::Panel).sum_by(&[Key::ErrorType]).cloudwatch(60).unwrap();
    assert_eq!(expression(rate.metrics.last()), "m1 / 60");
}

#[test]
fn what_is_not_published_is_refused() {
    let five = Window::minutes(5);
    let by_tool = Query::increase(requests(), five).sum_by(&[Key::Method]);
    assert!(matches!(by_tool.cloudwatch(60), Err(Wrong::NotPublished(..))));
    let only_ok = Query::increase(requests().is(Key::Outcome, "ok"), five).sum();
    assert!(matches!(only_ok.cloudwatch(60), Err(Wrong::NotPublished(..))));
    let part = Query::increase(requests().any(Key::Outcome, &["gateway", "target"]), five).sum();
    assert!(matches!(part.cloudwatch(60), Err(Wrong::NotPublished(..))));
    let yesterday = Query::increase(requests().ago(Window::days(1)), five).sum();
    assert!(matches!(yesterday.cloudwatch(60), Err(Wrong::NotInCloudWatch(_))));
    let refresh = Query::Age(Series::of(&auth::JWKS_LAST_SUCCESS)).above(1.0);
    assert!(refresh.cloudwatch_alarm(60).is_err());
    assert!(error_share(five).cloudwatch_alarm(60).is_err(), "no comparison");
}
