//! The gateway in all four cells, with both shapes of answers and more and more targets.
//!
//! In: options. Out: what a call costs in each, as a ratio to the relay before the same stub, and
//! how long the list of all tools takes. The gateways of one shape run side by side and are measured
//! in turn. It judges no number; a wrong answer fails the run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::cli::{Era, Kind, Options};
use crate::drive::{self, Faults, Measured};
use crate::ground::{Ground, Subject, wait_listed};
use crate::mcp::Door;
use crate::report::{Row, print_cells};
use crate::toolgate::Setup;

/// How many targets a gateway has, and its name for files.
const COUNTS: [(usize, &str); 3] = [(1, "one"), (10, "ten"), (100, "hundred")];
/// Tools of each target.
const TOOLS: &str = "10";
const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];
/// The tool of the first target: the only one that every gateway has.
const FIRST: &str = "t0___echo";
/// How often the list is asked for.
const LISTS: usize = 200;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Cells {
    pub(crate) rows: Vec<Cell>,
    pub(crate) lists: Vec<List>,
    #[serde(flatten)]
    pub(crate) faults: Faults,
}

/// Calls by a client of one era to a target of one era.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) client: &'static str,
    pub(crate) target: &'static str,
    /// What the target answers with.
    pub(crate) shape: &'static str,
    pub(crate) targets: usize,
    #[serde(flatten)]
    pub(crate) row: Row,
    /// Beside the relay with a client of that era, before the same stub.
    pub(crate) cpu_to_relay: Option<f64>,
    pub(crate) p50_to_relay: f64,
}

/// How long the list of all tools takes.
#[derive(Debug, Serialize)]
pub(crate) struct List {
    pub(crate) client: &'static str,
    pub(crate) tools: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// A subject, with who calls it and what it has.
struct Place {
    subject: Subject,
    target: Era,
    targets: usize,
}

/// Runs the series; `false` when an answer was wrong.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let mut cells = Cells::default();
    for (shape, flags) in
        [("JSON", &["stub", "--tools", TOOLS][..]), ("SSE", &["stub", "--tools", TOOLS, "--sse"])]
    {
        one_shape(options, (shape, flags), &mut cells).await?;
    }
    print_cells(&cells, options.output)?;
    Ok(cells.faults.count == 0)
}

async fn one_shape(
    options: &Options,
    (shape, flags): (&'static str, &[&str]),
    cells: &mut Cells,
) -> Result<()> {
    let level = options.levels.iter().copied().max().unwrap_or(1);
    let ground = Ground::before(flags, Era::Modern, usize::from(level)).await?;
    let relay = ground.subject(Kind::Relay, options).await?;
    let mut places = Vec::new();
    for target in ERAS {
        for (targets, name) in COUNTS {
            let subject = gateway(&ground, options, (target, targets, name)).await?;
            places.push(Place { subject, target, targets });
        }
    }
    let length = Duration::from_secs(options.seconds);
    let mut relayed = ERAS.map(|_| Vec::new());
    let mut measured: Vec<[Vec<Measured>; 2]> = places.iter().map(|_| Default::default()).collect();
    for round in 0..options.rounds {
        // First in one round and last in the next: whoever always comes first finds the machine in
        // another state than the others do.
        let (first, last) = relayed.split_at_mut(if round % 2 == 0 { ERAS.len() } else { 0 });
        for (era, rounds) in ERAS.into_iter().zip(first) {
            rounds.push(drive::measure_as(&relay, era, level, length).await?);
        }
        for (place, by_era) in places.iter().zip(&mut measured) {
            for (era, rounds) in ERAS.into_iter().zip(by_era) {
                rounds.push(drive::measure_as(&place.subject, era, level, length).await?);
            }
        }
        for (era, rounds) in ERAS.into_iter().zip(last) {
            rounds.push(drive::measure_as(&relay, era, level, length).await?);
        }
    }
    let relayed = relayed.map(|rounds| Row::new("relay", level, rounds, &mut cells.faults));
    for (place, by_era) in places.iter().zip(measured) {
        for ((client, rounds), floor) in ERAS.into_iter().zip(by_era).zip(&relayed) {
            let row = Row::new("toolgate", level, rounds, &mut cells.faults);
            let (cpu_to_relay, p50_to_relay) = row.beside(floor);
            let (client, target) = (client.name(), place.target.name());
            let targets = place.targets;
            cells.rows.push(Cell {
                client,
                target,
                shape,
                targets,
                row,
                cpu_to_relay,
                p50_to_relay,
            });
        }
    }
    if let Some(last) = places.last().filter(|_| cells.lists.is_empty()) {
        for era in ERAS {
            cells.lists.push(list(&last.subject.door, era).await?);
        }
    }
    relay.stop().await?;
    for place in places {
        place.subject.stop().await?;
    }
    Ok(())
}

/// A gateway with so many targets of that era, all of them the stub.
async fn gateway(
    ground: &Ground,
    options: &Options,
    (era, targets, name): (Era, usize, &'static str),
) -> Result<Subject> {
    let start = Instant::now();
    let (stub, said) = (ground.stub, era.name());
    let one =
        |number| format!("  t{number}: {{ mcp: {{ url: \"http://{stub}/mcp\", era: {said} }} }}\n");
    let setup = Setup {
        name,
        access_log: ground.scratch.path().join(format!("{name}-{said}-access.log")),
        traces: String::new(),
        quiet: false,
        targets: (0..targets).map(one).collect(),
    };
    let mut started = setup.start(ground, options)?;
    let door = Door { tool: FIRST, ..started.door };
    wait_listed(name, &door, Some(&mut started.child)).await?;
    // All of them, so that no list is fetched while calls are measured.
    let (_, tools) = door.times_list(1).await?;
    ensure!(tools == targets * 10, "{tools} tools of {targets} targets");
    let ready = start.elapsed();
    let mut subject =
        Subject { kind: Kind::Toolgate, door, ready, idle_rss: None, child: Some(started.child) };
    subject.idle_rss = subject.rss()?;
    Ok(subject)
}

async fn list(door: &Door, era: Era) -> Result<List> {
    let door = Door { era, ..door.clone() };
    let (mut took, tools) = door.times_list(LISTS).await?;
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).map(Duration::as_secs_f64);
    let of = |share| at(share).map(|seconds| seconds * 1e3).context("no list");
    Ok(List { client: era.name(), tools, p50_ms: of(50)?, p99_ms: of(99)? })
}
