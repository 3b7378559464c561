//! A configuration as a tree in which every key and value knows its place.
//!
//! In: the pieces the reader found, or a path such as `targets.github.mcp`.
//! Out: values, positions, plain JSON. It never interprets a value: types come
//! from the schema.

use serde_json::Value;

use super::report::Position;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) body: Body,
}

/// What a value is made of.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Scalar(Scalar),
    List(List),
    Map(Map),
    /// A value that was refused; nothing further is said about it.
    Hole,
}

/// A single value.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    /// As it stands in the file, for messages.
    pub(crate) written: String,
    /// With the environment put in.
    pub(crate) text: String,
    /// Without quotes, so that it may be a number, a truth value or nothing.
    pub(crate) plain: bool,
    /// The typed value, once the schema has said which type is wanted.
    pub(crate) value: Value,
}

/// A sequence.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    pub(crate) items: Vec<Node>,
    /// Items were refused and left out.
    pub(crate) holed: bool,
}

/// A mapping, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map {
    pub(crate) entries: Vec<Entry>,
    /// Keys whose values were refused and left out.
    pub(crate) dropped: Vec<String>,
}

/// One key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Position,
    pub(crate) value: Node,
}

// === impl Node ===

impl Node {
    /// The value at `path`; list items are named by their index.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&Self> {
        let mut node = self;
        for step in path {
            node = node.child(step)?;
        }
        Some(node)
    }

    /// Where the value at `path` stands, or the nearest thing around it that exists.
    pub(crate) fn at(&self, path: &[&str]) -> Position {
        self.trace(path).map_or(self.at, |(_, node)| node.at)
    }

    /// Where the key of `path` stands, or the nearest key around it that exists.
    pub(crate) fn key_at(&self, path: &[&str]) -> Position {
        self.trace(path).map_or(self.at, |(key_at, _)| key_at)
    }

    /// Whether nothing was written at `path`, not even something refused.
    pub(crate) fn lacks(&self, path: &[&str]) -> bool {
        let mut node = self;
        for step in path {
            match &node.body {
                Body::Map(map) if map.dropped.iter().any(|key| key == step) => return false,
                Body::List(list) if list.holed => return false,
                Body::Hole => return false,
                Body::Map(_) | Body::List(_) | Body::Scalar(_) => {}
            }
            let Some(child) = node.child(step) else { return true };
            node = child;
        }
        false
    }

    /// Whether nothing was written at `path`, or a list or mapping with nothing in
    /// it; false when something was refused there.
    pub(crate) fn is_empty(&self, path: &[&str]) -> bool {
        match self.get(path).map(|node| &node.body) {
            Some(Body::List(list)) => list.items.is_empty() && !list.holed,
            Some(Body::Map(map)) => map.entries.is_empty() && map.dropped.is_empty(),
            Some(Body::Scalar(_) | Body::Hole) => false,
            None => self.lacks(path),
        }
    }

    /// The scalar at `path`.
    pub(crate) fn scalar(&self, path: &[&str]) -> Option<&Scalar> {
        match &self.get(path)?.body {
            Body::Scalar(scalar) => Some(scalar),
            Body::List(_) | Body::Map(_) | Body::Hole => None,
        }
    }

    /// The items of the list at `path`; none when there is no list.
    pub(crate) fn items(&self, path: &[&str]) -> &[Self] {
        match self.get(path).map(|node| &node.body) {
            Some(Body::List(list)) => &list.items,
            Some(Body::Scalar(_) | Body::Map(_) | Body::Hole) | None => &[],
        }
    }

    /// Whether any value at all has a text of that kind.
    pub(crate) fn any(&self, is_it: &dyn Fn(&str) -> bool) -> bool {
        match &self.body {
            Body::Scalar(scalar) => is_it(&scalar.text),
            Body::List(list) => list.items.iter().any(|item| item.any(is_it)),
            Body::Map(map) => map.entries.iter().any(|entry| entry.value.any(is_it)),
            Body::Hole => false,
        }
    }

    /// The typed values as JSON; what was refused is absent.
    pub(crate) fn to_json(&self) -> Value {
        match &self.body {
            Body::Scalar(scalar) => scalar.value.clone(),
            Body::List(list) => list.items.iter().map(Self::to_json).collect(),
            Body::Map(map) => {
                map.entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect()
            }
            Body::Hole => Value::Null,
        }
    }

    fn child(&self, step: &str) -> Option<&Self> {
        match &self.body {
            Body::Map(map) => map.entries.iter().find(|e| e.key == step).map(|e| &e.value),
            Body::List(list) => list.items.get(step.parse::<usize>().ok()?),
            Body::Scalar(_) | Body::Hole => None,
        }
    }

    /// The last key and value met on the way down `path`.
    fn trace(&self, path: &[&str]) -> Option<(Position, &Self)> {
        let mut found: Option<(Position, &Self)> = None;
        let mut node = self;
        for step in path {
            let Some(child) = node.child(step) else { break };
            let key_at = match &node.body {
                Body::Map(map) => map.entries.iter().find(|e| e.key == *step).map(|e| e.key_at),
                Body::List(_) | Body::Scalar(_) | Body::Hole => None,
            };
            found = Some((key_at.unwrap_or(child.at), child));
            node = child;
        }
        found
    }
}

// === impl Scalar ===

impl Scalar {
    /// Nothing at all, or one of the words YAML has for it.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(self.written.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// Whether the environment changed the text.
    pub(crate) fn is_substituted(&self) -> bool {
        self.written != self.text
    }
}
