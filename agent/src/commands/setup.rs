//! From the command line to a configuration.
//!
//! Enters: flags, files, the environment, a running `toolgate dev`. Leaves: merged settings and the
//! typed configuration. Never: half of the problems.

use std::path::Path;

use toolgate_client::runfile::RunFile;

use crate::cli::Setup;
use crate::settings::{Config, Given, Merged, Problem, Problems};
use crate::store;

/// The environment as a program sees it.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// What a command begins with.
#[derive(Debug)]
pub struct Ready {
    /// The settings and where they come from.
    pub merged: Merged,
    /// The configuration they make.
    pub config: Config,
    /// Whether a running `toolgate dev` lent its gateway.
    pub borrowed: bool,
}

/// Reads settings of every layer.
///
/// # Errors
/// Everything that is wrong with them.
pub async fn read(
    setup: &Setup,
    env: Env<'_>,
    variables: Vec<(String, String)>,
) -> Result<Ready, Problems> {
    let mut given = given(setup, variables)?;
    if setup.ssm {
        let below = given.merge()?;
        let layer = Box::pin(store::layer(setup, &below)).await;
        given.parameters = Some(layer.map_err(|problem| Problems(vec![problem]))?);
    }
    let merged = given.merge()?;
    let borrowed = merged.get("gateway/url").is_none().then(|| RunFile::find(env)).flatten();
    let merged = match &borrowed {
        Some(dev) => with_dev(&given, dev)?,
        None => merged,
    };
    let config = Config::read(&merged, &beside(setup))?;
    Ok(Ready { merged, config, borrowed: borrowed.is_some() })
}

/// What the file, the environment and flags give.
///
/// # Errors
/// The file cannot be read, or a flag is none.
pub fn given(setup: &Setup, variables: Vec<(String, String)>) -> Result<Given, Problems> {
    let mut given = Given { variables, ..Given::default() };
    let mut problems = Vec::new();
    if let Some(path) = &setup.config {
        match std::fs::read_to_string(path) {
            Ok(text) => given.file = Some((path.display().to_string(), text)),
            Err(error) => problems.push(unreadable(path, &error)),
        }
    }
    for pair in &setup.set {
        match pair.split_once('=') {
            Some((key, value)) => given.flags.push((key.to_owned(), value.to_owned())),
            None => problems.push(Problem {
                key: pair.clone(),
                from: None,
                says: "--set wants KEY=VALUE".to_owned(),
                help: Some("such as --set model/temperature=0.2".to_owned()),
            }),
        }
    }
    if problems.is_empty() { Ok(given) } else { Err(Problems(problems)) }
}

/// The same settings, with the gateway of a running `toolgate dev` below them.
fn with_dev(given: &Given, dev: &RunFile) -> Result<Merged, Problems> {
    let mut given = given.clone();
    let lent = [
        ("gateway/url", dev.mcp.clone()),
        ("gateway/token_url", dev.token_url.clone()),
        ("gateway/client_id", dev.client_id.clone()),
        ("gateway/client_secret", dev.client_secret.clone()),
        ("gateway/scopes", dev.scopes.join(",")),
    ];
    given.borrowed = lent.map(|(key, value)| (key.to_owned(), value)).to_vec();
    given.merge()
}

/// Reads what the settings name: it stands beside their file.
pub fn beside(setup: &Setup) -> impl Fn(&str) -> std::io::Result<String> {
    let folder = setup.config.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    move |name| std::fs::read_to_string(folder.clone().unwrap_or_default().join(name))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem {
        key: String::new(),
        from: None,
        says: format!("{} cannot be read: {error}", path.display()),
        help: Some("name another file with --config, or none".to_owned()),
    }
}
