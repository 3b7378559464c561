//! Patterns of sampling rules.
//!
//! Enters: a pattern with `*` (any text) and `?` (any character). Leaves: whether a text is such,
//! in upper or lower case. Never: more time than pattern times text; never an allocation.

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Glob {
    /// `*`, which is what most rules say of most things.
    Any,
    /// Anything else.
    Like(Box<[u8]>),
}

// === impl Glob ===

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        if pattern.bytes().all(|byte| byte == b'*') && !pattern.is_empty() {
            return Self::Any;
        }
        Self::Like(pattern.as_bytes().into())
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Like(pattern) => like(pattern, text.as_bytes()),
        }
    }
}

/// After a `*` that failed, it takes one byte more and the rest is tried again.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star = None;
    while let Some(&byte) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(b'?') => {
                read += width(byte);
                at += 1;
            }
            Some(wanted) if wanted.eq_ignore_ascii_case(&byte) => {
                read += 1;
                at += 1;
            }
            Some(_) | None => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                (at, read) = (place + 1, taken + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

/// The bytes of a character that begins so.
const fn width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    //! Stars and question marks.

    use super::Glob;

    #[test]
    fn patterns_mean_what_they_say() {
        let of = |pattern: &str, text: &str| Glob::new(pattern).matches(text);
        assert!(of("*", "") && of("**", "anything"));
        assert!(of("tools/*", "tools/call") && of("TOOLS/call", "tools/CALL"));
        assert!(of("*_pods", "get_pods") && of("g?t_*s", "get_pods") && of("a*b*c", "aXbXbXc"));
        assert!(of("?", "ü") && of("f?r", "für"));
        assert!(!of("", "x") && of("", ""));
        assert!(!of("tools/?", "tools/call") && !of("get", "get_pods") && !of("*x", "get_pods"));
    }
}
