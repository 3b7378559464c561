//! Whether secrets are read again as often as they may be.
//!
//! In: the `secrets` block. Out: mistakes: a time out of range, and one that nothing goes by. It never
//! reads a secret.

use std::time::Duration;

use crate::config::code;
use crate::config::file::File;
use crate::config::reference::is_remote;
use crate::config::report::{Mistake, quote};
use crate::config::review::Review;

/// Each look costs a request, and there are limits to those.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let path = ["secrets", "every"];
    let Some(every) = &file.secrets.every else { return };
    if !(SHORTEST..=LONGEST).contains(&every.0) {
        let message = format!("{} is out of range for `every`", quote(review.written(&path)));
        let mistake = Mistake::new(code::OUT_OF_RANGE, review.at(&path), message);
        review.add(mistake.help("write a time from `10s` to `24h`"));
    }
    if !review.tree.any(&is_remote) {
        review.add(
            Mistake::new(code::NO_EFFECT, review.key_at(&path), "`every` has no effect")
                .label("no secret is kept in AWS")
                .help("write a secret as `ssm:/PATH` or `secretsmanager:NAME`, or remove it"),
        );
    }
}
