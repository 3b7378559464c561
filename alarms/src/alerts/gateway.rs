//! The gateways themselves: gone, restarting, short of something, or losing telemetry.
//!
//! Enters: nothing. Leaves: alerts. Never: silence when nothing is left that could speak.

use toolgate_telemetry_catalog::query::{Over, Query, Series, Window, scrape};
use toolgate_telemetry_catalog::{Key, access, audit, gateway, process};

use super::{increase, rate};
use crate::alert::{Alert, Severity};
use crate::scene::{Scene, Values};

/// The part of telemetry that may be lost.
const LOST: f64 = 0.001;

pub(super) fn alerts() -> Vec<Alert> {
    vec![
        absent(),
        down(),
        restarting(),
        descriptors(),
        dropping(),
        audit_lost(),
        overflow(),
        slow_scrape(),
    ]
}

fn alert(id: &'static str, severity: Severity, query: Query) -> Alert {
    Alert::new(id, severity, query).look_at("telemetry")
}

fn version(at: u32, values: Values) -> Scene {
    Scene::new(at).with(&gateway::BUILD_INFO, &[(Key::Version, "0.1.0")], values)
}

fn absent() -> Alert {
    let query = Query::Absent(Series::of(&gateway::BUILD_INFO));
    Alert::new("GatewayAbsent", Severity::Page, query)
        .hold(3)
        .says("No gateway answers the scrape.")
        .fires(Scene::new(10).with(&scrape::UP, &[], Values::Steady(0.0)), &[])
        .silent(version(10, Values::Steady(1.0)))
}

fn down() -> Alert {
    let scene = |value| Scene::new(15).with(&scrape::UP, &[], Values::Steady(value));
    Alert::new("GatewayDown", Severity::Ticket, Query::latest(&scrape::UP).equals(0.0))
        .hold(5)
        .says("A gateway does not answer the scrape.")
        .fires(scene(0.0), &[])
        .silent(scene(1.0))
}

fn restarting() -> Alert {
    let starts = Series::of(&process::START_TIME);
    let query = Query::Over(Over::Changes, starts, Window::hours(1)).above(2.0);
    let scene = |values| Scene::new(65).with(&process::START_TIME, &[], values);
    alert("GatewayRestarting", Severity::Page, query)
        .says("A gateway has started three times within an hour.")
        .fires(scene(Values::Rising(60.0)), &[])
        .silent(scene(Values::Step(0.0, 30, 1800.0)))
}

fn descriptors() -> Alert {
    let share = Query::latest(&process::OPEN_FDS).per(Query::latest(&process::MAX_FDS));
    let scene = |open| {
        Scene::new(20).with(&process::OPEN_FDS, &[], Values::Steady(open)).with(
            &process::MAX_FDS,
            &[],
            Values::Steady(1024.0),
        )
    };
    alert("DescriptorsNearlyUsed", Severity::Ticket, share.above(0.8))
        .hold(10)
        .says("A gateway has nearly as many files and sockets open as it may.")
        .fires(scene(1000.0), &[])
        .silent(scene(500.0))
}

fn dropping() -> Alert {
    let items = || Series::of(&access::ITEMS);
    let by = [Key::Signal];
    let lost = rate(items().is(Key::Outcome, "dropped"), 10, &by).per(rate(items(), 10, &by));
    let log = (Key::Signal, access::ACCESS_LOG);
    let scene = |dropped| {
        let kept = [log, (Key::Outcome, "exported"), (Key::Reason, "ok")];
        let gone = [log, (Key::Outcome, "dropped"), (Key::Reason, "queue_full")];
        Scene::new(20).with(&access::ITEMS, &kept, Values::Rising(6000.0)).with(
            &access::ITEMS,
            &gone,
            Values::Rising(dropped),
        )
    };
    alert("TelemetryDropping", Severity::Ticket, lost.above(LOST))
        .hold(5)
        .says("More than 0.1 % of {signal} is lost.")
        .fires(scene(60.0), &[log])
        .silent(scene(1.0))
}

fn audit_lost() -> Alert {
    let why = [Key::Reason];
    let query = increase(Series::of(&audit::LOST), 10, &why).above(0.0);
    let full = [(Key::Reason, "disk_full")];
    let scene = |step| Scene::new(15).with(&audit::LOST, &full, Values::Rising(step));
    alert("AuditLost", Severity::Page, query)
        .says("The audit log loses records: {reason}.")
        .fires(scene(1.0), &full)
        .silent(scene(0.0))
}

fn overflow() -> Alert {
    let query = increase(Series::of(&access::SERIES_OVERFLOW), 15, &[]).above(0.0);
    let scene = |step| Scene::new(20).with(&access::SERIES_OVERFLOW, &[], Values::Rising(step));
    alert("SeriesOverflow", Severity::Ticket, query)
        .says("Tools are folded into _OTHER because the budget of series is used up.")
        .fires(scene(1.0), &[])
        .silent(scene(0.0))
}

fn slow_scrape() -> Alert {
    let scene = |took| Scene::new(20).with(&scrape::DURATION, &[], Values::Steady(took));
    alert("ScrapeTooSlow", Severity::Ticket, Query::latest(&scrape::DURATION).above(5.0))
        .hold(10)
        .says("A scrape of a gateway takes longer than 5 s.")
        .fires(scene(8.0), &[])
        .silent(scene(0.5))
}
