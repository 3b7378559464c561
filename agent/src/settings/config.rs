//! The typed configuration.
//!
//! In: merged values, and a way to read files that they name. Out: a [`Config`], or everything
//! that does not fit together. Never: a default that the table does not have.

mod gateway;
mod models;
mod reader;
mod server;
mod turn;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::effect::in_vain;
use super::layers::Merged;
use super::problem::Problems;
use crate::turn::Settings;
use reader::Reader;

pub use gateway::{Client, Gateway, Place};
pub use models::{ModelEntry, Models, Served};
pub use server::{Access, Server};

/// How often the Parameter Store is read at most (its limit is for the whole account), and at least.
const REFRESH: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// How the agent is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// How turns go.
    pub turn: Settings,
    /// Where it is served.
    pub server: Server,
    /// The gateway.
    pub gateway: Option<Gateway>,
    /// The models.
    pub models: Models,
    /// The memory.
    pub memory: MemoryPlace,
    /// AWS.
    pub aws: AwsPlace,
    /// What is counted and where it goes.
    pub telemetry: Telemetry,
    /// Questions that the page offers.
    pub examples: Vec<String>,
    /// How often the Parameter Store is read again; `None` for never.
    pub refresh: Option<Duration>,
}

/// The memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlace {
    /// Who remembers.
    pub backend: Backend,
    /// How long.
    pub retention: Duration,
    /// How many events of one actor.
    pub max_events: u64,
}

/// Who remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Nobody.
    Off,
    /// A file; `None` is one below the user's data folder.
    Local(Option<PathBuf>),
    /// AgentCore Memory: the resource's id, or its name.
    AgentCore {
        /// Its id, if it is known.
        id: Option<String>,
        /// Its name.
        name: String,
    },
}

/// AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsPlace {
    /// The region.
    pub region: Option<String>,
    /// One endpoint for every service.
    pub endpoint: Option<String>,
}

/// What is counted and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Where traces go.
    pub otlp: Option<String>,
    /// The share of turns whose trace is kept.
    pub sampling: f64,
    /// Whether each turn leaves a line.
    pub interactions: bool,
    /// Where a trace is looked at.
    pub trace_url: Option<String>,
    /// The namespace of CloudWatch that metrics are put into; `None` for none.
    pub cloudwatch: Option<String>,
}

// === impl Config ===

impl Config {
    /// The configuration that the values make.
    ///
    /// # Errors
    /// Everything that does not fit together, and files that cannot be read.
    pub fn read(
        merged: &Merged,
        file: &dyn Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, Problems> {
        let mut reader = Reader { merged, problems: in_vain(merged) };
        let config = Self {
            turn: reader.turn(file),
            server: reader.server(),
            gateway: reader.gateway(),
            models: reader.models(),
            memory: reader.memory(),
            aws: AwsPlace {
                region: reader.owned("aws/region"),
                endpoint: reader.owned("aws/endpoint"),
            },
            telemetry: reader.telemetry(),
            examples: reader.json("agent/examples"),
            refresh: reader.refresh(),
        };
        if reader.problems.is_empty() { Ok(config) } else { Err(Problems(reader.problems)) }
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn refresh(&mut self) -> Option<Duration> {
        let refresh = self.time("settings/refresh");
        if !refresh.is_zero() && !REFRESH.contains(&refresh) {
            self.wrong("settings/refresh", "wanted is: `0s` for never, or from `1s` to `1d`");
        }
        (!refresh.is_zero()).then_some(refresh)
    }

    fn memory(&self) -> MemoryPlace {
        let backend = match self.text("memory/backend") {
            Some("off") => Backend::Off,
            Some("agentcore") => Backend::AgentCore {
                id: self.owned("agentcore/memory_id"),
                name: self.owned("agentcore/memory_name").unwrap_or_default(),
            },
            _ => Backend::Local(self.owned("memory/file").map(PathBuf::from)),
        };
        MemoryPlace {
            backend,
            retention: self.time("memory/retention"),
            max_events: self.number("memory/max_events"),
        }
    }

    fn telemetry(&self) -> Telemetry {
        Telemetry {
            otlp: self.owned("telemetry/otlp_endpoint"),
            sampling: self.number("telemetry/sampling"),
            interactions: self.text("telemetry/interaction_log") == Some("true"),
            trace_url: self.owned("telemetry/trace_url"),
            cloudwatch: self
                .owned("telemetry/cloudwatch_namespace")
                .filter(|_| self.text("telemetry/cloudwatch") == Some("true")),
        }
    }
}
