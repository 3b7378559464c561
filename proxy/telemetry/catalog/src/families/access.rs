//! Families by which telemetry watches itself.
//!
//! Enters: nothing. Leaves: constants. Never: a value.

use crate::words::Delivery;
use crate::{Key, Label, Metric, Published, Unit, buckets};

/// The access log, as a value of the `signal` label.
pub const ACCESS_LOG: &str = "access_log";

families! {
    /// Items of telemetry.
    ITEMS = Metric::counter(
        "toolgate_telemetry_items_total",
        "Items of telemetry by what became of them.",
    )
    .by(&[
        Label::of(Key::Signal, &[ACCESS_LOG]),
        Label::of(Key::Outcome, &["exported", "dropped"]),
        Label::of(Key::Reason, Delivery::TEXTS),
    ])
    .published(&[Published::count("TelemetryDropped", "Items of telemetry that were lost.")
        .only(&[(Key::Outcome, &["dropped"])])]);

    /// Histogram series.
    SERIES_ACTIVE = Metric::gauge(
        "toolgate_series_active",
        Unit::One,
        "Label sets of histograms that exist; each costs about twenty lines of exposition.",
    );

    /// Histogram series refused.
    SERIES_OVERFLOW = Metric::counter(
        "toolgate_series_overflow_total",
        "Label sets that were folded into _OTHER because the budget of series was used up.",
    );

    /// Rendering.
    SCRAPE_DURATION = Metric::histogram(
        "toolgate_scrape_render_duration_seconds",
        Unit::Seconds,
        buckets::OVERHEAD,
        "Duration of rendering the metrics for one scrape; a scrape shows those before it.",
    );
}
