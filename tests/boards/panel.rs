//! A panel: lines, areas, bars or one number.
//!
//! In: a panel as Grafana imports it, and numbers. Out: SVG and HTML in the colours of Grafana, and
//! remarks on what a reader could not use.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::Numbers;
use crate::page::{escaped, text};
use crate::unit::shown;

/// Grafana's classic palette.
const COLOURS: [&str; 12] = [
    "#7EB26D", "#EAB839", "#6ED0E0", "#EF843C", "#E24D42", "#1F78C1", "#BA43A9", "#705DA0",
    "#508642", "#CCA300", "#447EBC", "#C15C17",
];
/// More lines than a reader can tell apart.
const MANY: usize = 12;
/// Lines of a legend, and the height of one.
const LEGEND_LINE: f64 = 15.0;
const LETTER: f64 = 6.2;
/// The largest part of a panel that is its legend; the rest of it is scrolled.
const LEGEND: f64 = 0.35;
/// Where the axis' numbers are.
const AXIS: f64 = 74.0;

/// A panel with its numbers.
#[derive(Debug)]
pub(crate) struct Panel {
    kind: Kind,
    unit: String,
    /// Whether the legend is a table with the largest first.
    sorted: bool,
    /// From which value on it has which colour.
    steps: Vec<(f64, String)>,
    most: Option<f64>,
    /// What the axis reaches at least.
    at_least: Option<f64>,
    span: (f64, f64),
    lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lines,
    Stacked,
    Number,
    Bars,
}

#[derive(Debug)]
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Panel {
    /// Asks its questions.
    pub(crate) async fn ask(panel: &Value, numbers: &Numbers) -> Result<Self> {
        let defaults = panel.pointer("/fieldConfig/defaults").context("no defaults")?;
        let stacked = text(defaults, "/custom/stacking/mode") == "normal";
        let kind = match text(panel, "/type") {
            "stat" => Kind::Number,
            "bargauge" => Kind::Bars,
            _ if stacked => Kind::Stacked,
            _ => Kind::Lines,
        };
        let mut lines = Vec::new();
        for target in panel.get("targets").and_then(Value::as_array).context("no targets")? {
            let expression = text(target, "/expr");
            let found = match kind {
                Kind::Lines | Kind::Stacked => numbers.lines(expression).await?,
                Kind::Number | Kind::Bars => numbers.last(expression).await?,
            };
            let legend = text(target, "/legendFormat");
            lines.extend(found.iter().map(|series| Line::of(series, legend)));
        }
        let steps = defaults.pointer("/thresholds/steps").and_then(Value::as_array);
        let steps = steps.into_iter().flatten().map(|step| {
            let from = step.get("value").and_then(Value::as_f64).unwrap_or(f64::NEG_INFINITY);
            (from, text(step, "/color").to_owned())
        });
        Ok(Self {
            kind,
            unit: text(defaults, "/unit").to_owned(),
            sorted: text(panel, "/options/legend/displayMode") == "table",
            steps: steps.collect(),
            most: defaults.get("max").and_then(Value::as_f64),
            at_least: defaults.pointer("/custom/axisSoftMax").and_then(Value::as_f64),
            span: (numbers.from, numbers.to),
            lines,
        })
    }

    /// What a reader could not use.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let points = || self.lines.iter().flat_map(|line| &line.points);
        if points().all(|(_, value)| value.is_nan()) {
            remarks.push("shows nothing".to_owned());
        } else if points().all(|(_, value)| *value == 0.0 || value.is_nan()) {
            remarks.push("shows nothing but zeros".to_owned());
        }
        if !self.sorted && self.lines.len() > MANY {
            remarks.push(format!("has {} lines", self.lines.len()));
        }
        let alike = |line: &Line| self.lines.iter().filter(|other| other.name == line.name).count();
        if self.lines.iter().any(|line| alike(line) > 1) {
            remarks.push("has lines of one name".to_owned());
        }
        if self.kind != Kind::Number && self.lines.iter().any(|line| line.name.trim().is_empty()) {
            remarks.push("has a line without a name".to_owned());
        }
        remarks
    }

    /// The picture.
    pub(crate) fn draw(&self, width: f64, height: f64) -> String {
        if self.lines.iter().all(|line| line.points.iter().all(|(_, value)| value.is_nan())) {
            return "<div class=empty>No data</div>".to_owned();
        }
        match self.kind {
            Kind::Number => self.number(),
            Kind::Bars => self.bars(),
            Kind::Lines | Kind::Stacked => self.graph(width, height),
        }
    }

    fn number(&self) -> String {
        let value = self.lines.first().map_or(f64::NAN, Line::last);
        let text = shown(value, &self.unit);
        format!("<div class=number style=\"color:{}\">{text}</div>", self.colour(value))
    }

    fn bars(&self) -> String {
        let most = self.lines.iter().map(Line::last).fold(f64::MIN_POSITIVE, f64::max);
        let bars = self.lines.iter().filter(|line| !line.last().is_nan()).map(|line| {
            let (value, share) = (line.last(), line.last() / self.most.unwrap_or(most) * 100.0);
            format!(
                "<div class=bar><b>{}</b><span><u style=\"width:{share:.1}%;background:{}\"></u></span>{}</div>",
                escaped(&line.name),
                self.colour(value),
                shown(value, &self.unit)
            )
        });
        bars.collect()
    }

    /// Lines with an axis, and the legend below.
    fn graph(&self, width: f64, height: f64) -> String {
        let legend = if self.sorted {
            size(self.lines.len()) * LEGEND_LINE
        } else {
            let wide = |line: &Line| size(line.name.chars().count()) * LETTER + 28.0;
            (self.lines.iter().map(wide).sum::<f64>() / (width - 16.0)).ceil() * LEGEND_LINE
        };
        let legend = legend.min((height * LEGEND / LEGEND_LINE).floor() * LEGEND_LINE);
        let (plot, right) = (height - legend - 24.0, width - 10.0);
        let drawn = self.piled();
        let points = || drawn.iter().flatten().map(|(_, value)| *value);
        let least = self.at_least.unwrap_or_default();
        let most = points().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let most = if most > least { most * 1.05 } else { least };
        let most = self.most.unwrap_or(if most > 0.0 { most } else { 1.0 });
        let (from, to) = self.span;
        let x = |time: f64| AXIS + (time - from) / (to - from) * (right - AXIS);
        let y = |value: f64| plot - (value / most).min(1.0) * (plot - 8.0);
        let mut svg = format!("<svg width={width} height={:.0}>", plot + 18.0);
        for part in 0..=4_u32 {
            let value = most * f64::from(part) / 4.0;
            let (at, label) = (y(value), shown(value, &self.unit));
            svg.push_str(&format!(
                "<path d=\"M{AXIS} {at:.1}H{right}\" stroke=\"#2a2d33\"/><text x={:.0} y={:.1} \
                 text-anchor=end fill=\"#9fa7b3\" font-size=11>{label}</text>",
                AXIS - 5.0,
                at + 4.0
            ));
        }
        for (value, colour) in self.steps.iter().filter(|(from, _)| *from > 0.0 && *from < most) {
            let at = y(*value);
            svg.push_str(&format!(
                "<path d=\"M{AXIS} {at:.1}H{right}\" stroke=\"{colour}\" stroke-dasharray=\"6 4\"/>"
            ));
        }
        for (nth, line) in drawn.iter().enumerate().rev() {
            let path = path(line, x, y);
            let colour = colour(nth);
            svg.push_str(&format!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\"/>"
            ));
        }
        svg.push_str("</svg>");
        let names: String = self.names().collect();
        format!("{svg}<div class=legend style=\"height:{legend:.0}px\">{names}</div>")
    }

    /// The legend: a table with the largest first, or a list.
    fn names(&self) -> impl Iterator<Item = String> {
        let mut all: Vec<(usize, &Line)> = self.lines.iter().enumerate().collect();
        if self.sorted {
            all.sort_by(|(_, one), (_, other)| other.most().total_cmp(&one.most()));
        }
        all.into_iter().map(|(nth, line)| {
            let (colour, name) = (colour(nth), escaped(&line.name));
            if self.sorted {
                let most = shown(line.most(), &self.unit);
                return format!(
                    "<div class=entry><i style=\"background:{colour}\"></i>{name}<b>{most}</b></div>"
                );
            }
            format!("<div><i style=\"background:{colour}\"></i>{name}</div>")
        })
    }

    /// The points of each line; of areas upon each other, with what is below.
    fn piled(&self) -> Vec<Vec<(f64, f64)>> {
        let mut below: BTreeMap<u64, f64> = BTreeMap::new();
        let mut pile = |(time, value): &(f64, f64)| {
            if self.kind != Kind::Stacked || !value.is_finite() {
                return (*time, *value);
            }
            let sum = below.entry(time.to_bits()).or_default();
            *sum += value;
            (*time, *sum)
        };
        self.lines.iter().map(|line| line.points.iter().map(&mut pile).collect()).collect()
    }

    fn colour(&self, value: f64) -> &str {
        let met = self.steps.iter().rfind(|(from, _)| value >= *from);
        match met.map(|(_, colour)| colour.as_str()) {
            Some("red") => "#F2495C",
            Some("orange") => "#FF9830",
            _ => "#73BF69",
        }
    }
}

impl Line {
    fn of(series: &Value, legend: &str) -> Self {
        let many = series.get("values").and_then(Value::as_array).into_iter().flatten();
        let points = series.get("value").into_iter().chain(many).map(|point| {
            let time = point.get(0).and_then(Value::as_f64).unwrap_or_default();
            (time, text(point, "/1").parse().unwrap_or(f64::NAN))
        });
        let mut name = legend.to_owned();
        for (key, value) in series.get("metric").and_then(Value::as_object).into_iter().flatten() {
            name = name.replace(&format!("{{{{{key}}}}}"), value.as_str().unwrap_or_default());
        }
        while let Some((before, rest)) = name.clone().split_once("{{") {
            let after = rest.split_once("}}").map_or("", |(_, after)| after);
            name = format!("{before}{after}");
        }
        Self { name, points: points.collect() }
    }

    fn most(&self) -> f64 {
        let values = self.points.iter().map(|(_, value)| *value);
        values.filter(|value| value.is_finite()).fold(0.0, f64::max)
    }

    fn last(&self) -> f64 {
        self.points.last().map_or(f64::NAN, |(_, value)| *value)
    }
}

/// A line that is broken off where there is no number.
fn path(line: &[(f64, f64)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let (mut path, mut drawing) = (String::new(), false);
    for (time, value) in line {
        if !value.is_finite() {
            drawing = false;
            continue;
        }
        let pen = if drawing { 'L' } else { 'M' };
        path.push_str(&format!("{pen}{:.1} {:.1}", x(*time), y(*value)));
        drawing = true;
    }
    path
}

fn colour(nth: usize) -> &'static str {
    COLOURS.get(nth % COLOURS.len()).copied().unwrap_or("#ffffff")
}

fn size(letters: usize) -> f64 {
    u32::try_from(letters).unwrap_or(u32::MAX).into()
}
