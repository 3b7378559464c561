//! The tree is held against the schema, and what does not fit is taken out.
//!
//! In: the tree as read and the JSON Schema. Out: the tree that fits, typed, and
//! a mistake for everything that did not. It never stops at the first mistake,
//! and what it takes out leaves a mark, so later checks do not call it absent.

mod scalar;

use serde_json::Value;

use super::code;
use super::near::nearest;
use super::report::{Mistake, Position, listing, quote};
use super::tree::{Body, Entry, List, Map, Node, Scalar};

/// What the tree became.
pub(crate) struct Fitting {
    pub(crate) tree: Option<Node>,
    pub(crate) mistakes: Vec<Mistake>,
}

/// Takes out of `tree` what `schema` does not allow.
pub(crate) fn fit(tree: Node, schema: &Value) -> Fitting {
    let mut shape = Shape { root: schema, mistakes: Vec::new(), in_command: false };
    let at = tree.at;
    let subject = Subject { name: "the configuration".to_owned(), at, required: true };
    let tree = shape.fit(tree, schema, &subject);
    Fitting { tree, mistakes: shape.mistakes }
}

struct Shape<'a> {
    root: &'a Value,
    mistakes: Vec<Mistake>,
    /// Within `stdio`, where text is handed on as it is.
    in_command: bool,
}

/// What a value is called in messages, and where its key stands.
struct Subject {
    name: String,
    at: Position,
    required: bool,
}

/// What the schema wants at a place.
enum Wanted {
    Map,
    List,
    Scalar,
}

impl<'a> Shape<'a> {
    /// The value without the parts that do not fit; `None` when nothing of it can stay.
    fn fit(&mut self, node: Node, schema: &'a Value, subject: &Subject) -> Option<Node> {
        let (definition, schema) = self.follow(schema);
        let at = node.at;
        let body = match (node.body, wanted(schema)) {
            (Body::Hole, _) => return None,
            (Body::Scalar(scalar), _) if scalar.is_null() => {
                self.refuse_null(schema, definition, subject);
                return None;
            }
            (Body::Map(map), Wanted::Map) => {
                let outside = self.in_command;
                self.in_command |= definition == Some("Stdio");
                let map = self.map(map, schema, subject);
                self.in_command = outside;
                Body::Map(map)
            }
            (Body::List(list), Wanted::List) => Body::List(self.list(list, schema, subject)),
            (Body::Scalar(scalar), Wanted::Scalar) => {
                let rule = scalar::Rule { definition, schema };
                let in_command = self.in_command;
                let place = scalar::Place { at, name: &subject.name, in_command };
                match scalar::fit(scalar, &rule, &place) {
                    Ok(scalar) => Body::Scalar(scalar),
                    Err(mistake) => {
                        self.mistakes.push(*mistake);
                        return None;
                    }
                }
            }
            (body, Wanted::Map | Wanted::List | Wanted::Scalar) => {
                self.refuse_type(&body, at, &scalar::Rule { definition, schema }, subject);
                return None;
            }
        };
        Some(Node { at, body })
    }

    /// A mapping stays even when required keys are missing, so that all its other
    /// parts are checked too.
    fn map(&mut self, map: Map, schema: &'a Value, subject: &Subject) -> Map {
        let mut kept = Map { entries: Vec::new(), dropped: map.dropped };
        for Entry { key, key_at, value } in map.entries {
            let Some(rule) = rule_for(schema, &key) else {
                kept.dropped.extend(self.refuse_key(&key, key_at, &value, schema));
                kept.dropped.push(key);
                continue;
            };
            let required = required_keys(schema).any(|required| required == key);
            let inner = Subject { name: quote(&key), at: key_at, required };
            match self.fit(value, rule, &inner) {
                Some(value) => kept.entries.push(Entry { key, key_at, value }),
                None => kept.dropped.push(key),
            }
        }
        self.require(&kept, schema, subject);
        kept
    }

    fn list(&mut self, list: List, schema: &'a Value, subject: &Subject) -> List {
        let mut kept = List { items: Vec::new(), holed: list.holed };
        let rule = schema.get("items").unwrap_or(&Value::Null);
        for item in list.items {
            let inner = Subject {
                name: format!("an item of {}", subject.name),
                at: item.at,
                required: false,
            };
            match self.fit(item, rule, &inner) {
                Some(item) => kept.items.push(item),
                None => kept.holed = true,
            }
        }
        kept
    }

    /// Reports required keys that are absent, unless what was written was refused.
    fn require(&mut self, map: &Map, schema: &'a Value, subject: &Subject) {
        let written = |key: &str| {
            map.entries.iter().any(|entry| entry.key == key)
                || map.dropped.iter().any(|dropped| dropped == key)
        };
        for key in required_keys(schema).filter(|key| !written(key)) {
            let message = format!("{} lacks the key `{key}`", subject.name);
            let help = match self.describe(schema, key) {
                Some(text) => format!("add `{key}:`. {text}"),
                None => format!("add `{key}:`"),
            };
            let label = format!("`{key}` is required here");
            self.mistakes
                .push(Mistake::new(code::MISSING_KEY, subject.at, message).label(label).help(help));
        }
    }

    /// Reports an unknown key; gives the key it was probably meant to be.
    fn refuse_key(
        &mut self,
        key: &str,
        at: Position,
        value: &Node,
        schema: &Value,
    ) -> Option<String> {
        let known = || schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let names = || known().map(|(name, _)| name.as_str());
        let title = schema.get("title").and_then(Value::as_str).unwrap_or("this mapping");
        let near = nearest(key, names());
        let help = match near {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the keys here are {}", listing(names())),
        };
        self.mistakes.push(
            Mistake::new(code::UNKNOWN_KEY, at, format!("unknown key {}", quote(key)))
                .label(format!("not a key of {title}"))
                .help(help)
                .hide(near.filter(|name| *name == "secret").map(|_| value.at)),
        );
        near.map(str::to_owned)
    }

    fn refuse_null(&mut self, schema: &Value, definition: Option<&str>, subject: &Subject) {
        let rule = scalar::Rule { definition, schema };
        let expected = match wanted(schema) {
            Wanted::Map => "`name: value` pairs below it".to_owned(),
            Wanted::List | Wanted::Scalar => scalar::expected(&rule),
        };
        let otherwise = if subject.required { "" } else { ", or remove the key" };
        let help = format!("write {expected}{otherwise}");
        let message = format!("{} has no value", subject.name);
        self.mistakes.push(
            Mistake::new(code::WRONG_TYPE, subject.at, message).label("nothing follows").help(help),
        );
    }

    fn refuse_type(
        &mut self,
        body: &Body,
        at: Position,
        rule: &scalar::Rule<'_>,
        subject: &Subject,
    ) {
        let expected = scalar::expected(rule);
        let help = match (body, wanted(rule.schema)) {
            (Body::Scalar(scalar), Wanted::List) if !scalar.written.contains(',') => {
                format!("write `[{}]`", items(scalar))
            }
            (_, Wanted::Map) => {
                let known = rule.schema.get("properties").and_then(Value::as_object);
                let names = known.into_iter().flatten().map(|(name, _)| name.as_str());
                match listing(names) {
                    names if names.is_empty() => "write `name: value` pairs below it".to_owned(),
                    names => format!("write `key: value` pairs; the keys here are {names}"),
                }
            }
            (_, Wanted::List) => format!("write {expected}"),
            (_, Wanted::Scalar) => format!("write {expected}, without brackets or braces"),
        };
        let message = format!("{} must be {}, found {}", subject.name, expected, found(body));
        self.mistakes.push(
            Mistake::new(code::WRONG_TYPE, at, message)
                .label(format!("{} instead", found(body)))
                .help(help)
                .hide(
                    (matches!(rule.definition, Some("Credentials" | "TargetCredentials")))
                        .then_some(at),
                ),
        );
    }

    /// The first sentence of a key's description.
    fn describe(&self, schema: &'a Value, key: &str) -> Option<&'a str> {
        let property = schema.get("properties")?.get(key)?;
        let own = property.get("description");
        let text = own.or_else(|| self.follow(property).1.get("description"))?.as_str()?;
        text.split("Default").next().map(str::trim_end)
    }

    /// Goes through `$ref`; gives the definition's name with what it defines.
    fn follow(&self, schema: &'a Value) -> (Option<&'a str>, &'a Value) {
        let name = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix("#/$defs/"));
        let definition =
            name.and_then(|name| self.root.get("$defs").and_then(|defs| defs.get(name)));
        (name, definition.unwrap_or(schema))
    }
}

fn rule_for<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let property = schema.get("properties").and_then(|properties| properties.get(key));
    property.or_else(|| schema.get("additionalProperties").filter(|rule| rule.is_object()))
}

fn required_keys(schema: &Value) -> impl Iterator<Item = &str> {
    let keys = schema.get("required").and_then(Value::as_array);
    keys.into_iter().flatten().filter_map(Value::as_str)
}

fn wanted(schema: &Value) -> Wanted {
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => Wanted::Map,
        Some("array") => Wanted::List,
        Some(_) | None => Wanted::Scalar,
    }
}

fn found(body: &Body) -> &'static str {
    match body {
        Body::Map(_) => "a mapping",
        Body::List(_) => "a list",
        Body::Scalar(_) => "a single value",
        Body::Hole => "nothing",
    }
}

/// The words of a scalar as the list they were probably meant to be.
fn items(scalar: &Scalar) -> String {
    scalar.written.split_whitespace().collect::<Vec<_>>().join(", ")
}
