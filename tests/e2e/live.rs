//! The dashboards and rules on real numbers: Debian's Prometheus scrapes the real gateway.
//!
//! In: the committed dashboards and rules, and a mix of calls. Out: whether every question has an
//! answer and every rule is computed. No panel is left out.

mod alerting;
mod asked;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use toolgate_tests::collector::Collector;
use toolgate_tests::mix::Mix;
use toolgate_tests::prometheus::{Prometheus, ROOT};
use toolgate_tests::wait::{until, until_within};

use asked::{Asked, CANNOT, NEVER};

/// How long it may take until every kind of call has been made, scraped and computed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every question of every panel, with everything chosen.
fn questions() -> Result<Vec<(String, String)>> {
    let mut questions = Vec::new();
    for entry in fs::read_dir(Path::new(ROOT).join("dashboards/grafana"))? {
        let board: Value = serde_json::from_str(&fs::read_to_string(entry?.path())?)?;
        for panel in board["panels"].as_array().context("no panels")? {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let mut expression = target["expr"].as_str().context("no expr")?.to_owned();
                for variable in ["target", "tool", "issuer", "model"] {
                    expression = expression.replace(&format!("\"${variable}\""), "\".*\"");
                }
                let expression = expression.replace("$__rate_interval", "30s");
                ensure!(!expression.contains('$'), "an unknown variable in {expression}");
                questions.push((format!("{} / {}", board["title"], panel["title"]), expression));
            }
        }
    }
    Ok(questions)
}

/// Prometheus has kept exemplars, and the collector has the trace of each.
async fn exemplars_name_traces(prometheus: &Prometheus, collector: &Collector) -> Result<()> {
    let query = "query=mcp_server_operation_duration_seconds_bucket&start=0&end=9999999999";
    let path = format!("/api/v1/query_exemplars?{query}");
    let named = until("Prometheus has an exemplar", async || {
        let answer = prometheus.get(&path).await?;
        let series = answer["data"].as_array().context("no data")?;
        let all =
            series.iter().flat_map(|series| series["exemplars"].as_array().into_iter().flatten());
        let ids = all.filter_map(|exemplar| exemplar["labels"]["trace_id"].as_str());
        let ids: Vec<String> = ids.map(str::to_owned).collect();
        Ok((!ids.is_empty()).then_some(ids))
    })
    .await?;
    for id in named {
        collector.trace(&id).await?;
    }
    Ok(())
}

/// Of each alert: its name and its question, as Prometheus has read them.
async fn alerts(prometheus: &Prometheus) -> Result<Vec<(String, String)>> {
    let answer = prometheus.get("/api/v1/rules?type=alert").await?;
    let groups = answer["data"]["groups"].as_array().context("no groups")?;
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(rules.map(|rule| (text(&rule["name"]), text(&rule["query"]))).collect())
}

/// What there is to answer: each question of a panel, each alert without its thresholds, and each
/// series that an alert names.
async fn open(prometheus: &Prometheus) -> Result<Vec<(String, String)>> {
    let mut open = questions()?;
    ensure!(open.len() > 90, "{} questions", open.len());
    let alerts = alerts(prometheus).await?;
    ensure!(alerts.len() >= 35, "{} alerts", alerts.len());
    for (name, query) in alerts {
        let asked = Asked::of(&query);
        ensure!(!asked.selectors.is_empty(), "{name} asks for nothing: {query}");
        open.extend(asked.selectors.into_iter().map(|selector| (name.clone(), selector)));
        if CANNOT.iter().all(|(cannot, _)| *cannot != name) {
            open.push((name, asked.without_thresholds));
        }
    }
    Ok(open)
}

#[tokio::test]
async fn every_panel_and_alert_has_an_answer_and_every_rule_is_computed() -> Result<()> {
    let mix = Mix::start().await?;
    let prometheus = Prometheus::start_beside(&mix.gateway, &mix.beside()).await?;
    let mut open = open(&prometheus).await?;
    let all = until_within(PATIENCE, "everything is answered", async || {
        mix.every_kind().await?;
        mix.kill().await?;
        let mut empty = Vec::new();
        for (who, expression) in open.drain(..) {
            if prometheus.series(&expression).await? == 0 {
                empty.push((who, expression));
            }
        }
        open = empty;
        Ok(open.is_empty().then_some(()))
    })
    .await;
    all.with_context(|| format!("empty: {open:#?}"))?;
    exemplars_name_traces(&prometheus, &mix.collector).await?;
    every_rule_is_computed(&prometheus).await?;
    still_cannot(&prometheus).await?;
    everything_happened(&prometheus, &mix).await
}

/// What alerts count has happened: their series are more than zeros that were always there.
async fn everything_happened(prometheus: &Prometheus, mix: &Mix) -> Result<()> {
    let alerts = alerts(prometheus).await?;
    let named = alerts.iter().flat_map(|(_, query)| Asked::of(query).selectors);
    let mut still: Vec<String> = named.filter(|selector| !selector.contains(':')).collect();
    still.sort();
    still.dedup();
    let happened =
        until_within(PATIENCE, "everything that alerts count has happened", async || {
            mix.lose_spans();
            mix.every_kind().await?;
            mix.kill().await?;
            let mut zero = Vec::new();
            for selector in still.drain(..) {
                if prometheus.series(&format!("{selector} > 0")).await? == 0 {
                    zero.push(selector);
                }
            }
            still = zero;
            let left: Vec<&str> = still.iter().map(String::as_str).collect();
            Ok((left == NEVER.map(|(selector, _)| selector)).then_some(()))
        });
    happened.await.with_context(|| format!("still zero: {still:#?}"))
}

async fn every_rule_is_computed(prometheus: &Prometheus) -> Result<()> {
    until("every rule is computed", async || {
        let answer = prometheus.get("/api/v1/rules").await?;
        let groups = answer["data"]["groups"].as_array().context("no groups")?;
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let rules: Vec<_> = rules.collect();
        ensure!(rules.len() > 60, "{} rules", rules.len());
        for rule in &rules {
            ensure!(rule["health"] != "err", "{}: {}", rule["name"], rule["lastError"]);
        }
        Ok(rules.iter().all(|rule| rule["health"] == "ok").then_some(()))
    })
    .await
}

/// The table of alerts that cannot be answered shrinks when one can.
async fn still_cannot(prometheus: &Prometheus) -> Result<()> {
    let alerts = alerts(prometheus).await?;
    for (name, why) in CANNOT {
        let found = alerts.iter().find(|(alert, _)| alert == name);
        let (_, query) = found.with_context(|| format!("{name} is no alert any more"))?;
        let answered = prometheus.series(&Asked::of(query).without_thresholds).await?;
        ensure!(answered == 0, "{name} is answered; take it from the table ({why})");
    }
    Ok(())
}
