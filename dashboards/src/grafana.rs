//! Dashboards as Grafana imports them.
//!
//! Enters: a board. Leaves: JSON of schema version 39, which Grafana 10.4 and later read. Never: a
//! data source by name; the reader chooses those.

use serde_json::{Value, json};
use toolgate_telemetry_catalog::process;
use toolgate_telemetry_catalog::query::{Query, Series, Wrong};

use crate::layout::{Grid, Position};
use crate::{Ask, Board, COLUMNS, Level, Panel, Row, Shown, Unfit, Variable, View};

const SCHEMA: u32 = 39;

impl Board {
    /// The dashboard as Grafana imports it.
    ///
    /// # Errors
    /// The panel whose question makes no sense.
    pub fn grafana(&self) -> Result<Value, Unfit> {
        let mut variables = vec![source("datasource", "Metrics", "prometheus")];
        if self.shows_exemplars() {
            variables.push(source("traces", "Traces", "tempo"));
        }
        let chosen = self.variables.iter().map(|chosen| variable(chosen, &self.variables));
        let chosen = chosen.collect::<Result<Vec<_>, _>>();
        variables.extend(chosen.map_err(|wrong| Unfit { panel: self.id.to_owned(), wrong })?);
        let annotations = starts().map_err(|wrong| Unfit { panel: self.id.to_owned(), wrong })?;
        Ok(json!({
            "uid": format!("toolgate-{}", self.id),
            "title": format!("Toolgate / {}", self.title),
            "description": self.description,
            "tags": ["toolgate", "mcp"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "links": [{
                "title": "Toolgate", "type": "dashboards", "tags": ["toolgate"],
                "asDropdown": true, "includeVars": true, "keepTime": true,
            }],
            "annotations": {"list": [annotations]},
            "templating": {"list": variables},
            "panels": self.panels()?,
        }))
    }

    fn shows_exemplars(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.panels).any(|panel| panel.exemplars)
    }

    fn panels(&self) -> Result<Vec<Value>, Unfit> {
        let mut grid = Grid::default();
        let mut panels: Vec<Value> = Vec::new();
        for row in &self.rows {
            grid.new_line();
            panels.push(heading(row, panels.len() + 1, grid.take(COLUMNS, 1)));
            for panel in &row.panels {
                let place = grid.take(panel.width, panel.height);
                let id = panels.len() + 1;
                panels.push(picture(panel, id, place).map_err(|wrong| panel.unfit(wrong))?);
            }
        }
        Ok(panels)
    }
}

fn heading(row: &Row, id: usize, place: Position) -> Value {
    json!({
        "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [],
        "gridPos": grid(place),
    })
}

fn picture(panel: &Panel, id: usize, place: Position) -> Result<Value, Wrong> {
    let kind = match panel.view {
        View::Lines | View::Stacked => "timeseries",
        View::Number => "stat",
        View::Bars => "bargauge",
    };
    let targets = panel.asks.iter().zip('A'..).map(|(ask, letter)| target(panel, ask, letter));
    Ok(json!({
        "id": id,
        "type": kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": prometheus(),
        "gridPos": grid(place),
        "targets": targets.collect::<Result<Vec<_>, _>>()?,
        "fieldConfig": {"defaults": defaults(panel), "overrides": overrides(panel)},
        "options": options(panel)?,
    }))
}

fn target(panel: &Panel, ask: &Ask, letter: char) -> Result<Value, Wrong> {
    let instant = matches!(panel.view, View::Number | View::Bars);
    let labels = ask.labels()?.into_iter().map(|label| format!("{{{{{label}}}}}"));
    let named = (!ask.name.is_empty()).then(|| ask.name.to_owned());
    let legend = named.into_iter().chain(labels).collect::<Vec<_>>().join(" ");
    Ok(json!({
        "refId": letter.to_string(),
        "datasource": prometheus(),
        "editorMode": "code",
        "expr": ask.query.promql()?,
        "legendFormat": legend,
        "instant": instant,
        "range": !instant,
        "exemplar": panel.exemplars,
    }))
}

fn defaults(panel: &Panel) -> Value {
    let mut defaults = json!({
        "unit": unit(panel.shown),
        "min": 0,
        "color": {"mode": if panel.view == View::Number { "thresholds" } else { "palette-classic" }},
        "thresholds": {"mode": "absolute", "steps": steps(panel)},
    });
    let Some(fields) = defaults.as_object_mut() else { return defaults };
    if matches!(panel.view, View::Lines | View::Stacked) {
        fields.insert("custom".into(), lines(panel));
    } else if panel.shown == Shown::Share {
        fields.insert("max".into(), json!(1));
    }
    if panel.exemplars {
        fields.insert("links".into(), json!([traces_of_the_time()]));
    }
    defaults
}

fn lines(panel: &Panel) -> Value {
    let stacked = panel.view == View::Stacked;
    let mut custom = json!({
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": if stacked { 40 } else { 8 },
        "showPoints": "never",
        "stacking": {"mode": if stacked { "normal" } else { "none" }, "group": "A"},
        "thresholdsStyle": {"mode": if panel.thresholds.is_empty() { "off" } else { "dashed" }},
    });
    if let (Shown::Share, Some(custom)) = (panel.shown, custom.as_object_mut()) {
        custom.insert("axisSoftMax".into(), json!(reaches(panel)));
    }
    custom
}

/// What the axis of a share reaches at least: a little more than the worst limit, so that one in a
/// hundred is seen where one in twenty is bad; without limits, the whole. More is never cut off:
/// two busy processors are two.
fn reaches(panel: &Panel) -> f64 {
    /// Space above the limit.
    const ABOVE: f64 = 1.25;
    let worst = panel.thresholds.last().filter(|(_, level)| *level == Level::Bad);
    worst.map_or(1.0, |(from, _)| (from * ABOVE).min(1.0))
}

fn overrides(panel: &Panel) -> Value {
    if !panel.exemplars {
        return json!([]);
    }
    json!([{
        "matcher": {"id": "byName", "options": "trace_id"},
        "properties": [{"id": "links", "value": [one_trace()]}],
    }])
}

fn traces_of_the_time() -> Value {
    let query = "{ resource.service.name = \"toolgate\" }";
    json!({"title": "Traces of that time", "url": explore(query), "targetBlank": true})
}

fn one_trace() -> Value {
    json!({"title": "This trace", "url": explore("${__value.raw}"), "targetBlank": true})
}

fn explore(query: &str) -> String {
    let left = json!({
        "datasource": "${traces}",
        "queries": [{"refId": "A", "queryType": "traceql", "query": query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    });
    format!("/explore?left={left}")
}

fn options(panel: &Panel) -> Result<Value, Wrong> {
    Ok(match panel.view {
        View::Lines | View::Stacked => json!({
            "legend": legend(panel)?,
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        View::Number => json!({
            "colorMode": "value", "graphMode": "none", "textMode": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
        }),
        View::Bars => json!({
            "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true,
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
        }),
    })
}

/// A list of names; for lines by label, of which there may be dozens that are always zero, a table
/// with the largest first.
fn legend(panel: &Panel) -> Result<Value, Wrong> {
    let labels = panel.asks.iter().map(Ask::labels).collect::<Result<Vec<_>, _>>()?;
    if labels.iter().all(Vec::is_empty) {
        return Ok(json!({"displayMode": "list", "placement": "bottom", "showLegend": true}));
    }
    Ok(json!({
        "displayMode": "table", "placement": "bottom", "showLegend": true,
        "calcs": ["max"], "sortBy": "Max", "sortDesc": true,
    }))
}

fn steps(panel: &Panel) -> Vec<Value> {
    let base = panel.thresholds.first().is_some_and(|(from, _)| from.is_infinite());
    let good = (!base).then(|| json!({"color": color(Level::Good), "value": null}));
    let steps = panel.thresholds.iter().map(|(from, level)| {
        let from = from.is_finite().then_some(from);
        json!({"color": color(*level), "value": from})
    });
    good.into_iter().chain(steps).collect()
}

const fn color(level: Level) -> &'static str {
    match level {
        Level::Good => "green",
        Level::Warning => "orange",
        Level::Bad => "red",
    }
}

const fn unit(shown: Shown) -> &'static str {
    match shown {
        Shown::Count => "short",
        Shown::PerSecond => "ops",
        Shown::Seconds => "s",
        Shown::Bytes => "bytes",
        Shown::BytesPerSecond => "Bps",
        Shown::Share => "percentunit",
        Shown::Cores => "none",
    }
}

fn grid(place: Position) -> Value {
    json!({"x": place.x, "y": place.y, "w": place.width, "h": place.height})
}

fn prometheus() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn source(name: &str, label: &str, kind: &str) -> Value {
    json!({
        "type": "datasource", "name": name, "label": label, "query": kind,
        "hide": 0, "includeAll": false, "multi": false, "refresh": 1, "regex": "",
        "options": [], "current": {},
    })
}

/// The values of a label, under the choices made before it.
fn variable(variable: &Variable, all: &[Variable]) -> Result<Value, Wrong> {
    let key = variable.key;
    let before = all.iter().take_while(|other| other.key != key);
    let before = before.filter(|other| variable.of.label(other.key).is_some());
    let series = before.fold(Series::of(variable.of), |series, other| series.chosen(other.key));
    let selector = series.named(key).promql()?;
    let query = format!("label_values({selector}, {})", key.as_str());
    Ok(json!({
        "type": "query", "name": key.variable(), "label": variable.title,
        "datasource": prometheus(),
        "definition": query,
        "query": {"query": query, "refId": "choices"},
        "includeAll": true, "allValue": ".*", "multi": variable.several,
        "current": {"selected": true, "text": "All", "value": "$__all"},
        "hide": 0, "options": [], "refresh": 2, "regex": "", "sort": 1,
    }))
}

/// A mark where a gateway began: most of what breaks was changed just before.
fn starts() -> Result<Value, Wrong> {
    let young = Query::Age(Series::of(&process::START_TIME)).below(60.0);
    Ok(json!({
        "name": "Starts", "enable": true, "hide": false, "iconColor": "blue",
        "datasource": prometheus(),
        "expr": young.promql()?, "step": "60s",
        "titleFormat": "A gateway started", "textFormat": "{{instance}}",
    }))
}
