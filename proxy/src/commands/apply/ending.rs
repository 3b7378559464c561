//! What is printed: a line for each name as it is done, or one document at the end.
//!
//! Enters: changes, and at the end what was in the way. Leaves: text or JSON, and the exit code.
//! Never: words of AWS that could steer the terminal.

use std::io::Write;

use serde_json::{Value, json};
#[cfg(feature = "aws")]
use toolgate_telemetry_aws::apply::{Became, Change};

use super::{Report, Screen, code};
use crate::cli::{ApplyArgs, Output};
#[cfg(feature = "aws")]
use crate::commands::call::screen::one_line;
use crate::commands::say;
use crate::exit::Exit;

/// Prints as it goes on.
pub(super) struct Printer<'a> {
    out: &'a mut (dyn Write + Send),
    err: &'a mut (dyn Write + Send),
    screen: Screen,
    json: bool,
    dry_run: bool,
    region: String,
    changes: Vec<Value>,
    /// Something was written, or would be.
    changed: bool,
    /// CloudWatch complained so often.
    complaints: usize,
}

// === impl Printer ===

impl<'a> Printer<'a> {
    pub(super) fn new(
        args: &ApplyArgs,
        screen: Screen,
        out: &'a mut (impl Write + Send),
        err: &'a mut (impl Write + Send),
    ) -> Self {
        let json = args.output == Output::Json;
        let (region, dry_run) = (String::new(), args.dry_run);
        let changes = Vec::new();
        Self { out, err, screen, json, dry_run, region, changes, changed: false, complaints: 0 }
    }

    /// It is known where it goes.
    #[cfg(feature = "aws")]
    pub(super) fn begin(&mut self, region: &str) {
        region.clone_into(&mut self.region);
    }

    /// A name is done.
    #[cfg(feature = "aws")]
    pub(super) fn told(&mut self, change: &Change) {
        self.changed |= change.became != Became::Unchanged;
        self.complaints += change.complaints.len();
        if self.json {
            self.changes.push(json!(change));
            return;
        }
        say(self.out, &line(change, self.dry_run));
        for complaint in &change.complaints {
            let widget = complaint.widget.as_ref().map(|widget| format!("{widget}: "));
            let (widget, message) = (widget.unwrap_or_default(), one_line(&complaint.message));
            let path = one_line(&complaint.path);
            say(self.err, &format!("warning: {}: {widget}{message} ({path})\n", change.name));
        }
    }

    /// Everything is done, or something was in the way.
    pub(super) fn end(self, sent: Result<(), Box<Report>>) -> Exit {
        let failed = sent.err().or_else(|| self.complained());
        let exit = match &failed {
            Some(report) => report.exit,
            None if self.dry_run && self.changed => Exit::Differs,
            None => Exit::Ok,
        };
        if self.json {
            let mut document = json!({
                "region": self.region, "dry_run": self.dry_run, "changes": self.changes,
            });
            if let (Some(report), Some(fields)) = (&failed, document.as_object_mut()) {
                fields.insert("error".into(), json!(report));
            }
            say(self.out, &format!("{document}\n"));
        } else if let Some(report) = &failed {
            say(self.err, &report.render(&self.screen));
        }
        exit
    }

    fn complained(&self) -> Option<Box<Report>> {
        let n = self.complaints;
        let message = format!("CloudWatch complains {n} times about what it was sent");
        let report = Report::new(code::INVALID, Exit::Invalid, message)
            .help("the widgets it names may show nothing; report this with the version");
        (n > 0).then(|| Box::new(report))
    }
}

/// `updated    Toolgate: widgets[3].properties.title`.
#[cfg(feature = "aws")]
fn line(change: &Change, dry_run: bool) -> String {
    let word = match (change.became, dry_run) {
        (Became::Unchanged, _) => "unchanged",
        (Became::Created, false) => "created",
        (Became::Created, true) => "would create",
        (Became::Updated, false) => "updated",
        (Became::Updated, true) => "would update",
        (Became::Removed, false) => "removed",
        (Became::Removed, true) => "would remove",
        (Became::Refused, _) => "refused",
    };
    let differences = if change.differences.is_empty() {
        String::new()
    } else {
        format!(": {}", one_line(&change.differences.join(", ")))
    };
    format!("{word} {}{differences}\n", change.name)
}
