//! A single value is held against its rule in the schema.
//!
//! In: the scalar as read and the rule. Out: the scalar with its typed value, or
//! the mistake. Numbers and truth values are recognised only where the rule wants
//! them; elsewhere the characters are the value. It never prints what the
//! environment put in, only what the file says.

use serde_json::Value;

use crate::config::code;
use crate::config::expand::is_variable;
use crate::config::near::nearest;
use crate::config::placeholder::{holds_placeholder, is_placeholder};
use crate::config::reference::SecretRef;
use crate::config::report::{Mistake, Position, listing, quote};
use crate::config::text::{Format, FromText, format_named};
use crate::config::tree::Scalar;

type Refused = Box<Mistake>;

/// A rule of the schema, and the definition it came from.
pub(super) struct Rule<'a> {
    pub(super) definition: Option<&'a str>,
    pub(super) schema: &'a Value,
}

/// Where a scalar stands.
pub(super) struct Place<'a> {
    pub(super) at: Position,
    pub(super) name: &'a str,
    /// Within `stdio`, where text is handed on as it is.
    pub(super) in_command: bool,
}

/// A scalar under examination.
struct Subject<'a> {
    scalar: &'a Scalar,
    at: Position,
    name: &'a str,
}

/// Types the scalar.
///
/// # Errors
///
/// The first thing about it that does not fit.
pub(super) fn fit(scalar: Scalar, rule: &Rule<'_>, place: &Place<'_>) -> Result<Scalar, Refused> {
    let subject = Subject { scalar: &scalar, at: place.at, name: place.name };
    subject.check_placeholder(place.in_command)?;
    let words = words(rule.schema);
    let value = if let Some(format) = rule.definition.and_then(format_named) {
        subject.formatted(&format)?
    } else if !words.is_empty() {
        subject.word(&words)?
    } else {
        match rule.schema.get("type").and_then(Value::as_str) {
            Some("boolean") => subject.flag()?,
            Some("integer") => subject.integer(rule.schema)?,
            Some("number") => subject.number(rule.schema)?,
            Some(_) | None => subject.text(rule.schema)?,
        }
    };
    Ok(Scalar { value, ..scalar })
}

/// What a rule wants, with an example: "a duration, for example `30s`".
pub(super) fn expected(rule: &Rule<'_>) -> String {
    if let Some(format) = rule.definition.and_then(format_named) {
        return format!("{}, for example `{}`", format.what, format.example);
    }
    let words = words(rule.schema);
    if !words.is_empty() {
        return format!("one of {}", listing(words.iter().copied()));
    }
    let text = match rule.schema.get("type").and_then(Value::as_str) {
        Some("object") => "a mapping",
        Some("array") => "a list such as `[a, b]`",
        Some("boolean") => "`true` or `false`",
        Some("integer") => "a whole number such as `2`",
        Some("number") => "a number such as `1.5`",
        Some(_) | None => "text",
    };
    text.to_owned()
}

// === impl Subject ===

impl Subject<'_> {
    fn formatted(&self, format: &Format) -> Result<Value, Refused> {
        let Some(wrong) = (format.check)(&self.scalar.text) else { return Ok(self.as_text()) };
        if format.name == SecretRef::NAME && self.is_one_substitution() {
            return Err(self.put_in_secret());
        }
        let message = wrong
            .message
            .unwrap_or_else(|| format!("{} is not {}", quote(&self.scalar.written), format.what));
        let help = wrong.help.unwrap_or_else(|| format!("write for example `{}`", format.example));
        let hidden = (wrong.code == code::SECRET_IN_FILE).then_some(self.at);
        let mistake = Mistake::new(wrong.code, self.at, message).label(wrong.label).help(help);
        Err(Box::new(mistake.hide(hidden)))
    }

    /// `secret: ${TOKEN}` works by accident of the moment; `env:TOKEN` is meant.
    fn put_in_secret(&self) -> Refused {
        let written = &self.scalar.written;
        let name = written.trim_start_matches("${").trim_end_matches('}');
        let message = format!("{} is not a secret reference", quote(written));
        Box::new(
            Mistake::new(code::MALFORMED, self.at, message)
                .label("would put the secret itself here")
                .help(format!("write `env:{name}`")),
        )
    }

    fn is_one_substitution(&self) -> bool {
        let inner = self.scalar.written.strip_prefix("${").and_then(|s| s.strip_suffix('}'));
        inner.is_some_and(is_variable)
    }

    /// A value somebody forgot to replace; command lines may well hold `<x>`.
    fn check_placeholder(&self, in_command: bool) -> Result<(), Refused> {
        let text = &self.scalar.text;
        if !is_placeholder(text) && (in_command || !holds_placeholder(text)) {
            return Ok(());
        }
        let message = format!("{} is a placeholder", quote(&self.scalar.written));
        let mistake = Mistake::new(code::PLACEHOLDER, self.at, message);
        Err(Box::new(mistake.help("write the real value")))
    }

    fn word(&self, words: &[&str]) -> Result<Value, Refused> {
        if words.contains(&self.scalar.text.as_str()) {
            return Ok(self.as_text());
        }
        let allowed = listing(words.iter().copied());
        let help = match nearest(&self.scalar.written, words.iter().copied()) {
            Some(word) => format!("did you mean `{word}`? The values are {allowed}"),
            None => format!("the values are {allowed}"),
        };
        let message = format!("{} is not a value of {}", quote(&self.scalar.written), self.name);
        Err(Box::new(Mistake::new(code::UNKNOWN_VALUE, self.at, message).help(help)))
    }

    fn flag(&self) -> Result<Value, Refused> {
        match (self.is_bare(), self.scalar.text.as_str()) {
            (true, "true" | "True" | "TRUE") => Ok(Value::Bool(true)),
            (true, "false" | "False" | "FALSE") => Ok(Value::Bool(false)),
            (_, text) => {
                let help = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "true" => "write `true`, without quotes",
                    "no" | "off" | "false" => "write `false`, without quotes",
                    _ => "write `true` or `false`",
                };
                Err(self.wrong_type("`true` or `false`", help))
            }
        }
    }

    fn integer(&self, schema: &Value) -> Result<Value, Refused> {
        let parsed = self.scalar.text.parse::<i64>().ok().filter(|_| self.is_bare());
        let Some(number) = parsed else {
            return Err(self.wrong_type("a whole number", "write digits only, without quotes"));
        };
        let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
        let most = schema.get("maximum").and_then(Value::as_i64).unwrap_or(i64::MAX);
        if (least..=most).contains(&number) {
            return Ok(Value::from(number));
        }
        Err(self.out_of_range(&format!("{least} to {most}")))
    }

    fn number(&self, schema: &Value) -> Result<Value, Refused> {
        // `inf` and `nan` parse as floats, and are no numbers here.
        let is_finite = |number: &f64| number.is_finite() && self.is_bare();
        let Some(number) = self.scalar.text.parse::<f64>().ok().filter(is_finite) else {
            return Err(self.wrong_type("a number", "write for example `1.5`, without quotes"));
        };
        let least = schema.get("minimum").and_then(Value::as_f64).unwrap_or(f64::MIN);
        let most = schema.get("maximum").and_then(Value::as_f64).unwrap_or(f64::MAX);
        if (least..=most).contains(&number) {
            return Ok(Value::from(number));
        }
        Err(self.out_of_range(&format!("{least} to {most}")))
    }

    fn text(&self, schema: &Value) -> Result<Value, Refused> {
        let length = self.scalar.text.chars().count();
        let limit = |key| schema.get(key).and_then(Value::as_u64).map(usize::try_from);
        let problem = if limit("minLength").is_some_and(|least| least.is_ok_and(|n| length < n)) {
            "is empty"
        } else if limit("maxLength").is_some_and(|most| most.is_ok_and(|n| length > n)) {
            "is too long"
        } else {
            return Ok(self.as_text());
        };
        let message = format!("{} {problem}", self.name);
        let most = schema.get("maxLength").and_then(Value::as_u64);
        let help = match most {
            Some(most) => format!("write 1 to {most} characters"),
            None => "write at least one character, or remove it".to_owned(),
        };
        Err(Box::new(Mistake::new(code::MALFORMED, self.at, message).help(help)))
    }

    /// Whether it may be a number or truth value: without quotes, or from the
    /// environment, since `"${NAME}"` needs quotes inside brackets.
    fn is_bare(&self) -> bool {
        self.scalar.plain || self.scalar.is_substituted()
    }

    fn as_text(&self) -> Value {
        Value::from(self.scalar.text.as_str())
    }

    fn wrong_type(&self, expected: &str, help: &str) -> Refused {
        let written = quote(&self.scalar.written);
        let kind = if self.scalar.plain { "" } else { "text " };
        let message = format!("{} must be {expected}, found {kind}{written}", self.name);
        Box::new(Mistake::new(code::WRONG_TYPE, self.at, message).help(help))
    }

    fn out_of_range(&self, range: &str) -> Refused {
        let written = quote(&self.scalar.written);
        let message = format!("{written} is out of range for {}", self.name);
        let help = format!("write a number from {range}");
        Box::new(Mistake::new(code::OUT_OF_RANGE, self.at, message).help(help))
    }
}

/// The words a choice allows; none when the rule is not a choice.
fn words(schema: &Value) -> Vec<&str> {
    let choices = schema.get("oneOf").and_then(Value::as_array);
    choices
        .into_iter()
        .flatten()
        .filter_map(|choice| choice.get("const").and_then(Value::as_str))
        .collect()
}
