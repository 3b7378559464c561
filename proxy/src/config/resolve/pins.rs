//! `pins`: the file read, and an action for every class of difference.
//!
//! In: `pins` and `targets` as written. Out: what each target is held to. It never lets a gateway
//! start that should hold its targets to something, and does not know to what.

use std::io::ErrorKind;
use std::path::Path;

use toolgate_mcp::contract::Actions;
use toolgate_telemetry::{ContractAction, ContractChange};

use crate::config::choice::PinAction;
use crate::config::code;
use crate::config::file::{self, PinActions};
use crate::config::pins::PinFile;
use crate::config::report::{Mistake, quote};
use crate::config::resolved::Pins;

use super::Resolver;

/// Nothing that an agent can be made to do more than was approved, and no word that was not.
const DEFAULT: Actions = Actions::all(ContractAction::Quarantine);

impl Resolver<'_, '_> {
    pub(super) fn pins(&mut self, written: &file::File) -> Option<Pins> {
        let pins = written.pins.as_ref()?;
        let named = pins.file.as_ref()?;
        let file = self.path(Path::new(named));
        let approved = self.pin_file(&file);
        let default = DEFAULT
            .with(ContractChange::Text, ContractAction::Pinned)
            .with(ContractChange::Compatible, ContractAction::Pinned)
            .with(ContractChange::Removed, ContractAction::Warn);
        let actions = over(default, &pins.actions);
        let held = written.targets.0.iter().filter(|(_, target)| target.builtin.is_none());
        let targets = held.map(|(name, target)| {
            let own = target.pins.as_ref().map(|pins| over(actions, &pins.actions));
            (name.clone(), own.unwrap_or(actions))
        });
        Some(Pins { file, approved, targets: targets.collect() })
    }

    fn pin_file(&mut self, file: &Path) -> PinFile {
        let shown = quote(&file.display().to_string());
        let (message, help) = match (self.outside.read)(file) {
            Ok(text) => match PinFile::parse(&text) {
                Ok(pins) => return pins,
                Err(bad) => (
                    format!("the pins file {shown} cannot be used: {bad}"),
                    "restore it from version control, or remove it and approve everything anew: \
                     `toolgate pins accept --all`",
                ),
            },
            Err(error) if error.kind() == ErrorKind::NotFound && self.outside.files_may_lack => {
                return PinFile::default();
            }
            Err(error) => (
                format!("the pins file {shown} cannot be read: {error}"),
                "make it with `toolgate pins accept --config FILE --all`, and look at what it says",
            ),
        };
        let at = self.review.at(&["pins", "file"]);
        self.review.add(Mistake::new(code::PINS, at, message).help(help));
        PinFile::default()
    }
}

/// What is written, over what is inherited.
fn over(inherited: Actions, written: &PinActions) -> Actions {
    let words = [
        (ContractChange::Breaking, written.breaking),
        (ContractChange::Widened, written.widened),
        (ContractChange::AnnotationDowngrade, written.annotation_downgrade),
        (ContractChange::Added, written.added),
        (ContractChange::Removed, written.removed),
        (ContractChange::Compatible, written.compatible),
        (ContractChange::Text, written.text),
    ];
    words.into_iter().fold(inherited, |actions, (class, action)| match action {
        Some(action) => actions.with(class, taken(action)),
        None => actions,
    })
}

const fn taken(action: PinAction) -> ContractAction {
    match action {
        PinAction::Allow => ContractAction::Allow,
        PinAction::Warn => ContractAction::Warn,
        PinAction::Pinned => ContractAction::Pinned,
        PinAction::Quarantine => ContractAction::Quarantine,
    }
}
