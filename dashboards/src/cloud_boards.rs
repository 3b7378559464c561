//! The dashboards of CloudWatch.
//!
//! Enters: nothing. Leaves: the gateway's dashboard, and the article's with its three widgets
//! mended. Never: a question about something that is not published.
//!
//! The article's dashboard named no dimension that its metrics had, showed averages of counters and
//! of durations, and read a log group that does not exist. What it counted of the agent comes from
//! the agent; here is what the gateway knows of the same.

use serde_json::Value;
use toolgate_telemetry_catalog::query::{Query, Series, Window};
use toolgate_telemetry_catalog::{
    Key, MemoryEnd, Metric, SettingsRefresh, TokenFetch, access, agent, audit, fields, gateway,
    target,
};

use crate::boards::{FAILED, SYSTEM};
use crate::{CloudBoard, LogTable, Panel, Shown, Unfit, Widget};

const PANEL: Window = Window::Panel;

/// Where a dashboard of CloudWatch is for.
#[derive(Clone, Debug)]
pub struct Place {
    /// The region that holds the metrics.
    pub region: String,
    /// The log group that the access log goes to.
    pub log_group: String,
    /// What the names of the dashboards begin with; a hyphen follows.
    pub prefix: Option<String>,
}

// === impl Place ===

impl Default for Place {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            log_group: "/toolgate/access".to_owned(),
            prefix: None,
        }
    }
}

impl Place {
    /// What a dashboard is called there.
    #[must_use]
    pub fn name(&self, board: &CloudBoard) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}-{}", board.name),
            None => board.name.to_owned(),
        }
    }

    /// What stands on a dashboard that was made for this place under that name, and on no other,
    /// not even on a copy of it: by it they are found again.
    #[must_use]
    pub fn mark(&self, name: &str) -> String {
        let prefix = self.prefix.as_deref().unwrap_or("none");
        format!("Made by Toolgate as {name}, prefix {prefix}.")
    }

    /// Every dashboard, as `PutDashboard` takes them: name and body.
    ///
    /// # Errors
    /// The panel whose question makes no sense, or that CloudWatch cannot answer.
    pub fn dashboards(&self) -> Result<Vec<(String, Value)>, Unfit> {
        let boards = cloud_boards();
        boards.iter().map(|board| Ok((self.name(board), board.body(self)?))).collect()
    }
}

/// The dashboards of CloudWatch.
#[must_use]
pub fn cloud_boards() -> Vec<CloudBoard> {
    vec![
        CloudBoard { id: "toolgate", name: "Toolgate", widgets: overview() },
        CloudBoard { id: "devops-agent", name: "DevOpsAgent-Monitoring", widgets: article() },
    ]
}

fn article() -> Vec<Widget> {
    let counts = Panel::lines(
        "Agent Performance Overview: calls and errors",
        Shown::Count,
        "Calls of the agent's tools and other requests, and those that failed.",
    );
    let counts = counts.ask("RequestCount", requests()).ask("ErrorCount", failed(FAILED)).wide(12);
    let times = latency("Agent Performance Overview: response time").wide(12);
    let functions = Panel::lines(
        "Lambda Function Performance",
        Shown::Seconds,
        "95th percentile of attempts at each target.",
    );
    let functions = functions.ask("", target_time(0.95)).wide(24);
    let recent = LogTable {
        title: "Recent Agent Interactions",
        fields: &[
            fields::TS,
            fields::REQUEST_ID,
            fields::TRACE_ID,
            fields::TARGET,
            fields::TOOL,
            fields::DURATION_MS,
            fields::OUTCOME,
            fields::REASON,
        ],
        newest_by: fields::TS,
        most: 100,
    };
    let mut widgets = vec![
        Widget::Metrics(counts),
        Widget::Metrics(times),
        Widget::Log(recent),
        Widget::Metrics(functions),
    ];
    widgets.extend(turns().into_iter().map(Widget::Metrics));
    widgets
}

/// What the agent says of itself.
fn turns() -> Vec<Panel> {
    let count = |metric: &'static Metric| Query::increase(Series::of(metric), PANEL).sum();
    let ended = Series::of(&agent::INTERACTIONS);
    let failed = ended.clone().any(Key::Outcome, &["model_failed", "internal"]);
    let ended = Panel::lines("Agent: turns", Shown::Count, "Turns, failed ones, what they lacked.")
        .ask("turns", Query::increase(ended, PANEL).sum())
        .ask("failed", Query::increase(failed, PANEL).sum())
        .ask("done without something", count(&agent::DEGRADED));
    let own = Series::of(&agent::PHASE_DURATION).is(Key::Phase, "overhead").buckets();
    let took = Panel::lines("Agent: time", Shown::Seconds, "Of turns, until their first word.")
        .ask("p95", Query::quantile(0.95, &agent::INVOKE_DURATION, PANEL))
        .ask("first word, p95", Query::quantile(0.95, &agent::FIRST_WORD, PANEL))
        .ask("own time, p99", Query::Quantile(0.99, own, Vec::new(), PANEL));
    let tokens = Query::increase(Series::of(&agent::TOKENS), PANEL).sum_by(&[Key::TokenType]);
    let tokens = Panel::stacked("Agent: tokens", Shown::Count, "As the provider counts them.")
        .ask("", tokens);
    let errors = Series::of(&agent::MEMORY_OPERATIONS).any(Key::ErrorType, MemoryEnd::FAILED);
    let refused = Series::of(&agent::TOKEN_RENEWALS).any(Key::Outcome, TokenFetch::FAILED);
    let settings = Series::of(&agent::SETTINGS_REFRESHES);
    let settings = settings.any(Key::Outcome, SettingsRefresh::FAILED);
    let trouble = Panel::lines("Agent: memory and tokens", Shown::Count, "What went wrong.")
        .ask("memory failed", Query::increase(errors, PANEL).sum())
        .ask("not remembered", count(&agent::MEMORY_LOST))
        .ask("no token", Query::increase(refused, PANEL).sum())
        .ask("settings not read", Query::increase(settings, PANEL).sum());
    vec![ended, took, tokens, trouble]
}

fn overview() -> Vec<Widget> {
    let calls = Panel::lines("Calls", Shown::Count, "Calls, and whom failures count against.");
    let user = Query::increase(outcome(&["caller"]), PANEL).sum();
    let calls = calls
        .ask("all", requests())
        .ask("gateway, network or target failed", failed(SYSTEM))
        .ask("caller wrong", user)
        .ask("refused at a limit", Query::increase(Series::of(&gateway::SHED), PANEL).sum());
    let said_no = Series::of(&gateway::TOOL_CALLS).is(Key::Outcome, "tool");
    let said_no = Query::increase(said_no, PANEL).sum();
    let share = Panel::lines("Failed", Shown::Share, "Failed calls of all calls.")
        .ask("gateway, network or target", failed(SYSTEM).per(requests()))
        .ask("tools too", failed(FAILED).per(requests()))
        .ask("tools, of their calls", said_no.per(tool_calls(&[])))
        .limits(0.005, 0.05);
    let why = Series::of(&gateway::OPERATION_DURATION).count().named(Key::ErrorType);
    let why = Panel::stacked("Why calls failed", Shown::Count, "Failed calls by reason.")
        .ask("", Query::increase(why, PANEL).sum_by(&[Key::ErrorType]));
    let targets =
        Panel::lines("Time at each target", Shown::Seconds, "95th percentile of attempts.")
            .ask("", target_time(0.95));
    let own = Series::of(&gateway::OVERHEAD_DURATION).is(Key::Phase, "total").buckets();
    let own = Panel::lines("The gateway's own time", Shown::Seconds, "What it adds to a call.")
        .ask("p50", Query::Quantile(0.5, own.clone(), Vec::new(), PANEL))
        .ask("p99", Query::Quantile(0.99, own, Vec::new(), PANEL))
        .limits(0.01, 0.05);
    let tools = Panel::stacked("Calls of each tool", Shown::Count, "Calls of tools, by tool.")
        .ask("", tool_calls(&[Key::Tool]));
    let up =
        Panel::lines("Up", Shown::Count, "1 while all targets are up, and while a gateway runs.")
            .ask("all targets", Query::latest(&target::UP).min_by(&[]))
            .ask("a gateway", Query::latest(&gateway::BUILD_INFO).max_by(&[]))
            .at_least(1.0);
    let lost = Series::of(&access::ITEMS).is(Key::Outcome, "dropped");
    let lost =
        Panel::lines("Lost telemetry", Shown::Count, "Items of telemetry that were dropped.")
            .ask("dropped", Query::increase(lost, PANEL).sum())
            .ask("audit records", Query::increase(Series::of(&audit::LOST), PANEL).sum())
            .limits(1.0, 100.0);
    let panels = [calls, share, why, latency("Latency"), targets, own, tools, up, lost];
    panels.into_iter().map(Widget::Metrics).collect()
}

fn latency(title: &'static str) -> Panel {
    let at = |q| Query::quantile(q, &gateway::OPERATION_DURATION, PANEL);
    Panel::lines(title, Shown::Seconds, "Percentiles of calls as the caller sees them.")
        .ask("p50", at(0.5))
        .ask("p95", at(0.95))
        .ask("p99", at(0.99))
        .limits(5.0, 10.0)
}

fn requests() -> Query {
    Query::increase(Series::of(&gateway::REQUESTS), PANEL).sum()
}

fn tool_calls(by: &[Key]) -> Query {
    Query::increase(Series::of(&gateway::TOOL_CALLS), PANEL).sum_by(by)
}

fn failed(outcomes: &[&'static str]) -> Query {
    Query::increase(outcome(outcomes), PANEL).sum()
}

fn outcome(outcomes: &[&'static str]) -> Series {
    Series::of(&gateway::REQUESTS).any(Key::Outcome, outcomes)
}

fn target_time(q: f64) -> Query {
    let attempts = Series::of(&target::OPERATION_DURATION).buckets();
    Query::Quantile(q, attempts, vec![Key::Target], PANEL)
}
