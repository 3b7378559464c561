//! Telemetry about telemetry, and the process that makes it.
//!
//! Enters: nothing. Leaves: the board. Never: a number that says nothing of whether the other
//! boards can be believed.

use toolgate_telemetry_catalog::query::{Query, Series, scrape};
use toolgate_telemetry_catalog::{Key, access, audit, process};

use super::{level, mean, quantile, rate};
use crate::{Board, Panel, Row, Shown};

pub(super) fn board() -> Board {
    Board {
        id: "telemetry",
        title: "Telemetry itself",
        description: "Whether the other boards can be believed: losses, series, scrapes; and the \
                      process.",
        variables: Vec::new(),
        rows: vec![
            Row { title: "Is anything lost?", panels: losses() },
            Row { title: "The audit log", panels: audit_log() },
            Row { title: "Traces", panels: traces() },
            Row { title: "The process", panels: process() },
        ],
    }
}

fn losses() -> Vec<Panel> {
    let items = || Series::of(&access::ITEMS);
    let made =
        Panel::stacked("Items", Shown::PerSecond, "Lines and the like, by what became of them.")
            .ask("", rate(items(), &[Key::Signal, Key::Outcome]));
    let dropped = items().is(Key::Outcome, "dropped");
    let dropped = Panel::lines("Dropped", Shown::PerSecond, "By why; 0 is what it should be.")
        .ask("", rate(dropped, &[Key::Signal, Key::Reason]))
        .limits(0.01, 1.0);
    let series = Panel::lines("Series", Shown::Count, "Label sets of histograms; folded ones.")
        .ask("active", level(Series::of(&access::SERIES_ACTIVE), &[]))
        .ask(
            "folded into _OTHER",
            Query::increase(Series::of(&access::SERIES_OVERFLOW), super::PANEL).sum(),
        );
    let up = Query::latest(&scrape::UP);
    let up = Panel::lines("Scrapes answered", Shown::Share, "Gateways that answer the scrape.")
        .ask("up", up.mean_by(&[]))
        .at_least(1.0)
        .wide(12);
    let rendering = quantile(0.95, Series::of(&access::SCRAPE_DURATION), &[]);
    let whole = Query::latest(&scrape::DURATION);
    let times = Panel::lines("Duration of a scrape", Shown::Seconds, "Rendered, and altogether.")
        .ask("rendering, p95", rendering)
        .ask("slowest scrape", whole.max_by(&[]))
        .limits(1.0, 5.0)
        .wide(12);
    vec![made, dropped, series, up, times]
}

fn audit_log() -> Vec<Panel> {
    let records = Panel::stacked("Audit records", Shown::PerSecond, "By what they are about.")
        .ask("", rate(Series::of(&audit::RECORDS), &[Key::Kind]));
    let lost =
        Panel::lines("Audit records lost", Shown::PerSecond, "By why; 0 is what it must be.")
            .ask("", rate(Series::of(&audit::LOST), &[Key::Reason]))
            .limits(0.01, 1.0);
    let sync =
        Panel::lines("Making records durable", Shown::Seconds, "Calls wait for it, by default.")
            .ask("p95", quantile(0.95, Series::of(&audit::SYNC_DURATION), &[]))
            .limits(0.025, 0.1);
    let size = Panel::lines("Audit log", Shown::Bytes, "The largest file, and what waits for it.")
        .ask("file", Query::latest(&audit::FILE_SIZE).max_by(&[]))
        .ask("waiting", Query::latest(&audit::QUEUE_SIZE).max_by(&[]))
        .wide(12);
    let last =
        Panel::lines("Last audit record", Shown::Count, "Its number, by gateway the highest.")
            .ask("number", Query::latest(&audit::LAST_SEQUENCE).max_by(&[]))
            .wide(12);
    vec![records, lost, sync, size, last]
}

fn traces() -> Vec<Panel> {
    let kept =
        Panel::stacked("Traces kept", Shown::PerSecond, "Calls whose spans are sent, by why.")
            .ask("", rate(Series::of(&access::TRACES_KEPT), &[Key::Reason]))
            .ask("failed, but too many at once", rate(Series::of(&access::TRACES_SKIPPED), &[]))
            .wide(6);
    let decided = rate(Series::of(&access::SAMPLING_DECISIONS), &[Key::Source, Key::Outcome]);
    let decided =
        Panel::lines("Sampling", Shown::PerSecond, "Decisions at the beginning of calls.")
            .ask("", decided)
            .wide(6);
    let rules = Panel::lines("X-Ray", Shown::PerSecond, "Rules asked for; documents trimmed.")
        .ask("", rate(Series::of(&access::RULE_REFRESHES), &[Key::Outcome]))
        .ask("documents trimmed", rate(Series::of(&access::TRIMMED), &[]))
        .wide(6);
    let by = [Key::Signal, Key::Outcome];
    let export = Panel::lines("Export, p95", Shown::Seconds, "Handing a batch to the backend.")
        .ask("", quantile(0.95, Series::of(&access::EXPORT_DURATION), &by))
        .limits(1.0, 5.0)
        .wide(6);
    let batches = Panel::lines("Items in a batch", Shown::Count, "On average.")
        .ask("", mean(Series::of(&access::BATCH_SIZE), &[Key::Signal]));
    let queue = Panel::lines("Queue", Shown::Count, "Items that wait, and how many may.")
        .ask("waiting", level(Series::of(&access::QUEUE_DEPTH), &[Key::Signal]))
        .ask("capacity", level(Series::of(&access::QUEUE_CAPACITY), &[Key::Signal]));
    let age = Query::Age(Series::of(&access::LAST_SUCCESS)).max_by(&[Key::Signal]);
    let age = Panel::lines("Since the last batch taken", Shown::Seconds, "By kind of telemetry.")
        .ask("", age)
        .limits(300.0, 900.0);
    vec![kept, decided, rules, export, batches, queue, age]
}

fn process() -> Vec<Panel> {
    let cpu = Panel::lines("Processors", Shown::Cores, "Processor time a second, all gateways.")
        .ask("used", rate(Series::of(&process::CPU), &[]));
    let memory = Panel::lines("Memory", Shown::Bytes, "Resident memory of the largest gateway.")
        .ask("resident", Query::latest(&process::RESIDENT_MEMORY).max_by(&[]));
    let space =
        Panel::lines("Address space", Shown::Bytes, "Virtual memory, and its limit; 0: none.")
            .ask("virtual", Query::latest(&process::VIRTUAL_MEMORY).max_by(&[]))
            .ask("limit", Query::latest(&process::VIRTUAL_MEMORY_MAX).min_by(&[]));
    let files = Panel::lines("Descriptors", Shown::Count, "Open files and sockets; the limit.")
        .ask("open", Query::latest(&process::OPEN_FDS).max_by(&[]))
        .ask("limit", Query::latest(&process::MAX_FDS).min_by(&[]));
    let threads = Panel::lines("Threads", Shown::Count, "Of the gateway with most.")
        .ask("threads", Query::latest(&process::THREADS).max_by(&[]));
    let age = Query::Age(Series::of(&process::START_TIME));
    let age = Panel::lines("Running for", Shown::Seconds, "The youngest and the oldest gateway.")
        .ask("youngest", age.clone().min_by(&[]))
        .ask("oldest", age.max_by(&[]));
    vec![cpu, memory, space, files, threads, age]
}
