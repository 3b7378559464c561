//! Whether the settings of the audit log go together.
//!
//! In: the `audit` block. Out: mistakes: keys without effect, sizes that cannot work. It never opens the
//! log.

use crate::config::choice::Fsync;
use crate::config::code;
use crate::config::file::File;
use crate::config::report::Mistake;
use crate::config::review::Review;
use crate::config::text::Text;
use crate::config::units::Size;

use super::amounts;

/// Smallest room for records that wait: some of the longest fit.
const LEAST_BUFFER: u64 = 256 << 10;
/// Smallest file.
const LEAST_FILE: u64 = 64 << 10;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let Some(audit) = &file.audit else { return };
    let path = ["audit", "fsync_every"];
    if review.has(&path) && audit.fsync != Some(Fsync::Interval) {
        let message = "`fsync_every` has no effect without `fsync: interval`";
        review.add(
            Mistake::new(code::NO_EFFECT, review.key_at(&path), message)
                .label("records become durable by another rule")
                .help("write `fsync: interval`, or remove it"),
        );
    }
    amounts::time(&audit.fsync_every, &path, review);
    amounts::time(&audit.rotate.age, &["audit", "rotate", "age"], review);
    amounts::size(&audit.buffer, &["audit", "buffer"], review);
    at_least(&audit.buffer, (LEAST_BUFFER, "256KiB"), &["audit", "buffer"], review);
    let size = ["audit", "rotate", "size"];
    at_least(&audit.rotate.size, (LEAST_FILE, "64KiB"), &size, review);
    let keep = ["audit", "rotate", "keep_size"];
    at_least(&audit.rotate.keep_size, (LEAST_FILE, "64KiB"), &keep, review);
}

fn at_least(
    size: &Option<Text<Size>>,
    (least, written): (u64, &str),
    path: &[&str],
    review: &mut Review<'_>,
) {
    if size.as_ref().is_some_and(|size| size.0.0 < least) {
        let message = format!("`{}` is too small", review.written(path));
        let mistake = Mistake::new(code::OUT_OF_RANGE, review.at(path), message);
        review.add(mistake.help(format!("write at least `{written}`")));
    }
}
