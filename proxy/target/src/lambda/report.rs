//! How long a function ran, as Lambda says at the end of its log.
//!
//! Enters: the last of the log, in base64 (`X-Amz-Log-Result`, at most 4 KiB). Leaves: durations. Never: a line
//! of the function's own, which may hold anything.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toolgate_call::Run;

/// How the line begins that Lambda writes itself.
const REPORT: &str = "REPORT RequestId: ";

/// Reads the report; `None`: there is none.
pub(super) fn read(log: &str) -> Option<Run> {
    let text = STANDARD.decode(log).ok()?;
    let text = String::from_utf8_lossy(&text);
    // A function may write such a line, too: Lambda's comes last.
    let line = text.lines().rev().find(|line| line.starts_with(REPORT))?;
    let field = |name: &str| {
        let said = line.split('\t').find_map(|part| part.trim().strip_prefix(name))?;
        let ms: f64 = said.strip_suffix(" ms")?.trim().parse().ok()?;
        Duration::try_from_secs_f64(ms / 1000.0).ok()
    };
    Some(Run { duration: field("Duration: ")?, init: field("Init Duration: ") })
}
