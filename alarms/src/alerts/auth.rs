//! Tokens that are turned away, and keys and certificates that get old.
//!
//! Enters: nothing. Leaves: alerts, one for each issuer concerned. Never: a subject or a client.

use toolgate_telemetry_catalog::query::{Over, Query, Series, Window};
use toolgate_telemetry_catalog::{Key, auth, gateway};

use super::increase;
use crate::alert::{Alert, Severity};
use crate::objective::FEW;
use crate::scene::{Scene, Values};

const BY: &[Key] = &[Key::Issuer];
const ISSUER: (Key, &str) = (Key::Issuer, "corporate");
/// Twice the 600 s after which keys are loaded anew.
const STALE: f64 = 1200.0;
/// How long before its end a certificate should have been renewed.
const RENEWED: f64 = 7.0 * DAY;
const DAY: f64 = 86_400.0;
/// The part of requests that may be turned away, and how much of today's it was yesterday.
const DENIED: f64 = 0.2;
const NOT_NEW: f64 = 1.0 / 3.0;

pub(super) fn alerts() -> Vec<Alert> {
    vec![stale(), failing(), denied(), unknown_keys(), ends(), ended()]
}

fn alert(id: &'static str, severity: Severity, query: Query) -> Alert {
    Alert::new(id, severity, query).look_at("auth")
}

fn stale() -> Alert {
    let age = Query::Age(Series::of(&auth::JWKS_LAST_SUCCESS)).max_by(BY);
    let loaded = |values| Scene::new(40).with(&auth::JWKS_LAST_SUCCESS, &[ISSUER], values);
    alert("JwksStale", Severity::Page, age.above(STALE))
        .hold(5)
        .says("The keys of {issuer} have not been loaded for 20 minutes; new ones are refused.")
        .fires(loaded(Values::Steady(0.0)), &[ISSUER])
        // Loaded every minute.
        .silent(loaded(Values::Rising(60.0)))
}

fn failing() -> Alert {
    let good = Series::of(&auth::JWKS_REFRESH).not(Key::Outcome, &["ok"]);
    let scene = |outcome| {
        let labels = [ISSUER, (Key::Outcome, outcome), (Key::Reason, "scheduled")];
        Scene::new(30).with(&auth::JWKS_REFRESH, &labels, Values::Rising(1.0))
    };
    alert("JwksRefreshFailing", Severity::Ticket, increase(good, 15, BY).above(2.0))
        .hold(5)
        .says("The keys of {issuer} cannot be loaded; those known are still in use.")
        .fires(scene("timeout"), &[ISSUER])
        .silent(scene("ok"))
}

fn denied() -> Alert {
    let (window, day) = (Window::minutes(15), Window::days(1));
    let sum = |series: Series| Query::rate(series, window).sum_by(BY);
    let all = || Series::of(&auth::REQUESTS);
    let bad = || all().is(Key::Outcome, "denied");
    let share = || sum(bad()).per(sum(all()));
    let yesterday = sum(bad().ago(day)).per(sum(all().ago(day)));
    let enough = increase(all(), 15, BY).above(FEW);
    let usual = yesterday.per(share()).above(NOT_NEW);
    let query = share().above(DENIED).and(enough).unless_on(BY, usual);
    let labels = |outcome, reason| [ISSUER, (Key::Outcome, outcome), (Key::Reason, reason)];
    let minutes = 24 * 60;
    let scene = |denied| {
        Scene::new(minutes + 60)
            .with(&auth::REQUESTS, &labels("ok", "ok"), Values::Rising(10.0))
            .with(&auth::REQUESTS, &labels("denied", "expired"), denied)
    };
    alert("AuthDenySpike", Severity::Ticket, query)
        .hold(5)
        .says("Many more requests with tokens of {issuer} are turned away than yesterday.")
        .fires(scene(Values::Bent(0.1, minutes, 10.0)), &[ISSUER])
        // As bad as every day.
        .silent(scene(Values::Rising(10.0)))
}

fn unknown_keys() -> Alert {
    let unknown = Series::of(&auth::REQUESTS).is(Key::Reason, "unknown_kid");
    let scene = |step| {
        let labels = [ISSUER, (Key::Outcome, "denied"), (Key::Reason, "unknown_kid")];
        Scene::new(30).with(&auth::REQUESTS, &labels, Values::Rising(step))
    };
    alert("UnknownKidStorm", Severity::Ticket, increase(unknown, 15, BY).above(50.0))
        .hold(5)
        .says("Many tokens name a key that {issuer} does not have.")
        .fires(scene(10.0), &[ISSUER])
        .silent(scene(1.0))
}

/// A scene of a certificate that ends then, or is renewed again and again.
fn certificate(minutes: u32, ends: Values) -> Scene {
    Scene::new(minutes).with(&gateway::TLS_NOT_AFTER, &[SERVER], ends)
}

const SERVER: (Key, &str) = (Key::Kind, "server");

fn ends() -> Alert {
    let series = || Series::of(&gateway::TLS_NOT_AFTER);
    // What lives for hours only is renewed every day.
    let left_alone = Query::Over(Over::Changes, series(), Window::days(1)).equals(0.0);
    alert("CertificateEnds", Severity::Ticket, Query::Age(series()).above(-RENEWED).and(left_alone))
        .hold(60)
        .says("A certificate ({kind}) ends within a week, and was not renewed today.")
        .fires(certificate(120, Values::Steady(3.0 * DAY)), &[SERVER])
        .silent(certificate(120, Values::Steady(30.0 * DAY)))
        .silent_also(certificate(120, Values::Rising(60.0)))
}

fn ended() -> Alert {
    let ended = Query::Age(Series::of(&gateway::TLS_NOT_AFTER)).above(0.0);
    alert("CertificateEnded", Severity::Page, ended)
        .hold(1)
        .says("A certificate ({kind}) has ended: callers cannot connect.")
        .fires(certificate(120, Values::Steady(3600.0)), &[SERVER])
        .silent(certificate(120, Values::Steady(DAY)))
}
