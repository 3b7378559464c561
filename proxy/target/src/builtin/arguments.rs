//! The arguments of a built-in tool.
//!
//! Enters: a caller's request. Leaves: numbers within their ranges. Never: an argument that the
//! schema does not name; every refusal says what would be right.

use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::{Map, Value};
use toolgate_call::{Call, Span};

/// `params.arguments`, an object.
#[derive(Debug, Default)]
pub(crate) struct Arguments(Map<String, Value>);

/// An integer that a tool takes.
#[derive(Debug)]
pub(super) struct Integer {
    /// Its name.
    pub(super) name: &'static str,
    /// What it may be.
    pub(super) range: RangeInclusive<i64>,
    /// What it is when it is not given; without one it must be given.
    pub(super) default: Option<i64>,
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    params: Params,
}

#[derive(Default, Deserialize)]
struct Params {
    arguments: Option<Value>,
}

// === impl Arguments ===

impl Arguments {
    /// The arguments of a call.
    ///
    /// # Errors
    /// The sentence for the model, when they are not an object.
    pub(crate) fn of(call: &Call) -> Result<Self, String> {
        let whole = Span { start: 0, end: call.frame.len() };
        let body = call.frame.slice(whole).unwrap_or_default();
        let request: Request = serde_json::from_slice(body)
            .map_err(|_| "the arguments cannot be read; send them as one JSON object".to_owned())?;
        match request.params.arguments {
            None => Ok(Self::default()),
            Some(Value::Object(members)) => Ok(Self(members)),
            Some(_) => Err("`arguments` must be a JSON object".into()),
        }
    }

    /// All of them, unchecked.
    pub(crate) fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// The one integer that a tool takes.
    ///
    /// # Errors
    /// The sentence for the model.
    pub(super) fn integer(&self, wanted: &Integer) -> Result<i64, String> {
        self.only(&[wanted.name])?;
        let Integer { name, range, default } = wanted;
        let bounds = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(value) = self.0.get(*name) else {
            return default.ok_or_else(|| format!("`{name}` is missing; give {bounds}"));
        };
        whole(value)
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("`{name}` is {value}, but must be {bounds}"))
    }

    /// Sees to it that nothing else is given.
    ///
    /// # Errors
    /// The sentence for the model.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), String> {
        let Some(stranger) = self.0.keys().find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let known = match known {
            [] => "this tool takes no arguments".to_owned(),
            known => format!("this tool takes only: {}", known.join(", ")),
        };
        Err(format!("there is no argument `{stranger}`; {known}. Call again without it"))
    }
}

/// The value as an integer; JSON Schema counts 2.0 as one.
fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT)?;
    format!("{number:.0}").parse().ok()
}
