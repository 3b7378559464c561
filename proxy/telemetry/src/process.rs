//! What the operating system says of this process.
//!
//! Enters: nothing. Leaves: exposition text, read at the moment of the scrape. Never: a line for
//! a number that the system does not tell.

use std::fmt::Write;

use toolgate_telemetry_catalog::{Metric, process as family};

/// Adds the process families to an exposition. They are written here and not kept as handles,
/// because a counter handle holds whole numbers and processor time is a fraction of seconds.
pub(crate) fn render(text: &mut String) {
    let now = metrics_process::collector::collect();
    if let Some(seconds) = now.cpu_seconds_total {
        push(text, &family::CPU, seconds);
    }
    let gauges = [
        (&family::OPEN_FDS, now.open_fds),
        (&family::MAX_FDS, now.max_fds),
        (&family::VIRTUAL_MEMORY, now.virtual_memory_bytes),
        (&family::VIRTUAL_MEMORY_MAX, now.virtual_memory_max_bytes),
        (&family::RESIDENT_MEMORY, now.resident_memory_bytes),
        (&family::START_TIME, now.start_time_seconds),
        (&family::THREADS, now.threads),
    ];
    for (metric, value) in gauges {
        if let Some(value) = value {
            push(text, metric, value);
        }
    }
}

fn push(text: &mut String, metric: &Metric, value: impl std::fmt::Display) {
    let (name, kind, help) = (metric.name, metric.kind.as_str(), metric.help);
    let written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    debug_assert!(written.is_ok(), "a string takes any text");
}
