//! Lines of the Embedded Metric Format, read strictly.
//!
//! In: text. Out: the metrics in it, or what breaks the specification (CloudWatch user guide,
//! "Specification: Embedded metric format", and the limits named there). It shares no code with the
//! gateway, and takes nothing that the specification leaves open.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// Bytes of a log event.
const LINE: usize = 256 * 1024;
const METRICS: usize = 100;
const VALUES: usize = 100;
const DIMENSIONS: usize = 30;
const UNITS: [&str; 2] = ["Count", "Milliseconds"];

/// A metric with one set of dimensions.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Its unit.
    pub unit: String,
    /// Values with how often each occurred.
    pub values: Vec<(f64, f64)>,
    /// Milliseconds since 1970.
    pub at: u64,
}

impl Metric {
    /// All values added up.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.values.iter().map(|(value, count)| value * count).sum()
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.values.iter().map(|(_, count)| count).sum()
    }
}

/// The metrics of all lines.
///
/// # Errors
/// What breaks the specification, with the line.
pub fn read(text: &str) -> Result<Vec<Metric>> {
    ensure!(text.is_empty() || text.ends_with('\n'), "the last line is not whole");
    let lines = text.lines().enumerate();
    let metrics =
        lines.map(|(n, text)| line(text).with_context(|| format!("line {n}: {text:.300}")));
    Ok(metrics.collect::<Result<Vec<_>>>()?.concat())
}

fn line(text: &str) -> Result<Vec<Metric>> {
    ensure!(text.len() < LINE, "{} bytes", text.len());
    let root: Map<String, Value> = serde_json::from_str(text)?;
    let aws = members(root.get("_aws").context("no _aws")?, &["Timestamp", "CloudWatchMetrics"])?;
    let at = aws.get("Timestamp").and_then(Value::as_u64).context("no whole Timestamp")?;
    let directives = array(aws.get("CloudWatchMetrics"))?;
    ensure!(!directives.is_empty(), "no directive");
    let mut used = BTreeSet::from(["_aws".to_owned()]);
    let mut found = Vec::new();
    for directive in directives {
        let directive = members(directive, &["Namespace", "Dimensions", "Metrics"])?;
        let namespace = text_of(directive.get("Namespace"), 255)?;
        let metrics = array(directive.get("Metrics"))?;
        ensure!((1..=METRICS).contains(&metrics.len()), "{} metrics", metrics.len());
        let sets = array(directive.get("Dimensions"))?;
        ensure!(!sets.is_empty(), "no set of dimensions");
        for set in sets {
            let dimensions = dimensions(set, &root)?;
            used.extend(dimensions.keys().cloned());
            for metric in metrics {
                let metric = members(metric, &["Name", "Unit"])?;
                let name = text_of(metric.get("Name"), 255)?;
                let unit = text_of(metric.get("Unit"), 255)?;
                ensure!(UNITS.contains(&&*unit), "unit {unit}");
                let values = values(root.get(&name).with_context(|| format!("no member {name}"))?)?;
                ensure!(!dimensions.contains_key(&name), "{name} is a dimension as well");
                used.insert(name.clone());
                let (namespace, dimensions) = (namespace.clone(), dimensions.clone());
                found.push(Metric { namespace, name, dimensions, unit, values, at });
            }
        }
    }
    let odd: Vec<_> = root.keys().filter(|key| !used.contains(*key)).collect();
    ensure!(odd.is_empty(), "members that nothing refers to: {odd:?}");
    Ok(found)
}

fn dimensions(set: &Value, root: &Map<String, Value>) -> Result<BTreeMap<String, String>> {
    let names = array(Some(set))?;
    ensure!(names.len() <= DIMENSIONS, "{} dimensions", names.len());
    let pair = |name: &Value| {
        let name = text_of(Some(name), 250)?;
        let value = text_of(root.get(&name), 1024).with_context(|| format!("dimension {name}"))?;
        anyhow::Ok((name, value))
    };
    let pairs: BTreeMap<_, _> = names.iter().map(pair).collect::<Result<_>>()?;
    ensure!(pairs.len() == names.len(), "a dimension twice");
    Ok(pairs)
}

fn values(member: &Value) -> Result<Vec<(f64, f64)>> {
    if let Some(value) = member.as_f64() {
        return Ok(vec![(value, 1.0)]);
    }
    let member = members(member, &["Values", "Counts"])?;
    let numbers = |key: &str| -> Result<Vec<f64>> {
        let numbers = array(member.get(key))?.iter().map(Value::as_f64);
        numbers.collect::<Option<Vec<_>>>().with_context(|| format!("{key} holds no numbers"))
    };
    let (values, counts) = (numbers("Values")?, numbers("Counts")?);
    ensure!((1..=VALUES).contains(&values.len()), "{} values", values.len());
    ensure!(values.len() == counts.len(), "{} values, {} counts", values.len(), counts.len());
    ensure!(counts.iter().all(|count| *count > 0.0), "a count of none");
    Ok(values.into_iter().zip(counts).collect())
}

/// An object with exactly these members.
fn members<'a>(value: &'a Value, known: &[&str]) -> Result<&'a Map<String, Value>> {
    let Value::Object(members) = value else { bail!("{value} is no object") };
    let keys: BTreeSet<&str> = members.keys().map(String::as_str).collect();
    ensure!(keys == known.iter().copied().collect(), "members {keys:?}, not {known:?}");
    Ok(members)
}

fn array(value: Option<&Value>) -> Result<&[Value]> {
    value.and_then(Value::as_array).map(Vec::as_slice).context("an array is missing")
}

fn text_of(value: Option<&Value>, most: usize) -> Result<String> {
    let text = value.and_then(Value::as_str).context("a text is missing")?;
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    ensure!(!text.is_empty() && text.len() <= most && plain, "the text {text:?}");
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    //! What is taken, and what is not.

    use super::read;

    fn line(aws: &str, root: &str) -> String {
        format!(r#"{{"_aws":{{"Timestamp":1,"CloudWatchMetrics":[{aws}]}},{root}}}"#) + "\n"
    }

    const ONE: &str =
        r#"{"Namespace":"N","Dimensions":[["T"]],"Metrics":[{"Name":"M","Unit":"Count"}]}"#;

    #[test]
    fn only_what_the_specification_says_is_taken() {
        let found = read(&line(ONE, r#""T":"a","M":{"Values":[1,2.5],"Counts":[3,1]}"#)).unwrap();
        assert_eq!((found.len(), found[0].sum(), found[0].count()), (1, 5.5, 4.0));
        assert!(read(&line(ONE, r#""T":"a","M":4"#)).is_ok());
        for root in [
            r#""T":"a""#,
            r#""M":4"#,
            r#""T":1,"M":4"#,
            r#""T":"","M":4"#,
            r#""T":"ä","M":4"#,
            r#""T":"a","M":"4""#,
            r#""T":"a","M":[4]"#,
            r#""T":"a","M":4,"more":1"#,
            r#""T":"a","M":{"Values":[1],"Counts":[1,2]}"#,
            r#""T":"a","M":{"Values":[1],"Counts":[0]}"#,
            r#""T":"a","M":{"Values":[],"Counts":[]}"#,
            r#""T":"a","M":{"Values":[1]}"#,
        ] {
            assert!(read(&line(ONE, root)).is_err(), "{root}");
        }
        let unit = ONE.replace("Count", "Calls");
        assert!(read(&line(&unit, r#""T":"a","M":4"#)).is_err());
        let no_set = ONE.replace(r#"[["T"]]"#, "[]");
        assert!(read(&line(&no_set, r#""M":4"#)).is_err());
        assert!(read(line(ONE, r#""T":"a","M":4"#).trim_end()).is_err());
        let long = "1,".repeat(100);
        let many = format!(r#""T":"a","M":{{"Values":[{long}1],"Counts":[{long}1]}}"#);
        assert!(read(&line(ONE, &many)).is_err());
    }
}
