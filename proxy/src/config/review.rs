//! What the checks of meaning share: the tree for places, a list for mistakes.
//!
//! In: a path and what is wrong there. Out: mistakes with positions. It never
//! decides what is wrong.

use super::report::{Mistake, Position};
use super::tree::Node;

/// A check under way.
pub(crate) struct Review<'a> {
    pub(crate) tree: &'a Node,
    pub(crate) mistakes: Vec<Mistake>,
}

impl<'a> Review<'a> {
    /// Starts with the tree that fits the schema.
    pub(crate) fn new(tree: &'a Node) -> Self {
        Self { tree, mistakes: Vec::new() }
    }

    /// Where the value at `path` stands.
    pub(crate) fn at(&self, path: &[&str]) -> Position {
        self.tree.at(path)
    }

    /// Where the key of `path` stands.
    pub(crate) fn key_at(&self, path: &[&str]) -> Position {
        self.tree.key_at(path)
    }

    /// Whether something was written at `path` and survived the schema.
    pub(crate) fn has(&self, path: &[&str]) -> bool {
        self.tree.get(path).is_some()
    }

    /// Adds a mistake.
    pub(crate) fn add(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// How the value at `path` is written in the file; empty when it is no scalar.
    pub(crate) fn written(&self, path: &[&str]) -> &'a str {
        self.tree.scalar(path).map(|scalar| scalar.written.as_str()).unwrap_or_default()
    }
}
