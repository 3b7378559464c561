//! How a definition differs from the approved one.
//!
//! Enters: two definitions of a tool. Leaves: the classes of what differs. Never: a difference
//! without a class; whatever is not listed here is breaking.
//!
//! | member | class |
//! |---|---|
//! | `title`, `description`, `icons` | text |
//! | `inputSchema`, `outputSchema` | see `schema`; an `outputSchema` that appears is compatible, one that goes is breaking |
//! | `annotations` | a hint for the worse is an annotation downgrade; one for the better is widened: callers ask less often before they call it; said where it was the default is text |
//! | `execution.taskSupport` | more than before is compatible, less is breaking |
//! | `_meta` and all others | breaking |

use serde_json::{Map, Value};
use toolgate_telemetry::ContractChange as Class;

use super::canonical::same;
use super::change::{Change, Found};
use super::definition::Definition;
use super::schema::{self, Side};

/// Hints, what they are when they are not said (MCP, `ToolAnnotations`), and which value is the safe one.
const HINTS: [(&str, bool, bool); 4] = [
    ("readOnlyHint", false, true),
    ("destructiveHint", true, false),
    ("idempotentHint", false, true),
    ("openWorldHint", true, false),
];

/// How what is seen differs from what was approved. No classes: it does not.
#[must_use]
pub fn classify(approved: &Definition, seen: &Definition) -> Change {
    if approved.hash() == seen.hash() {
        return Change::default();
    }
    let both = (approved.value().ok(), seen.value().ok());
    let (Some(Value::Object(old)), Some(Value::Object(new))) = both else {
        return Change::whole(Class::Breaking);
    };
    let mut found = Found::default();
    for key in union(old, new) {
        found.within(key, |found| member(key, old.get(key), new.get(key), found));
    }
    let change = found.end();
    if change.classes.is_empty() { Change::whole(Class::Breaking) } else { change }
}

/// The keys of both, those of the first in its order and then what the second has besides.
pub(super) fn union<'a>(
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
) -> impl Iterator<Item = &'a String> {
    old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)))
}

fn member(key: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Found) {
    if let (Some(old), Some(new)) = (old, new)
        && same(old, new)
    {
        return;
    }
    match (key, old, new) {
        ("title" | "description" | "icons", _, _) => found.note(Class::Text),
        ("inputSchema", Some(old), Some(new)) => schema::root(old, new, Side::Input, found),
        ("outputSchema", Some(old), Some(new)) => schema::root(old, new, Side::Output, found),
        ("outputSchema", None, Some(new)) => schema::appeared(new, Class::Compatible, found),
        ("annotations", _, _) => annotations(old, new, found),
        ("execution", _, _) => execution(old, new, found),
        _ => found.note(Class::Breaking),
    }
}

/// An object; one that is not there is empty.
fn object(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(members)) => Some(members.clone()),
        Some(_) => None,
    }
}

fn annotations(old: Option<&Value>, new: Option<&Value>, found: &mut Found) {
    let (Some(old), Some(new)) = (object(old), object(new)) else {
        return found.note(Class::Breaking);
    };
    if old.is_empty() && new.is_empty() {
        return found.note(Class::Text);
    }
    for key in union(&old, &new) {
        found.within(key, |found| hint(key, old.get(key), new.get(key), found));
    }
}

fn hint(key: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Found) {
    if old == new {
        return;
    }
    if key == "title" {
        return found.note(Class::Text);
    }
    let Some((_, default, safe)) = HINTS.iter().find(|(hint, _, _)| *hint == key) else {
        return found.note(Class::Breaking);
    };
    let said = |value: Option<&Value>| value.map_or(Some(*default), Value::as_bool);
    let (Some(before), Some(after)) = (said(old), said(new)) else {
        return found.note(Class::Breaking);
    };
    found.note(match (before == *safe, after == *safe) {
        (true, false) => Class::AnnotationDowngrade,
        (false, true) => Class::Widened,
        (true, true) | (false, false) => Class::Text,
    });
}

fn execution(old: Option<&Value>, new: Option<&Value>, found: &mut Found) {
    const KEY: &str = "taskSupport";
    let (Some(old), Some(new)) = (object(old), object(new)) else {
        return found.note(Class::Breaking);
    };
    let support = |members: &Map<String, Value>| {
        members
            .get(KEY)
            .map_or(Some("forbidden".to_owned()), |word| word.as_str().map(str::to_owned))
    };
    let mut others = union(&old, &new).filter(|key| *key != KEY);
    if others.any(|key| old.get(key) != new.get(key)) {
        return found.note(Class::Breaking);
    }
    let (before, after) = (support(&old), support(&new));
    found.within(KEY, |found| {
        found.note(match (before.as_deref(), after.as_deref()) {
            (Some(before), Some(after)) if before == after => Class::Text,
            (Some("forbidden" | "required"), Some("optional")) => Class::Compatible,
            _ => Class::Breaking,
        });
    });
}
