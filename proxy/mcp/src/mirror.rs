//! Arguments that stand in headers as well (`x-mcp-header`; streamable-http, "Custom Headers").
//!
//! Enters: the schema of a tool, a caller's arguments and what it has sent beside them. Leaves: which
//! arguments these are; agreement, or `HeaderMismatch`; and the values for a target. Never: an
//! argument of a tool that asks for nothing of the kind; never a value judged that is not the one
//! that is passed on.

mod client;

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use toolgate_call::{Case, Frame, Members, Mirrored, Refusal, Span};

pub use client::HeaderParams;

const KEYWORD: &str = "x-mcp-header";
/// Keywords whose values are data, not schemas.
const DATA: [&str; 4] = ["default", "examples", "enum", "const"];
/// What surrounds a value that could not stand in a header as it is.
const SENTINEL: (&str, &str) = ("=?base64?", "?=");
/// The largest integer that every reader of JSON knows exactly.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// An argument that stands in a header as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirror {
    /// The name behind `Mcp-Param-`, in lower case.
    name: Box<str>,
    /// Where the argument is.
    path: Vec<Box<str>>,
}

/// The arguments of a schema that stand in headers as well.
///
/// # Errors
/// Why a client must do without the tool.
pub(crate) fn read(schema: &RawValue) -> Result<Vec<Mirror>, String> {
    if memmem::find(schema.get().as_bytes(), KEYWORD.as_bytes()).is_none() {
        return Ok(Vec::new());
    }
    let schema: Value = serde_json::from_str(schema.get()).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    walk(&schema, Some(&[]), &mut found)?;
    let mut names = HashSet::new();
    match found.iter().find(|mirror| !names.insert(&*mirror.name)) {
        Some(twice) => Err(format!("{KEYWORD} `{}` is there twice", twice.name)),
        None => Ok(found),
    }
}

/// Looks through a schema; `path`: where the property is, if it can be reached by names alone.
fn walk(schema: &Value, path: Option<&[Box<str>]>, found: &mut Vec<Mirror>) -> Result<(), String> {
    let members = match schema {
        Value::Array(items) => return items.iter().try_for_each(|item| walk(item, None, found)),
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Ok(()),
    };
    for (key, value) in members {
        match (key.as_str(), value) {
            (KEYWORD, name) => found.push(annotated(name, members.get("type"), path)?),
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    let below = path.map(|path| [path, &[Box::from(&**name)]].concat());
                    walk(property, below.as_deref(), found)?;
                }
            }
            (key, _) if DATA.contains(&key) => {}
            (_, value) => walk(value, None, found)?,
        }
    }
    Ok(())
}

fn annotated(
    name: &Value,
    kind: Option<&Value>,
    path: Option<&[Box<str>]>,
) -> Result<Mirror, String> {
    let name = name.as_str().filter(|name| is_token(name));
    let name = name.ok_or_else(|| format!("{KEYWORD} is not the name of a header"))?;
    let simple = matches!(kind.and_then(Value::as_str), Some("string" | "integer" | "boolean"));
    if !simple {
        return Err(format!("{KEYWORD} `{name}` is not that of a string, an integer or a boolean"));
    }
    let path = path.filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| format!("{KEYWORD} `{name}` stands where no name leads"))?;
    Ok(Mirror { name: name.to_ascii_lowercase().into(), path: path.to_vec() })
}

/// RFC 9110 section 5.6.2.
fn is_token(name: &str) -> bool {
    let is_mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

/// The value of an argument, as far as it can stand in a header.
#[derive(Clone, Debug, PartialEq)]
enum Argument {
    Text(String),
    Number(String),
    Word(&'static str),
}

/// What a call says in headers to a target, once it is known to say the same as the body: that of the
/// arguments, and what the caller has sent under names that are unknown here.
///
/// # Errors
/// [`Case::HeaderMismatch`] where a caller that is `bound` to say the same has not.
pub(crate) fn mirrored(
    mirrors: &[Mirror],
    frame: &Frame,
    sent: &[Mirrored],
    bound: bool,
) -> Result<Vec<Mirrored>, Refusal> {
    let unknown = |sent: &&Mirrored| !mirrors.iter().any(|mirror| mirror.name == sent.name);
    // Decoded, like all others; what cannot be decoded cannot be passed on.
    let decoded = |sent: &Mirrored| {
        let value = plain(sent.value.as_deref()?)?.into_owned();
        Some(Mirrored { name: sent.name.clone(), value: Some(value.into()) })
    };
    let mut out: Vec<Mirrored> = sent.iter().filter(unknown).filter_map(decoded).collect();
    if mirrors.is_empty() {
        return Ok(out);
    }
    let all = frame.slice(Span { start: 0, end: frame.len() }).unwrap_or_default();
    let message: Option<Message<'_>> = serde_json::from_slice(all).ok();
    let arguments = message.and_then(|message| message.params.arguments);
    for mirror in mirrors {
        let found = arguments.map(|arguments| find(arguments, &mirror.path)).transpose()?;
        let value = found.flatten().and_then(Argument::of);
        if bound {
            agree(&mirror.name, value.as_ref(), sent)?;
        }
        let value = value.map(|value| value.into_text());
        out.extend(
            value.map(|value| Mirrored { name: mirror.name.clone(), value: Some(value.into()) }),
        );
    }
    Ok(out)
}

/// Whether exactly one header says what the argument says, or none if there is no argument.
fn agree(name: &str, value: Option<&Argument>, sent: &[Mirrored]) -> Result<(), Refusal> {
    let mut headers = sent.iter().filter(|header| *header.name == *name);
    let (first, second) = (headers.next(), headers.next());
    let wrong = |what: &str| {
        let message = format!("header mismatch: the header mcp-param-{name} {what}");
        Err(Refusal::new(Case::HeaderMismatch, message))
    };
    match (first, value) {
        (None, None) => Ok(()),
        (None, Some(_)) => wrong("is missing"),
        (Some(_), _) if second.is_some() => wrong("comes twice"),
        (Some(_), None) => wrong("says what the arguments do not"),
        (Some(header), Some(value)) => {
            let Some(text) = header.value.as_deref() else { return wrong("is not plain ASCII") };
            let Some(text) = plain(text) else { return wrong("is not valid Base64") };
            if value.says(&text) { Ok(()) } else { wrong("differs from the body") }
        }
    }
}

/// Undoes the Base64 sentinel; a value that lacks either end of it is literal.
fn plain(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix(SENTINEL.0).and_then(|rest| rest.strip_suffix(SENTINEL.1));
    let Some(inner) = inner else { return Some(Cow::Borrowed(text)) };
    let bytes = STANDARD.decode(inner).ok()?;
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// The value at a path; an error if one of its names is there twice, of which another reader might
/// take the other.
fn find<'a>(arguments: &'a RawValue, path: &[Box<str>]) -> Result<Option<&'a RawValue>, Refusal> {
    let mut at = arguments;
    for name in path {
        if !at.get().starts_with('{') {
            return Ok(None);
        }
        let Members(members) = serde_json::from_str(at.get()).map_err(|_| odd(name))?;
        let mut named = members.into_iter().filter(|(key, _)| **key == **name);
        let Some((_, value)) = named.next() else { return Ok(None) };
        if named.next().is_some() {
            return Err(odd(name));
        }
        at = value;
    }
    Ok(Some(at))
}

fn odd(name: &str) -> Refusal {
    let message = format!("the argument `{name}`, which a header repeats, is there twice");
    Refusal::new(Case::ParamsInvalid, message)
}

// === impl Argument ===

impl Argument {
    /// Of `null`, an object and an array nothing is said in a header.
    fn of(raw: &RawValue) -> Option<Self> {
        match raw.get().as_bytes().first()? {
            b'"' => serde_json::from_str(raw.get()).ok().map(Self::Text),
            b't' => Some(Self::Word("true")),
            b'f' => Some(Self::Word("false")),
            b'-' | b'0'..=b'9' => Some(Self::Number(whole(raw.get()))),
            _ => None,
        }
    }

    /// Whether a header of that text says the same. Numbers are compared as such.
    fn says(&self, text: &str) -> bool {
        match self {
            Self::Text(own) => own == text,
            Self::Word(own) => *own == text,
            Self::Number(own) => {
                let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                is_number && *own == whole(text)
            }
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Word(text) => text.to_owned(),
        }
    }
}

/// A number as an integer, if it is one.
fn whole(text: &str) -> String {
    let zeros = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte == b'0');
    let text = match text.split_once('.') {
        Some((integer, rest)) if zeros(rest) => integer,
        _ => text,
    };
    if let Ok(number) = text.parse::<i128>() {
        return number.to_string();
    }
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() <= EXACT => format!("{number:.0}"),
        Ok(_) | Err(_) => text.to_owned(),
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests;
