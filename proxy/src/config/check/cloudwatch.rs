//! Whether the settings of CloudWatch go together.
//!
//! In: the `cloudwatch` block. Out: mistakes: keys without effect in the chosen mode. It never
//! connects to anything; whether this build has AWS is checked elsewhere.

use crate::config::choice::{CloudDimension, CloudMode};
use crate::config::code;
use crate::config::file::{CloudWatch, File};
use crate::config::report::Mistake;
use crate::config::review::Review;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let Some(cloudwatch) = &file.cloudwatch else { return };
    let Some(mode) = cloudwatch.mode else { return };
    if mode == CloudMode::Off {
        let keys = ["namespace", "dimensions", "tools", "to"];
        keys.iter().for_each(|key| {
            idle(
                key,
                ("with `mode: off`", "write `mode: put` or `mode: emf`, or remove it"),
                review,
            );
        });
        return;
    }
    if mode == CloudMode::Put {
        idle("to", ("with `mode: put`", "write `mode: emf` for lines, or remove it"), review);
    }
    if !by_tool(cloudwatch) {
        let why = "without the dimension `ToolName`";
        idle("tools", (why, "add `ToolName` to `dimensions`, or remove it"), review);
    }
    twice(cloudwatch, review);
}

fn by_tool(cloudwatch: &CloudWatch) -> bool {
    let dimensions = cloudwatch.dimensions.as_ref();
    dimensions.is_none_or(|dimensions| dimensions.contains(&CloudDimension::ToolName))
}

fn twice(cloudwatch: &CloudWatch, review: &mut Review<'_>) {
    let dimensions = cloudwatch.dimensions.as_deref().unwrap_or_default();
    let again = |n: usize, d: &CloudDimension| dimensions.iter().take(n).any(|other| other == d);
    if dimensions.iter().enumerate().any(|(n, dimension)| again(n, dimension)) {
        let at = review.at(&["cloudwatch", "dimensions"]);
        let mistake = Mistake::new(code::DUPLICATE, at, "a dimension is written twice");
        review.add(mistake.help("write each dimension once"));
    }
}

fn idle(key: &str, (why, help): (&str, &str), review: &mut Review<'_>) {
    let path = ["cloudwatch", key];
    if review.has(&path) {
        let message = format!("`{key}` has no effect {why}");
        review.add(Mistake::new(code::NO_EFFECT, review.key_at(&path), message).help(help));
    }
}
