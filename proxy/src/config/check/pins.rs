//! Whether every action about differences can be taken, and takes effect.
//!
//! In: `pins` and `targets`. Out: mistakes. It never reads the pins file: that
//! is for `resolve`.

use toolgate_telemetry::{ContractChange, Word as _};

use crate::config::choice::PinAction;
use crate::config::code;
use crate::config::file::{File, PinActions};
use crate::config::report::Mistake;
use crate::config::review::Review;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    if let Some(pins) = &file.pins {
        check_actions(&["pins", "actions"], &pins.actions, review);
        let targets = &file.targets.0;
        if !targets.is_empty() && targets.iter().all(|(_, target)| target.builtin.is_some()) {
            let message = "`pins` has no effect: all targets are part of this program";
            review.add(
                Mistake::new(code::NO_EFFECT, review.key_at(&["pins"]), message)
                    .label("what is part of this program is not held to pins")
                    .help("add the target that is to be held to them, or remove it"),
            );
        }
    }
    for (name, target) in &file.targets.0 {
        let Some(pins) = &target.pins else { continue };
        let path = ["targets", name, "pins"];
        check_actions(&[&path[..], &["actions"]].concat(), &pins.actions, review);
        let nothing = if target.builtin.is_some() {
            Some(("what is part of this program is not held to pins", "remove it"))
        } else if file.pins.is_none() {
            Some(("there are no pins", "add `pins: { file: toolgate.pins.json }` at the top"))
        } else {
            None
        };
        if let Some((label, help)) = nothing {
            let at = review.key_at(&path);
            let message = "`pins` has no effect here";
            review.add(Mistake::new(code::NO_EFFECT, at, message).label(label).help(help));
        }
    }
}

fn check_actions(path: &[&str], actions: &PinActions, review: &mut Review<'_>) {
    let words = [
        (ContractChange::Added, actions.added, "there is no approved definition of it to show"),
        (
            ContractChange::Removed,
            actions.removed,
            "it is gone, and can neither be shown nor hidden",
        ),
    ];
    for (class, action, label) in words {
        let fits = match (class, action) {
            (_, None | Some(PinAction::Allow | PinAction::Warn)) => true,
            (class, Some(PinAction::Quarantine)) => class == ContractChange::Added,
            (_, Some(PinAction::Pinned)) => false,
        };
        if fits {
            continue;
        }
        let (key, written) = (class.word(), [path, &[class.word()]].concat());
        let others =
            if key == "added" { "`allow`, `warn` or `quarantine`" } else { "`allow` or `warn`" };
        let at = review.at(&written);
        let message = format!("`{}` makes no sense for `{key}`", review.written(&written));
        review.add(
            Mistake::new(code::NO_EFFECT, at, message).label(label).help(format!("write {others}")),
        );
    }
}
