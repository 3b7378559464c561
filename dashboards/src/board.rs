//! What a dashboard is made of.
//!
//! Enters: questions with titles and units. Leaves: plain data, the same for Grafana and for
//! CloudWatch. Never: JSON.

use std::fmt::{Display, Formatter, Result as Written};

use toolgate_telemetry_catalog::query::{Query, Shape, Wrong};
use toolgate_telemetry_catalog::{Key, Metric};

/// A dashboard.
#[derive(Clone, Debug)]
pub struct Board {
    /// Its file's name, and part of its address.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// What the reader may choose.
    pub variables: Vec<Variable>,
    /// Panels by the question that they answer.
    pub rows: Vec<Row>,
}

/// Panels that answer one question together.
#[derive(Clone, Debug)]
pub struct Row {
    /// The question.
    pub title: &'static str,
    /// What answers it.
    pub panels: Vec<Panel>,
}

/// A choice of the reader.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The label it chooses by.
    pub key: Key,
    /// For people.
    pub title: &'static str,
    /// A family that has the label, whose values are the choices.
    pub of: &'static Metric,
    /// Whether several may be chosen.
    pub several: bool,
}

/// One picture.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: &'static str,
    /// How to read it.
    pub description: &'static str,
    /// What it looks like.
    pub view: View,
    /// What the numbers are.
    pub shown: Shown,
    /// What is asked.
    pub asks: Vec<Ask>,
    /// From which value on it is how bad, ascending.
    pub thresholds: Vec<(f64, Level)>,
    /// Whether single calls are shown that have a trace.
    pub exemplars: bool,
    /// In columns.
    pub width: u32,
    /// In rows of the grid.
    pub height: u32,
}

/// A question, and what its answer is called.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The name; the values of the answer's labels are added to it.
    pub name: &'static str,
    /// The question.
    pub query: Query,
}

/// What a panel looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Lines over time.
    Lines,
    /// Areas upon each other over time.
    Stacked,
    /// One number.
    Number,
    /// One bar a series.
    Bars,
}

/// What numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// How many.
    Count,
    /// How many a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// 0 to 1.
    Share,
    /// Processors.
    Cores,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Not as it should be.
    Bad,
}

/// A dashboard of CloudWatch.
#[derive(Clone, Debug)]
pub struct CloudBoard {
    /// Its file's name.
    pub id: &'static str,
    /// Its name in the account.
    pub name: &'static str,
    /// What is on it.
    pub widgets: Vec<Widget>,
}

/// A widget of CloudWatch.
#[derive(Clone, Debug)]
pub enum Widget {
    /// Metrics.
    Metrics(Panel),
    /// The last lines of the access log.
    Log(LogTable),
}

/// The last lines of the access log.
#[derive(Clone, Debug)]
pub struct LogTable {
    /// What it shows.
    pub title: &'static str,
    /// The fields, in order.
    pub fields: &'static [&'static str],
    /// The field it is sorted by, newest first.
    pub newest_by: &'static str,
    /// How many lines.
    pub most: u32,
}

/// A panel whose question makes no sense.
#[derive(Debug)]
pub struct Unfit {
    /// The panel.
    pub panel: String,
    /// Why.
    pub wrong: Wrong,
}

// === impl Panel ===

impl Panel {
    /// Lines over time, eight columns wide.
    pub(crate) fn lines(title: &'static str, shown: Shown, description: &'static str) -> Self {
        Self {
            title,
            description,
            view: View::Lines,
            shown,
            asks: Vec::new(),
            thresholds: Vec::new(),
            exemplars: false,
            width: 8,
            height: 8,
        }
    }

    /// Areas over time.
    pub(crate) fn stacked(title: &'static str, shown: Shown, description: &'static str) -> Self {
        Self { view: View::Stacked, ..Self::lines(title, shown, description) }
    }

    /// A number, four columns wide.
    pub(crate) fn number(title: &'static str, shown: Shown, description: &'static str) -> Self {
        Self { view: View::Number, width: 4, height: 4, ..Self::lines(title, shown, description) }
    }

    /// Bars.
    pub(crate) fn bars(title: &'static str, shown: Shown, description: &'static str) -> Self {
        Self { view: View::Bars, ..Self::lines(title, shown, description) }
    }

    /// The same with one more question.
    pub(crate) fn ask(mut self, name: &'static str, query: Query) -> Self {
        self.asks.push(Ask { name, query });
        self
    }

    /// The same, worth a look from one value on and bad from another.
    pub(crate) fn limits(mut self, warning: f64, bad: f64) -> Self {
        self.thresholds = vec![(warning, Level::Warning), (bad, Level::Bad)];
        self
    }

    /// The same, bad below this.
    pub(crate) fn at_least(mut self, least: f64) -> Self {
        self.thresholds = vec![(f64::NEG_INFINITY, Level::Bad), (least, Level::Good)];
        self
    }

    /// The same, with single calls that have a trace.
    pub(crate) fn exemplars(self) -> Self {
        Self { exemplars: true, ..self }
    }

    /// The same, so many columns wide.
    pub(crate) fn wide(self, width: u32) -> Self {
        Self { width, ..self }
    }

    /// The panel, as the one in which something does not fit.
    pub(crate) fn unfit(&self, wrong: Wrong) -> Unfit {
        Unfit { panel: self.title.to_owned(), wrong }
    }
}

// === impl Ask ===

impl Ask {
    /// The labels of the answer, in the order of their names.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn labels(&self) -> Result<Vec<&'static str>, Wrong> {
        let keys = match self.query.shape()? {
            Shape::Scalar => Vec::new(),
            Shape::Series { keys, .. } => keys.into_iter().map(Key::as_str).collect(),
        };
        Ok(keys)
    }
}

// === impl Unfit ===

impl Display for Unfit {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        write!(f, "{}: {}", self.panel, self.wrong)
    }
}

impl std::error::Error for Unfit {}
