//! `system_status`: whether the services that the tools ask do answer.
//!
//! Enters: nothing. Leaves: for each service whether it answers, refuses this gateway or fails, and
//! how long it took; the whole is as good as its worst part. Never: a state of credentials that AWS
//! does not take, which is an error.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::identity;
use crate::aws::{Aws, Client, Service};
use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct SystemStatus(pub(super) Probes);

/// The longest that a service may take to answer.
const LONGEST: Duration = Duration::from_secs(5);

/// The services.
pub(super) struct Probes {
    sts: Client,
    metrics: Client,
    logs: Client,
    prometheus: Client,
}

/// There are no arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The worst state of any service.
    overall: State,
    /// The account.
    account: String,
    /// The region.
    region: String,
    /// The services.
    services: Vec<Probed>,
}

#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Answers,
    Refuses,
    Fails,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Probed {
    service: &'static str,
    /// `refuses`: it answers, but this gateway may not ask it.
    state: State,
    /// How long it took, in milliseconds.
    took_ms: u64,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

// === impl Probes ===

impl Probes {
    pub(super) fn new(aws: &Arc<Aws>) -> Self {
        Self {
            sts: Client::new(aws, Service::STS),
            metrics: Client::new(aws, Service::CLOUDWATCH),
            logs: Client::new(aws, Service::LOGS),
            prometheus: Client::new(aws, Service::APS),
        }
    }
}

impl Tool for SystemStatus {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "system_status",
            title: "State of AWS from here",
            description: "Asks each service of AWS that the tools here use, and tells whether it \
                answers, refuses or fails, and how long it took. Use it when several tools fail.",
            effect: Effect::Reads,
            limit: Duration::from_secs(15),
            aliases: &[],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, _: Input, context: &'a Context) -> Result<Output, ToolError> {
        let Probes { sts, metrics, logs, prometheus } = &self.0;
        let began = Instant::now();
        let account = identity(sts, context).await?.account;
        let itself = probed(Service::STS, began, Ok(()));
        let region = sts.aws().region(context).await?.to_owned();
        let short = &context.within(LONGEST);
        let (metrics, logs, prometheus) = tokio::join!(
            probe(Service::CLOUDWATCH, async {
                let asked = json!({ "MaxRecords": 1 });
                metrics.json::<Value>("DescribeAlarms", &asked, short).await
            }),
            probe(Service::LOGS, async {
                let asked = json!({ "limit": 1 });
                logs.json::<Value>("DescribeLogGroups", &asked, short).await
            }),
            probe(Service::APS, prometheus.get("/workspaces", &[("maxResults", "1")], short)),
        );
        let services = vec![itself, metrics, logs, prometheus];
        let worst = services.iter().map(|service| service.state).max();
        Ok(Output { overall: worst.unwrap_or(State::Fails), account, region, services })
    }
}

async fn probe(service: Service, asked: impl Future<Output = Result<Value, ToolError>>) -> Probed {
    let began = Instant::now();
    let answered = asked.await;
    probed(service, began, answered.map(|_| ()))
}

fn probed(service: Service, began: Instant, answered: Result<(), ToolError>) -> Probed {
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (state, problem) = match answered {
        Ok(()) => (State::Answers, None),
        Err(error) if error.code() == Code::Denied => (State::Refuses, Some(error.to_string())),
        Err(error) => (State::Fails, Some(error.to_string())),
    };
    Probed { service: service.name, state, took_ms, problem }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let each = self.services.iter().map(|Probed { service, state, took_ms, problem }| {
            let problem = problem.as_deref().map(|said| format!(": {said}")).unwrap_or_default();
            format!("{service} {} ({took_ms} ms){problem}", state.word())
        });
        let lines: Vec<String> = each.collect();
        let Self { account, region, .. } = self;
        format!(
            "Account {account} in {region}: the worst service {}\n{}",
            self.overall.word(),
            lines.join("\n")
        )
    }
}

// === impl State ===

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Refuses => "refuses",
            Self::Fails => "fails",
        }
    }
}
