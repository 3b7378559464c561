//! Mode `emf`: the same numbers as lines.

use anyhow::{Context as _, Result};
use toolgate_telemetry_catalog::NAMESPACE;
use toolgate_tests::emf::{self, Metric};
use toolgate_tests::process::Scratch;
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::upstream::Upstream;

use super::{expected, gateway, mix, nothing_else};
use crate::cloudwatch::read::Series;

fn series(metric: &Metric) -> Series {
    let dimensions = metric.dimensions.iter();
    (metric.name.clone(), dimensions.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn sum(metrics: &[Metric], wanted: &Series) -> Option<f64> {
    metrics.iter().filter(|metric| series(metric) == *wanted).map(Metric::sum).reduce(|a, b| a + b)
}

#[tokio::test]
async fn the_lines_of_a_file_have_the_same_sums_and_keep_to_the_format() -> Result<()> {
    let (up, sick) = (Upstream::start("both").await?, Sick::start(Era::Modern).await?);
    let scratch = Scratch::new()?;
    let file = scratch.path().join("metrics.log");
    let cloudwatch = format!("cloudwatch: {{ mode: emf, to: \"file:{}\" }}", file.display());
    let gateway = gateway(&cloudwatch, (&up, &sick)).await?;
    mix(&gateway, &sick).await?;
    let stopped = gateway.stop().await?;
    assert!(stopped.stderr.contains("and the log lines at list price"), "{}", stopped.stderr);
    let metrics = emf::read(&std::fs::read_to_string(&file)?)?;
    assert!(metrics.iter().all(|metric| metric.namespace == NAMESPACE));
    for (wanted, exact) in expected() {
        assert_eq!(sum(&metrics, &wanted), Some(exact), "{wanted:?}");
    }
    nothing_else(&metrics.iter().map(series).collect())?;
    let latency = |metric: &&Metric| metric.name == "Latency" && metric.dimensions.is_empty();
    let calls: f64 = metrics.iter().filter(latency).map(Metric::count).sum();
    assert_eq!(calls, 44.0);
    let logged: f64 = super::logged(&stopped.access_log)?.iter().sum();
    let told = sum(&metrics, &super::series("Latency", &[("Target", "up")])).context("none")?;
    assert!((told / logged - 1.0).abs() < 1e-4, "{told} ms of {logged} ms");
    Ok(())
}

#[tokio::test]
async fn standard_output_takes_lines_under_another_namespace_without_dimensions() -> Result<()> {
    let (up, sick) = (Upstream::start("both").await?, Sick::start(Era::Modern).await?);
    let cloudwatch = "cloudwatch: { mode: emf, namespace: Other/Name, dimensions: [] }";
    let gateway = gateway(cloudwatch, (&up, &sick)).await?;
    mix(&gateway, &sick).await?;
    let stopped = gateway.stop().await?;
    let metrics = emf::read(&stopped.stdout)?;
    assert!(metrics.len() > 8, "{metrics:?}");
    for metric in &metrics {
        assert_eq!((metric.namespace.as_str(), metric.dimensions.len()), ("Other/Name", 0));
    }
    Ok(())
}
