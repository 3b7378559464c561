//! Where an argument goes in a request, and how it is written there.
//!
//! Enters: a Parameter Object (OpenAPI 3.1, 4.8.12), later a value. Leaves: text in which nothing can be
//! taken for anything but the value. Never: a path that leaves its place, a line end in a header, or a
//! parameter that the document does not name.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

/// How lists and objects are written (OpenAPI 3.1, "Style Values").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// With commas; in a query lists may be repeated instead.
    Plain,
    /// `name[key]=value`.
    Deep,
    /// With spaces.
    Spaces,
    /// With bars.
    Bars,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    /// The argument of the tool that it comes from.
    pub(super) argument: String,
    /// Its own name.
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) required: bool,
    pub(super) style: Style,
    /// Whether each value of a list or object stands for itself.
    pub(super) explode: bool,
    /// What an object may have in it.
    pub(super) members: Vec<String>,
}

/// Headers that are not for a document to set: who calls, how the message is made, where it goes.
const RESERVED: [&str; 24] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "max-forwards",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-request-id",
];

// === impl Place ===

impl Place {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

// === impl Parameter ===

impl Parameter {
    /// Reads a Parameter Object; its schema was made already. `None`: it is a header that the gateway sets
    /// itself, or nobody may.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(super) fn read(object: &Value, schema: &Value) -> Result<Option<Self>, String> {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let name = text("name").filter(|name| !name.is_empty()).ok_or("a parameter has no name")?;
        let place = match text("in") {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            Some("header") => Place::Header,
            Some("cookie") => Place::Cookie,
            other => return Err(format!("`{name}` is in {other:?}, which is nowhere")),
        };
        if place == Place::Header {
            let lower = name.to_ascii_lowercase();
            let hop = lower.starts_with("x-forwarded-") || lower.starts_with("mcp-");
            if hop || RESERVED.contains(&&*lower) {
                return Ok(None);
            }
            if http::HeaderName::try_from(name).is_err() {
                return Err(format!("`{name}` is no name of a header"));
            }
        }
        let usual = if matches!(place, Place::Query | Place::Cookie) { "form" } else { "simple" };
        let style = match (place, text("style").unwrap_or(usual)) {
            (Place::Path | Place::Header, "simple") | (Place::Query | Place::Cookie, "form") => {
                Style::Plain
            }
            (Place::Query, "deepObject") => Style::Deep,
            (Place::Query, "spaceDelimited") => Style::Spaces,
            (Place::Query, "pipeDelimited") => Style::Bars,
            (_, style) => return Err(format!("`{name}` has the style `{style}`")),
        };
        let flag = |name: &str| object.get(name).and_then(Value::as_bool);
        let members = schema.get("properties").and_then(Value::as_object);
        Ok(Some(Self {
            argument: name.to_owned(),
            name: name.to_owned(),
            place,
            required: place == Place::Path || flag("required").unwrap_or(false),
            style,
            explode: flag("explode").unwrap_or(usual == "form"),
            members: members.into_iter().flat_map(Map::keys).cloned().collect(),
        }))
    }

    /// The value as a segment of a path.
    ///
    /// # Errors
    /// The sentence for the model.
    pub(super) fn in_path(&self, value: &Value) -> Result<String, String> {
        let text = self.joined(value, ",", &|text| {
            self.stays(text)?;
            Ok(encoded(text))
        })?;
        if text.is_empty() {
            return Err(format!("`{}` must not be empty", self.argument));
        }
        Ok(text)
    }

    /// The value as pairs of a query.
    ///
    /// # Errors
    /// The sentence for the model.
    pub(super) fn in_query(&self, value: &Value, out: &mut String) -> Result<(), String> {
        let name = encoded(&self.name);
        let plain = |text: &str| Ok(encoded(text));
        match (value, self.style) {
            (Value::Array(all), Style::Plain) if self.explode => {
                all.iter().try_for_each(|one| pair(out, &name, &encoded(&self.text(one)?)))
            }
            (Value::Object(members), Style::Deep) => self.each(members, |key, text| {
                pair(out, &format!("{name}%5B{}%5D", encoded(key)), &encoded(text))
            }),
            (Value::Object(members), Style::Plain) if self.explode => {
                self.each(members, |key, text| pair(out, &encoded(key), &encoded(text)))
            }
            (_, Style::Spaces) => pair(out, &name, &self.joined(value, "%20", &plain)?),
            (_, Style::Bars) => pair(out, &name, &self.joined(value, "%7C", &plain)?),
            (_, Style::Plain) => pair(out, &name, &self.joined(value, ",", &plain)?),
            (_, Style::Deep) => Err(format!("`{}` must be an object", self.argument)),
        }
    }

    /// The value of a header.
    ///
    /// # Errors
    /// The sentence for the model.
    pub(super) fn in_header(&self, value: &Value) -> Result<String, String> {
        self.joined(value, ",", &|text| {
            if text.chars().any(|c| c.is_control() || !c.is_ascii()) {
                let argument = &self.argument;
                return Err(format!(
                    "`{argument}` must be plain ASCII in one line: it is a header"
                ));
            }
            Ok(text.to_owned())
        })
    }

    /// The value of a cookie.
    ///
    /// # Errors
    /// The sentence for the model.
    pub(super) fn in_cookie(&self, value: &Value) -> Result<String, String> {
        let joined = self.joined(value, "%2C", &|text| Ok(encoded(text)))?;
        Ok(format!("{}={joined}", encoded(&self.name)))
    }

    /// A list or an object in one text, each part of it written by `write`.
    fn joined(
        &self,
        value: &Value,
        mark: &str,
        write: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<String, String> {
        let mut parts = Vec::new();
        match value {
            Value::Array(all) => {
                for one in all {
                    parts.push(write(&self.text(one)?)?);
                }
            }
            Value::Object(members) => self.each(members, |key, text| {
                let (key, text) = (write(key)?, write(text)?);
                parts.push(if self.explode { format!("{key}={text}") } else { key + mark + &text });
                Ok(())
            })?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return write(&self.text(value)?);
            }
        }
        Ok(parts.join(mark))
    }

    /// The members of an object that the document knows: the others could be other parameters.
    fn each(
        &self,
        members: &Map<String, Value>,
        mut write: impl FnMut(&str, &str) -> Result<(), String>,
    ) -> Result<(), String> {
        for (key, value) in members {
            if !self.members.contains(key) {
                return Err(format!("`{}` has no member `{key}`", self.argument));
            }
            write(key, &self.text(value)?)?;
        }
        Ok(())
    }

    fn text(&self, value: &Value) -> Result<String, String> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(said) => Ok(said.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Err(format!("`{}` holds {value}, which cannot be written there", self.argument))
            }
        }
    }

    /// That a text stays where it is put, however often the other side decodes it.
    fn stays(&self, text: &str) -> Result<(), String> {
        let argument = &self.argument;
        if text.chars().any(char::is_control) {
            return Err(format!("`{argument}` must be one line of text"));
        }
        let mut seen = text.to_owned();
        // Twice: what is written here is encoded once, and some servers decode once too often.
        for _ in 0..3 {
            if seen.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
                return Err(format!("`{argument}` must not have `.` or `..` as a part of a path"));
            }
            seen = decoded(&seen);
        }
        Ok(())
    }
}

fn pair(out: &mut String, name: &str, value: &str) -> Result<(), String> {
    let mark = if out.is_empty() { "" } else { "&" };
    write!(out, "{mark}{name}={value}").map_err(|error| error.to_string())
}

/// Every byte but RFC 3986's unreserved ones by its number.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a text cannot fail.
            let _written = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The text behind percent signs.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        rest = after;
        if let (b'%', [high, low, more @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            bytes.push(high * 16 + low);
            rest = more;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
