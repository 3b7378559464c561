//! Arguments from a question.
//!
//! In: a tool's schema, the question's words. Out: arguments for whatever the question names, or the
//! first required one that it does not. Never: a value that the question does not have.

use serde_json::{Map, Value};

use super::times::{self, Length};
use super::words::{Word, parts};
use crate::Tool;

/// How much of the question a search is given.
const QUERY: usize = 300;

const SINCE: &[&str] = &["since", "window", "range", "lookback", "start", "from", "begin"];
const SLOWER: &[&str] = &["slower", "longer", "min_duration", "min_seconds"];
const MANY: &[&str] = &["limit", "top", "count", "tail", "max_results", "n", "max"];
const FREE: &[&str] = &["query", "q", "question", "keywords", "search", "text", "search_phrase"];
/// Words in front of somebody's name.
const BEFORE_NAME: &[&str] = &["in", "of", "for", "on", "from", "called", "named", "to"];
/// Languages that no question is written in.
const LANGUAGES: &[&str] = &["promql", "logql", "sql", "insights", "expression"];

/// What came of it.
#[derive(Debug, PartialEq)]
pub(super) enum Filled {
    /// All that is required is there.
    All(Map<String, Value>),
    /// This is not.
    Lacks(String),
}

/// Fills a tool's parameters.
pub(super) fn fill(tool: &Tool, question: &str, asked: &[Word<'_>]) -> Filled {
    let required = tool.schema.get("required").and_then(Value::as_array);
    let required =
        |name: &str| required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)));
    let mut taken = Vec::new();
    let mut arguments = Map::new();
    for (name, schema) in parameters(&tool.schema) {
        let wanted = Wanted { name, schema, required: required(name), tool };
        match wanted.value(question, asked, &mut taken) {
            Some(value) => {
                arguments.insert(name.to_owned(), value);
            }
            None if wanted.required => return Filled::Lacks(name.to_owned()),
            None => {}
        }
    }
    Filled::All(arguments)
}

/// The parameters of a tool by name.
pub(super) fn parameters(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

/// A parameter that wants a value.
struct Wanted<'a> {
    name: &'a str,
    schema: &'a Value,
    required: bool,
    tool: &'a Tool,
}

// === impl Wanted ===

impl Wanted<'_> {
    fn value(&self, question: &str, asked: &[Word<'_>], taken: &mut Vec<usize>) -> Option<Value> {
        if let Some(choices) = self.choices() {
            return choice(choices, asked);
        }
        match self.kind() {
            "integer" | "number" => self.number(asked),
            "string" => self.text(question, asked, taken).map(Value::from),
            _ => None,
        }
    }

    /// The values there are to choose from.
    fn choices(&self) -> Option<&Vec<Value>> {
        let own = |schema: &'_ Value| schema.get("enum").is_some();
        let inner = self.schema.get("anyOf").and_then(Value::as_array);
        let found = std::iter::once(self.schema).chain(inner.into_iter().flatten());
        found.filter(|schema| own(schema)).find_map(|schema| schema.get("enum")?.as_array())
    }

    fn kind(&self) -> &str {
        let kind = self.schema.get("type");
        let first = || kind?.as_array()?.iter().filter_map(Value::as_str).find(|it| *it != "null");
        kind.and_then(Value::as_str).or_else(first).unwrap_or_default()
    }

    fn number(&self, asked: &[Word<'_>]) -> Option<Value> {
        let named = |nth: usize| {
            let before = nth.checked_sub(1).and_then(|at| asked.get(at));
            let before = before.map(|word| word.low.as_str()).unwrap_or_default();
            before == self.name
                || (self.name == "replicas" && before == "to")
                || (MANY.contains(&self.name)
                    && ["top", "first", "last", "newest"].contains(&before))
        };
        let of_time =
            |nth: usize| asked.get(nth + 1).is_some_and(|word| times::unit(&word.low).is_some());
        let numbers = asked.iter().enumerate().filter(|(nth, _)| named(*nth) && !of_time(*nth));
        numbers.filter_map(|(_, word)| word.low.parse::<u64>().ok()).map(Value::from).next()
    }

    fn text(&self, question: &str, asked: &[Word<'_>], taken: &mut Vec<usize>) -> Option<String> {
        let lengths = times::lengths(asked);
        if SLOWER.contains(&self.name) {
            return long(&lengths, true).map(times::short);
        }
        if SINCE.contains(&self.name) {
            let back = times::short(long(&lengths, false)?);
            return Some(if self.takes_now() { format!("now-{back}") } else { back });
        }
        if FREE.contains(&self.name) {
            return self.free(question, asked);
        }
        if self.name == "url" {
            let url = asked.iter().find(|word| word.text.starts_with("https://"));
            return url.map(|word| word.text.to_owned());
        }
        let (nth, word) = self.named(asked, taken)?;
        taken.push(nth);
        Some(word.text.to_owned())
    }

    /// Whether a time is said from now on backwards.
    fn takes_now(&self) -> bool {
        let said = self.schema.get("description").and_then(Value::as_str);
        said.is_some_and(|said| said.contains("now-"))
    }

    /// Words to search for; only quoted ones for a language.
    fn free(&self, question: &str, asked: &[Word<'_>]) -> Option<String> {
        if let Some(quoted) = asked.iter().find(|word| word.quoted) {
            return Some(quoted.text.to_owned());
        }
        let described = self.schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let about = format!("{} {described}", self.tool.description).to_lowercase();
        let is_language = LANGUAGES.iter().any(|language| about.contains(language));
        let end = question.floor_char_boundary(QUERY);
        let all = question.get(..end).filter(|_| self.required && !is_language);
        all.map(str::to_owned)
    }

    /// Somebody's name: behind the word for what it is, else, if there has to be one, what can only
    /// be a name, else what stands where names stand.
    fn named<'w>(&self, asked: &'w [Word<'w>], taken: &[usize]) -> Option<(usize, &'w Word<'w>)> {
        let last = parts(self.name).into_iter().rfind(|part| part != "name" && part != "id")?;
        let is_kind = |word: &str| word.trim_end_matches('s') == last.trim_end_matches('s');
        let free = |nth: &usize| !taken.contains(nth);
        let words = || asked.iter().enumerate().filter(|(nth, _)| free(nth));
        let before = |nth: usize| {
            nth.checked_sub(1).and_then(|at| asked.get(at)).map(|word| word.low.as_str())
        };
        let after = |nth: usize| asked.get(nth + 1).map(|word| word.low.as_str());
        let kind_before = |nth: usize| {
            let direct = before(nth).is_some_and(is_kind);
            let called = ["called", "named", "is"].contains(&before(nth).unwrap_or_default());
            direct || (called && nth.checked_sub(2).and_then(before_of(asked)).is_some_and(is_kind))
        };
        let found = words().find(|(nth, word)| word.may_name() && kind_before(*nth));
        let found = found.or_else(|| {
            words().find(|(nth, word)| word.is_name() && after(*nth).is_some_and(is_kind))
        });
        if found.is_some() || !self.required {
            return found;
        }
        words().find(|(_, word)| word.is_name()).or_else(|| {
            words().rfind(|(nth, word)| {
                word.may_name() && before(*nth).is_some_and(|it| BEFORE_NAME.contains(&it))
            })
        })
    }
}

fn before_of<'w>(asked: &'w [Word<'w>]) -> impl Fn(usize) -> Option<&'w str> {
    |nth| asked.get(nth).map(|word| word.low.as_str())
}

fn choice(choices: &[Value], asked: &[Word<'_>]) -> Option<Value> {
    let says = |choice: &str| asked.iter().any(|word| word.low == choice.to_lowercase());
    choices.iter().find(|choice| choice.as_str().is_some_and(says)).cloned()
}

fn long(lengths: &[Length], at_least: bool) -> Option<u64> {
    lengths.iter().find(|length| length.at_least == at_least).map(|length| length.seconds)
}
