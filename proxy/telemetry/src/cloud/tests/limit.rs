//! The limits of CloudWatch, and lines within those of its logs.

use std::time::UNIX_EPOCH;

use serde_json::Value;
use toolgate_telemetry_catalog::Dimension;

use crate::cloud::limits::{BYTES, METRICS, fault};
use crate::cloud::{Datum, batches, lines, weight};

fn datum() -> Datum {
    Datum {
        name: "Latency",
        dimensions: vec![(Dimension::Target, "alpha".into())],
        unit: "Milliseconds",
        values: vec![1.5],
        counts: vec![2.0],
        at: UNIX_EPOCH,
    }
}

fn with_value(text: &str) -> Datum {
    Datum { dimensions: vec![(Dimension::Target, text.into())], ..datum() }
}

fn with_numbers(values: &[f64], counts: &[f64]) -> Datum {
    Datum { values: values.to_vec(), counts: counts.to_vec(), ..datum() }
}

#[test]
fn every_limit_is_kept_to_the_last_step() {
    let (long, longer) = ("a".repeat(1024), "a".repeat(1025));
    let (most, more) = (vec![1.0; 150], vec![1.0; 151]);
    let edge = 2_f64.powi(360);
    let fits = [
        datum(),
        with_value(&long),
        with_value(":a b"),
        with_numbers(&most, &most),
        with_numbers(&[edge, -edge, 0.0], &[1.0, 1.0, 1.0]),
        Datum { dimensions: vec![(Dimension::Target, "a".into()); 30], ..datum() },
    ];
    for datum in fits {
        assert_eq!(fault(&datum), None, "{datum:?}");
    }
    let faults = [
        Datum { name: "", ..datum() },
        Datum { name: ":Latency", ..datum() },
        Datum { name: "Laténcy", ..datum() },
        with_value(""),
        with_value("  "),
        with_value("a\nb"),
        with_value("ä"),
        with_value(&longer),
        with_numbers(&[], &[]),
        with_numbers(&[1.0, 2.0], &[1.0]),
        with_numbers(&more, &more),
        with_numbers(&[f64::NAN], &[1.0]),
        with_numbers(&[f64::INFINITY], &[1.0]),
        with_numbers(&[1.0], &[f64::NAN]),
        with_numbers(&[1.0], &[0.0]),
        with_numbers(&[edge * 1.000_001], &[1.0]),
        Datum { dimensions: vec![(Dimension::Target, "a".into()); 31], ..datum() },
    ];
    for datum in faults {
        assert!(fault(&datum).is_some(), "{datum:?}");
    }
}

#[test]
fn batches_are_whole_in_order_and_within_both_limits() {
    let numbered = |n: usize, values: usize| Datum {
        dimensions: vec![(Dimension::Target, n.to_string().into())],
        ..with_numbers(&vec![1.0; values], &vec![1.0; values])
    };
    let small: Vec<Datum> = (0..2_001).map(|n| numbered(n, 1)).collect();
    let sizes: Vec<usize> = batches(small.clone()).iter().map(Vec::len).collect();
    assert_eq!(sizes, [METRICS, METRICS, 1]);
    assert_eq!(batches(small.clone()).concat(), small);
    let large: Vec<Datum> = (0..900).map(|n| numbered(n, 150)).collect();
    let found = batches(large.clone());
    assert_eq!(found.len(), 3);
    for batch in &found {
        assert!(batch.iter().map(weight).sum::<usize>() <= BYTES);
    }
    assert_eq!(found.concat(), large);
    assert!(batches(Vec::new()).is_empty());
}

fn read(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_has_one_set_of_dimensions_and_every_metric_at_its_root() {
    let mut whole = Datum { dimensions: Vec::new(), ..datum() };
    whole.name = "RequestCount";
    whole.unit = "Count";
    whole.counts = vec![1.0];
    let spread = with_numbers(&[1.25, 7.0], &[3.0, 1.0]);
    let found = read(&lines::lines("DevOpsAgent", &[spread, whole]));
    let wanted: Vec<Value> = [
        r#"{"_aws":{"Timestamp":0,"CloudWatchMetrics":[{"Namespace":"DevOpsAgent","Dimensions":[[]],
            "Metrics":[{"Name":"RequestCount","Unit":"Count"}]}]},"RequestCount":1.5}"#,
        r#"{"_aws":{"Timestamp":0,"CloudWatchMetrics":[{"Namespace":"DevOpsAgent","Dimensions":[["Target"]],
            "Metrics":[{"Name":"Latency","Unit":"Milliseconds"}]}]},"Target":"alpha",
            "Latency":{"Values":[1.25,7.0],"Counts":[3.0,1.0]}}"#,
    ]
    .iter()
    .map(|text| serde_json::from_str(text).unwrap())
    .collect();
    assert_eq!(found, wanted);
}

#[test]
fn no_line_has_more_than_a_hundred_metrics_or_too_many_bytes() {
    let name = |n: usize| -> &'static str { format!("Metric{n}").leak() };
    let values: Vec<f64> = (0..100_u32).map(|n| f64::from(n).sqrt() * 1.000_000_1).collect();
    let datums: Vec<Datum> =
        (0..250).map(|n| Datum { name: name(n), ..with_numbers(&values, &values) }).collect();
    let text = lines::lines("DevOpsAgent", &datums);
    let mut seen = 0;
    for (line, value) in text.lines().zip(read(&text)) {
        let metrics = value["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len();
        assert!(metrics <= lines::METRICS && line.len() < lines::BYTES, "{metrics} {}", line.len());
        seen += metrics;
    }
    assert_eq!(seen, 250);
}
