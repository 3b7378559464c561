//! Everything put together.
//!
//! Enters: the configuration. Leaves: an agent and what stands behind its faces. Never: a request to
//! anybody, but for what finds out where AWS is.

mod cloudwatch;
mod live;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use toolgate_agent_memory::{Config as LocalConfig, Local, Memory};
use toolgate_agent_model::Model;
use toolgate_client::{Bearer, Client, Trust};
use toolgate_telemetry::agent::{AgentOptions, AgentTelemetry};
use toolgate_telemetry::{AccessLogTo, OtlpConfig, Protocol, SpansTo, TraceConfig};

use crate::gateway::{Gateway, LONGEST, Tokens};
use crate::host::About;
use crate::hosted::{Checked, Hosted};
use crate::models::Known;
use crate::settings::{self, Backend, Config, MemoryPlace};
use crate::telemetry::Watch;
use crate::tools::Tools;
use crate::turn::{Agent, Models, Parts};

pub use cloudwatch::Sink;
pub use live::{Live, Now, Reading};

/// `service.name` of the agent's spans.
const SERVICE: &str = "toolgate-agent";
/// How long the collector may take for one export.
const OTLP_PATIENCE: Duration = Duration::from_secs(10);
/// The file of local memory, below the user's data folder.
const MEMORY_FILE: &str = "toolgate/agent-memory.sqlite";

/// The agent and its surroundings.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// What stands behind the faces.
    pub host: Arc<Hosted>,
    /// What is counted.
    pub telemetry: Arc<AgentTelemetry>,
    /// Where it is put at CloudWatch.
    pub cloudwatch: Option<Sink>,
}

/// What the program is told beside its settings.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where the interaction log goes.
    pub log: AccessLogTo,
    /// The folder for data of this user.
    pub data: Option<PathBuf>,
    /// Where it runs.
    pub environment: String,
}

/// Puts everything together.
///
/// # Errors
/// Something cannot be made: a URL that is none, a file that cannot be opened, no region of AWS.
pub async fn assemble(config: &Config, around: &Surroundings) -> anyhow::Result<Assembled> {
    let models = models(config).await?;
    let cloudwatch = cloudwatch::sink(config).await?;
    let telemetry = telemetry(config, around, &models)?;
    let watch = Watch::new(Arc::clone(&telemetry));
    let gateway = config.gateway.as_ref().map(|it| gateway(it, &watch)).transpose()?;
    let asker = config.gateway.as_ref().map(client).transpose()?;
    let memory = memory(config, around).await?;
    let has_gateway = gateway.is_some();
    let live = Arc::new(Live::new(now(config, models, gateway)));
    let agent = Agent::new(Parts {
        models: Arc::clone(&live) as Arc<dyn Models>,
        tools: has_gateway.then(|| Arc::clone(&live) as Arc<dyn Tools>),
        memory,
        watcher: Arc::new(watch),
        settings: config.turn.clone(),
    });
    let about = About {
        name: "AWS-DevOps-agent".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        environment: around.environment.clone(),
        gateway: config.gateway.as_ref().map(|gateway| gateway.url.clone()),
    };
    let host = Arc::new(Hosted {
        agent: Arc::new(agent),
        live,
        asker,
        access: config.server.access.clone(),
        about,
        checked: Checked::default(),
    });
    Ok(Assembled { host, telemetry, cloudwatch })
}

// === impl Assembled ===

impl Assembled {
    /// Makes what those keys are about anew, and then changes it: models, gateway and links at once,
    /// then how turns go. Only keys that are
    /// marked `live` have an effect.
    ///
    /// # Errors
    /// Something cannot be made; then nothing was changed.
    pub async fn apply(&self, config: &Config, changed: &[&str]) -> anyhow::Result<()> {
        let before = self.host.live.now();
        let about = |group: &str| changed.iter().any(|key| key.starts_with(group));
        let models =
            if about("model/") { models(config).await? } else { Arc::clone(&before.models) };
        let gateway = match &config.gateway {
            Some(settings) if about("gateway/") && before.gateway.is_some() => {
                Some(gateway(settings, &Watch::new(Arc::clone(&self.telemetry)))?)
            }
            _ => before.gateway.clone(),
        };
        self.telemetry.models_configured(&models.ids());
        self.host.live.change(now(config, models, gateway));
        self.host.agent.change(config.turn.clone());
        Ok(())
    }
}

fn now(config: &Config, models: Arc<Known>, gateway: Option<Gateway>) -> Now {
    let (examples, trace_url) = (config.examples.clone(), config.telemetry.trace_url.clone());
    Now { models, gateway, examples, trace_url }
}

async fn models(config: &Config) -> anyhow::Result<Arc<Known>> {
    let bedrock = bedrock(config).await?;
    let known = Known::new(&config.models, bedrock.as_ref())?;
    Ok(Arc::new(known.of_at_most(config.turn.limits.reply_tokens)))
}

fn client(gateway: &settings::Gateway) -> anyhow::Result<Client> {
    let client = Client::new(&gateway.url, None, LONGEST).context("`gateway/url`")?;
    Ok(client.trusting(Trust { ca: gateway.ca.clone(), ..Trust::default() }))
}

fn gateway(settings: &settings::Gateway, watch: &Watch) -> anyhow::Result<Gateway> {
    let tokens = match (&settings.token, &settings.client) {
        (Some(token), _) => {
            let bearer = Bearer::new(token);
            Tokens::given(bearer.context("`gateway/token`: no bearer token has such characters")?)
        }
        (None, Some(client)) => Tokens::fetched(client.clone(), watch.renewals()),
        (None, None) => Tokens::none(),
    };
    Ok(Gateway::new(client(settings)?, tokens, settings.list_ttl))
}

fn telemetry(
    config: &Config,
    around: &Surroundings,
    models: &Known,
) -> anyhow::Result<Arc<AgentTelemetry>> {
    let to = config.telemetry.otlp.as_deref().map(otlp).transpose()?;
    let log = if config.telemetry.interactions { around.log.clone() } else { AccessLogTo::Off };
    let default = AgentOptions::default();
    let traces = TraceConfig { ratio: config.telemetry.sampling, to, ..default.traces.clone() };
    let cloudwatch = config.telemetry.cloudwatch.as_ref().map(|_| cloudwatch::kept());
    let models = models.ids();
    AgentTelemetry::start(AgentOptions { models, log, traces, cloudwatch, ..default })
        .context("telemetry cannot start")
}

fn otlp(url: &str) -> anyhow::Result<SpansTo> {
    Ok(SpansTo::Otlp(Box::new(OtlpConfig {
        endpoint: url.parse().context("`telemetry/otlp_endpoint`")?,
        protocol: Protocol::Http,
        headers: Vec::new(),
        timeout: OTLP_PATIENCE,
        service: SERVICE.to_owned(),
        gzip: true,
        signer: None,
    })))
}

#[cfg(feature = "aws")]
async fn cloud(config: &Config) -> anyhow::Result<toolgate_agent_aws::Cloud> {
    let place = toolgate_agent_aws::Place {
        region: config.aws.region.clone(),
        endpoint: config.aws.endpoint.clone(),
        ..toolgate_agent_aws::Place::default()
    };
    Ok(toolgate_agent_aws::Cloud::load(&place).await?)
}

/// Who serves models of Bedrock, if the catalogue has one.
#[cfg(feature = "aws")]
async fn bedrock(config: &Config) -> anyhow::Result<Option<Arc<dyn Model>>> {
    let of_bedrock = |entry: &&settings::ModelEntry| entry.provider == settings::Served::Bedrock;
    if !config.models.catalogue.iter().any(|entry| of_bedrock(&entry)) {
        return Ok(None);
    }
    let mut bedrock = toolgate_agent_aws::Bedrock::new(&Box::pin(cloud(config)).await?);
    for entry in config.models.catalogue.iter().filter(of_bedrock) {
        let options = toolgate_agent_aws::ModelOptions { streaming: true, caching: entry.caching };
        bedrock = bedrock.with(entry.id.clone().unwrap_or_else(|| entry.key.clone()), options);
    }
    Ok(Some(Arc::new(bedrock)))
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the same as with AWS")]
async fn bedrock(_: &Config) -> anyhow::Result<Option<Arc<dyn Model>>> {
    Ok(None)
}

/// AgentCore Memory, looked for in the background: an answer does not wait for it.
#[cfg(feature = "aws")]
async fn agentcore(
    config: &Config,
    id: Option<&str>,
    name: &str,
) -> anyhow::Result<Arc<dyn Memory>> {
    let cloud = Box::pin(cloud(config)).await?;
    let options = toolgate_agent_aws::MemoryOptions {
        id: id.map(str::to_owned),
        name: name.to_owned(),
        // Who serves needs no right to make anything: `config ensure` does.
        create: false,
        retention: config.memory.retention,
        tags: std::collections::BTreeMap::new(),
    };
    Ok(Arc::new(toolgate_agent_aws::AgentCoreMemory::open(&cloud, options)))
}

async fn memory(config: &Config, around: &Surroundings) -> anyhow::Result<Option<Arc<dyn Memory>>> {
    match &config.memory.backend {
        Backend::Off => Ok(None),
        Backend::Local(file) => Ok(Some(Arc::new(local(config, around, file.as_ref())?))),
        Backend::AgentCore { id, name } => {
            Box::pin(agentcore(config, id.as_deref(), name)).await.map(Some)
        }
    }
}

fn local(config: &Config, around: &Surroundings, file: Option<&PathBuf>) -> anyhow::Result<Local> {
    let path = match file {
        Some(file) if file.as_os_str() == ":memory:" => None,
        Some(file) => Some(file.clone()),
        None => {
            let data = around.data.as_ref();
            let data = data.context("there is no folder for data: set HOME, or `memory/file`")?;
            Some(data.join(MEMORY_FILE))
        }
    };
    if let Some(folder) = path.as_deref().and_then(Path::parent) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    let MemoryPlace { retention, max_events, .. } = config.memory;
    let local = LocalConfig { path, retention, most_events: max_events, ..LocalConfig::default() };
    Local::open(local).context("the memory cannot be opened")
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the same as with AWS")]
async fn agentcore(_: &Config, _: Option<&str>, _: &str) -> anyhow::Result<Arc<dyn Memory>> {
    anyhow::bail!("`memory/backend`: this program was built without AWS")
}
