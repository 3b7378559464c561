//! Configuration: from YAML text to typed values, or every mistake at once.
//!
//! In: the text of a file, its name, and ways to reach environment and files.
//! Out: a [`Config`] without mistakes, or a [`Report`] that names all of them
//! with line, caret and remedy. This is the only place that knows strings,
//! environment and defaults; it never opens a file, a socket or `std::env` itself.

mod address;
mod check;
mod choice;
pub mod code;
mod expand;
mod file;
mod keys;
mod near;
mod ordered;
mod pins;
mod placeholder;
mod read;
mod redis;
mod reference;
mod report;
mod resolve;
mod resolved;
mod review;
mod schema;
mod secret;
mod shape;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod units;
mod words;

pub use self::choice::{
    Algorithm, Builtin, ClientAuth, CloudDimension, CloudMode, Era, LogLevel, OnFailure,
    OtlpProtocol, PinAction, Prefix, Profile, Search, SearchEngine, XrayMode,
};
pub use self::keys::{KeyEntry, KeyFile};
pub use self::pins::{BadPins, PinFile};
pub use self::reference::{RemoteSecret, SecretRef};
pub use self::report::{Mistake, Position, Report};
pub use self::resolved::{
    Audit, AuditCopy, Auth, Aws, Breaker, CloudWatch, Config, Credentials, Durable, EnvValue,
    Grants, Issuer, Keys, Kubernetes, Lambda, Limits, Log, OAuthClient, Otlp, Own, Pins, Policies,
    Rate, Retry, Server, Sessions, SharedRates, Shutdown, Target, TargetCredentials, TargetKind,
    Tls, TlsFiles, TokenEndpoint, Tool, Tools, Traces, UserGrant, Xray,
};
pub use self::schema::schema;
pub use self::secret::Secret;
pub(crate) use self::secret::usable;
pub use self::words::{AccessLog, EmfFile};

pub(crate) use self::check::amounts::LONGEST_CALL;
pub use self::resolve::Outside;

use self::read::Reading;
use self::review::Review;
use self::shape::Fitting;
use self::tree::Node;

/// Largest file taken, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// Reads a configuration.
///
/// `file_name` only appears in the report.
///
/// # Errors
///
/// Every mistake of the file, of the secrets it refers to, and of the
/// substitutions it asks for.
pub fn load(text: &str, file_name: &str, outside: Outside<'_>) -> Result<Config, Report> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut mistakes = Vec::new();
    let config = understand(text, outside, &mut mistakes);
    match config {
        Some(config) if mistakes.is_empty() => Ok(config),
        Some(_) | None => Err(Report::new(file_name, text, mistakes)),
    }
}

/// The report of a file that could not be read at all.
#[must_use]
pub fn unreadable(file_name: &str, error: &std::io::Error) -> Report {
    let message = format!("`{file_name}` cannot be read: {error}");
    let mistake = Mistake::new(code::START, Position::default(), message)
        .help("check that it exists, that this user may read it, and that it is UTF-8 text");
    Report::new(file_name, "", vec![mistake])
}

/// Text, tree, fitting tree, typed file, configuration; mistakes gather on the way.
fn understand(text: &str, outside: Outside<'_>, mistakes: &mut Vec<Mistake>) -> Option<Config> {
    if text.len() > MAX_FILE {
        mistakes.push(too_large(text.len()));
        return None;
    }
    let Reading { tree, mistakes: unreadable } = read::read(text, outside.env);
    let is_readable = unreadable.is_empty();
    mistakes.extend(unreadable);
    let Some(tree) = tree else {
        mistakes.extend(is_readable.then(empty));
        return None;
    };
    let Fitting { tree, mistakes: unfit } = shape::fit(tree, &schema::schema_value());
    mistakes.extend(unfit);
    let tree = tree?;
    let file = deserialize(&tree).map_err(|mistake| mistakes.push(*mistake)).ok()?;
    let mut review = Review::new(&tree);
    check::check(&file, &mut review);
    let config = resolve::resolve(&file, outside, &mut review);
    mistakes.append(&mut review.mistakes);
    Some(config)
}

fn deserialize(tree: &Node) -> Result<file::File, Box<Mistake>> {
    // The tree fits the schema, and the schema is made from the types: this fails
    // only if the two disagree.
    serde_json::from_value(tree.to_json()).map_err(|error| {
        let message = format!("schema and reader disagree: {error}");
        let mistake = Mistake::new(code::INTERNAL, Position::default(), message);
        Box::new(mistake.help("this is a fault of toolgate: please report it with the file"))
    })
}

fn too_large(bytes: usize) -> Mistake {
    let message = format!("the file has {bytes} bytes, more than 1 MiB");
    Mistake::new(code::TOO_LARGE, Position::default(), message)
        .help("check that this is the right file; large values belong into files of their own")
}

fn empty() -> Mistake {
    Mistake::new(code::MISSING_KEY, Position::default(), "the file holds no configuration")
        .help("write at least `auth` and `targets`")
}
