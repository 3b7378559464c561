//! The reference of the keys, made of the table.
//!
//! In: the table. Out: Markdown. Never: a word that is written by hand in the reference.

use std::fmt::Write as _;

use super::keys::KEYS;

/// The reference.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# Settings of the agent\n\n\
         Made of the table of keys; `toolgate-agent config keys` prints it. A later layer wins: \
         defaults, the file (`--config FILE`), the Parameter Store (`--ssm`, under \
         `/app/{app}/{env}/`), the environment, flags (`--set KEY=VALUE`). In a file, `/` begins a \
         group:\n\n```yaml\nmodel:\n  temperature: 0.2\n```\n\n\
         With `--ssm`, `serve` and `chat` read the Parameter Store again every `settings/refresh`. A \
         change of what is marked `live` is applied for the next turn; \
         everything else takes effect at a restart, and `/ready` says what waits for one. Settings \
         that cannot be read, or make no sense, change nothing.\n\n\
         | key | value | default | for | applied | variable |\n|---|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let default = match key.default {
            None => String::new(),
            Some("") => "none".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let mut about = key.about.to_owned();
        if !key.also.is_empty() {
            let _written = write!(about, " Also `{}`.", key.also.join("`, `"));
        }
        let _written = writeln!(
            text,
            "| `{}` | {} | {default} | {about} | {} | `{}` |",
            key.path,
            key.kind.describe(),
            if key.live { "live" } else { "at start" },
            key.variable()
        );
    }
    text
}
