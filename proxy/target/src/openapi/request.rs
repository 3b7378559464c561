//! Arguments become a request.
//!
//! Enters: an operation, the path of its server, and the arguments of a call. Leaves: method, target, headers
//! and body. Never: an argument that the operation does not have, or one that is missing; a caller's header.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

use super::operation::{Body, Media, Operation, Piece, Shape};
use super::parameter::{Parameter, Place, encoded};

/// The longest path and query that is sent.
const LONGEST: usize = 16 * 1024;

/// A request, but for whose it is.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Writes the request of a call. `base` is the path of the server, without a slash at its end.
///
/// # Errors
/// The sentence for the model.
pub(super) fn write(
    operation: &Operation,
    base: &str,
    arguments: &Map<String, Value>,
) -> Result<Written, String> {
    only_known(operation, arguments)?;
    let given = |parameter: &Parameter| -> Result<Option<&Value>, String> {
        // Nothing is how models say that they have nothing to say.
        match arguments.get(&parameter.argument).filter(|value| !value.is_null()) {
            Some(value) => Ok(Some(value)),
            None if parameter.required => Err(format!("`{}` is missing", parameter.argument)),
            None => Ok(None),
        }
    };
    let mut target = base.to_owned();
    for piece in &operation.path {
        match piece {
            Piece::Text(text) => target.push_str(text),
            Piece::Value(number) => {
                let parameter =
                    operation.parameters.get(*number).ok_or("a path without its value")?;
                let value = given(parameter)?.unwrap_or(&Value::Null);
                target.push_str(&parameter.in_path(value)?);
            }
        }
    }
    let (mut query, mut cookies, mut headers) = (String::new(), Vec::new(), HeaderMap::new());
    for parameter in &operation.parameters {
        let Some(value) = given(parameter)? else { continue };
        match parameter.place {
            Place::Path => {}
            Place::Query => parameter.in_query(value, &mut query)?,
            Place::Cookie => cookies.push(parameter.in_cookie(value)?),
            Place::Header => {
                let wrong = |_| format!("`{}` cannot stand in a header", parameter.argument);
                let text = parameter.in_header(value)?;
                let value = HeaderValue::from_str(&text).map_err(|_| wrong(()))?;
                let name = HeaderName::try_from(&*parameter.name).map_err(|_| wrong(()))?;
                headers.insert(name, value);
            }
        }
    }
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    if target.len() > LONGEST {
        return Err(format!("the request's path and query have {} bytes; send less", target.len()));
    }
    if !cookies.is_empty() {
        let cookies = HeaderValue::from_str(&cookies.join("; "));
        headers.insert(COOKIE, cookies.map_err(|_| "a cookie cannot be written")?);
    }
    let body = match &operation.body {
        Some(body) => written(body, arguments, &mut headers)?,
        None => Bytes::new(),
    };
    Ok(Written { method: operation.method.clone(), target, headers, body })
}

fn only_known(operation: &Operation, arguments: &Map<String, Value>) -> Result<(), String> {
    let known = operation.definition.pointer("/inputSchema/properties").and_then(Value::as_object);
    let is_known = |name: &str| known.is_some_and(|known| known.contains_key(name));
    let Some(stranger) = arguments.keys().find(|name| !is_known(name)) else { return Ok(()) };
    let names: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    Err(match names.as_slice() {
        [] => format!("there is no argument `{stranger}`; this tool takes none"),
        names => {
            format!("there is no argument `{stranger}`; this tool takes only: {}", names.join(", "))
        }
    })
}

fn written(
    body: &Body,
    arguments: &Map<String, Value>,
    headers: &mut HeaderMap,
) -> Result<Bytes, String> {
    let value = match &body.shape {
        Shape::Whole(name) => match arguments.get(name) {
            Some(value) => value.clone(),
            None if body.required => return Err(format!("`{name}` is missing")),
            None => return Ok(Bytes::new()),
        },
        Shape::Members(members) => {
            let given = members.iter().filter_map(|name| arguments.get_key_value(name));
            let all: Map<String, Value> =
                given.map(|(name, value)| (name.clone(), value.clone())).collect();
            if all.is_empty() && !body.required {
                return Ok(Bytes::new());
            }
            Value::Object(all)
        }
    };
    let (kind, bytes) = match &body.media {
        Media::Json(kind) => (kind.as_str(), value.to_string()),
        Media::Form => ("application/x-www-form-urlencoded", form(&value)?),
    };
    let kind = HeaderValue::from_str(kind).map_err(|_| "a type of content cannot be written")?;
    headers.insert(CONTENT_TYPE, kind);
    Ok(bytes.into())
}

/// A form; lists are repeated.
fn form(value: &Value) -> Result<String, String> {
    let members = value.as_object().ok_or("the body must be an object")?;
    let mut pairs = Vec::new();
    for (name, value) in members {
        let several = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for one in several {
            let text = match one {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => one.to_string(),
                Value::Null => continue,
                Value::Array(_) | Value::Object(_) => {
                    return Err(format!("`{name}` holds {one}, which cannot stand in a form"));
                }
            };
            pairs.push(format!("{}={}", encoded(name), encoded(&text)));
        }
    }
    Ok(pairs.join("&"))
}
