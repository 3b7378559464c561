//! Numbers to try an alert with.
//!
//! Enters: families, label values, and how the numbers go. Leaves: series as promtool writes them.
//! Never: a label that the family lacks, or a word outside its domain: a test must not share a
//! mistake with the rule it tests.

use toolgate_telemetry_catalog::query::{Part, Series};
use toolgate_telemetry_catalog::{Key, Metric};

/// The gateway that all series come from.
pub(crate) const INSTANCE: &str = "gateway-1:9464";

/// Series, and when to look.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The series.
    pub samples: Vec<Sample>,
    /// After how many minutes the alert is looked at.
    pub at: u32,
}

/// A series.
#[derive(Clone, Debug)]
pub struct Sample {
    metric: &'static Metric,
    part: Part,
    labels: Vec<(Key, &'static str)>,
    values: Values,
}

/// How the numbers of a series go, minute by minute.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// The same all the time.
    Steady(f64),
    /// From 0, so much more each minute.
    Rising(f64),
    /// From 0, so much more each minute; from a minute on another amount.
    Bent(f64, u32, f64),
    /// One value, and from a minute on another.
    Step(f64, u32, f64),
}

// === impl Scene ===

impl Scene {
    /// Nothing yet, looked at after so many minutes.
    pub(crate) const fn new(at: u32) -> Self {
        Self { samples: Vec::new(), at }
    }

    /// With a counter or a gauge.
    pub(crate) fn with(
        self,
        metric: &'static Metric,
        labels: &[(Key, &'static str)],
        values: Values,
    ) -> Self {
        self.part(metric, Part::Whole, labels, values)
    }

    /// With a histogram of which so many observations a minute are, and so many of them are no
    /// larger than a bound.
    pub(crate) fn observed(
        self,
        metric: &'static Metric,
        labels: &[(Key, &'static str)],
        all: Values,
        up_to: &[(f64, Values)],
    ) -> Self {
        let scene = self.part(metric, Part::Count, labels, all).part(
            metric,
            Part::UpTo(f64::INFINITY),
            labels,
            all,
        );
        up_to.iter().fold(scene, |scene, (bound, values)| {
            scene.part(metric, Part::UpTo(*bound), labels, *values)
        })
    }

    /// With a histogram's sum and count.
    pub(crate) fn summed(
        self,
        metric: &'static Metric,
        labels: &[(Key, &'static str)],
        count: Values,
        sum: Values,
    ) -> Self {
        self.part(metric, Part::Count, labels, count).part(metric, Part::Sum, labels, sum)
    }

    fn part(
        mut self,
        metric: &'static Metric,
        part: Part,
        labels: &[(Key, &'static str)],
        values: Values,
    ) -> Self {
        self.samples.push(Sample { metric, part, labels: labels.to_vec(), values });
        self
    }
}

// === impl Sample ===

impl Sample {
    /// The series' name and labels.
    ///
    /// # Errors
    /// What of it does not exist.
    pub fn series(&self) -> Result<String, String> {
        self.check()?;
        let job = Series::of(self.metric).job().unwrap_or("toolgate");
        let mut labels = vec![("job".to_owned(), job.to_owned())];
        labels.push(("instance".to_owned(), INSTANCE.to_owned()));
        // An empty label is no label.
        let ours = self.labels.iter().filter(|(_, value)| !value.is_empty());
        labels.extend(ours.map(|(key, value)| (key.as_str().to_owned(), (*value).to_owned())));
        let suffix = match self.part {
            Part::Whole => "",
            Part::Count => "_count",
            Part::Sum => "_sum",
            Part::Buckets | Part::UpTo(_) => "_bucket",
        };
        if let Part::UpTo(bound) = self.part {
            let le = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            labels.push(("le".to_owned(), le));
        }
        let labels: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        Ok(format!("{}{suffix}{{{}}}", self.metric.name, labels.join(",")))
    }

    /// The numbers, from the start to some minutes after the look.
    #[must_use]
    pub fn values(&self, minutes: u32) -> String {
        let text = |number: f64| ((number * 1e6).round() / 1e6).to_string();
        match self.values {
            Values::Steady(value) => format!("{}x{minutes}", text(value)),
            Values::Rising(step) => format!("0+{}x{minutes}", text(step)),
            Values::Bent(first, bend, then) => {
                let next = first.mul_add(f64::from(bend), then);
                let left = minutes.saturating_sub(bend);
                let (first, next, then) = (text(first), text(next), text(then));
                format!("0+{first}x{bend} {next}+{then}x{left}")
            }
            Values::Step(first, step, then) => {
                let left = minutes.saturating_sub(step);
                format!("{}x{step} {}x{left}", text(first), text(then))
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        let name = self.metric.name;
        if self.labels.len() != self.metric.labels.len() {
            return Err(format!("{name} has {} labels", self.metric.labels.len()));
        }
        if let Part::UpTo(bound) = self.part
            && bound.is_finite()
            && !self.metric.buckets.is_some_and(|bounds| bounds.contains(&bound))
        {
            return Err(format!("{bound} is not a bucket bound of {name}"));
        }
        for (key, value) in &self.labels {
            let label = self.metric.label(*key);
            let label = label.ok_or_else(|| format!("{name} has no label {}", key.as_str()))?;
            if label.values.listed().is_some_and(|words| !words.contains(value)) {
                return Err(format!("{} of {name} is never {value:?}", key.as_str()));
            }
        }
        Ok(())
    }
}
