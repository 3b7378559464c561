//! Whether what policies may speak of can be there.
//!
//! In: `policy` and `auth`. Out: mistakes. It never reads a policy: that is for `resolve`.

use crate::config::code;
use crate::config::file::File;
use crate::config::report::Mistake;
use crate::config::review::Review;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let Some(policy) = &file.policy else { return };
    let claims = !policy.claims.0.is_empty();
    if !claims || !file.auth.issuers.is_empty() {
        return;
    }
    let at = review.key_at(&["policy", "claims"]);
    review.add(
        Mistake::new(code::NO_EFFECT, at, "`policy.claims` has no effect: no caller has any")
            .label("claims are those of tokens, and no issuer is configured")
            .help("name the issuer of the tokens in `auth.issuers`, or remove it"),
    );
}
