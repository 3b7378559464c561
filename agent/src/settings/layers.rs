//! Values of all layers, laid over each other.
//!
//! In: a file's text, parameters, variables, flags. Out: one value a key, with its source; or every
//! unknown key and wrong value at once. Never: a value that no key asked for.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::keys::{KEYS, Key, VARIABLES};
use super::problem::{Problem, Problems};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The table.
    Default,
    /// A line of a file.
    File(String, usize),
    /// A parameter, by its whole name.
    Parameter(String),
    /// A variable of the environment.
    Variable(String),
    /// A flag.
    Flag,
    /// A running `toolgate dev` of this user.
    Dev,
}

/// What is given, the weakest layer first.
#[derive(Clone, Default)]
pub struct Given {
    /// A file: its name and its text (YAML or JSON).
    pub file: Option<(String, String)>,
    /// Parameters by their path below the prefix, and the prefix.
    pub parameters: Option<(String, BTreeMap<String, String>)>,
    /// Variables of the environment; those of others are left alone.
    pub variables: Vec<(String, String)>,
    /// Flags: a path and a value.
    pub flags: Vec<(String, String)>,
    /// What a running `toolgate dev` lends, below everything else that is said.
    pub borrowed: Vec<(String, String)>,
}

/// One value a key.
#[derive(Clone)]
pub struct Merged {
    values: BTreeMap<&'static str, (String, Source)>,
    stored: bool,
}

// === impl Given ===

impl Given {
    /// Lays the layers over each other.
    ///
    /// # Errors
    /// Every key that does not exist and every value that is not of its kind.
    pub fn merge(&self) -> Result<Merged, Problems> {
        let mut merged = Merged { values: BTreeMap::new(), stored: self.parameters.is_some() };
        let mut problems = Vec::new();
        for key in KEYS {
            if let Some(text) = key.default {
                merged.values.insert(key.path, (text.to_owned(), Source::Default));
            }
        }
        for (path, text, source) in self.all(&mut problems) {
            match Key::find(&path) {
                None => problems.push(unknown(path, source)),
                Some(key) => match key.kind.wrong(&text) {
                    None => {
                        merged.values.insert(key.path, (text, source));
                    }
                    Some(says) => problems.push(Problem {
                        key: key.path.to_owned(),
                        from: Some(source),
                        says,
                        help: None,
                    }),
                },
            }
        }
        if problems.is_empty() { Ok(merged) } else { Err(Problems(problems)) }
    }

    fn all(&self, problems: &mut Vec<Problem>) -> Vec<(String, String, Source)> {
        let lent = self.borrowed.iter();
        let lent = lent.map(|(path, value)| (path.clone(), value.clone(), Source::Dev));
        let mut all: Vec<_> = lent.collect();
        if let Some((name, text)) = &self.file {
            match flattened(text) {
                Ok(pairs) => all.extend(pairs.into_iter().map(|(path, value)| {
                    let source = Source::File(name.clone(), line_of(text, &path));
                    (path, value, source)
                })),
                Err(says) => problems.push(Problem {
                    key: String::new(),
                    from: Some(Source::File(name.clone(), 0)),
                    says,
                    help: Some(
                        "it has to be YAML or JSON: groups of keys, such as `model:`".to_owned(),
                    ),
                }),
            }
        }
        if let Some((prefix, parameters)) = &self.parameters {
            all.extend(parameters.iter().map(|(path, value)| {
                (path.clone(), value.clone(), Source::Parameter(format!("{prefix}{path}")))
            }));
        }
        let ours = self.variables.iter().filter(|(name, _)| name.starts_with(VARIABLES));
        all.extend(ours.map(|(name, value)| {
            let key = KEYS.iter().find(|key| key.variable() == *name);
            let path = key.map_or_else(|| as_path(name), |key| key.path.to_owned());
            (path, value.clone(), Source::Variable(name.clone()))
        }));
        let flags = self.flags.iter();
        all.extend(flags.map(|(path, value)| (path.clone(), value.clone(), Source::Flag)));
        all
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given(redacted)")
    }
}

// === impl Merged ===

impl Merged {
    /// The value of a key and its source, if there is one.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<(&str, &Source)> {
        self.values.get(path).map(|(text, source)| (text.as_str(), source))
    }

    /// Every key that has a value, with its source. A secret is shown as dots.
    pub fn shown(&self) -> impl Iterator<Item = (&'static Key, &str, &Source)> {
        KEYS.iter().filter_map(|key| {
            let (text, source) = self.get(key.path)?;
            Some((key, if key.kind.is_secret() { "••••" } else { text }, source))
        })
    }

    /// The same, with those keys as the others have them.
    #[must_use]
    pub fn with(&self, keys: &[&'static str], of: &Self) -> Self {
        let mut values = self.values.clone();
        for key in keys {
            match of.values.get(key) {
                Some(value) => values.insert(key, value.clone()),
                None => values.remove(key),
            };
        }
        Self { values, stored: self.stored }
    }

    /// Whether the Parameter Store is one of the layers.
    pub(super) const fn is_stored(&self) -> bool {
        self.stored
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.get(path).map(|(text, _)| text).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown().map(|(key, text, source)| (key.path, (text, source)));
        f.debug_map().entries(shown).finish()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name, 0) => f.write_str(name),
            Self::File(name, line) => write!(f, "{name}:{line}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag => f.write_str("--set"),
            Self::Dev => f.write_str("toolgate dev"),
        }
    }
}

fn unknown(path: String, from: Source) -> Problem {
    let help = Key::like(&path).map(|key| format!("is `{}` meant?", key.path));
    let help = help.or_else(|| Some("toolgate-agent config keys lists them".to_owned()));
    Problem { key: path, from: Some(from), says: "there is no such key".to_owned(), help }
}

fn as_path(variable: &str) -> String {
    variable.trim_start_matches(VARIABLES).to_lowercase().replacen('_', "/", 1)
}

/// The paths of a file and their values as text.
fn flattened(text: &str) -> Result<Vec<(String, String)>, String> {
    let tree: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    match tree {
        Value::Null => Ok(Vec::new()),
        Value::Object(_) => {
            let mut pairs = Vec::new();
            flatten("", &tree, &mut pairs);
            Ok(pairs)
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("there are no keys in it".to_owned())
        }
    }
}

fn flatten(path: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    let kind = Key::find(path).map(|key| key.kind);
    let text = match (value, kind) {
        (_, Some(super::Kind::Json)) if !value.is_string() => value.to_string(),
        (Value::Object(members), _) => {
            for (name, value) in members {
                let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                flatten(&below, value, pairs);
            }
            return;
        }
        (Value::Null, _) => return,
        (Value::String(text), _) => text.clone(),
        (Value::Array(entries), _) => {
            let words = entries.iter().map(|entry| match entry {
                Value::String(text) => text.clone(),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => entry.to_string(),
            });
            words.collect::<Vec<_>>().join(",")
        }
        (Value::Bool(_) | Value::Number(_), _) => value.to_string(),
    };
    pairs.push((path.to_owned(), text));
}

/// The line of a key in a file with groups; 0 if it is written in another way.
fn line_of(text: &str, path: &str) -> usize {
    let mut wanted = path.split('/').peekable();
    for (nth, line) in text.lines().enumerate() {
        let Some(name) = wanted.peek() else { return 0 };
        let here = line.trim_start().trim_start_matches('"');
        let rest = here.strip_prefix(name).map(|rest| rest.trim_start_matches('"').trim_start());
        if rest.is_some_and(|rest| rest.starts_with(':')) {
            wanted.next();
            if wanted.peek().is_none() {
                return nth + 1;
            }
        }
    }
    0
}
