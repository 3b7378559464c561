//! Whether the settings of the log go together.
//!
//! In: the `log` block. Out: mistakes: a share of lines where there are none. It never opens a log.

use crate::config::code;
use crate::config::file::File;
use crate::config::report::Mistake;
use crate::config::review::Review;
use crate::config::words::AccessLog;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let off = file.log.access.as_ref().is_some_and(|access| access.0 == AccessLog::Off);
    if !off || !review.has(&["log", "sample"]) {
        return;
    }
    review.add(
        Mistake::new(
            code::NO_EFFECT,
            review.key_at(&["log", "sample"]),
            "`sample` has no effect without an access log",
        )
        .label("`access` is `off`")
        .help("remove it, or write `access: stderr`"),
    );
}
