//! A name with `*` in it.
//!
//! Enters: text of the configuration. Leaves: whether a name fits, and whether any name that begins
//! in a certain way could. Never: another wildcard; a match that takes longer than the product of
//! the two lengths.

use std::fmt;

/// The longest pattern, in bytes.
const LONGEST: usize = 512;

/// `*` stands for any run of characters, also for none; all else for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(Box<str>);

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is nothing in it.
    #[error("empty")]
    Empty,
    /// It has more than 512 bytes.
    #[error("longer than 512 bytes")]
    Long,
    /// It has a space or a control character.
    #[error("a space or a control character")]
    Blank,
    /// `**` says no more than `*`.
    #[error("`**` says no more than `*`")]
    Doubled,
    /// It has a wildcard of other languages.
    #[error("`*` is the only wildcard")]
    Wildcard,
}

// === impl Pattern ===

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// See [`Unfit`].
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        if text.is_empty() {
            return Err(Unfit::Empty);
        }
        if text.len() > LONGEST {
            return Err(Unfit::Long);
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Unfit::Blank);
        }
        if text.contains("**") {
            return Err(Unfit::Doubled);
        }
        if text.contains(['[', ']', '^', '|']) {
            return Err(Unfit::Wildcard);
        }
        Ok(Self(text.into()))
    }

    /// Whether the whole name fits.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where the last `*` was, and what it has taken so far.
        let mut star: Option<(usize, usize)> = None;
        while let Some(byte) = name.get(n) {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p + 1, n));
                    p += 1;
                }
                Some(literal) if literal == byte => {
                    p += 1;
                    n += 1;
                }
                Some(_) | None => {
                    let Some((after, taken)) = star else { return false };
                    star = Some((after, taken + 1));
                    p = after;
                    n = taken + 1;
                }
            }
        }
        pattern.iter().skip(p).all(|left| *left == b'*')
    }

    /// Whether a name could fit that begins so and goes on.
    #[must_use]
    pub fn may_begin(&self, beginning: &str) -> bool {
        let pattern = self.0.as_bytes();
        // The places in the pattern where one can be after what was read.
        let mut places = vec![false; pattern.len() + 1];
        if let Some(first) = places.first_mut() {
            *first = true;
        }
        past_stars(pattern, &mut places);
        for byte in beginning.bytes() {
            let mut next = vec![false; pattern.len() + 1];
            for (at, literal) in pattern.iter().enumerate().filter(|(at, _)| is_set(&places, *at)) {
                let to = match literal {
                    b'*' => at,
                    literal if *literal == byte => at + 1,
                    _ => continue,
                };
                if let Some(place) = next.get_mut(to) {
                    *place = true;
                }
            }
            past_stars(pattern, &mut next);
            places = next;
        }
        places.iter().take(pattern.len()).any(|place| *place)
    }

    /// The only name that fits, if there is no `*` in it.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }

    /// Whether every name fits.
    #[must_use]
    pub fn fits_all(&self) -> bool {
        &*self.0 == "*"
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_set(places: &[bool], at: usize) -> bool {
    places.get(at).is_some_and(|place| *place)
}

/// A `*` may stand for nothing.
fn past_stars(pattern: &[u8], places: &mut [bool]) {
    for (at, byte) in pattern.iter().enumerate() {
        if *byte == b'*'
            && is_set(places, at)
            && let Some(place) = places.get_mut(at + 1)
        {
            *place = true;
        }
    }
}

#[cfg(test)]
mod tests {
    //! What fits.

    use proptest::prelude::{prop_assert_eq, proptest};

    use super::{Pattern, Unfit};

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_star_is_any_run_and_all_else_is_itself() {
        for (text, good, bad) in [
            ("a___b", "a___b", "a___bc"),
            ("a___*", "a___", "b___a"),
            ("*", "", "\0"),
            ("*x*", "x", "y"),
            ("a*b*c", "a1b2bc", "a1b2b"),
            ("*ab", "aab", "aba"),
            ("k8s___get?", "k8s___get?", "k8s___gets"),
        ] {
            assert!(pattern(text).fits(good), "{text} {good}");
            assert!(text == "*" || !pattern(text).fits(bad), "{text} {bad}");
        }
    }

    #[test]
    fn a_pattern_is_known_to_fit_nothing_of_a_target() {
        for (text, target, may) in [
            ("k8s___get_*", "k8s", true),
            ("k8s___get_*", "prom", false),
            ("*___get_*", "prom", true),
            ("*", "prom", true),
            ("get_*", "prom", false),
            ("*_pods", "prom", true),
            ("p*", "prom", true),
            ("prom___", "prom", false),
            ("prom", "prom", false),
            ("p*__", "prom", true),
            ("pro___*", "prom", false),
        ] {
            assert_eq!(pattern(text).may_begin(&format!("{target}___")), may, "{text} {target}");
        }
    }

    #[test]
    fn what_is_none_is_told() {
        for (text, why) in [
            ("", Unfit::Empty),
            ("a b", Unfit::Blank),
            ("a**", Unfit::Doubled),
            ("[ab]___x", Unfit::Wildcard),
        ] {
            assert_eq!(Pattern::parse(text), Err(why), "{text}");
        }
        assert_eq!(Pattern::parse(&"a".repeat(513)), Err(Unfit::Long));
    }

    /// The same by recursion, which cannot be wrong in the same way.
    fn slow(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|n| slow(rest, &name[n..])),
            ([p, rest @ ..], [n, more @ ..]) => p == n && slow(rest, more),
            ([], name) => name.is_empty(),
            ([_, ..], []) => false,
        }
    }

    proptest! {
        #[test]
        fn fitting_is_what_its_definition_says(text in "[ab]?(\\*?[ab]){0,5}\\*?", name in "[ab]{0,7}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                prop_assert_eq!(pattern.fits(&name), slow(text.as_bytes(), name.as_bytes()));
            }
        }

        #[test]
        fn what_may_begin_so_does(text in "[ab]?(\\*?[ab]){0,4}\\*?", start in "[ab]{0,3}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                let mut ends = vec![String::new()];
                let mut found = false;
                for _ in 0..6 {
                    ends = ends.iter().flat_map(|end| [format!("{end}a"), format!("{end}b")]).collect();
                    found |= ends.iter().any(|end| pattern.fits(&format!("{start}{end}")));
                }
                prop_assert_eq!(pattern.may_begin(&start), found);
            }
        }
    }
}
