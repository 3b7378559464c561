//! Whether what definitions may weigh makes sense.
//!
//! In: `definitions` as written. Out: mistakes. It never looks at the bounds of a number: the schema
//! has those.

use crate::config::code;
use crate::config::file::{Definitions, File};
use crate::config::report::Mistake;
use crate::config::review::Review;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let path = ["definitions"];
    if review.has(&path) && review.tree.is_empty(&path) {
        let at = review.key_at(&path);
        review.add(
            Mistake::new(code::NO_EFFECT, at, "`definitions` is empty and has no effect")
                .help("write `warn_tokens` or `max_tokens` below it, or remove it"),
        );
    }
    let Some(Definitions { warn_tokens: Some(warn), max_tokens: Some(most) }) = &file.definitions
    else {
        return;
    };
    if most < warn {
        let at = review.at(&["definitions", "max_tokens"]);
        let message = "a list would be refused before it is warned of";
        review.add(
            Mistake::new(code::OUT_OF_RANGE, at, message)
                .label(format!("`max_tokens` is {most}, `warn_tokens` is {warn}"))
                .help(
                    "write a `max_tokens` that is not below `warn_tokens`; a target may have a smaller one \
                     of its own, `targets.NAME.definitions.max_tokens`",
                ),
        );
    }
}
