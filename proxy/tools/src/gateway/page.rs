//! A long list in pages, while it changes.
//!
//! Enters: all of it, and where the page before ended. Leaves: one page, and where it ends. Never: an
//! entry twice because new ones have come in front of it.

use std::cmp::Reverse;

use crate::error::ToolError;

/// What an entry is sorted by: the largest first, then the name.
pub(super) type Key = (u64, String);

/// Some of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) entries: Vec<T>,
    /// How many match in all.
    pub(super) matched: usize,
    /// Where to go on, if there is more.
    pub(super) next: Option<String>,
}

/// The page behind `next`.
///
/// # Errors
/// A `next` that no page had.
pub(super) fn page<T>(
    all: Vec<T>,
    key: impl Fn(&T) -> Key,
    next: Option<&str>,
    limit: u32,
) -> Result<Page<T>, ToolError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let order = |(value, name): Key| (Reverse(value), name);
    let after = next.map(read).transpose()?.map(order);
    let mut sorted: Vec<_> = all.into_iter().map(|one| (order(key(&one)), one)).collect();
    let matched = sorted.len();
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    let rest = sorted.into_iter().filter(|(place, _)| after.as_ref().is_none_or(|at| place > at));
    let mut rest: Vec<_> = rest.collect();
    let is_more = rest.len() > limit;
    rest.truncate(limit);
    let last = rest.last().filter(|_| is_more);
    let next = last.map(|((Reverse(value), name), _)| format!("{value}:{name}"));
    Ok(Page { entries: rest.into_iter().map(|(_, one)| one).collect(), matched, next })
}

fn read(next: &str) -> Result<Key, ToolError> {
    let parts = next.split_once(':');
    let key = parts.and_then(|(value, name)| Some((value.parse().ok()?, name.to_owned())));
    key.ok_or_else(|| ToolError::argument("next", "is not what a page before gave as `next`"))
}
