//! Keywords whose value is a list in which the order says nothing.
//!
//! Enters: two lists. Leaves: what one has and the other has not, as classes. Never: a list of
//! something else than the keyword asks for: that is breaking.

use std::collections::BTreeMap;

use serde_json::Value;
use toolgate_telemetry::ContractChange as Class;

use super::appearing::is_strange;
use super::{Pair, Side, appeared, compare};
use crate::contract::canonical::canonical;
use crate::contract::change::Found;

/// How often each is there.
type Bag<'a> = BTreeMap<Vec<u8>, Vec<(usize, &'a Value)>>;

/// `type`; `number` takes integers too.
pub(super) fn types((old, new): Pair<'_>, side: Side, found: &mut Found) {
    let both = (old.map(list_of_types), new.map(list_of_types));
    match both {
        (Some(None), _) | (_, Some(None)) | (None, None) => found.note(Class::Breaking),
        (Some(_), None) => found.note(side.more()),
        (None, Some(_)) => found.note(side.less()),
        (Some(Some(old)), Some(Some(new))) => {
            let lacks = |of: &[&str], word: &&str| !of.contains(word);
            differ(
                (new.iter().any(|word| lacks(&old, word)), side.more()),
                (old.iter().any(|word| lacks(&new, word)), side.less()),
                found,
            );
        }
    }
}

fn list_of_types(value: &Value) -> Option<Vec<&str>> {
    let mut words: Vec<&str> = match value {
        Value::String(word) => vec![word],
        Value::Array(words) => words.iter().map(Value::as_str).collect::<Option<_>>()?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    if words.contains(&"number") {
        words.push("integer");
    }
    Some(words)
}

/// `enum`.
pub(super) fn values((old, new): Pair<'_>, side: Side, found: &mut Found) {
    match (old.map(bag), new.map(bag)) {
        (Some(None), _) | (_, Some(None)) | (None, None) => found.note(Class::Breaking),
        (Some(_), None) => found.note(side.more()),
        (None, Some(_)) => {
            found.note(side.less());
            found.note(Class::Text);
        }
        (Some(Some(old)), Some(Some(new))) => {
            let added = new.keys().any(|value| !old.contains_key(value));
            if added {
                found.note(Class::Text);
            }
            let gone = old.keys().any(|value| !new.contains_key(value));
            differ((added, side.more()), (gone, side.less()), found);
        }
    }
}

/// `required`.
pub(super) fn names((old, new): Pair<'_>, side: Side, found: &mut Found) {
    let none = Value::Array(Vec::new());
    let (Some(old), Some(new)) = (bag(old.unwrap_or(&none)), bag(new.unwrap_or(&none))) else {
        return found.note(Class::Breaking);
    };
    let added = new.keys().any(|name| !old.contains_key(name));
    let gone = old.keys().any(|name| !new.contains_key(name));
    differ((added, side.less()), (gone, side.relaxed()), found);
}

/// `anyOf`, `oneOf`, `allOf`. Those that both have are the same; as many as are left on both sides
/// are taken for one another in their order.
pub(super) fn alternatives(key: &str, (old, new): Pair<'_>, side: Side, found: &mut Found) {
    let none = Value::Array(Vec::new());
    let bags = (bag(old.unwrap_or(&none)), bag(new.unwrap_or(&none)));
    let (Some(was), Some(is)) = bags else { return found.note(Class::Breaking) };
    if old.is_none() || new.is_none() {
        // None at all takes anything, as does an empty `allOf`.
        let class = if old.is_none() { side.less() } else { side.more() };
        found.note(class);
        if old.is_none() {
            found.note(Class::Text);
            if is.values().flatten().any(|(_, schema)| is_strange(schema, found)) {
                found.note(Class::Breaking);
            }
        }
        return;
    }
    let (gone, added) = (without(&was, &is), without(&is, &was));
    if gone.is_empty() && added.is_empty() {
        return found.note(Class::Text);
    }
    if gone.len() == added.len() {
        let classes = found.apart(|found| {
            for ((_, old), (at, new)) in gone.iter().zip(&added) {
                found.within(at.to_string(), |found| compare(old, new, side, found));
            }
        });
        if key == "oneOf" && classes.is_more_than_text() {
            // What two take is taken by none.
            found.note(Class::Breaking);
        }
        return;
    }
    for (at, new) in &added {
        let class = if key == "allOf" { side.less() } else { side.more() };
        found.within(at.to_string(), |found| appeared(new, class, found));
    }
    if !gone.is_empty() {
        found.note(if key == "allOf" { side.more() } else { side.less() });
    }
    if key == "oneOf" {
        found.note(Class::Breaking);
    }
}

fn bag(value: &Value) -> Option<Bag<'_>> {
    let mut bag = Bag::new();
    for (at, item) in value.as_array()?.iter().enumerate() {
        bag.entry(canonical(item)).or_default().push((at, item));
    }
    Some(bag)
}

/// What is in `of` more often than in `other`, in its order.
fn without<'a>(of: &Bag<'a>, other: &Bag<'a>) -> Vec<(usize, &'a Value)> {
    let mut left: Vec<_> = of
        .iter()
        .flat_map(|(key, items)| {
            let there = other.get(key).map_or(0, Vec::len);
            items.iter().skip(there).copied()
        })
        .collect();
    left.sort_by_key(|(at, _)| *at);
    left
}

/// Notes both, or that only the order is another.
fn differ((more, more_class): (bool, Class), (less, less_class): (bool, Class), found: &mut Found) {
    if more {
        found.note(more_class);
    }
    if less {
        found.note(less_class);
    }
    if !more && !less {
        found.note(Class::Text);
    }
}
