//! A question in the words of Prometheus.
//!
//! Enters: a question. Leaves: PromQL on one line. Never: an unchecked question.

use super::{Aggregate, Comparison, Matcher, Math, Over, Part, Query, Series, Set, Window, Wrong};
use crate::Key;

/// How tightly a comparison binds: tighter than a set operation, less tightly than arithmetic.
const COMPARES: u8 = 3;
/// From here on, Go spells a number with an exponent.
const LARGE: f64 = 1e6;
/// Below this, too.
const SMALL: f64 = 1e-4;

impl Query {
    /// The question in PromQL.
    ///
    /// # Errors
    /// What does not fit, if the question makes no sense.
    pub fn promql(&self) -> Result<String, Wrong> {
        self.shape()?;
        Ok(print(self))
    }
}

impl Series {
    /// The selection in PromQL.
    ///
    /// # Errors
    /// What does not fit, if there are no such series.
    pub fn promql(&self) -> Result<String, Wrong> {
        self.check()?;
        Ok(self.now())
    }

    /// The selector, without a window.
    fn selector(&self) -> String {
        let suffix = match self.part() {
            Part::Whole => "",
            Part::Count => "_count",
            Part::Sum => "_sum",
            Part::Buckets | Part::UpTo(_) => "_bucket",
        };
        let job = self.job().map(|job| format!("job=\"{job}\""));
        let mut conditions: Vec<String> =
            job.into_iter().chain(self.matchers().iter().map(condition)).collect();
        if let Part::UpTo(bound) = self.part() {
            conditions.push(one_of("le", "=", &spellings(bound)));
        }
        let name = self.metric().name;
        if conditions.is_empty() {
            return format!("{name}{suffix}");
        }
        format!("{name}{suffix}{{{}}}", conditions.join(","))
    }

    fn now(&self) -> String {
        format!("{}{}", self.selector(), self.ago_text())
    }

    fn past(&self, window: Window) -> String {
        format!("{}[{window}]{}", self.selector(), self.ago_text())
    }

    fn ago_text(&self) -> String {
        self.offset().map(|ago| format!(" offset {ago}")).unwrap_or_default()
    }
}

fn print(query: &Query) -> String {
    match query {
        Query::Number(number) => text(*number),
        Query::Latest(series) => series.now(),
        Query::Age(series) => format!("time() - {}", series.now()),
        Query::Over(over, series, window) => format!("{}({})", over.name(), series.past(*window)),
        Query::Aggregate(how, keys, of) => format!("{}({})", grouped(how.name(), keys), print(of)),
        Query::Top(count, of) => format!("topk({count}, {})", print(of)),
        Query::Quantile(q, series, keys, window) => {
            let mut words = vec!["le"];
            words.extend(keys.iter().map(|key| key.as_str()));
            let (words, past) = (words.join(", "), series.past(*window));
            format!("histogram_quantile({q}, sum by ({words}) (rate({past})))")
        }
        Query::Math(how, left, right) => {
            let own = how.binding();
            format!("{} {} {}", operand(left, own), how.sign(), operand(right, own + 1))
        }
        Query::Compare(of, how, than) => {
            format!("{} {} {}", operand(of, COMPARES + 1), how.sign(), text(*than))
        }
        Query::Set(how, left, right, on) => {
            let own = how.binding();
            let on = on.as_deref().map(|keys| format!(" on ({})", list(keys))).unwrap_or_default();
            format!("{} {}{on} {}", operand(left, own), how.word(), operand(right, own + 1))
        }
        Query::Absent(series) => format!("absent({})", series.now()),
        Query::Recorded(recording) => recording.name.clone(),
    }
}

/// In brackets unless it binds at least as tightly as it must. All of these associate to the left.
fn operand(query: &Query, at_least: u8) -> String {
    let printed = print(query);
    if binding(query) < at_least { format!("({printed})") } else { printed }
}

/// How tightly the outermost operator binds (Prometheus, "Operators", "Binary operator precedence").
fn binding(query: &Query) -> u8 {
    match query {
        Query::Set(how, ..) => how.binding(),
        Query::Compare(..) => COMPARES,
        Query::Age(_) => Math::Minus.binding(),
        Query::Math(how, ..) => how.binding(),
        Query::Number(_)
        | Query::Latest(_)
        | Query::Over(..)
        | Query::Aggregate(..)
        | Query::Top(..)
        | Query::Quantile(..)
        | Query::Absent(_)
        | Query::Recorded(_) => u8::MAX,
    }
}

fn grouped(name: &str, keys: &[Key]) -> String {
    if keys.is_empty() { name.to_owned() } else { format!("{name} by ({}) ", list(keys)) }
}

fn list(keys: &[Key]) -> String {
    keys.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", ")
}

fn condition(matcher: &Matcher) -> String {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match matcher {
        Matcher::Is(key, words) => one_of(key.as_str(), "=", &owned(words)),
        Matcher::Not(key, words) => one_of(key.as_str(), "!", &owned(words)),
        Matcher::Chosen(key) => format!("{}=~\"${}\"", key.as_str(), key.variable()),
    }
}

/// `=` or `!`: as a plain comparison for one word, as an expression for several.
fn one_of(name: &str, sign: &str, words: &[String]) -> String {
    let sign = match (sign, words.len()) {
        ("=", 1) => "=",
        ("=", _) => "=~",
        (_, 1) => "!=",
        (_, _) => "!~",
    };
    format!("{name}{sign}\"{}\"", words.join("|"))
}

/// How a bound may be spelled: as the gateway writes it, and as Prometheus 3 or OpenMetrics does.
fn spellings(bound: f64) -> Vec<String> {
    let mut spellings = vec![bound.to_string()];
    if !(SMALL..LARGE).contains(&bound) {
        let scientific = format!("{bound:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |e| ("-", e));
        spellings.push(format!("{digits}e{sign}{exponent:0>2}"));
    } else if bound.fract() == 0.0 {
        spellings.push(format!("{bound}.0"));
    }
    spellings
}

/// Without the last digits, which are noise of the arithmetic that made the number.
fn text(number: f64) -> String {
    let rounded = (number * 1e9).round() / 1e9;
    rounded.to_string()
}

// === impl Over ===

impl Over {
    const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Increase => "increase",
            Self::Changes => "changes",
            Self::Max => "max_over_time",
            Self::Min => "min_over_time",
            Self::Delta => "delta",
        }
    }
}

// === impl Aggregate ===

impl Aggregate {
    const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Min => "min",
            Self::Mean => "avg",
        }
    }
}

// === impl Math ===

impl Math {
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Per => "/",
        }
    }

    const fn binding(self) -> u8 {
        match self {
            Self::Plus | Self::Minus => COMPARES + 1,
            Self::Times | Self::Per => COMPARES + 2,
        }
    }
}

// === impl Comparison ===

impl Comparison {
    /// As Prometheus and CloudWatch's metric math spell it.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::Below => "<",
            Self::Equal => "==",
        }
    }
}

// === impl Set ===

impl Set {
    const fn word(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    const fn binding(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
        }
    }
}

// === impl Key ===

impl Key {
    /// The name of the dashboard variable that holds the reader's choice.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Tool => "tool",
            Self::Model => "model",
            Self::Target
            | Self::ErrorType
            | Self::Outcome
            | Self::Reason
            | Self::Phase
            | Self::Scope
            | Self::Signal
            | Self::Source
            | Self::Kind
            | Self::Action
            | Self::Direction
            | Self::State
            | Self::Event
            | Self::ProtocolVersion
            | Self::Issuer
            | Self::TokenType
            | Self::Operation
            | Self::Missing
            | Self::Version => self.as_str(),
        }
    }
}
