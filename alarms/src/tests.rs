//! What must hold of every alert and alarm, and that the committed files are these.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use toolgate_telemetry_catalog::query::{Query, Series, Window};
use toolgate_telemetry_catalog::{Key, gateway};

use crate::scene::{Scene, Values};
use crate::{Alert, Deployment, OBJECTIVES, Severity, alerts, cloud_rules, files, template};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_committed_rules_are_the_generated_ones() {
    let advice = "is not what the catalogue and the alerts say; run \
                  TOOLGATE_GEN=1 cargo nextest run -p toolgate-alarms";
    for (path, text) in files().unwrap_or_else(|unfit| panic!("{unfit}")) {
        let place = here().join(&path);
        if std::env::var_os("TOOLGATE_GEN").is_some() {
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(&place, &text).unwrap();
        }
        let committed = fs::read_to_string(&place).unwrap_or_default();
        assert!(committed == text, "alarms/{path} {advice}");
    }
}

#[test]
fn every_alert_has_a_name_of_its_own_a_sentence_and_both_scenes() {
    let alerts = alerts();
    let names: BTreeSet<_> = alerts.iter().map(Alert::name).collect();
    assert_eq!(names.len(), alerts.len());
    for alert in &alerts {
        assert!(alert.summary.ends_with('.'), "{}", alert.id);
        assert!(alert.firing.0.at > alert.hold, "{} has no time to fire", alert.id);
        assert!(!alert.silent.is_empty(), "{} is never seen silent", alert.id);
        for scene in &alert.silent {
            assert!(scene.at > alert.hold, "{} has no time to be silent", alert.id);
            assert!(!scene.samples.is_empty(), "{} is silent without numbers", alert.id);
        }
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let wanted: BTreeSet<_> = alerts().iter().map(|alert| format!("{}.md", alert.name())).collect();
    let folder = fs::read_dir(here().join("runbooks")).unwrap();
    let found: BTreeSet<_> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(wanted, found);
    for alert in alerts() {
        let text = fs::read_to_string(here().join("..").join(alert.runbook())).unwrap();
        assert!(text.starts_with(&format!("# {}\n", alert.name())), "{}", alert.id);
        for section in ["## Means", "## Look first", "## Likely causes", "## Do"] {
            assert!(text.contains(&format!("\n{section}\n")), "{}: {section}", alert.id);
        }
        let board = format!("dashboards/grafana/{}.json", alert.board);
        assert!(here().join("..").join(board).exists(), "{}: no such board", alert.id);
    }
}

#[test]
fn alarms_of_cloudwatch_share_their_names_with_alerts() {
    let known: BTreeSet<_> = alerts().iter().map(|alert| alert.id).collect();
    for rule in cloud_rules() {
        assert!(known.contains(rule.id), "{}", rule.id);
        assert!(rule.summary.ends_with('.'), "{}", rule.id);
    }
}

#[test]
fn the_budget_of_an_objective_is_smaller_than_its_thresholds() {
    for objective in OBJECTIVES {
        assert!(objective.good > 0.5 && objective.good < 1.0);
        let most = 14.4 * objective.budget();
        assert!(most < 1.0, "{:?} could never burn that fast", objective.slo);
    }
}

#[test]
fn a_threshold_between_two_buckets_is_refused() {
    let window = Window::minutes(5);
    let between = Query::quantile(0.95, &gateway::OPERATION_DURATION, window).above(45.0);
    assert!(between.promql().is_err());
    let share = Query::rate(Series::of(&gateway::OPERATION_DURATION).up_to(45.0), window).sum();
    assert!(share.promql().is_err());
}

#[test]
fn a_scene_cannot_share_a_mistake_with_its_rule() {
    let series = |labels: &[(Key, &'static str)]| {
        Scene::new(1).with(&gateway::SHED, labels, Values::Steady(1.0)).samples[0].series()
    };
    assert_eq!(
        series(&[(Key::Scope, "target")]).unwrap(),
        "toolgate_shed_total{job=\"toolgate\",instance=\"gateway-1:9464\",scope=\"target\"}"
    );
    assert!(series(&[(Key::Scope, "tarqet")]).is_err());
    assert!(series(&[(Key::Reason, "limit")]).is_err());
    assert!(series(&[]).is_err());
}

#[test]
fn a_placeholder_for_no_label_is_refused() {
    let query = Query::latest(&gateway::REQUESTS_ACTIVE).sum().above(1.0);
    let alert = Alert::new("Odd", Severity::Info, query).says("{target} is busy.");
    assert!(alert.annotations(|_| String::new()).is_err());
}

#[test]
fn the_template_keeps_to_what_cloudwatch_takes() {
    let template = template().unwrap();
    let resources = template["Resources"].as_object().unwrap();
    for (id, resource) in resources {
        let properties = &resource["Properties"];
        if let Some(rule) = properties["AlarmRule"]["Fn::Sub"].as_str() {
            let named: Vec<_> =
                rule.split("${").skip(1).map(|r| r.split('}').next().unwrap()).collect();
            assert!(named.len() > 1 && named.iter().all(|name| resources.contains_key(*name)));
            assert!(rule.len() <= 10_240);
            continue;
        }
        let times = properties["EvaluationPeriods"].as_u64().unwrap();
        let periods = periods(properties);
        assert_eq!(periods.len(), 1, "{id}: one period, please");
        let period = periods.first().unwrap();
        assert!(period.is_multiple_of(60) && period * times <= 86_400, "{id}: {period} s");
        let one = properties["MetricName"].is_string();
        assert_ne!(one, properties["Metrics"].is_array(), "{id}");
        if !one {
            let metrics = properties["Metrics"].as_array().unwrap();
            assert!(metrics.len() <= 20, "{id}");
            let shown = metrics.iter().filter(|metric| metric["ReturnData"] == true);
            assert_eq!(shown.count(), 1, "{id}");
        }
    }
    assert_eq!(resources["HighLatencyP95"]["Properties"]["ExtendedStatistic"], "p95");
    assert_eq!(resources["HighLatencyP95"]["Properties"]["Threshold"], 60_000.0);
    assert_eq!(resources["GatewayAbsent"]["Properties"]["TreatMissingData"], "breaching");
    assert_eq!(
        resources["ErrorRateOver5Minutes"]["Properties"]["TreatMissingData"],
        "notBreaching"
    );
}

fn periods(properties: &Value) -> BTreeSet<u64> {
    let metrics = properties["Metrics"].as_array();
    let stats = metrics.into_iter().flatten().map(|metric| &metric["MetricStat"]["Period"]);
    stats.chain([&properties["Period"]]).filter_map(Value::as_u64).collect()
}

#[test]
fn the_routes_of_the_example_know_every_severity() {
    let routes = fs::read_to_string(here().join("alertmanager/example.yaml")).unwrap();
    for severity in [Severity::Page, Severity::Ticket, Severity::Info] {
        assert!(routes.contains(&format!("severity=\"{}\"", severity.as_str())), "{severity:?}");
    }
    let names: BTreeSet<_> = alerts().iter().map(Alert::name).collect();
    let named = routes.split("alertname=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let named: Vec<_> = named.collect();
    assert!(!named.is_empty() && named.iter().all(|name| names.contains(*name)), "{named:?}");
}

/// What CloudFormation makes of a value of the template; `None` is no value.
fn resolved(value: &Value, to: &Deployment) -> Option<Value> {
    let topic = |name: &str| match name {
        "PageTopicArn" | "HasPageTopic" => to.page_topic.clone(),
        "TicketTopicArn" | "HasTicketTopic" => to.ticket_topic.clone(),
        _ => panic!("{name}"),
    };
    if let Some(text) = value["Fn::Sub"].as_str() {
        let mut made = text.replace("${Prefix}", &to.prefix);
        while let Some((before, rest)) = made.clone().split_once("${") {
            let (id, after) = rest.split_once('}').unwrap();
            made = format!("{before}\"{}-{id}\"{after}", to.prefix);
        }
        return Some(made.into());
    }
    if let Some(choice) = value["Fn::If"].as_array() {
        let told = topic(choice[0].as_str().unwrap()).is_some();
        return resolved(&choice[if told { 1 } else { 2 }], to);
    }
    match value["Ref"].as_str() {
        Some("AWS::NoValue") => None,
        Some(name) => topic(name).map(Value::from),
        None => Some(match value.as_array() {
            Some(all) => all.iter().filter_map(|one| resolved(one, to)).collect(),
            None => value.clone(),
        }),
    }
}

#[test]
fn the_template_and_what_is_applied_are_the_same_alarms() {
    let (page, ticket) = ("arn:aws:sns:us-east-1:1:page", "arn:aws:sns:us-east-1:1:ticket");
    for (prefix, page, ticket) in
        [("Toolgate", None, None), ("a-b", Some(page), None), ("x", Some(page), Some(ticket))]
    {
        let to = Deployment {
            prefix: prefix.to_owned(),
            page_topic: page.map(str::to_owned),
            ticket_topic: ticket.map(str::to_owned),
        };
        let template = template().unwrap();
        let resources = template["Resources"].as_object().unwrap();
        let stack: Vec<Value> = resources
            .values()
            .map(|resource| {
                let settings = resource["Properties"].as_object().unwrap().iter();
                settings.filter_map(|(key, value)| Some((key, resolved(value, &to)?))).collect()
            })
            .collect();
        let mut applied = to.alarms().unwrap();
        for alarm in &mut applied {
            let mark = to.mark(alarm["AlarmName"].as_str().unwrap());
            let says = alarm["AlarmDescription"].as_str().unwrap();
            let says = says.strip_suffix(&format!(" {mark}")).unwrap().to_owned();
            alarm["AlarmDescription"] = says.into();
        }
        assert_eq!(stack, applied);
        assert!(applied.len() > 10);
    }
}
