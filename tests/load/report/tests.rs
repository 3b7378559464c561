//! How measurements are compared and printed.

use clap::Parser;
use serde_json::Value;

use super::verdict::Stands;
use super::*;
use crate::cli::Cli;

fn row(subject: &'static str, level: u16, p50: u64, cpu_ms: Option<u64>) -> Row {
    let measured = Measured {
        length: Duration::from_secs(1),
        latencies: vec![Duration::from_micros(p50); 1000],
        cpu: cpu_ms.map(Duration::from_millis),
        faults: Faults::default(),
    };
    Row::new(subject, level, vec![measured], &mut Faults::default())
}

fn report(rows: Vec<Row>) -> Report {
    let options = Cli::try_parse_from(["load"]).unwrap().options;
    let mut report = Report::new(&options);
    report.rows = rows;
    report.compare();
    report
}

#[test]
fn the_gateway_is_compared_with_the_relay_at_the_same_level() {
    let report = report(vec![
        row("direct", 1, 100, None),
        row("relay", 1, 200, Some(50)),
        row("toolgate", 1, 240, Some(70)),
        row("toolgate", 16, 240, Some(70)),
    ]);
    let [ratio] = &report.ratios[..] else { panic!("one level has a relay") };
    assert!((ratio.cpu.unwrap() - 1.4).abs() < 1e-9);
    assert!((ratio.p50 - 1.2).abs() < 1e-9);
    assert!((ratio.added_p50.unwrap() - 1.4).abs() < 1e-9);
    let stands: Vec<_> = report.verdicts.iter().map(|verdict| verdict.stands).collect();
    assert_eq!(stands, [Stands::WithinLimit, Stands::Missed]);
}

#[test]
fn a_run_without_a_relay_has_no_ratios() {
    assert!(report(vec![row("toolgate", 1, 240, Some(70))]).ratios.is_empty());
}

#[test]
fn the_gateway_must_be_three_times_as_fast_as_envoy() {
    let met = report(vec![row("envoy", 1, 1, None), row("toolgate", 1, 1, None)]);
    assert_eq!(met.verdicts[0].stands, Stands::Missed);
}

#[test]
fn rounds_are_joined_and_their_faults_are_kept() {
    let mut faulty = Measured { length: Duration::from_secs(1), ..Measured::default() };
    faulty.faults.add(&anyhow::anyhow!("no"));
    let mut faults = Faults::default();
    let row = Row::new("relay", 1, vec![faulty.clone(), faulty], &mut faults);
    assert_eq!((row.rounds.len(), faults.count), (2, 2));
}

#[test]
fn table_and_json_say_the_same() {
    let report = report(vec![row("direct", 1, 100, None), row("relay", 1, 200, Some(50))]);
    let table = table::report(&report);
    let json: Value = serde_json::to_value(&report).unwrap();
    let relay = table.lines().find(|line| line.starts_with("relay")).unwrap();
    let columns: Vec<&str> = relay.split_whitespace().collect();
    assert_eq!(columns, ["relay", "1", "1000", "200", "200", "50.0"]);
    assert_eq!(json["rows"][1]["p50_us"], 200.0);
    assert_eq!(json["wrong_answers"], 0);
}

#[test]
fn counts_agree_only_when_all_of_them_do() {
    let counts =
        |stub| Counts { sent: 3, answered: 3, metrics: 3, access_log: 3, stub, errors: Vec::new() };
    assert!(counts(3).agree());
    assert!(!counts(4).agree());
    assert!(table::counts(&counts(4)).contains("stub                 4  DIFFERS"));
}
