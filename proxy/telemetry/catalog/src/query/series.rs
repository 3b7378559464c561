//! Which series of a family a question reads.
//!
//! Enters: a family, conditions on its labels. Leaves: the selection, checked against the
//! catalogue. Never: a condition that no series can meet, or that every series meets.

use super::{Window, Wrong};
use crate::{Key, Kind, Metric, OTHER, Values, agent};

/// What Prometheus itself says of a scrape; not the gateway's, so not in the catalogue's lists.
pub mod scrape {
    use crate::{Metric, Unit};

    /// 1 if the last scrape was answered.
    pub const UP: Metric =
        Metric::gauge("up", Unit::One, "Whether the last scrape of a gateway was answered.");

    /// How long it took.
    pub const DURATION: Metric =
        Metric::gauge("scrape_duration_seconds", Unit::Seconds, "Duration of a scrape.");

    /// The job under which gateways are scraped.
    pub const JOB: &str = "toolgate";

    /// The job under which agents are.
    pub const AGENT_JOB: &str = "toolgate-agent";
}

/// Some series of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    metric: &'static Metric,
    part: Part,
    matchers: Vec<Matcher>,
    ago: Option<Window>,
}

/// What of a family's samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// The value of a counter or a gauge.
    Whole,
    /// How many observations.
    Count,
    /// The sum of the observations.
    Sum,
    /// All buckets.
    Buckets,
    /// The observations up to a bound.
    UpTo(f64),
}

/// A condition on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// One of these words.
    Is(Key, Vec<&'static str>),
    /// None of these words.
    Not(Key, Vec<&'static str>),
    /// What the reader of a dashboard has chosen.
    Chosen(Key),
}

// === impl Series ===

impl Series {
    /// All series of a family.
    #[must_use]
    pub const fn of(metric: &'static Metric) -> Self {
        Self { metric, part: Part::Whole, matchers: Vec::new(), ago: None }
    }

    /// Those with that word.
    #[must_use]
    pub fn is(self, key: Key, word: &'static str) -> Self {
        self.any(key, &[word])
    }

    /// Those with one of these words.
    #[must_use]
    pub fn any(self, key: Key, words: &[&'static str]) -> Self {
        self.matching(Matcher::Is(key, words.to_vec()))
    }

    /// Those with none of these words.
    #[must_use]
    pub fn not(self, key: Key, words: &[&'static str]) -> Self {
        self.matching(Matcher::Not(key, words.to_vec()))
    }

    /// Those that name a target, tool, … at all.
    #[must_use]
    pub fn named(self, key: Key) -> Self {
        self.not(key, &[""])
    }

    /// Those that the reader of a dashboard has chosen.
    #[must_use]
    pub fn chosen(self, key: Key) -> Self {
        self.matching(Matcher::Chosen(key))
    }

    /// The number of observations.
    #[must_use]
    pub fn count(self) -> Self {
        Self { part: Part::Count, ..self }
    }

    /// The sum of observations.
    #[must_use]
    pub fn total(self) -> Self {
        Self { part: Part::Sum, ..self }
    }

    /// All buckets.
    #[must_use]
    pub fn buckets(self) -> Self {
        Self { part: Part::Buckets, ..self }
    }

    /// The observations up to a bound.
    #[must_use]
    pub fn up_to(self, bound: f64) -> Self {
        Self { part: Part::UpTo(bound), ..self }
    }

    /// The same, so long ago.
    #[must_use]
    pub fn ago(self, window: Window) -> Self {
        Self { ago: Some(window), ..self }
    }

    /// The family.
    #[must_use]
    pub const fn metric(&self) -> &'static Metric {
        self.metric
    }

    /// What of its samples.
    #[must_use]
    pub const fn part(&self) -> Part {
        self.part
    }

    /// The conditions.
    #[must_use]
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The job by which alone our series are told from others' if other programs use the name too.
    #[must_use]
    pub fn job(&self) -> Option<&'static str> {
        let is_ours = self.metric.name.starts_with("toolgate_");
        let is_agents = || agent::FAMILIES.iter().any(|family| family.name == self.metric.name);
        match is_ours {
            true => None,
            false if is_agents() => Some(scrape::AGENT_JOB),
            false => Some(scrape::JOB),
        }
    }

    /// How long ago.
    #[must_use]
    pub const fn offset(&self) -> Option<Window> {
        self.ago
    }

    /// # Errors
    /// A label that the family lacks, a word outside its domain, a part that it does not have.
    pub(super) fn check(&self) -> Result<(), Wrong> {
        let histogram = self.metric.kind == Kind::Histogram;
        if histogram == (self.part == Part::Whole) {
            return Err(Wrong::NotFor("this part of the samples", self.metric.name));
        }
        if let Part::UpTo(bound) = self.part
            && !self.metric.buckets.is_some_and(|bounds| bounds.contains(&bound))
        {
            return Err(Wrong::NotABound(self.metric.name, bound));
        }
        self.matchers.iter().try_for_each(|matcher| self.check_matcher(matcher))
    }

    fn matching(mut self, matcher: Matcher) -> Self {
        self.matchers.push(matcher);
        self
    }

    fn check_matcher(&self, matcher: &Matcher) -> Result<(), Wrong> {
        match matcher {
            Matcher::Is(key, words) | Matcher::Not(key, words) => {
                words.iter().try_for_each(|word| self.check_word(*key, word))
            }
            Matcher::Chosen(key) => self.values(*key).map(|_| ()),
        }
    }

    /// Of targets, tools and issuers, only the two words are known that are not configured.
    fn check_word(&self, key: Key, word: &'static str) -> Result<(), Wrong> {
        let known = match self.values(key)?.listed() {
            Some(words) => words.contains(&word),
            None => word.is_empty() || word == OTHER,
        };
        if known { Ok(()) } else { Err(Wrong::NotAWord(self.metric.name, key, word)) }
    }

    fn values(&self, key: Key) -> Result<Values, Wrong> {
        let label = self.metric.label(key).ok_or(Wrong::NoLabel(self.metric.name, key))?;
        Ok(label.values)
    }
}
