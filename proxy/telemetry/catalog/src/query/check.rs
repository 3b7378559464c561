//! Whether a question makes sense.
//!
//! Enters: a question. Leaves: the labels of its answer. Never: an answer.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result as Written};

use super::{Over, Part, Query, Series, Wrong};
use crate::{Key, Kind, Unit};

/// The labels that the series of an answer have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A lone number.
    Scalar,
    /// These labels of ours and, if set, those that the scrape adds.
    Series {
        /// Ours.
        keys: BTreeSet<Key>,
        /// `job`, `instance` and what else the scrape adds.
        scraped: bool,
    },
}

impl Query {
    /// The labels of the answer.
    ///
    /// # Errors
    /// What does not fit, if the question makes no sense.
    pub fn shape(&self) -> Result<Shape, Wrong> {
        match self {
            Self::Number(_) => Ok(Shape::Scalar),
            Self::Latest(series) => gauge("a value", series),
            Self::Age(series) if series.metric().unit != Unit::Timestamp => {
                Err(Wrong::NotFor("an age", series.metric().name))
            }
            Self::Age(series) => gauge("an age", series),
            Self::Over(over, series, _) => past(*over, series),
            Self::Aggregate(_, keys, of) => aggregate(keys, &of.shape()?),
            Self::Top(_, of) => of.shape(),
            Self::Compare(of, _, than) => compare(of, *than),
            Self::Quantile(q, series, keys, _) => quantile(*q, series, keys),
            Self::Math(_, left, right) => math(left.shape()?, right.shape()?),
            Self::Set(_, left, right, on) => set(left.shape()?, &right.shape()?, on.as_deref()),
            Self::Absent(series) => {
                series.check()?;
                Ok(Shape::of(&[]))
            }
            Self::Recorded(recording) => recording.query.shape(),
        }
    }
}

// === impl Shape ===

impl Shape {
    fn of(keys: &[Key]) -> Self {
        Self::Series { keys: keys.iter().copied().collect(), scraped: false }
    }

    fn scraped(series: &Series) -> Self {
        let keys = series.metric().labels.iter().map(|label| label.key).collect();
        Self::Series { keys, scraped: true }
    }

    /// # Errors
    /// The first key that is not there.
    fn has(&self, keys: &[Key]) -> Result<(), Wrong> {
        let missing = |key: &&Key| match self {
            Self::Scalar => true,
            Self::Series { keys, .. } => !keys.contains(key),
        };
        keys.iter().find(missing).map_or(Ok(()), |key| Err(Wrong::NoLabel("the answer", *key)))
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        let Self::Series { keys, scraped } = self else { return f.write_str("of a number") };
        let mut words: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        if *scraped {
            words.push("instance");
        }
        write!(f, "({})", words.join(", "))
    }
}

fn gauge(what: &'static str, series: &Series) -> Result<Shape, Wrong> {
    series.check()?;
    if series.metric().kind == Kind::Gauge {
        return Ok(Shape::scraped(series));
    }
    Err(Wrong::NotFor(what, series.metric().name))
}

fn past(over: Over, series: &Series) -> Result<Shape, Wrong> {
    series.check()?;
    let (what, wants_gauge) = match over {
        Over::Rate => ("a rate", false),
        Over::Increase => ("an increase", false),
        Over::Changes => ("a number of changes", true),
        Over::Max => ("a largest value", true),
        Over::Min => ("a smallest value", true),
        Over::Delta => ("a difference", true),
    };
    let is_gauge = series.metric().kind == Kind::Gauge;
    if is_gauge != wants_gauge || series.part() == Part::Buckets {
        return Err(Wrong::NotFor(what, series.metric().name));
    }
    Ok(Shape::scraped(series))
}

fn aggregate(keys: &[Key], of: &Shape) -> Result<Shape, Wrong> {
    of.has(keys)?;
    Ok(Shape::of(keys))
}

fn quantile(q: f64, series: &Series, keys: &[Key]) -> Result<Shape, Wrong> {
    series.check()?;
    if series.part() != Part::Buckets {
        return Err(Wrong::NotFor("a quantile", series.metric().name));
    }
    if !(q > 0.0 && q < 1.0) {
        return Err(Wrong::NotAQuantile(q));
    }
    aggregate(keys, &Shape::scraped(series))
}

/// Within a bucket a quantile is a guess; at a bound it is not, nor at 0, where the first one begins
/// and which tells a number from none.
fn compare(of: &Query, than: f64) -> Result<Shape, Wrong> {
    let shape = of.shape()?;
    if shape == Shape::Scalar {
        return Err(Wrong::NotFor("a comparison", "a number"));
    }
    if let Query::Quantile(_, series, ..) = of
        && than != 0.0
        && !series.metric().buckets.is_some_and(|bounds| bounds.contains(&than))
    {
        return Err(Wrong::NotABound(series.metric().name, than));
    }
    Ok(shape)
}

fn math(left: Shape, right: Shape) -> Result<Shape, Wrong> {
    if left == right || right == Shape::Scalar {
        return Ok(left);
    }
    if left == Shape::Scalar {
        return Ok(right);
    }
    Err(Wrong::Apart(left.to_string(), right.to_string()))
}

fn set(left: Shape, right: &Shape, on: Option<&[Key]>) -> Result<Shape, Wrong> {
    match on {
        Some(keys) => {
            left.has(keys)?;
            right.has(keys)?;
            Ok(left)
        }
        None if left == *right && left != Shape::Scalar => Ok(left),
        None => Err(Wrong::Apart(left.to_string(), right.to_string())),
    }
}
