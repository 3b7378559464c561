//! The objectives, and how fast their budgets may burn.
//!
//! Enters: the families that measure them. Leaves: recording rules of bad shares over seven
//! windows, and two alerts each: over two windows at once, so that it is neither late nor long
//! (Google, "The Site Reliability Workbook", chapter 5). Never: the caller's own mistakes, on either
//! side of a share.

use std::collections::BTreeSet;

use toolgate_telemetry_catalog::query::{Query, Recording, Series, Window};
use toolgate_telemetry_catalog::{Key, Slo, gateway};

use crate::alert::{Alert, Severity};
use crate::alerts::TOOLS_CALL;
use crate::scene::{Scene, Values};

/// Fewer events than this say nothing of a share.
pub(crate) const FEW: f64 = 20.0;

/// What an objective promises.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    /// What it is about.
    pub slo: Slo,
    /// The share of events that must be good, over 30 days.
    pub good: f64,
    /// What to tell whom when the budget burns fast.
    pub fast: Severity,
}

/// How fast a budget burns, seen over a long window and a short one.
#[derive(Clone, Copy, Debug)]
pub struct Burn {
    /// How many times faster than it may.
    pub factor: f64,
    /// Long enough to be sure.
    pub long: Window,
    /// Short enough to end when the trouble does.
    pub short: Window,
}

/// Events of a scene.
#[derive(Clone, Copy)]
struct Flow {
    /// How many a minute.
    events: f64,
    /// The share of bad ones at first.
    before: f64,
    /// Until that minute.
    bend: u32,
    /// The share of bad ones from then on.
    after: f64,
}

/// Quicker than this, or it is too slow: a normal mix of tools of 4 and 30 seconds is not.
pub(crate) const SLOW: f64 = 60.0;
/// The gateway's own time of a call.
const OWN: f64 = 0.01;

/// Every objective.
pub const OBJECTIVES: &[Objective] = &[
    Objective { slo: Slo::Availability, good: 0.995, fast: Severity::Page },
    Objective { slo: Slo::ToolSuccess, good: 0.95, fast: Severity::Ticket },
    Objective { slo: Slo::Latency, good: 0.99, fast: Severity::Page },
    Objective { slo: Slo::Overhead, good: 0.999, fast: Severity::Ticket },
];

/// 2 % of the month's budget in an hour, 5 % in six.
pub(crate) const FAST: [Burn; 2] = [
    Burn { factor: 14.4, long: Window::hours(1), short: Window::minutes(5) },
    Burn { factor: 6.0, long: Window::hours(6), short: Window::minutes(30) },
];

/// 10 % of it in a day, or in three.
pub(crate) const SLOWLY: [Burn; 2] = [
    Burn { factor: 3.0, long: Window::days(1), short: Window::hours(2) },
    Burn { factor: 1.0, long: Window::days(3), short: Window::hours(6) },
];

/// Everything that is recorded, one list an objective.
#[must_use]
pub fn recordings() -> Vec<(Slo, Vec<Recording>)> {
    let burns = FAST.iter().chain(&SLOWLY).flat_map(|burn| [burn.short, burn.long]);
    let windows: BTreeSet<Window> = burns.collect();
    let all = OBJECTIVES.iter().map(|objective| {
        let recordings = windows.iter().map(|window| objective.recording(*window));
        (objective.slo, recordings.collect())
    });
    all.collect()
}

// === impl Objective ===

impl Objective {
    /// The two alerts of the objective. Where one pair of windows can speak without the other, it is
    /// made to.
    pub(crate) fn alerts(&self) -> [Alert; 2] {
        let (fast, slow) = (self.burning(&FAST), self.burning(&SLOWLY));
        let (fast_id, slow_id, fast_says, slow_says) = self.words();
        let budget = self.budget();
        let flow = |bad| Flow { events: 1000.0, before: bad, bend: 1, after: bad };
        // Six good hours, then one hour that burns 18 times too fast: three times over six hours.
        let sudden = Flow { before: 0.0, bend: 360, ..flow(18.0 * budget) };
        let lonely = Flow { events: 0.04, ..flow(1.0) };
        [
            Alert::new(fast_id, self.fast, fast)
                .guards(self.slo)
                .says(fast_says)
                .hold(2)
                .fires(self.scene(430, sudden), &[])
                .fires_also(self.scene(70, flow(10.0 * budget)))
                .silent(self.scene(70, flow(budget / 2.0)))
                .silent_also(self.scene(70, lonely)),
            Alert::new(slow_id, Severity::Ticket, slow)
                .guards(self.slo)
                .says(slow_says)
                .hold(15)
                .fires(self.scene(150, flow(3.5 * budget)), &[])
                .fires_also(self.scene(150, flow(2.0 * budget)))
                .silent(self.scene(150, flow(budget / 2.0)))
                .silent_also(self.scene(150, lonely)),
        ]
    }

    /// The share of bad events over a window, as it is recorded.
    pub(crate) fn recording(&self, window: Window) -> Recording {
        let name = format!("toolgate:{}:bad_ratio_{window}", self.slo.as_str());
        Recording { name, query: self.bad(window) }
    }

    /// The share of events that may be bad.
    pub(crate) fn budget(&self) -> f64 {
        1.0 - self.good
    }

    fn bad(&self, window: Window) -> Query {
        let all = Query::rate(self.events(), window).sum().above(0.0);
        match self.slo {
            Slo::Availability => {
                let bad = requests().any(Key::Outcome, &["gateway", "network", "target"]);
                Query::rate(bad, window).sum().per(all)
            }
            Slo::ToolSuccess => {
                let bad = Series::of(&gateway::TOOL_CALLS).is(Key::Outcome, "tool");
                Query::rate(bad, window).sum().per(all)
            }
            Slo::Latency => late(calls().up_to(SLOW), window, all),
            Slo::Overhead => late(own().up_to(OWN), window, all),
        }
    }

    /// What is counted; the caller's own mistakes are not.
    fn events(&self) -> Series {
        match self.slo {
            Slo::Availability => requests().not(Key::Outcome, &["caller"]),
            Slo::ToolSuccess => Series::of(&gateway::TOOL_CALLS).any(Key::Outcome, &["ok", "tool"]),
            Slo::Latency => calls().count(),
            Slo::Overhead => own().count(),
        }
    }

    fn burning(&self, burns: &[Burn; 2]) -> Query {
        let [first, second] = burns;
        self.burns(*first).or(self.burns(*second))
    }

    fn burns(&self, burn: Burn) -> Query {
        let most = burn.factor * self.budget();
        let over = |window| Query::Recorded(Box::new(self.recording(window))).above(most);
        let enough = Query::increase(self.events(), burn.long).sum().above(FEW);
        over(burn.long).and(over(burn.short)).and(enough)
    }

    const fn words(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self.slo {
            Slo::Availability => (
                "AvailabilityBurnsFast",
                "AvailabilityBurnsSlowly",
                "Gateway, network or targets make so many calls fail that the month's budget is gone in days.",
                "Gateway, network or targets make more calls fail than the month's budget allows.",
            ),
            Slo::ToolSuccess => (
                "ToolSuccessBurnsFast",
                "ToolSuccessBurnsSlowly",
                "Tools say no to a large part of their calls.",
                "Tools say no to more of their calls than they should.",
            ),
            Slo::Latency => (
                "LatencyBurnsFast",
                "LatencyBurnsSlowly",
                "Many calls of tools take longer than 60 s.",
                "More calls of tools take longer than 60 s than the month's budget allows.",
            ),
            Slo::Overhead => (
                "OverheadBurnsFast",
                "OverheadBurnsSlowly",
                "The gateway itself holds many calls up for more than 10 ms.",
                "The gateway itself holds calls up for more than 10 ms more often than it may.",
            ),
        }
    }

    fn scene(&self, minutes: u32, flow: Flow) -> Scene {
        let scene = Scene::new(minutes);
        let Flow { events, before, bend, after } = flow;
        let good = Values::Bent(events * (1.0 - before), bend, events * (1.0 - after));
        let bad = Values::Bent(events * before, bend, events * after);
        let all = Values::Rising(events);
        let shop = (Key::Target, "shop");
        match self.slo {
            Slo::Availability => {
                let request = |outcome| [TOOLS_CALL, shop, (Key::Outcome, outcome)];
                scene
                    .with(&gateway::REQUESTS, &request("ok"), good)
                    .with(&gateway::REQUESTS, &request("target"), bad)
                    // A flood of callers' mistakes neither burns the budget nor hides who does.
                    .with(&gateway::REQUESTS, &request("caller"), Values::Rising(9000.0))
            }
            Slo::ToolSuccess => {
                let call = |outcome| [shop, (Key::Tool, "search"), (Key::Outcome, outcome)];
                scene.with(&gateway::TOOL_CALLS, &call("ok"), good).with(
                    &gateway::TOOL_CALLS,
                    &call("tool"),
                    bad,
                )
            }
            Slo::Latency => {
                let labels = [TOOLS_CALL, shop, (Key::Tool, "search"), (Key::ErrorType, "")];
                scene.observed(&gateway::OPERATION_DURATION, &labels, all, &[(SLOW, good)])
            }
            Slo::Overhead => {
                let labels = [(Key::Phase, "total")];
                scene.observed(&gateway::OVERHEAD_DURATION, &labels, all, &[(OWN, good)])
            }
        }
    }
}

fn late(in_time: Series, window: Window, all: Query) -> Query {
    Query::Number(1.0).minus(Query::rate(in_time, window).sum().per(all))
}

fn requests() -> Series {
    Series::of(&gateway::REQUESTS)
}

fn calls() -> Series {
    Series::of(&gateway::OPERATION_DURATION).is(TOOLS_CALL.0, TOOLS_CALL.1)
}

fn own() -> Series {
    Series::of(&gateway::OVERHEAD_DURATION).is(Key::Phase, "total")
}
