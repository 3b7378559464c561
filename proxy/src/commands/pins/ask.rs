//! Asks targets for their tools, as the gateway would.
//!
//! Enters: a configuration and names of targets. Leaves: what each lists, or why it could not be
//! asked. Never: a child process or a session that is left behind.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use toolgate_call::Refusal;
use toolgate_mcp::{OfferedTool, Watches, offered};
use toolgate_telemetry::{AccessLogTo, Telemetry};

use super::Failed;
use crate::assembly::{Backend, Showing, fetcher};
use crate::cloud::Cloud;
use crate::commands::inherited;
use crate::config::Config;
use crate::exit::Exit;
use crate::facts::Facts;

/// How long a target may take: as long as a child may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a target lists.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) target: String,
    pub(super) tools: Result<Vec<OfferedTool>, Refusal>,
}

/// Asks them all at once.
pub(super) async fn ask(config: &Config, names: &[&str]) -> Result<Vec<Asked>, Failed> {
    let failed = |error: String| Failed { exit: Exit::Config, message: error, help: "" };
    let quiet = toolgate_telemetry::Config {
        access_log: AccessLogTo::Off,
        ..toolgate_telemetry::Config::default()
    };
    let telemetry = Telemetry::new(quiet).map_err(|error| failed(error.to_string()))?;
    let cloud = Box::pin(Cloud::for_targets(config)).await;
    let cloud = cloud.map_err(|error| failed(format!("{error:#}")))?;
    let mut showing = Showing::new(&cloud, &fetcher(config), &telemetry);
    let (facts, watches) = (Facts::new(inherited()), Arc::<Watches>::default());
    let mut backends = Vec::with_capacity(names.len());
    for target in config.targets.iter().filter(|target| names.contains(&target.name.as_str())) {
        let backend = Backend::new(target, &telemetry, &facts, &watches, &mut showing);
        backends.push(backend.map_err(|error| failed(format!("{error:#}")))?);
    }
    let asked = join_all(backends.iter().map(|backend| async {
        let tools = offered(&backend.spec, PATIENCE).await;
        Asked { target: backend.spec.name.to_string(), tools }
    }));
    let asked = asked.await;
    for far in backends.into_iter().filter_map(|backend| backend.far) {
        far.shutdown().await;
    }
    Ok(asked)
}
