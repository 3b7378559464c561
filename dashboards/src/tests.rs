//! What must hold of every dashboard, and that the committed files are these.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use toolgate_telemetry_catalog::query::CloudMetric;
use toolgate_telemetry_catalog::{metrics, published};

use crate::{COLUMNS, Panel, Place, View, Widget, boards, cloud_boards, files};

fn panels() -> Vec<Panel> {
    boards().into_iter().flat_map(|board| board.rows).flat_map(|row| row.panels).collect()
}

#[test]
fn the_committed_dashboards_are_the_generated_ones() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let generated = files().unwrap_or_else(|unfit| panic!("{unfit}"));
    if std::env::var_os("TOOLGATE_GEN").is_some() {
        for folder in ["grafana", "cloudwatch"] {
            let _absent = fs::remove_dir_all(here.join(folder));
            fs::create_dir_all(here.join(folder)).unwrap();
        }
        for (path, text) in &generated {
            fs::write(here.join(path), text).unwrap();
        }
    }
    let advice = "is not what the catalogue and the boards say; run \
                  TOOLGATE_GEN=1 cargo nextest run -p toolgate-dashboards";
    for (path, text) in &generated {
        let committed = fs::read_to_string(here.join(path)).unwrap_or_default();
        assert!(committed == *text, "dashboards/{path} {advice}");
    }
    let files = ["grafana", "cloudwatch"].iter().map(|folder| fs::read_dir(here.join(folder)));
    assert_eq!(files.flat_map(Result::unwrap).count(), generated.len(), "a file too many");
}

#[test]
fn every_family_is_on_a_board() {
    let asked: BTreeSet<_> = panels()
        .iter()
        .flat_map(|panel| &panel.asks)
        .flat_map(|ask| ask.query.families())
        .map(|metric| metric.name)
        .collect();
    let missing: Vec<_> = metrics().filter(|metric| !asked.contains(metric.name)).collect();
    assert!(
        missing.is_empty(),
        "on no board: {:?}",
        missing.iter().map(|m| m.name).collect::<Vec<_>>()
    );
}

#[test]
fn every_published_metric_is_on_a_cloudwatch_board() {
    let mut shown = BTreeSet::new();
    for ask in cloud_panels().iter().flat_map(|panel| &panel.asks) {
        for line in ask.query.cloudwatch(300).unwrap().metrics {
            match line {
                CloudMetric::Stat { published, .. } => shown.insert(published.name.to_owned()),
                CloudMetric::Expression(text) => match text.split('"').nth(1) {
                    Some(name) => shown.insert(name.to_owned()),
                    None => false,
                },
            };
        }
    }
    let missing: Vec<_> =
        published().map(|(_, p)| p.name).filter(|n| !shown.contains(*n)).collect();
    assert!(missing.is_empty(), "on no board: {missing:?}");
}

fn cloud_panels() -> Vec<Panel> {
    let widgets = cloud_boards().into_iter().flat_map(|board| board.widgets);
    let panels = widgets.filter_map(|widget| match widget {
        Widget::Metrics(panel) => Some(panel),
        Widget::Log(_) => None,
    });
    panels.collect()
}

#[test]
fn every_panel_says_what_it_shows() {
    for panel in panels().iter().chain(&cloud_panels()) {
        assert!(
            panel.description.ends_with(['.', '?', ';']),
            "{}: {}",
            panel.title,
            panel.description
        );
        assert!(!panel.title.is_empty() && !panel.asks.is_empty(), "{}", panel.title);
        let ascending = panel.thresholds.windows(2).all(|pair| pair[0].0 < pair[1].0);
        assert!(ascending, "{}", panel.title);
        let named = panel
            .asks
            .iter()
            .filter(|ask| ask.name.is_empty())
            .all(|ask| panel.view == View::Number || !ask.labels().unwrap().is_empty());
        assert!(named, "{}: a line without a name", panel.title);
    }
}

#[test]
fn panels_have_ids_of_their_own_and_places_that_do_not_overlap() {
    for board in boards() {
        let json = board.grafana().unwrap();
        let panels = json["panels"].as_array().unwrap();
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{}", board.id);
        let places: Vec<_> =
            panels.iter().map(|panel| place(&panel["gridPos"], "w", "h")).collect();
        apart(board.id, &places);
        for panel in panels.iter().filter(|panel| panel["type"] != "row") {
            let has = |path: &str| {
                panel.pointer(path).and_then(Value::as_str).is_some_and(|s| !s.is_empty())
            };
            assert!(has("/description") && has("/fieldConfig/defaults/unit"), "{panel:#}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
}

#[test]
fn boards_have_addresses_of_their_own_that_grafana_takes() {
    let boards = boards();
    let uids: BTreeSet<_> =
        boards.iter().map(|board| board.grafana().unwrap()["uid"].clone().to_string()).collect();
    assert_eq!(uids.len(), boards.len());
    assert!(uids.iter().all(|uid| uid.len() <= 42), "40 and the quotes");
}

#[test]
fn exemplars_are_asked_for_where_durations_are_shown_and_lead_to_traces() {
    let shown: Vec<_> = panels().into_iter().filter(|panel| panel.exemplars).collect();
    assert!(shown.len() >= 5);
    for board in boards() {
        let json = board.grafana().unwrap();
        for panel in json["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let asks = target["exemplar"] == true;
                let buckets = target["expr"].as_str().unwrap().contains("histogram_quantile");
                let lines = panel["type"] == "timeseries"
                    && panel["fieldConfig"]["defaults"]["unit"] == "s";
                if buckets && lines && board.id != "telemetry" {
                    // What is no call of its own has no span to show.
                    let none = ["Connecting, p95", "Functions, p95", "Wait for the store, p95"];
                    let title = panel["title"].as_str().unwrap();
                    // Of the agent, turns have exemplars; their parts are in the same trace.
                    let part = board.id == "agent" && title != "Duration";
                    assert!(asks || none.contains(&title) || part, "{title}");
                }
                let link = panel["fieldConfig"]["defaults"]["links"][0]["url"].as_str();
                assert_eq!(
                    asks,
                    link.is_some_and(|url| url.contains("${traces}")),
                    "{}",
                    panel["title"]
                );
            }
        }
    }
}

#[test]
fn cloudwatch_widgets_fit_and_name_what_is_published() {
    for board in cloud_boards() {
        let body = board.body(&Place::default()).unwrap();
        let widgets = body["widgets"].as_array().unwrap();
        let places: Vec<_> =
            widgets.iter().map(|widget| place(widget, "width", "height")).collect();
        apart(board.id, &places);
        for widget in widgets {
            if widget["type"] == "text" {
                continue;
            }
            assert!(widget["properties"]["region"].is_string());
            let lines = widget["properties"]["metrics"].as_array();
            let mut ids = BTreeSet::new();
            for line in lines.into_iter().flatten() {
                let options = line.as_array().unwrap().last().unwrap();
                assert!(ids.insert(options["id"].as_str().unwrap().to_owned()), "{widget:#}");
            }
            let visible = lines
                .into_iter()
                .flatten()
                .filter(|line| line.as_array().unwrap().last().unwrap()["visible"] == true);
            assert!(widget["type"] == "log" || visible.count() >= 1);
        }
    }
}

#[test]
fn the_articles_widgets_show_percentiles_and_sums() {
    let boards = cloud_boards();
    let article = boards.iter().find(|board| board.name == "DevOpsAgent-Monitoring").unwrap();
    let text = article.body(&Place::default()).unwrap().to_string();
    assert!(text.contains("\"p95\"") && text.contains("\"Sum\"") && !text.contains("Average"));
    assert!(text.contains("{DevOpsAgent,Target} MetricName=\\\"TargetExecutionTime\\\""));
    assert!(text.contains("SOURCE '/toolgate/access' | fields ts, request_id, trace_id"));
}

#[test]
fn what_is_applied_are_the_committed_boards_under_other_names() {
    let committed = Place::default().dashboards().unwrap();
    let names: Vec<_> = committed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Toolgate", "DevOpsAgent-Monitoring"]);
    for ((name, body), board) in committed.iter().zip(cloud_boards()) {
        let path = format!("cloudwatch/{}.json", board.id);
        let file = files().unwrap().into_iter().find(|(file, _)| *file == path).unwrap().1;
        assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), *body);
        assert!(file.contains(&Place::default().mark(name)), "{name}");
    }
    let staging = Place { prefix: Some("staging".to_owned()), ..Place::default() };
    let (name, body) = staging.dashboards().unwrap().swap_remove(0);
    assert_eq!(name, "staging-Toolgate");
    assert!(body.to_string().contains(&staging.mark(&name)));
    assert!(!body.to_string().contains(&Place::default().mark(&name)), "of another prefix");
}

fn place(of: &Value, width: &str, height: &str) -> [u64; 4] {
    ["x", "y", width, height].map(|key| of[key].as_u64().unwrap())
}

fn apart(board: &str, places: &[[u64; 4]]) {
    for (n, [x, y, width, height]) in places.iter().enumerate() {
        assert!(x + width <= u64::from(COLUMNS) && *width > 0 && *height > 0, "{board}: {n}");
        for [left, top, wide, high] in &places[n + 1..] {
            let beside = x + width <= *left || left + wide <= *x;
            let above = y + height <= *top || top + high <= *y;
            assert!(beside || above, "{board}: {n} overlaps");
        }
    }
}

#[test]
fn panels_side_by_side_have_titles_of_their_own_and_fill_their_lines() {
    for board in boards() {
        for row in &board.rows {
            let titles: BTreeSet<_> = row.panels.iter().map(|panel| panel.title).collect();
            assert_eq!(titles.len(), row.panels.len(), "{} / {}", board.title, row.title);
            let columns: u32 = row.panels.iter().map(|panel| panel.width).sum();
            assert!(columns.is_multiple_of(COLUMNS), "{} / {}: {columns}", board.title, row.title);
        }
    }
}
