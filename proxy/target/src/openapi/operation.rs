//! One operation of a document becomes one tool.
//!
//! Enters: an Operation Object with its path (OpenAPI 3.1, 4.8.10). Leaves: a tool's definition, and how its
//! arguments become a request. Never: a tool that is only half understood: it is left out, with the reason.

use http::Method;
use serde_json::{Map, Value, json};

use super::parameter::{Parameter, Place};
use super::schema::{Document, Schemas};

/// The longest name of a tool.
const LONGEST_NAME: usize = 64;
/// The longest description, in characters.
const LONGEST_TEXT: usize = 2000;

/// An operation that can be called.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) path: Vec<Piece>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    /// As `tools/list` has it.
    pub(super) definition: Value,
}

/// A piece of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it stands.
    Text(String),
    /// The value of that parameter, by its number.
    Value(usize),
}

/// The body of a request.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) media: Media,
    pub(super) required: bool,
    pub(super) shape: Shape,
}

/// What a body is written as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// JSON, under that name.
    Json(String),
    /// A form (`application/x-www-form-urlencoded`).
    Form,
}

/// Which arguments a body is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One argument, which is all of it.
    Whole(String),
    /// Each is a member of it.
    Members(Vec<String>),
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// The Path Item Object.
    pub(super) item: &'a Value,
    pub(super) operation: &'a Value,
}

/// The arguments of a tool in the making.
#[derive(Default)]
struct Arguments {
    properties: Map<String, Value>,
    required: Vec<String>,
}

// === impl At ===

impl At<'_> {
    /// The name of the tool: the operation's id, or what it does, in the letters that names may have.
    pub(super) fn name(&self) -> String {
        let id = self.operation.get("operationId").and_then(Value::as_str).map(str::to_owned);
        let id = id.unwrap_or_else(|| format!("{}{}", self.method, self.path));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let mut name = String::new();
        for letter in id.chars() {
            match plain(letter) {
                true => name.push(letter),
                // One for several: `___` is what stands between a target and its tool.
                false if name.ends_with('_') => {}
                false => name.push('_'),
            }
        }
        while name.contains("___") {
            name = name.replace("___", "__");
        }
        name.trim_matches('_').chars().take(LONGEST_NAME).collect()
    }
}

// === impl Operation ===

impl Operation {
    /// Reads an operation.
    ///
    /// # Errors
    /// Why it cannot be called.
    pub(super) fn read(document: Document<'_>, at: At<'_>, name: String) -> Result<Self, String> {
        let method = Method::from_bytes(at.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| format!("`{}` is no method", at.method))?;
        let mut schemas = Schemas::new(document);
        let mut arguments = Arguments::default();
        let mut parameters = Vec::new();
        for object in described(document, at)? {
            let schema = schemas.schema(schema_of(object)?)?;
            let Some(parameter) = Parameter::read(object, &schema)? else { continue };
            parameters.push((parameter, with_text(schema, object)));
        }
        let content = match at.operation.get("requestBody") {
            Some(body) => Some(content(document.resolve(body)?)?),
            None => None,
        };
        let body = match content {
            Some((media, required, schema)) => {
                let schema = schemas.schema(schema)?;
                let taken: Vec<&str> = parameters.iter().map(|(p, _)| &*p.argument).collect();
                Some((Body { media, required, shape: shape(&schema, &taken) }, schema))
            }
            None => None,
        };
        settle(&mut parameters, body.as_ref().map(|(body, _)| &body.shape))?;
        for (parameter, schema) in &parameters {
            arguments.add(&parameter.argument, schema.clone(), parameter.required);
        }
        if let Some((body, schema)) = &body {
            arguments.body(body, schema);
        }
        let definitions = schemas.definitions()?;
        let parameters: Vec<Parameter> = parameters.into_iter().map(|(one, _)| one).collect();
        let path = pieces(at.path, &parameters)?;
        let definition = json!({
            "name": name,
            "description": description(at),
            "inputSchema": arguments.schema(definitions),
            "annotations": annotations(&method),
        });
        let body = body.map(|(body, _)| body);
        Ok(Self { name, method, path, parameters, body, definition })
    }
}

/// The parameters of the path and of the operation; of two with one name in one place, the operation's.
fn described<'a>(document: Document<'a>, at: At<'a>) -> Result<Vec<&'a Value>, String> {
    let mut all: Vec<&Value> = Vec::new();
    for owner in [at.item, at.operation] {
        let listed = owner.get("parameters").and_then(Value::as_array);
        for parameter in listed.into_iter().flatten() {
            let parameter = document.resolve(parameter)?;
            let same = |one: &&Value| {
                ["name", "in"].iter().all(|key| one.get(*key) == parameter.get(*key))
            };
            all.retain(|one| !same(one));
            all.push(parameter);
        }
    }
    Ok(all)
}

/// The schema of a parameter; one with `content` is written as JSON, which is another way.
fn schema_of(parameter: &Value) -> Result<&Value, String> {
    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
    match (parameter.get("schema"), parameter.get("content")) {
        (Some(schema), _) => Ok(schema),
        (None, Some(_)) => Err(format!("`{name}` has `content`, which is not written")),
        (None, None) => Ok(&Value::Bool(true)),
    }
}

/// The schema, with what the parameter says of itself.
fn with_text(mut schema: Value, parameter: &Value) -> Value {
    if let Some(text) = parameter.get("description").and_then(Value::as_str)
        && let Some(words) = schema.as_object_mut()
    {
        words.entry("description").or_insert_with(|| clip(text).into());
    }
    schema
}

/// What a body is written as, whether it must be there, and its schema.
fn content(body: &Value) -> Result<(Media, bool, &Value), String> {
    let required = body.get("required").and_then(Value::as_bool).unwrap_or(false);
    let media = body.get("content").and_then(Value::as_object).ok_or("its body has no content")?;
    let is_json = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
    };
    let schema = |object: &'_ Value| object.get("schema").is_some();
    let any = &Value::Bool(true);
    if let Some((kind, object)) = media.iter().find(|(kind, _)| is_json(kind)) {
        return Ok((Media::Json(kind.clone()), required, object.get("schema").unwrap_or(any)));
    }
    let form = media.iter().find(|(kind, object)| {
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") && schema(object)
    });
    match form {
        Some((_, object)) => Ok((Media::Form, required, object.get("schema").unwrap_or(any))),
        None => {
            let kinds: Vec<&str> = media.keys().map(String::as_str).collect();
            Err(format!("its body is {}, which is not written", kinds.join(", ")))
        }
    }
}

/// An object whose members are known becomes arguments of their own, which models fill in more surely.
fn shape(schema: &Value, taken: &[&str]) -> Shape {
    let composed = ["allOf", "anyOf", "oneOf", "not", "if", "$ref", "patternProperties"];
    let members = schema.get("properties").and_then(Value::as_object);
    let plain = composed.iter().all(|word| schema.get(*word).is_none())
        && schema.get("additionalProperties").is_none_or(|more| *more == Value::Bool(false));
    match members.filter(|members| plain && !members.is_empty()) {
        Some(members) => Shape::Members(members.keys().cloned().collect()),
        None if taken.contains(&"body") => Shape::Whole("request_body".to_owned()),
        None => Shape::Whole("body".to_owned()),
    }
}

/// Gives parameters other names as arguments where two have the same, or a member of the body has it.
fn settle(parameters: &mut [(Parameter, Value)], shape: Option<&Shape>) -> Result<(), String> {
    let of_body: Vec<String> = match shape {
        Some(Shape::Members(members)) => members.clone(),
        Some(Shape::Whole(name)) => vec![name.clone()],
        None => Vec::new(),
    };
    let names: Vec<String> = parameters.iter().map(|(one, _)| one.name.clone()).collect();
    for (parameter, _) in parameters.iter_mut() {
        let same = names.iter().filter(|name| **name == parameter.name).count();
        if same > 1 || of_body.contains(&parameter.name) {
            parameter.argument = format!("{}__{}", parameter.name, parameter.place.as_str());
        }
    }
    let mut all: Vec<&str> = parameters.iter().map(|(one, _)| &*one.argument).collect();
    all.extend(of_body.iter().map(String::as_str));
    all.sort_unstable();
    match all.windows(2).find(|two| two.first() == two.last()) {
        Some(two) => Err(format!("two of its arguments are called {two:?}")),
        None => Ok(()),
    }
}

/// A path, with its parameters by number.
fn pieces(path: &str, parameters: &[Parameter]) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut rest) = (Vec::new(), path);
    if !path.starts_with('/') || path.contains(['?', '#']) {
        return Err(format!("`{path}` is no path"));
    }
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a brace in its path is open")?;
        let is_it = |one: &Parameter| one.place == Place::Path && one.name == name;
        let number = parameters.iter().position(is_it);
        pieces.push(Piece::Text(text.to_owned()));
        pieces.push(Piece::Value(number.ok_or_else(|| format!("`{{{name}}}` is no parameter"))?));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    let shown = |number| pieces.contains(&Piece::Value(number));
    let lost = parameters.iter().enumerate().find(|(n, p)| p.place == Place::Path && !shown(*n));
    match lost {
        Some((_, parameter)) => Err(format!("`{}` is not in its path", parameter.name)),
        None => Ok(pieces),
    }
}

fn description(at: At<'_>) -> String {
    let text = |name| at.operation.get(name).and_then(Value::as_str).map(str::trim);
    let said: Vec<&str> = [text("summary"), text("description")]
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .collect();
    match said.as_slice() {
        [] => format!("{} {}", at.method.to_ascii_uppercase(), at.path),
        [one, two] if two.starts_with(one) => clip(two),
        all => clip(&all.join("\n\n")),
    }
}

/// What methods mean (RFC 9110, 9.2).
fn annotations(method: &Method) -> Value {
    json!({
        "readOnlyHint": method.is_safe(),
        "destructiveHint": *method == Method::DELETE,
        "idempotentHint": method.is_idempotent(),
        "openWorldHint": true,
    })
}

fn clip(text: &str) -> String {
    if text.chars().count() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST_TEXT - 1).collect();
    format!("{}…", kept.trim_end())
}

// === impl Arguments ===

impl Arguments {
    fn add(&mut self, name: &str, schema: Value, required: bool) {
        self.properties.insert(name.to_owned(), schema);
        if required {
            self.required.push(name.to_owned());
        }
    }

    fn body(&mut self, body: &Body, schema: &Value) {
        match &body.shape {
            Shape::Whole(name) => self.add(name, schema.clone(), body.required),
            Shape::Members(members) => {
                let asked = schema.get("required").and_then(Value::as_array);
                let asked: Vec<&str> =
                    asked.into_iter().flatten().filter_map(Value::as_str).collect();
                for name in members {
                    let member = schema.get("properties").and_then(|all| all.get(name));
                    let required = body.required && asked.contains(&name.as_str());
                    self.add(name, member.cloned().unwrap_or(Value::Bool(true)), required);
                }
            }
        }
    }

    fn schema(self, definitions: Map<String, Value>) -> Value {
        let mut schema = json!({
            "type": "object",
            "properties": self.properties,
            "additionalProperties": false,
        });
        if let Some(words) = schema.as_object_mut() {
            if !self.required.is_empty() {
                words.insert("required".to_owned(), self.required.into());
            }
            if !definitions.is_empty() {
                words.insert("$defs".to_owned(), definitions.into());
            }
        }
        schema
    }
}
