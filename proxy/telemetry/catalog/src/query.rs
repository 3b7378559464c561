//! Questions to the numbers, as data: what dashboards show and alarms ask.
//!
//! Enters: families and label keys by constant, so that a name that does not exist does not
//! compile. Leaves: PromQL, or the metrics and metric math of CloudWatch; or a sentence saying what
//! does not fit. Never: a label that a family lacks, a word outside a label's domain, a rate of a
//! gauge, a bound that is no bucket, or arithmetic over series whose labels differ.

mod check;
mod cloud;
mod promql;
mod series;
mod window;
mod wrong;

#[cfg(test)]
mod tests;

pub use check::Shape;
pub use cloud::{CloudAlarm, CloudMetric, CloudQuery};
pub use series::{Matcher, Part, Series, scrape};
pub use window::Window;
pub use wrong::Wrong;

use crate::{Key, Metric};

/// A question. It is checked as a whole when it is printed.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// A number.
    Number(f64),
    /// The value of a gauge now.
    Latest(Series),
    /// How long ago the time in a gauge was.
    Age(Series),
    /// A function over the last part of each series.
    Over(Over, Series, Window),
    /// Many series in one.
    Aggregate(Aggregate, Vec<Key>, Box<Self>),
    /// The few largest.
    Top(u8, Box<Self>),
    /// A quantile of a histogram, by these keys, over the last part.
    Quantile(f64, Series, Vec<Key>, Window),
    /// Arithmetic.
    Math(Math, Box<Self>, Box<Self>),
    /// Only the series whose value compares like this.
    Compare(Box<Self>, Comparison, f64),
    /// Series that are, or are not, on both sides; matched by these keys, or by all labels.
    Set(Set, Box<Self>, Box<Self>, Option<Vec<Key>>),
    /// 1 when there is no series.
    Absent(Series),
    /// What a recording rule has computed before.
    Recorded(Box<Recording>),
}

/// Functions over the last part of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Increase a second, of a counter.
    Rate,
    /// Increase, of a counter.
    Increase,
    /// How often a gauge changed.
    Changes,
    /// The largest value of a gauge.
    Max,
    /// The smallest value of a gauge.
    Min,
    /// By how much a gauge moved.
    Delta,
}

/// Ways to make one series of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Their mean.
    Mean,
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Math {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Per,
}

/// Comparisons with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `<`
    Below,
    /// `==`
    Equal,
}

/// Operations on sets of series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// What is on both sides.
    And,
    /// What is on either side.
    Or,
    /// What is on the left side only.
    Unless,
}

/// A recording rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its name, `level:metric:operation`.
    pub name: String,
    /// What it records.
    pub query: Query,
}

// === impl Query ===

impl Query {
    /// The value of a gauge now.
    #[must_use]
    pub const fn latest(metric: &'static Metric) -> Self {
        Self::Latest(Series::of(metric))
    }

    /// Increase a second.
    #[must_use]
    pub const fn rate(series: Series, window: Window) -> Self {
        Self::Over(Over::Rate, series, window)
    }

    /// Increase.
    #[must_use]
    pub const fn increase(series: Series, window: Window) -> Self {
        Self::Over(Over::Increase, series, window)
    }

    /// A quantile of a histogram over all its series.
    #[must_use]
    pub fn quantile(q: f64, metric: &'static Metric, window: Window) -> Self {
        Self::Quantile(q, Series::of(metric).buckets(), Vec::new(), window)
    }

    /// The series of a one-hot gauge that say that this condition holds.
    #[must_use]
    pub fn holds(metric: &'static Metric, key: Key, word: &'static str) -> Self {
        Self::Latest(Series::of(metric).is(key, word)).equals(1.0)
    }

    /// The sum of all series.
    #[must_use]
    pub fn sum(self) -> Self {
        self.sum_by(&[])
    }

    /// The sum, one series for each set of values of these keys.
    #[must_use]
    pub fn sum_by(self, keys: &[Key]) -> Self {
        Self::Aggregate(Aggregate::Sum, keys.to_vec(), Box::new(self))
    }

    /// The largest, one series for each set of values of these keys.
    #[must_use]
    pub fn max_by(self, keys: &[Key]) -> Self {
        Self::Aggregate(Aggregate::Max, keys.to_vec(), Box::new(self))
    }

    /// The smallest, one series for each set of values of these keys.
    #[must_use]
    pub fn min_by(self, keys: &[Key]) -> Self {
        Self::Aggregate(Aggregate::Min, keys.to_vec(), Box::new(self))
    }

    /// The mean, one series for each set of values of these keys.
    #[must_use]
    pub fn mean_by(self, keys: &[Key]) -> Self {
        Self::Aggregate(Aggregate::Mean, keys.to_vec(), Box::new(self))
    }

    /// The few largest.
    #[must_use]
    pub fn top(self, count: u8) -> Self {
        Self::Top(count, Box::new(self))
    }

    /// The share that this is of something else.
    #[must_use]
    pub fn per(self, whole: Self) -> Self {
        self.math(Math::Per, whole)
    }

    /// This less something else.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.math(Math::Minus, other)
    }

    /// So many times this.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        self.math(Math::Times, Self::Number(factor))
    }

    /// Only what is above.
    #[must_use]
    pub fn above(self, than: f64) -> Self {
        Self::Compare(Box::new(self), Comparison::Above, than)
    }

    /// Only what is below.
    #[must_use]
    pub fn below(self, than: f64) -> Self {
        Self::Compare(Box::new(self), Comparison::Below, than)
    }

    /// Only what is equal.
    #[must_use]
    pub fn equals(self, to: f64) -> Self {
        Self::Compare(Box::new(self), Comparison::Equal, to)
    }

    /// Only while the other is there too.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::Set(Set::And, Box::new(self), Box::new(other), None)
    }

    /// Only while the other is there too, under the same values of these keys.
    #[must_use]
    pub fn and_on(self, keys: &[Key], other: Self) -> Self {
        Self::Set(Set::And, Box::new(self), Box::new(other), Some(keys.to_vec()))
    }

    /// This, or else the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Set(Set::Or, Box::new(self), Box::new(other), None)
    }

    /// Only while the other is not there, under the same values of these keys.
    #[must_use]
    pub fn unless_on(self, keys: &[Key], other: Self) -> Self {
        Self::Set(Set::Unless, Box::new(self), Box::new(other), Some(keys.to_vec()))
    }

    /// Every family that the question reads.
    #[must_use]
    pub fn families(&self) -> Vec<&'static Metric> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Latest(series)
            | Self::Age(series)
            | Self::Over(_, series, _)
            | Self::Quantile(_, series, _, _)
            | Self::Absent(series) => vec![series.metric()],
            Self::Aggregate(_, _, of) | Self::Top(_, of) | Self::Compare(of, _, _) => of.families(),
            Self::Math(_, left, right) | Self::Set(_, left, right, _) => {
                [left.families(), right.families()].concat()
            }
            Self::Recorded(recording) => recording.query.families(),
        }
    }

    fn math(self, how: Math, other: Self) -> Self {
        Self::Math(how, Box::new(self), Box::new(other))
    }
}
