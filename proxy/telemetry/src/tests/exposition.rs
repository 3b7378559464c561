//! Reads the text exposition, strictly enough to notice what Prometheus would refuse.

use std::collections::BTreeMap;

/// One line of numbers.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Name and type of every family.
pub(crate) fn families(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(found.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
    }
    found
}

/// Every sample.
pub(crate) fn samples(text: &str) -> impl Iterator<Item = Sample> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(sample)
}

/// The value of the one series that is spelled so.
pub(crate) fn number(text: &str, series: &str) -> f64 {
    let mut found = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = found.next().unwrap_or_else(|| panic!("no series {series}"));
    assert!(found.next().is_none(), "{series} twice");
    value.parse().unwrap()
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match series.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}').unwrap()),
        None => (series, ""),
    };
    let labels = labels.split_terminator(',').map(|pair| {
        let (key, value) = pair.split_once('=').unwrap();
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap();
        (key.to_owned(), value.to_owned())
    });
    Sample { name: name.to_owned(), labels: labels.collect(), value: value.parse().unwrap() }
}
