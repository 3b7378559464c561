//! A whole list beside what was approved.
//!
//! Enters: approved definitions, and those that a target lists. Leaves: the tools that differ. Never:
//! names alone: the set is approved, so a tool that is renamed is one gone and one added.

use std::collections::{HashMap, HashSet};

use toolgate_telemetry::ContractChange;

use super::{Change, Definition, Pin, classify};

/// A tool that differs.
#[derive(Clone, Debug)]
pub struct Surveyed<'a> {
    /// The target's name for it.
    pub name: &'a str,
    /// What was approved; `None`: nothing was.
    pub approved: Option<&'a Pin>,
    /// What is listed; `None`: it is gone.
    pub seen: Option<&'a Definition>,
    /// How it differs.
    pub change: Change,
}

/// The tools that differ: those that are listed in their order, then those that are gone by name.
#[must_use]
pub fn survey<'a>(
    approved: &'a HashMap<String, Pin>,
    seen: &'a [(String, Definition)],
) -> Vec<Surveyed<'a>> {
    let listed: HashSet<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    let mut differ: Vec<_> = seen
        .iter()
        .filter_map(|(name, definition)| {
            let pin = approved.get(name);
            let change = match pin {
                None => Change::whole(ContractChange::Added),
                Some(pin) if pin.hash == definition.hash() => return None,
                Some(pin) => classify(&Definition::read(pin.definition.as_bytes()), definition),
            };
            Some(Surveyed { name, approved: pin, seen: Some(definition), change })
        })
        .collect();
    let mut gone: Vec<_> = approved.iter().filter(|(name, _)| !listed.contains(&***name)).collect();
    gone.sort_unstable_by_key(|(name, _)| *name);
    differ.extend(gone.into_iter().map(|(name, pin)| {
        let change = Change::whole(ContractChange::Removed);
        Surveyed { name, approved: Some(pin), seen: None, change }
    }));
    differ
}
