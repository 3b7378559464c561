//! Dashboards as `PutDashboard` takes them.
//!
//! Enters: a board of CloudWatch, and where it is for. Leaves: the body as JSON. Never: a metric
//! under dimensions that are not published; the article's widgets were empty for that reason.

use serde_json::{Value, json};
use toolgate_telemetry_catalog::NAMESPACE;
use toolgate_telemetry_catalog::query::{CloudMetric, Wrong};

use crate::layout::{Grid, Position};
use crate::{Ask, CloudBoard, LogTable, Panel, Place, Shown, Unfit, View, Widget};

/// Seconds that a point of a line stands for.
const PERIOD: u32 = 300;

impl CloudBoard {
    /// The body of the dashboard.
    ///
    /// # Errors
    /// The panel whose question makes no sense, or that CloudWatch cannot answer.
    pub fn body(&self, place: &Place) -> Result<Value, Unfit> {
        let mut grid = Grid::default();
        let mut widgets = Vec::new();
        for widget in &self.widgets {
            widgets.push(match widget {
                Widget::Metrics(panel) => {
                    let at = grid.take(panel.width, panel.height);
                    metrics(panel, at, place).map_err(|wrong| panel.unfit(wrong))?
                }
                Widget::Log(table) => log(table, grid.take(crate::COLUMNS, 8), place),
            });
        }
        grid.new_line();
        let name = place.name(self);
        widgets.push(note(&name, grid.take(crate::COLUMNS, 2), place));
        Ok(json!({"start": "-PT3H", "periodOverride": "inherit", "widgets": widgets}))
    }
}

fn metrics(panel: &Panel, at: Position, place: &Place) -> Result<Value, Wrong> {
    let (mut lines, mut scale) = (Vec::new(), 1.0);
    for ask in &panel.asks {
        let answer = add(ask, &mut lines)?;
        scale = answer;
    }
    let shown = if panel.shown == Shown::Seconds && scale > 1.0 {
        "Milliseconds"
    } else {
        label(panel.shown)
    };
    Ok(json!({
        "type": "metric",
        "x": at.x, "y": at.y, "width": at.width, "height": at.height,
        "properties": {
            "title": panel.title,
            "region": place.region,
            "view": if panel.view == View::Number { "singleValue" } else { "timeSeries" },
            "stacked": panel.view == View::Stacked,
            "period": PERIOD,
            "metrics": lines,
            "yAxis": {"left": {"min": 0, "label": shown, "showUnits": false}},
            "annotations": {"horizontal": limits(panel, scale)},
        },
    }))
}

/// Adds the lines of one question; their ids are made unique within the widget. Gives the scale.
fn add(ask: &Ask, lines: &mut Vec<Value>) -> Result<f64, Wrong> {
    let query = ask.query.cloudwatch(PERIOD)?;
    let before = lines.len();
    let last = query.metrics.len();
    for (metric, number) in query.metrics.iter().zip(1..) {
        let id = format!("q{}", before + number);
        let mut options = json!({"id": id, "visible": number == last});
        let Some(fields) = options.as_object_mut() else { continue };
        // A search labels its lines itself, by what tells them apart.
        if number == last && !ask.name.is_empty() {
            fields.insert("label".into(), json!(ask.name));
        }
        lines.push(match metric {
            CloudMetric::Stat { published, stat, period } => {
                fields.insert("stat".into(), json!(stat));
                fields.insert("period".into(), json!(period));
                json!([NAMESPACE, published.name, options])
            }
            CloudMetric::Expression(expression) => {
                fields.insert("expression".into(), json!(renumbered(expression, before)));
                json!([options])
            }
        });
    }
    Ok(query.scale)
}

/// `m1` and so on of one question become `q` and a number within the widget.
fn renumbered(expression: &str, before: usize) -> String {
    let mut left = String::new();
    let mut letters = expression.chars().peekable();
    let mut inside = false;
    while let Some(letter) = letters.next() {
        let starts = letter == 'm' && !inside && letters.peek().is_some_and(char::is_ascii_digit);
        inside = letter.is_alphanumeric();
        if !starts {
            left.push(letter);
            continue;
        }
        let mut digits = String::new();
        while let Some(digit) = letters.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        let number = digits.parse().unwrap_or(0) + before;
        left.push_str(&format!("q{number}"));
    }
    left
}

fn limits(panel: &Panel, scale: f64) -> Vec<Value> {
    let real = panel.thresholds.iter().filter(|(from, _)| from.is_finite());
    real.map(|(from, level)| json!({"value": from * scale, "label": format!("{level:?}")}))
        .collect()
}

fn log(table: &LogTable, at: Position, place: &Place) -> Value {
    let (group, fields) = (&place.log_group, table.fields.join(", "));
    let (by, most) = (table.newest_by, table.most);
    json!({
        "type": "log",
        "x": at.x, "y": at.y, "width": at.width, "height": at.height,
        "properties": {
            "title": table.title,
            "region": place.region,
            "view": "table",
            "query": format!("SOURCE '{group}' | fields {fields} | sort {by} desc | limit {most}"),
        },
    })
}

/// Says where the dashboard comes from, to people and to `apply`.
fn note(name: &str, at: Position, place: &Place) -> Value {
    let text = format!(
        "{} `toolgate dashboards apply` writes it again as it was: keep changes of your own in a \
         copy under another name.",
        place.mark(name)
    );
    json!({
        "type": "text",
        "x": at.x, "y": at.y, "width": at.width, "height": at.height,
        "properties": {"markdown": text},
    })
}

const fn label(shown: Shown) -> &'static str {
    match shown {
        Shown::Count => "Count",
        Shown::PerSecond => "Count/Second",
        Shown::Seconds => "Seconds",
        Shown::Bytes => "Bytes",
        Shown::BytesPerSecond => "Bytes/Second",
        Shown::Share => "Share",
        Shown::Cores => "Cores",
    }
}
