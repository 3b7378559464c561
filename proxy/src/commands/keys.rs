//! `toolgate keys`: API keys of callers.
//!
//! Enters: a configuration with `auth.keys`. Leaves: a key, printed once; a list; a key file without one.
//! Never: a key in the file, or a key that is printed twice.

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use toolgate_admit::authn::ApiKeys;

use super::{check, say, whole};
use crate::cli::Output;
use crate::config::{self, Config, KeyEntry, KeyFile};
use crate::exit::Exit;

/// What all of them end their help with.
const CODES: &str = "Exit codes: 0 done, 2 usage, 3 the configuration or the key file is wrong.";
/// The longest name.
const LONGEST: usize = 128;

/// `toolgate keys`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key, and print it: it is shown this once.
    Create(CreateArgs),
    /// List the keys.
    List(ListArgs),
    /// Take a key back.
    Revoke(RevokeArgs),
}

/// Whose configuration, and how it is printed.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The configuration; its `auth.keys` names the file and the pepper.
    #[arg(long, short, value_name = "FILE")]
    pub config: PathBuf,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// `toolgate keys create`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  \
        toolgate keys create --config toolgate.yaml --name ci --scope gateway/invoke --days 90\n  \
        KEY=$(toolgate keys create -c toolgate.yaml --name ci --scope gateway/invoke)\n\n\
        Callers send it as `Authorization: Bearer KEY` or `X-Api-Key: KEY`. A gateway that runs\n\
        takes it within seconds.",
    after_help = CODES
)]
pub struct CreateArgs {
    /// Where.
    #[command(flatten)]
    pub common: Common,
    /// Whose it is: the subject in logs and policies.
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// A scope that it grants; may be repeated.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// For how many days it is good; without it, until it is revoked.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: Option<u32>,
}

/// `toolgate keys list`.
#[derive(Args, Clone, Debug)]
#[command(before_help = "Example:\n  toolgate keys list --config toolgate.yaml", after_help = CODES)]
pub struct ListArgs {
    /// Where.
    #[command(flatten)]
    pub common: Common,
}

/// `toolgate keys revoke`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  toolgate keys revoke --config toolgate.yaml 0123456789abcdef\n\n\
        A gateway that runs refuses it within seconds. A stream that was opened with it before\n\
        goes on until it ends.",
    after_help = CODES
)]
pub struct RevokeArgs {
    /// Where.
    #[command(flatten)]
    pub common: Common,
    /// The id of the key (`toolgate keys list`), or the key itself.
    #[arg(value_name = "ID")]
    pub id: String,
}

/// Why a command did not do what it should.
#[derive(Debug)]
struct Failed {
    exit: Exit,
    message: String,
    help: String,
}

/// Runs the command.
pub fn run(what: &Keys, out: &mut (impl Write + Send), err: &mut (impl Write + Send)) -> Exit {
    let common = match what {
        Keys::Create(args) => &args.common,
        Keys::List(args) => &args.common,
        Keys::Revoke(args) => &args.common,
    };
    let load = if matches!(what, Keys::Create(_)) { check::load_to_write } else { check::load };
    let config = match load(&common.config, common.output, out, err) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let done = keys(&config).and_then(|keys| match what {
        Keys::Create(args) => create(args, keys, (out, err)),
        Keys::List(_) => {
            say(out, &listed(&keys.held, common.output, now()));
            Ok(())
        }
        Keys::Revoke(args) => revoke(args, keys, (out, err)),
    });
    match done {
        Ok(()) => Exit::Ok,
        Err(failed) => failed.told(common.output, (out, err)),
    }
}

fn keys(config: &Config) -> Result<&config::Keys, Failed> {
    config.auth.keys.as_ref().ok_or_else(|| Failed {
        exit: Exit::Config,
        message: "the configuration has no `auth.keys`".to_owned(),
        help: "add `keys: { file: keys.json, pepper: env:TOOLGATE_PEPPER }` below `auth`"
            .to_owned(),
    })
}

fn create(
    args: &CreateArgs,
    keys: &config::Keys,
    (out, err): (&mut impl Write, &mut impl Write),
) -> Result<(), Failed> {
    if args.name.is_empty() || args.name.len() > LONGEST || args.name.contains(char::is_control) {
        return Err(usage("a name has 1 to 128 bytes, and no control characters"));
    }
    if let Some(scope) = args.scopes.iter().find(|scope| !is_scope(scope)) {
        return Err(usage(&format!("`{scope}` is not a scope (RFC 6749, 3.3)")));
    }
    let minted = ApiKeys::mint(keys.pepper.expose().as_bytes()).map_err(|problem| Failed {
        exit: Exit::Config,
        message: problem.to_owned(),
        help: "look at the system's source of random numbers".to_owned(),
    })?;
    let created = now();
    let life = |days| created + u64::from(days) * 24 * 3600;
    let entry = KeyEntry {
        id: minted.id.clone(),
        name: args.name.clone(),
        hmac_sha256: minted.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        scopes: args.scopes.clone(),
        created,
        expires: args.days.map(life),
        revoked: None,
    };
    let mut file = keys.held.clone();
    file.keys.push(entry.clone());
    write(keys, &file)?;
    match args.common.output {
        Output::Json => {
            let mut shown = shown(&entry, created);
            if let Some(members) = shown.as_object_mut() {
                members.insert("key".to_owned(), minted.text.clone().into());
            }
            say(out, &format!("{shown}\n"));
        }
        Output::Text => {
            say(out, &format!("{}\n", minted.text));
            say(
                err,
                &format!("made the key {} of `{}`; it is not shown again\n", entry.id, entry.name),
            );
        }
    }
    Ok(())
}

fn revoke(
    args: &RevokeArgs,
    keys: &config::Keys,
    (out, err): (&mut impl Write, &mut impl Write),
) -> Result<(), Failed> {
    // Whoever has the key at hand has its id in it.
    let id = args.id.strip_prefix("tgk_").and_then(|rest| rest.split('_').next());
    let id = id.unwrap_or(&args.id);
    let mut file = keys.held.clone();
    let Some(entry) = file.keys.iter_mut().find(|entry| entry.id == id) else {
        return Err(usage("there is no key with this id; `toolgate keys list` has them"));
    };
    let was = entry.revoked.is_some();
    entry.revoked.get_or_insert_with(now);
    let entry = entry.clone();
    write(keys, &file)?;
    match args.common.output {
        Output::Json => say(out, &format!("{}\n", shown(&entry, now()))),
        Output::Text if was => say(err, &format!("the key {id} was revoked before\n")),
        Output::Text => say(err, &format!("revoked the key {id} of `{}`\n", entry.name)),
    }
    Ok(())
}

fn write(keys: &config::Keys, file: &KeyFile) -> Result<(), Failed> {
    whole::private(&keys.file, &file.render()).map_err(|error| Failed {
        exit: Exit::Config,
        message: format!("{} cannot be written: {error}", keys.file.display()),
        help: "let this user write in its folder, or name another file in `auth.keys`".to_owned(),
    })
}

fn listed(file: &KeyFile, output: Output, now: u64) -> String {
    if output == Output::Json {
        let all: Vec<Value> = file.keys.iter().map(|entry| shown(entry, now)).collect();
        return format!("{}\n", json!({ "keys": all }));
    }
    if file.keys.is_empty() {
        return "no keys\n".to_owned();
    }
    let line = |entry: &KeyEntry| {
        let scopes = entry.scopes.join(" ");
        format!("{:<18}{:<24}{:<16}{scopes}\n", entry.id, entry.name, state(entry, now))
    };
    let head = format!("{:<18}{:<24}{:<16}scopes\n", "id", "name", "state");
    file.keys.iter().map(line).fold(head, |all, line| all + &line)
}

fn shown(entry: &KeyEntry, now: u64) -> Value {
    json!({
        "id": entry.id, "name": entry.name, "scopes": entry.scopes, "created": entry.created,
        "expires": entry.expires, "revoked": entry.revoked, "state": state(entry, now),
    })
}

fn state(entry: &KeyEntry, now: u64) -> String {
    match (entry.revoked, entry.expires) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(expires)) if expires <= now => "expired".to_owned(),
        (None, Some(expires)) => format!("good for {} d", (expires - now).div_ceil(24 * 3600)),
        (None, None) => "good".to_owned(),
    }
}

fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

fn usage(message: &str) -> Failed {
    let help = "see `toolgate keys --help`".to_owned();
    Failed { exit: Exit::Usage, message: message.to_owned(), help }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).as_ref().map_or(0, Duration::as_secs)
}

// === impl Failed ===

impl Failed {
    fn told(self, output: Output, (out, err): (&mut impl Write, &mut impl Write)) -> Exit {
        let Self { exit, message, help } = self;
        match output {
            Output::Text => say(err, &format!("error: {message}\n  help: {help}\n")),
            Output::Json => {
                let document = json!({ "error": { "message": message, "help": help } });
                say(out, &format!("{document}\n"));
            }
        }
        exit
    }
}
