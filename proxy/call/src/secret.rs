//! Values that must not be shown.
//!
//! Enters: a secret, or a caller's token. Leaves: the same, for those who answer for where it goes.
//! Never: the value in `Debug`; a comparison whose time tells how much of it was right; a copy left in
//! memory when the last owner is gone.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A value that must not be shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// The verified bearer token of a caller. It is kept only where a target is configured to exchange it
/// (RFC 8693), and goes to that token endpoint and nowhere else (ADR 36).
#[derive(Clone)]
pub struct SubjectToken(Arc<Secret>);

// === impl Secret ===

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    /// Takes as long as the values are, wherever they differ. Their length is no secret.
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        let differing =
            ours.iter().zip(theirs).fold(0, |differing, (a, b)| black_box(differing | (a ^ b)));
        ours.len() == theirs.len() && black_box(differing) == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

// === impl SubjectToken ===

impl SubjectToken {
    /// Wraps the token of a caller.
    #[must_use]
    pub fn new(token: String) -> Self {
        Self(Arc::new(Secret::new(token)))
    }

    /// The token itself, for the token endpoint of a target. The architecture tests know who
    /// may call this.
    #[must_use]
    pub fn open_for_exchange(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectToken(***)")
    }
}

#[cfg(test)]
mod tests {
    //! What is shown, and what is equal.

    use super::{Secret, SubjectToken};

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let shown =
            format!("{:?} {:?}", Secret::new("hunter2".into()), SubjectToken::new("ey".into()));
        assert_eq!(shown, "Secret(***) SubjectToken(***)");
    }

    #[test]
    fn secrets_are_equal_when_all_of_them_is() {
        let of = |text: &str| Secret::new(text.to_owned());
        assert_eq!(of("abc"), of("abc"));
        for other in ["", "ab", "abd", "abcd", "xbc"] {
            assert_ne!(of("abc"), of(other));
        }
    }
}
