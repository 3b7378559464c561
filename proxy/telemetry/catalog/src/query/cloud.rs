//! A question in the words of CloudWatch.
//!
//! Enters: a question. Leaves: metrics with their statistics, and metric math over them. Never: a
//! metric or a set of dimensions that is not published, nor a unit other than the published one.

use super::{Aggregate, Comparison, Matcher, Math, Over, Part, Query, Series, Set, Window, Wrong};
use crate::{Dimension, Key, NAMESPACE, Published, Shows};

/// Metrics and metric math; the last one is the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudQuery {
    /// Each with the id `m1`, `m2`, … that later ones refer to.
    pub metrics: Vec<CloudMetric>,
    /// By what the answer is larger than what the catalogue counts in.
    pub scale: f64,
}

/// One line of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum CloudMetric {
    /// A metric's statistic, over everything.
    Stat {
        /// The metric.
        published: &'static Published,
        /// `Sum`, `p95`, …
        stat: String,
        /// In seconds.
        period: u32,
    },
    /// An expression: metric math, or a search that gives a line for each set of dimensions.
    Expression(String),
}

/// A question that an alarm asks.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudAlarm {
    /// What is compared.
    pub query: CloudQuery,
    /// How.
    pub comparison: Comparison,
    /// With what, in the unit of the answer.
    pub threshold: f64,
}

/// Part of an answer on its way up.
struct Term {
    text: String,
    scale: f64,
}

struct Lines {
    metrics: Vec<CloudMetric>,
    period: u32,
}

impl Query {
    /// The question in CloudWatch's words; `period` stands for every window without a length.
    ///
    /// # Errors
    /// What does not fit, if the question makes no sense or CloudWatch lacks the means.
    pub fn cloudwatch(&self, period: u32) -> Result<CloudQuery, Wrong> {
        self.shape()?;
        let mut lines = Lines { metrics: Vec::new(), period };
        let term = lines.term(self)?;
        if term.text != lines.last_id() {
            lines.push(CloudMetric::Expression(term.text));
        }
        Ok(CloudQuery { metrics: lines.metrics, scale: term.scale })
    }

    /// The question as an alarm asks it: a comparison, with a guard or without.
    ///
    /// # Errors
    /// As [`Query::cloudwatch`], and for a question without a comparison.
    pub fn cloudwatch_alarm(&self, period: u32) -> Result<CloudAlarm, Wrong> {
        let (compared, guard) = if let Self::Set(Set::And, compared, guard, None) = self {
            (&**compared, Some(guard))
        } else {
            (self, None)
        };
        let Self::Compare(of, comparison, than) = compared else {
            return Err(Wrong::NotInCloudWatch("alarm on this; it asks for a comparison"));
        };
        let asked = match guard {
            Some(guard) => Self::clone(of).and(Self::clone(guard)),
            None => Self::clone(of),
        };
        let query = asked.cloudwatch(period)?;
        let threshold = than * query.scale;
        Ok(CloudAlarm { query, comparison: *comparison, threshold })
    }
}

// === impl Lines ===

impl Lines {
    fn term(&mut self, query: &Query) -> Result<Term, Wrong> {
        match query {
            Query::Number(number) => Ok(Term { text: number.to_string(), scale: 1.0 }),
            Query::Aggregate(how, keys, of) => self.aggregate(*how, keys, of),
            Query::Quantile(q, series, keys, window) => {
                let percent = (q * 1e4).round() / 1e2;
                self.stat(series, keys, &format!("p{percent}"), *window)
            }
            Query::Math(how, left, right) => self.math(*how, left, right),
            Query::Set(Set::And, left, right, None) => self.guarded(left, right),
            Query::Recorded(recording) => self.term(&recording.query),
            Query::Latest(_) | Query::Over(..) => {
                Err(Wrong::NotInCloudWatch("single series of an instance; add them up"))
            }
            Query::Age(_) => Err(Wrong::NotInCloudWatch("clock")),
            Query::Top(..) => Err(Wrong::NotInCloudWatch("few largest")),
            Query::Compare(..) => Err(Wrong::NotInCloudWatch("comparison here")),
            Query::Set(..) => Err(Wrong::NotInCloudWatch("other sets than `and`")),
            Query::Absent(_) => Err(Wrong::NotInCloudWatch("absence; say how missing data count")),
        }
    }

    fn aggregate(&mut self, how: Aggregate, keys: &[Key], of: &Query) -> Result<Term, Wrong> {
        match (how, of) {
            (Aggregate::Sum, Query::Over(Over::Increase, series, window)) => {
                self.stat(series, keys, "Sum", *window)
            }
            (Aggregate::Sum, Query::Over(Over::Rate, series, window)) => {
                let sum = self.stat(series, keys, "Sum", *window)?;
                let period = window.seconds().unwrap_or(self.period);
                Ok(Term { text: format!("{} / {period}", sum.text), ..sum })
            }
            (Aggregate::Max, Query::Latest(series)) => {
                self.stat(series, keys, "Maximum", Window::Panel)
            }
            (Aggregate::Min, Query::Latest(series)) => {
                self.stat(series, keys, "Minimum", Window::Panel)
            }
            (Aggregate::Mean, Query::Latest(series)) => {
                self.stat(series, keys, "Average", Window::Panel)
            }
            _ => Err(Wrong::NotInCloudWatch("such a sum, maximum or minimum")),
        }
    }

    /// A share is of what was there, and 0 when there was nothing.
    fn math(&mut self, how: Math, left: &Query, right: &Query) -> Result<Term, Wrong> {
        let (left, right) = (self.term(left)?, self.term(right)?);
        if how == Math::Per {
            let (part, whole) = (filled(&left.text), filled(&right.text));
            let text = format!("IF({whole} > 0, {part} / {whole}, 0)");
            return Ok(Term { text, scale: left.scale / right.scale });
        }
        let scale = match how {
            Math::Times => left.scale * right.scale,
            Math::Plus | Math::Minus | Math::Per => left.scale,
        };
        let (one, other) = (filled(&left.text), filled(&right.text));
        Ok(Term { text: format!("({one} {} {other})", how.sign()), scale })
    }

    /// The answer while the guard holds, and 0 otherwise.
    fn guarded(&mut self, left: &Query, guard: &Query) -> Result<Term, Wrong> {
        let Query::Compare(of, how, than) = guard else {
            return Err(Wrong::NotInCloudWatch("guard but a comparison"));
        };
        let (left, of) = (self.term(left)?, self.term(of)?);
        let (sign, than) = (how.sign(), than * of.scale);
        let text = format!("IF({} {sign} {than}, {}, 0)", filled(&of.text), left.text);
        Ok(Term { text, scale: left.scale })
    }

    fn stat(
        &mut self,
        series: &Series,
        keys: &[Key],
        stat: &str,
        window: Window,
    ) -> Result<Term, Wrong> {
        let published = published(series, keys)?;
        let period = window.seconds().unwrap_or(self.period);
        let scale = published.unit.scale();
        if keys.is_empty() {
            let stat = stat.to_owned();
            return Ok(Term {
                text: self.push(CloudMetric::Stat { published, stat, period }),
                scale,
            });
        }
        let dimensions = dimensions(published, keys);
        let names: Vec<&str> = dimensions.iter().map(|dimension| dimension.as_str()).collect();
        let (name, names) = (published.name, names.join(","));
        let search =
            format!("SEARCH('{{{NAMESPACE},{names}}} MetricName=\"{name}\"', '{stat}', {period})");
        Ok(Term { text: self.push(CloudMetric::Expression(search)), scale })
    }

    /// The id of the line.
    fn push(&mut self, metric: CloudMetric) -> String {
        if let Some(known) = self.metrics.iter().position(|known| *known == metric) {
            return format!("m{}", known + 1);
        }
        self.metrics.push(metric);
        self.last_id()
    }

    fn last_id(&self) -> String {
        format!("m{}", self.metrics.len())
    }
}

/// A sum that has no data is none: what never happened is not published.
fn filled(text: &str) -> String {
    let is_id = text.strip_prefix('m').is_some_and(|rest| rest.parse::<usize>().is_ok());
    if is_id { format!("FILL({text}, 0)") } else { text.to_owned() }
}

/// What is published of exactly these series, under exactly these labels.
fn published(series: &Series, keys: &[Key]) -> Result<&'static Published, Wrong> {
    let shows = match series.part() {
        Part::Whole | Part::Buckets => Shows::Values,
        Part::Count => Shows::Observations,
        Part::Sum | Part::UpTo(_) => {
            return Err(Wrong::NotInCloudWatch("such part of a histogram"));
        }
    };
    if series.offset().is_some() {
        return Err(Wrong::NotInCloudWatch("offset"));
    }
    let candidates = series.metric().cloudwatch.iter();
    let mut fitting = candidates.filter(|candidate| {
        candidate.shows == shows
            && selects(candidate, series.matchers(), keys)
            && candidate.sets.iter().any(|set| is_of(set, keys))
    });
    fitting.next().ok_or_else(|| {
        let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        let what = format!("{:?} by ({})", series.matchers(), keys.join(", "));
        Wrong::NotPublished(series.metric().name, what)
    })
}

/// Whether the conditions are those under which it is published.
fn selects(candidate: &Published, matchers: &[Matcher], keys: &[Key]) -> bool {
    let (mut wanted, mut met) = (candidate.only.len(), true);
    for matcher in matchers {
        match matcher {
            Matcher::Is(key, words) => {
                met &= candidate.only.iter().any(|(only, known)| only == key && same(known, words));
                wanted = wanted.saturating_sub(1);
            }
            // A set with that dimension has no empty values anyway.
            Matcher::Not(key, words) => met &= keys.contains(key) && same(words, &[""]),
            Matcher::Chosen(_) => met = false,
        }
    }
    met && wanted == 0
}

fn same(left: &[&str], right: &[&str]) -> bool {
    left.len() == right.len() && left.iter().all(|word| right.contains(word))
}

fn is_of(set: &[Dimension], keys: &[Key]) -> bool {
    set.len() == keys.len() && set.iter().all(|dimension| keys.contains(&dimension.key()))
}

fn dimensions(published: &Published, keys: &[Key]) -> &'static [Dimension] {
    published.sets.iter().find(|set| is_of(set, keys)).copied().unwrap_or_default()
}
