//! What `/metrics` says, as numbers that can be added up.
//!
//! In: the Prometheus text format, version 0.0.4. Out: samples by name and labels. It never
//! guesses: a line that is not well formed is an error.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// All samples of one scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Vec<Sample>);

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name with its suffix (`_total`, `_bucket`, `_sum`, `_count`).
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Metrics {
    /// Reads a scrape.
    ///
    /// # Errors
    /// When a line is neither a comment nor a sample.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines.map(|line| {
            Sample::parse(line).with_context(|| format!("the metrics line {line:?} is not one"))
        });
        Ok(Self(samples.collect::<Result<_>>()?))
    }

    /// The samples of that name that have all of these labels.
    pub fn select<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| {
            sample.name == name && labels.iter().all(|(key, value)| sample.label(key) == *value)
        })
    }

    /// Their sum; 0 when there are none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.select(name, labels).map(|sample| sample.value).sum()
    }

    /// Their sum by the value of one label.
    #[must_use]
    pub fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.select(name, &[]) {
            *sums.entry(sample.label(label).to_owned()).or_default() += sample.value;
        }
        sums
    }
}

impl Sample {
    /// The value of a label; empty when it is not there, as Prometheus has it.
    #[must_use]
    pub fn label(&self, key: &str) -> &str {
        self.labels.get(key).map_or("", String::as_str)
    }

    fn parse(line: &str) -> Result<Self> {
        let (series, value) = line.rsplit_once(' ').context("no value")?;
        let value = value.parse().context("the value is not a number")?;
        let Some((name, rest)) = series.split_once('{') else {
            return Ok(Self { name: series.to_owned(), labels: BTreeMap::new(), value });
        };
        let inner = rest.strip_suffix('}').context("labels without an end")?;
        Ok(Self { name: name.to_owned(), labels: labels(inner)?, value })
    }
}

/// `key="value",…` with `\\`, `\"` and `\n` in values.
fn labels(text: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = text.chars().peekable();
    while rest.peek().is_some() {
        let key: String = std::iter::from_fn(|| rest.next_if(|c| *c != '=')).collect();
        ensure!(rest.next() == Some('=') && rest.next() == Some('"'), "no value for {key}");
        let mut value = String::new();
        loop {
            match rest.next().context("a value without an end")? {
                '"' => break,
                '\\' => value.push(match rest.next() {
                    Some('n') => '\n',
                    Some(other) => other,
                    None => '\\',
                }),
                other => value.push(other),
            }
        }
        found.insert(key, value);
        if rest.next_if_eq(&',').is_none() {
            ensure!(rest.peek().is_none(), "something behind a value");
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn samples_are_selected_by_their_labels_and_added_up() {
        let text = "# TYPE a counter\na_total{x=\"1\",y=\"say \\\"hi\\\", {you}\"} 2\n\
                    a_total{x=\"2\"} 3\n\nb 1.5\n";
        let metrics = Metrics::parse(text).unwrap();
        assert_eq!(metrics.sum("a_total", &[]), 5.0);
        assert_eq!(metrics.sum("a_total", &[("y", "say \"hi\", {you}")]), 2.0);
        assert_eq!(metrics.sum("a_total", &[("x", "3")]), 0.0);
        assert_eq!(metrics.sum("b", &[]), 1.5);
        assert_eq!(metrics.by("a_total", "x")["2"], 3.0);
    }

    #[test]
    fn a_line_that_is_not_a_sample_is_an_error() {
        assert!(Metrics::parse("a_total{x=1} 2").is_err());
        assert!(Metrics::parse("a_total one").is_err());
    }
}
