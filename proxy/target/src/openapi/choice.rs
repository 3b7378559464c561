//! Which operations of a document become tools.
//!
//! Enters: patterns, later operations. Leaves: yes or no, and which patterns were of no use. Never: an operation
//! that is both in and out: what is left out is left out.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::Candidate;

/// Patterns: `listPets` for a tool, `GET /pets/*` for a method and a path, `tag:pets` for a tag; `*` stands for
/// any text, and `* /pets` for any method.
#[derive(Debug)]
pub struct Choice {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    used: AtomicBool,
}

// === impl Choice ===

impl Choice {
    /// Without `include` everything is in, but for what `exclude` leaves out.
    #[must_use]
    pub fn new(include: &[String], exclude: &[String]) -> Self {
        let patterns = |all: &[String]| all.iter().map(|text| Pattern::new(text)).collect();
        Self { include: patterns(include), exclude: patterns(exclude) }
    }

    /// Whether it is in.
    #[must_use]
    pub fn takes(&self, candidate: &Candidate<'_>) -> bool {
        // Every pattern is looked at, so that each is known to be of use.
        let meets = |all: &[Pattern]| all.iter().filter(|one| one.meets(candidate)).count() > 0;
        let (within, without) = (meets(&self.include), meets(&self.exclude));
        (within || self.include.is_empty()) && !without
    }

    /// Patterns that met nothing: whether it is one of `include`, and its number.
    pub fn idle(&self) -> impl Iterator<Item = (bool, usize)> {
        let both = [(true, &self.include), (false, &self.exclude)];
        both.into_iter().flat_map(|(within, all)| {
            let idle = all.iter().enumerate().filter(|(_, one)| !one.used.load(Relaxed));
            idle.map(move |(n, _)| (within, n))
        })
    }
}

// === impl Pattern ===

impl Pattern {
    fn new(text: &str) -> Self {
        Self { text: text.trim().to_owned(), used: AtomicBool::new(false) }
    }

    fn meets(&self, candidate: &Candidate<'_>) -> bool {
        let meets = match self.text.strip_prefix("tag:") {
            Some(tag) => candidate.tags.iter().any(|held| glob(tag.as_bytes(), held.as_bytes())),
            None => match self.text.split_once(' ') {
                Some((method, path)) => {
                    let method = method.to_ascii_uppercase();
                    glob(method.as_bytes(), candidate.method.as_bytes())
                        && glob(path.trim().as_bytes(), candidate.path.as_bytes())
                }
                None => glob(self.text.as_bytes(), candidate.name.as_bytes()),
            },
        };
        self.used.fetch_or(meets, Relaxed);
        meets
    }
}

/// Whether a text fits a pattern in which `*` stands for any text. Time goes with the product of the lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == text.get(t) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::{Candidate, Choice, glob};

    const PETS: Candidate<'_> =
        Candidate { name: "listPets", method: "GET", path: "/pets/{id}", tags: &["pets", "read"] };

    fn takes(include: &[&str], exclude: &[&str]) -> bool {
        let own = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Choice::new(&own(include), &own(exclude)).takes(&PETS)
    }

    #[test]
    fn patterns_are_about_names_tags_methods_and_paths() {
        assert!(takes(&[], &[]));
        for good in
            ["listPets", "list*", "tag:pets", "tag:*", "GET *", "get /pets/*", "* /pets/{id}"]
        {
            assert!(takes(&["nothing", good], &[]), "{good}");
            assert!(!takes(&[], &[good]), "{good}");
            assert!(!takes(&[good], &[good]), "{good}");
        }
        for bad in ["listpets", "list", "tag:pet", "POST *", "GET /pets", "GET"] {
            assert!(!takes(&[bad], &[]), "{bad}");
        }
    }

    #[test]
    fn patterns_that_meet_nothing_are_known() {
        let own = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let choice = Choice::new(&own(&["listPets", "other"]), &own(&["POST *", "tag:read"]));
        assert!(!choice.takes(&PETS));
        assert_eq!(choice.idle().collect::<Vec<_>>(), [(true, 1), (false, 0)]);
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abcb", false),
            ("*a", "bba", true),
            ("a**", "a", true),
            ("*ab", "aab", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }
}
