//! From the command line to a configuration.
//!
//! Enters: flags, files, the environment, a running `toolgate dev`. Leaves: merged settings and the
//! typed configuration. Never: half of the problems.

use std::path::Path;

use toolgate_client::runfile::RunFile;

use crate::cli::Setup;
use crate::settings::{Config, Given, Merged, Problem, Problems};
use crate::store::Store;

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
    /// How they are read again.
    pub again: Option<Again>,
}

/// How settings are read again: the Parameter Store is, all other layers stay as they were.
#[derive(Debug)]
pub struct Again {
    /// The store.
    pub store: Store,
    given: Given,
    setup: Setup,
}

/// Why settings that were read again are not used.
#[derive(Debug)]
pub enum Unread {
    /// The store did not give them.
    Failed(String),
    /// They make no sense.
    Invalid(Problems),
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
    let one = |problem: Problem| Problems(vec![problem]);
    let mut given = given(setup, variables)?;
    let mut store = None;
    if setup.ssm {
        let below = given.merge()?;
        let opened = Box::pin(Store::open(setup, &below)).await.map_err(one)?;
        given.parameters = Some(Box::pin(opened.layer()).await.map_err(one)?);
        store = Some(opened);
    }
    let mut merged = given.merge()?;
    let borrowed = merged.get("gateway/url").is_none().then(|| RunFile::find(env)).flatten();
    if let Some(dev) = &borrowed {
        given.borrowed = lent(dev);
        merged = given.merge()?;
    }
    let config = Config::read(&merged, &beside(setup))?;
    let again = store.map(|store| Again { store, given, setup: setup.clone() });
    Ok(Ready { merged, config, borrowed: borrowed.is_some(), again })
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

/// What a running `toolgate dev` lends: its gateway, and a client of it.
fn lent(dev: &RunFile) -> Vec<(String, String)> {
    let lent = [
        ("gateway/url", dev.mcp.clone()),
        ("gateway/token_url", dev.token_url.clone()),
        ("gateway/client_id", dev.client_id.clone()),
        ("gateway/client_secret", dev.client_secret.clone()),
        ("gateway/scopes", dev.scopes.join(",")),
    ];
    lent.map(|(key, value)| (key.to_owned(), value)).to_vec()
}

// === impl Ready ===

impl Ready {
    /// The same for a command that does not last for minutes: nothing is put into CloudWatch.
    #[must_use]
    pub fn unpublished(mut self) -> Self {
        self.config.telemetry.cloudwatch = None;
        self
    }
}

// === impl Again ===

impl Again {
    /// The settings with what the store has now.
    ///
    /// # Errors
    /// It cannot be read, or what it has is no setting.
    pub async fn merged(&mut self) -> Result<Merged, Unread> {
        let layer = Box::pin(self.store.layer()).await;
        self.given.parameters = Some(layer.map_err(|problem| Unread::Failed(problem.says))?);
        self.given.merge().map_err(Unread::Invalid)
    }

    /// The configuration of merged settings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn config(&self, merged: &Merged) -> Result<Config, Problems> {
        Config::read(merged, &beside(&self.setup))
    }
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
