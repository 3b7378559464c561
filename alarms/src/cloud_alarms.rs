//! The alarms of CloudWatch.
//!
//! Enters: the objectives, and questions that CloudWatch can answer. Leaves: alarms under the same
//! names as those of Prometheus, so that one runbook serves both. Never: a question about something
//! that is not published.
//!
//! An alarm of CloudWatch looks at one window; two windows make two alarms, and a composite that
//! tells. No alarm looks further back than a day, so the slowest burn is left to Prometheus.

use toolgate_telemetry_catalog::query::{Query, Series, Window};
use toolgate_telemetry_catalog::{Key, Slo, access, agent, audit, gateway, target};

use crate::Severity;
use crate::alerts::agent as asked;
use crate::alerts::calls::{MANY, SOME, enough, failing, refused};
use crate::objective::{Burn, FAST, FEW, OBJECTIVES, SLOW};

/// An alarm.
#[derive(Clone, Debug)]
pub struct CloudRule {
    /// The name of the alert that it is in Prometheus, without the prefix.
    pub id: &'static str,
    /// Which topic is told.
    pub severity: Severity,
    /// One sentence.
    pub summary: &'static str,
    /// It tells when all of any of these hold.
    pub any: Vec<Vec<CloudPart>>,
}

/// A window of an alarm.
#[derive(Clone, Debug)]
pub struct CloudPart {
    /// A comparison, with a guard or without.
    pub query: Query,
    /// In seconds.
    pub period: u32,
    /// In how many periods on end.
    pub times: u32,
    /// What it means when there is no data.
    pub missing: Missing,
}

/// What it means when there is no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing happened: that is fine.
    Fine,
    /// Nobody is there to speak: that is not.
    Alarming,
}

/// Every alarm of CloudWatch.
#[must_use]
pub fn cloud_rules() -> Vec<CloudRule> {
    vec![
        gateway_absent(),
        error_rate(),
        burning("AvailabilityBurnsFast", Slo::Availability, failing, enough),
        burning("ToolSuccessBurnsFast", Slo::ToolSuccess, unsuccessful, enough_tools),
        high_latency(),
        overhead(),
        target_down(),
        calls_shed(),
        telemetry_dropping(),
        audit_lost(),
        agent_turns_fail(),
        agent_turns_slow(),
        agent_memory_failing(),
        counted(
            ("AgentMemoryLost", Severity::Ticket),
            "Turns of the agent will not be remembered.",
            (asked::lost, Window::minutes(15)),
        ),
        counted(
            ("AgentTokenFailing", Severity::Page),
            "The agent gets no token for the gateway.",
            (asked::no_token, Window::minutes(15)),
        ),
        counted(
            ("AgentSettingsStale", Severity::Ticket),
            "The agent's settings cannot be read again.",
            (asked::stale, Window::minutes(30)),
        ),
    ]
}

// === impl CloudRule ===

impl CloudRule {
    fn one(id: &'static str, severity: Severity, summary: &'static str, part: CloudPart) -> Self {
        Self { id, severity, summary, any: vec![vec![part]] }
    }
}

// === impl CloudPart ===

impl CloudPart {
    /// Over one window, whose length the question has.
    fn over(query: Query, window: Window) -> Self {
        let period = window.seconds().unwrap_or(300);
        Self { query, period, times: 1, missing: Missing::Fine }
    }

    fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    fn alarming_when_missing(self) -> Self {
        Self { missing: Missing::Alarming, ..self }
    }
}

fn gateway_absent() -> CloudRule {
    let up = Query::latest(&gateway::BUILD_INFO).max_by(&[]).below(1.0);
    let part = CloudPart::over(up, Window::minutes(1)).times(3).alarming_when_missing();
    CloudRule::one("GatewayAbsent", Severity::Page, "No gateway publishes anything.", part)
}

fn error_rate() -> CloudRule {
    let (short, long) = (Window::minutes(5), Window::minutes(30));
    let part =
        |window, most| CloudPart::over(failing(window).above(most).and(enough(window)), window);
    CloudRule {
        id: "ErrorRate",
        severity: Severity::Page,
        summary: "More than 10 % of calls fail, or more than 1.5 % for half an hour.",
        any: vec![vec![part(short, MANY)], vec![part(long, SOME)]],
    }
}

fn burning(
    id: &'static str,
    slo: Slo,
    bad: fn(Window) -> Query,
    enough: fn(Window) -> Query,
) -> CloudRule {
    let objective = OBJECTIVES.iter().find(|objective| objective.slo == slo);
    let (budget, severity) =
        objective.map_or((1.0, Severity::Info), |found| (found.budget(), found.fast));
    let part = |window: Window, factor: f64| {
        let query = bad(window).above(factor * budget).and(enough(window));
        CloudPart::over(query, window)
    };
    let windows = |burn: &Burn| vec![part(burn.long, burn.factor), part(burn.short, burn.factor)];
    let summary = match slo {
        Slo::Availability => "So many calls fail that the month's budget is gone in days.",
        Slo::ToolSuccess => "Tools say no to a large part of their calls.",
        Slo::Latency => "Many calls take too long.",
        Slo::Overhead => "The gateway holds calls up.",
    };
    CloudRule { id, severity, summary, any: FAST.iter().map(windows).collect() }
}

fn unsuccessful(window: Window) -> Query {
    let calls = Series::of(&gateway::TOOL_CALLS);
    let bad = Query::increase(calls.clone().is(Key::Outcome, "tool"), window).sum();
    bad.per(Query::increase(calls, window).sum())
}

fn enough_tools(window: Window) -> Query {
    Query::increase(Series::of(&gateway::TOOL_CALLS), window).sum().above(FEW)
}

fn high_latency() -> CloudRule {
    let window = Window::minutes(5);
    let slow = Query::quantile(0.95, &gateway::OPERATION_DURATION, window).above(SLOW);
    let part = CloudPart::over(slow, window).times(2);
    CloudRule::one(
        "HighLatencyP95",
        Severity::Ticket,
        "1 of 20 calls takes longer than 60 s.",
        part,
    )
}

fn overhead() -> CloudRule {
    let window = Window::hours(1);
    let own = Series::of(&gateway::OVERHEAD_DURATION).is(Key::Phase, "total").buckets();
    let slow = Query::Quantile(0.999, own, Vec::new(), window).above(0.01);
    CloudRule::one(
        "OverheadBurnsSlowly",
        Severity::Ticket,
        "The gateway itself holds more than 1 of 1000 calls up for more than 10 ms.",
        CloudPart::over(slow, window).times(2),
    )
}

fn target_down() -> CloudRule {
    let down = Query::latest(&target::UP).min_by(&[]).below(1.0);
    let part = CloudPart::over(down, Window::minutes(1)).times(5);
    CloudRule::one("TargetDown", Severity::Ticket, "A target does not answer.", part)
}

fn calls_shed() -> CloudRule {
    let window = Window::minutes(10);
    let part = CloudPart::over(refused(window).above(0.01).and(enough(window)), window);
    let summary = "More than 1 % of calls are refused because a limit of concurrency is met.";
    CloudRule::one("CallsShed", Severity::Ticket, summary, part)
}

fn telemetry_dropping() -> CloudRule {
    let window = Window::minutes(5);
    let lost = Series::of(&access::ITEMS).is(Key::Outcome, "dropped");
    let part = CloudPart::over(Query::increase(lost, window).sum().above(0.0), window).times(2);
    CloudRule::one("TelemetryDropping", Severity::Ticket, "Telemetry is lost.", part)
}

fn audit_lost() -> CloudRule {
    let window = Window::minutes(5);
    let lost = Query::increase(Series::of(&audit::LOST), window).sum().above(0.0);
    let part = CloudPart::over(lost, window);
    CloudRule::one("AuditLost", Severity::Page, "The audit log loses records.", part)
}

/// A number of failures over one window.
fn counted(
    (id, severity): (&'static str, Severity),
    summary: &'static str,
    (question, window): (fn(Window) -> Query, Window),
) -> CloudRule {
    CloudRule::one(id, severity, summary, CloudPart::over(question(window), window))
}

fn agent_turns_fail() -> CloudRule {
    let (short, long) = (Window::minutes(15), Window::hours(1));
    let now = asked::failing(short).above(asked::MANY).and(asked::several(short));
    let lately = asked::failing(long).above(asked::SOME).and(asked::enough(long));
    CloudRule {
        id: "AgentTurnsFail",
        severity: Severity::Page,
        summary: "More than 25 % of the agent's turns fail, or more than 5 % for an hour.",
        any: vec![vec![CloudPart::over(now, short)], vec![CloudPart::over(lately, long)]],
    }
}

fn agent_turns_slow() -> CloudRule {
    let window = Window::minutes(30);
    let slow = Query::quantile(0.95, &agent::INVOKE_DURATION, window).above(asked::SLOW);
    let part = CloudPart::over(slow, window).times(2);
    let summary = "1 of 20 turns of the agent takes longer than 2 minutes, for an hour.";
    CloudRule::one("AgentTurnsSlow", Severity::Ticket, summary, part)
}

fn agent_memory_failing() -> CloudRule {
    let window = Window::minutes(30);
    let query = asked::forgetful(window).above(asked::FORGETFUL).and(asked::forgets(window));
    let summary = "The agent's memory does not answer for more than 20 % of turns.";
    let part = CloudPart::over(query, window);
    CloudRule::one("AgentMemoryFailing", Severity::Ticket, summary, part)
}
