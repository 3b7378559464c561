//! `events`: what has happened of late.
//!
//! Enters: a namespace, an object, a type. Leaves: a page of events, the newest of the page first.
//! Never: no events where the cluster has failed.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Api;
use super::get_pod::said;
use super::list_pods::{CORE, page, within};
use super::names;
use super::objects::{List, Meta};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct Events(pub(super) Arc<Api>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Only events of this namespace; without it, of all.
    #[schemars(length(min = 1, max = 63))]
    namespace: Option<String>,
    /// Only about objects of this kind, such as `Pod` or `Deployment`.
    #[schemars(length(min = 1, max = 63))]
    kind: Option<String>,
    /// Only about the object of this name.
    #[schemars(length(min = 1, max = 253))]
    name: Option<String>,
    /// Only events of this type.
    r#type: Option<Type>,
    /// How many at most.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 500))]
    limit: u32,
    /// Where to go on; `next` of the page before.
    #[schemars(length(min = 1, max = 4000))]
    next: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
enum Type {
    Normal,
    Warning,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The events of this page, newest first; pages themselves are in no order of time.
    events: Vec<Row>,
    /// How many are here.
    count: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// What to give as `next` for the next page; it is good for some minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Row {
    /// When it happened last.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// How often it happened.
    times: u32,
    r#type: String,
    reason: String,
    namespace: String,
    /// About what, as `kind/name`.
    about: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    metadata: Meta,
    involved_object: Involved,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    message: Option<String>,
    count: Option<u32>,
    last_timestamp: Option<String>,
    event_time: Option<String>,
    series: Option<Series>,
}

#[derive(Deserialize)]
struct Involved {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    count: Option<u32>,
    last_observed_time: Option<String>,
}

const fn hundred() -> u32 {
    100
}

impl Tool for Events {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "events",
            title: "Kubernetes events",
            description: "Lists events of a Kubernetes cluster, newest first: failed scheduling, image \
                pulls, probes, kills. Name a pod to learn why it is not well. Clusters keep them for \
                about an hour.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("continue", "next")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        names::some_label("namespace", input.namespace.as_deref())?;
        let selector = selector(&input)?;
        let limit = input.limit.to_string();
        let query = page(
            &limit,
            [
                ("fieldSelector", selector.as_deref()),
                ("continue", input.next.as_deref()),
                ("labelSelector", None),
            ],
        );
        let path = within(&CORE, input.namespace.as_deref(), "events");
        let told: List<Told> = self.0.get(&path, &query, context).await?;
        let next = told.next();
        let mut events: Vec<Row> = told.items.into_iter().map(Row::from).collect();
        events.sort_by(|one, other| other.at.cmp(&one.at));
        Ok(Output { count: events.len(), events, truncated: next.is_some(), next })
    }
}

/// The fields that are asked for; names are checked, so that none can add another field.
fn selector(input: &Input) -> Result<Option<String>, ToolError> {
    let mut fields = Vec::new();
    if let Some(kind) = &input.kind {
        if !kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ToolError::argument("kind", "must be a kind such as `Pod`"));
        }
        fields.push(format!("involvedObject.kind={kind}"));
    }
    if let Some(name) = &input.name {
        names::subdomain("name", name)?;
        fields.push(format!("involvedObject.name={name}"));
    }
    fields.extend(input.r#type.map(|kind| format!("type={kind:?}")));
    Ok(Some(fields.join(",")).filter(|fields| !fields.is_empty()))
}

impl From<Told> for Row {
    fn from(told: Told) -> Self {
        let series = told.series.unwrap_or(Series { count: None, last_observed_time: None });
        let at = series.last_observed_time.or(told.last_timestamp).or(told.event_time);
        Self {
            at: at.or(told.metadata.creation_timestamp),
            times: series.count.or(told.count).unwrap_or(1),
            r#type: told.r#type,
            reason: told.reason.unwrap_or_default(),
            namespace: told.metadata.namespace,
            about: format!("{}/{}", told.involved_object.kind, told.involved_object.name),
            message: said(&told.message.unwrap_or_default()),
        }
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there are more" } else { "" };
        let mut lines = vec![format!("{} events{more}", self.count)];
        lines.extend(self.events.iter().map(|event| {
            let at = event.at.as_deref().unwrap_or("?");
            let times = if event.times > 1 { format!(" ×{}", event.times) } else { String::new() };
            format!("{at} {}{times} {}: {}", event.reason, event.about, event.message)
        }));
        lines.join("\n")
    }
}
