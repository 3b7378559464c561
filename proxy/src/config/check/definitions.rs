//! Whether what definitions may weigh makes sense.
//!
//! In: `definitions` as written. Out: mistakes. It never looks at the bounds of a number: the schema
//! has those; nor at the two beside each other: one is of a whole list, the other of one target.

use crate::config::code;
use crate::config::report::Mistake;
use crate::config::review::Review;

pub(super) fn check(review: &mut Review<'_>) {
    let path = ["definitions"];
    if review.has(&path) && review.tree.is_empty(&path) {
        let at = review.key_at(&path);
        review.add(
            Mistake::new(code::NO_EFFECT, at, "`definitions` is empty and has no effect")
                .help("write `warn_tokens` or `max_tokens` below it, or remove it"),
        );
    }
}
