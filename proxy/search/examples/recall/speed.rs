//! What search costs.
//!
//! In: tools. Out: times (of many the least, the median, and what all but one in a hundred take), and
//! memory. Never: compares.

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use toolgate_search::{Embedder, Entry, Index, Limits, Model, Ranking};

use crate::set::Tool;

/// How many tools are searched.
const TOOLS: usize = 1000;

/// How often each thing is done.
const TIMES: usize = 1000;

/// Fifteen tokens, with the two that go around every text.
const QUESTION: &str = "why do users get bad gateway, which backends are down";

/// A question whose words many tools say.
const SHARED: &str = "list the alerts and events of a service with their state and name";

/// What the process has in memory, in kB: in all, and of files, which is where the model is.
#[derive(Clone, Copy, Debug)]
struct Memory {
    all: u64,
    files: u64,
}

/// How long something took, of [`TIMES`] times.
#[derive(Clone, Copy, Debug)]
struct Took {
    least: Duration,
    median: Duration,
    p99: Duration,
}

/// Measures and prints.
pub(crate) fn report(tools: &[Tool]) -> Result<()> {
    let model = Model::embedded()?;
    let embedder = Arc::new(Embedder::new(model, TOOLS));
    let limits = Limits::default();
    let (began, definitions) = (Instant::now(), u32::try_from(tools.len())?);
    let one = Index::build(Some(Arc::clone(&embedder)), limits, tools.iter().map(Tool::entry))?;
    println!("one tool embedded: {:?} (mean of {definitions})", began.elapsed() / definitions);
    drop(one);
    // The same definitions under other names: what was embedded is remembered.
    let copies = tools.iter().cycle().take(TOOLS).enumerate();
    let entries =
        copies.map(|(at, tool)| Entry { key: format!("{at}___{}", tool.name), ..tool.entry() });
    let began = Instant::now();
    let index = Index::build(Some(embedder), limits, entries)?;
    println!("{} tools indexed whose vectors are remembered: {:?}", index.len(), began.elapsed());
    for (kind, question) in [("a paraphrase", QUESTION), ("shared words", SHARED)] {
        println!("{kind}: {question}");
        let search = |ranking| {
            drop(black_box(index.search_by(black_box(question), 10, ranking, |_| 0.0)));
        };
        say("  embedded", times(|| drop(black_box(model.embed(black_box(question))))));
        say("  1,000 tools by words alone", times(|| search(Ranking::Words)));
        say("  one search over 1,000 tools, question and all", times(|| search(Ranking::Both)));
    }
    Ok(())
}

/// What the model costs that has made one vector, in memory that the process did not have before.
pub(crate) fn model() -> Result<()> {
    let (before, began) = (memory()?, Instant::now());
    let model = Model::embedded()?;
    let read = began.elapsed();
    drop(black_box(model.embed(QUESTION)));
    let after = memory()?;
    let files = after.files.saturating_sub(before.files);
    let own = after.all.saturating_sub(before.all).saturating_sub(files);
    println!("model ready in {read:?}; memory: {own} kB of its own, {files} kB of the binary\n");
    Ok(())
}

/// What the kernel says of this process.
fn memory() -> Result<Memory> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("no {name} in the status"))
    };
    Ok(Memory { all: field("VmRSS:")?, files: field("RssFile:")? })
}

fn times(what: impl Fn()) -> Took {
    let mut times = (0..TIMES).map(|_| {
        let began = Instant::now();
        what();
        began.elapsed()
    });
    let mut times = times.by_ref().collect::<Vec<_>>();
    times.sort_unstable();
    let at = |at: usize| times.get(at).copied().unwrap_or_default();
    Took { least: at(0), median: at(TIMES / 2), p99: at(TIMES * 99 / 100) }
}

fn say(what: &str, Took { least, median, p99 }: Took) {
    println!("{what}: {median:?} (median), {p99:?} (p99), {least:?} (least)");
}
