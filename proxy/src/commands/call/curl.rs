//! The same request as a `curl` command.
//!
//! Enters: a URL, a request, and what stands for the token. Leaves: a command that a POSIX shell
//! runs as it is. Never: a token, unless the caller of this function passes one in.

use toolgate_client::{Ask, Trust};

/// The command, without a line end. `token` goes into double quotes: a variable, or a token, whose
/// characters mean nothing there.
pub(crate) fn command(url: &str, token: Option<&str>, ask: &Ask, trust: &Trust) -> String {
    let mut parts = vec![format!("curl -sS {}", quoted(url))];
    let files = [("cacert", &trust.ca), ("cert", &trust.certificate), ("key", &trust.key)];
    parts.extend(files.iter().filter_map(|(option, file)| {
        let file = file.as_ref()?.display().to_string();
        Some(format!("--{option} {}", quoted(&file)))
    }));
    parts.extend(token.map(|token| format!("-H \"Authorization: Bearer {token}\"")));
    let headers = ask.headers();
    parts.extend(headers.iter().map(|(name, value)| {
        let header = format!("{name}: {value}");
        format!("-H {}", quoted(&header))
    }));
    parts.push(format!("--data-raw {}", quoted(&ask.body())));
    parts.join(" \\\n  ")
}

/// Text in single quotes, in which nothing has a meaning but the quote itself.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
