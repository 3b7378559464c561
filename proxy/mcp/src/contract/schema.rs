//! How a JSON Schema differs from the approved one.
//!
//! Enters: two schemas, and whether they are of what an agent sends or of what it is sent. Leaves: the
//! classes of what differs. Never: a keyword that is guessed at: one that is not listed is breaking.
//!
//! | difference | of an input | of an output |
//! |---|---|---|
//! | `title`, `description`, `examples`, `$comment`, `deprecated`; another order | text | text |
//! | another `default`, `const`, `pattern` or `format`, besides the class that it has | text | text |
//! | **less is taken**: a type, a word of `enum` or an alternative gone; a bound, `pattern` or `format` new or tighter | breaking | compatible |
//! | **more is taken**: a type, word or alternative new; a bound, `pattern` or `format` gone or wider; `additionalProperties` opened; another `default` | widened | breaking |
//! | **less is needed**: not `required` any more, a smaller `minLength`, `minItems` or `minProperties` | compatible | breaking |
//! | another property | widened; and breaking if it is required | compatible |
//! | a property gone | breaking | breaking |
//! | `pattern`, `format`, `const`, `multipleOf` become others | breaking, widened | breaking, compatible |
//! | anything else: `$ref`, `not`, `if`, `patternProperties`, … | breaking | breaking |
//!
//! More words for an agent to choose from are widened and not compatible: they are read, and sent.
//! Whatever appears is text besides, unless all in it is types, numbers and yes or no; and breaking, if
//! there is something in it that is not listed here (`$schema` is known).

mod appearing;
mod sets;

use std::borrow::Cow;

use serde_json::{Map, Value};
use toolgate_telemetry::ContractChange as Class;

use super::canonical::same;
use super::change::Found;
use super::classify::union;
pub(super) use appearing::appeared;
use sets::{alternatives, names, types, values};

/// How deep in a definition differences are looked at; deeper ones are breaking.
const DEEPEST: usize = 40;

/// Who sends what a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The agent.
    Input,
    /// The tool.
    Output,
}

/// What is known of what a place takes besides what is named.
enum Rest<'a> {
    Anything,
    Nothing,
    This(&'a Value),
}

// === impl Side ===

impl Side {
    /// More is taken than before.
    const fn more(self) -> Class {
        match self {
            Self::Input => Class::Widened,
            Self::Output => Class::Breaking,
        }
    }

    /// Less is taken than before.
    const fn less(self) -> Class {
        match self {
            Self::Input => Class::Breaking,
            Self::Output => Class::Compatible,
        }
    }

    /// Less is needed than before, of what was taken anyhow.
    const fn relaxed(self) -> Class {
        match self {
            Self::Input => Class::Compatible,
            Self::Output => Class::Breaking,
        }
    }

    /// A property that was not named before.
    const fn another(self) -> Class {
        match self {
            Self::Input => Class::Widened,
            Self::Output => Class::Compatible,
        }
    }
}

/// Compares two schemas as wholes.
pub(super) fn root(old: &Value, new: &Value, side: Side, found: &mut Found) {
    found.both_ways = turns(old) || turns(new);
    compare(old, new, side, found);
}

fn compare(old: &Value, new: &Value, side: Side, found: &mut Found) {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        if !same(old, new) {
            found.note(Class::Breaking);
        }
        return;
    };
    if found.depth() > DEEPEST {
        return found.note(Class::Breaking);
    }
    for key in union(old, new) {
        let (old, new) = (old.get(key), new.get(key));
        if let (Some(old), Some(new)) = (old, new)
            && same(old, new)
        {
            continue;
        }
        found.within(key, |found| keyword(key, (old, new), side, found));
    }
}

type Pair<'a> = (Option<&'a Value>, Option<&'a Value>);

fn keyword(key: &str, both: Pair<'_>, side: Side, found: &mut Found) {
    match key {
        "title" | "description" | "examples" | "$comment" | "deprecated" => found.note(Class::Text),
        "default" => default(both, side, found),
        "type" => types(both, side, found),
        "enum" => values(both, side, found),
        "required" => names(both, side, found),
        "properties" => properties(both, side, found),
        "$defs" | "definitions" => definitions(both, side, found),
        "anyOf" | "oneOf" | "allOf" => alternatives(key, both, side, found),
        "additionalProperties" | "items" => rest(both, side, found),
        "const" => constraint(both, side, (|_| true, true), found),
        "pattern" | "format" => constraint(both, side, (Value::is_string, true), found),
        "multipleOf" => constraint(both, side, (Value::is_number, false), found),
        "uniqueItems" => flag(both, side, found),
        "minLength" | "minItems" | "minProperties" => {
            bound(both, (side.less(), side.relaxed()), found);
        }
        "minimum" | "exclusiveMinimum" => bound(both, (side.less(), side.more()), found),
        "maxLength" | "maxItems" | "maxProperties" | "maximum" | "exclusiveMaximum" => {
            let (old, new) = both;
            ceiling((old, new), side, found);
        }
        _ => found.note(Class::Breaking),
    }
}

fn members(value: Option<&Value>) -> Option<Cow<'_, Map<String, Value>>> {
    match value {
        None => Some(Cow::Owned(Map::new())),
        Some(Value::Object(members)) => Some(Cow::Borrowed(members)),
        Some(_) => None,
    }
}

fn properties((old, new): Pair<'_>, side: Side, found: &mut Found) {
    let (Some(old), Some(new)) = (members(old), members(new)) else {
        return found.note(Class::Breaking);
    };
    if old.is_empty() && new.is_empty() {
        return found.note(Class::Text);
    }
    for key in union(&old, &new) {
        found.within(key, |found| match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => compare(old, new, side, found),
            (None, Some(new)) => appeared(new, side.another(), found),
            (Some(_), None) | (None, None) => found.note(Class::Breaking),
        });
    }
}

/// What is referred to. Where it may be referred to from within `not` or `if`, more is less.
fn definitions((old, new): Pair<'_>, side: Side, found: &mut Found) {
    let (Some(old), Some(new)) = (members(old), members(new)) else {
        return found.note(Class::Breaking);
    };
    if old.is_empty() && new.is_empty() {
        return found.note(Class::Text);
    }
    for key in union(&old, &new) {
        found.within(key, |found| match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => {
                let classes = found.apart(|found| compare(old, new, side, found));
                if found.both_ways && classes.is_more_than_text() {
                    found.note(Class::Breaking);
                }
            }
            (None, Some(new)) => appeared(new, side.another(), found),
            (Some(_), None) | (None, None) => found.note(Class::Breaking),
        });
    }
}

impl<'a> Rest<'a> {
    fn of(value: Option<&'a Value>) -> Self {
        match value {
            None | Some(Value::Bool(true)) => Self::Anything,
            Some(Value::Bool(false)) => Self::Nothing,
            Some(Value::Object(schema)) if schema.is_empty() => Self::Anything,
            Some(schema) => Self::This(schema),
        }
    }
}

fn rest((old, new): Pair<'_>, side: Side, found: &mut Found) {
    let more = |new: Option<&Value>, found: &mut Found| match new {
        Some(schema) => appeared(schema, side.more(), found),
        None => found.note(side.more()),
    };
    match (Rest::of(old), Rest::of(new)) {
        (Rest::Anything, Rest::Anything) | (Rest::Nothing, Rest::Nothing) => {
            found.note(Class::Text);
        }
        (Rest::This(old), Rest::This(new)) => compare(old, new, side, found),
        (Rest::This(_), Rest::Anything) | (Rest::Nothing, _) => more(new, found),
        (Rest::Anything, Rest::This(new)) => appeared(new, side.less(), found),
        (Rest::Anything | Rest::This(_), Rest::Nothing) => found.note(side.less()),
    }
}

fn default((_, new): Pair<'_>, side: Side, found: &mut Found) {
    found.note(side.more());
    if new.is_some() {
        found.note(Class::Text);
    }
}

/// Something that a value must be, and of which no order is known: of what kind it is, and whether it
/// is read.
fn constraint(
    (old, new): Pair<'_>,
    side: Side,
    (is_kind, is_read): (fn(&Value) -> bool, bool),
    found: &mut Found,
) {
    if old.is_some() {
        found.note(side.more());
    }
    let Some(new) = new else { return };
    found.note(if is_kind(new) { side.less() } else { Class::Breaking });
    if is_read {
        found.note(Class::Text);
    }
}

fn flag((old, new): Pair<'_>, side: Side, found: &mut Found) {
    let said = |value: Option<&Value>| value.map_or(Some(false), Value::as_bool);
    found.note(match (said(old), said(new)) {
        (Some(true), Some(false)) => side.more(),
        (Some(false), Some(true)) => side.less(),
        (Some(_), Some(_)) => Class::Text,
        (None, _) | (_, None) => Class::Breaking,
    });
}

/// A number that the higher it is takes the less: the classes of a higher and of a lower one.
fn bound((old, new): Pair<'_>, (higher, lower): (Class, Class), found: &mut Found) {
    let number = |value: Option<&Value>| value.map(Value::as_f64);
    found.note(match (number(old), number(new)) {
        (Some(None), _) | (_, Some(None)) | (None, None) => Class::Breaking,
        (None, Some(_)) => higher,
        (Some(_), None) => lower,
        (Some(Some(old)), Some(Some(new))) if new > old => higher,
        (Some(Some(old)), Some(Some(new))) if new < old => lower,
        // Integers that no double tells apart.
        (Some(_), Some(_)) => Class::Breaking,
    });
}

/// A number that the lower it is takes the less.
fn ceiling((old, new): Pair<'_>, side: Side, found: &mut Found) {
    match (old, new) {
        (None, Some(_)) => bound((None, new), (side.less(), side.more()), found),
        (Some(_), None) => bound((old, None), (side.less(), side.more()), found),
        // Higher takes more here.
        _ => bound((old, new), (side.more(), side.less()), found),
    }
}

/// Whether there is something in a schema that turns more into less.
fn turns(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(key, value)| {
            matches!(key.as_str(), "not" | "if" | "oneOf" | "dependentSchemas") || turns(value)
        }),
        Value::Array(items) => items.iter().any(turns),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
