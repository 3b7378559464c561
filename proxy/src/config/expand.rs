//! `${NAME}` in a value becomes the environment variable of that name.
//!
//! In: the text of one scalar and a way to ask for variables. Out: the text with
//! all of them replaced, or everything that could not be. It never touches keys,
//! never reads the process environment itself, and never expands twice.

/// Looks up an environment variable; the assembly hands it in.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A substitution that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The characters at fault, as written, from `${` on.
    pub(crate) written: String,
    /// The variable that is not set; `None` when the form itself is wrong.
    pub(crate) unset: Option<String>,
}

/// Replaces every `${NAME}`; `$${` stands for a literal `${`.
///
/// # Errors
///
/// All faults of this text, in order.
pub(crate) fn expand(raw: &str, env: Env<'_>) -> Result<String, Vec<Fault>> {
    let mut out = String::with_capacity(raw.len());
    let mut faults = Vec::new();
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(literal) = before.strip_suffix('$') {
            out.push_str(literal);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        rest = match after.split_once('}') {
            Some((name, tail)) => {
                lookup(name, env, &mut out, &mut faults);
                tail
            }
            None => {
                faults.push(Fault { written: written(after, ""), unset: None });
                ""
            }
        };
    }
    out.push_str(rest);
    if faults.is_empty() { Ok(out) } else { Err(faults) }
}

/// Whether `name` can name an environment variable: a letter or `_`, then letters, digits, `_`.
pub(crate) fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn lookup(name: &str, env: Env<'_>, out: &mut String, faults: &mut Vec<Fault>) {
    if !is_variable(name) {
        faults.push(Fault { written: written(name, "}"), unset: None });
        return;
    }
    match env(name) {
        Some(value) => out.push_str(&value),
        None => faults.push(Fault { written: written(name, "}"), unset: Some(name.to_owned()) }),
    }
}

fn written(name: &str, end: &str) -> String {
    let line = name.lines().next().unwrap_or_default();
    format!("${{{line}{end}")
}
